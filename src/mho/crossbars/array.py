"""An array of devices: its cells' static currents on its wires, at what is connected."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import InputError
from mho.crossbars.bias import Bias
from mho.crossbars.cell import AbstractCell
from mho.crossbars.checks import checked_bias, checked_tolerance
from mho.crossbars.ends import boundary, end_currents, ends_of, plane
from mho.crossbars.lines import COLUMNS, ROWS
from mho.crossbars.mesh import Effort, Tolerance
from mho.crossbars.newton import Layer, Problem, currents, root
from mho.crossbars.solve import MOST, Shape, Solution, double, ended, fixed_shape, plain, require
from mho.crossbars.wires import Wires
from mho.devices.device import ROOM

_STEPS = 100


def solve_cells(
    cell: AbstractCell,
    state: Any,
    bias: Bias,
    wires: Wires,
    *,
    gate: Any = None,
    temperature: float = ROOM,
    tolerance: float = 1e-9,
    max_iterations: int = _STEPS,
    throw: bool = True,
) -> Solution:
    """Solve Kirchhoff's laws for an array of cells with any static current.

    Differentiable, forward and in reverse, by everything that is a number in `cell`, `state`, `bias` and `wires`;
    compute derivatives inside ``with jax.enable_x64(True)``.

    Args:
        cell: What sits at every crossing.
        state: Its state, leaves of shape (M, N); see `AbstractCell.rest`.
        bias: What is connected to the lines.
        wires: Their resistances.
        gate: Voltages of the gate lines [V], where the cell has some: (M, 1) for one a row, (1, N) for one a column,
            or (M, N).
        temperature: [K].
        tolerance: Relative residual, from that of all lines at 0 V, 1e-13 to 1e-2 [1].
        max_iterations: Most Newton steps.
        throw: Raise if a right-hand side was not solved; else its `status` says so.

    Returns:
        The solution; its `iterations` are Newton steps.

    Raises:
        InputError: If shapes do not match, or a gate is missing or too many.
        SolverError: If a right-hand side was not solved, and `throw` is set.
    """
    shape = shape_of(state)
    checked_bias(bias, shape)
    checked_tolerance(tolerance, max_iterations)
    checked_gate(cell, gate, shape)
    r = (wires.r_row, wires.r_column, wires.r_driver, wires.r_sense)
    fixed = fixed_shape(wires, bias, native=False)
    with jax.enable_x64(True):
        given = double((cell, state, gate, temperature, r, tuple(bias)))
        solution = plain(_solved(fixed, shape, tolerance, max_iterations, *given))
    if throw:
        require(solution)
    return solution


def shape_of(state: Any) -> tuple[int, int]:
    """Rows and columns of an array of states.

    Raises:
        InputError: If its leaves are no matrices of one shape.
    """
    shapes = {np.shape(x) for x in jax.tree.leaves(state)}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise InputError(
            f"The state has leaves of shapes {sorted(shapes)}; all must have the shape of the array, (rows, columns). "
            "Start from cell.rest((rows, columns))."
        )
    return next(iter(shapes))


def checked_gate(cell: AbstractCell, gate: Any, shape: tuple[int, int]) -> None:
    """Look at the gate lines' voltages.

    Raises:
        InputError: If they are missing, too many, or of another shape.
    """
    name = type(cell).__name__
    if not cell.gated:
        if gate is not None:
            raise InputError(f"A cell of kind {name} has no gate line. Leave gate out.")
        return
    size = None if gate is None else np.shape(gate)
    if size is None or len(size) not in (0, 2) or any(k not in (1, n) for k, n in zip(size, shape, strict=False)):
        raise InputError(
            f"The gate voltages of {name} cells have shape {size}; give ({shape[0]}, 1) for one a row, "
            f"(1, {shape[1]}) for one a column, or {shape}."
        )


@eqx.filter_jit
def _solved(
    fixed: Shape,
    shape: tuple[int, int],
    tolerance: float,
    most: int,
    cell: AbstractCell,
    state: Any,
    gate: Any,
    temperature: Any,
    r: tuple[Any, ...],
    bias: tuple[Any, ...],
) -> Solution:
    batch = next((v.shape[:1] for v in bias if v is not None and v.ndim == 2), ())
    if batch:
        axes = tuple(None if v is None else 0 if v.ndim == 2 else None for v in bias)

        def one(*bias: Any) -> Solution:
            return _one(fixed, shape, tolerance, most, cell, state, gate, temperature, r, bias)

        return jax.vmap(one, in_axes=axes)(*bias)
    return _one(fixed, shape, tolerance, most, cell, state, gate, temperature, r, bias)


def _one(
    fixed: Shape,
    shape: tuple[int, int],
    tolerance: float,
    most: int,
    cell: AbstractCell,
    state: Any,
    gate: Any,
    temperature: Any,
    r: tuple[Any, ...],
    bias: tuple[Any, ...],
) -> Solution:
    rows = ends_of(bias[0], bias[1], shape[0], ())
    columns = ends_of(bias[2], bias[3], shape[1], ())
    planes = (
        plane(ROWS, r[0], r[0] + r[2], rows, merged=fixed.merged[0], pinned=fixed.pinned[0]),
        plane(COLUMNS, r[1], r[1] + r[3], columns, merged=fixed.merged[1], pinned=fixed.pinned[1]),
    )
    held, voltages, sources = boundary(planes, (rows, columns), shape)
    gate = None if gate is None else jnp.broadcast_to(gate, shape)
    problem = Problem(planes, (Layer(cell, state, gate, temperature),), held, voltages, sources)
    v, search = root(problem, shape, Tolerance(tolerance, MOST), most)
    (i_cell,) = currents(problem, v)
    left, right = end_currents(planes[0], rows, jnp.broadcast_to(v[0], shape), jnp.sum(i_cell, axis=1))
    top, bottom = end_currents(planes[1], columns, jnp.broadcast_to(v[1], shape), -jnp.sum(i_cell, axis=0))
    status = ended(Effort(search.steps, search.residual), tolerance)
    v_row, v_column = (jnp.broadcast_to(x, shape) for x in v)
    ends = (left, right, -top, -bottom)
    return Solution._make([v_row, v_column, i_cell, *ends, search.steps, search.residual, status])
