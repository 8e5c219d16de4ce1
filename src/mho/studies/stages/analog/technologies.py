"""Stage "technologies": one perceptron on every technology, trained plainly and for hardware, and a month later."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from mho.core.quantities import engineering
from mho.devices import parameters
from mho.devices.device import AbstractProgrammed
from mho.networks.bill import bill, totals
from mho.networks.inference import accuracy
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series, Table
from mho.studies.stages.analog.subjects import AWARE, CALIBRATION, NAMES, PLAIN, in_software, ready, task, tile, trained

_KIND = "perceptron"
_COLUMNS = (
    "technology", "written by", "weight error", "plain", "for hardware", "a month on", "compensated",
    "given up", "energy",
)  # fmt: skip


def work(context: Context) -> Outcome:
    """Program every technology several times with both networks; let the better one age."""
    data, rows, lost = task(context), [], {PLAIN: [], AWARE: []}
    spread: dict[str, list[tuple[float, float]]] = {PLAIN: [], AWARE: []}
    names = context.study.technologies
    for k, name in enumerate(names):
        context.progress(k / len(names), name)
        found = _one(context, name, data)
        rows.append(found["row"])
        for how in (PLAIN, AWARE):
            lost[how].append(found["exact"] - float(np.mean(found[how])))
            spread[how].append((float(np.min(found[how])), float(np.max(found[how]))))
    sets = [parameters(name) for name in names]
    series = Series(
        Axis("technology", "", names),
        [Curve(NAMES[how], "1", [round(100 * x, 6) for x in lost[how]]) for how in (PLAIN, AWARE)],
        "accuracy lost [%]",
        kind="bars",
        caption=f"Accuracy that the perceptron loses on a chip right after programming, mean of "
        f"{context.study.programmings} chips, against {100 * in_software(context, _KIND):.1f} % of the plainly trained "
        "one in software. Below zero, training for hardware has found a better network.",
    )
    table = Table(
        _COLUMNS, rows,
        "The perceptron on every technology; shares in per cent. Cells are written by published statistics, or by "
        "verified pulses of the set's own operation to within 2 % of the window; cells that this gives up, of all "
        "chips, are counted. Weight error: root mean square over the largest weight. Then the accuracy of both "
        "networks right after programming, and of the one trained for hardware a month on, without and with one gain a "
        "matrix corrected. A dash: no law of drift or retention is on record. Energy of one inference.",
    )  # fmt: skip
    return Outcome(
        series={"analog.technologies": series},
        tables={"analog.compared": table},
        sources=provenance.sources(*sets),
        handover={"lost": lost, "range": spread},
    )


def _one(context: Context, name: str, data: Any) -> dict[str, Any]:
    study, found = context.study, parameters(name)
    design = tile(context, found)
    key = jax.random.key(context.seed(f"chips of {name}"))
    right: dict[str, Any] = {PLAIN: [], AWARE: [], "late": [], "compensated": []}
    errors, failed, energy = [], 0, float("nan")
    for how in (PLAIN, AWARE):
        network = trained(context, _KIND, how)
        for k in range(study.programmings):
            own = jax.random.fold_in(key, k)  # the same cells for both networks
            chip = ready(network, design, data, own)
            right[how].append(accuracy(chip(data.test_images, key=own), data.test_labels))
            if how == PLAIN:
                continue
            errors.append([r["error"] for r in chip.report()])
            failed += sum(r["failed"] for r in chip.report())
            if k == 0:
                energy = totals(bill(chip, data.test_images[:CALIBRATION], key=own, node=study.node)).total
            late = chip.remember(data.images[:CALIBRATION], key=own).advance(study.months, key=own)
            right["late"].append(accuracy(late(data.test_images, key=own), data.test_labels))
            better = late.compensate("global", key=own)
            right["compensated"].append(accuracy(better(data.test_images, key=own), data.test_labels))
    means = {how: 100 * float(np.mean(values)) for how, values in right.items()}
    exact = in_software(context, _KIND)
    moves = _moves(design)
    row = [
        name, "statistics" if isinstance(design.device, AbstractProgrammed) else "pulses",
        100 * float(np.sqrt(np.mean(np.square(errors)))), means[PLAIN], means[AWARE],
        means["late"] if moves else None, means["compensated"] if moves else None, failed, engineering(energy, "J", 3),
    ]  # fmt: skip
    return {**right, "exact": exact, "row": row}


def _moves(design: Any) -> bool:
    """Whether time alone changes the device's conductance."""
    device = design.device
    state = device.rest()
    low, high = (float(np.mean(np.asarray(g))) for g in device.window())
    if isinstance(device, AbstractProgrammed):
        state = device.program(np.float32(0.5 * (low + high)), key=jax.random.key(0))
    later = device.relax(state, 2.6e6)
    a, b = (float(np.mean(np.asarray(device.conductance(s)))) for s in (state, later))
    return abs(a - b) > 1e-6 * (high - low)
