"""A transient analysis whose lanes carry derivatives: where they start, how sources move, what is left at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.assembly import prepare
from mho.circuits.directions import Directions
from mho.circuits.dual import Dual
from mho.circuits.form import Form
from mho.circuits.forward_program import Books, Changes, ForwardProgram, Sided
from mho.circuits.kinds import neutral_leaves
from mho.circuits.moving import at_start, moving
from mho.circuits.netlist import Circuit
from mho.circuits.operating_point import GMIN
from mho.circuits.options import Crossing, Options
from mho.circuits.program import Program
from mho.circuits.segments import source_values, tabulated
from mho.circuits.sources import VoltageSource
from mho.circuits.start import at_rest, initial_states
from mho.circuits.transient import Job, Start
from mho.circuits.vectors import each
from mho.circuits.waveforms import Run
from mho.circuits.waves import DC, Tabulated

_SMALL = 1e-4  # relative change for the derivative of a quadratic form by differences


class ForwardJob(Job):
    """A prepared analysis with derivatives along `along`; all samples run side by side."""

    def __init__(
        self,
        along: Directions,
        stop: float,
        crossings: tuple[Crossing, ...],
        options: Options,
        start: Start | Mapping[str, Any],
    ):
        circuit, self.slopes = freed(along.circuit, along.slopes)
        self.names, self.sizes = along.names, along.sizes
        values = (
            start if isinstance(start, Start) else {k: x.value if isinstance(x, Dual) else x for k, x in start.items()}
        )
        super().__init__(circuit, stop, crossings, (), options, values)
        self.population = along.circuit.samples is not None
        sources = jax.tree.map(_led, moving(circuit, self.slopes, self.layout, self.table, stop))
        varied = [jnp.asarray(x) for x in self._varied(self._bare_slopes(self.program.stepper.assembly.neutral))[1]]
        self.begin = self.start_slopes(start)
        form = self.program.stepper.form
        changes = Changes(
            tuple(_led(np.reshape(x, (len(self.names), -1))) for x in varied),
            jax.vmap(form.vector)(tuple(map(_led, self.begin))),
        )
        self.sides = Sided(self.samples, changes), Sided(self.table, sources)

    def compiled(self, bare: Circuit, **kind: Any) -> Program:
        """The program for the circuit's structure and for what the parameters change in it."""
        which, _ = self._varied(self._bare_slopes(neutral_leaves(bare)))
        return super().compiled(bare, kind=ForwardProgram, extra=(which,), form=Form.UNROLLED)

    def inputs(self) -> tuple[Any, Any, Any]:
        """Arguments of the compiled functions."""
        return *self.sides, self.settings

    def result(self, queue: Any, chunks: list, seconds: float, compiled: float) -> Run:
        """The plain run; the derivatives of its results are kept as `books`."""
        self.books = Books(*(np.asarray(x)[1:] for x in queue.books))
        return super().result(queue, chunks, seconds, compiled)

    # ---- derivatives of the arguments --------------------------------------------------------------------------------
    def _bare_slopes(self, neutral: Any) -> Any:
        slopes = self.slopes
        for k in tabulated(self.circuit):
            slopes = eqx.tree_at(lambda c, k=k: c.elements[k].wave, slopes, Tabulated())
        return eqx.filter(slopes, neutral, inverse=True)

    def _varied(self, slopes: Any) -> tuple[tuple[int, ...], list[Any]]:
        leaves = jax.tree.leaves(slopes)
        which = tuple(k for k, x in enumerate(leaves) if np.any(x))
        return which, [leaves[k] for k in which]

    def start_slopes(self, start: Any) -> list[np.ndarray]:
        """Derivatives of the unknowns at the start, (parameters, samples or 1) each."""
        count = len(self.names)
        if isinstance(start, Mapping):
            found = [start[name] for name in self.layout.names]
            rows = [
                [np.reshape(x.by.get(p, 0.0) if isinstance(x, Dual) else 0.0, -1) for p in self.names] for x in found
            ]
            sizes = [np.reshape(size, -1) for size in self.sizes]
            wide = [np.stack(np.broadcast_arrays(*(x * s for x, s in zip(row, sizes, strict=True)))) for row in rows]
        else:
            circuit, slopes = at_start(self.circuit, self.slopes, self.layout, self.table, self.stop)
            circuit, slopes = (jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), c) for c in (circuit, slopes))
            if start is Start.OPERATING_POINT:
                wide = list(self.operating_slopes(circuit, slopes))
            else:
                charged = start is Start.CHARGED
                rest = lambda c: [jnp.reshape(x, (-1,)) for x in at_rest(c, self.layout, charged=charged)]  # noqa: E731
                wide = jax.vmap(lambda t: jax.jvp(rest, (circuit,), (t,))[1])(slopes)
        width = max(np.shape(x)[-1] for x in wide)
        return [np.broadcast_to(np.asarray(x), (count, width)) for x in wide]

    def operating_slopes(self, circuit: Circuit, slopes: Circuit) -> np.ndarray:
        """Derivatives of the operating point: of f(u, p) = 0, with the device states where they start."""
        program, n, lay = self.program, self.layout.n, self.layout
        states = initial_states(circuit)
        fixed = tuple(
            i for name, i in lay.index.items() if name in states and 0 <= i < n and name not in circuit.initial_names
        )
        u = program.stepper.form.array(self.samples.start, np)

        def rows(u: Any, circuit: Circuit) -> Any:
            form, assembly = program.stepper.form, program.stepper.assembly
            x = form.vector(list(u))
            prepared = prepare(circuit, lay)
            source, _ = source_values(assembly.waves(prepared), (), None, jnp.zeros_like(u[0]))  # type: ignore[arg-type]
            held, _ = program.stepper.held(source, {})
            st = assembly(x, held, source, prepared, GMIN)
            f = form.array(assembly.residual(st, prepared, each(jnp.zeros_like, x), [None] * len(held)))
            begin = initial_states(circuit)
            own = {lay.index[name]: value for name, value in begin.items() if lay.index.get(name, -1) in fixed}
            return jnp.stack([u[i] - own[i] if i in own else f[i] for i in range(n)])

        def solved(u: Any, circuit: Circuit, slopes: Circuit) -> Any:
            zero = jax.tree.map(jnp.zeros_like, circuit)
            wide = jnp.eye(n)[:, :, None] + jnp.zeros_like(u)
            columns = jax.vmap(lambda e: jax.jvp(rows, (u, circuit), (e, zero))[1])(wide)
            right = jax.vmap(lambda t: jax.jvp(rows, (u, circuit), (jnp.zeros_like(u), t))[1])(slopes)
            matrix = jnp.transpose(columns, (2, 1, 0))
            size = jnp.maximum(jnp.max(jnp.abs(matrix), axis=-1, keepdims=True), 1e-300)
            found = jnp.linalg.solve(matrix / size, -jnp.transpose(right, (2, 1, 0)) / size)
            return jnp.transpose(found, (1, 2, 0))

        return np.asarray(program.call("operating slopes", u, circuit, slopes, function=solved))

    # ---- derivatives of the results ----------------------------------------------------------------------------------
    def account_slopes(self, values: Mapping, slopes: np.ndarray, p: int, *, crossing: bool = False) -> dict:
        """Derivatives of all accounts by parameter p, with the energy of constant sources worked out.

        Args:
            values: The charges, by ("charge", name).
            slopes: Of each account, the last axis at crossings and the first at the end.
            p: Number of the parameter.
            crossing: Whether these are tables at crossings, (samples, most).
        """
        labels = self.program.accounts.labels
        out = {label: slopes[..., a].T if crossing else slopes[a] for a, label in enumerate(labels)}

        def wide(x: Any) -> np.ndarray:
            x = np.asarray(x)
            return x[:, None] if crossing and x.ndim else x

        for (name, e), d in zip(self.circuit.items(), self.slopes.elements, strict=True):
            if isinstance(e, VoltageSource) and isinstance(e.wave, DC):
                key = "charge", name
                out["energy", name] = out[key] * wide(e.wave.value) + values[key] * wide(d.wave.value[p])  # type: ignore
        return out

    def stored_slopes(self, last: np.ndarray, books: Books, p: int) -> dict[str, Any]:
        """Derivatives of the growth of the stored energies by parameter p: by differences, exact for half C v^2."""
        first = self.program.stepper.form.array(self.samples.start, np)
        d_first, d_last = np.stack(self.begin, axis=1)[p], books.last[p]

        def growth(change: float) -> dict[str, Any]:
            circuit = jax.tree.map(lambda x, d: x + change * d[p], self.circuit, self.slopes)
            after = self.stored(last + change * d_last, self.stop, circuit)
            before = self.stored(first + change * d_first, 0.0, circuit)
            return {g: after[g] - before[g] for g in after}

        up, down = growth(_SMALL), growth(-_SMALL)
        found = {g: np.broadcast_to((up[g] - down[g]) / (2 * _SMALL), (self.count,)) for g in up}
        for a, (kind, g) in enumerate(self.program.accounts.labels):
            if kind == "charged":
                found[g] = found[g] + books.totals[p, a]
        return found


def _led(x: np.ndarray) -> np.ndarray:
    """Derivatives with a first row for time itself, which changes no parameter."""
    return np.concatenate([np.zeros_like(x[:1]), x])


def freed(circuit: Circuit, slopes: Circuit) -> tuple[Circuit, Circuit]:
    """The circuit with numbers that a parameter changes made arguments of the program, even if they are 0 or 1."""
    count = circuit.samples or 1
    neutral = neutral_leaves(circuit)
    found = jax.tree.map(lambda d, compiled_in: compiled_in and bool(np.any(d)), slopes, neutral)

    def free(x: Any, own: bool) -> Any:
        return np.broadcast_to(x, (count,)) if own else x

    def wide(d: Any, own: bool) -> Any:
        return np.broadcast_to(np.reshape(d, (-1, 1)), (len(d), count)) if own else d

    return jax.tree.map(free, circuit, found), jax.tree.map(wide, slopes, found)
