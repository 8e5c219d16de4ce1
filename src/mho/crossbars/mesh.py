r"""Planes of lines with cells between them, and the voltages that injected currents set up in them.

Planes are numbered from the bottom; a layer of cells joins plane k to plane k + 1. One array is two planes and one
layer; a stack whose layers share lines has more. Planes of even number are joined only to planes of odd number. So the
even ones are eliminated exactly, line by line, and conjugate gradients find the odd ones:

.. math:: S = P - G W G, \qquad P = T_{odd} + G, \qquad W = (T_{even} + G)^{-1}

preconditioned by :math:`P^{-1}`. Both inverses are independent lines (:mod:`mho.crossbars.lines`); because
:math:`P\,P^{-1} = 1`, no product with T is ever formed, and its large terms never cancel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from mho.crossbars.lines import Lines, factored, inverse, wire_currents


class Mesh(eqx.Module):
    """Planes of lines and the conductances of the cells between them.

    The current of a cell from its even to its odd plane is ``even * v_even - odd * v_odd``; both are the same array
    where the cell is a conductance.

    Args:
        planes: Lines of each plane, from the bottom.
        even: Of each layer [S], shape (M, N).
        odd: The same.
        transposed: The equations' matrix is the transposed one, for derivatives in reverse.
    """

    planes: tuple[Lines, ...]
    even: tuple[Float[Array, "M N"], ...]
    odd: tuple[Float[Array, "M N"], ...]
    transposed: bool = eqx.field(static=True, default=False)

    def conductances(self, plane: int, *, own: bool) -> list[tuple[int, Any]]:
        """Neighbouring planes of a plane and the conductances towards them; by its `own` voltage or by theirs."""
        found = []
        for layer in (plane - 1, plane):
            if 0 <= layer < len(self.even):
                side = self.even if (plane % 2 == 0) == (own or self.transposed) else self.odd
                found.append((2 * layer + 1 - plane, side[layer]))
        return found


class Tolerance(NamedTuple):
    """When an iteration ends.

    Args:
        relative: Root of r·P⁻¹r over its value at no voltage, for each right-hand side [1].
        iterations: Most iterations.
    """

    relative: Any
    iterations: int


class Effort(NamedTuple):
    """How an iteration ended, one a right-hand side: iterations taken, and the relative residual reached."""

    iterations: Any
    residual: Any


class Factors(NamedTuple):
    """A mesh with its lines factored."""

    mesh: Mesh
    k: tuple[Any, ...]


Fields = tuple[Any, ...]
"""One array (M, N) or (M, N, batch) a plane, or one of every second plane."""


def factors(mesh: Mesh) -> Factors:
    """The lines of every plane, factored with their cells."""
    k = []
    for p, lines in enumerate(mesh.planes):
        load = [g for _, g in mesh.conductances(p, own=True)]
        k.append(factored(lines, load[0] if len(load) == 1 else load[0] + load[1]))
    return Factors(mesh, tuple(k))


def _coupled(mesh: Mesh, fields: Fields, parity: int) -> Fields:
    """Currents into the planes of a parity through the cells from the others at voltages `fields`."""
    parts = []
    for p in range(parity, len(mesh.planes), 2):
        terms = [_wide(g, fields[q // 2]) * fields[q // 2] for q, g in mesh.conductances(p, own=False)]
        parts.append(sum(terms[1:], start=terms[0]))
    return tuple(parts)


def _wide(g: Any, like: Any) -> Any:
    return g.reshape(g.shape + (1,) * (like.ndim - 2))


def lines_solved(f: Factors, currents: Fields, parity: int) -> Fields:
    """Voltages of the planes of a parity, each line by itself, at currents into them [V]."""
    planes = range(parity, len(f.mesh.planes), 2)
    return tuple(inverse(f.mesh.planes[p], f.k[p], c) for p, c in zip(planes, currents, strict=True))


def eliminated(f: Factors, odd: Fields) -> Fields:
    """G W G of voltages of the odd planes: what flows back into them through the even ones [A]."""
    return _coupled(f.mesh, lines_solved(f, _coupled(f.mesh, odd, 0), 0), 1)


def reduced(f: Factors, injected: Fields) -> Fields:
    """Right-hand side of the odd planes: their own currents, and those of the even planes seen through W [A]."""
    through = _coupled(f.mesh, lines_solved(f, injected[0::2], 0), 1)
    return tuple(a + b for a, b in zip(injected[1::2], through, strict=True))


def completed(f: Factors, injected: Fields, odd: Fields) -> Fields:
    """Voltages of all planes from those of the odd ones [V]."""
    into = tuple(a + b for a, b in zip(injected[0::2], _coupled(f.mesh, odd, 0), strict=True))
    even = lines_solved(f, into, 0)
    return tuple(even[p // 2] if p % 2 == 0 else odd[p // 2] for p in range(len(f.mesh.planes)))


def inner(a: Fields, b: Fields) -> Any:
    """Inner product over all nodes, one a right-hand side."""
    terms = [jnp.sum(x * y, axis=(0, 1)) for x, y in zip(a, b, strict=True)]
    return sum(terms[1:], start=terms[0])


class _Course(NamedTuple):
    x: Fields
    r: Fields
    p: Fields
    q: Fields
    rz: Any
    count: Any
    k: Any


def symmetric(f: Factors, injected: Fields, tolerance: Tolerance) -> tuple[Fields, Effort]:
    """Voltages at injected currents where every cell is a conductance: preconditioned conjugate gradients.

    With z = P⁻¹r the product S z is r - G W G z, and S p follows by the recurrence of p.
    """
    r = reduced(f, injected)
    zero = tuple(jnp.zeros_like(x) for x in r)
    z = lines_solved(f, r, 1)
    start = inner(r, z)
    goal = tolerance.relative * tolerance.relative * start

    def busy(c: _Course) -> Any:
        return jnp.any(c.rz > goal) & (c.k < tolerance.iterations)

    def go(c: _Course) -> _Course:
        active = c.rz > goal
        curvature = inner(c.p, c.q)
        a = jnp.where(active, c.rz / jnp.where(curvature > 0.0, curvature, jnp.inf), 0.0)
        x = tuple(x + a * p for x, p in zip(c.x, c.p, strict=True))
        r = tuple(r - a * q for r, q in zip(c.r, c.q, strict=True))
        z = lines_solved(f, r, 1)
        rz = inner(r, z)
        b = jnp.where(active, rz / jnp.where(c.rz > 0.0, c.rz, 1.0), 0.0)
        through = eliminated(f, z)
        p = tuple(z + b * p for z, p in zip(z, c.p, strict=True))
        q = tuple(r - t + b * q for r, t, q in zip(r, through, c.q, strict=True))
        return _Course(x, r, p, q, rz, c.count + active, c.k + 1)

    q = tuple(a - b for a, b in zip(r, eliminated(f, z), strict=True))
    none = jnp.zeros(jnp.shape(start), jnp.int32)
    end = lax.while_loop(busy, go, _Course(zero, r, z, q, start, none, jnp.zeros((), jnp.int32)))
    return completed(f, injected, end.x), Effort(end.count, _relative(end.rz, start))


def _relative(rz: Any, start: Any) -> Any:
    return jnp.where(start == 0.0, 0.0, jnp.sqrt(jnp.abs(rz) / jnp.where(start == 0.0, 1.0, start)))


# ---- the whole matrix, for derivatives -------------------------------------------------------------------------------
def drawn(mesh: Mesh, v: Fields) -> Fields:
    """Current that leaves each node at voltages `v`, through wires, ends at 0 V, and cells [A].

    A merged line is one node: its voltages have length 1 along it, and so have its currents.
    """
    currents = [wire_currents(lines, x) for lines, x in zip(mesh.planes, v, strict=True)]
    for layer, (even, odd) in enumerate(zip(mesh.even, mesh.odd, strict=True)):
        e, o = (layer, layer + 1) if layer % 2 == 0 else (layer + 1, layer)
        even, odd = _wide(even, v[e]), _wide(odd, v[o])
        if mesh.transposed:
            into_even, into_odd = even * (v[o] - v[e]), odd * (v[e] - v[o])
        else:
            into_odd = even * v[e] - odd * v[o]
            into_even = -into_odd
        currents[e] = currents[e] - gathered(into_even, v[e])
        currents[o] = currents[o] - gathered(into_odd, v[o])
    return tuple(currents)


def gathered(current: Any, like: Any) -> Any:
    """Currents of a node's cells summed to the shape of its voltages: along lines that are one node."""
    for axis in (0, 1):
        if like.shape[axis] == 1 and current.shape[axis] > 1:
            current = jnp.sum(current, axis=axis, keepdims=True)
    return current


def spread(lines: Lines, current: Any, length: int) -> Any:
    """Currents into merged lines as currents into their first nodes; others as they are."""
    if current.shape[lines.along] == length:
        return current
    wide = [(0, 0, 0)] * current.ndim
    wide[lines.along] = (0, length - 1, 0)
    return lax.pad(current, jnp.zeros((), current.dtype), wide)
