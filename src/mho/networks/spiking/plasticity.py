"""Short-term plasticity on a clock: synapses of whole batches, stepped by decays that are worked out once a pass.

A state holds what a synapse is at the start of a step, relaxed; a spike of that step finds it so. Between spikes every
law here is an exponential, so that steps of the clock and jumps from spike to spike give the same numbers.
"""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.networks.synapse import AbstractSynapse, Number, select
from mho.networks.tsodyks_markram import decay


class AbstractReleases(eqx.Module):
    """A synapse over one step of the clock: what does not move is worked out before the first."""

    @abc.abstractmethod
    def rest(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """State of synapses (batch, sources) or (batch, targets, sources) before the first step."""

    @abc.abstractmethod
    def step(self, state: Any, spikes: Number, key: jax.Array | None) -> tuple[Any, Number, Number]:
        """One step.

        Args:
            state: At its start.
            spikes: 1 or 0, with surrogate derivatives; broadcast against the state.
            key: For noise; None for none.

        Returns:
            The state after it; spikes times efficacy; and how many volatile cycles the step took of all synapses of a
            sample, (batch,) [1].
        """


class AbstractShortTerm(eqx.Module):
    """A kind of synapse of a trainable layer: one that all are alike to, or one per source (or weight) in its leaves.

    Efficacies stand beside trained weights, so that each kind says what efficacy counts as 1.
    """

    @abc.abstractmethod
    def prepared(self, dt: Number) -> AbstractReleases:
        """Its laws for steps of `dt` [s]."""


class Static(AbstractShortTerm):
    """A synapse that does not change: every spike has efficacy 1."""

    def prepared(self, dt: Number) -> StaticReleases:
        """There is nothing to prepare."""
        return StaticReleases()


class StaticReleases(AbstractReleases):
    """A :class:`Static` over one step."""

    def rest(self, shape: tuple[int, ...], dtype: Any) -> tuple[()]:
        """There is no state."""
        return ()

    def step(self, state: tuple[()], spikes: Number, key: jax.Array | None) -> tuple[tuple[()], Number, Number]:
        """Spikes as they are."""
        return state, spikes, jnp.zeros(spikes.shape[0], spikes.dtype)


class ClockedTM(AbstractShortTerm):
    r"""Tsodyks-Markram plasticity in the convention MM2002: u decays to 0, jumps, then releases.

    .. math:: u^+ = u + U(1-u), \quad e = u^+ x / e_1, \quad x^+ = x(1-u^+), \qquad
              u \to u\,e^{-dt/\tau_f}, \quad x \to 1 - (1-x)\,e^{-dt/\tau_{rec}}

    Args:
        U: Utilisation of a first spike [1].
        tau_rec: Recovery time; 0 for none [s].
        tau_f: Facilitation time; 0 for none [s].
        unit: Efficacy u x that counts as 1, e_1; that of a first spike is U [1].

    Source: Markram, Wang, Tsodyks, PNAS 95 (1998) 5323; Maass, Markram, Neural Networks 15 (2002) 155.
    Limits: other conventions run as :class:`Eventwise`.
    """

    U: Number = quantity("1", positive=True, high=1.0)
    tau_rec: Number = quantity("s", low=0.0)
    tau_f: Number = quantity("s", low=0.0)
    unit: Number = quantity("1", positive=True, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def prepared(self, dt: Number) -> TMReleases:
        """Decays over a step."""
        return TMReleases(self.U, decay(dt, self.tau_rec), decay(dt, self.tau_f), self.unit)


class TMState(eqx.Module):
    """What moves in a :class:`ClockedTM`, relaxed to the start of a step.

    Args:
        u: Utilisation [1].
        x: Resource that is left [1].
    """

    u: Number = quantity("1")
    x: Number = quantity("1")


class TMReleases(AbstractReleases):
    """A :class:`ClockedTM` over one step."""

    U: Number
    recovery: Number
    facilitation: Number
    unit: Number

    def rest(self, shape: tuple[int, ...], dtype: Any) -> TMState:
        """Recovered, and not facilitated."""
        return TMState(jnp.zeros(shape, dtype), jnp.ones(shape, dtype))

    def step(self, state: TMState, spikes: Number, key: jax.Array | None) -> tuple[TMState, Number, Number]:
        """Jump and release at a spike, then relax; the model has no noise and does not wear."""
        jump = self.U * (1.0 - state.u)
        release = spikes * (state.u + jump) * state.x
        after = TMState((state.u + spikes * jump) * self.facilitation, 1.0 - (1.0 - state.x + release) * self.recovery)
        return after, release / self.unit, jnp.zeros(release.shape[0], release.dtype)


class Eventwise(AbstractShortTerm):
    """Any synapse of :mod:`mho.networks.synapse`: it moves at spikes alone, by the time since its last one.

    Args:
        synapse: One, or a batch of as many as there are sources.
        unit: Efficacy that counts as 1 [1].

    Limits: the whole law is worked out at every step and used where a spike came, which takes several times as long as
    a clocked one. Volatile cycles are not counted.
    """

    synapse: AbstractSynapse
    unit: Number = quantity("1", positive=True, default=1.0)

    def prepared(self, dt: Number) -> EventReleases:
        """There is nothing to prepare."""
        return EventReleases(self.synapse, dt, self.unit)


class EventReleases(AbstractReleases):
    """An :class:`Eventwise` over one step: the synapse's state, and the time since its last spike (negative: none)."""

    synapse: AbstractSynapse
    dt: Number
    unit: Number

    def rest(self, shape: tuple[int, ...], dtype: Any) -> tuple[Any, Number]:
        """At rest, no spike yet."""
        state = jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x, dtype), shape), self.synapse.rest())
        return state, jnp.full(shape, -1.0, dtype)

    def step(self, state: tuple[Any, Number], spikes: Number, key: jax.Array | None) -> tuple[Any, Number, Number]:
        """What a spike would do, where there is one; the number of steps since the last is kept, not a sum of times."""
        inner, since = state
        spikes = jnp.broadcast_to(spikes, since.shape)
        interval = jnp.where(since < 0.0, 0.0, since * self.dt)
        if key is None:
            after, efficacy = self.synapse.spike(inner, interval)
        else:
            after, efficacy = self.synapse.noisy_spike(inner, interval, key=key)
        active = spikes > 0.5
        moved = select(active, after, inner)
        since = jnp.where(active, 1.0, jnp.where(since < 0.0, since, since + 1.0)).astype(since.dtype)
        release = spikes * efficacy / self.unit
        return (moved, since), release, jnp.zeros(release.shape[0], release.dtype)


def as_precise(prepared: Any, dtype: Any) -> Any:
    """What was prepared, its arrays in the precision of the spikes; they may be traced."""
    return jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, prepared)
