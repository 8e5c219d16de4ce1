"""What a circuit takes, from itself: power with the membrane held, and what is left for a spike at each current."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from mho.circuits.elements import Resistor
from mho.circuits.neurons.neuron import MEMBRANE, SPIKE, AbstractNeuron
from mho.circuits.neurons.stages import GROUND
from mho.circuits.operating_point import operating_point
from mho.circuits.sources import VoltageSource
from mho.core.results import Status
from mho.networks.circuit_energy import CircuitEnergy
from mho.networks.reduced.equation import along

_SHUNT = 1e3  # [ohm] in each supply's lead: 1 uA drops 1 mV, and 1 pA is seen
_SEEN = 49  # voltages of the membrane that are looked at
_KEPT = np.array([1.0, 0.55, 0.35, 0.24, 0.16, 0.10, 0.05, 0.0])  # of them, as shares below the highest: power grows fast
_SPIKING = 0.1  # of the supply, at the spike's node: there the circuit no longer waits


def held(neuron: AbstractNeuron, v_rest: float, v_threshold: float, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Power of the supplies with the membrane held at voltages from rest to where the circuit flips [V], [W].

    Args:
        neuron: The circuit.
        v_rest: Lowest [V].
        v_threshold: Highest that is tried [V].
        power: At rest, from a run in time [W].
    """
    volts = np.linspace(v_rest, v_threshold, _SEEN)
    circuit = neuron.circuit()
    leads: dict[str, Any] = {"clamp.membrane": VoltageSource(MEMBRANE, GROUND, volts)}
    supplies = {n: e for n, e in circuit.items() if n.startswith("supply.") and isinstance(e, VoltageSource)}
    for name, source in supplies.items():
        node = source.nodes[0]
        leads[name] = VoltageSource(f"{node}.lead", GROUND, source.wave)
        leads[name.replace("supply", "shunt", 1)] = Resistor(f"{node}.lead", node, r=_SHUNT)
    point = operating_point(circuit.with_elements(leads), throw=False)
    taken = np.zeros(_SEEN)
    for source in supplies.values():
        node = source.nodes[0]
        ideal = np.broadcast_to(point[f"{node}.lead"], (_SEEN,))
        taken += ideal * (ideal - np.broadcast_to(point[node], (_SEEN,))) / _SHUNT
    waits = (point.status == Status.OK) & (np.asarray(point[SPIKE]) < _SPIKING * float(neuron.v_supply))
    count = max(int(np.argmin(waits)) if not waits.all() else _SEEN, 2)
    top = volts[count - 1]
    v = top - _KEPT * (top - v_rest)
    above = np.maximum(np.interp(v, volts[:count], taken[:count]) - taken[0], 0.0)
    return v, power + above


def energy_of(
    numbers: Mapping[str, float], current: np.ndarray, total: np.ndarray, v: np.ndarray, power: np.ndarray
) -> CircuitEnergy:
    """The energy of a spike is what is left of an interval's when the membrane's way to the threshold is paid.

    Args:
        numbers: Of the equation.
        current: Inputs, growing [A].
        total: Energy of an interval under them: supplies, biases and input [J].
        v: Voltages of the membrane [V].
        power: There, membrane held [W].
    """
    free = CircuitEnergy(tuple(v), tuple(power), tuple(current), tuple(np.zeros(len(current))))

    def flow(volts: np.ndarray, i: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(free.flow(np.minimum(volts, numbers["v_threshold"]), i))

    return CircuitEnergy(free.v, free.power, free.current, tuple(total - along(numbers, current, flow)))
