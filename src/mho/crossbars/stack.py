"""Stacked arrays whose neighbouring layers share lines: planes of rows and columns in turn, solved as one network."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import InputError
from mho.crossbars.bias import Bias
from mho.crossbars.checks import checked_bias, checked_conductance, checked_tolerance
from mho.crossbars.ends import end_currents, ends_of, plane, voltages, wide
from mho.crossbars.lines import COLUMNS, ROWS
from mho.crossbars.mesh import Mesh, Tolerance
from mho.crossbars.solve import MOST, TOLERANCE, Shape, batch_first, double, ended, fixed_shape, plain, require
from mho.crossbars.wires import Wires


class StackSolution(NamedTuple):
    """Voltages and currents of a stack; lists go by plane or by layer from the bottom, a batch first in every shape.

    Args:
        v: Voltage of each plane's nodes [V], (..., M, N).
        i_cell: Current of each layer's cells from the plane of rows to the plane of columns [A], (..., M, N).
        i_start: Current into each plane's lines at left or top [A], (..., lines).
        i_end: The same at right or bottom.
        iterations: Taken, (...).
        residual: Relative residual reached, (...).
        status: A `Status`, (...).
    """

    v: tuple[Any, ...]
    i_cell: tuple[Any, ...]
    i_start: tuple[Any, ...]
    i_end: tuple[Any, ...]
    iterations: Any
    residual: Any
    status: Any


def solve_stack(
    conductances: Any,
    ends: Any,
    wires: Wires,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MOST,
    throw: bool = True,
) -> StackSolution:
    """Solve Kirchhoff's laws for layers of conductances between planes of lines; neighbours share the plane between.

    Plane 0 holds rows, plane 1 columns, plane 2 rows, and so on; layer k joins plane k to plane k + 1.

    Args:
        conductances: Of each layer [S], a sequence of matrices (M, N).
        ends: For each plane a pair of voltages, of left and right ends of rows or of top and bottom ends of columns, as
            in :class:`mho.crossbars.Bias`; None where nothing is connected, NaN for a line left open.
        wires: Resistances of all rows and all columns.
        tolerance: Relative residual at which a right-hand side is solved [1].
        max_iterations: Most iterations.
        throw: Raise if a right-hand side was not solved; else its `status` says so.

    Raises:
        InputError: If shapes do not match or a value is out of range.
        SolverError: If a right-hand side was not solved, and `throw` is set.
    """
    layers = list(conductances)
    if not layers:
        raise InputError("The stack has no layer. Give at least one matrix of conductances.")
    shapes = {checked_conductance(g, f"conductance of layer {k}") for k, g in enumerate(layers)}
    if len(shapes) > 1:
        raise InputError(
            f"The layers have shapes {sorted(shapes)}; all must have the same numbers of rows and columns."
        )
    if len(ends) != len(layers) + 1:
        raise InputError(f"There are ends for {len(ends)} planes; {len(layers)} layers have {len(layers) + 1} planes.")
    (shape,) = shapes
    biases = [Bias(*pair) if k % 2 == 0 else Bias(None, None, *pair) for k, pair in enumerate(ends)]
    used = [b for b in biases if any(v is not None for v in b)]
    for bias in used or [Bias()]:
        checked_bias(bias, shape)
    checked_tolerance(tolerance, max_iterations)
    fixed, *_ = [fixed_shape(wires, bias, native=False) for bias in biases]
    r = (wires.r_row, wires.r_column, wires.r_driver, wires.r_sense)
    with jax.enable_x64(True):
        given = double((tuple(layers), r, tuple(tuple(pair) for pair in ends)))
        solution = plain(_solved(fixed, float(tolerance), max_iterations, *given))
    if throw:
        require(solution)
    return solution


def _solve(fixed: Shape, tolerance: float, most: int, layers: Any, r: tuple[Any, ...], ends: Any) -> StackSolution:
    shape = layers[0].shape
    sides = [v for pair in ends for v in pair if v is not None]
    batch = next((v.shape[:1] for v in sides if v.ndim == 2), ())
    planes, held = [], []
    for k, pair in enumerate(ends):
        along = ROWS if k % 2 == 0 else COLUMNS
        start, end = pair
        side = ends_of(start, end, shape[1 - along], batch)
        kind = k % 2
        lead = r[kind] + r[kind + 2]
        planes.append(plane(along, r[kind], lead, side, merged=fixed.merged[kind], pinned=fixed.pinned[kind]))
        held.append(side)
    mesh = Mesh(tuple(planes), layers, layers)
    v, effort = voltages(mesh, tuple(held), Tolerance(tolerance, most), shape, False)
    cells = []
    for k, g in enumerate(layers):
        row, column = (k, k + 1) if k % 2 == 0 else (k + 1, k)
        cells.append(wide(g, len(batch)) * (v[row] - v[column]))
    starts, lasts = [], []
    for k, (lines, side) in enumerate(zip(planes, held, strict=True)):
        i = sum(cells[j] for j in (k - 1, k) if 0 <= j < len(cells))
        total = jnp.sum(i, axis=lines.along) * (1.0 if k % 2 == 0 else -1.0)
        first, last = end_currents(lines, side, v[k], total)
        starts.append(batch_first(first, batch))
        lasts.append(batch_first(last, batch))
    front = (tuple(batch_first(x, batch) for x in v), tuple(batch_first(x, batch) for x in cells))
    return StackSolution(*front, tuple(starts), tuple(lasts), *effort, ended(effort, tolerance))


_solved = jax.jit(_solve, static_argnums=(0, 1, 2))


def power_supplied(solution: StackSolution, ends: Any) -> Any:
    """Power that everything connected delivers to a stack [W], one number a right-hand side."""
    total = 0.0
    for pair, currents in zip(ends, zip(solution.i_start, solution.i_end, strict=True), strict=True):
        for v, i in zip(pair, currents, strict=True):
            if v is not None:
                total = total + np.sum(np.nan_to_num(np.asarray(v, np.float64)) * i, axis=-1)
    return total
