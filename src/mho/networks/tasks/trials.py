"""What a spiking task is made of: spikes on a grid with labels, and volleys to make them of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mho.core import engineering
from mho.core.errors import InputError

JITTER = 2e-3
"""Usual standard deviation of a spike about its volley [s]."""
BACKGROUND = 0.5
"""Usual rate of single spikes of a source [1/s]."""


class Trials(NamedTuple):
    """Labelled spike trains on a grid.

    Args:
        spikes: 1 or 0, (trials, steps, sources), whole numbers of one byte.
        labels: Which class, (trials,).
        classes: What each class is.
        dt: Step of the grid [s].
    """

    spikes: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    dt: float

    @property
    def chance(self) -> float:
        """Share that a guess gets right, of equally frequent classes."""
        return 1.0 / len(self.classes)


def balanced(count: int, classes: int, draw: np.random.Generator) -> np.ndarray:
    """`count` labels, every class as often as any other (up to one), in random order.

    Raises:
        InputError: If there are fewer than two classes, or fewer trials than classes.
    """
    if classes < 2:
        raise InputError(f"The task has {classes} classes; nothing is told apart with fewer than 2. Give more.")
    if count < classes:
        raise InputError(f"There are {count} trials for {classes} classes; ask for at least one of each.")
    return draw.permutation(np.arange(count) % classes).astype(np.int32)


def steps_of(duration: float, dt: float) -> int:
    """Whole steps in a duration [s].

    Raises:
        InputError: If it is shorter than half a step.
    """
    finite = np.isfinite(duration) and np.isfinite(dt)
    steps = round(duration / dt) if finite and dt > 0 else 0
    if steps < 1:
        raise InputError(
            f"A duration of {engineering(duration, 's')} has no step of {engineering(dt, 's')}. Both must be finite "
            "and above 0, and the duration a step or more: lengthen it, or shorten the step."
        )
    return steps


def volleys(
    times: np.ndarray,
    sources: Sequence[np.ndarray],
    *,
    total: int,
    duration: float,
    dt: float,
    jitter: float,
    background: float,
    draw: np.random.Generator,
) -> np.ndarray:
    """Trials in which groups of sources fire together, over a background of single spikes.

    Args:
        times: When, (trials, volleys), NaN for none [s].
        sources: Which fire at each volley, one array (trials, group) a volley.
        total: How many sources there are.
        duration: Of a trial [s].
        dt: Step of the grid [s].
        jitter: Standard deviation of a spike about its volley [s].
        background: Rate of single spikes of each source [1/s].
        draw: Random numbers.

    Returns:
        Spikes (trials, steps, total).

    Raises:
        InputError: If a volley lies outside the trial.
    """
    steps = steps_of(duration, dt)
    if np.nanmin(times) < 0 or np.nanmax(times) >= duration:
        raise InputError(
            f"A volley comes at {engineering(float(np.nanmax(times)), 's')} of a trial of "
            f"{engineering(duration, 's')}. Make the trial longer or the intervals shorter."
        )
    spikes = (draw.random((len(times), steps, total)) < background * dt).astype(np.uint8)
    for k, group in enumerate(sources):
        there = np.isfinite(times[:, k])
        group = group[there]
        at = times[there, k][:, None] + jitter * draw.standard_normal(group.shape)
        at = np.clip(np.floor(at / dt), 0, steps - 1).astype(int)
        spikes[np.flatnonzero(there)[:, None], at, group] = 1
    return spikes


def packets(starts: np.ndarray, sources: Sequence[np.ndarray], count: int, spacing: float) -> tuple[np.ndarray, list]:
    """Volleys of packets: `count` of them a packet, `spacing` apart [s].

    Args:
        starts: Start of each packet, (trials, packets) [s].
        sources: Which fire in each packet, one array (trials, group) a packet.
        count: Volleys of a packet.
        spacing: Between them [s].

    Returns:
        Times (trials, packets * count) and sources of every volley, as :func:`volleys` takes them.

    Raises:
        InputError: If a packet holds no volley.
    """
    if count < 1:
        raise InputError(f"A packet has {count} volleys; it needs at least 1.")
    times = starts[:, :, None] + spacing * np.arange(count)
    return times.reshape(len(starts), -1), [group for group in sources for _ in range(count)]
