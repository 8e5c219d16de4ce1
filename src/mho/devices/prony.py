"""Stretched exponentials as sums of exponentials, so that a device with any relaxation keeps its exact event face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, nnls

from mho.core.errors import ParameterError
from mho.core.quantities import engineering


@dataclass(frozen=True)
class PronySum:
    r"""A sum of exponentials for a stretched one, :math:`\sum_k a_k e^{-t/\tau_k} \approx e^{-(t/\tau)^\beta}`.

    Args:
        weights: a_k; at least 0, they sum to 1 [1].
        tau: tau_k, ascending [s].
        error: Largest deviation over `span` [1].
        span: Times between which `error` was found [s].
    """

    weights: tuple[float, ...]
    tau: tuple[float, ...]
    error: float
    span: tuple[float, float]

    def __call__(self, t: np.ndarray) -> np.ndarray:
        """The sum at times `t` [s]."""
        return np.exp(-np.asarray(t)[..., None] / np.array(self.tau)) @ np.array(self.weights)


def prony(tau: float, beta: float, modes: int = 6) -> PronySum:
    r"""The best sum of a few exponentials for :math:`e^{-(t/\tau)^\beta}`, 0 < beta <= 1.

    The times lie on a logarithmic grid whose two ends are moved for the least deviation; the weights are those of
    non-negative least squares (a stretched exponential is completely monotone, so that non-negative weights exist).
    The fit runs from 1e-4 tau to where the function has fallen to 1e-3, evenly in log t.

    Args:
        tau: Time scale of the stretched exponential [s].
        beta: Stretching exponent; 1 is a plain exponential [1].
        modes: Number of exponentials, 1 to 12. Six keep the deviation below 0.7 % for beta from 0.5.

    Raises:
        ParameterError: If a value is out of range.

    >>> prony(0.035, 0.65, modes=6).error < 0.005
    True
    """
    if not (np.isfinite(tau) and tau > 0):
        raise ParameterError(f"tau is {engineering(tau, 's')}; it must be above 0 s.")
    if not 0.2 <= beta <= 1.0:
        raise ParameterError(f"beta is {beta:.4g}; it must be 0.2 to 1 (above 1 no sum of decays exists).")
    if not 1 <= modes <= 12:
        raise ParameterError(f"modes is {modes}; it must be 1 to 12.")
    if beta == 1.0:
        return PronySum((1.0,), (float(tau),), 0.0, (0.0, float("inf")))
    last = np.log(1e3) ** (1.0 / beta)
    t = np.geomspace(1e-4, last, 400)
    target = np.exp(-(t**beta))

    def weigh(ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high = ends if modes > 1 else (ends.mean(), ends.mean())
        times = np.exp(np.linspace(low, high, modes))
        basis = np.exp(-t[:, None] / times)
        # A heavy last row ties the sum of the weights to 1: the device's loading must not jump when it starts to relax.
        weights, _ = nnls(np.vstack([basis, np.full(modes, 1e3)]), np.append(target, 1e3))
        return times, weights / weights.sum()

    def deviation(ends: np.ndarray) -> float:
        times, weights = weigh(ends)
        return float(np.max(np.abs(np.exp(-t[:, None] / times) @ weights - target)))

    starts = [np.log([low, last / 3]) for low in (1e-3, 1e-2, 1e-1)]
    ends = min((minimize(deviation, start, method="Nelder-Mead") for start in starts), key=lambda found: found.fun).x
    times, weights = weigh(ends)
    kept = np.flatnonzero(weights > 0)
    kept = kept[np.argsort(times[kept])]
    return PronySum(
        tuple(float(w) for w in weights[kept] / weights[kept].sum()),
        tuple(float(tau * x) for x in times[kept]),
        deviation(ends),
        (float(1e-4 * tau), float(last * tau)),
    )
