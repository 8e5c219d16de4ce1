"""Stage "costs": the bill of an inference, matrix by matrix, beside digital hardware of the same node."""

from __future__ import annotations

from typing import Any

import jax

from mho.core.quantities import engineering
from mho.metrics.inference import bill_kpis
from mho.metrics.kpi import KPI, provenance_of
from mho.networks.bill import Line, bill, totals
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series, Table
from mho.studies.stages.analog.subjects import AWARE, CALIBRATION, conditions, device, ready, task, tile, trained

_PARTS = {
    "array": "cells",
    "drivers": "row wires",
    "dac": "DACs",
    "adc": "converters",
    "digital": "sums and scales",
    "communication": "moving numbers",
}
_ASSUMED = {
    "source": "mho",
    "where": "mho.crossbars.costs_at: survey of converters, Horowitz's energies, linear in the node",
    "how": "assumed",
}


def work(context: Context) -> Outcome:
    """Bill the network that is trained for hardware, on one chip, over some test digits."""
    study, found, data = context.study, device(context), task(context)
    key = jax.random.key(context.seed("billed chip"))
    chip = ready(trained(context, study.network, AWARE), tile(context, found), data, key)
    context.progress(0.6, "the bill")
    lines = bill(chip, data.test_images[:CALIBRATION], key=key, node=study.node)
    placement = chip.placement()
    about: dict[str, Any] = {
        "provenance": [*provenance_of(found), _ASSUMED],
        "conditions": conditions(context, node=engineering(study.node, "m")),
    }
    used = KPI(
        "network.utilisation",
        placement.utilisation,
        "1",
        "cells that hold weights, references, checks and spares over the cells of the arrays in use",
        n=placement.used_arrays,
        boundary=f"{placement.used_arrays} arrays of {placement.rows} x {placement.columns}",
        conditions=conditions(context),
    )
    return Outcome(
        kpis=[*bill_kpis(lines, **about), used],
        series={"analog.energy": _energy(lines), "analog.baselines": _baselines(lines, study.node)},
        tables={"analog.bill": _bill(lines), "analog.digital": _digital(lines)},
        sources=provenance.sources(found),
    )


def _energy(lines: list[Line]) -> Series:
    named = [*lines, totals(lines)]
    names = [f"{one.name} ({one.kind})" if one.name != "all" else "all" for one in named]
    return Series(
        Axis("matrix", "", names),
        [Curve(text, "J", [one.energy[part] for one in named]) for part, text in _PARTS.items()],
        "energy of one inference",
        kind="stacked_bars",
        caption="Energy of one inference in the tiles, by matrix and part.",
    )


def _baselines(lines: list[Line], node: float) -> Series:
    whole = totals(lines)
    found = {"analog tiles": whole.total, **{f"digital, {name}": e for name, e in whole.digital.items()}}
    return Series(
        Axis("hardware", "", list(found)), [Curve("one inference", "J", list(found.values()))],
        "energy of one inference", kind="bars",
        caption=f"The same products in digital hardware: 8-bit multipliers at {engineering(node, 'm')} that read each "
        "weight from SRAM for every vector, or once an inference; and digital weights multiplied in an SRAM, at the "
        "40 TOPS/W that the IMAGINE macro states for its system.",
    )  # fmt: skip


def _bill(lines: list[Line]) -> Table:
    rows = []
    for one in [*lines, totals(lines)]:
        area = f"{1e12 * sum(one.area.values()):,.0f} um^2"
        rows.append(
            [one.name, f"{one.vectors:,.0f}", f"{one.operations:,.0f}", engineering(one.total, "J", 3),
             1e15 * one.per_operation, 1e-12 / one.per_operation, engineering(one.latency, "s", 3), area]
        )  # fmt: skip
    return Table(
        ("matrix", "products", "operations", "energy", "fJ an operation", "TOPS/W", "time", "area"),
        rows,
        "One inference. Two operations a weight and product; products of a matrix one after the other; energies and "
        "areas of the tiles alone. TOPS/W is 1000 over fJ an operation.",
    )


def _digital(lines: list[Line]) -> Table:
    kinds = list(lines[0].digital)
    rows = [
        [one.name, engineering(one.total, "J", 3), *(engineering(one.digital[k], "J", 3) for k in kinds),
         *(one.digital[k] / one.total for k in kinds)]
        for one in [*lines, totals(lines)]
    ]  # fmt: skip
    return Table(
        ("matrix", "analog", *kinds, *(f"{k}, over analog" for k in kinds)),
        rows,
        "The same products in digital hardware of the same node.",
    )
