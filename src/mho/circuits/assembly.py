"""Kirchhoff's equations of a circuit over lanes: M du/dt + f(u, t) = 0, with the exact Jacobian of f.

Everything is a tuple or a dict of arrays of one number per lane: XLA fuses elementwise work on such arrays, and neither
stacks nor gathers stand in its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from mho.circuits.behavioural import BehaviouralVoltage
from mho.circuits.blocks import Charging, charges, conductors
from mho.circuits.elements import AbstractConductor, Coupling, Inductor, Resistor
from mho.circuits.factorisation import Entry, solve
from mho.circuits.junction import Junction
from mho.circuits.kinds import neutral_leaves
from mho.circuits.layout import Layout, capacitances, device_indices, resistances
from mho.circuits.ledger import Accounts
from mho.circuits.level1 import LevelOne
from mho.circuits.memristive import Memristive
from mho.circuits.mosfet import MOSFET, Channel, channel_current
from mho.circuits.netlist import Circuit
from mho.circuits.sources import CCCS, CCVS, VCVS, CurrentSource, VoltageSource
from mho.circuits.vectors import Tuples

BLOCKS = (Junction, LevelOne)  # conductors that come in numbers, and are evaluated together


class Prepared(NamedTuple):
    """What stays the same during a run: the circuit, its transistors' constants, and the capacitance matrix."""

    circuit: Circuit
    channels: Channel | None
    matrix: dict[Entry, Any]


class Stamps(NamedTuple):
    """f, its Jacobian, the power that each ledger group takes up with its gradient, and charges that move.

    Rows run over unknowns and held nodes (whose residual is the current that their source delivers), columns over
    unknowns.
    """

    f: dict[int, Any]
    g: dict[Entry, Any]
    power: tuple[Any, ...]
    power_slope: tuple[dict[int, Any], ...]
    charging: tuple[Charging, ...] = ()


def capacitance_matrix(circuit: Circuit, layout: Layout) -> dict[Entry, Any]:
    """Entries of M by (row, column) over unknowns and held nodes."""
    matrix: dict[Entry, Any] = {}

    def add(i: int, j: int, x: Any) -> None:
        if i >= 0 and j >= 0:
            matrix[i, j] = matrix[i, j] + x if (i, j) in matrix else x

    values = {k: capacitances(name, element) for k, (name, element) in enumerate(circuit.items())}
    for k, a, b, which in layout.capacitive:
        c = values[k][which][2]
        for i, j, x in ((a, a, c), (b, b, c), (a, b, -c), (b, a, -c)):
            add(i, j, x)
    for k, (name, element) in enumerate(circuit.items()):
        if isinstance(element, Inductor):
            add(layout.branches[k], layout.branches[k], -element.l)
        if isinstance(element, Coupling):
            coils = [circuit.names.index(coil) for coil in (element.one, element.two)]
            mutual = element.mutual(*(circuit.elements[c].l for c in coils))  # type: ignore[attr-defined]
            i, j = (layout.branches[c] for c in coils)
            add(i, j, -mutual)
            add(j, i, -mutual)
        if isinstance(element, Memristive):
            for state in element.state_names():
                add(layout.index[f"{name}.{state}"], layout.index[f"{name}.{state}"], 1.0)
    return matrix


def prepare(circuit: Circuit, layout: Layout) -> Prepared:
    """Constants of a circuit whose leaves are arrays of lanes."""
    channels = [e.prepared(circuit.temperature) for e in circuit.elements if isinstance(e, MOSFET)]
    stacked = None
    if channels:
        columns = [jnp.broadcast_arrays(*(jnp.atleast_1d(x) for x in column)) for column in zip(*channels, strict=True)]
        stacked = Channel(*(jnp.stack(column) for column in columns))
    matrix = {k: jnp.atleast_1d(jnp.asarray(x, jnp.float64)) for k, x in capacitance_matrix(circuit, layout).items()}
    return Prepared(circuit, stacked, matrix)


class Assembly:
    """Evaluates a circuit's equations; knows structure only, the numbers come with each call.

    Args:
        circuit: Any circuit of the structure.
        layout: Its numbering.
        accounts: What the ledger asks for.
        unrolled: Whether each transistor is evaluated on its own: a quarter faster for many lanes than all in one
            block, but half as long again to compile.
    """

    form = Tuples()

    def __init__(self, circuit: Circuit, layout: Layout, accounts: Accounts, *, unrolled: bool = False):
        self.layout, self.unrolled = layout, unrolled
        self.groups, self.group_count = tuple(accounts.group_of), len(accounts.groups)
        self.nodes = [tuple(layout.index[x] for x in e.nodes) for e in circuit.elements]
        self.neutral = neutral_leaves(circuit)
        self.constant = eqx.filter(circuit, self.neutral)

    def variables(self, circuit: Circuit) -> Any:
        """The circuit's leaves that are arguments, each with a sample axis."""
        return jax.tree.map(_row, eqx.filter(circuit, self.neutral, inverse=True))

    def prepare(self, variables: Any) -> Prepared:
        """Constants of a run from the numbers of its lanes."""
        return prepare(eqx.combine(variables, self.constant), self.layout)

    def waves(self, prepared: Prepared) -> list[tuple[int, Any]]:
        """Number and wave of each independent source."""
        sources = enumerate(prepared.circuit.elements)
        return [(k, e.wave) for k, e in sources if isinstance(e, VoltageSource | CurrentSource)]

    def __call__(
        self,
        u: Sequence[Any],
        held: Sequence[Any],
        source: Mapping[int, Any],
        prepared: Prepared,
        gmin: Any = None,
        slopes: tuple[Sequence[Any], Sequence[Any]] | None = None,
    ) -> Stamps:
        """Residual, Jacobian and powers.

        Args:
            u: Unknowns.
            held: Voltages of the held nodes.
            source: Value of each independent source by element number.
            prepared: From :func:`prepare`.
            gmin: Conductance from every node to ground, if any [S].
            slopes: Of unknowns and of held nodes (None where constant); at rest, without them, charges do nothing.
        """
        stamper = _Stamper(self, u, held, source, prepared, gmin)
        if slopes is not None:
            charges(stamper, (*slopes[0], *slopes[1]))
        return stamper.stamps()

    def moved(self, st: Stamps, prepared: Prepared) -> Prepared:
        """The same with the matrix M of this point, where charges depend on voltages."""
        if not st.charging:
            return prepared
        matrix = dict(prepared.matrix)
        for (_, p, q, _), path in zip(self.layout.charged, st.charging, strict=True):
            for row, sign in ((p, 1.0), (q, -1.0)):
                for j, c in path.by.items() if row >= 0 else ():
                    matrix[row, j] = matrix[row, j] + sign * c if (row, j) in matrix else sign * c
        return prepared._replace(matrix=matrix)

    def charge(self, prepared: Prepared, x: Sequence[Any]) -> tuple[Any, ...]:
        """M x: the current into each node's capacitances at slopes x of the unknowns."""
        m, n = prepared.matrix, range(self.layout.n)
        return tuple(sum((m[i, j] * x[j] for j in n if (i, j) in m), jnp.zeros_like(x[0])) for i in n)

    def residual(
        self, st: Stamps, prepared: Prepared, slope: Sequence[Any], held_slope: Sequence[Any]
    ) -> tuple[Any, ...]:
        """M u' + f, with the slopes of unknowns and held nodes (None where a source is constant)."""
        m, n, zero = prepared.matrix, self.layout.n, jnp.zeros_like(slope[0])

        def held(i: int) -> Any:
            terms = (m[i, n + k] * x for k, x in enumerate(held_slope) if x is not None and (i, n + k) in m)
            return sum(terms, zero)

        charge = self.charge(prepared, slope)
        return tuple(charge[i] + st.f.get(i, zero) + held(i) for i in range(n))

    def matrix(self, st: Stamps, prepared: Prepared, inverse: Any) -> dict[Entry, Any]:
        """The stage matrix M/(gamma h) + df/du, by (row, column)."""
        n, zero = self.layout.n, jnp.zeros_like(inverse)
        matrix = {k: x for k, x in st.g.items() if k[0] < n}
        for (i, j), x in prepared.matrix.items():
            if i < n and j < n:
                matrix[i, j] = matrix[i, j] + x * inverse if (i, j) in matrix else x * inverse
        return {k: x + zero for k, x in matrix.items()}

    def solve(self, matrix: Mapping[Entry, Any], rights: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Solutions of the stage matrix for several right-hand sides."""
        return [tuple(x) for x in solve(matrix, rights, self.layout.order)]

    def rows(self, st: Stamps) -> Any:
        """Every equation's f: of unknowns, then of held nodes (the current of their source), [row, lane]."""
        zero = jnp.zeros_like(next(iter(st.f.values())))
        return jnp.stack([st.f.get(i, zero) + zero for i in range(self.layout.n + len(self.layout.held))])

    def dense(self, st: Stamps, prepared: Prepared) -> tuple[Any, Any]:
        """Slopes [row, unknown, lane] and capacitances [row, row, lane]; rows are unknowns, then held nodes."""
        rows, zero = range(self.layout.n + len(self.layout.held)), jnp.zeros_like(next(iter(st.f.values())))

        def table(entries: Mapping[Entry, Any], columns: range) -> Any:
            return jnp.stack([jnp.stack([entries.get((i, j), zero) + zero for j in columns]) for i in rows])

        return table(st.g, range(self.layout.n)), table(prepared.matrix, rows)

    def newton(self, u, held, source, prepared: Prepared, gmin, pinned: Sequence[int], target) -> Any:
        """Newton's update [unknown, lane] at rest; unknowns in `pinned` go to their `target`. Dense, with pivoting."""
        st = self(tuple(u), held, source, prepared, gmin)
        n, zero = range(self.layout.n), jnp.zeros_like(u[0])
        rows = [[(st.g.get((i, j), zero) + zero) if i not in pinned else zero + float(i == j) for j in n] for i in n]
        right = [st.f.get(i, zero) + zero if i not in pinned else u[i] - target[i] for i in n]
        matrix = jnp.stack([jnp.stack(row, -1) for row in rows], -2)
        size = jnp.maximum(jnp.max(jnp.abs(matrix), axis=-1), 1e-300)
        return jnp.linalg.solve(matrix / size[..., None], (jnp.stack(right, -1) / size)[..., None])[..., 0].T

    def rates(self, accounts: Accounts, *args: Any) -> tuple[Any, ...]:
        """Rate of every integral after a Newton update, to first order in it: charge [A], energy [W]."""
        return accounts.rates(*args)


def _row(x: Any) -> Any:
    if isinstance(x, Tracer):
        return jnp.reshape(x, (-1,))
    return np.asarray(x, np.float64).reshape(-1)


class _Stamper:
    """Collects the contributions of all elements at one point."""

    def __init__(self, assembly: Assembly, u, held, source, prepared: Prepared, gmin):
        self.a, self.u, self.held, self.source, self.p = assembly, u, held, source, prepared
        self.n, self.zero = assembly.layout.n, jnp.zeros_like(u[0])
        self.f: dict[int, Any] = {}
        self.g: dict[Entry, Any] = {}
        self.power: list[Any] = [self.zero] * assembly.group_count
        self.slope: list[dict[int, Any]] = [{} for _ in range(assembly.group_count)]
        self.gmin = gmin
        self.charging: list[Charging] = []

    def v(self, i: int) -> Any:
        """Voltage of a node, or value of an unknown."""
        return self.zero if i < 0 else (self.u[i] if i < self.n else self.held[i - self.n])

    def row(self, i: int, x: Any, slopes: Mapping[int, Any]) -> None:
        """Add x, with its slopes by unknown, to equation i."""
        if i < 0:
            return
        self.f[i] = self.f[i] + x if i in self.f else x
        for j, g in slopes.items():
            self.g[i, j] = self.g[i, j] + g if (i, j) in self.g else g

    def flow(self, k: int, p: int, q: int, i: Any, slopes: Mapping[int, Any]) -> None:
        """Current i from node p through element k to node q."""
        slopes = {j: g for j, g in slopes.items() if 0 <= j < self.n}
        self.row(p, i, slopes)
        self.row(q, -i, {j: -g for j, g in slopes.items()})
        group = self.a.groups[k]
        if group is None:
            return
        across = self.v(p) - self.v(q)
        self.power[group] = self.power[group] + i * across
        into = self.slope[group]
        for j, g in slopes.items():
            into[j] = into[j] + g * across if j in into else g * across
        for j, sign in ((p, 1.0), (q, -1.0)):
            if 0 <= j < self.n:
                into[j] = into[j] + sign * i if j in into else sign * i

    def stamps(self) -> Stamps:
        channels = 0
        for k, (name, element) in enumerate(self.p.circuit.items()):
            nodes = self.a.nodes[k]
            if isinstance(element, Resistor):
                self.resistor(k, nodes[0], nodes[1], element.r)
            elif isinstance(element, AbstractConductor) and not isinstance(element, BLOCKS):
                self.conductor(k, element, nodes)
            elif isinstance(element, Memristive):
                self.memristive(k, name, element)
            elif isinstance(element, CurrentSource):
                self.row(nodes[0], self.source[k] + self.zero, {})
                self.row(nodes[1], -self.source[k] + self.zero, {})
            elif isinstance(element, CCCS):
                control = self.a.layout.branches[self.p.circuit.names.index(element.control)]
                self.flow(k, nodes[0], nodes[1], element.gain * self.u[control], {control: element.gain + self.zero})
            elif k in self.a.layout.branches:
                self.branch(k, element, nodes)
            channels += isinstance(element, MOSFET)
        if channels:
            self.transistors()
        conductors(self, BLOCKS)
        if self.gmin is not None:
            for i in range(self.n):
                if i not in self.a.layout.states and i not in self.a.layout.branches.values():
                    self.row(i, self.gmin * self.u[i], {i: self.gmin + self.zero})
        return Stamps(self.f, self.g, tuple(self.power), tuple(self.slope), tuple(self.charging))

    def resistor(self, k: int, a: int, b: int, r: Any) -> None:
        g = 1.0 / r + self.zero
        self.flow(k, a, b, g * (self.v(a) - self.v(b)), {a: g, b: -g})

    def conductor(self, k: int, element: AbstractConductor, nodes: tuple[int, ...]) -> None:
        x = tuple(self.v(i) for i in nodes)
        temperature = self.p.circuit.temperature

        def current(*v: Any) -> Any:
            return element.current(v, temperature=temperature) + self.zero

        self.flow(k, nodes[0], nodes[1], current(*x), self.columns(current, x, nodes))

    def columns(self, function, x: tuple[Any, ...], nodes: tuple[int, ...]) -> dict[int, Any]:
        """Slopes of a function of several lanes of scalars by each unknown among its arguments."""
        slopes: dict[int, Any] = {}
        for c, j in enumerate(nodes):
            if 0 <= j < self.n:
                # One argument at a time: the others stay plain, so no product with a zero tangent is computed.
                _, d = jax.jvp(lambda y, c=c: function(*x[:c], y, *x[c + 1 :]), (x[c],), (jnp.ones_like(x[c]),))
                slopes[j] = jax.tree.map(jnp.add, slopes[j], d) if j in slopes else d
        return slopes

    def memristive(self, k: int, name: str, element: Memristive) -> None:
        nodes = device_indices(name, element, self.a.layout.index)
        x = tuple(self.v(i) for i in nodes)
        terminals = len(element.device.terminals) + len(element.device.internal)

        def flows(*v: Any) -> Any:
            currents, rates = element.flows(v, temperature=self.p.circuit.temperature)
            return tuple(y + self.zero for y in (*currents, *rates))

        values, slopes = flows(*x), self.columns(flows, x, nodes)
        for t, value in enumerate(values):
            column = {j: d[t] for j, d in slopes.items()}
            if t < terminals:
                self.flow(k, nodes[t], -1, value, column)
            else:
                self.row(nodes[t], -value, {j: -d for j, d in column.items()})
        for a, b, r in resistances(name, element):
            self.resistor(k, self.a.layout.index[a], self.a.layout.index[b], r)

    def branch(self, k: int, element: Any, nodes: tuple[int, ...]) -> None:
        """Equation of a branch whose current is an unknown, and that current in the nodes' equations."""
        j = self.a.layout.branches[k]
        p, q = nodes[:2]
        one = jnp.ones_like(self.zero)
        if isinstance(element, VCVS | CCVS | BehaviouralVoltage):
            self.flow(k, p, q, self.u[j], {j: one})
        else:  # sources and inductors store or supply; the ledger treats them apart
            self.row(p, self.u[j], {j: one})
            self.row(q, -self.u[j], {j: -one})
        value, slopes = self.v(p) - self.v(q), [(p, one), (q, -one)]
        if isinstance(element, VoltageSource):
            value = value - self.source[k]
        elif isinstance(element, VCVS):
            c, r = nodes[2:]
            value = value - element.gain * (self.v(c) - self.v(r))
            slopes += [(c, -element.gain * one), (r, element.gain * one)]
        elif isinstance(element, CCVS):
            control = self.a.layout.branches[self.p.circuit.names.index(element.control)]
            value = value - element.r * self.u[control]
            slopes.append((control, -element.r * one))
        elif isinstance(element, BehaviouralVoltage):
            temperature, x = self.p.circuit.temperature, tuple(self.v(i) for i in nodes[2:])

            def voltage(*v: Any) -> Any:
                return element.voltage(v, temperature=temperature) + self.zero

            value = value - voltage(*x)
            slopes += [(i, -slope) for i, slope in self.columns(voltage, x, nodes[2:]).items()]
        self.row(j, value, {})
        for i, slope in slopes:
            if 0 <= i < self.n:
                self.row(j, jnp.zeros_like(self.zero), {i: slope})

    def transistors(self) -> None:
        """All transistors: as one block [transistor, lane], or one by one."""
        which = [k for k, e in enumerate(self.p.circuit.elements) if isinstance(e, MOSFET)]
        assert self.p.channels is not None
        if self.a.unrolled:
            single = (Channel(*(x[row] for x in self.p.channels)) for row in range(len(which)))
            found = [channel_current(p, *map(self.v, self.a.nodes[k])) for p, k in zip(single, which, strict=True)]
            i, by_d, by_g, by_s = zip(*found, strict=True)
        else:
            terminals = [jnp.stack([self.v(self.a.nodes[k][t]) for k in which]) for t in range(4)]
            i, by_d, by_g, by_s = channel_current(self.p.channels, *terminals)
        for row, k in enumerate(which):
            d, g, s, b = self.a.nodes[k]
            slopes: dict[int, Any] = {}
            bulk = -(by_d[row] + by_g[row] + by_s[row])
            for j, x in ((d, by_d[row]), (g, by_g[row]), (s, by_s[row]), (b, bulk)):
                slopes[j] = slopes[j] + x if j in slopes else x
            self.flow(k, d, s, i[row], slopes)
