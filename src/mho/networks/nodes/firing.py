"""Populations that fire: Threshold, IF, LIF and CubaLIF."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from mho.core.fields import check_ranges, quantity
from mho.networks.nodes.integrators import Held, HeldTwice, advance_twice, held, held_twice
from mho.networks.nodes.node import AbstractNode, Shape, common, spread
from mho.networks.surrogate import spike
from mho.networks.synapse import Number


class Reset(enum.Enum):
    """What a spike does to the membrane: NIR's nodes say the first; some tools that write NIR mean the second."""

    TO_VALUE = "to v_reset"
    SUBTRACT = "by v_threshold - v_reset"


class Law(NamedTuple):
    """A population's factors of a step, and its threshold and reset."""

    factors: Any
    threshold: Array
    reset: Array


def fire(v: Array, law: Law, reset: Reset) -> tuple[Array, Array]:
    """Membrane after the threshold was tested at the end of a step, and the spikes: 1 where v lies above it, else 0."""
    distance = jnp.abs(law.threshold - law.reset)
    z = above(v - law.threshold, jnp.where(distance > 0, distance, 1.0))
    target = law.reset if reset is Reset.TO_VALUE else v - (law.threshold - law.reset)
    return jnp.where(z > 0.5, target, v), z


def above(excess: Array, scale: Array) -> Array:
    """1 where `excess` is above 0 (not at it), with the derivative of :func:`mho.networks.spike`."""
    return 1.0 - spike(-excess / scale)


class Threshold(eqx.Module):
    """NIR's Threshold: 1 where the input lies above the threshold, else 0; it has no state.

    Args:
        threshold: [V].
    """

    threshold: Number = quantity("V", exact=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def __call__(self, x: Array) -> Array:
        """Spikes."""
        given = common("Threshold", x.shape, self.threshold)
        level = spread(self.threshold, given)
        return above(x - level, jnp.ones_like(level))


class IF(AbstractNode):
    r"""NIR's IF: :math:`\dot v = r i`; at v above v_threshold it fires and v is v_reset.

    Args:
        r: Gain [1].
        v_threshold: [V].
        v_reset: [V].
        reset: What a spike does to v.
    """

    r: Number = quantity("1", exact=True)
    v_threshold: Number = quantity("V", exact=True)
    v_reset: Number = quantity("V", exact=True)
    reset: Reset = eqx.field(static=True, default=Reset.TO_VALUE)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        return common("IF", given, self.r, self.v_threshold, self.v_reset)

    def prepare(self, dt: float, given: Shape) -> Law:
        """Factors of a step."""
        return Law(spread(self.r, given) * dt, spread(self.v_threshold, given), spread(self.v_reset, given))

    def rest(self, prepared: Law, given: Shape, dtype: Any) -> Array:
        """At 0."""
        return jnp.zeros(given, dtype)

    def step(self, prepared: Law, state: Array, x: Array) -> tuple[Array, Array]:
        """Spikes."""
        return fire(state + prepared.factors * x, prepared, self.reset)


class LIF(AbstractNode):
    r"""NIR's LIF: :math:`\tau \dot v = v_{leak} - v + r i`; at v above v_threshold it fires and v is v_reset.

    Args:
        tau: Time constant [s].
        r: Resistance [ohm].
        v_leak: Where it leaks to [V].
        v_threshold: [V].
        v_reset: [V].
        reset: What a spike does to v.
    """

    tau: Number = quantity("s", positive=True, exact=True)
    r: Number = quantity("ohm", exact=True)
    v_leak: Number = quantity("V", exact=True)
    v_threshold: Number = quantity("V", exact=True)
    v_reset: Number = quantity("V", exact=True)
    reset: Reset = eqx.field(static=True, default=Reset.TO_VALUE)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        return common("LIF", given, self.tau, self.r, self.v_leak, self.v_threshold, self.v_reset)

    def prepare(self, dt: float, given: Shape) -> Law:
        """Factors of a step."""
        factors = held(self.tau, self.r, self.v_leak, dt, given)
        return Law(factors, spread(self.v_threshold, given), spread(self.v_reset, given))

    def rest(self, prepared: Law, given: Shape, dtype: Any) -> Array:
        """At the leak."""
        return spread(self.v_leak, given).astype(dtype)

    def step(self, prepared: Law, state: Array, x: Array) -> tuple[Array, Array]:
        """Spikes."""
        p: Held = prepared.factors
        return fire(p.keep * state + p.leak + p.gain * x, prepared, self.reset)


class CubaLIF(AbstractNode):
    r"""NIR's CubaLIF: :math:`\tau_{syn} \dot i = -i + w s`, :math:`\tau_{mem} \dot v = v_{leak} - v + r i`; it fires.

    Args:
        tau_syn: Time constant of the current [s].
        tau_mem: Time constant of the membrane [s].
        r: Resistance [ohm].
        v_leak: Where it leaks to [V].
        v_threshold: [V].
        v_reset: [V].
        w_in: Weight of the input [1].
        reset: What a spike does to v.
    """

    tau_syn: Number = quantity("s", positive=True, exact=True)
    tau_mem: Number = quantity("s", positive=True, exact=True)
    r: Number = quantity("ohm", exact=True)
    v_leak: Number = quantity("V", exact=True)
    v_threshold: Number = quantity("V", exact=True)
    v_reset: Number = quantity("V", exact=True)
    w_in: Number = quantity("1", exact=True, default=1.0)
    reset: Reset = eqx.field(static=True, default=Reset.TO_VALUE)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        own = (self.tau_syn, self.tau_mem, self.r, self.v_leak, self.v_threshold, self.v_reset, self.w_in)
        return common("CubaLIF", given, *own)

    def prepare(self, dt: float, given: Shape) -> Law:
        """Factors of a step."""
        return Law(held_twice(self, dt, given), spread(self.v_threshold, given), spread(self.v_reset, given))

    def rest(self, prepared: Law, given: Shape, dtype: Any) -> tuple[Array, Array]:
        """At the leak, without current."""
        return spread(self.v_leak, given).astype(dtype), jnp.zeros(given, dtype)

    def step(self, prepared: Law, state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        """Spikes."""
        p: HeldTwice = prepared.factors
        v, i = advance_twice(p, *state, x)
        v, z = fire(v, prepared, self.reset)
        return (v, i), z
