"""One regression for every model: many starts, bounds, honest intervals, held-out blocks, what stays undetermined."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from mho.fitting.estimate import Problem, at_bounds, descend, effective_size, refine
from mho.fitting.profile import Ends, ends, leapt, plateaus, shaken
from mho.fitting.table import listed

LOOSE = float(np.log(10.0)) / 1.96  # standard deviation on a log scale at which a 95 % interval is a factor of 10 wide
_SHARE = 0.35  # component from which a parameter belongs to a direction
_SAME = 0.05  # relative error within which two starts have found the same
_FREEZINGS = 3
_REFINED = 2  # of the descents, the best, are refined
_ROUNDS = 1
_ALLOWED = 4.0  # variances by which the misfit may exceed its least within an interval: 2 standard deviations squared
_GAIN = 1e-4  # share of the sum of squares by which another place must be better
_SHAKES = 3  # most places beside a solution that are refined in their turn


@dataclass(frozen=True)
class Regression:
    """What a regression found.

    Args:
        problem: What was fitted to what.
        theta: Parameters on their fitting scales.
        free: Which of them moved; those that rest on a bound did not, at the end.
        covariance: Of the parameters, inflated for correlated residuals; 0 where held.
        ends: Of the 95 % intervals, where the linear ones were checked against the misfit.
        jumps: Intervals of parameters that act in jumps only, by name, on their fitting scales.
        residual: Model minus data for all values.
        held: Why parameters that were free are held, by name.
        loose: Directions in which the data leave the parameters undetermined, in words.
        unidentified: Parameters that no more than a factor of ten is known of.
        n: Number of fitted values.
        n_effective: Number of independent ones among them.
        error_fit: Root mean square residual.
        error_held_out: The same of blocks predicted by fits without them; NaN if none were.
        reached: Share of the starts that found the same minimum.
    """

    problem: Problem
    theta: np.ndarray
    free: np.ndarray
    covariance: np.ndarray
    ends: Ends
    jumps: Mapping[str, tuple[float, float]]
    residual: np.ndarray
    held: Mapping[str, str]
    loose: tuple[str, ...]
    unidentified: frozenset[str]
    n: int
    n_effective: float
    error_fit: float
    error_held_out: float
    reached: float

    @property
    def count(self) -> int:
        """Number of free parameters."""
        return int(self.free.sum())

    def bic(self, n_effective: float | None = None) -> float:
        """Bayesian information criterion on the effective sample size, smaller is better."""
        n = self.n_effective if n_effective is None else n_effective
        return float(n * np.log(self.error_fit**2) + self.count * np.log(n))

    def aic(self, n_effective: float | None = None) -> float:
        """Akaike's information criterion, likewise."""
        n = self.n_effective if n_effective is None else n_effective
        return float(n * np.log(self.error_fit**2) + 2 * self.count)

    def half_width(self, gradient: np.ndarray) -> float:
        """Half of the 95 % interval of a number with this gradient in the parameters."""
        return float(student(self.n_effective, self.count) * np.sqrt(max(gradient @ self.covariance @ gradient, 0.0)))

    def correlation(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Correlation matrix of the free parameters, and their names."""
        rows = np.flatnonzero(self.free)
        deviation = np.sqrt(np.maximum(np.diag(self.covariance)[rows], 1e-300))
        return self.covariance[np.ix_(rows, rows)] / np.outer(deviation, deviation), tuple(
            self.problem.names[k] for k in rows
        )


def regress(
    problem: Problem,
    starts: np.ndarray,
    free: np.ndarray,
    *,
    iterations: int = 30,
    folds: int = 5,
    block: int = 20,
    jumping: Collection[int] = (),
) -> Regression:
    r"""Fit a problem from many starts.

    The best of all descents is refined; parameters that rest on a bound are frozen there, named, and the rest refitted.
    Intervals are those of the linearised model with :math:`\sigma^2 (J^T J)^{-1}`, inflated by the number of values
    over that of independent residuals. A direction of parameter space along which a 95 % interval spans a factor of ten
    either way is not determined by the data; it is said which parameters make it.

    Args:
        problem: What is fitted to what; parameters of order one, positive ones as logarithms.
        starts: Shape (starts, parameters).
        free: Which parameters move.
        iterations: Of the descent from all starts.
        folds: Parts of the cross-validation; 0 for none.
        block: Values in a row that are held out together.
        jumping: Parameters at rest that may act in jumps, as thresholds do.
    """
    free = np.array(free, bool)
    theta, cost = descend(problem, starts, free, iterations=iterations, tolerance=1e-6)
    cost = np.where(np.isfinite(cost), cost, np.inf)
    best = int(np.argmin(cost))
    reached = float(np.mean(np.sqrt(cost) <= (1.0 + _SAME) * np.sqrt(cost[best])))
    point, value, residual = min(
        (_refined(problem, theta[k], free) for k in np.argsort(cost)[:_REFINED]), key=lambda found: found[1]
    )
    held: dict[str, str] = {}
    for _ in range(_FREEZINGS):
        resting = at_bounds(problem, point, free)
        if not resting:
            break
        for k in resting:
            lower = point[k] - problem.low[k] < problem.high[k] - point[k]
            held[problem.names[k]] = f"rests at its {'lower' if lower else 'upper'} bound"
            point[k] = problem.low[k] if lower else problem.high[k]
            free[k] = False
        if not free.any():
            break
        point, value, residual = _refined(problem, point, free)
    rows = np.flatnonzero(problem.weight > 0)
    for attempt in range(_SHAKES + 1):
        n_effective = effective_size(residual[rows])
        # The parameters have used up some of the independent residuals: where few are left, they look too small.
        variance = value / max(n_effective - int(free.sum()), 1.0)
        covariance, loose, unidentified = _uncertainty(problem, point, free, variance)
        if attempt == _SHAKES or not free.any():
            break
        better = shaken(problem, point, free, covariance, value)
        better = leapt(problem, better, free, tuple(jumping))
        if np.array_equal(better, point):
            break
        again = _refined(problem, better, free)
        if again[1] > (1.0 - _GAIN) * value:
            break
        point, value, residual = again
    jumps = plateaus(problem, point, tuple(jumping), _ALLOWED * variance)
    quantile = student(n_effective, int(free.sum()))
    inner = ends(problem, point, free, covariance, value, variance, quantile, LOOSE * 1.96)
    found = Regression(
        problem=problem,
        theta=point,
        free=free,
        covariance=covariance,
        ends=inner,
        jumps={problem.names[k]: v for k, v in jumps.items()},
        residual=residual,
        held=held,
        loose=loose,
        unidentified=unidentified,
        n=len(rows),
        n_effective=n_effective,
        error_fit=float(np.sqrt(value / problem.weight.sum())),
        error_held_out=float("nan"),
        reached=reached,
    )
    return replace(found, error_held_out=_held_out(found, rows, folds, block)) if folds else found


def student(n_effective: float, count: int) -> float:
    """Half of a 95 % interval in standard deviations."""
    return float(stats.t.ppf(0.975, max(n_effective - count, 3.0)))


def _refined(problem: Problem, theta: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Refinement in rounds, as long as one still lowers the sum of squares by a thousandth."""
    found = refine(problem, theta, free)
    for _ in range(_ROUNDS):
        again = refine(problem, found[0], free)
        if again[1] > 0.999 * found[1]:
            return min(found, again, key=lambda f: f[1])
        found = again
    return found


def _uncertainty(
    problem: Problem, theta: np.ndarray, free: np.ndarray, variance: float
) -> tuple[np.ndarray, tuple[str, ...], frozenset[str]]:
    """Covariance of the parameters, loose directions, and parameters that are not identified."""
    covariance = np.zeros((len(theta), len(theta)))
    rows = np.flatnonzero(free)
    if not rows.size:
        return covariance, (), frozenset()
    values = problem.curve(theta[None])
    jacobian = problem.smooth_jacobian(theta[None], values, free)[0][:, rows] * np.sqrt(problem.weight)[:, None]
    size, axes = np.linalg.eigh(jacobian.T @ jacobian)
    spread = variance / np.maximum(size, 1e-14 * size[-1])
    covariance[np.ix_(rows, rows)] = (axes * spread) @ axes.T
    names = [problem.names[k] for k in rows]
    loose = []
    for k in np.flatnonzero(np.sqrt(spread) > LOOSE):
        axis = axes[:, k] * np.sign(axes[np.argmax(np.abs(axes[:, k])), k])
        members = [(names[j], axis[j]) for j in np.argsort(-np.abs(axis)) if abs(axis[j]) > _SHARE]
        terms = " ".join(f"{x:+.2f} {name}" for name, x in members)
        loose.append(
            f"{members[0][0]} is not determined by these data"
            if len(members) == 1
            else f"{listed(name for name, _ in members)} are determined only together: along {terms} nothing changes"
        )
    deviation = np.sqrt(np.diag(covariance))
    return covariance, tuple(loose), frozenset(problem.names[k] for k in rows if deviation[k] > LOOSE)


def _held_out(found: Regression, rows: np.ndarray, folds: int, block: int) -> float:
    """Root mean square residual of blocks that a refit has not seen."""
    if len(rows) < 4 * folds or found.count == 0:
        return float("nan")
    length = min(block, max(len(rows) // (2 * folds), 1))
    fold = np.arange(len(rows)) // length % folds
    weights = np.tile(found.problem.weight, (folds, 1))
    for k in range(folds):
        weights[k, rows[fold == k]] = 0.0
    starts = np.tile(found.theta, (folds, 1))
    theta, _ = descend(found.problem, starts, found.free, weights=weights, iterations=8, tolerance=1e-4)
    residual = found.problem.residual(found.problem.curve(theta), np.arange(folds))
    squares = [residual[k, rows[fold == k]] ** 2 for k in range(folds)]
    return float(np.sqrt(np.mean(np.concatenate(squares))))
