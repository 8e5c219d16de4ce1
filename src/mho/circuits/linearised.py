"""A circuit linearised at its operating point: (G + j w C) x = -b, for one circuit or all samples of a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.layout import Layout
from mho.circuits.netlist import Circuit
from mho.circuits.noise_currents import NoiseCurrent, noise_currents
from mho.circuits.operating_point import GMIN, Rest, at_rest_point
from mho.circuits.program import Program
from mho.circuits.sources import CurrentSource, VoltageSource
from mho.core.errors import InputError, SolverError
from mho.core.results import Status

_MOST_NUMBERS = 4_000_000  # complex numbers of matrices that are solved at a time: 64 MB


@dataclass(frozen=True)
class Linearised:
    """The small-signal equations. Rows run over unknowns, then nodes that sources hold (their source's current).

    Args:
        layout: Numbering of the unknowns.
        g: Conductances, slopes of the equations by the unknowns, shape (samples, rows, unknowns).
        c: Capacitances, shape (samples, rows, rows).
        found: Which samples have an operating point.
        rest: The operating point.
    """

    layout: Layout
    g: np.ndarray
    c: np.ndarray
    found: np.ndarray
    rest: Rest

    @property
    def n(self) -> int:
        """Number of unknowns."""
        return self.layout.n

    def solve(self, omega: np.ndarray, right: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """Solutions x of (G + j omega C) x = right for every frequency, shape (frequencies, samples, unknowns).

        Args:
            omega: Angular frequencies [rad/s].
            right: Right-hand sides, shape (frequencies or 1, samples, unknowns).
            transposed: Solve with the transposed matrix: the answer of one output to a source at each node.
        """
        samples, n = len(self.found), self.n
        out = np.full((len(omega), samples, n), np.nan, np.complex128)
        step = max(1, _MOST_NUMBERS // max(1, samples * n * n))
        good = self.found
        g, c = self.g[good][:, :n, :], self.c[good][:, :n, :n]
        right = np.broadcast_to(right, (len(omega), samples, n))
        for k in range(0, len(omega), step):
            matrix = g + 1j * omega[k : k + step, None, None, None] * c
            # Rows mix siemens with ones and henries; columns of the transposed problem are the same rows.
            size = 1.0 / np.maximum(np.max(np.abs(matrix), axis=-1, keepdims=True), 1e-300)
            matrix = matrix * size
            b = right[k : k + step][:, good][..., None]
            try:
                if transposed:
                    x = np.linalg.solve(np.swapaxes(matrix, -1, -2), b) * size
                else:
                    x = np.linalg.solve(matrix, b * size)
            except np.linalg.LinAlgError as error:
                raise SolverError(
                    "The linearised circuit has no single solution. Look for a loop of inductors and voltage sources, "
                    "or a node that nothing holds."
                ) from error
            out[k : k + step, good] = x[..., 0]
        return out


def linearised(circuit: Circuit, *, throw: bool = True) -> Linearised:
    """Linearise a circuit at its operating point.

    Raises:
        NetlistError: If a node has no DC path to ground.
        SolverError: If `throw` and a sample has no operating point.
    """
    with jax.enable_x64(True):
        rest = at_rest_point(circuit, throw=throw)
        prog = rest.program
        g, c = prog.call("linear", rest.u, rest.sources, rest.variables, function=lambda *a: _matrices(prog, *a))
    samples = len(rest.found)
    g, c = (np.broadcast_to(np.moveaxis(np.asarray(x), -1, 0), (samples, *x.shape[:-1])) for x in (g, c))
    fine = rest.found & np.all(np.isfinite(g), axis=(1, 2)) & np.all(np.isfinite(c), axis=(1, 2))
    return Linearised(prog.layout, g, c, fine, rest)


def _matrices(prog: Program, u: Any, sources: Any, variables: Any) -> tuple[Any, Any]:
    """G and C with the lanes as last axis."""
    assembly, zero = prog.stepper.assembly, jnp.zeros_like(u[0])
    prepared = assembly.prepare(variables)
    held, _ = prog.stepper.held(sources, {})
    # With slopes, though of nothing that moves, charges that depend on voltages give their capacitances.
    still = assembly.form.fill(prog.layout.n, zero), [zero] * len(held)
    st = assembly(assembly.form.vector(u), held, sources, prepared, GMIN, still)
    return assembly.dense(st, assembly.moved(st, prepared))


class Drive:
    """What sources do to the small-signal equations.

    Args:
        circuit: The circuit.
        linear: Its equations.
        phasors: Complex amplitude by name of an independent source [V or A].

    Raises:
        InputError: If a name is that of no independent source.
    """

    def __init__(self, circuit: Circuit, linear: Linearised, phasors: Mapping[str, Any]):
        known = [n for n, e in circuit.items() if isinstance(e, VoltageSource | CurrentSource)]
        for name in phasors:
            if name not in known:
                raise InputError(f"{name!r} is no independent source; there is {', '.join(known)}.")
        layout, samples = linear.layout, len(linear.found)
        self.value = {
            circuit.names.index(name): np.broadcast_to(np.asarray(x, np.complex128), (samples,))
            for name, x in phasors.items()
        }
        zero = np.zeros(samples, np.complex128)
        held: list[np.ndarray] = []
        for h in layout.held:
            base = held[h.base - layout.n] if h.base >= 0 else zero
            held.append(base + h.sign * self.value.get(h.source, zero))
        self.held = np.stack(held, axis=-1) if held else np.zeros((samples, 0), np.complex128)
        rest = linear.rest
        with jax.enable_x64(True):
            self.direct = sum(
                (_slope(rest, {k: part(x) for k, x in self.value.items()}) * unit
                 for part, unit in ((np.real, 1.0), (np.imag, 1j))),
                np.zeros((samples, layout.n + len(held)), np.complex128),
            )  # fmt: skip

    def right(self, linear: Linearised, omega: np.ndarray) -> np.ndarray:
        """All rows of b, shape (frequencies, samples, rows)."""
        moved = np.einsum("sij,sj->si", linear.c[:, :, linear.n :], self.held)
        return self.direct + 1j * omega[:, None, None] * moved


def _slope(rest: Rest, tangent: dict[int, np.ndarray]) -> np.ndarray:
    """Slope of all equations along a change of the sources, shape (samples, rows)."""
    prog = rest.program
    full = {k: tangent.get(k, np.zeros(len(rest.found))) for k in rest.sources}

    def along(u: Any, sources: Any, variables: Any, tangent: Any) -> Any:
        assembly = prog.stepper.assembly
        prepared = assembly.prepare(variables)

        def residual(sources: Any) -> Any:
            held, _ = prog.stepper.held(sources, {})
            return assembly.rows(assembly(assembly.form.vector(u), held, sources, prepared, GMIN))

        return jax.jvp(residual, (sources,), (tangent,))[1]

    found = prog.call("slope", rest.u, rest.sources, rest.variables, full, function=along)
    return np.asarray(found).T


def currents_of_noise(circuit: Circuit, linear: Linearised) -> list[tuple[str, NoiseCurrent]]:
    """Noise currents of all elements at the operating point, with nodes as indices; densities are (samples,) arrays."""
    rest, prog = linear.rest, linear.rest.program
    seen: list[tuple[str, NoiseCurrent]] = []

    def at_rest(u: Any, sources: Any, variables: Any) -> Any:
        held, _ = prog.stepper.held(sources, {})
        n, zero = prog.layout.n, jnp.zeros_like(u[0])

        def v(i: int) -> Any:
            return zero if i < 0 else u[i] if i < n else held[i - n] + zero

        seen[:] = noise_currents(variables, prog.layout, v)
        return [(x.density + zero, x.exponent + zero) for _, x in seen]

    with jax.enable_x64(True):
        arguments = (
            rest.u,
            rest.sources,
            jax.tree.map(lambda x: np.reshape(np.asarray(x, np.float64), (-1,)), circuit),
        )
        jax.eval_shape(at_rest, *arguments)  # the call below traces it the first time alone
        numbers = prog.call("noise", *arguments, function=at_rest)
    samples = len(linear.found)
    return [
        (name, x._replace(density=np.broadcast_to(d, (samples,)), exponent=np.broadcast_to(e, (samples,))))
        for (name, x), (d, e) in zip(seen, numbers, strict=True)
    ]


def status_of(linear: Linearised) -> np.ndarray:
    """Status of each sample."""
    return np.where(linear.found, Status.OK.value, Status.NO_OPERATING_POINT.value)
