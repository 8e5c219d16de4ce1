"""How the ends of lines enter: sources behind resistances, lines held at a voltage, and the currents at the ends."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from mho.crossbars.lines import ROWS, Lines
from mho.crossbars.mesh import Effort, Fields, Mesh, Tolerance, drawn, factors, spread, symmetric


class Ends(NamedTuple):
    """One plane's ends: voltages (lines, batch...) with open ones at 0 V, and whether each is connected."""

    start: Any
    end: Any
    on_start: Any
    on_end: Any


def ends_of(start: Any, end: Any, lines: int, batch: tuple[int, ...]) -> Ends:
    """Ends of a plane from voltages with the batch first, None and NaN where nothing is connected."""

    def one(v: Any) -> tuple[Any, Any]:
        if v is None:
            return jnp.zeros((lines, *batch)), jnp.zeros((lines,), bool)
        on = ~jnp.isnan(v)
        filled = jnp.where(on, v, 0.0)
        filled = (
            filled.T if v.ndim == 2 else jnp.broadcast_to(filled.reshape((lines,) + (1,) * len(batch)), (lines, *batch))
        )
        return filled, (on[0] if v.ndim == 2 else on)

    (a, on_a), (b, on_b) = one(start), one(end)
    return Ends(a, b, on_a, on_b)


def plane(along: int, r: Any, lead: Any, ends: Ends, *, merged: bool, pinned: bool) -> Lines:
    """Lines of a plane: segments `r`, and `lead` between each connected end and its first or last node [ohm]."""
    g = 0.0 if pinned else 1.0 / lead
    held = (ends.on_start | ends.on_end) & pinned
    return Lines(along, merged, r, jnp.where(ends.on_start, g, 0.0), jnp.where(ends.on_end, g, 0.0), held)


def boundary(
    planes: tuple[Lines, ...], ends: tuple[Ends, ...], shape: tuple[int, int]
) -> tuple[Fields, Fields, Fields]:
    """Nodes that are held, their voltages (0 elsewhere) [V], and the currents of the ends into nodes at 0 V [A].

    In node shape: of length 1 along merged lines.
    """
    batch = ends[0].start.ndim - 1
    held, fixed, sources = [], [], []
    for lines, e in zip(planes, ends, strict=True):
        flat = (-1, 1) if lines.along == ROWS else (1, -1)
        stuck, v_start, v_end, on = (
            x.reshape(flat + x.shape[1:]) for x in (wide(lines.pinned, batch), e.start, e.end, wide(e.on_start, batch))
        )
        v = jnp.where(stuck, jnp.where(on, v_start, v_end), 0.0)
        held.append(_node_shape(lines, jnp.broadcast_to(stuck, v.shape), shape))
        fixed.append(_node_shape(lines, v, shape))
        sources.append(_from_ends(lines, e, shape, flat))
    return tuple(held), tuple(fixed), tuple(sources)


def voltages(
    mesh: Mesh, ends: tuple[Ends, ...], tolerance: Tolerance, shape: tuple[int, int], native: bool
) -> tuple[Fields, Effort]:
    """Node voltages of every plane, of full shape, when its ends are held; and the effort."""
    held, fixed, sources = boundary(mesh.planes, ends, shape)
    pulled = drawn(mesh, fixed)
    injected = tuple(jnp.where(h, 0.0, s - i) for h, s, i in zip(held, sources, pulled, strict=True))
    free, effort = _linear(mesh, injected, held, tolerance, shape, native)
    full = tuple(jnp.broadcast_to(v + fix, shape + v.shape[2:]) for v, fix in zip(free, fixed, strict=True))
    return full, effort


def wide(x: Any, batch: int) -> Any:
    """`x` with `batch` more axes at its end."""
    return x.reshape(x.shape + (1,) * batch)


def _node_shape(lines: Lines, v: Any, shape: tuple[int, int]) -> Any:
    """One value a line as node voltages: along merged lines of length 1."""
    if lines.merged:
        return v
    return jnp.broadcast_to(v, shape + v.shape[2:])


def _from_ends(lines: Lines, ends: Ends, shape: tuple[int, int], flat: tuple[int, int]) -> Any:
    """Currents that the sources would drive into nodes at 0 V, in node shape [A]."""
    batch = ends.start.ndim - 1
    first, last = (
        (wide(g, batch) * v).reshape(flat + v.shape[1:]) for g, v in ((lines.start, ends.start), (lines.end, ends.end))
    )
    n = 1 if lines.merged else shape[lines.along]
    before, behind = [(0, 0, 0)] * first.ndim, [(0, 0, 0)] * first.ndim
    before[lines.along], behind[lines.along] = (0, n - 1, 0), (n - 1, 0, 0)
    zero = jnp.zeros((), first.dtype)
    return lax.pad(first, zero, before) + lax.pad(last, zero, behind)


def _linear(
    mesh: Mesh, injected: Fields, held: Fields, tolerance: Tolerance, shape: tuple[int, int], native: bool
) -> tuple[Fields, Effort]:
    """Voltages at injected currents, zero where held; the derivative is that of the equation, not of the iteration."""

    def matrix(v: Fields) -> Fields:
        free = tuple(jnp.where(h, 0.0, x) for h, x in zip(held, v, strict=True))
        return tuple(jnp.where(h, x, i) for h, x, i in zip(held, v, drawn(mesh, free), strict=True))

    def solved(_: Any, currents: Fields) -> tuple[Fields, Effort]:
        full = tuple(spread(lines, i, shape[lines.along]) for lines, i in zip(mesh.planes, currents, strict=True))
        v, effort = (_by_kernel if native else _by_jax)(mesh, full, tolerance)
        own = (lax.slice(x, (0,) * x.ndim, i.shape) for x, i in zip(v, currents, strict=True))
        return tuple(jnp.where(h, i, x) for h, i, x in zip(held, currents, own, strict=True)), effort

    return lax.custom_linear_solve(matrix, injected, solved, symmetric=True, has_aux=True)


def _by_jax(mesh: Mesh, currents: Fields, tolerance: Tolerance) -> tuple[Fields, Effort]:
    return symmetric(factors(mesh), currents, tolerance)


def _by_kernel(mesh: Mesh, currents: Fields, tolerance: Tolerance) -> tuple[Fields, Effort]:
    from mho.crossbars.kernels import call

    return call(mesh, currents, tolerance)


def end_currents(lines: Lines, ends: Ends, v: Any, total: Any) -> tuple[Any, Any]:
    """Current into each line at its start and its end [A]; `total` is what its cells draw.

    Where one end alone is connected it carries the total, which loses no digits; a held line connected twice carries
    half at either end.
    """
    batch = total.ndim - 1
    first = jnp.squeeze(lax.slice_in_dim(v, 0, 1, axis=lines.along), lines.along)
    last = jnp.squeeze(lax.slice_in_dim(v, v.shape[lines.along] - 1, None, axis=lines.along), lines.along)
    on_start, on_end, held = (wide(x, batch) for x in (ends.on_start, ends.on_end, lines.pinned))
    start = jnp.where(held, 0.5 * total, wide(lines.start, batch) * (ends.start - first))
    end = jnp.where(held, 0.5 * total, wide(lines.end, batch) * (ends.end - last))
    zero = jnp.zeros_like(total)
    return (
        jnp.where(on_start, jnp.where(on_end, start, total), zero),
        jnp.where(on_end, jnp.where(on_start, end, total), zero),
    )
