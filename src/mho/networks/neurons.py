"""Leaky integrate-and-fire neurons, advanced exactly from one input to the next."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.networks.surrogate import spike
from mho.networks.synapse import Number


class LIFState(eqx.Module):
    """What moves in a leaky integrate-and-fire neuron.

    Args:
        v: Membrane voltage [V].
        i: Synaptic current [A].
        pause: What is left of the refractory time [s].
    """

    v: Number = quantity("V")
    i: Number = quantity("A")
    pause: Number = quantity("s")


class Fired(NamedTuple):
    """Spikes of one advance: 1 or 0 (with a surrogate derivative), and the time from its start [s], NaN without one."""

    spikes: Array
    after: Array


class LIF(eqx.Module):
    r"""Leaky integrate-and-fire with exponential synaptic currents and a refractory time.

    .. math:: C \dot V = -C (V - V_{rest})/\tau_m + I + I_{bias}, \qquad \dot I = -I/\tau_{syn}

    At V_threshold it fires, V is held at V_reset for t_ref while I decays on.

    Args:
        c: Membrane capacitance [F].
        tau_m: Membrane time constant [s].
        tau_syn: Time constant of the synaptic current, different from tau_m [s].
        t_ref: Refractory time [s].
        v_rest: Resting voltage [V].
        v_reset: Voltage after a spike [V].
        v_threshold: Firing threshold [V].
        i_bias: Constant current [A].

    Raises:
        ParameterError: If a value is out of range, the reset is not below the threshold, or the time constants agree.
    """

    c: Number = quantity("F", positive=True)
    tau_m: Number = quantity("s", positive=True)
    tau_syn: Number = quantity("s", positive=True)
    t_ref: Number = quantity("s", positive=True)
    v_rest: Number = quantity("V")
    v_reset: Number = quantity("V")
    v_threshold: Number = quantity("V")
    i_bias: Number = quantity("A", default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        if not all(isinstance(x, np.ndarray) for x in (self.v_reset, self.v_threshold, self.tau_m, self.tau_syn)):
            return
        check_reset(self)
        if np.any(np.abs(self.tau_m / self.tau_syn - 1.0) < 1e-3):
            raise ParameterError(
                "LIF.tau_m and tau_syn agree within 0.1 %; the exact solution divides by their difference. Move one."
            )

    def rest(self, n: int) -> LIFState:
        """State of `n` neurons at rest."""
        zero = jnp.zeros(n, jnp.result_type(self.v_rest))
        return LIFState(zero + self.v_rest, zero, zero)

    def advance(self, state: LIFState, duration: Number, *, refinements: int = 4) -> tuple[LIFState, Fired]:
        """State after `duration` [s] without input, and the spike in it, placed where the exact solution crosses.

        Args:
            state: State at the start, with input currents already added.
            duration: At most t_ref, so that there is at most one spike [s].
            refinements: Newton steps that place the spike, each inside a bracket; 4 for float32, 60 for double
                precision at a grazing crossing.
        """
        held = jnp.minimum(state.pause, duration)
        free = duration - held
        start = state.v
        current = state.i * jnp.exp(-held / self.tau_syn)
        up, slow, fast = self._coefficients(start, current)
        a, b = 1.0 / self.tau_m, 1.0 / self.tau_syn

        def voltage(t: Number) -> Number:
            return up + slow * jnp.exp(-a * t) + fast * jnp.exp(-b * t)

        def slope(t: Number) -> Number:
            return -a * slow * jnp.exp(-a * t) - b * fast * jnp.exp(-b * t)

        # the largest voltage lies at the end, or inside where the slope changes from up to down
        ratio = -b * fast / (a * jnp.where(slow == 0, 1.0, slow))
        inner = (slope(jnp.zeros_like(free)) > 0) & (slope(free) < 0) & (ratio > 0) & (slow != 0)
        top = jnp.where(inner, jnp.log(jnp.where(inner, ratio, 1.0)) / (b - a), free)
        top = jnp.clip(top, 0.0, free)
        end = voltage(free)
        fired = spike((jnp.where(inner, voltage(top), end) - self.v_threshold) / (self.v_threshold - self.v_rest))
        fired = jnp.where(free > 0, fired, 0.0)
        yes = fired > 0.5
        at = _crossing(lambda t: voltage(t) - self.v_threshold, slope, top, refinements)
        left = free - at
        after = LIFState(
            v=jnp.where(yes, self.v_reset, end),
            i=state.i * jnp.exp(-duration / self.tau_syn),
            pause=jnp.where(yes, self.t_ref - left, state.pause - held),
        )
        return after, Fired(fired, jnp.where(yes, held + at, jnp.nan))

    def _coefficients(self, v: Number, i: Number) -> tuple[Number, Number, Number]:
        """Of V(t) = V_inf + B exp(-t/tau_m) + A exp(-t/tau_syn)."""
        settled = self.v_rest + self.i_bias * self.tau_m / self.c
        fast = i / self.c / (1.0 / self.tau_m - 1.0 / self.tau_syn)
        return settled, v - settled - fast, fast


def _crossing(value, slope, top: Number, refinements: int) -> Number:
    """First zero of `value` in [0, top], where it rises: Newton steps, halving the bracket where one leaves it."""

    def refine(_: int, carry: tuple[Number, Number, Number]) -> tuple[Number, Number, Number]:
        t, low, high = carry
        f = value(t)
        low, high = jnp.where(f < 0, t, low), jnp.where(f < 0, high, t)
        s = slope(t)
        guess = t - f / jnp.where(s == 0, 1.0, s)
        sound = (s > 0) & (guess >= low) & (guess <= high)
        return jnp.where(sound, guess, (low + high) / 2), low, high

    t, _, _ = lax.fori_loop(0, refinements, refine, (jnp.zeros_like(top), jnp.zeros_like(top), top))
    return jnp.clip(t, 0.0, top)


def check_reset(neuron: Any) -> None:
    """Raise if the reset of a neuron does not lie below its threshold."""
    if np.any(np.asarray(neuron.v_reset) >= np.asarray(neuron.v_threshold)):
        raise ParameterError(
            f"{type(neuron).__name__}.v_reset ({np.max(neuron.v_reset):.4g} V) must lie below v_threshold "
            f"({np.min(neuron.v_threshold):.4g} V). Were they swapped?"
        )
