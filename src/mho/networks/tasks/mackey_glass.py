"""The Mackey-Glass series, made here, and the trains of sources whose rates follow it."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from mho.core.errors import InputError
from mho.networks.trains import generator


def mackey_glass(
    length: int,
    *,
    tau: float = 17.0,
    beta: float = 0.2,
    gamma: float = 0.1,
    exponent: float = 10.0,
    start: float = 1.2,
    step: float = 0.1,
    warm_up: float = 500.0,
    key: jax.Array | None = None,
) -> np.ndarray:
    r"""The delay equation :math:`\dot x = \beta x_\tau / (1 + x_\tau^n) - \gamma x`, one value a unit of time.

    Runge and Kutta's fourth order; the delayed value between two grid points by cubic Hermite interpolation, which is
    of the same order. Chaotic for tau of 17 and more.

    Args:
        length: Values.
        tau: Delay, in units of time, a whole number of steps.
        beta: Production.
        gamma: Decay.
        exponent: n.
        start: x before time 0.
        step: Of the integration, in units of time, which it divides.
        warm_up: Time that is left out at the begin.
        key: Where given, the constant past is varied by up to a tenth: another piece of the attractor.

    Returns:
        Shape (length,).

    Raises:
        InputError: If no value is asked for, a number is not finite, or the step does not divide delay or unit of
            time.

    Source: M. C. Mackey, L. Glass, Science 197 (1977) 287.
    """
    if length < 1:
        raise InputError(f"mackey_glass was asked for {length} values; ask for at least 1.")
    for name, value in (("tau", tau), ("step", step)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{name} is {value:.4g} units of time; it must be finite and above 0.")
    if not (np.isfinite(warm_up) and warm_up >= 0):
        raise InputError(f"warm_up is {warm_up:.4g} units of time; it must be finite and at least 0.")
    lag, per_unit = round(tau / step), round(1.0 / step)
    if lag < 1 or abs(lag * step - tau) > 1e-9 or abs(per_unit * step - 1.0) > 1e-9:
        raise InputError(f"A step of {step:.4g} divides neither a unit of time nor the delay of {tau:.4g} evenly.")
    if key is not None:
        start = start * (1.0 + 0.1 * (2.0 * generator(key).random() - 1.0))
    count = round((warm_up + length) * per_unit)
    x = np.full(lag + count + 1, float(start))
    slope = np.zeros_like(x)

    def rate(now: float, before: float) -> float:
        return beta * before / (1.0 + before**exponent) - gamma * now

    slope[lag] = rate(x[lag], x[0])
    for k in range(lag, lag + count):
        old, new = x[k - lag], x[k - lag + 1]
        # the past is constant: its slope leaps at time 0, and what ends there has the one before
        ahead = 0.0 if k == 2 * lag - 1 else slope[k - lag + 1]
        middle = 0.5 * (old + new) + step / 8.0 * (slope[k - lag] - ahead)
        a = slope[k]
        b = rate(x[k] + 0.5 * step * a, middle)
        c = rate(x[k] + 0.5 * step * b, middle)
        d = rate(x[k] + step * c, new)
        x[k + 1] = x[k] + step / 6.0 * (a + 2.0 * b + 2.0 * c + d)
        slope[k + 1] = rate(x[k + 1], new)
    first = lag + round(warm_up * per_unit)
    return x[first : first + length * per_unit : per_unit]


def followed(series: Any, sources: int, *, key: jax.Array, share: float = 0.25, width: float = 0.15) -> np.ndarray:
    r"""Trains of sources that each prefer one value of a series, one step a value: spikes (steps, sources).

    A source gathers :math:`s\,e^{-(x - c)^2/2w^2}` a step and fires when it has gathered one: no noise, any phase.

    Args:
        series: Values, (steps,).
        sources: How many; their preferred values lie evenly over the range of the series.
        key: JAX random key of the phases.
        share: Spikes a step at the preferred value, s [1].
        width: Width of the preference over the range of the series, w.

    Raises:
        InputError: If a source would fire more than once a step.
    """
    if not 0.0 < share <= 1.0:
        raise InputError(f"A source gathers {share:.4g} spikes a step; give more than 0 and at most 1.")
    x = np.asarray(series, np.float64)
    low, high = np.min(x), np.max(x)
    centres = np.linspace(low, high, sources)
    drive = share * np.exp(-0.5 * ((x[:, None] - centres) / (width * (high - low))) ** 2)
    gathered = np.cumsum(drive, axis=0) + generator(key).random(sources)
    return np.diff(np.floor(gathered), axis=0, prepend=0.0).clip(0, 1).astype(np.uint8)
