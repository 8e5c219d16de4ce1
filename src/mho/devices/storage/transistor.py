"""What storage transistors share: a channel whose threshold the state moves, read at one gate voltage."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part
from mho.devices.storage.channel import channel_conductance, channel_current


class AbstractStorageTransistor(AbstractContinuousDevice):
    """A three-terminal memory; a model says what its threshold is and how pulses move it."""

    terminals: ClassVar[tuple[str, ...]] = ("gate", "drain", "source")
    internal: ClassVar[tuple[str, ...]] = ()

    gain: eqx.AbstractVar[Number]
    slope: eqx.AbstractVar[Number]
    v_gate_read: eqx.AbstractVar[Number]
    c_gate: eqx.AbstractVar[Number]
    sigma_read: eqx.AbstractVar[Number]

    @abc.abstractmethod
    def threshold(self, state: Any) -> Number:
        """Threshold voltage of the channel, v_T [V]."""

    def conductance(self, state: Any, *, temperature: float = ROOM) -> Number:
        """Conductance of the channel at v_gate_read and a small drain voltage [S]."""
        return self.conductance_at(self.threshold(state), temperature)

    def conductance_at(self, threshold: Number, temperature: Number) -> Number:
        """The same at a threshold voltage [V]."""
        over = self.v_gate_read - threshold
        return channel_conductance(over, gain=self.gain, slope=self.slope, temperature=temperature)

    def read(self, state: Any, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Drain current [A] at drain voltage `v` [V] and v_gate_read, with relative read noise."""
        i = self.channel(state, (self.v_gate_read, v, 0.0 * v), temperature)
        return i * (1.0 + self.sigma_read * random.normal(key, jnp.shape(i), jnp.result_type(i)))

    def channel(self, state: Any, voltages: tuple[Number, ...], temperature: Number) -> Number:
        """Current from drain to source [A] at the voltages of gate, drain and source [V]."""
        gate, drain, source = voltages
        return channel_current(
            gate,
            drain,
            source,
            threshold=self.threshold(state),
            gain=self.gain,
            slope=self.slope,
            temperature=temperature,
        )

    def parts(self) -> tuple[Part, ...]:
        """The gate's linear capacitance, half to either end of the channel."""
        return Part("C", "gate", "drain", 0.5 * self.c_gate), Part("C", "gate", "source", 0.5 * self.c_gate)
