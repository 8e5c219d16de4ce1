"""The exact solution of an array of conductances: every node voltage and every current, whatever its wires are."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from mho.core.errors import InputError, SolverError
from mho.core.results import Status, failures
from mho.crossbars.bias import Bias
from mho.crossbars.checks import checked_bias, checked_conductance, checked_tolerance
from mho.crossbars.ends import end_currents, ends_of, plane, voltages, wide
from mho.crossbars.lines import COLUMNS, ROWS
from mho.crossbars.mesh import Effort, Mesh, Tolerance
from mho.crossbars.wires import Wires
from mho.devices.kinetics import known

TOLERANCE = 1e-10
MOST = 2000  # iterations; a thousand lines of a thousand cells of 1 kohm on 5 ohm a segment take about 100


class Solution(NamedTuple):
    """Voltages and currents of an array; a batch of right-hand sides comes first in every shape.

    Args:
        v_row: Voltage of each row's node at each cell [V], (..., M, N).
        v_column: The same of each column's node.
        i_cell: Current of each cell from its row to its column [A], (..., M, N).
        i_left: Current into each row from what is connected at its left end [A], (..., M).
        i_right: The same at its right end.
        i_top: Current out of each column at its top [A], (..., N).
        i_bottom: The same at its bottom.
        iterations: Taken, (...).
        residual: Relative residual reached (see :class:`mho.crossbars.mesh.Tolerance`), (...).
        status: A `Status`, (...).
    """

    v_row: Any
    v_column: Any
    i_cell: Any
    i_left: Any
    i_right: Any
    i_top: Any
    i_bottom: Any
    iterations: Any
    residual: Any
    status: Any

    @property
    def i_column(self) -> Any:
        """Current out of each column, both ends together [A]."""
        return self.i_top + self.i_bottom

    @property
    def i_row(self) -> Any:
        """Current into each row, both ends together [A]."""
        return self.i_left + self.i_right


class Shape(NamedTuple):
    """What of a problem is fixed when it is compiled.

    Args:
        merged: Whether a row, and a column, is one node.
        pinned: Whether connected rows, and columns, have no resistance at all to their source.
        native: Solve with the compiled kernel.
    """

    merged: tuple[bool, bool]
    pinned: tuple[bool, bool]
    native: bool = False


def solve(
    conductance: Any,
    bias: Bias,
    wires: Wires,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MOST,
    engine: str = "auto",
    throw: bool = True,
) -> Solution:
    """Solve Kirchhoff's laws for an array of conductances with wires.

    Differentiable, forward and in reverse, by conductances, voltages and resistances; compute derivatives inside
    ``with jax.enable_x64(True)``.

    Args:
        conductance: Of each cell [S], shape (M, N); 0 is an open cell.
        bias: What is connected to the lines.
        wires: Their resistances. 0 ohm is exact; it must be a plain number, not a traced one.
        tolerance: Relative residual at which a right-hand side is solved, 1e-13 to 1e-2 [1].
        max_iterations: Most iterations.
        engine: ``auto`` (the compiled kernel where it was built, else JAX), ``jax``, or ``kernel``.
        throw: Raise if a right-hand side was not solved; else its `status` says so.

    Returns:
        The solution, in double precision: NumPy arrays, unless something is traced.

    Raises:
        InputError: If shapes do not match or a value is out of range.
        SolverError: If a right-hand side was not solved to the tolerance, and `throw` is set.

    Limits: what is connected must be the same in all right-hand sides of a batch (for others use `jax.vmap`). Lines
    that reach no source through any cell are at 0 V.
    """
    shape = checked_conductance(conductance)
    checked_bias(bias, shape)
    checked_tolerance(tolerance, max_iterations)
    r = (wires.r_row, wires.r_column, wires.r_driver, wires.r_sense)
    fixed = fixed_shape(wires, bias, native=_native(engine))
    with jax.enable_x64(True):
        solution = _solved(fixed, double(conductance), double(r), double(tuple(bias)), float(tolerance), max_iterations)
    solution = plain(solution)
    if throw:
        require(solution)
    return solution


def _native(engine: str) -> bool:
    from mho.crossbars.kernels import usable

    return usable(engine)


def double(tree: Any) -> Any:
    """Plain numbers in double precision; what is a JAX array or traced is cast."""
    return jax.tree.map(
        lambda x: jnp.asarray(x, jnp.float64) if isinstance(x, jax.Array) else np.asarray(x, np.float64), tree
    )


def plain(results: Any) -> Any:
    """Results as NumPy arrays, which keep their double precision whatever JAX's setting; traced ones as they are."""
    return jax.tree.map(lambda x: x if isinstance(x, Tracer) else np.asarray(x), results)


def require(solution: Any) -> None:
    """Raise unless every right-hand side was solved; traced ones pass.

    Raises:
        SolverError: Counts the failures by reason.
    """
    if isinstance(solution.status, Tracer):
        return
    status = np.asarray(solution.status)
    if status.any():
        counted = ", ".join(f"{n} of {status.size} {name}" for name, n in failures(status).items())
        worst = float(np.nanmax(np.asarray(solution.residual), initial=0.0))
        raise SolverError(
            f"The array was not solved ({counted}; relative residual {worst:.2g} after "
            f"{int(np.max(np.asarray(solution.iterations)))} iterations). Raise max_iterations, loosen the tolerance, "
            "or look for conductances far above those of the wires; throw=False keeps what was solved."
        )


def fixed_shape(wires: Wires, bias: Bias, *, native: bool) -> Shape:
    """What the plain numbers of a problem fix when it is compiled.

    Raises:
        InputError: If lines of 0 ohm are driven at both ends by different voltages.
    """
    merged = known(wires.r_row, 0.0), known(wires.r_column, 0.0)
    pinned = merged[0] and known(wires.r_driver, 0.0), merged[1] and known(wires.r_sense, 0.0)
    for name, stuck, ends in (("row", pinned[0], bias[:2]), ("column", pinned[1], bias[2:])):
        if stuck and all(isinstance(v, np.ndarray | list | tuple) for v in ends):
            apart = np.asarray(ends[0], np.float64) - np.asarray(ends[1], np.float64)
            if np.any(np.abs(apart) > 0.0):
                raise InputError(
                    f"A {name} of 0 ohm is driven at both ends with voltages {np.nanmax(np.abs(apart)):.3g} V apart: "
                    "an infinite current. Give the wires or the drivers a resistance, or drive both ends alike."
                )
    return Shape(merged, pinned, native)


@functools.partial(jax.jit, static_argnums=(0, 5))
def _solved(fixed: Shape, g: Any, r: tuple[Any, ...], bias: tuple[Any, ...], tolerance: float, most: int) -> Solution:
    m, n = g.shape
    batch = next((v.shape[:1] for v in bias if v is not None and v.ndim == 2), ())
    rows = ends_of(bias[0], bias[1], m, batch)
    columns = ends_of(bias[2], bias[3], n, batch)
    leads = r[0] + r[2], r[1] + r[3]
    planes = (
        plane(ROWS, r[0], leads[0], rows, merged=fixed.merged[0], pinned=fixed.pinned[0]),
        plane(COLUMNS, r[1], leads[1], columns, merged=fixed.merged[1], pinned=fixed.pinned[1]),
    )
    mesh = Mesh(planes, (g,), (g,))
    (v_row, v_column), effort = voltages(mesh, (rows, columns), Tolerance(tolerance, most), (m, n), fixed.native)
    i_cell = wide(g, len(batch)) * (v_row - v_column)
    left, right = end_currents(planes[0], rows, v_row, jnp.sum(i_cell, axis=1))
    top, bottom = end_currents(planes[1], columns, v_column, -jnp.sum(i_cell, axis=0))
    status = ended(effort, tolerance)
    fields = (v_row, v_column, i_cell, left, right, -top, -bottom)
    return Solution._make([*(batch_first(x, batch) for x in fields), *effort, status])


def ended(effort: Effort, tolerance: Any) -> Any:
    """Status of each right-hand side."""
    good = jnp.where(effort.residual <= tolerance, Status.OK, Status.MAX_ITERATIONS)
    return jnp.where(jnp.isfinite(effort.residual), good, Status.NOT_FINITE)


def batch_first(x: Any, batch: tuple[int, ...]) -> Any:
    """The batch, which lies last inside, moved to the front."""
    return jnp.moveaxis(x, -1, 0) if batch else x
