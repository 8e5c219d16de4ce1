"""Currents of the wires' segments, and where the power of an array goes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from mho.crossbars.bias import Bias
from mho.crossbars.wires import Wires


class Power(NamedTuple):
    """Power of an array [W], one number a right-hand side; what is supplied is what cells and wires dissipate.

    Args:
        supplied: By everything that is connected.
        cells: Dissipated in the cells.
        wires: Dissipated in the segments, in drivers and in what senses.
    """

    supplied: Any
    cells: Any
    wires: Any


def segment_currents(solution: Any) -> tuple[Any, Any]:
    """Current in each segment between two cells: of rows, away from the left, and of columns, down [A].

    Args:
        solution: Of :func:`mho.crossbars.solve`.

    Returns:
        Shapes (..., M, N - 1) and (..., M - 1, N).
    """
    with jax.enable_x64(True):
        rows = solution.i_left[..., None] - jnp.cumsum(solution.i_cell, axis=-1)[..., :-1]
        columns = jnp.cumsum(solution.i_cell, axis=-2)[..., :-1, :] - solution.i_top[..., None, :]
    return _plain((rows, columns))


def power(solution: Any, bias: Bias, wires: Wires) -> Power:
    """Power supplied and dissipated in a solved array.

    Args:
        solution: Of :func:`mho.crossbars.solve` or of the nonlinear solver.
        bias: As it was solved with.
        wires: As it was solved with.
    """
    with jax.enable_x64(True):
        ends = (
            (bias.left, solution.i_left),
            (bias.right, solution.i_right),
            (bias.top, -solution.i_top),
            (bias.bottom, -solution.i_bottom),
        )
        supplied = sum(
            jnp.sum(jnp.nan_to_num(jnp.asarray(v, jnp.float64)) * i, axis=-1) for v, i in ends if v is not None
        )
        cells = jnp.sum(solution.i_cell * (solution.v_row - solution.v_column), axis=(-2, -1))
        rows, columns = segment_currents(solution)
        row, column = wires.r_row + wires.r_driver, wires.r_column + wires.r_sense
        lost = wires.r_row * _squares(rows, 2) + wires.r_column * _squares(columns, 2)
        lost = lost + row * (_squares(solution.i_left, 1) + _squares(solution.i_right, 1))
        lost = lost + column * (_squares(solution.i_top, 1) + _squares(solution.i_bottom, 1))
    return _plain(Power(supplied, cells, lost))


def _squares(x: Any, axes: int) -> Any:
    return jnp.sum(x * x, axis=tuple(range(-axes, 0)))


def _plain(results: Any) -> Any:
    return jax.tree.map(lambda x: x if isinstance(x, Tracer) else np.asarray(x), results)
