"""Tasks of trains: which rate, which rhythm of as many spikes, is there a gap, bursts or single spikes."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError
from mho.networks.tasks.trials import BACKGROUND, JITTER, Trials, balanced, packets, volleys
from mho.networks.trains import generator, poisson_window


def rate(
    trials: int,
    *,
    key: jax.Array,
    rates: Sequence[float] = (10.0, 20.0, 40.0, 80.0),
    strengths: Sequence[int] = (2, 4, 8),
    sources: int = 8,
    jitter: float = JITTER,
    duration: float = 0.5,
    dt: float = 5e-3,
) -> Trials:
    """Which rate has a Poisson train of volleys, when it is not told how many sources fire together?

    Args:
        trials: How many.
        key: JAX random key.
        rates: One a class [1/s].
        strengths: How many of the sources fire together in a trial, drawn anew for each.
        sources: How many there are.
        jitter: Of each spike about its volley [s].
        duration: Of a trial [s].
        dt: Step of the grid [s].

    Raises:
        InputError: If a strength is not between 1 and the number of sources.
    """
    if not all(1 <= s <= sources for s in strengths):
        raise InputError(f"Strengths are {tuple(strengths)}; each must lie from 1 to the {sources} sources.")
    of_times, of_rest = jax.random.split(key)
    draw = generator(of_rest)
    labels = balanced(trials, len(rates), draw)
    times = poisson_window(np.asarray(rates)[labels], duration, key=of_times, dead_time=dt)
    strength = np.asarray(strengths)[draw.integers(len(strengths), size=trials)]
    members = np.argsort(draw.random((trials, sources)), axis=1)
    groups = [members] * times.shape[1]
    spikes = volleys(times, groups, total=sources, duration=duration, dt=dt, jitter=jitter, background=0.0, draw=draw)
    silent = np.argsort(members, axis=1) >= strength[:, None]  # all were laid down; those beyond the strength go
    return Trials(spikes * ~silent[:, None, :], labels, tuple(engineering(r, "Hz") for r in rates), dt)


def rhythm(
    trials: int,
    *,
    key: jax.Array,
    short: float = 50e-3,
    long: float = 110e-3,
    patterns: Sequence[str] = ("ssll", "llss", "slsl"),
    packet: int = 2,
    spacing: float = 10e-3,
    sources: int = 8,
    onset: float = 60e-3,
    jitter: float = JITTER,
    background: float = BACKGROUND,
    duration: float = 0.5,
    dt: float = 5e-3,
) -> Trials:
    """Which rhythm? All have as many packets in the same time; only the order of short and long intervals differs.

    Args:
        trials: How many.
        key: JAX random key.
        short: Short interval [s].
        long: Long interval [s].
        patterns: One a class: its intervals, s or l, from packet to packet.
        packet: Volleys of a packet.
        spacing: Between them [s].
        sources: That fire together.
        onset: Latest time of the first volley [s].
        jitter: Of each spike about its volley [s].
        background: Rate of single spikes of a source [1/s].
        duration: Of a trial [s].
        dt: Step of the grid [s].

    Raises:
        InputError: If patterns differ in their number of short or long intervals.
    """
    if len({"".join(sorted(p)) for p in patterns}) != 1 or set("".join(patterns)) - set("sl"):
        raise InputError(f"Patterns {tuple(patterns)} must have as many s and as many l each, and nothing else.")
    draw = generator(key)
    labels = balanced(trials, len(patterns), draw)
    gaps = np.array([[short if c == "s" else long for c in pattern] for pattern in patterns])
    starts = np.concatenate([np.zeros((len(patterns), 1)), np.cumsum(gaps, axis=1)], axis=1)
    begin = onset * draw.random(trials)[:, None] + starts[labels]
    group = np.tile(np.arange(sources), (trials, 1))
    times, groups = packets(begin, [group] * begin.shape[1], packet, spacing)
    spikes = volleys(
        times, groups, total=sources, duration=duration, dt=dt, jitter=jitter,
        background=background, draw=draw,
    )  # fmt: skip
    return Trials(spikes, labels, tuple(patterns), dt)


def gap(
    trials: int,
    *,
    key: jax.Array,
    silence: float = 100e-3,
    spacing: tuple[float, float] = (20e-3, 40e-3),
    count: tuple[int, int] = (7, 9),
    edge: int = 2,
    sources: int = 8,
    onset: float = 40e-3,
    jitter: float = JITTER,
    background: float = BACKGROUND,
    duration: float = 0.5,
    dt: float = 5e-3,
) -> Trials:
    """Is there a gap in an irregular stream of volleys, whose number and spacing are drawn alike with and without?

    One interval between two volleys, neither of the first nor of the last ones, is longer by the gap. Streams with a
    gap therefore last longer; when a stream began a network has to remember too.

    Args:
        trials: How many.
        key: JAX random key.
        silence: What a gap adds to an interval [s].
        spacing: Shortest and longest interval between two volleys without a gap, each drawn anew [s].
        count: Fewest and most volleys of a stream, drawn anew for each trial.
        edge: Volleys that there are at least on either side of a gap.
        sources: That fire together.
        onset: Latest time of the first volley [s].
        jitter: Of each spike about its volley [s].
        background: Rate of single spikes of a source [1/s].
        duration: Of a trial [s].
        dt: Step of the grid [s].

    Raises:
        InputError: If the shortest stream has no room for a gap, or a stream does not fit the trial.
    """
    fewest, most = count
    if edge < 1 or not 2 * edge <= fewest <= most:
        raise InputError(
            f"Streams have {fewest} to {most} volleys with {edge} on either side of a gap; give at least one a side, "
            f"and from {2 * edge} volleys on."
        )
    draw = generator(key)
    labels = balanced(trials, 2, draw)
    number = draw.integers(fewest, most + 1, size=trials)
    intervals = draw.uniform(*spacing, (trials, most - 1))
    after = draw.integers(edge, number - edge + 1)  # volleys ahead of the gap
    intervals[np.arange(trials), after - 1] += silence * labels
    first = onset * draw.random(trials)[:, None]
    times = first + np.concatenate([np.zeros((trials, 1)), np.cumsum(intervals, axis=1)], axis=1)
    times[np.arange(most) >= number[:, None]] = np.nan
    group = np.tile(np.arange(sources), (trials, 1))
    spikes = volleys(
        times, [group] * most, total=sources, duration=duration, dt=dt, jitter=jitter,
        background=background, draw=draw,
    )  # fmt: skip
    return Trials(spikes, labels, ("no gap", "gap"), dt)


def burst(
    trials: int,
    *,
    key: jax.Array,
    spikes_each: int = 6,
    length: int = 3,
    within: float = 10e-3,
    apart: float = 55e-3,
    sources: int = 8,
    onset: float = 40e-3,
    jitter: float = 1e-3,
    background: float = BACKGROUND,
    duration: float = 0.5,
    dt: float = 5e-3,
) -> Trials:
    """Bursts or single volleys, as many of either: a membrane sums a burst, so that no memory is asked for.

    Args:
        trials: How many.
        key: JAX random key.
        spikes_each: Volleys of a trial.
        length: Volleys of a burst.
        within: Between volleys of a burst [s].
        apart: Between single volleys [s].
        sources: That fire together.
        onset: Latest time of the first volley [s].
        jitter: Of each spike about its volley [s].
        background: Rate of single spikes of a source [1/s].
        duration: Of a trial [s].
        dt: Step of the grid [s].

    Raises:
        InputError: If bursts do not fill the trial's volleys.
    """
    if spikes_each % length or length < 2:
        raise InputError(f"{spikes_each} volleys make no whole bursts of {length}; give a multiple, of at least 2.")
    draw = generator(key)
    labels = balanced(trials, 2, draw)
    k = np.arange(spikes_each)
    bursts = (k // length) * (apart * length) + (k % length) * within
    starts = np.where(labels[:, None] == 0, bursts, k * apart)
    group = np.tile(np.arange(sources), (trials, 1))
    spikes = volleys(
        onset * draw.random(trials)[:, None] + starts, [group] * spikes_each, total=sources, duration=duration, dt=dt,
        jitter=jitter, background=background, draw=draw,
    )  # fmt: skip
    return Trials(spikes, labels, ("bursts", "singles"), dt)
