"""Tasks of a few packets of volleys: how long between two, which came first, is the probe what was shown before?

A packet is a short burst of volleys, all sources of a group at once; a trial is silent between packets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError
from mho.networks.tasks.trials import BACKGROUND, JITTER, Trials, balanced, packets, steps_of, volleys
from mho.networks.trains import generator


def interval(
    trials: int,
    *,
    key: jax.Array,
    intervals: Sequence[float] = (60e-3, 120e-3, 240e-3),
    packet: int = 4,
    spacing: float = 10e-3,
    sources: int = 8,
    onset: float = 60e-3,
    jitter: float = JITTER,
    background: float = BACKGROUND,
    duration: float = 0.5,
    dt: float = 5e-3,
) -> Trials:
    """How long between two packets of all sources? The first comes at a random time, so that no clock tells.

    Args:
        trials: How many.
        key: JAX random key.
        intervals: From the last volley of one to the first of the other, one a class [s].
        packet: Volleys of a packet.
        spacing: Between them [s].
        sources: That fire together.
        onset: Latest time of the first volley [s].
        jitter: Of each spike about its volley [s].
        background: Rate of single spikes of a source [1/s].
        duration: Of a trial [s].
        dt: Step of the grid [s].

    Raises:
        InputError: If there are fewer than two intervals, one is shorter than a step, or two differ by less than one.
    """
    steps_of(duration, dt)
    _check_intervals(intervals, dt)
    draw = generator(key)
    labels = balanced(trials, len(intervals), draw)
    first = onset * draw.random(trials)
    group = np.tile(np.arange(sources), (trials, 1))
    spikes = _two(
        first, np.asarray(intervals)[labels], [group, group], packet, spacing,
        total=sources, duration=duration, dt=dt, jitter=jitter, background=background, draw=draw,
    )  # fmt: skip
    return Trials(spikes, labels, tuple(engineering(x, "s") for x in intervals), dt)


def order(
    trials: int,
    *,
    key: jax.Array,
    gap: tuple[float, float] = (60e-3, 120e-3),
    packet: int = 4,
    spacing: float = 10e-3,
    group: int = 4,
    onset: float = 60e-3,
    jitter: float = JITTER,
    background: float = BACKGROUND,
    duration: float = 0.5,
    dt: float = 5e-3,
) -> Trials:
    """Two groups of sources fire a packet each: which came first?

    Args:
        trials: How many.
        key: JAX random key.
        gap: Shortest and longest silence between the two [s].
        packet: Volleys of a packet.
        spacing: Between them [s].
        group: Sources of each group.
        onset: Latest time of the first volley [s].
        jitter: Of each spike about its volley [s].
        background: Rate of single spikes of a source [1/s].
        duration: Of a trial [s].
        dt: Step of the grid [s].
    """
    draw = generator(key)
    labels = balanced(trials, 2, draw)
    first = onset * draw.random(trials)
    groups = [which[:, None] * group + np.arange(group) for which in (labels, 1 - labels)]
    spikes = _two(
        first, draw.uniform(*gap, trials), groups, packet, spacing,
        total=2 * group, duration=duration, dt=dt, jitter=jitter, background=background, draw=draw,
    )  # fmt: skip
    return Trials(spikes, labels, ("A first", "B first"), dt)


def match(
    trials: int,
    *,
    key: jax.Array,
    delay: tuple[float, float] = (60e-3, 160e-3),
    packet: int = 4,
    spacing: float = 10e-3,
    group: int = 4,
    onset: float = 60e-3,
    jitter: float = JITTER,
    background: float = BACKGROUND,
    duration: float = 0.5,
    dt: float = 5e-3,
) -> Trials:
    """Delayed match to sample: a group of sources fires a packet, all is silent, another probes: the same group?

    What was shown can be kept without a spike, in synapses that are still facilitated: Mongillo, Barak, Tsodyks,
    Science 319 (2008) 1543.

    Args:
        trials: How many.
        key: JAX random key.
        delay: Shortest and longest silence between cue and probe [s].
        packet: Volleys of a packet.
        spacing: Between them [s].
        group: Sources of each of the two groups.
        onset: Latest time of the cue [s].
        jitter: Of each spike about its volley [s].
        background: Rate of single spikes of a source [1/s].
        duration: Of a trial [s].
        dt: Step of the grid [s].
    """
    draw = generator(key)
    kind = balanced(trials, 4, draw)
    shown, asked = kind // 2, kind % 2
    first = onset * draw.random(trials)
    groups = [which[:, None] * group + np.arange(group) for which in (shown, asked)]
    spikes = _two(
        first, draw.uniform(*delay, trials), groups, packet, spacing,
        total=2 * group, duration=duration, dt=dt, jitter=jitter, background=background, draw=draw,
    )  # fmt: skip
    return Trials(spikes, (shown == asked).astype(np.int32), ("other", "same"), dt)


def _check_intervals(intervals: Sequence[float], dt: float) -> None:
    """Refuse intervals that the grid cannot tell apart."""
    listed, step = ", ".join(engineering(x, "s") for x in intervals) or "none", engineering(dt, "s")
    x = np.sort(np.asarray(intervals, np.float64))
    if x.ndim != 1 or x.size < 2 or not np.isfinite(x).all():
        raise InputError(f"The intervals are {listed}; give at least two finite ones, one a class.")
    if x[0] < dt * (1 - 1e-9) or np.min(np.diff(x)) < dt * (1 - 1e-9):
        raise InputError(
            f"The intervals are {listed} on a grid of {step}; each must be {step} or longer, and {step} or more apart. "
            "Spread them, or shorten dt."
        )


def _two(
    first: np.ndarray, silence: np.ndarray, groups: list[np.ndarray], packet: int, spacing: float, **how: Any
) -> np.ndarray:
    """Trials of two packets with a silence (trials,) [s] between them, each of a group of sources."""
    second = first + spacing * (packet - 1) + silence
    times, members = packets(np.stack([first, second], axis=1), groups, packet, spacing)
    return volleys(times, members, **how)
