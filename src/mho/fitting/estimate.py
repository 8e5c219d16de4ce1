"""Non-linear least squares for many starts and many resamples at once, within bounds, and one refinement by scipy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

Curve = Callable[[np.ndarray], np.ndarray]
_DIFFERENCE = 1e-6  # step of the forward differences; parameters are of order one on their fitting scales
_WIDE = 1e-2  # of the differences where values jitter
_STEEPEST = 1e2  # change of a value with a parameter, both of order one, beyond which it is a jump
_AT_BOUND = 1e-3  # share of the allowed span within which a parameter rests on its bound


@dataclass(frozen=True)
class Problem:
    """What is fitted to what.

    Args:
        names: Of the (transformed) parameters.
        low: Lower bounds, shape (parameters,) or (lanes, parameters).
        high: Upper bounds, likewise.
        data: Measured values, on the scale of the residual, shape (values,) or (lanes, values); NaN where missing.
        weight: Weight of each value in the sum of squares; 0 where missing or held out.
        curve: Model values (rows, values) at parameters (rows, parameters), double precision.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    data: np.ndarray
    weight: np.ndarray
    curve: Curve

    def residual(self, values: np.ndarray, lanes: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Model minus data, 0 where a value is missing; `lanes` are those of the data, where each lane has its own."""
        data = self.data if self.data.ndim == 1 else self.data[lanes]
        return np.where(np.isfinite(data), values - np.nan_to_num(data), 0.0)

    def smooth_jacobian(self, theta: np.ndarray, values: np.ndarray, free: np.ndarray) -> np.ndarray:
        """The smaller of both one-sided differences: where a threshold makes a value jump, one side tells the slope.

        Where both are steeper than any model's law, the value jitters on either side, as a stiff state does that flips
        from step to step: there differences over a hundredth tell the slope.
        """
        slope = self._gentler(theta, values, free, _DIFFERENCE)
        jumps = np.abs(slope) > _STEEPEST
        return np.where(jumps, self._gentler(theta, values, free, _WIDE), slope) if jumps.any() else slope

    def _gentler(self, theta: np.ndarray, values: np.ndarray, free: np.ndarray, step: float) -> np.ndarray:
        forward = self.jacobian(theta, values, free, step=step)
        backward = self.jacobian(theta, values, free, step=-step)
        return np.where(np.abs(forward) <= np.abs(backward), forward, backward)

    def jacobian(
        self, theta: np.ndarray, values: np.ndarray, free: np.ndarray, *, step: float = _DIFFERENCE
    ) -> np.ndarray:
        """Derivative of the values by forward differences, (lanes, values, parameters); 0 for parameters at rest.

        All perturbed vectors of all lanes are one batch. Against forward-mode differentiation of the scan over pulses
        this compiles three to five times faster and runs as fast, and in double precision its error (1e-6 of the
        derivative) is far below the noise.
        """
        lane, column = np.nonzero(np.broadcast_to(free, theta.shape))
        shifted = theta[lane]
        shifted[np.arange(len(lane)), column] += step
        jacobian = np.zeros((*values.shape, theta.shape[1]))
        if len(lane):
            jacobian[lane, :, column] = (self.curve(shifted) - values[lane]) / step
        return jacobian


def descend(
    problem: Problem,
    starts: np.ndarray,
    free: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    iterations: int = 30,
    tolerance: float = 1e-7,
):
    """Levenberg-Marquardt in all lanes at once, projected on the bounds.

    Args:
        problem: The problem.
        starts: Parameters, shape (lanes, parameters).
        free: Which of them move, shape (parameters,) or (lanes, parameters).
        weights: Weights of the values per lane, shape (lanes, values); by default the problem's.
        iterations: Most steps taken.
        tolerance: A lane rests when a step lowers its sum of squares by less than this share.

    Returns:
        Parameters (lanes, parameters) and weighted sums of squares (lanes,).
    """
    theta = np.clip(np.array(starts, np.float64), problem.low, problem.high)
    lanes, _ = theta.shape
    free = np.broadcast_to(free, theta.shape)
    weights = np.broadcast_to(problem.weight if weights is None else weights, (lanes, problem.data.shape[-1]))
    damping = np.full(lanes, 1e-3)
    values = problem.curve(theta)
    residual = problem.residual(values)
    cost = np.einsum("lr,lr->l", weights, residual**2)
    jacobian = problem.jacobian(theta, values, free)
    resting = np.zeros(lanes, bool)
    for _ in range(iterations):
        step = _step(problem, theta, free, weights, residual, jacobian, damping)
        trial = np.clip(theta + step, problem.low, problem.high)
        active = np.flatnonzero(~resting)
        trial_values = problem.curve(trial[active])
        trial_residual = problem.residual(trial_values, active)
        trial_cost = np.einsum("lr,lr->l", weights[active], trial_residual**2)
        better = np.isfinite(trial_cost) & (trial_cost <= cost[active])
        small = better & (cost[active] - trial_cost <= tolerance * cost[active])
        moved, kept = active[better], active[~better]
        theta[moved], residual[moved], cost[moved] = trial[moved], trial_residual[better], trial_cost[better]
        damping[moved] /= 8.0
        damping[kept] *= 6.0
        resting[active[small]] = True
        resting |= damping > 1e8
        if resting.all():
            break
        again = moved[~resting[moved]]
        if len(again):
            jacobian[again] = problem.jacobian(theta[again], trial_values[better][~small[better]], free[again])
    return theta, cost


def _step(problem, theta, free, weights, residual, jacobian, damping) -> np.ndarray:
    """One damped Gauss-Newton step per lane; parameters that push against a bound stay."""
    gradient = np.einsum("lrp,lr->lp", jacobian, weights * residual)
    outward = ((theta <= problem.low) & (gradient > 0)) | ((theta >= problem.high) & (gradient < 0))
    moving = (free & ~outward).astype(np.float64)
    weighted = jacobian * np.sqrt(weights)[:, :, None] * moving[:, None, :]
    normal = np.einsum("lrp,lrq->lpq", weighted, weighted, optimize=True)
    scale = np.einsum("lpp->lp", normal)
    largest = np.maximum(scale.max(axis=1, keepdims=True), 1e-300)
    diagonal = np.where(moving > 0, damping[:, None] * np.maximum(scale, 1e-9 * largest) + 1e-13 * largest, largest)
    normal = normal + np.einsum("lp,pq->lpq", diagonal, np.eye(theta.shape[1]))
    return np.clip(-np.linalg.solve(normal, (gradient * moving)[:, :, None])[:, :, 0] * moving, -2.0, 2.0)


def refine(problem: Problem, theta: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Trust-region reflective refinement of one solution (scipy, scaled by the Jacobian).

    Returns:
        Parameters, weighted sum of squares, and residuals there.
    """
    theta = np.array(theta, np.float64)
    root = np.sqrt(problem.weight)
    last: dict[str, tuple[bytes, np.ndarray]] = {}

    def whole(x: np.ndarray) -> np.ndarray:
        full = theta.copy()
        full[free] = x
        return full[None]

    def values(x: np.ndarray) -> np.ndarray:
        if last.get("x", (b"", x))[0] != x.tobytes():
            last["x"] = (x.tobytes(), problem.curve(whole(x)))
        return last["x"][1]

    low, high = problem.low[free], problem.high[free]
    margin = 1e-9 * (high - low)
    solution = optimize.least_squares(
        lambda x: root * problem.residual(values(x)[0]),
        np.clip(theta[free], low + margin, high - margin),
        jac=lambda x: (
            root[:, None]  # pyright: ignore[reportArgumentType]
            * problem.smooth_jacobian(whole(x), values(x), free)[0][:, free]
        ),
        bounds=(low, high),
        method="trf",
        x_scale="jac",
        xtol=1e-8,
        ftol=1e-9,
        gtol=1e-12,
        max_nfev=30,
    )
    theta[free] = solution.x
    residual = problem.residual(problem.curve(theta[None])[0])
    return theta, float(np.sum(problem.weight * residual**2)), residual


def at_bounds(problem: Problem, theta: np.ndarray, free: np.ndarray) -> list[int]:
    """Indices of the free parameters that rest on a bound."""
    near = _AT_BOUND * (problem.high - problem.low)
    return [int(i) for i in np.flatnonzero(free & ((theta - problem.low < near) | (problem.high - theta < near)))]


def effective_size(residual: np.ndarray) -> float:
    r"""Number of independent values in a series of correlated residuals: n over the integrated autocorrelation time.

    The autocorrelations are summed in pairs until a pair is no longer positive (initial positive sequence).
    """
    x = residual - residual.mean()
    n = len(x)
    power = np.abs(np.fft.rfft(x, 2 * n)) ** 2
    correlation = np.fft.irfft(power)[:n]
    if correlation[0] <= 0:
        return float(n)
    correlation = correlation / correlation[0]
    time = 1.0
    for k in range(1, n - 1, 2):
        pair = correlation[k] + correlation[k + 1]
        if pair <= 0:
            break
        time += 2.0 * pair
    return float(np.clip(n / time, 1.0, n))


def block_weights(
    rows: np.ndarray, total: int, length: int, replicates: int, generator: np.random.Generator
) -> np.ndarray:
    """Random weights of a Bayesian block bootstrap: one exponential number for each run of `length` rows.

    Contiguous blocks keep the residuals' correlation; no block is ever wholly absent, so that a parameter which a
    single stretch of the measurement informs stays determined.

    Args:
        rows: Indices of the fitted rows.
        total: Number of all rows.
        length: Rows in a block.
        replicates: Number of resamples.
        generator: Random numbers.

    Returns:
        Weights, shape (replicates, total), with mean 1 over the fitted rows and 0 elsewhere.
    """
    block = np.arange(len(rows)) // length
    if block[-1] > 0 and np.sum(block == block[-1]) < 0.5 * length:
        block[block == block[-1]] -= 1
    return weights_of_blocks(rows, block, total, replicates, generator)


def weights_of_blocks(
    rows: np.ndarray, block: np.ndarray, total: int, replicates: int, generator: np.random.Generator
) -> np.ndarray:
    """The same for given block numbers (0, 1, ...) of the fitted rows."""
    draws = generator.exponential(size=(replicates, int(block.max()) + 1))
    weights = np.zeros((replicates, total))
    weights[:, rows] = draws[:, block]
    return weights / weights[:, rows].mean(axis=1, keepdims=True)
