"""Kirchhoff's equations of a large circuit: elements of a kind evaluated together, summed through tables.

Vectors are [row, lane] arrays. The size of the compiled program depends on the kinds of elements, not on their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.assembly import capacitance_matrix
from mho.circuits.evaluation import charging, evaluated
from mho.circuits.factors import solve
from mho.circuits.kinds import rows, stacked
from mho.circuits.layout import Layout
from mho.circuits.ledger import Accounts
from mho.circuits.mosfet import MOSFET
from mho.circuits.netlist import Circuit
from mho.circuits.stacked_rates import StackedRates
from mho.circuits.vectors import Stacked
from mho.circuits.wiring import Wiring, linear


class Variables(NamedTuple):
    """A circuit's numbers by kind; the last axis is over samples, or 1."""

    temperature: Any
    waves: tuple[Any, ...]
    linear: Any
    matrix: Any
    numbers: tuple[Any, ...]
    charging: tuple[Any, ...]


class StackedPrepared(NamedTuple):
    """What stays the same during a run.

    Args:
        variables: The circuit's numbers, with transistors' constants worked out.
        fixed: The part of the matrix of places that linear elements give.
        fixed_slope: The part that is multiplied by 1/(gamma h).
        moving: Capacitances of charges that depend on voltages, at one point; None before they are known.
    """

    variables: Variables
    fixed: Any
    fixed_slope: Any
    moving: Any = None


class StackedStamps(NamedTuple):
    """Currents and slopes in the order of the tables.

    Args:
        x: Unknowns, held voltages, and ground.
        f: Sum at each row.
        i: Currents of linear elements and of devices.
        slopes: Slopes of the devices' currents.
        c: Capacitance of each charge's path by each of its terminals.
        bends: Slope of each path's current by each of its terminals at fixed slopes of the voltages.
        leak: Conductance from each unknown to ground.
    """

    x: Any
    f: Any
    i: Any
    slopes: Any
    c: Any
    bends: Any
    leak: Any


class StackedAssembly:
    """Evaluates a large circuit's equations; knows structure only, the numbers come with each call.

    Args:
        circuit: Any circuit of the structure.
        layout: Its numbering.
        accounts: What the ledger asks for.
    """

    form = Stacked()

    def __init__(self, circuit: Circuit, layout: Layout, accounts: Accounts):
        self.layout = layout
        self.wiring = w = Wiring(circuit, layout, accounts.group_of, len(accounts.groups))
        self.plan = layout.elimination
        self.books = StackedRates(accounts, w)
        self.nodes = np.array(
            [[i not in layout.states and i not in layout.branches.values()] for i in range(layout.n)], bool
        ).reshape(-1, 1)
        self.diagonal = self._places(np.arange(layout.n), np.arange(layout.n))
        self.linear_places = self._both(w.linear)
        self.device_places = self._both(w.device)
        self.charge_places = self._both(w.charge)
        self.matrix_places = self._places(w.matrix[:, 0], w.matrix[:, 1])
        self.p, self.q = (np.concatenate([w.linear[k], w.device[k]]) for k in range(2))

    def _places(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Place of each entry; one past the last for rows and columns that are not solved for."""
        place, n = self.plan.place, self.layout.n
        pairs = zip(row.tolist(), column.tolist(), strict=True)
        return np.array([place[r, c] if r < n and c < n else len(place) for r, c in pairs], np.int32)

    def _both(self, table: Any) -> np.ndarray:
        """Places of slopes at the node that the current leaves, then at the node that it enters."""
        ends = (self._places(end[table.flow], table.column) for end in (table.p, table.q))
        return np.concatenate(list(ends))

    # ---- numbers -----------------------------------------------------------------------------------------------------
    def variables(self, circuit: Circuit) -> Variables:
        """The circuit's numbers, stacked by kind."""
        w = self.wiring
        return Variables(
            temperature=rows([circuit.temperature])[0],
            waves=jax.tree.map(lambda x: rows([x])[0], tuple(circuit.elements[k].wave for k in w.sources)),  # type: ignore[attr-defined]
            linear=rows([x for f in linear(circuit, self.layout) for _, x in f.slopes]),
            matrix=rows(list(capacitance_matrix(circuit, self.layout).values())),
            numbers=tuple(stacked(kind, circuit.elements) for kind in w.kinds),
            charging=tuple(stacked(kind, circuit.elements) for kind in w.charging),
        )

    def prepare(self, v: Variables) -> StackedPrepared:
        """Constants of a run from the numbers of its lanes."""
        numbers = tuple(
            x.prepared(v.temperature) if isinstance(kind.example, MOSFET) else x
            for kind, x in zip(self.wiring.kinds, v.numbers, strict=True)
        )
        fixed = self._summed(self.linear_places, jnp.concatenate([v.linear, -v.linear]))
        return StackedPrepared(v._replace(numbers=numbers), fixed, self._summed(self.matrix_places, v.matrix))

    def waves(self, prepared: StackedPrepared) -> list[tuple[int, Any]]:
        """Number and wave of each independent source."""
        return list(zip(self.wiring.sources, prepared.variables.waves, strict=True))

    # ---- equations ---------------------------------------------------------------------------------------------------
    def full(self, u: Any, held: Sequence[Any]) -> Any:
        """Unknowns, held nodes and ground as one vector; what is None is zero."""
        zero = jnp.zeros(u.shape[1])
        return jnp.concatenate([u, jnp.stack([*(zero if x is None else x + zero for x in held), zero])])

    def __call__(
        self,
        u: Any,
        held: Sequence[Any],
        source: Mapping[int, Any],
        prepared: StackedPrepared,
        gmin: Any = None,
        slopes: tuple[Any, Sequence[Any]] | None = None,
    ) -> StackedStamps:
        """Residual, slopes and capacitances.

        Args:
            u: Unknowns.
            held: Voltages of the held nodes.
            source: Value of each independent source by element number.
            prepared: From :meth:`prepare`.
            gmin: Conductance from every node to ground, if any [S].
            slopes: Of unknowns and of held nodes (None where constant); at rest, without them, charges do nothing.
        """
        w, v = self.wiring, prepared.variables
        x = self.full(u, held)
        own = jnp.zeros((len(w.linear.p), u.shape[1])).at[w.linear.flow].add(v.linear * x[w.linear.column])
        i, by = evaluated(w.kinds, v.numbers, x, v.temperature)
        i = jnp.concatenate([own, i])
        f = jnp.zeros_like(x).at[np.concatenate([self.p, self.q])].add(jnp.concatenate([i, -i]))
        if len(w.drives):
            sources = jnp.stack([source[k] + jnp.zeros(u.shape[1]) for k in w.sources])
            f = f.at[w.drives[:, 0]].add(w.drives[:, 2:] * sources[w.drives[:, 1]])
        leak = None
        if gmin is not None:
            leak = jnp.where(self.nodes, gmin, 0.0) + jnp.zeros_like(u)
            f = f.at[: self.layout.n].add(leak * u)
        c, bends = None, None
        if slopes is not None:
            c, bends = charging(w.charging, v.charging, x, self.full(*slopes), v.temperature)
        return StackedStamps(x, f, i, by, c, bends, leak)

    def moved(self, st: StackedStamps, prepared: StackedPrepared) -> StackedPrepared:
        """The same with the capacitances of this point, where charges depend on voltages."""
        return prepared if st.c is None else prepared._replace(moving=st.c)

    def currents(self, prepared: StackedPrepared, x: Any) -> Any:
        """M x at every row, for slopes x of unknowns, held nodes and ground."""
        w = self.wiring
        out = jnp.zeros_like(x).at[w.matrix[:, 0]].add(prepared.variables.matrix * x[w.matrix[:, 1]])
        if prepared.moving is None:
            return out
        i = prepared.moving * x[w.charge.column]
        ends = np.concatenate([w.charge.p[w.charge.flow], w.charge.q[w.charge.flow]])
        return out.at[ends].add(jnp.concatenate([i, -i]))

    def charge(self, prepared: StackedPrepared, x: Any) -> Any:
        """M x: the current into each node's capacitances at slopes x of the unknowns."""
        still = [None] * len(self.layout.held)
        return self.currents(prepared, self.full(x, still))[: self.layout.n]

    def residual(self, st: StackedStamps, prepared: StackedPrepared, slope: Any, held_slope: Sequence[Any]) -> Any:
        """M u' + f, with the slopes of unknowns and held nodes (None where a source is constant)."""
        return (self.currents(prepared, self.full(slope, held_slope)) + st.f)[: self.layout.n]

    def matrix(self, st: StackedStamps, prepared: StackedPrepared, inverse: Any) -> Any:
        """The stage matrix M/(gamma h) + df/du, by place."""
        places, values = [self.device_places], [st.slopes, -st.slopes]
        if st.c is not None:
            both = prepared.moving * inverse + st.bends
            places, values = [*places, self.charge_places], [*values, both, -both]
        if st.leak is not None:
            places, values = [*places, self.diagonal], [*values, st.leak]
        varying = self._summed(np.concatenate(places), jnp.concatenate(values))
        return prepared.fixed + prepared.fixed_slope * inverse + varying

    def _summed(self, places: np.ndarray, values: Any) -> Any:
        """Sum of values at each place, without those that are nowhere."""
        size = len(self.plan.place)
        return jnp.zeros((size + 1, values.shape[1])).at[places].add(values)[:size]

    def rows(self, st: StackedStamps) -> Any:
        """Every equation's f: of unknowns, then of held nodes (the current of their source), [row, lane]."""
        return st.f[: self.wiring.ground]

    def dense(self, st: StackedStamps, prepared: StackedPrepared) -> tuple[Any, Any]:
        """Slopes [row, unknown, lane] and capacitances [row, row, lane]; rows are unknowns, then held nodes."""
        w, n, v = self.wiring, self.layout.n, prepared.variables
        lanes = st.x.shape[1]
        size = w.ground + 1

        def summed(tables: list[tuple[Any, Any, Any, Any]]) -> Any:
            out = jnp.zeros((size, size, lanes))
            for flow, row, column, values in tables:
                out = out.at[row[flow], column].add(values)
            return out[: w.ground, : w.ground]

        def ends(t: Any, values: Any) -> list[tuple[Any, Any, Any, Any]]:
            return [(t.flow, t.p, t.column, values), (t.flow, t.q, t.column, -values)]

        g = summed([*ends(w.linear, v.linear), *ends(w.device, st.slopes)])[:, :n]
        g = g.at[np.arange(n), np.arange(n)].add(0.0 if st.leak is None else st.leak)
        whole = np.arange(len(w.matrix))
        fixed = (whole, w.matrix[:, 0], w.matrix[:, 1], v.matrix)
        return g, summed([fixed, *(ends(w.charge, prepared.moving) if prepared.moving is not None else [])])

    def newton(self, u, held, source, prepared: StackedPrepared, gmin, pinned: Sequence[int], target) -> Any:
        """Newton's update at rest; unknowns in `pinned` go to their `target`."""
        st = self(u, held, source, prepared, gmin)
        residual = self.form.choose(pinned, u - target, st.f[: self.layout.n])
        matrix = self._pinned(self.matrix(st, prepared, jnp.zeros(u.shape[1])), pinned)
        return self.solve(matrix, [residual])[0]

    def _pinned(self, matrix: Any, rows: Sequence[int]) -> Any:
        """The matrix with some rows those of the identity."""
        if not rows:
            return matrix
        step = {int(r): k for k, r in enumerate(self.plan.rows)}
        gone = np.isin(self.plan.row_of, [step[i] for i in rows]).reshape(-1, 1)
        return jnp.where(gone, 0.0, matrix).at[self.diagonal[np.asarray(rows)]].set(1.0)

    def solve(self, matrix: Any, rights: Sequence[Any]) -> list[Any]:
        """Solutions of the stage matrix for several right-hand sides."""
        return solve(self.plan, matrix, rights)

    def rates(self, accounts: Accounts, st: StackedStamps, update, slope, held, held_slope, source, u, prepared) -> Any:
        """Rate of every integral after a Newton update, to first order in it: charge [A], energy [W]."""
        zeros = [None] * len(held)
        return self.books(
            st,
            self.full(update, zeros),
            self.full(u, held),
            self.currents(prepared, self.full(slope, held_slope)),
            self.full(slope, held_slope),
            source,
            prepared.variables.linear,
        )
