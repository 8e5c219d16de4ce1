"""The tables of a large circuit: which current flows from where to where, and what it depends on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mho.circuits.assembly import capacitance_matrix
from mho.circuits.behavioural import BehaviouralVoltage
from mho.circuits.charges import AbstractCharge
from mho.circuits.elements import Resistor
from mho.circuits.kinds import Kind, kinds
from mho.circuits.layout import Layout, resistances
from mho.circuits.memristive import Memristive
from mho.circuits.mosfet import MOSFET
from mho.circuits.netlist import Circuit
from mho.circuits.sources import CCCS, CCVS, VCCS, VCVS, CurrentSource, VoltageSource

Slope = tuple[int, Any]


class Linear(NamedTuple):
    """A current that is a sum of numbers times unknowns or held voltages: from p to q, through element k (or -1)."""

    k: int
    p: int
    q: int
    slopes: tuple[Slope, ...]


def linear(circuit: Circuit, layout: Layout) -> Iterator[Linear]:
    """Resistors, controlled sources, and the branches: their currents, and their equations as currents from a row."""
    place = {name: k for k, name in enumerate(circuit.names)}
    for k, (name, e) in enumerate(circuit.items()):
        nodes = tuple(layout.index[x] for x in e.nodes)
        if isinstance(e, Resistor):
            yield Linear(k, nodes[0], nodes[1], ((nodes[0], 1.0 / e.r), (nodes[1], -1.0 / e.r)))
        elif isinstance(e, Memristive):
            for a, b, r in resistances(name, e):
                p, q = layout.index[a], layout.index[b]
                yield Linear(k, p, q, ((p, 1.0 / r), (q, -1.0 / r)))
        elif isinstance(e, VCCS):
            yield Linear(k, nodes[0], nodes[1], ((nodes[2], e.g), (nodes[3], -e.g)))
        elif isinstance(e, CCCS):
            yield Linear(k, nodes[0], nodes[1], ((layout.branches[place[e.control]], e.gain),))
        elif k in layout.branches:
            j, (p, q) = layout.branches[k], nodes[:2]
            booked = isinstance(e, VCVS | CCVS | BehaviouralVoltage)  # the ledger treats sources and coils apart
            yield Linear(k if booked else -1, p, q, ((j, 1.0),))
            own: tuple[Slope, ...] = ((p, 1.0), (q, -1.0))
            if isinstance(e, VCVS):
                own += ((nodes[2], -e.gain), (nodes[3], e.gain))
            elif isinstance(e, CCVS):
                own += ((layout.branches[place[e.control]], -e.r),)
            yield Linear(-1, j, -1, own)


class Table(NamedTuple):
    """Currents of one set: ends, ledger group (the count of groups for none), and slopes as (current, column)."""

    p: np.ndarray
    q: np.ndarray
    group: np.ndarray
    flow: np.ndarray
    column: np.ndarray


class Wiring:
    """Tables of a circuit's structure. Rows and columns are unknowns, then held nodes, then ground.

    Args:
        circuit: Any circuit of the structure.
        layout: Its numbering.
        groups: Ledger group of each element, or None where its power is not asked for.
        group_count: Number of ledger groups.
    """

    def __init__(self, circuit: Circuit, layout: Layout, groups: Sequence[int | None], group_count: int):
        self.layout, self.n, self.ground = layout, layout.n, layout.n + len(layout.held)
        self.groups, self.group_count = groups, group_count
        every = kinds(circuit, layout)
        self.kinds = tuple(kind for kind in every if not isinstance(kind.example, AbstractCharge))
        self.charging = tuple(kind for kind in every if isinstance(kind.example, AbstractCharge))
        flows = list(linear(circuit, layout))
        self.linear = self._table(
            [(f.p, f.q, f.k) for f in flows], [(k, c) for k, f in enumerate(flows) for c, _ in f.slopes]
        )
        self.device = self._joined([self._of_kind(kind) for kind in self.kinds])
        self.charge = self._joined([self._of_charges(kind, circuit) for kind in self.charging])
        self.matrix = np.array(list(capacitance_matrix(circuit, layout)), np.int32).reshape(-1, 2)
        self.sources = tuple(k for k, e in enumerate(circuit.elements) if isinstance(e, VoltageSource | CurrentSource))
        self.drives = np.array(list(self._drives(circuit)), np.int32).reshape(-1, 3)

    def _drives(self, circuit: Circuit) -> Iterator[tuple[int, int, int]]:
        """(row, number among the sources, sign) of what sources add to equations."""
        for s, k in enumerate(self.sources):
            e = circuit.elements[k]
            if isinstance(e, CurrentSource):
                for node, sign in zip(e.nodes, (1, -1), strict=True):
                    yield self._index(self.layout.index[node]), s, sign
            elif k in self.layout.branches:
                yield self.layout.branches[k], s, -1

    def _index(self, i: int) -> int:
        return self.ground if i < 0 else i

    def _table(self, flows: Sequence[tuple[int, int, int]], slopes: Sequence[tuple[int, int]]) -> Table:
        ends = np.array(flows, np.int32).reshape(-1, 3)
        pairs = np.array(slopes, np.int32).reshape(-1, 2)
        group = [self._group(int(k)) for k in ends[:, 2]]
        p, q, column = (np.where(x < 0, self.ground, x) for x in (ends[:, 0], ends[:, 1], pairs[:, 1]))
        return Table(p, q, np.array(group, np.int32), pairs[:, 0], column)

    def _group(self, k: int) -> int:
        group = self.groups[k] if k >= 0 else None
        return self.group_count if group is None else group

    def _of_kind(self, kind: Kind) -> Table:
        """Currents output by output, each over all elements; slopes output by output, terminal by terminal."""
        nodes, e, count = kind.nodes, kind.example, len(kind.which)
        if isinstance(e, Memristive):
            currents = len(e.device.terminals) + len(e.device.internal)
            ends = [(nodes[t], t < currents) for t in range(len(nodes))]
            flows = [(int(row[j]), -1, kind.which[j] if own else -1) for row, own in ends for j in range(count)]
        elif isinstance(e, BehaviouralVoltage):
            flows = [(self.layout.branches[k], -1, -1) for k in kind.which]
        else:
            p, q = (0, 2) if isinstance(e, MOSFET) else (0, 1)
            flows = [(int(nodes[p, j]), int(nodes[q, j]), kind.which[j]) for j in range(count)]
        return self._table(flows, _dense(len(flows) // count, nodes))

    def _of_charges(self, kind: Kind, circuit: Circuit) -> Table:
        """As for other kinds, path by path."""
        index, count = self.layout.index, len(kind.which)
        paths = [circuit.elements[k].paths for k in kind.which]  # type: ignore[attr-defined]
        flows = [
            (index[paths[j][t][0]], index[paths[j][t][1]], kind.which[j])
            for t in range(len(paths[0]))
            for j in range(count)
        ]
        return self._table(flows, _dense(len(paths[0]), kind.nodes))

    def _joined(self, tables: Sequence[Table]) -> Table:
        starts = np.cumsum([0, *(len(t.p) for t in tables)])
        moved = [t._replace(flow=t.flow + start) for t, start in zip(tables, starts, strict=False)]
        empty = self._table([], [])
        return Table(*(np.concatenate(x).astype(np.int32) for x in zip(empty, *moved, strict=True)))


def _dense(outputs: int, nodes: np.ndarray) -> list[tuple[int, int]]:
    """Every output of every element depends on all its terminals."""
    terminals, count = nodes.shape
    return [(o * count + j, int(nodes[t, j])) for o in range(outputs) for t in range(terminals) for j in range(count)]
