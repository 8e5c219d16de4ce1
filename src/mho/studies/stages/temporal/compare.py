"""Stage "compare": every task with every kind of synapse, the same network, trials and training."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI, provenance_of
from mho.metrics.learning import within_one
from mho.networks.spiking import Bill
from mho.networks.spiking.contest import CONTESTS, Played
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series, Table
from mho.studies.stages.temporal.subjects import (
    DEVICE,
    NAMES,
    STATIC,
    Interval,
    conditions,
    found,
    kept,
    kinds,
    tried,
)

_NUMBERS = ("g_volatile", "efficacy", "v_ref", "t_ref", "weights", "tau", "sigma_cycle", "sigma_read", "c_gate")


def work(context: Context) -> Outcome:
    """Train and test: each kind on all tasks, so that tasks share its programs; two kinds side by side."""
    study, each = context.study, kinds(context)
    tasks = tuple(dict.fromkeys((*study.tasks, study.detailed, *study.tuned)))
    done = 0

    def through(kind: str) -> dict[str, tuple[Played, Bill]]:
        nonlocal done
        kept = {}
        for task in tasks:
            context.progress(done / (len(tasks) * len(each)), f"{task}, {NAMES[kind]}")
            kept[task] = tried(context, task, kind)
            done += 1
        return kept

    with ThreadPoolExecutor(2, thread_name_prefix="kind") as pool:  # devices take longest: they go first
        order = sorted(each, key=lambda kind: kind != DEVICE)
        found_by = dict(zip(order, pool.map(through, order), strict=True))
    right = {t: {k: found_by[k][t][0].accuracy for k in each} for t in tasks}
    bills = {t: {k: found_by[k][t][1] for k in each} for t in tasks}
    detailed = {k: found_by[k][study.detailed][0] for k in each}
    losses = {k: np.mean(played.losses, axis=0) for k, played in detailed.items()}
    parameters = detailed[DEVICE].parameters
    spans = {task: {kind: Interval.of(values) for kind, values in row.items()} for task, row in right.items()}
    won = [t for t in tasks if spans[t][DEVICE].low > spans[t][STATIC].high]
    lost = [t for t in tasks if spans[t][STATIC].low > spans[t][DEVICE].high]
    return Outcome(
        kpis=_kpis(context, spans, bills, won, lost, parameters),
        series={"temporal.accuracy": _accuracy(context, spans), "temporal.losses": _losses(context, losses)},
        tables={"temporal.compared": _compared(spans, won, lost, parameters), "temporal.bill": _bill(bills)},
        sources=provenance.sources(found(context)),
        handover={
            "accuracy": {t: {k: np.asarray(v).tolist() for k, v in row.items()} for t, row in right.items()},
            "networks": {k: kept(played.networks) for k, played in detailed.items()},
            "energy": {t: {k: b.energy for k, b in row.items()} for t, row in bills.items()},
            "spikes": {t: {k: b.spikes for k, b in row.items()} for t, row in bills.items()},
            "cycles": {t: {k: b.cycles for k, b in row.items()} for t, row in bills.items()},
        },
    )


@functools.cache
def chance(task: str) -> float:
    """Share that a guess gets right."""
    return CONTESTS[task][1](20, jax.random.key(0), False).chance


def _accuracy(context: Context, spans: Any) -> Series:
    curves = []
    for kind in kinds(context):
        row = [spans[task][kind] for task in spans]
        low, high = zip(*(within_one((one.low, one.high)) for one in row), strict=True)
        mean = [round(100 * one.mean, 6) for one in row]
        curves.append(Curve(NAMES[kind], "1", mean, low=[100 * x for x in low], high=[100 * x for x in high]))
    guesses = ", ".join(f"{task} {100 * chance(task):.3g}" for task in spans)
    return Series(
        Axis("task", "", [f"{task}: {CONTESTS[task][0]}" for task in spans]), curves, "accuracy [%]", kind="bars",
        caption=f"Held-out accuracy of {context.study.seeds} networks of each kind, with the 95 % interval of the "
        f"mean. A guess gets, in per cent: {guesses}.",
    )  # fmt: skip


def _losses(context: Context, losses: Any) -> Series:
    most = max(len(v) for v in losses.values())
    each = max(most // 120, 1)
    shown = {kind: v[: len(v) // each * each].reshape(-1, each).mean(axis=1) for kind, v in losses.items()}
    steps = each * (np.arange(len(next(iter(shown.values())))) + 0.5)
    return Series(
        Axis("step of the training", "1", steps),
        [Curve(NAMES[kind], "1", v) for kind, v in shown.items()],
        "cross-entropy",
        caption=f"Loss on {context.study.detailed}, mean of {context.study.seeds} networks of each kind.",
        marks=[Mark("a guess", y=float(-np.log(chance(context.study.detailed))))],
    )


def _compared(spans: Any, won: list[str], lost: list[str], parameters: int) -> Table:
    ahead = {**dict.fromkeys(won, "device"), **dict.fromkeys(lost, "static")}
    rows = [
        [task, 100 * chance(task), *(str(span) for span in row.values()), ahead.get(task, "neither")]
        for task, row in spans.items()
    ]
    return Table(
        ("task", "a guess", *(NAMES[kind] for kind in next(iter(spans.values()))), "ahead, device or static"), rows,
        f"Held-out accuracy in per cent, with half the 95 % interval. Every network trains {parameters} numbers, "
        "whatever its synapses. Ahead is who leads with intervals apart. Device networks are tested with "
        "cycle-to-cycle and read noise, each on a chip of its own with the set's device-to-device spread.",
    )  # fmt: skip


def _bill(bills: Any) -> Table:
    rows = [
        [task, NAMES[kind], b.spikes, b.pulses, b.events, b.cycles, engineering(b.gate, "J", 3),
         engineering(b.read, "J", 3)]
        for task, row in bills.items()
        for kind, b in row.items()
    ]  # fmt: skip
    return Table(
        ("task", "synapses", "spikes", "gate pulses", "weights read", "volatile cycles", "gates", "reads"), rows,
        "What a decision takes, mean of held-out trials: spikes of the hidden neurons, pulses on plastic devices (one "
        "a source and spike), weights read (one a target), equivalent full volatile loadings of all devices together, "
        "and the energy of both. Tsodyks-Markram synapses are an abstraction, and have no gate to charge for.",
    )  # fmt: skip


def _kpis(context: Context, spans: Any, bills: Any, won: list[str], lost: list[str], parameters: int) -> list[KPI]:
    study = context.study
    records = provenance_of(found(context), _NUMBERS)
    same = {
        "boundary": "the network in software, its plastic synapses by the device's closed-form event face, one device "
        "a source; static weights exact",
        "provenance": records,
    }
    gains = [spans[t][DEVICE].mean - spans[t][STATIC].mean for t in won]
    detailed = bills[study.detailed]
    energies = [detailed[k].energy for k in (STATIC, DEVICE)]
    return [
        KPI(
            "network.tasks_won", float(len(won)), "1",
            "tasks on which the device network's 95 % interval lies above the static one's", n=study.seeds,
            conditions=conditions(
                context, won=", ".join(won) or "none",
                **{"not won": ", ".join(t for t in spans if t not in won) or "none",
                   "lost": ", ".join(lost) or "none", "trained numbers": str(parameters)},
            ), **same,
        ),
        KPI(
            "network.temporal_gain", float(np.mean(gains)) if gains else None, "1",
            "accuracy of device over static synapses, mean of the tasks won", n=study.seeds,
            spread={"low": min(gains), "high": max(gains), "kind": "least and most of them"} if gains else None,
            note="" if gains else "no task was won", conditions=conditions(context), **same,
        ),
        KPI(
            "network.decision_energy", energies, "J",
            f"gate pulses and weight reads of a decision on {study.detailed}: static, and device synapses",
            n=study.seeds,
            boundary="gates of plastic devices and reads of weights; neurons, lines, drivers and amplifiers are not "
            "counted", provenance=records,
            conditions=conditions(
                context,
                **{"read": f"{engineering(study.g_weight, 'S')} at {engineering(study.v_read, 'V')}",
                   "volatile cycles": f"{detailed[DEVICE].cycles:.3g} a decision, all devices together"},
            ),
        ),
    ]  # fmt: skip
