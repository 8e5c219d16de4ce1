"""What sits at a crossing: a device alone, with a selector, with a transistor, or a transistor that remembers."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core.errors import InputError
from mho.core.fields import check_ranges, quantity
from mho.crossbars.series import Channel, Seen, divided, in_series
from mho.devices.device import ROOM, AbstractDevice, AbstractMemory, Number, Pulse
from mho.devices.ecram import ECRAM


class AbstractCell(eqx.Module):
    """A cell between a row and a column, in some arrays with a gate line.

    States are those of its devices, with one entry a cell, (M, N).
    """

    reciprocal: eqx.AbstractClassVar[bool]
    """Whether the current depends on the difference of the two voltages alone."""
    gated: eqx.AbstractClassVar[bool]
    """Whether it has a gate line."""

    @abc.abstractmethod
    def rest(self, shape: tuple[int, int]) -> Any:
        """State of an array of fresh cells."""

    @abc.abstractmethod
    def current(self, state: Any, row: Number, column: Number, gate: Any, *, temperature: Number = ROOM) -> Number:
        """Static current from row to column [A] at the voltages of both, and of the gate [V]."""

    @abc.abstractmethod
    def pulsed(
        self, state: Any, row: Number, column: Number, gate: Any, width: Number, *, key: jax.Array, temperature: Number
    ) -> Any:
        """State after `width` [s] at constant voltages, by the event face of each device at its own voltage."""

    @abc.abstractmethod
    def conductance(self, state: Any) -> Number:
        """Conductance of the memory [S], as it reads itself."""


def _at_rest(device: AbstractMemory, shape: tuple[int, int]) -> Any:
    return jax.tree.map(lambda x: jnp.broadcast_to(x, shape), device.rest())


def _need(device: AbstractMemory, terminals: int, place: str) -> None:
    if len(device.terminals) != terminals:
        raise InputError(
            f"{type(device).__name__} has {len(device.terminals)} terminals ({', '.join(device.terminals)}); as "
            f"{place} it must have {terminals}."
        )


class Passive(AbstractCell):
    """1R: a two-terminal device alone, plus on its row; self-rectifying ones among them.

    Args:
        memory: The device.

    Raises:
        InputError: If it has not two terminals.
    """

    reciprocal: ClassVar[bool] = True
    gated: ClassVar[bool] = False

    memory: AbstractMemory

    def __check_init__(self) -> None:
        _need(self.memory, 2, "a cell alone")

    def rest(self, shape: tuple[int, int]) -> Any:
        """Of the device."""
        return _at_rest(self.memory, shape)

    def current(self, state: Any, row: Number, column: Number, gate: Any, *, temperature: Number = ROOM) -> Number:
        """The device's own [A]."""
        return Seen(self.memory, state, temperature).through(row - column, column)

    def pulsed(
        self, state: Any, row: Number, column: Number, gate: Any, width: Number, *, key: jax.Array, temperature: Number
    ) -> Any:
        """The device's own."""
        return _pulse(self.memory, state, row - column, width, key, temperature)

    def conductance(self, state: Any) -> Number:
        """Of the device [S]."""
        return self.memory.conductance(state)


class Selected(AbstractCell):
    """1S1R: a memory on the row and a selector on the column, in series.

    The state is a pair, of the memory and of the selector.

    Args:
        memory: Of two terminals.
        selector: Of two terminals; any selector or switch of the device floor.

    Raises:
        InputError: If either has not two terminals.
    """

    reciprocal: ClassVar[bool] = True
    gated: ClassVar[bool] = False

    memory: AbstractMemory
    selector: AbstractMemory

    def __check_init__(self) -> None:
        _need(self.memory, 2, "a memory with a selector")
        _need(self.selector, 2, "a selector")

    def rest(self, shape: tuple[int, int]) -> Any:
        """Of both."""
        return _at_rest(self.memory, shape), _at_rest(self.selector, shape)

    def _elements(self, state: Any, temperature: Number) -> tuple[Seen, Seen]:
        return Seen(self.memory, state[0], temperature), Seen(self.selector, state[1], temperature)

    def current(self, state: Any, row: Number, column: Number, gate: Any, *, temperature: Number = ROOM) -> Number:
        """Of both in series [A]."""
        return in_series(*self._elements(state, temperature), row - column, jnp.zeros_like(row - column))

    def divided(self, state: Any, row: Number, column: Number, *, temperature: Number = ROOM) -> tuple[Number, Number]:
        """Voltage across memory and selector [V]."""
        return divided(*self._elements(state, temperature), row - column, jnp.zeros_like(row - column))

    def pulsed(
        self, state: Any, row: Number, column: Number, gate: Any, width: Number, *, key: jax.Array, temperature: Number
    ) -> Any:
        """Each at its share of the voltage, as divided at the start."""
        keys = jax.random.split(key)
        v = self.divided(state, row, column, temperature=temperature)
        devices = (self.memory, self.selector)
        return tuple(_pulse(d, s, x, width, k, temperature) for d, s, x, k in zip(devices, state, v, keys, strict=True))

    def conductance(self, state: Any) -> Number:
        """Of the memory [S]."""
        return self.memory.conductance(state[0])


class Transistor(AbstractCell):
    r"""1T1R: a memory on the row, and an access transistor with its drain at the memory and its source on the column.

    Args:
        memory: Of two terminals.
        threshold: Of the transistor [V].
        gain: Mobility times oxide capacitance times W/L [A/V^2].
        slope: Subthreshold slope factor [1].

    Raises:
        InputError: If the memory has not two terminals.
        ParameterError: If a value is out of range.

    Source: EKV channel, as in :func:`mho.devices.storage.channel.channel_current`.
    Limits: no gate current, no short-channel effect; the body is at 0 V.
    """

    reciprocal: ClassVar[bool] = False
    gated: ClassVar[bool] = True

    memory: AbstractMemory
    threshold: Number = quantity("V", default=0.4)
    gain: Number = quantity("A/V^2", positive=True, default=1e-3)
    slope: Number = quantity("1", low=1.0, default=1.3)

    def __check_init__(self) -> None:
        check_ranges(self)
        _need(self.memory, 2, "a memory behind a transistor")

    def rest(self, shape: tuple[int, int]) -> Any:
        """Of the memory."""
        return _at_rest(self.memory, shape)

    def _elements(self, state: Any, gate: Any, temperature: Number) -> tuple[Seen, Channel]:
        return Seen(self.memory, state, temperature), Channel(gate, self.threshold, self.gain, self.slope, temperature)

    def current(self, state: Any, row: Number, column: Number, gate: Any, *, temperature: Number = ROOM) -> Number:
        """Of both in series [A]."""
        return in_series(*self._elements(state, gate, temperature), row - column, column)

    def divided(
        self, state: Any, row: Number, column: Number, gate: Any, *, temperature: Number = ROOM
    ) -> tuple[Number, Number]:
        """Voltage across memory and transistor [V]."""
        return divided(*self._elements(state, gate, temperature), row - column, column)

    def pulsed(
        self, state: Any, row: Number, column: Number, gate: Any, width: Number, *, key: jax.Array, temperature: Number
    ) -> Any:
        """The memory at its share of the voltage, as divided at the start."""
        v, _ = self.divided(state, row, column, gate, temperature=temperature)
        return _pulse(self.memory, state, v, width, key, temperature)

    def conductance(self, state: Any) -> Number:
        """Of the memory [S]."""
        return self.memory.conductance(state)


class ThreeTerminal(AbstractCell):
    """A transistor that remembers, drain on the row, source on the column, and a gate line of its own that writes it.

    Args:
        memory: An ECRAM (its channel is a conductance), or a storage transistor (its channel saturates).

    Raises:
        InputError: If it has not three terminals.

    Limits: gate lines are at their voltage everywhere; what leaks through a gate (`gate_leakage`) is no load to metal.
    """

    reciprocal: ClassVar[bool] = False
    gated: ClassVar[bool] = True

    memory: AbstractMemory

    def __check_init__(self) -> None:
        _need(self.memory, 3, "a cell with a gate line")

    def rest(self, shape: tuple[int, int]) -> Any:
        """Of the device."""
        return _at_rest(self.memory, shape)

    def current(self, state: Any, row: Number, column: Number, gate: Any, *, temperature: Number = ROOM) -> Number:
        """Of the channel [A]."""
        channel = getattr(self.memory, "channel", None)
        if channel is not None:
            return channel(state, (gate, row, column), temperature)
        return self.memory.conductance(state, temperature=temperature) * (row - column)  # pyright: ignore[reportArgumentType]

    def gate_leakage(self) -> Number:
        """Conductance from the gate line to the source [S]: of an ECRAM's electrolyte, none otherwise."""
        memory: Any = self.memory
        return 1.0 / (memory.r_ion + memory.r_leak) if isinstance(memory, ECRAM) else jnp.zeros(())

    def pulsed(
        self, state: Any, row: Number, column: Number, gate: Any, width: Number, *, key: jax.Array, temperature: Number
    ) -> Any:
        """A gate pulse against the mean of both ends of the channel."""
        channel = 0.5 * (row + column)
        pulse = Pulse(gate + jnp.zeros_like(channel), width, channel)  # pyright: ignore[reportArgumentType]
        return self._device().pulse(state, pulse, key=key, temperature=temperature)  # pyright: ignore[reportArgumentType]

    def _device(self) -> AbstractDevice:
        return answering(self.memory)

    def conductance(self, state: Any) -> Number:
        """Of the channel [S]."""
        return self.memory.conductance(state)


def answering(device: AbstractMemory) -> AbstractDevice:
    """The device, if it answers to pulses.

    Raises:
        InputError: If only the outcome of its programming is known.
    """
    if not isinstance(device, AbstractDevice):
        raise InputError(
            f"{type(device).__name__} answers to no pulse: only the outcome of programming it is known. Choose a "
            "device with an event face (see 'mho device list'), or program it to targets."
        )
    return device


def _pulse(device: AbstractMemory, state: Any, v: Number, width: Number, key: jax.Array, temperature: Number) -> Any:
    return answering(device).pulse(state, Pulse(v, width), key=key, temperature=temperature)  # pyright: ignore[reportArgumentType]
