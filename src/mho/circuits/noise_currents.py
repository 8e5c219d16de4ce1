"""Noise currents of elements, as spectral densities at their momentary voltages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mho.circuits.elements import NoiseCurrent
from mho.circuits.layout import Layout, device_indices, resistances
from mho.circuits.memristive import Memristive
from mho.circuits.netlist import Circuit
from mho.devices.kinetics import BOLTZMANN


def noise_currents(circuit: Circuit, layout: Layout, v: Callable[[int], Any]) -> list[tuple[str, NoiseCurrent]]:
    """All noise currents of a circuit by the element's name, with their nodes as indices of the layout.

    Args:
        circuit: A circuit whose leaves are arrays of lanes.
        layout: Its numbering.
        v: Voltage of a node, or value of a state, by index.
    """
    found: list[tuple[str, NoiseCurrent]] = []
    for name, element in circuit.items():
        if isinstance(element, Memristive):
            x = tuple(v(i) for i in device_indices(name, element, layout.index))
            local = dict(zip(element.device.terminals, element.device_nodes, strict=True))
            sources = element.noise(x, temperature=circuit.temperature)
            sources = tuple(s._replace(a=local[s.a], b=local[s.b]) for s in sources)
            sources += tuple(
                NoiseCurrent("thermal", a, b, 4.0 * BOLTZMANN * circuit.temperature / r)
                for a, b, r in resistances(name, element)
            )
        else:
            x = tuple(v(layout.index[node]) for node in element.nodes)
            sources = element.noise(x, temperature=circuit.temperature)
        found += [(name, s._replace(a=layout.index[s.a], b=layout.index[s.b])) for s in sources]
    return found
