"""The circuit of a netlist as a DC analysis sees it."""

from __future__ import annotations

import equinox as eqx

from mho import circuits as mc
from mho.circuits.layout import layout
from mho.circuits.start import source_value
from mho.interchange.spice.netlist import Netlist


def at_rest(netlist: Netlist) -> mc.Circuit:
    """The circuit with every source at its DC value."""
    circuit, changed = with_unknowns(netlist.circuit), {}
    for name, e in circuit.items():
        if isinstance(e, mc.VoltageSource | mc.CurrentSource):
            value = netlist.levels.get(name, source_value(e.wave, 0.0, 1))
            changed[name] = eqx.tree_at(lambda s: s.wave, e, mc.DC(value))
    known = set(layout(circuit).names)
    return circuit.with_elements(changed, {n: v for n, v in guess_of(netlist).items() if n in known})


def with_unknowns(circuit: mc.Circuit) -> mc.Circuit:
    """The circuit, with a node to solve for where sources hold all others."""
    if layout(circuit).n:
        return circuit
    return circuit.with_elements({"nothing()": mc.Resistor("nothing()", "0", 1.0)})


def guess_of(netlist: Netlist) -> dict[str, float]:
    """Voltages from which the operating point is sought."""
    return dict.fromkeys(netlist.latched, 1.0) | netlist.requests.nodeset
