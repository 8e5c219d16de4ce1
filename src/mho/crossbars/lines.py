"""Parallel lines of wire: what they are, and their exact inverse, one tridiagonal solve a line.

A line is followed from its first position to its last. What stands to the left of a node is seen from it as a
conductance s and a current c, which grow by sums of positive numbers only, so that no digit is lost between picosiemens
of cells and tens of siemens of metal, and so that segments of 0 ohm are no special case.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

ROWS, COLUMNS = 1, 0  # axis of an array (rows, columns) along which a line runs


class Lines(eqx.Module):
    """One plane of parallel lines over an array of M rows and N columns.

    Args:
        along: Axis along which the lines run: 1 rows, 0 columns.
        merged: The segments are known to have 0 ohm: a line is one node.
        r: Resistance of a segment [ohm].
        start: Conductance from a line's first node to what drives it, one a line; 0 leaves it open [S].
        end: The same at its last node [S].
        pinned: Lines all of whose nodes are held at a given voltage.
    """

    along: int = eqx.field(static=True)
    merged: bool = eqx.field(static=True)
    r: Float[Array, ""]
    start: Float[Array, " lines"]
    end: Float[Array, " lines"]
    pinned: Bool[Array, " lines"]


def over(lines: Lines, values: Any, like: Any) -> Any:
    """One value a line, in the shape of node quantities with as many trailing axes as `like`."""
    shape = (-1, 1) if lines.along == ROWS else (1, -1)
    return values.reshape(shape + (1,) * (like.ndim - 2))


def factored(lines: Lines, load: Float[Array, "M N"]) -> Float[Array, "positions lines"]:
    r"""What the elimination needs of a line: :math:`k_j = 1/(1 + r s_j)`, and at its last node one over all it sees.

    .. math:: s_0 = g_0 + a, \qquad s_j = g_j + \frac{s_{j-1}}{1 + r s_{j-1}}

    Args:
        lines: The plane.
        load: Conductance of the cells at each node, g [S].

    Returns:
        k [1], and in its last row [ohm]; zero on pinned lines, and where a line ends nowhere and no cell conducts.
    """
    load = load.T if lines.along == ROWS else load

    def step(seen: Any, g: Any) -> tuple[Any, Any]:
        s = g + seen
        k = 1.0 / (1.0 + lines.r * s)
        return s * k, k

    seen, k = lax.scan(step, lines.start, load[:-1])
    total = seen + load[-1] + lines.end
    last = jnp.where(total > 0.0, 1.0 / jnp.where(total > 0.0, total, 1.0), 0.0)
    return jnp.where(lines.pinned[None], 0.0, jnp.concatenate([k, last[None]]))


def inverse(lines: Lines, k: Any, current: Any) -> Any:
    r"""Voltages of the lines' nodes when `current` [A] is injected into them: :math:`(T + G)^{-1} f`.

    .. math:: c_j = f_j + k_{j-1} c_{j-1}, \qquad v_{j-1} = k_{j-1}(v_j + r c_{j-1})

    Args:
        lines: The plane.
        k: Of :func:`factored`.
        current: Shape (M, N) or (M, N, batch).
    """
    turned = lines.along == ROWS
    f = jnp.swapaxes(current, 0, 1) if turned else current
    k = k.reshape(k.shape + (1,) * (f.ndim - 2))

    def forward(carried: Any, at: Any) -> tuple[Any, Any]:
        f, k = at
        c = f + carried
        return k * c, c

    def back(v: Any, at: Any) -> tuple[Any, Any]:
        c, k = at
        v = k * (v + lines.r * c)
        return v, v

    last, c = lax.scan(forward, jnp.zeros_like(f[0]), (f, k))
    _, v = lax.scan(back, last, (c[:-1], k[:-1]), reverse=True)
    v = jnp.concatenate([v, last[None]])
    return jnp.swapaxes(v, 0, 1) if turned else v


def wire_currents(lines: Lines, v: Any) -> Any:
    """Current that the wires and ends of a plane draw from each node at voltages `v`, ends held at 0 V [A].

    Merged lines have one node: `v` has length 1 along them.
    """
    ends = over(lines, lines.start, v), over(lines, lines.end, v)
    if lines.merged or v.shape[lines.along] == 1:
        return (ends[0] + ends[1]) * v
    n, axis = v.shape[lines.along], lines.along
    step = (lax.slice_in_dim(v, 1, n, axis=axis) - lax.slice_in_dim(v, 0, n - 1, axis=axis)) / lines.r
    wide = [(0, 0, 0)] * v.ndim
    before, behind = list(wide), list(wide)
    before[axis], behind[axis] = (1, 0, 0), (0, 1, 0)
    zero = jnp.zeros((), v.dtype)
    inner = lax.pad(step, zero, before) - lax.pad(step, zero, behind)
    first, last = list(wide), list(wide)
    first[axis], last[axis] = (0, n - 1, 0), (n - 1, 0, 0)
    return (
        inner
        + lax.pad(ends[0] * lax.slice_in_dim(v, 0, 1, axis=axis), zero, first)
        + lax.pad(ends[1] * lax.slice_in_dim(v, n - 1, n, axis=axis), zero, last)
    )
