"""The effects that lie over one device, and what moves in them."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.devices.effects.drift import AbstractDrift
from mho.devices.effects.fault import Stuck
from mho.devices.effects.read_noise import AbstractReadNoise, Seen, TelegraphNoise, drawn_trap
from mho.devices.effects.retention import Retention
from mho.devices.effects.wear import AbstractWear

_COUNTERS = {"age", "charge", "cycles", "pulses"}  # leaves of a state that only count: retention does not undo them
_TINY = 1e-30  # conductance [S] below which a ratio of conductances has no meaning


class OverlayState(eqx.Module):
    """What moves in the effects.

    Args:
        age: Time since the last write [s].
        drift_age: The same, at the temperature at which the drift would have gone as far at 300.15 K [s].
        lost: Time since the last write in units of the retention time [1].
        draw: Standard normal number of the last write, which sets the drift of this device [1].
        cycles: Equivalent full cycles of the window: the conductance travelled over twice its width [1].
        traps: Probability that each trap is filled, one per telegraph noise [1].
    """

    age: Number = quantity("s")
    drift_age: Number = quantity("s")
    lost: Number = quantity("1")
    draw: Number = quantity("1")
    cycles: Number = quantity("1")
    traps: tuple[Number, ...] = quantity("1", default=())


class Overlay(eqx.Module):
    """Effects laid over a device, in the order in which they act: drift, wear, fault; noise comes with a read.

    Args:
        drift: How the read conductance changes with the time since the last write.
        retention: How the state is lost.
        noise: Noises of a read; they add up.
        wear: What cycles do, one after the other.
        fault: Whether the device is stuck.
        restart: Change of conductance, as a share of the window, by which a pulse counts as a write: drift and
            retention then start anew, and a pulse below threshold does not stop them [1].
    """

    drift: AbstractDrift | None = None
    retention: Retention | None = None
    noise: tuple[AbstractReadNoise, ...] = ()
    wear: tuple[AbstractWear, ...] = ()
    fault: Stuck | None = None
    restart: Number = quantity("1", low=0.0, high=1.0, default=1e-4)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def telegraphs(self) -> tuple[TelegraphNoise, ...]:
        """The noises that have a trap."""
        return tuple(n for n in self.noise if isinstance(n, TelegraphNoise))

    def fresh(self, zero: Number) -> OverlayState:
        """Just written, never cycled, traps in equilibrium; `zero` has the batch shape."""
        traps = tuple(zero + n.filled_share for n in self.telegraphs)
        return OverlayState(zero, zero, zero, zero, zero, traps)

    def written(self, state: OverlayState, change: Number, *, key: jax.Array) -> OverlayState:
        """After a pulse that changed the conductance by `change`, a signed share of the window."""
        restarts = jnp.abs(change) > self.restart
        draw = state.draw
        if self.drift is not None:
            draw = jnp.where(restarts, random.normal(key, jnp.shape(restarts), jnp.result_type(draw)), draw)
        zero = jnp.zeros_like(change)
        return OverlayState(
            age=jnp.where(restarts, zero, state.age),
            drift_age=jnp.where(restarts, zero, state.drift_age),
            lost=jnp.where(restarts, zero, state.lost),
            draw=draw + zero,
            cycles=state.cycles + 0.5 * jnp.abs(change),
            traps=tuple(t + zero for t in state.traps),
        )

    def later(self, state: OverlayState, duration: Number, temperature: Number) -> OverlayState:
        """After `duration` [s] without drive."""
        drift = 0.0 if self.drift is None else self.drift.elapsed(duration, temperature)
        lost = 0.0 if self.retention is None else self.retention.elapsed(duration, temperature)
        same = jnp.zeros_like(state.age * duration)
        return OverlayState(
            age=state.age + duration,
            drift_age=state.drift_age + drift + same,
            lost=state.lost + lost + same,
            draw=state.draw + same,
            cycles=state.cycles + same,
            traps=tuple(n.later(t, duration, temperature) for n, t in zip(self.telegraphs, state.traps, strict=True)),
        )

    def kept(self, inner: Any, rest: Any, before: OverlayState, after: OverlayState) -> Any:
        """The state inside after retention loss between two moments; counters keep what they counted."""
        if self.retention is None:
            return inner
        share = self.retention.kept(before.lost, after.lost)

        def lose(path: Any, x: Any, end: Any) -> Any:
            counts = any(getattr(step, "name", None) in _COUNTERS for step in path)
            return x if counts or not _moves(x) else end + (x - end) * share

        return jax.tree_util.tree_map_with_path(lose, inner, rest)

    def shown(self, state: OverlayState, g: Number, window: tuple[Number, Number], temperature: Number) -> Number:
        """Conductance [S] that a device with `g` inside shows."""
        if self.drift is not None:
            g = g * self.drift.factor(g, state.drift_age, state.draw)
        for wear in self.wear:
            g = wear.worn(g, window, state.cycles, temperature)
        return g if self.fault is None else self.fault.stuck(g, window)

    def noisy(self, state: OverlayState, current: Number, seen: Seen, *, key: jax.Array) -> Number:
        """A read current [A] with the noises added."""
        traps = iter(state.traps)
        for k, noise in enumerate(self.noise):
            trap = next(traps) if isinstance(noise, TelegraphNoise) else 0.0
            current = current + noise.deviation(seen._replace(occupancy=trap), key=jax.random.fold_in(key, k))
        return current

    def observed(self, state: OverlayState, *, key: jax.Array) -> OverlayState:
        """Every trap settled to filled or empty, drawn from its probability."""
        traps = tuple(drawn_trap(t, key=jax.random.fold_in(key, k)) for k, t in enumerate(state.traps))
        return eqx.tree_at(lambda s: s.traps, state, traps) if traps else state


def _moves(x: Any) -> bool:
    """Whether a leaf of a state is a floating-point number."""
    return bool(jnp.issubdtype(jnp.result_type(x), jnp.inexact))


def ratio(shown: Number, g: Number) -> Number:
    """One conductance over another, and 1 where the other conducts nothing [1]."""
    some = jnp.abs(g) > _TINY
    return jnp.where(some, shown / jnp.where(some, g, 1.0), 1.0)


def scaled_current(current: Number, shown: Number, g: Number, v: Number) -> Number:
    """A read current [A] in proportion to the conductance that is shown; shown·v where nothing conducts inside."""
    return jnp.where(jnp.abs(g) > _TINY, current * ratio(shown, g), shown * v)
