"""Images as spikes: by the rate of a pixel's train, or by the time of its one spike."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from mho.core.errors import InputError
from mho.networks.tasks.digits import CLASSES, SIDE, Digits, digits
from mho.networks.tasks.trials import Trials, balanced, steps_of
from mho.networks.trains import generator


def rate_code(
    images: Any, *, key: jax.Array, highest: float = 100.0, duration: float = 0.1, dt: float = 5e-3
) -> np.ndarray:
    """A Poisson train a pixel, whose rate is the pixel's brightness: spikes (images, steps, pixels).

    Args:
        images: Between 0 and 1, (n, ...).
        key: JAX random key.
        highest: Rate of a white pixel [1/s].
        duration: [s].
        dt: Step of the grid [s].

    Raises:
        InputError: If a pixel lies outside 0 to 1, or would fire more than once a step.
    """
    bright = _flat(images)
    if highest * dt > 1.0:
        raise InputError(f"A rate of {highest:.4g} /s is more than one spike in a step of {dt:.4g} s. Lower one.")
    draws = generator(key).random((len(bright), steps_of(duration, dt), bright.shape[1]))
    return (draws < highest * dt * bright[:, None, :]).astype(np.uint8)


def latency_code(
    images: Any, *, latest: float = 80e-3, least: float = 0.1, duration: float = 0.1, dt: float = 5e-3
) -> np.ndarray:
    """One spike a pixel, the earlier the brighter: spikes (images, steps, pixels).

    Args:
        images: Between 0 and 1, (n, ...).
        latest: Time of the spike of the faintest pixel that fires [s].
        least: Brightness below which a pixel stays silent [1].
        duration: [s].
        dt: Step of the grid [s].

    Raises:
        InputError: If a pixel lies outside 0 to 1, or the latest spike outside the duration.
    """
    bright = _flat(images)
    steps = steps_of(duration, dt)
    if not 0.0 <= latest < duration:
        raise InputError(f"The latest spike comes at {latest:.4g} s; it must lie within {duration:.4g} s.")
    at = np.floor(latest * (1.0 - bright) / (1.0 - least) / dt).astype(int)
    spikes = np.zeros((len(bright), steps, bright.shape[1]), np.uint8)
    rows, pixels = np.nonzero(bright >= least)
    spikes[rows, np.minimum(at[rows, pixels], steps - 1), pixels] = 1
    return spikes


def coded_digits(data: Digits, code: str, *, key: jax.Array, dt: float = 5e-3, **how: Any) -> tuple[Trials, Trials]:
    """The digits as spikes, to train on and for the test.

    Args:
        data: From :func:`mho.networks.tasks.digits`.
        code: "rate" or "latency".
        key: JAX random key; the latency code draws nothing.
        dt: Step of the grid [s].
        **how: Further arguments of the code.
    """
    if code not in ("rate", "latency"):
        raise InputError(f"The code is {code!r}; it must be 'rate' or 'latency'.")
    names = tuple(str(k) for k in range(CLASSES))
    found = []
    parts = ((data.images, data.labels), (data.test_images, data.test_labels))
    for own, (images, labels) in zip(jax.random.split(key), parts, strict=True):
        spikes = rate_code(images, key=own, dt=dt, **how) if code == "rate" else latency_code(images, dt=dt, **how)
        found.append(Trials(spikes, labels, names, dt))
    return found[0], found[1]


def digits_by_rows(
    trials: int, *, key: jax.Array, test: bool = False, highest: float = 100.0, steps: int = 100, dt: float = 5e-3
) -> Trials:
    """Digits shown one row of pixels after the other, a source a column, by the rate of its Poisson train.

    Args:
        trials: How many digits, drawn with replacement, every class as often as any other.
        key: JAX random key.
        test: Whether they are of the held-out part.
        highest: Rate of a white pixel [1/s].
        steps: Of a trial, shared evenly by the rows.
        dt: Step of the grid [s].

    Raises:
        InputError: If a row has no step, or scikit-learn is missing.
    """
    if steps < SIDE:
        raise InputError(f"{steps} steps show no {SIDE} rows; give at least {SIDE}.")
    data = digits()
    images, labels = (data.test_images, data.test_labels) if test else (data.images, data.labels)
    draw = generator(key)
    wanted = balanced(trials, CLASSES, draw)
    pools = [np.flatnonzero(labels == k) for k in range(CLASSES)]
    chosen = np.array([draw.choice(pools[k]) for k in wanted])
    shown = np.repeat(_flat(images[chosen]).reshape(-1, SIDE, SIDE), steps // SIDE, axis=1)
    spikes = (draw.random(shown.shape) < highest * dt * shown).astype(np.uint8)
    return Trials(spikes, wanted, tuple(str(k) for k in range(CLASSES)), dt)


def _flat(images: Any) -> np.ndarray:
    bright = np.asarray(images, np.float64)
    bright = bright.reshape(len(bright), -1)
    if bright.size and not (np.min(bright) >= 0.0 and np.max(bright) <= 1.0):
        raise InputError(f"Pixels run from {np.min(bright):.4g} to {np.max(bright):.4g}; scale them to 0 to 1.")
    return bright
