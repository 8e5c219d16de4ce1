"""The circuit of a netlist as a DC analysis sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx

from mho import circuits as mc
from mho.circuits.layout import layout
from mho.circuits.start import source_value
from mho.interchange.spice.netlist import Netlist

_TIE = 1e-3  # [ohm] to the voltage at which .ic or .nodeset hold a node


def at_rest(netlist: Netlist) -> mc.Circuit:
    """The circuit with every source at its DC value."""
    circuit, changed = with_unknowns(netlist.circuit), {}
    for name, e in circuit.items():
        if isinstance(e, mc.VoltageSource | mc.CurrentSource):
            value = netlist.levels.get(name, source_value(e.wave, 0.0, 1))
            changed[name] = eqx.tree_at(lambda s: s.wave, e, mc.DC(value))
    return guessed(circuit.with_elements(changed), netlist)


def with_unknowns(circuit: mc.Circuit) -> mc.Circuit:
    """The circuit, with a node to solve for where sources hold all others."""
    if layout(circuit).n:
        return circuit
    return circuit.with_elements({"nothing()": mc.Resistor("nothing()", "0", 1.0)})


def guess_of(netlist: Netlist) -> dict[str, float]:
    """Voltages from which the operating point is sought."""
    return dict.fromkeys(netlist.latched, 1.0) | netlist.requests.nodeset


def tied(circuit: mc.Circuit, voltages: Mapping[str, float]) -> mc.Circuit:
    """The circuit with nodes held almost stiffly, so that sources beside them close no loop."""
    ties: dict[str, Any] = {}
    for node, v in voltages.items():
        ties[f"tie({node})"] = mc.Resistor(node, f"tie({node})", _TIE)
        ties[f"tie({node})v"] = mc.VoltageSource(f"tie({node})", "0", v)
    return circuit.with_elements(ties)


def guessed(circuit: mc.Circuit, netlist: Netlist) -> mc.Circuit:
    """The circuit with a guess for its operating point: the point at which the nodes of .nodeset are held."""
    known = set(layout(circuit).names)
    asked = {n: v for n, v in guess_of(netlist).items() if n in known}
    if not asked:
        return circuit
    found = mc.operating_point(tied(circuit, asked), throw=False)
    return circuit.with_elements({}, {n: asked.get(n, found[n]) for n in layout(circuit).names})
