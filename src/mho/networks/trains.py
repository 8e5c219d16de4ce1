"""Spike trains to drive networks with: regular and Poisson; every draw from an explicit key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError, SolverError


def regular_train(rate: float, spikes: int, *, start: float = 0.0) -> np.ndarray:
    """`spikes` spikes at `rate` [1/s], the first at `start` [s]."""
    _check(rate)
    return start + np.arange(spikes) / rate


def poisson_trains(rates: Any, spikes: int, *, key: jax.Array, dead_time: float = 0.0) -> np.ndarray:
    """Trains of `spikes` spikes each with exponential intervals, and no two closer than `dead_time`.

    The mean rate is the one asked for: the dead time is taken off the mean of the exponential.

    Args:
        rates: Mean rate of each train, shape (n,) [1/s].
        spikes: Spikes of each train.
        key: JAX random key.
        dead_time: Shortest interval, for example the width of a pulse [s].

    Returns:
        Times, shape (n, spikes), the first spike after an interval from 0 [s].

    Raises:
        InputError: If a rate is not above zero, or its mean interval is not longer than the dead time.
    """
    rates = np.atleast_1d(np.asarray(rates, np.float64))
    _check(float(np.min(rates)))
    if np.max(rates) * dead_time >= 1:
        raise InputError(
            f"A rate of {engineering(float(np.max(rates)), 'Hz')} leaves no room for a dead time of "
            f"{engineering(dead_time, 's')}; stay below {engineering(1 / dead_time, 'Hz')}."
        )
    draws = generator(key).exponential(size=(rates.size, spikes))
    gaps = dead_time + (1.0 / rates[:, None] - dead_time) * draws
    return np.cumsum(gaps, axis=1)


def poisson_window(rates: Any, window: float, *, key: jax.Array, dead_time: float = 0.0) -> np.ndarray:
    """Poisson trains of one duration: how many spikes fall into it differs from train to train.

    Args:
        rates: Mean rate of each train, shape (n,) [1/s].
        window: Duration [s].
        key: JAX random key.
        dead_time: Shortest interval [s].

    Returns:
        Times, shape (n, most), rows padded with NaN [s].
    """
    mean = float(np.max(np.asarray(rates))) * window
    most = int(np.ceil(mean + 8 * np.sqrt(mean) + 8))  # a train exceeds this once in 1e14
    times = poisson_trains(rates, most, key=key, dead_time=dead_time)
    if np.any(times[:, -1] < window):
        raise SolverError(
            f"A Poisson train of {engineering(window, 's')} holds more than {most} spikes. Draw it with another key."
        )
    return np.where(times < window, times, np.nan)


def generator(key: jax.Array) -> np.random.Generator:
    """NumPy's generator for a JAX key: data that are made once, on the host, need no compilation."""
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([int(x) for x in np.asarray(data).ravel()])))


def _check(rate: float) -> None:
    if not (np.isfinite(rate) and rate > 0):
        raise InputError(f"The rate is {engineering(rate, '1/s')}; it must be above 0 and finite.")


def padded_trains(trains: Sequence[np.ndarray]) -> np.ndarray:
    """Trains of different lengths as one array of shape (n, most), rows padded with NaN."""
    most = max((len(train) for train in trains), default=0)
    rows = np.full((len(trains), max(most, 1)), np.nan)
    for row, train in zip(rows, trains, strict=True):
        row[: len(train)] = train
    return rows
