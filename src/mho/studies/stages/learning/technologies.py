"""Stage "technologies": digits learned on every technology, without labels by competition, with labels by e-prop."""

from __future__ import annotations

from typing import Any

import numpy as np

from mho.core.quantities import engineering
from mho.crossbars import pulses_of
from mho.devices import parameters
from mho.metrics.kpi import provenance_of
from mho.metrics.learning import learned_accuracy, update_kpis, within_one
from mho.metrics.network import interval
from mho.networks.plasticity import mean_step
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series, Table
from mho.studies.stages.learning.subjects import EPROP, STDP, competed, on_clock, patterns, share, supervised

_COLUMNS = ("technology", "mean steps", STDP, EPROP, "pulses a sample", "energy a sample", "energy, e-prop")


def work(context: Context) -> Outcome:
    """Several seeds of both rules on each."""
    study, given = context.study, patterns(context)
    trains = on_clock(context, given)
    names = tuple(dict.fromkeys((*study.technologies, study.device)))
    rows, right, kpis = [], {STDP: [], EPROP: []}, []
    low: dict[str, list[float]] = {STDP: [], EPROP: []}
    high: dict[str, list[float]] = {STDP: [], EPROP: []}
    presented = study.epochs * len(given.labels)
    for k, name in enumerate(names):
        found = parameters(name)
        context.progress(k / len(names), name)
        plain = [competed(context, given, found, seed) for seed in range(study.seeds)]
        context.progress((k + 0.5) / len(names), f"{name}, e-prop")
        taught = [supervised(context, trains, found, seed) for seed in range(study.supervised_seeds)]
        for how, runs in ((STDP, plain), (EPROP, taught)):
            shares = np.array([run.right for run in runs])
            ends = within_one(interval(shares))
            right[how].append(float(np.mean(shares)))
            low[how].append(ends[0])
            high[how].append(ends[1])
        pulses, energy = (float(np.mean([getattr(r, what) for r in plain])) for what in ("pulses", "energy"))
        rows.append([
            name, _steps(found), share(right[STDP][k], low[STDP][k], high[STDP][k]),
            share(right[EPROP][k], low[EPROP][k], high[EPROP][k]), pulses / presented,
            engineering(energy / presented, "J", 3),
            engineering(float(np.mean([r.energy for r in taught])) / presented, "J", 3),
        ])  # fmt: skip
        if name == study.device:
            records = provenance_of(found)
            cells = study.neurons * given.times.shape[1]
            about: dict[str, Any] = {"samples": study.test, "provenance": records, "conditions": {"device": name}}
            kpis.append(learned_accuracy([r.right for r in plain], rule=STDP, **about))
            kpis.append(
                learned_accuracy([r.right for r in taught], rule=EPROP, name="network.supervised_accuracy", **about)
            )
            kpis += update_kpis(pulses, energy, presented, cells, provenance=records, conditions={"device": name})
    curves = [Curve(how, "1", [round(100 * x, 6) for x in right[how]]) for how in (STDP, EPROP)]
    series = Series(
        Axis("technology", "", names), curves, "accuracy [%]", kind="bars",
        caption=f"Share of {study.test} test digits decided rightly after {study.epochs} passes over "
        f"{len(given.labels)}: {study.neurons} neurons that compete without labels (mean of {study.seeds} seeds), and "
        f"{study.hidden} hidden neurons under e-prop ({study.supervised_seeds} seeds). Chance is 10 %.",
    )  # fmt: skip
    table = Table(
        _COLUMNS, rows,
        "Steps: the window over the mean step in its middle. Accuracy in per cent, mean over seeds with the 95 % "
        "interval of that mean. Pulses of all cells and their energy, for one sample that is learned.",
    )  # fmt: skip
    return Outcome(
        kpis=kpis,
        series={"learning.technologies": series},
        tables={"learning.compared": table},
        sources=provenance.sources(*(parameters(name) for name in names)),
        handover={"right": right, "names": list(names)},
    )


def _steps(found: Any) -> float:
    import jax

    device = found.device()
    low, high = (float(np.mean(np.asarray(g))) for g in device.window())
    return (high - low) / mean_step(device, *pulses_of(found), key=jax.random.key(0))
