"""Populations that integrate and never fire: I, LI and CubaLI."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from mho.core.fields import check_ranges, quantity
from mho.networks.nodes.node import AbstractNode, Shape, common, spread
from mho.networks.synapse import Number


class Held(NamedTuple):
    """Factors of one step of v' = (v_leak - v)/tau + r i/tau with i held: v <- keep v + leak + gain i."""

    keep: Array
    leak: Array
    gain: Array


def held(tau: Any, r: Any, v_leak: Any, dt: float, shape: Shape) -> Held:
    """Exact factors of a leaky integrator."""
    tau, r, v_leak = (spread(p, shape) for p in (tau, r, v_leak))
    share = -jnp.expm1(-dt / tau)
    return Held(1.0 - share, share * v_leak, share * r)


class HeldTwice(NamedTuple):
    """Factors of one step of a leaky integrator behind a leaky current, the current's input held."""

    keep_v: Array
    leak: Array
    from_i: Array
    from_s: Array
    keep_i: Array
    gain_i: Array


def held_twice(node: Any, dt: float, shape: Shape) -> HeldTwice:
    r"""Exact factors of :math:`\tau_s \dot i = -i + w s,\ \tau_m \dot v = v_l - v + r i`, for any two times.

    With a = 1/tau_m, b = 1/tau_s, the current's share of v is :math:`r i_0\, a\,(e^{-bt} - e^{-at})/(a - b)`, written
    so that it stands when the two times are one.
    """
    names = ("tau_mem", "tau_syn", "r", "v_leak", "w_in")
    tau_m, tau_s, r, v_leak, w = (spread(getattr(node, n), shape) for n in names)
    share_m, share_s = -jnp.expm1(-dt / tau_m), -jnp.expm1(-dt / tau_s)
    gap = dt / tau_m - dt / tau_s
    one = gap == 0  # the limit, with its derivative
    safe = jnp.where(one, 1.0, gap)
    cross = dt / tau_m * (1.0 - share_m) * jnp.where(one, 1.0 + gap / 2, jnp.expm1(safe) / safe)
    return HeldTwice(1.0 - share_m, share_m * v_leak, r * cross, r * w * (share_m - cross), 1.0 - share_s, share_s * w)


def advance_twice(p: HeldTwice, v: Array, i: Array, s: Array) -> tuple[Array, Array]:
    """Membrane and current behind a step."""
    return p.keep_v * v + p.leak + p.from_i * i + p.from_s * s, p.keep_i * i + p.gain_i * s


class Integrator(AbstractNode):
    r"""NIR's I, :math:`\dot v = r i`.

    Args:
        r: Gain [1].
    """

    r: Number = quantity("1", exact=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        return common("Integrator", given, self.r)

    def prepare(self, dt: float, given: Shape) -> Array:
        """Gain of a step."""
        return spread(self.r, given) * dt

    def rest(self, prepared: Array, given: Shape, dtype: Any) -> Array:
        """At 0."""
        return jnp.zeros(given, dtype)

    def step(self, prepared: Array, state: Array, x: Array) -> tuple[Array, Array]:
        """The integral."""
        v = state + prepared * x
        return v, v


class LI(AbstractNode):
    r"""NIR's LI, :math:`\tau \dot v = v_{leak} - v + r i`.

    Args:
        tau: Time constant [s].
        r: Resistance [ohm].
        v_leak: Where it leaks to [V].
    """

    tau: Number = quantity("s", positive=True, exact=True)
    r: Number = quantity("ohm", exact=True)
    v_leak: Number = quantity("V", exact=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        return common("LI", given, self.tau, self.r, self.v_leak)

    def prepare(self, dt: float, given: Shape) -> Held:
        """Factors of a step."""
        return held(self.tau, self.r, self.v_leak, dt, given)

    def rest(self, prepared: Held, given: Shape, dtype: Any) -> Array:
        """At the leak."""
        return spread(self.v_leak, given).astype(dtype)

    def step(self, prepared: Held, state: Array, x: Array) -> tuple[Array, Array]:
        """The voltage."""
        v = prepared.keep * state + prepared.leak + prepared.gain * x
        return v, v


class CubaLI(AbstractNode):
    r"""NIR's CubaLI: :math:`\tau_{syn} \dot i = -i + w s`, :math:`\tau_{mem} \dot v = v_{leak} - v + r i`.

    Args:
        tau_syn: Time constant of the current [s].
        tau_mem: Time constant of the membrane [s].
        r: Resistance [ohm].
        v_leak: Where it leaks to [V].
        w_in: Weight of the input [1].
    """

    tau_syn: Number = quantity("s", positive=True, exact=True)
    tau_mem: Number = quantity("s", positive=True, exact=True)
    r: Number = quantity("ohm", exact=True)
    v_leak: Number = quantity("V", exact=True)
    w_in: Number = quantity("1", exact=True, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def shape(self, given: Shape) -> Shape:
        """The population's."""
        return common("CubaLI", given, self.tau_syn, self.tau_mem, self.r, self.v_leak, self.w_in)

    def prepare(self, dt: float, given: Shape) -> HeldTwice:
        """Factors of a step."""
        return held_twice(self, dt, given)

    def rest(self, prepared: HeldTwice, given: Shape, dtype: Any) -> tuple[Array, Array]:
        """At the leak, without current."""
        return spread(self.v_leak, given).astype(dtype), jnp.zeros(given, dtype)

    def step(self, prepared: HeldTwice, state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        """The voltage."""
        after = advance_twice(prepared, *state, x)
        return after, after[0]
