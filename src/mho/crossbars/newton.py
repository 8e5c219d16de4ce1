"""Voltages of planes of lines whose cells carry any static current: inexact Newton with a line search."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.crossbars.cell import AbstractCell
from mho.crossbars.general import unsymmetric
from mho.crossbars.lines import COLUMNS, Lines
from mho.crossbars.mesh import (
    Factors,
    Fields,
    Mesh,
    Tolerance,
    drawn,
    factors,
    gathered,
    inner,
    lines_solved,
    reduced,
    spread,
    symmetric,
)

_ETA = 0.1  # what an inner iteration leaves of the residual (Dembo, Eisenstat & Steihaug 1982)
_ARMIJO = 1e-4
_HALVINGS = 12


class Layer(NamedTuple):
    """Cells between two planes: what they are, their states (M, N), and the voltages of their gates, or None."""

    cell: AbstractCell
    state: Any
    gate: Any
    temperature: Any


class Problem(NamedTuple):
    """What is to be solved.

    Args:
        planes: Lines of each plane.
        layers: Cells of each layer.
        held: Nodes held at a voltage, one array a plane in node shape (length 1 along merged lines).
        fixed: Their voltages, 0 elsewhere [V].
        sources: Currents of the ends into nodes at 0 V [A].
    """

    planes: tuple[Lines, ...]
    layers: tuple[Layer, ...]
    held: Fields
    fixed: Fields
    sources: Fields


class Search(NamedTuple):
    """How Newton's method ended: Newton steps, inner iterations, relative residual."""

    steps: Any
    iterations: Any
    residual: Any


def currents(problem: Problem, v: Fields) -> tuple[Any, ...]:
    """Current of each layer's cells from even to odd plane at node voltages `v` [A]."""
    return tuple(_current(layer, *_ends(k, v)) for k, layer in enumerate(problem.layers))


def _ends(k: int, v: Fields) -> tuple[Any, Any]:
    """Voltages of the even and of the odd plane at the cells of layer `k`."""
    e, o = (k, k + 1) if k % 2 == 0 else (k + 1, k)
    shape = jnp.broadcast_shapes(v[e].shape, v[o].shape)
    return jnp.broadcast_to(v[e], shape), jnp.broadcast_to(v[o], shape)


def _current(layer: Layer, row: Any, column: Any) -> Any:
    return layer.cell.current(layer.state, row, column, layer.gate, temperature=layer.temperature)


def residual(problem: Problem, v: Fields, cells: tuple[Any, ...]) -> Fields:
    """Current that leaves each node, less what the ends bring; 0 at held nodes [A]."""
    out = list(drawn(Mesh(problem.planes, (), ()), v))
    for k, i in enumerate(cells):
        e, o = (k, k + 1) if k % 2 == 0 else (k + 1, k)
        out[e] = out[e] + gathered(i, v[e])
        out[o] = out[o] - gathered(i, v[o])
    return tuple(jnp.where(h, 0.0, i - s) for h, i, s in zip(problem.held, out, problem.sources, strict=True))


def linearised(problem: Problem, v: Fields) -> tuple[tuple[Any, ...], Mesh]:
    """The cells' currents at node voltages `v`, and the mesh of their slopes."""
    found, even, odd = [], [], []
    for k, layer in enumerate(problem.layers):
        row, column = _ends(k, v)
        one, none = jnp.ones_like(row), jnp.zeros_like(row)
        i, slopes = jax.linearize(functools.partial(_current, layer), row, column)
        by_row = jnp.maximum(slopes(one, none), 0.0)
        found.append(i)
        even.append(by_row)
        odd.append(by_row if layer.cell.reciprocal else jnp.maximum(-slopes(none, one), 0.0))
    return tuple(found), Mesh(problem.planes, tuple(even), tuple(odd))


def _reciprocal(problem: Problem) -> bool:
    return all(layer.cell.reciprocal for layer in problem.layers)


def _full(problem: Problem, fields: Fields, shape: tuple[int, int]) -> Fields:
    return tuple(spread(lines, x, shape[lines.along]) for lines, x in zip(problem.planes, fields, strict=True))


def _size(f: Factors, r: Fields) -> Any:
    """Norm of a residual: root of the power it would dissipate in the eliminated mesh's preconditioner [W^0.5]."""
    z = lines_solved(f, r[0::2], 0)
    odd = reduced(f, r)
    return jnp.sqrt(jnp.abs(inner(r[0::2], z) + inner(odd, lines_solved(f, odd, 1))))


class _Course(NamedTuple):
    """Where Newton's method stands: an accepted point, its factors and its residual's size, and the way on from it."""

    v: Fields
    factors: Factors
    size: Any
    way: Fields
    share: Any
    scale: Any
    steps: Any
    iterations: Any
    halvings: Any


def root(problem: Problem, shape: tuple[int, int], tolerance: Tolerance, most: int) -> tuple[Fields, Search]:
    """Node voltages, of node shape, at which Kirchhoff's laws hold.

    A step is halved until the residual falls, in the norm of the preconditioner at the step's start. The relative
    residual counts from that of all free nodes at 0 V. The derivative is that of the equations (implicit).

    Args:
        problem: What is to be solved; a single right-hand side.
        shape: Rows and columns.
        tolerance: Of the relative residual; its iterations are the most inner ones a step.
        most: Newton steps.
    """
    leaves, tree = jax.tree.flatten(problem)
    leaves = [jnp.asarray(x) for x in leaves]

    @jax.custom_jvp
    def solved(*leaves: Any) -> tuple[Fields, Search]:
        return _newton(jax.tree.unflatten(tree, leaves), shape, tolerance, most)

    @solved.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        v, search = solved(*primals)
        now = jax.tree.unflatten(tree, primals)

        def off(*leaves: Any) -> Fields:
            moved = jax.tree.unflatten(tree, leaves)
            return residual(moved, v, currents(moved, v))

        _, drift = jax.jvp(off, primals, tangents)
        moved = _linear(now, v, tuple(-x for x in drift), shape, Tolerance(1e-12, tolerance.iterations))
        still = Search(
            np.zeros((), jax.dtypes.float0), np.zeros((), jax.dtypes.float0), jnp.zeros_like(search.residual)
        )
        return (v, search), (moved, still)

    return solved(*leaves)


def _linear(problem: Problem, v: Fields, injected: Fields, shape: tuple[int, int], tolerance: Tolerance) -> Fields:
    """Change of the voltages at injected currents, by the slopes at `v`; it can be transposed."""
    mesh, alike = linearised(problem, v)[1], _reciprocal(problem)

    def masked(matrix: Any) -> Any:
        def product(x: Fields) -> Fields:
            free = tuple(jnp.where(h, 0.0, a) for h, a in zip(problem.held, x, strict=True))
            return tuple(jnp.where(h, a, b) for h, a, b in zip(problem.held, x, drawn(matrix, free), strict=True))

        return product

    def by(matrix: Mesh) -> Any:
        def solve(_: Any, current: Fields) -> Fields:
            found, _ = (symmetric if alike else unsymmetric)(factors(matrix), _full(problem, current, shape), tolerance)
            own = (lax.slice(x, (0, 0), i.shape) for x, i in zip(found, current, strict=True))
            return tuple(jnp.where(h, i, x) for h, i, x in zip(problem.held, current, own, strict=True))

        return solve

    turned = Mesh(mesh.planes, mesh.even, mesh.odd, transposed=True)
    return lax.custom_linear_solve(
        masked(mesh), injected, by(mesh), transpose_solve=None if alike else by(turned), symmetric=alike
    )


def _newton(problem: Problem, shape: tuple[int, int], tolerance: Tolerance, most: int) -> tuple[Fields, Search]:
    """One loop: look at a point on the way; go on from it if the residual is lower there, else come nearer."""
    solver = symmetric if _reciprocal(problem) else unsymmetric
    inside = Tolerance(_ETA, tolerance.iterations)

    def busy(c: _Course) -> Any:
        left = (c.size > tolerance.relative * c.scale) & (c.halvings < _HALVINGS)
        return (c.steps == 0) | (left & (c.steps <= most))

    def go(c: _Course) -> _Course:
        v = tuple(a + c.share * b for a, b in zip(c.v, c.way, strict=True))
        cells, mesh = linearised(problem, v)
        r = _full(problem, residual(problem, v, cells), shape)
        lower = _size(c.factors, r) <= (1.0 - _ARMIJO * c.share) * c.size

        def onward() -> _Course:
            f = factors(mesh)
            size = _size(f, r)
            scale = jnp.where(c.steps == 0, size, c.scale)
            way, effort = solver(f, tuple(-x for x in r), inside)
            way = tuple(lax.slice(x, (0, 0), a.shape) for x, a in zip(way, v, strict=True))
            taken = c.iterations + effort.iterations.astype(jnp.int32)
            return _Course(v, f, size, way, jnp.ones(()), scale, c.steps + 1, taken, jnp.zeros_like(c.halvings))

        def nearer() -> _Course:
            return c._replace(share=0.5 * c.share, halvings=c.halvings + 1)

        return lax.cond((c.steps == 0) | lower, onward, nearer)

    zero, one = jnp.zeros((), jnp.int32), jnp.ones(())
    none = tuple(jnp.zeros_like(x) for x in problem.fixed)
    empty = tuple(jnp.zeros(shape) for _ in problem.layers)
    nowhere = Mesh(problem.planes, empty, empty)
    turned = tuple(jnp.zeros(shape if lines.along == COLUMNS else shape[::-1]) for lines in problem.planes)
    first = _Course(problem.fixed, Factors(nowhere, turned), one, none, one, one, zero, zero, zero)
    end = lax.while_loop(busy, go, first)
    return end.v, Search(end.steps - 1, end.iterations, jnp.where(end.scale == 0.0, 0.0, end.size / end.scale))
