"""What makes a netlist impossible to simulate, found before any number is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mho.circuits.behavioural import BehaviouralCurrent, BehaviouralVoltage
from mho.circuits.charges import AbstractCharge
from mho.circuits.elements import AbstractConductor, AbstractElement, Capacitor, Coupling, Inductor, Switch
from mho.circuits.memristive import Memristive
from mho.circuits.mosfet import MOSFET
from mho.circuits.sources import CCCS, CCVS, VCCS, VCVS, CurrentSource, VoltageSource
from mho.core.errors import NetlistError

if TYPE_CHECKING:
    from mho.circuits.netlist import Circuit

GROUND = "0"
KINDS = (
    AbstractConductor,
    AbstractCharge,
    Capacitor,
    Coupling,
    Inductor,
    MOSFET,
    Memristive,
    VoltageSource,
    CurrentSource,
    VCVS,
    CCCS,
    CCVS,
    BehaviouralVoltage,
)

BRANCHES = (VoltageSource, VCVS, CCVS, BehaviouralVoltage, Inductor)  # elements whose current may be an unknown


class Joints:
    """Sets of nodes that are joined, one way or another (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, node: str) -> str:
        """The node that stands for all those joined with `node`."""
        self._parent.setdefault(node, node)
        while self._parent[node] != node:
            self._parent[node] = self._parent[self._parent[node]]
            node = self._parent[node]
        return node

    def join(self, a: str, b: str) -> bool:
        """Join two nodes; False if they were joined already."""
        a, b = self.root(a), self.root(b)
        self._parent[a] = b
        return a != b


def check(circuit: Circuit) -> None:
    """Raise a NetlistError for the first thing that makes `circuit` impossible to simulate."""
    if not circuit.elements:
        raise NetlistError("The circuit has no elements. Give it at least a source and something to drive.")
    for name, element in circuit.items():
        if not isinstance(element, KINDS):
            raise NetlistError(f"{name} is a {type(element).__name__}, which is no circuit element of mho.")
        if any(not isinstance(node, str) or not node for node in element.nodes):
            raise NetlistError(f"{name} connects {element.nodes!r}; a node is a non-empty text, ground is '0'.")
    _check_controls(circuit)
    _check_ground(circuit)
    _check_voltage_loops(circuit)
    _check_hanging(circuit)
    _check_names(circuit)


def internal_nodes(name: str, element: AbstractElement) -> tuple[str, ...]:
    """Nodes that an element adds of its own."""
    return tuple(f"{name}.{node}" for node in element.device.internal) if isinstance(element, Memristive) else ()


def _check_controls(circuit: Circuit) -> None:
    elements = dict(circuit.items())
    for name, element in circuit.items():
        if isinstance(element, CCCS | CCVS) and not isinstance(elements.get(element.control), BRANCHES):
            raise NetlistError(
                f"{name} is controlled by {element.control!r}, which is no voltage source or inductor of this circuit. "
                "Put a VoltageSource of 0 V where the current flows and name it."
            )
        if isinstance(element, Coupling):
            for coil in (element.one, element.two):
                if not isinstance(elements.get(coil), Inductor):
                    raise NetlistError(f"{name} couples {coil!r}, which is no inductor of this circuit.")
            if element.one == element.two:
                raise NetlistError(f"{name} couples {element.one!r} with itself. Name two inductors.")


def _check_ground(circuit: Circuit) -> None:
    """Every node must be reached from ground by something, and ground must exist."""
    joints = Joints()
    nodes: dict[str, str] = {}
    for name, element in circuit.items():
        for node in element.nodes:
            nodes.setdefault(node, name)
        for a, b in touches(element):
            joints.join(a, b)
    if GROUND not in nodes:
        raise NetlistError("No element connects to ground. Call one node '0'.")
    for node, name in nodes.items():
        if joints.root(node) != joints.root(GROUND):
            raise NetlistError(
                f"Node {node!r} (at {name}) floats: nothing connects it to ground. "
                "Connect it, or tie it to '0' with a resistor of 1 TΩ or a capacitor."
            )


def touches(element: AbstractElement) -> list[tuple[str, str]]:
    """Pairs of nodes between which the element defines a voltage or carries charge (control inputs do not)."""
    if isinstance(element, CurrentSource | CCCS | VCCS | Coupling):
        return []
    if isinstance(element, VCVS | Switch | BehaviouralCurrent | BehaviouralVoltage):
        return [element.nodes[:2]]  # type: ignore[list-item]
    if isinstance(element, AbstractCharge):
        return list(element.paths)
    first, *others = element.nodes
    return [(first, other) for other in others]


def _check_voltage_loops(circuit: Circuit) -> None:
    joints = Joints()
    for name, element in circuit.items():
        if isinstance(element, VoltageSource | VCVS | CCVS | BehaviouralVoltage):
            plus, minus = element.nodes[:2]
            if not joints.join(plus, minus):
                raise NetlistError(
                    f"{name} closes a loop of voltage sources through {plus!r} and {minus!r}, in which the current is "
                    "not defined. Remove one source, or put a resistor in series."
                )


def _check_hanging(circuit: Circuit) -> None:
    """A node that a single terminal touches can never carry current: almost always a misspelt name."""
    count: dict[str, list[str]] = {}
    for name, element in circuit.items():
        for node in element.nodes:
            count.setdefault(node, []).append(name)
    elements = dict(circuit.items())
    for node, names in count.items():
        element = elements[names[0]]
        gate = isinstance(element, MOSFET) and node == element.gate
        alone = gate or isinstance(element, AbstractCharge | Capacitor | CurrentSource | CCCS | VCCS | Inductor)
        if node != GROUND and len(names) == 1 and alone:
            raise NetlistError(
                f"Node {node!r} floats: {names[0]} alone touches it. Check its spelling, or connect it to the rest."
            )


def _check_names(circuit: Circuit) -> None:
    known = set(unknown_names(circuit))
    for name in (*circuit.initial_names, *(n for n, _ in circuit.scale)):
        if name not in known:
            raise NetlistError(
                f"The circuit has no node or state {name!r} to give a value to. It has {', '.join(sorted(known))}."
            )


def unknown_names(circuit: Circuit) -> list[str]:
    """Names of all nodes, device states and currents that may be unknowns (``<element>.i``)."""
    names: dict[str, None] = {}
    for name, element in circuit.items():
        names |= dict.fromkeys(node for node in (*element.nodes, *internal_nodes(name, element)) if node != GROUND)
    for name, element in circuit.items():
        if isinstance(element, Memristive):
            names |= dict.fromkeys(f"{name}.{state}" for state in element.state_names())
    names |= dict.fromkeys(f"{name}.i" for name, e in circuit.items() if isinstance(e, BRANCHES))
    return list(names)
