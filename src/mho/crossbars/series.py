"""Two elements in series, one above the other between two lines: how they share the voltage, over any decades."""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax

from mho.devices.device import ROOM, AbstractContinuousDevice, AbstractMemory, Number
from mho.devices.storage.channel import channel_current

_LEAST = 1e-9  # [V] below which an element's current is taken in proportion
_FLOOR = 1e-300  # [A] keeps the logarithm of no current defined
_WIDEST = 80.0  # largest logarithm of the ratio of the two voltages
_STEPS = 120
_CLOSE = 1e-13  # relative difference of the two currents


class AbstractElement(eqx.Module):
    """What carries one static current at a voltage: positive with it, and growing with it."""

    @abc.abstractmethod
    def through(self, v: Number, base: Number) -> Number:
        """Current [A] at a voltage `v` [V] across, with the lower end at `base` [V]."""


class Seen(AbstractElement):
    """A two-terminal device in a state, as its static current sees it: plus above, minus below.

    A device without a continuous face is the conductance that it reads.

    Args:
        device: Of two terminals.
        state: Its state.
        temperature: [K].
    """

    device: AbstractMemory
    state: Any
    temperature: Number = ROOM

    def through(self, v: Number, base: Number) -> Number:
        """Current from plus to minus [A]."""
        device = self.device
        if not isinstance(device, AbstractContinuousDevice):
            return device.conductance(self.state, temperature=self.temperature) * v  # pyright: ignore[reportArgumentType]
        if not device.internal:
            return device.current(self.state, (v, jnp.zeros_like(v)), temperature=self.temperature)[0]  # pyright: ignore[reportArgumentType]
        contact, inner = _contact(device, self.state, self.temperature)
        return in_series(contact, inner, v, base)


class Ohmic(AbstractElement):
    """A resistor.

    Args:
        r: [ohm].
    """

    r: Number

    def through(self, v: Number, base: Number) -> Number:
        """Current [A]."""
        return v / self.r


class _Inner(AbstractElement):
    """What lies between a device's one internal node and its minus."""

    device: Any
    state: Any
    temperature: Number

    def through(self, v: Number, base: Number) -> Number:
        zero = jnp.zeros_like(v)
        return self.device.current(self.state, (v, zero, v), temperature=self.temperature)[2]


def _contact(device: Any, state: Any, temperature: Number) -> tuple[Ohmic, _Inner]:
    """A device with one internal node behind a resistor at its plus, as two elements."""
    part = next(p for p in device.parts() if p.kind == "R" and {p.a, p.b} == {"plus", device.internal[0]})
    return Ohmic(part.value), _Inner(device, state, temperature)


class Channel(AbstractElement):
    """An access transistor whose gate is held by its line: drain above, source below, body at 0 V.

    Args:
        gate: Voltage of the gate line [V].
        threshold: [V].
        gain: Mobility times oxide capacitance times W/L [A/V^2].
        slope: Subthreshold slope factor [1].
        temperature: [K].
    """

    gate: Number
    threshold: Number
    gain: Number
    slope: Number
    temperature: Number = ROOM

    def through(self, v: Number, base: Number) -> Number:
        """Current from drain to source [A]; it saturates, and is the same physics in either direction."""
        return channel_current(
            self.gate,
            base + v,
            base,
            threshold=self.threshold,
            gain=self.gain,
            slope=self.slope,
            temperature=self.temperature,
        )


def in_series(upper: AbstractElement, lower: AbstractElement, v: Number, base: Number) -> Number:
    """Current of two elements in series at `v` across both [V]."""
    share = shares(upper, lower, v, base)
    size = jnp.where(jnp.abs(v) < _LEAST, _LEAST, v)
    above, below = size * jax.nn.sigmoid(-share), size * jax.nn.sigmoid(share)
    # The current of the one that carries most of the voltage is known best.
    i = jnp.where(share > 0.0, lower.through(below, base), upper.through(above, base + below))
    return i * (v / size)


def divided(upper: AbstractElement, lower: AbstractElement, v: Number, base: Number) -> tuple[Number, Number]:
    """Voltage across the upper and across the lower element [V]."""
    share = shares(upper, lower, v, base)
    return v * jax.nn.sigmoid(-share), v * jax.nn.sigmoid(share)


def shares(upper: AbstractElement, lower: AbstractElement, v: Number, base: Number) -> Number:
    r"""Logarithm of the ratio of the lower element's voltage to the upper one's, :math:`t = \ln(v_l/v_u)`.

    Found where the logarithms of the two currents meet: for two resistors that is linear in t, for an exponential
    current nearly so. Newton's method, halving a bracket where it leaves it, for each cell by itself. The derivative is
    that of the equation.
    """
    v = jnp.where(jnp.abs(v) < _LEAST, _LEAST, v)
    found = _met(*jax.tree.map(lax.stop_gradient, (upper, lower, v, base)))
    apart, slope = jax.jvp(lambda t: _apart(upper, lower, v, base, t), (found,), (jnp.ones_like(found),))
    return found - apart / lax.stop_gradient(slope)


def _apart(upper: AbstractElement, lower: AbstractElement, v: Number, base: Number, t: Number) -> Number:
    """Logarithm of the lower element's current over the upper one's; it grows with t."""
    below = v * jax.nn.sigmoid(t)
    i_upper = upper.through(v * jax.nn.sigmoid(-t), base + below)
    i_lower = lower.through(below, base)
    return jnp.log(jnp.maximum(jnp.abs(i_lower), _FLOOR)) - jnp.log(jnp.maximum(jnp.abs(i_upper), _FLOOR))


def _met(upper: AbstractElement, lower: AbstractElement, v: Number, base: Number) -> Number:
    """The root of `_apart`."""
    shape = jnp.shape(_apart(upper, lower, v, base, jnp.zeros(jnp.shape(v), jnp.result_type(v))))
    none = jnp.zeros(shape, jnp.result_type(v))

    def busy(course: Any) -> Any:
        _, _, _, off, k = course
        return jnp.any(off > _CLOSE) & (k < _STEPS)

    def go(course: Any) -> Any:
        t, low, high, _, k = course
        f, slope = jax.jvp(lambda t: _apart(upper, lower, v, base, t), (t,), (jnp.ones_like(t),))
        low, high = jnp.where(f < 0.0, t, low), jnp.where(f > 0.0, t, high)
        step = t - f / jnp.where(slope > 0.0, slope, jnp.inf)
        inside = (step > low) & (step < high) & (slope > 0.0)
        off = jnp.where(high - low < 4e-16 * _WIDEST, 0.0, jnp.abs(f))
        new = jnp.where(f == 0.0, t, jnp.where(inside, step, 0.5 * (low + high)))
        return new, low, high, off, k + 1

    return lax.while_loop(busy, go, (none, none - _WIDEST, none + _WIDEST, none + 1.0, jnp.zeros((), jnp.int32)))[0]
