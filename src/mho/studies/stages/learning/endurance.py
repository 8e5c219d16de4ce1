"""Stage "endurance": learning on while cells die, each after a number of cycles of its own, and what life that is."""

from __future__ import annotations

import numpy as np

from mho.devices import parameters
from mho.devices.effects import Overlay, WeibullEndurance, with_overlay
from mho.metrics.kpi import provenance_of
from mho.metrics.learning import life_kpi
from mho.metrics.network import interval
from mho.metrics.tolerance import tolerated
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series
from mho.studies.stages.learning.subjects import STDP, competed, patterns

LOST = 0.05
"""Loss of accuracy at which cells are taken as used up."""


def work(context: Context) -> Outcome:
    """Endurances as multiples of what the training costs a cell; dead cells are stuck at the low end."""
    study, given, found = context.study, patterns(context), parameters(context.study.device)
    device = found.device(bare=True)

    def runs(n_63: float) -> list:
        worn = with_overlay(device, Overlay(wear=(WeibullEndurance(n_63, study.beta),)))
        return [competed(context, given, found, seed, device=worn) for seed in range(study.seeds)]

    context.progress(0.0, "no cell dies")
    fresh = runs(1e30)
    cycles = float(np.mean([r.cycles for r in fresh]))
    kept = [fresh]
    for k, times in enumerate(study.lives):
        context.progress((k + 1) / (len(study.lives) + 1), f"endurance {times:g} times the cycles of the training")
        kept.append(runs(times * cycles))
    dead = np.array([np.mean([r.dead for r in row]) for row in kept])
    shares = [np.array([r.right for r in row]) for row in kept]
    mean, ends = np.array([np.mean(s) for s in shares]), [interval(s) for s in shares]
    order = np.argsort(dead, kind="stable")
    end = _reached(dead[order], mean[order], float(mean[0]) - LOST)
    stated = found.reported.get("endurance")
    n_63 = float(stated.value) if stated is not None else study.endurance  # type: ignore[arg-type]
    where = "stated by the set's source" if stated is not None else "assumed"
    kpi = life_kpi(
        n_63, study.beta, min(max(end, 1e-6), 0.999), cycles / (study.epochs * len(given.labels)), study.window,
        provenance=[*provenance_of(found), {"source": "mho", "where": f"endurance {where}; Weibull slope",
                                            "how": "stated" if stated is not None else "assumed"}],
    )  # fmt: skip
    curve = Curve(STDP, "1", 100 * mean[order], "both", *(np.array([100 * e[i] for e in ends])[order] for i in (0, 1)))
    return Outcome(
        kpis=[kpi],
        series={
            "learning.endurance": Series(
                Axis("cells that died while learning", "1", dead[order]), [curve], "accuracy [%]",
                marks=[Mark(f"{100 * LOST:.0f} % lost", y=100 * (float(mean[0]) - LOST))],
                caption=f"Endurances from {max(study.lives):g} down to {min(study.lives):g} times the {cycles:.3g} "
                "cycles that the training costs a cell; dead cells are stuck low. Mean and 95 % interval of "
                f"{study.seeds} seeds.",
            )
        },
        handover={"dead": dead.tolist(), "accuracy": mean.tolist(), "cycles": cycles},
    )  # fmt: skip


def _reached(dead: np.ndarray, accuracy: np.ndarray, floor: float) -> float:
    """Share of dead cells at which the accuracy first falls below `floor`; the largest where it does not."""
    found = tolerated(dead, accuracy, floor)
    return float(dead[-1]) if found is None else found
