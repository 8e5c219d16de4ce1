"""Noise in a transient: what is asked for, and the noise currents on a grid of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.elements import NoiseCurrent
from mho.core import random
from mho.core.errors import InputError

KINDS = ("thermal", "shot", "flicker")
RATIO = 10.0  # from one Lorentzian of flicker noise to the next; their sum waves by 5.5 % about 1/f


@dataclass(frozen=True, kw_only=True)
class TransientNoise:
    r"""Asks a transient for the noise currents of all elements.

    Every current is drawn at the times k dt, :math:`dt = 1/2B`, with the variance :math:`S/2dt` of its density S at the
    bias of the moment, and goes straight from one to the next: its spectrum is :math:`S\,\mathrm{sinc}^4(f\,dt)`. Steps
    end on this grid. Flicker noise is a sum of Lorentzians, one a decade from `lowest` to B: 1/f within 5.5 % between.

    The numbers depend on the seed, the sample, the source and k alone: another tolerance gives the same noise.

    Args:
        bandwidth: B [Hz].
        seed: Of the noise; one seed gives one noise.
        lowest: Lowest corner of flicker noise [Hz].
        kinds: Of "thermal", "shot", "flicker".
        first: Number of the first sample, where a population is run in parts.

    Raises:
        InputError: If a number is out of range, or a kind unknown.

    Limits: the density is that at the grid's point before, so that it lags by dt. What a noise current does to the
    charge of a source that holds a node is not in the ledger.
    """

    bandwidth: float
    seed: int = 1
    lowest: float = 1.0
    kinds: tuple[str, ...] = KINDS
    first: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.bandwidth) and self.bandwidth > 0):
            raise InputError(f"TransientNoise.bandwidth is {self.bandwidth} Hz; it must be above 0.")
        if not 0 < self.lowest <= self.bandwidth:
            raise InputError(
                f"TransientNoise.lowest is {self.lowest:g} Hz; it must be above 0 and below the bandwidth."
            )
        for kind in self.kinds:
            if kind not in KINDS:
                raise InputError(f"The kind of noise is {kind!r}; it must be one of {', '.join(KINDS)}.")

    @property
    def step(self) -> float:
        """Spacing of the grid, dt [s]."""
        return 0.5 / self.bandwidth

    @property
    def poles(self) -> int:
        """Number of Lorentzians."""
        return int(np.ceil(np.log(self.bandwidth / self.lowest) / np.log(RATIO))) + 1 if "flicker" in self.kinds else 0


class NoiseSettings(NamedTuple):
    """Numbers of the noise that compile nothing: step [s], the key's two words, first sample, corners [Hz]."""

    step: Any
    words: Any
    first: Any
    corners: Any


class NoiseState(NamedTuple):
    """Noise of each lane: the grid's interval, currents at its ends [source, lane], Lorentzians [process, lane]."""

    interval: Any
    now: Any
    following: Any
    slow: Any


def settings(noise: TransientNoise) -> NoiseSettings:
    """The numbers of what is asked for."""
    corners = noise.lowest * RATIO ** np.arange(noise.poles)
    words = np.asarray(jax.random.key_data(jax.random.key(noise.seed)), np.uint32)
    return NoiseSettings(np.asarray(noise.step), words, np.asarray(noise.first, np.int32), corners)


def silent(interval: Any, sources: int, slow: int, xp: Any) -> NoiseState:
    """No noise yet: the first turn draws it."""
    rows = lambda n: xp.zeros((n, *interval.shape))  # noqa: E731
    return NoiseState(interval - 1, rows(sources), rows(sources), rows(slow))


def interval_of(t: Any, s: NoiseSettings) -> Any:
    """Number of the grid's interval that begins at or before t."""
    return jnp.floor(t / s.step + 1e-6).astype(jnp.int32)


def at(state: NoiseState, t: Any, s: NoiseSettings) -> Any:
    """Noise currents at times t, [source, lane]."""
    x = jnp.clip(t / s.step - state.interval, 0.0, 1.0)
    return state.now + x * (state.following - state.now)


def advanced(
    state: NoiseState, t: Any, job: Any, currents: list[tuple[str, NoiseCurrent]], s: NoiseSettings
) -> NoiseState:
    """The state in the interval that t lies in, which is this one or the next."""
    interval = interval_of(t, s)
    entered = interval > state.interval
    white = [x for _, x in currents if x.kind != "flicker"]
    slow = [x for _, x in currents if x.kind == "flicker"]
    poles = s.corners.shape[0] if slow else 0
    count = len(white) + len(slow) * poles
    sample = (job + s.first).astype(jnp.uint32)
    z = _normals(s.words, interval + 1, sample, count)
    zero = jnp.zeros(t.shape)
    fresh = [jnp.sqrt(x.density / (2.0 * s.step) + zero) * z[i] for i, x in enumerate(white)]
    processes = []
    if slow:
        keep = jnp.exp(-2.0 * np.pi * s.corners * s.step)[:, None]
        keep = jnp.where(state.interval < 0, 0.0, keep)  # at first each is drawn from its stationary distribution
        draw = jnp.sqrt(1.0 - keep * keep)
        for i, x in enumerate(slow):
            rows = slice(i * poles, (i + 1) * poles)
            y = keep * state.slow[rows] + draw * z[len(white) + i * poles : len(white) + (i + 1) * poles]
            processes.append(y)
            # The sum of Lorentzians of these variances is 1/f^exponent.
            exponent = x.exponent + zero
            share = jnp.sin(0.5 * np.pi * exponent) * np.log(RATIO) * s.corners[:, None] ** (1.0 - exponent)
            fresh.append(jnp.sqrt(x.density + zero) * jnp.sum(jnp.sqrt(share) * y, axis=0))
    new = NoiseState(
        interval,
        state.following,
        jnp.stack(fresh),
        jnp.concatenate(processes) if processes else state.slow,
    )
    return jax.tree.map(lambda a, b: jnp.where(entered, a, b), new, state)


def _normals(words: Any, index: Any, sample: Any, count: int) -> Any:
    """Standard normal numbers [count, lane]: functions of the key, the grid's point, the sample and the row alone."""
    pairs = (count + 1) // 2
    stream = sample * np.uint32(pairs) + jnp.arange(pairs, dtype=jnp.uint32)[:, None]
    both = random.normal_pair_at(words, jnp.broadcast_to(index.astype(jnp.uint32), stream.shape), stream)
    return jnp.concatenate(both)[:count].astype(jnp.float64)
