"""Stage "recurrence": digits shown row by row under e-prop, without and with weights between hidden neurons."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from mho.core.quantities import engineering
from mho.devices import parameters
from mho.networks.plasticity import EProp
from mho.networks.tasks import digits_by_rows
from mho.studies.execution import Context
from mho.studies.outcome import Outcome, Table
from mho.studies.stages.learning.subjects import Trains, per_sample, shares, supervised

_STEPS, _RATE = 24, 200.0  # three steps a row, in each of which a white pixel's source fires [1/s]
_REACH = (2.0, 1.0)  # eight sources feed a neuron, not 128
_RULE = EProp(alpha=0.9)


def work(context: Context) -> Outcome:
    """Both networks on the device of the study, from the same first weights."""
    study, found = context.study, parameters(context.study.device)
    given = _shown(context)
    rows: list[list[Any]] = []
    shown = study.rows_epochs * len(given.labels)
    for k, recurrent in enumerate((False, True)):
        runs = []
        for seed in range(study.rows_seeds):
            context.progress((k + seed / study.rows_seeds) / 2, "recurrent" if recurrent else "feed-forward")
            runs.append(
                supervised(context, given, found, seed, rule=_RULE, reach=_REACH, epochs=study.rows_epochs,
                           recurrent=recurrent)
            )  # fmt: skip
        pulses, energy = per_sample(runs, shown)
        weights = study.hidden * (given.spikes.shape[2] + 10 + recurrent * (study.hidden - 1))
        name = "recurrent" if recurrent else "feed-forward"
        rows.append([name, weights, shares(runs), pulses, engineering(energy, "J", 3)])
    return Outcome(
        tables={
            "learning.recurrence": Table(
                ("hidden layer", "weights", "accuracy [%]", "pulses a sample", "energy a sample"), rows,
                f"Digits row by row, three steps a row, from {given.spikes.shape[2]} sources to {study.hidden} hidden "
                f"neurons on cells of {study.device}, under e-prop; {study.rows_epochs} passes over "
                f"{len(given.labels)} digits, mean and 95 % interval of {study.rows_seeds} seeds. Chance is 10 %. "
                "Recurrent weights learn by what e-prop keeps of their gradient.",
            )
        },
        handover={"rows": rows},
    )  # fmt: skip


def _shown(context: Context) -> Trains:
    """Digits as trains, drawn once for both."""
    study = context.study
    parts = []
    for name, count in (("rows", study.samples), ("test rows", study.test)):
        key = jax.random.key(context.seed(name))
        trials = digits_by_rows(count, key=key, test=name == "test rows", highest=_RATE, steps=_STEPS)
        parts += [trials.spikes.astype(np.float32), trials.labels]
    return Trains(*parts)
