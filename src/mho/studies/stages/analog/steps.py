"""Stage "steps": from exact weights to the real tile, each imperfection alone and then one added to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.core.quantities import engineering
from mho.crossbars import TECHNOLOGIES, Quantiser, Stated, Tile, wires_at
from mho.devices.statistics import NonlinearArray
from mho.metrics.kpi import KPI
from mho.networks import AnalogNetwork
from mho.networks.inference import accuracy, exactly
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series, Table
from mho.studies.stages.analog.subjects import (
    CALIBRATION,
    NAMES,
    PLAIN,
    conditions,
    device,
    in_software,
    ready,
    task,
    tile,
    trained,
)

_FINE = 16  # bits of converters that do not count
Ending = Callable[[AnalogNetwork, jax.Array], AnalogNetwork]


def _as_it_is(chip: AnalogNetwork, key: jax.Array) -> AnalogNetwork:
    return chip


def work(context: Context) -> Outcome:
    """The plainly trained network, which hides nothing, on tiles that have more and more of what is real."""
    study, found, data = context.study, device(context), task(context)
    real = tile(context, found)
    low, high = real.usable
    exact = _exact(real, low, high)
    wires, faults = wires_at(_node(study.node)), (study.faults, study.faults)
    month = study.months

    def aged(chip: AnalogNetwork, key: jax.Array) -> AnalogNetwork:
        return chip.advance(month, key=key)

    def cared(chip: AnalogNetwork, key: jax.Array) -> AnalogNetwork:
        return chip.remember(data.images[:CALIBRATION], key=key).advance(month, key=key).compensate("global", key=key)

    names = {
        "converters": f"drivers and converters ({study.input_bits} and {study.output_bits} b)",
        "programming": "programming errors",
        "reads": "read noise",
        "wires": f"wires ({engineering(study.node, 'm')} node)",
        "faults": f"stuck cells ({200 * study.faults:.2g} %)",
        "drift": f"{month / 86_400:.3g} days of drift",
        "compensation": "the same, compensated",
    }
    alone: dict[str, tuple[Tile, Ending, bool, bool]] = {  # tile, what happens then, read noise, coarse converters
        "converters": (exact, _as_it_is, False, True),
        "programming": (real, _as_it_is, False, False),
        "reads": (real, _as_it_is, True, False),
        "wires": (replace(exact, wires=wires), _as_it_is, False, False),
        "faults": (replace(exact, faults=faults), _as_it_is, False, False),
        "drift": (real, aged, False, False),
        "compensation": (real, cared, False, False),
    }
    wired = replace(real, wires=wires) if "wires" in study.imperfections else real
    full = replace(wired, faults=faults) if "faults" in study.imperfections else wired
    added: dict[str, tuple[Tile, Ending, bool, bool]] = {
        "converters": (exact, _as_it_is, False, True),
        "programming": (real, _as_it_is, False, True),
        "reads": (real, _as_it_is, True, True),
        "wires": (wired, _as_it_is, True, True),
        "faults": (full, _as_it_is, True, True),
        "drift": (full, aged, True, True),
        "compensation": (full, cared, True, True),
    }
    names = {name: text for name, text in names.items() if name in study.imperfections}
    network = trained(context, study.network, PLAIN)
    wanted = np.asarray(exactly(network, data.test_images))
    key = jax.random.key(context.seed("steps"))
    rights: dict[str, dict[str, list[float]]] = {"alone": {}, "added": {}}
    errors: dict[str, dict[str, list[float]]] = {"alone": {}, "added": {}}
    chips: dict[Any, AnalogNetwork] = {}
    total, done = 2 * len(names), 0
    for group, cases in (("alone", alone), ("added", added)):
        for name, (design, ending, noisy, coarse) in ((n, c) for n, c in cases.items() if n in names):
            context.progress(done / total, names[name])
            done += 1
            for k in range(study.programmings):
                own = jax.random.fold_in(key, k)
                if (id(design), k) not in chips:
                    chips[id(design), k] = ready(network, design, data, own)
                chip = _finished(ending(chips[id(design), k], own), noisy=noisy, coarse=coarse)
                y = np.asarray(chip(data.test_images, key=own))
                rights[group].setdefault(name, []).append(accuracy(y, data.test_labels))
                errors[group].setdefault(name, []).append(float(np.linalg.norm(y - wanted) / np.linalg.norm(wanted)))
    return _outcome(context, names, rights, errors)


def _exact(real: Tile, low: float, high: float) -> Tile:
    """The tile with cells that hold what they are told and read without noise."""
    return replace(real, device=NonlinearArray(low, high, 0.0), programming=Stated(), spreads=())


def _node(node: float) -> int:
    """The tabulated node nearest to one [nm]."""
    return min(TECHNOLOGIES, key=lambda n: abs(np.log(n * 1e-9 / node)))


def _finished(chip: AnalogNetwork, *, noisy: bool, coarse: bool) -> AnalogNetwork:
    """The chip without read noise, or with fine converters and drivers, where these do not count."""
    for name in chip.chip.matrices:

        def product(n: Any, name: str = name) -> Any:
            return n.chip.matrices[name].product

        if not noisy and product(chip).response.variance is not None:
            chip = eqx.tree_at(
                lambda n, p=product: p(n).response.variance, chip, np.zeros_like(product(chip).response.variance)
            )
        if not coarse:
            fine = type(product(chip).drive)(_FINE, product(chip).drive.v_read)
            chip = eqx.tree_at(lambda n, p=product: (p(n).adc, p(n).drive), chip, (Quantiser(_FINE), fine))
    return chip


def _outcome(context: Context, names: dict[str, str], rights: Any, errors: Any) -> Outcome:
    study = context.study
    soft = in_software(context, study.network)
    lost = {g: [round(100 * (soft - float(np.mean(rights[g][n]))), 6) for n in names] for g in rights}
    series = Series(
        Axis("imperfection", "", list(names.values())),
        [Curve("by itself", "1", lost["alone"]), Curve("added to those above", "1", lost["added"])],
        "accuracy lost [%]",
        kind="bars",
        caption=f"What each imperfection takes from {100 * soft:.1f} %: the {study.network} network {NAMES[PLAIN]}, on "
        f"{study.programmings} chips of {study.device}. Read noise and drift by themselves include programming errors, "
        "without which there is no array to read.",
    )
    rows = [
        [text, *(100 * float(np.mean(errors[g][n])) for g in ("alone", "added")),
         *(100 * float(np.mean(rights[g][n])) for g in ("alone", "added"))]
        for n, text in names.items()
    ]  # fmt: skip
    table = Table(
        ("imperfection", "error, by itself", "error, added", "accuracy, by itself", "accuracy, added"),
        rows,
        "In per cent. Error: norm of what the outputs differ by from those in software, over the norm of these.",
    )
    worst = max(names, key=lambda n: float(np.mean(errors["alone"][n])) if n != "compensation" else 0.0)
    kpi = KPI(
        "network.error_by_cause",
        [float(np.mean(errors["alone"][n])) for n in names],
        "1",
        "norm of the error of the outputs over their norm, each imperfection by itself: " + ", ".join(names.values()),
        n=study.programmings,
        boundary="weights on the chip, everything between matrices exact",
        conditions=conditions(context, training=NAMES[PLAIN]),
        note=f"the largest is that of {names[worst]}",
    )
    return Outcome(
        kpis=[kpi],
        series={"analog.steps": series},
        tables={"analog.step_errors": table},
        sources=provenance.sources(device(context)),
    )
