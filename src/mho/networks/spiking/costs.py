"""What a pass costs, as a number that training can make small, and as joules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices import ECRAM, Pulse
from mho.networks.spiking.layer import Activity
from mho.networks.synapse import Number


class Costs(eqx.Module):
    r"""A price on what layers do, added to the loss: :math:`\sum (c_s n_s + c_e n_e + c_w n_w)`, mean over samples.

    The derivatives are those of the surrogate: spikes, synaptic events and volatile cycles become fewer.

    Args:
        spikes: Price of a spike of a neuron [1].
        events: Price of a weight that is read [1].
        cycles: Price of a full volatile loading [1].
    """

    spikes: Number = quantity("1", low=0.0, default=0.0)
    events: Number = quantity("1", low=0.0, default=0.0)
    cycles: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def __call__(self, did: Sequence[Activity]) -> Number:
        """The price of a pass."""
        per_layer = [self.spikes * a.spikes + self.events * a.events + self.cycles * a.cycles for a in did]
        return jnp.mean(sum(per_layer[1:], start=per_layer[0]))


class EventEnergy(NamedTuple):
    """Energy of synapses by event.

    Args:
        gate: Of a spike's pulse on one device [J].
        read: Of one weight that is read [J].
    """

    gate: float
    read: float

    @classmethod
    def of(cls, device: ECRAM, pulse: Pulse, *, g: float, v_read: float, t_read: float) -> EventEnergy:
        r"""Gate energy from the device at rest, and :math:`g v^2 t` for a read.

        Args:
            device: Whose gate is pulsed.
            pulse: What a spike applies.
            g: Mean conductance of a weight [S].
            v_read: Read voltage [V].
            t_read: Duration of a read [s].

        Raises:
            ParameterError: If the read takes no time or no conductance.
        """
        if g <= 0 or t_read <= 0:
            raise ParameterError(f"A read of {g:.4g} S for {t_read:.4g} s takes no energy; both must be above 0.")
        return cls(float(device.energy(device.rest(), pulse)), g * v_read**2 * t_read)


class Bill(NamedTuple):
    """Mean of a sample, all layers together.

    Args:
        spikes: Of neurons.
        pulses: On plastic synapses, one per source and spike.
        events: Weights that were read.
        cycles: Full volatile loadings, all devices together.
        gate: Energy of the pulses [J].
        read: Energy of the reads [J].
        neurons: Energy of the neurons; 0 where layers do not know it [J].
    """

    spikes: float
    pulses: float
    events: float
    cycles: float
    gate: float
    read: float
    neurons: float = 0.0

    @property
    def energy(self) -> float:
        """Of pulses, reads and neurons [J]."""
        return self.gate + self.read + self.neurons

    @classmethod
    def of(cls, did: Sequence[Activity], energy: EventEnergy, *, plastic: bool) -> Bill:
        """The bill of what layers did; static synapses have no gate to pulse."""
        total = Activity(*(float(sum(jnp.mean(x) for x in field)) for field in zip(*did, strict=True)))
        pulses = total.arrived if plastic else 0.0
        gate, read = pulses * energy.gate, total.events * energy.read
        return cls(total.spikes, pulses, total.events, total.cycles, gate, read, total.energy)  # type: ignore[arg-type]
