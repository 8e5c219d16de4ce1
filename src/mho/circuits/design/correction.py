"""Design, simulate, correct: designs made on a quick measure, moved until a slow one meets their targets too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mho.circuits.design.record import Design
from mho.circuits.design.search import Runner, Step, Told

DAMPINGS = tuple(np.geomspace(1e-2, 1e4, 8))  # tried side by side, relative to a search's first
Values = Mapping[str, np.ndarray]
Judge = Callable[[Sequence[Values]], Sequence[np.ndarray]]
"""Free numbers of each design, as many values of each as there are trials of it, to figures, (trials, targets)."""


@dataclass(frozen=True)
class Corrected:
    """A design after its correction.

    Args:
        values: The free numbers found, by name.
        before: Figures that the slow measure gave of the design as it came, one a target.
        figures: Figures that it gives of these numbers.
        path: Every accepted step; step 0 is the design as it came.
    """

    values: Mapping[str, float]
    before: np.ndarray
    figures: np.ndarray
    path: tuple[Step, ...]


def correct(
    records: Sequence[Design],
    values: Sequence[Mapping[str, float]],
    jacobians: Sequence[np.ndarray],
    judge: Judge,
    *,
    rounds: int = 5,
    enough: float = 0.1,
    told: Told = lambda share, text: None,
) -> list[Corrected]:
    r"""Move several designs side by side until a slow measure of them meets their targets.

    A design rests on a measure that is quick and smooth; the circuit as a whole may do something else. Every round

    .. math:: \min_d \; \|J d + r\|^2 + \lambda \|d\|^2

    is solved at several dampings, with the slow measure's misses r and the quick one's derivatives J. All trials of all
    designs are measured at once and the best of each is kept if it is better. J takes in what every trial has taught,
    good or bad, the nearest last:

    .. math:: J \leftarrow J + \frac{(\Delta r - J d)\, d^T}{d^T d}

    Args:
        records: The designs: their targets, free numbers and bounds.
        values: Numbers that the designs found.
        jacobians: Change of each miss by each place there, (targets, free), as a search hands it over.
        judge: The slow measure; NaN where there is no figure, which is never accepted.
        rounds: Most rounds of corrections.
        enough: A design whose largest miss is below this is left as it is.
        told: Told the share of the rounds that are done, and a text.

    Source: C. G. Broyden, Math. Comp. 19 (1965) 577, for the update; J. W. Bandler et al., IEEE Trans.
        Microwave Theory Tech. 43 (1995) 2874, for correcting by it what a coarse model has designed.
    """
    frees = [record.frees() for record in records]
    starts = [np.array([[f.place(v[f.name]) for f in own]]) for own, v in zip(frees, values, strict=True)]

    def misses(places: Sequence[np.ndarray]) -> list[np.ndarray]:
        asked = [{f.name: f.value(u[:, k]) for k, f in enumerate(own)} for own, u in zip(frees, places, strict=True)]
        return [
            np.stack([t.miss(x) for t, x in zip(record.targets, np.transpose(found), strict=True)], axis=1)
            for record, found in zip(records, judge(asked), strict=True)
        ]

    told(0.0, "the designs as they came")
    weights = [np.array([t.weight for t in record.targets]) for record in records]
    runners = [
        Runner(k, u[0], r[0], np.asarray(j, np.float64), w)
        for k, (u, r, j, w) in enumerate(zip(starts, misses(starts), jacobians, weights, strict=True))
    ]
    for turn in range(1, rounds + 1):
        going = [np.isfinite(r.cost) and r.worst > enough for r in runners]
        if not any(going):
            break
        told(turn / (rounds + 1), f"round {turn}: off by {100 * max(r.worst for r in runners):.0f} % at most")
        trials = [
            np.array([r.trial(x) for x in DAMPINGS]) if on else r.place[None][:0]
            for r, on in zip(runners, going, strict=True)
        ]
        for r, on, places, found in zip(runners, going, trials, misses(trials), strict=True):
            if on:
                _learn(r, places, found)
                if (best := r.best(found)) is not None:
                    r.move(turn, places[best], found[best])
    return [
        Corrected(
            {f.name: float(f.value(u)) for f, u in zip(own, r.place, strict=True)},
            _figures(record, r.path[0].misses), _figures(record, r.misses), tuple(r.path),
        )
        for record, own, r in zip(records, frees, runners, strict=True)
    ]  # fmt: skip


def _learn(runner: Runner, places: np.ndarray, misses: np.ndarray) -> None:
    """Take what the trials have shown into the derivatives: the farthest first, so that the nearest counts most."""
    steps, rises = places - runner.place, misses - runner.misses
    for k in np.argsort(-np.linalg.norm(steps, axis=1)):
        square = float(steps[k] @ steps[k])
        if square > 0 and np.isfinite(rises[k]).all():
            runner.jacobian = runner.jacobian + np.outer(rises[k] - runner.jacobian @ steps[k], steps[k]) / square


def _figures(record: Design, misses: np.ndarray) -> np.ndarray:
    return np.array([t.found(m) for t, m in zip(record.targets, misses, strict=True)])
