"""Intervals where the linearised model misleads: the misfit itself is followed to where it has risen enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mho.fitting.estimate import Problem, descend

_REACHES = np.asarray([1.0, 1.5, 2.2, 3.3, 5.0, 8.0])  # of the linear half width
_ENOUGH = 0.6  # of the rise of a parabola: below it the interval is too narrow beyond doubt
_SCALES = (0.3, 1.0, 3.0, 10.0)  # standard deviations of the steps along the axes of the covariance
_LARGEST = 2.0  # of such a step on the fitting scale
_JUMPS = np.concatenate([np.arange(0.01, 0.2, 0.01), np.geomspace(0.2, 4.0, 12)])  # on the fitting scale
_LEAPS = 5  # jumps on either side beyond which a solution is looked for
_SAME = 1e-9  # relative change of the misfit that is none


@dataclass(frozen=True)
class Ends:
    """Ends of the 95 % intervals on the fitting scale; infinite where the misfit does not rise on that side."""

    low: np.ndarray
    high: np.ndarray


def costs(problem: Problem, rows: np.ndarray) -> np.ndarray:
    """Weighted sum of squares of each row; infinite where it is not a number."""
    cost = np.sum(problem.weight * problem.residual(problem.curve(rows)) ** 2, axis=-1)
    return np.where(np.isfinite(cost), cost, np.inf)


def ends(
    problem: Problem, theta: np.ndarray, free: np.ndarray, covariance: np.ndarray, cost: float, variance: float,
    quantile: float, most: float,
) -> Ends:  # fmt: skip
    r"""Both ends of each parameter's interval.

    The linear end :math:`\theta_k \pm t\sigma_k` is right where the sum of squares there has risen by
    :math:`t^2\sigma^2`. Where it has not, be the others at rest, moved along their regression on :math:`\theta_k`, or
    corrected by one step of Gauss and Newton, the end goes out until it has.

    Args:
        problem: The problem.
        theta: Its solution.
        free: Which parameters moved.
        covariance: Of the parameters.
        cost: Sum of squares at the solution.
        variance: Of one residual, inflated for correlation.
        quantile: Of Student's distribution, t.
        most: Half width from which a parameter counts as undetermined; such are left alone.
    """
    half = quantile * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    found = Ends(theta - half, theta + half)
    if not free.any():
        return found
    root = np.sqrt(problem.weight)[:, None]
    slopes = problem.smooth_jacobian(theta[None], problem.curve(theta[None]), free)[0] * root
    for k in np.flatnonzero(free & (half > 0) & (half < most)):
        regression = np.where(free, covariance[k] / covariance[k, k], 0.0)
        alone = np.zeros_like(theta)
        alone[k] = 1.0
        reach = _REACHES[_REACHES * half[k] < most] * half[k]
        for side, out in ((-1.0, found.low), (1.0, found.high)):
            rows = np.concatenate([theta + side * reach[:, None] * way for way in (regression, alone)])
            rows = np.clip(rows, problem.low, problem.high)
            others = free & (alone == 0.0)
            residual = problem.residual(problem.curve(rows)) * root[:, 0]
            tried = [np.sum(residual**2, axis=1).reshape(2, -1)]
            if others.any():
                apart = rows[len(reach) :].copy()
                inverse = np.linalg.pinv(slopes[:, others], rcond=1e-6)
                apart[:, others] -= np.clip(np.nan_to_num(residual[len(reach) :]) @ inverse.T, -_LARGEST, _LARGEST)
                tried.append(costs(problem, np.clip(apart, problem.low, problem.high))[None])
            least = np.min(np.nan_to_num(np.concatenate(tried), nan=np.inf), axis=0)
            outside = (rows[: len(reach), k] <= problem.low[k]) | (rows[: len(reach), k] >= problem.high[k])
            enough = (least - cost >= _ENOUGH * quantile**2 * variance) | outside
            out[k] = theta[k] + side * (reach[int(np.argmax(enough))] if enough.any() else np.inf)
    return found


def shaken(problem: Problem, theta: np.ndarray, free: np.ndarray, covariance: np.ndarray, cost: float) -> np.ndarray:
    """A better place than the solution, looked for along both ways of every axis of the covariance; or the solution.

    A descent ends in a narrow valley or before a wall, where a threshold makes the model jump; the valley's own axes
    lead on.
    """
    rows = np.flatnonzero(free)
    size, axes = np.linalg.eigh(covariance[np.ix_(rows, rows)])
    trials = []
    for variance, axis in zip(size, axes.T, strict=True):
        for scale in _SCALES:
            step = min(scale * np.sqrt(max(variance, 0.0)), _LARGEST)
            for side in (-1.0, 1.0):
                trial = theta.copy()
                trial[rows] += side * step * axis
                trials.append(np.clip(trial, problem.low, problem.high))
    found = np.asarray(trials)
    cost_found = costs(problem, found)
    best = int(np.argmin(cost_found))
    return found[best] if cost_found[best] < (1.0 - 1e-4) * cost else theta


def leapt(problem: Problem, theta: np.ndarray, free: np.ndarray, which: Sequence[int]) -> np.ndarray:
    """A better place than the solution beyond the next jumps of parameters that act in jumps, the others refitted."""
    for k in which:
        places, cost = _along(problem, theta, k)
        here = int(np.argmin(np.abs(places - theta[k])))
        jumps = np.flatnonzero(np.abs(np.diff(cost)) > _SAME * cost[here])
        beyond = [*(jumps[jumps >= here] + 1)[:_LEAPS], *jumps[jumps < here][-_LEAPS:]]
        if not beyond:
            continue
        starts = np.tile(theta, (len(beyond) + 1, 1))
        starts[1:, k] = places[beyond]
        found, cost = descend(problem, starts, free, iterations=10, tolerance=1e-5)
        theta = found[int(np.argmin(np.where(np.isfinite(cost), cost, np.inf)))]
    return theta


def plateaus(
    problem: Problem, theta: np.ndarray, which: Sequence[int], allowed: float
) -> dict[int, tuple[float, float]]:
    """Intervals of parameters that act in jumps, as a threshold between two steps of a staircase does.

    No derivative shows them. Each is moved alone; its interval is the stretch about it in which the misfit exceeds its
    least by no more than `allowed`, out to the first place outside. Those that change nothing anywhere have none.
    """
    found: dict[int, tuple[float, float]] = {}
    for k in which:
        places, cost = _along(problem, theta, k)
        if np.ptp(cost[np.isfinite(cost)]) <= _SAME * np.min(cost):
            continue
        here = int(np.argmin(np.abs(places - theta[k])))
        worse = cost > np.min(cost) + allowed
        below, above = np.flatnonzero(worse[:here]), np.flatnonzero(worse[here + 1 :]) + here + 1
        found[k] = (
            float(places[below[-1]]) if below.size else -np.inf,
            float(places[above[0]]) if above.size else np.inf,
        )
    return found


def _along(problem: Problem, theta: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of one parameter about its own, rising and within its bounds, and the misfit at each."""
    steps = np.concatenate([-_JUMPS[::-1], [0.0], _JUMPS])
    places = theta[k] + steps
    places = places[(places >= problem.low[k]) & (places <= problem.high[k])]
    rows = np.tile(theta, (len(places), 1))
    rows[:, k] = places
    return places, costs(problem, rows)
