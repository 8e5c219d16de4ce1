"""What every neuron circuit is: a module of SI fields that gives named elements, with or without an ECRAM inside."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import equinox as eqx

from mho.circuits.netlist import Circuit
from mho.circuits.neurons.stages import GROUND, Elements
from mho.circuits.sources import CurrentSource, VoltageSource
from mho.core.fields import check_ranges, quantity
from mho.devices import ECRAM
from mho.devices.device import Number

MEMBRANE, SPIKE, PRESYNAPTIC = "mem", "spk", "pre"
SETTLED = 1e-6  # [s]; sources jump to their values at t = 0 and may glitch the spike node for picoseconds


class Excitability(eqx.Module):
    """The ECRAM inside a neuron: the neuron's own spikes drive its gate, its channel acts on the next interval.

    Args:
        device: Any ECRAM; its `polarity` decides the sign of the modulation together with the topology.
        v_gate: Supply of the gate's driver [V]. A design value: at the default the first spike of the reference
            delay-feedback neuron moves its reference ECRAM by its 1.5 kOhm (measured by
            :func:`mho.metrics.excitability.excitability`), although the reset current lifts the channel.
    """

    device: ECRAM
    v_gate: Number = quantity("V", positive=True, default=1.02)

    def __check_init__(self) -> None:
        check_ranges(self)

    def reversed(self) -> Excitability:
        """The same with the device's polarity reversed: adaptation becomes sensitisation and the other way round."""
        return eqx.tree_at(lambda e: e.device.polarity, self, -self.device.polarity)


class AbstractNeuron(eqx.Module):
    """A neuron's circuit with its numbers. Subclasses are final and differ in how a membrane becomes a spike.

    Nodes: ``mem`` (membrane), ``spk`` (spike, ground to supply). Element names begin with their ledger group:
    `membrane`,
    `leak`, `threshold`, `delay`, `reset`, `feedback`, `excitability`, `excitability_driver`; sources are `supply.core`,
    `supply.delay`, `supply.gate` and `bias.*`.
    """

    v_supply: eqx.AbstractVar[Number]
    excitability: eqx.AbstractVar[Excitability | None]

    @abc.abstractmethod
    def elements(self) -> Elements:
        """All elements of the neuron, its supplies and bias voltages, by dotted name."""

    @abc.abstractmethod
    def where(self) -> str:
        """Where the ECRAM sits in this circuit, and why there."""

    def circuit(
        self,
        *,
        current: Any = None,
        synapse: Any = None,
        spikes: Any = None,
        initial: Mapping[str, float] | None = None,
    ) -> Circuit:
        """The neuron with its inputs.

        Args:
            current: Current into the membrane [A]: a number, a batch, or a wave.
            synapse: A synapse onto the membrane.
            spikes: Wave of the presynaptic spikes at the synapse [V].
            initial: Node voltages and device states at the start, besides a membrane at 0 V.
        """
        parts = self.elements()
        if current is not None:
            parts["drive.current"] = CurrentSource(GROUND, MEMBRANE, current)
        if synapse is not None:
            parts |= synapse.elements(PRESYNAPTIC, MEMBRANE)
            parts["drive.spikes"] = VoltageSource(PRESYNAPTIC, GROUND, spikes)
        return Circuit(parts, initial={MEMBRANE: 0.0} | dict(initial or {}))


def sources(**volts: Any) -> Elements:
    """Grounded DC sources by node: names ``supply_x`` become ``supply.x``, all others ``bias.x``."""
    parts: Elements = {}
    for name, v in volts.items():
        group, _, node = name.partition("_")
        parts[f"{group}.{node}"] = VoltageSource(name, GROUND, v)
    return parts
