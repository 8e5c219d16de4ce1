"""Populations that fire: Threshold, IF, LIF and CubaLIF."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from mho.core.fields import check_ranges, quantity
from mho.networks.nodes.integrators import advance_twice, held, held_twice
from mho.networks.nodes.node import AbstractNode, Shape, common, spread
from mho.networks.surrogate import spike
from mho.networks.synapse import Number


class Reset(enum.Enum):
    """What a spike does to the membrane: NIR's nodes say the first; some tools that write NIR mean the second."""

    TO_VALUE = "to v_reset"
    SUBTRACT = "by v_threshold - v_reset"


class Law(NamedTuple):
    """A population's factors of a step, its threshold and reset, and the steps for which it rests after a spike."""

    factors: Any
    threshold: Array
    reset: Array
    pause: Array


def law(node: Any, factors: Any, dt: float, shape: Shape) -> Law:
    """The law of a population that fires."""
    parts = (spread(p, shape) for p in (node.v_threshold, node.v_reset, node.t_ref))
    threshold, reset, rest = parts
    return Law(factors, threshold, reset, jnp.round(rest / dt))


def fire(before: Array, v: Array, left: Array, law: Law, reset: Reset) -> tuple[tuple[Array, Array], Array]:
    """Membrane and pause after the threshold was tested at the end of a step, and the spikes.

    Args:
        before: Membrane at the start of the step, where it stays while it rests.
        v: Membrane at its end.
        left: Steps of pause that are left.
        law: Threshold, reset and pause.
        reset: What a spike does.

    Returns:
        Membrane and steps of pause left; and 1 where v lay above the threshold, else 0.
    """
    resting = left > 0.5
    v = jnp.where(resting, before, v)
    distance = jnp.abs(law.threshold - law.reset)
    z = above(v - law.threshold, jnp.where(distance > 0, distance, 1.0))
    z = jnp.where(resting, 0.0, z)
    target = law.reset if reset is Reset.TO_VALUE else v - (law.threshold - law.reset)
    left = jnp.where(z > 0.5, law.pause, jnp.maximum(left - 1.0, 0.0))
    return (jnp.where(z > 0.5, target, v), left), z


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
        t_ref: Time for which v stays where a spike left it, rounded to steps; NIR has none [s].
    """

    r: Number = quantity("1", exact=True)
    v_threshold: Number = quantity("V", exact=True)
    v_reset: Number = quantity("V", exact=True)
    reset: Reset = eqx.field(static=True, default=Reset.TO_VALUE)
    t_ref: Number = quantity("s", low=0.0, default=0.0, exact=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        return common("IF", given, self.r, self.v_threshold, self.v_reset)

    def prepare(self, dt: float, given: Shape) -> Law:
        """Factors of a step."""
        return law(self, spread(self.r, given) * dt, dt, given)

    def rest(self, prepared: Law, given: Shape, dtype: Any) -> tuple[Array, Array]:
        """At 0."""
        return jnp.zeros(given, dtype), jnp.zeros(given, dtype)

    def step(self, prepared: Law, state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        """Spikes."""
        v, left = state
        return fire(v, v + prepared.factors * x, left, prepared, self.reset)


class LIF(AbstractNode):
    r"""NIR's LIF: :math:`\tau \dot v = v_{leak} - v + r i`; at v above v_threshold it fires and v is v_reset.

    Args:
        tau: Time constant [s].
        r: Resistance [ohm].
        v_leak: Where it leaks to [V].
        v_threshold: [V].
        v_reset: [V].
        reset: What a spike does to v.
        t_ref: Time for which v stays where a spike left it, rounded to steps; NIR has none [s].
    """

    tau: Number = quantity("s", positive=True, exact=True)
    r: Number = quantity("ohm", exact=True)
    v_leak: Number = quantity("V", exact=True)
    v_threshold: Number = quantity("V", exact=True)
    v_reset: Number = quantity("V", exact=True)
    reset: Reset = eqx.field(static=True, default=Reset.TO_VALUE)
    t_ref: Number = quantity("s", low=0.0, default=0.0, exact=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        return common("LIF", given, self.tau, self.r, self.v_leak, self.v_threshold, self.v_reset)

    def prepare(self, dt: float, given: Shape) -> Law:
        """Factors of a step."""
        return law(self, held(self.tau, self.r, self.v_leak, dt, given), dt, given)

    def rest(self, prepared: Law, given: Shape, dtype: Any) -> tuple[Array, Array]:
        """At the leak."""
        return spread(self.v_leak, given).astype(dtype), jnp.zeros(given, dtype)

    def step(self, prepared: Law, state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        """Spikes."""
        (v, left), p = state, prepared.factors
        return fire(v, p.keep * v + p.leak + p.gain * x, left, prepared, self.reset)


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
        t_ref: Time for which v stays where a spike left it, rounded to steps; NIR has none [s].
    """

    tau_syn: Number = quantity("s", positive=True, exact=True)
    tau_mem: Number = quantity("s", positive=True, exact=True)
    r: Number = quantity("ohm", exact=True)
    v_leak: Number = quantity("V", exact=True)
    v_threshold: Number = quantity("V", exact=True)
    v_reset: Number = quantity("V", exact=True)
    w_in: Number = quantity("1", exact=True, default=1.0)
    reset: Reset = eqx.field(static=True, default=Reset.TO_VALUE)
    t_ref: Number = quantity("s", low=0.0, default=0.0, exact=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        own = (self.tau_syn, self.tau_mem, self.r, self.v_leak, self.v_threshold, self.v_reset, self.w_in)
        return common("CubaLIF", given, *own)

    def prepare(self, dt: float, given: Shape) -> Law:
        """Factors of a step."""
        return law(self, held_twice(self, dt, given), dt, given)

    def rest(self, prepared: Law, given: Shape, dtype: Any) -> tuple[Array, Array, Array]:
        """At the leak, without current."""
        return spread(self.v_leak, given).astype(dtype), jnp.zeros(given, dtype), jnp.zeros(given, dtype)

    def step(self, prepared: Law, state: tuple[Array, ...], x: Array) -> tuple[tuple[Array, ...], Array]:
        """Spikes; the current goes on while the membrane rests."""
        before, left, current = state
        v, current = advance_twice(prepared.factors, before, current, x)
        (v, left), z = fire(before, v, left, prepared, self.reset)
        return (v, left, current), z
