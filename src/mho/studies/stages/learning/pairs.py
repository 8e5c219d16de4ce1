"""Stage "pairs": digits learned by the window of a cell itself, and by a rule with traces on the same cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from mho.core.quantities import engineering
from mho.devices import parameters
from mho.networks.plasticity import PairSTDP, PairTable, pair_table
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Outcome, Table
from mho.studies.stages.learning.subjects import competed, patterns, per_sample, shares
from mho.studies.stages.learning.windows import WAVED

_ERROR = 1e-3
"""Largest error of the table, as a change of state; a pair changes it by up to some 0.03."""


def work(context: Context) -> Outcome:
    """Neurons that compete, on one preset: pairs of waves that meet in the cells, and pulses that a rule asks for."""
    study, given, waved = context.study, patterns(context), WAVED[0]
    found = parameters(waved.name)
    table = pair_table(waved.overlap, found.device(), error=_ERROR)
    lags = study.window * np.array([-0.5, 0.5]) * 0.06
    small = float(np.max(np.abs(np.asarray(table(np.float32(0.5), lags.astype(np.float32))[0]))))
    rules: dict[str, PairSTDP | PairTable | None] = {
        "the cell's own window": table,
        "rule with traces": None,
        "rule with traces, changes as small": PairSTDP(2 * small, 2 * small, study.window, study.window),  # type: ignore[arg-type]
    }
    rows: list[list[Any]] = []
    shown = study.epochs * len(given.labels)
    for k, (name, rule) in enumerate(rules.items()):
        context.progress(k / len(rules), name)
        runs = [competed(context, given, found, seed, rule=rule) for seed in range(study.seeds)]
        pulses, energy = per_sample(runs, shown)
        rows.append([name, shares(runs), pulses, engineering(energy, "J", 3)])
    return Outcome(
        tables={
            "learning.pairs": Table(
                ("what changes a weight", "accuracy [%]", "pulses or pairs a sample", "energy a sample"), rows,
                f"{study.neurons} neurons that compete, on cells of {waved.name}, mean and 95 % interval of "
                f"{study.seeds} seeds. Own window: waves on either end of a cell, integrated by its own equation and "
                f"tabulated to {table.error:.1g} of its state; a pair changes that by up to {small:.2g}, from the "
                "first sample to the last. Rule: whole pulses on the same cells towards a change that shrinks over "
                f"the training, from {study.size:.2g} of a weight or from as little as the window's. Energies: of "
                "whole waves, which hold a voltage for all their length, and of pulses.",
            )
        },
        sources=provenance.sources(found),
        handover={"rows": rows},
    )  # fmt: skip
