"""Numbers the unknowns of a circuit: nodes, device states, branch currents; and the nodes that sources hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.circuits.behavioural import BehaviouralVoltage
from mho.circuits.charges import AbstractCharge, BehaviouralCharge
from mho.circuits.checks import GROUND, Joints, internal_nodes
from mho.circuits.elements import Coupling, Inductor
from mho.circuits.elimination import Elimination, elimination
from mho.circuits.factorisation import Entry, matched, pivot_order
from mho.circuits.memristive import Memristive
from mho.circuits.mosfet import MOSFET
from mho.circuits.netlist import Circuit, remembered
from mho.circuits.sources import CCCS, CCVS, VCVS, CurrentSource, VoltageSource

STATE_SCALE = 0.02  # a device state moves by a few hundredths per pulse; its error counts 50 times that of a volt


@dataclass(frozen=True)
class Held:
    """A node whose voltage is that of another known node plus or minus a source."""

    node: str
    base: int
    sign: float
    source: int


@dataclass(frozen=True)
class Layout:
    """Indices: unknowns count from 0 to n - 1, held nodes from n on, ground is -1.

    Args:
        names: Name of each unknown.
        held: Nodes that sources hold.
        index: Index by name of node, state or branch.
        branches: Index of the branch current by element number.
        loose: Groups of unknowns whose common part no capacitance fixes (their slope has no common part of its own).
        algebraic: Branch currents, and nodes that only follow others; they have no slope, and are not limited or
            error-tested.
        chargeless: Nodes that no capacitance or charge touches: their value follows at once from the others', and makes
            no error of a step.
        states: Device states.
        pattern: Entries of the stage matrix that can be non-zero.
        firm: Those of them that make safe pivots.
        capacitive: (element, node, node, which) of each linear capacitance that is not exactly zero.
        charged: (element, node, node, which) of each path of a charge that depends on voltages.
    """

    names: tuple[str, ...]
    held: tuple[Held, ...]
    index: dict[str, int]
    branches: dict[int, int]
    loose: tuple[tuple[int, ...], ...]
    algebraic: tuple[int, ...]
    chargeless: tuple[int, ...]
    states: tuple[int, ...]
    pattern: frozenset[Entry]
    firm: frozenset[Entry]
    capacitive: tuple[tuple[int, int, int, int], ...]
    charged: tuple[tuple[int, int, int, int], ...]

    @property
    def n(self) -> int:
        """Number of unknowns."""
        return len(self.names)

    @property
    def order(self) -> tuple[Entry, ...]:
        """Pivots of the unrolled factorisation."""
        return pivot_order(self.n, self.pattern, self.firm, self.names)

    @property
    def elimination(self) -> Elimination:
        """Levels and core of the factorisation by tables."""
        diagonal = ((i, i) for i in range(self.n))
        return elimination(self.n, self.pattern.union(diagonal), self.firm, self.names)


@remembered
def layout(circuit: Circuit) -> Layout:
    """Number a circuit whose values are known (concrete)."""
    held = _held(circuit)
    known = {h.node for h in held}
    nodes: dict[str, None] = {}
    for name, element in circuit.items():
        inside = (*element.nodes, *internal_nodes(name, element))
        nodes |= dict.fromkeys(x for x in inside if x != GROUND and x not in known)
    names = list(nodes)
    first_state = len(names)
    for name, element in circuit.items():
        if isinstance(element, Memristive):
            names += [f"{name}.{s}" for s in element.state_names()]
    states = tuple(range(first_state, len(names)))
    branches = {}
    free = {h.source for h in held}
    for k, (name, element) in enumerate(circuit.items()):
        if isinstance(element, Inductor | VCVS | CCVS | BehaviouralVoltage) or (
            isinstance(element, VoltageSource) and k not in free
        ):
            branches[k] = len(names)
            names.append(f"{name}.i")
    n = len(names)
    index = {GROUND: -1, **{x: i for i, x in enumerate(names)}, **{h.node: n + k for k, h in enumerate(held)}}
    held = tuple(Held(h.node, index[h.base], h.sign, h.source) for h in held)
    capacitive, charged = _capacitive(circuit, index), _charged(circuit, index)
    algebraic = tuple(i for k, i in branches.items() if not isinstance(circuit.elements[k], Inductor))
    touched = _touched(circuit, index, capacitive + charged)
    algebraic += _followers(circuit, index, touched, n)
    pattern, firm = _pattern(circuit, index, branches, capacitive + charged, n)
    matched(n, pattern, firm, tuple(names))  # or the circuit does not determine its unknowns
    return Layout(
        names=tuple(names),
        held=held,
        index=index,
        branches=branches,
        loose=_loose(capacitive + charged, nodes),
        algebraic=algebraic,
        chargeless=tuple(i for i in range(first_state) if i not in touched),
        states=states,
        pattern=pattern,
        firm=firm,
        capacitive=capacitive,
        charged=charged,
    )


@dataclass(frozen=True)
class _HeldByName:
    node: str
    base: str
    sign: float
    source: int


def _held(circuit: Circuit) -> list[Any]:
    """Nodes that a chain of sources ties to ground; a source that controls another keeps its current as an unknown."""
    controls = {e.control for e in circuit.elements if isinstance(e, CCCS | CCVS)}
    sources = {
        k: e for k, (name, e) in enumerate(circuit.items()) if isinstance(e, VoltageSource) and name not in controls
    }
    known, held = {GROUND}, []
    while True:
        found = None
        for k, e in sources.items():
            if (e.plus in known) != (e.minus in known):
                found = (k, e)
                break
        if found is None:
            return held
        k, e = found
        node, base, sign = (e.plus, e.minus, 1.0) if e.minus in known else (e.minus, e.plus, -1.0)
        held.append(_HeldByName(node, base, sign, k))
        known.add(node)
        del sources[k]


def _capacitive(circuit: Circuit, index: dict[str, int]) -> tuple[tuple[int, int, int, int], ...]:
    found = []
    for k, (name, element) in enumerate(circuit.items()):
        for which, (a, b, c) in enumerate(capacitances(name, element)):
            if index[a] != index[b] and np.any(np.asarray(c) != 0):
                found.append((k, index[a], index[b], which))
    return tuple(found)


def _charged(circuit: Circuit, index: dict[str, int]) -> tuple[tuple[int, int, int, int], ...]:
    return tuple(
        (k, index[a], index[b], which)
        for k, element in enumerate(circuit.elements)
        if isinstance(element, AbstractCharge)
        for which, (a, b) in enumerate(element.paths)
        if index[a] != index[b]
    )


def capacitances(name: str, element: Any) -> tuple[tuple[str, str, Any], ...]:
    """Linear capacitances (node, node, farad) of an element, with a device's parts."""
    if isinstance(element, Memristive):
        return _parts(name, element, "C")
    return type(element).capacitances(element)  # by the class: a method bound to a module costs more than its body


def resistances(name: str, element: Memristive) -> tuple[tuple[str, str, Any], ...]:
    """Linear resistances (node, node, ohm) among a device's parts."""
    return _parts(name, element, "R")


def _parts(name: str, element: Memristive, kind: str) -> tuple[tuple[str, str, Any], ...]:
    parts = (p for p in element.device.parts() if p.kind == kind)
    return tuple((_node(name, element, p.a), _node(name, element, p.b), p.value) for p in parts)


def _node(name: str, element: Memristive, terminal: str) -> str:
    """Circuit node of a device's terminal or internal node."""
    if terminal in element.device.terminals:
        return element.device_nodes[element.device.terminals.index(terminal)]
    return f"{name}.{terminal}"


def device_indices(name: str, element: Memristive, index: dict[str, int]) -> tuple[int, ...]:
    """Indices of a device's terminals, internal nodes and moving states."""
    nodes = (*element.nodes, *internal_nodes(name, element))
    return tuple(index[x] for x in (*nodes, *(f"{name}.{s}" for s in element.state_names())))


def _loose(capacitive: tuple, nodes: dict[str, None]) -> tuple[tuple[int, ...], ...]:
    """Nodes that capacitances join to each other, but not to ground or a held node."""
    joints = Joints()
    for _, a, b, _ in capacitive:
        joints.join(*(str(i) if 0 <= i < len(nodes) else "-1" for i in (a, b)))
    groups: dict[str, list[int]] = {}
    for i in range(len(nodes)):
        if joints.root(str(i)) != joints.root("-1"):
            groups.setdefault(joints.root(str(i)), []).append(i)
    return tuple(tuple(g) for g in groups.values())


def _touched(circuit: Circuit, index: dict[str, int], capacitive: tuple) -> set[int]:
    """Nodes that a capacitance or charge touches or depends on."""
    controls = {index[x] for e in circuit.elements if isinstance(e, BehaviouralCharge) for x in e.controls}
    return controls | {i for _, a, b, _ in capacitive for i in (a, b)}


def _followers(circuit: Circuit, index: dict[str, int], touched: set[int], n: int) -> tuple[int, ...]:
    """Nodes that a controlled source sets against ground and no capacitance touches: they may jump as what they follow.

    A jump of a current's copy is no error of a step, and its error is tested where it comes from.
    """
    set_ = (e.plus for e in circuit.elements if isinstance(e, VCVS | CCVS | BehaviouralVoltage) and e.minus == GROUND)
    return tuple(i for i in dict.fromkeys(index[x] for x in set_) if 0 <= i < n and i not in touched)


def _pattern(
    circuit: Circuit, index: dict[str, int], branches: dict[int, int], capacitive: tuple, n: int
) -> tuple[frozenset[Entry], frozenset[Entry]]:
    """Entries that can be non-zero, and those that make safe pivots."""
    pattern: set[Entry] = set()
    firm: set[Entry] = set()

    def put(rows, columns, *, safe: bool = False) -> None:
        for r in rows:
            for c in columns:
                if 0 <= r < n and 0 <= c < n:
                    pattern.add((r, c))
                    if safe:
                        firm.add((r, c))

    def diagonal(nodes) -> None:
        for i in nodes:
            put((i,), (i,), safe=True)

    for k, (name, element) in enumerate(circuit.items()):
        nodes = tuple(index[x] for x in element.nodes)
        if k in branches:
            j, (p, q) = branches[k], nodes[:2]
            off = not isinstance(element, Inductor)
            put((p, q), (j,), safe=off)
            put((j,), (p, q), safe=off)
            put((j,), nodes)
            if isinstance(element, CCVS):
                put((j,), (branches[circuit.names.index(element.control)],))
            if isinstance(element, Inductor):
                diagonal((j,))
        elif isinstance(element, CCCS):
            put(nodes, (branches[circuit.names.index(element.control)],))
        elif isinstance(element, Memristive):
            every = device_indices(name, element, index)
            put(every, every)
            diagonal(every)
        elif isinstance(element, MOSFET):
            put((nodes[0], nodes[2]), nodes)
        elif isinstance(element, Coupling):
            both = [branches[circuit.names.index(coil)] for coil in (element.one, element.two)]
            put(both, both)
        elif isinstance(element, AbstractCharge):
            put([index[x] for path in element.paths for x in path], nodes)
        elif not isinstance(element, VoltageSource | CurrentSource):
            put(nodes[:2], nodes)
            if len(nodes) == 2:
                diagonal(nodes)
    for _, a, b, _ in capacitive:
        put((a, b), (a, b))
        diagonal((a, b))
    return frozenset(pattern), frozenset(firm)
