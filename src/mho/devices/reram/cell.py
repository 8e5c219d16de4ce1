"""What these two-terminal memories share: one state between off and on, its wear, and how pulses move it."""

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import quantity
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part, Pulse, nothing
from mho.devices.held import held

CLAMP = 40.0  # largest argument of exp and sinh; keeps a Newton iterate finite in single precision


class CellState(eqx.Module):
    """What moves in a two-terminal cell of one state.

    Args:
        x: 0 off, 1 on [1].
        cycles: Equivalent full cycles from off to on and back, half the way that x has gone (wear) [1].
        pulses: Pulses seen (event face only) [1].
    """

    x: Number = quantity("1")
    cycles: Number = quantity("1")
    pulses: Number = quantity("1")


class AbstractCell(AbstractContinuousDevice):
    """A two-terminal cell whose state x, 0 off and 1 on, moves by the voltage across the terminals.

    A model says how x moves (`speed`, and `after` a time at constant voltage), what current flows, and what energy that
    takes; the two faces, the wear and the noise are the same for all.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    states: ClassVar[tuple[str, ...]] = ("x", "cycles", "pulses")

    x_0: eqx.AbstractVar[Number]
    sigma_cycle: eqx.AbstractVar[Number]
    sigma_read: eqx.AbstractVar[Number]

    @abc.abstractmethod
    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Current from plus to minus [A] in state `x` at voltage `v` [V]."""

    @abc.abstractmethod
    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Time derivative of x [1/s] at voltage `v` [V]."""

    @abc.abstractmethod
    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State x after `duration` [s] at constant voltage `v` [V]."""

    @abc.abstractmethod
    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Energy [J] delivered in `duration` [s] at constant voltage `v` [V] from state `x`."""

    @abc.abstractmethod
    def stray(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Standard deviation [1] that a pulse adds to x besides `sigma_cycle`; `x` is that at the pulse's end."""

    def rest(self) -> CellState:
        """The state x_0, without wear; leaves have the batch shape of the device."""
        zero = nothing(self)
        return CellState(zero + self.x_0, zero, zero)

    def read(self, state: CellState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        i = self.through(state.x, v, temperature=temperature)
        return i * (1.0 + self.sigma_read * random.normal(key, jnp.shape(i), jnp.result_type(i)))

    def rate(self, state: CellState, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> CellState:
        """Time derivative of the state at the voltages of plus and minus [V]."""
        speed = self.speed(state.x, voltages[0] - voltages[1], temperature=temperature)
        return CellState(speed, 0.5 * jnp.abs(speed), jnp.zeros_like(speed))

    def pulse(self, state: CellState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> CellState:
        """State after one pulse; the cycle-to-cycle noise of the way that x goes and `stray` share one draw."""
        v = pulse.amplitude - pulse.channel
        x = self.after(state.x, v, pulse.width, temperature=temperature)
        way, stray = x - state.x, self.stray(x, v, pulse.width, temperature=temperature)
        noise = random.normal(key, jnp.shape(way), jnp.result_type(way))
        return _gone(state, way + (self.sigma_cycle * jnp.abs(way) + stray) * noise)

    def energy(self, state: CellState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J] that the source delivers during a pulse."""
        return self.spent(state.x, pulse.amplitude - pulse.channel, pulse.width, temperature=temperature)


class AbstractIntegratedCell(AbstractCell):
    """A cell without a closed form: its event face is integrated from `speed`, and differentiable forward only."""

    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State at the end, integrated."""
        return held(_Motion(self), x, (v,), duration, temperature=temperature)[0]  # type: ignore[arg-type]

    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Energy, integrated."""
        return delivered(self, x, v, duration, temperature)


class AbstractBareCell(AbstractCell):
    """A cell without internal node, linear part or noise term of its own: all its current is `through`."""

    internal: ClassVar[tuple[str, ...]] = ()

    def parts(self) -> tuple[Part, ...]:
        """None."""
        return ()

    def current(
        self, state: CellState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into plus and minus [A]."""
        i = self.through(state.x, voltages[0] - voltages[1], temperature=temperature)
        return i, -i

    def stray(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """None."""
        return 0.0  # type: ignore[return-value]


def kept(state: CellState, duration: Number) -> CellState:
    """The state of a non-volatile cell after a time without drive: as it was, in the broadcast shape."""
    return jax.tree.map(lambda leaf: leaf + jnp.zeros_like(leaf * duration), state)


def relaxed(state: CellState, x: Number) -> CellState:
    """The state of a volatile cell whose x has become `x` by itself; the way back is the other half of a cycle."""
    same = jnp.zeros_like(x)
    return CellState(x, state.cycles + 0.5 * jnp.abs(x - state.x), state.pulses + same)


def within(x: Number, speed: Number) -> Number:
    """The speed of a state that stops at 0 and at 1."""
    return jnp.where(((speed > 0.0) & (x >= 1.0)) | ((speed < 0.0) & (x <= 0.0)), 0.0, speed)


def delivered(cell: AbstractCell, x: Number, v: Number, duration: Number, temperature: Number) -> Number:
    """Energy [J] delivered in `duration` at constant voltage, integrated (differentiable forward only)."""
    return held(_Motion(cell, cell.through), x, (v,), duration, temperature=temperature)[1]  # type: ignore[arg-type]


class _Motion(eqx.Module):
    """A cell seen as its one moving state: wear follows from where x ends, and needs no equation of its own."""

    cell: AbstractCell
    through: Callable[..., Number] | None = None  # where the energy is asked for, the current that it needs

    def rate(self, x: Number, voltages: tuple[Number, ...], *, temperature: float) -> Number:
        return self.cell.speed(x, voltages[0], temperature=temperature)

    def current(self, x: Number, voltages: tuple[Number, ...], *, temperature: float) -> tuple[Number, ...]:
        if self.through is None:
            return (jnp.zeros_like(x),)
        return (self.through(x, voltages[0], temperature=temperature),)


def _gone(state: CellState, way: Number) -> CellState:
    """The state after a pulse took x along `way`, not beyond its ends; where it does not move it is kept exactly."""
    x = jnp.where(way == 0.0, state.x + way, jnp.clip(state.x + way, 0.0, 1.0))
    return CellState(x, state.cycles + 0.5 * jnp.abs(x - state.x), state.pulses + 1.0 + jnp.zeros_like(x))
