"""Numbers of a levelled elimination: every level is a handful of gathers and scatters, the core a pivoted dense LU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import lu_factor, lu_solve

from mho.circuits.elimination import Elimination, Level

_TRUSTED = 1e8  # largest multiplier: beyond it half of the digits may be gone
DENSE = 32_000_000  # numbers of all lanes' dense matrices that may be held to solve again with pivoting


class Factors(NamedTuple):
    """Factors of all lanes' matrices.

    Args:
        values: Entries as they are when their pivot is eliminated, (place, lane).
        lower: Multipliers of each level.
        inverse: One over the pivots of each level.
        core: LU and pivots of the core.
        scale: What each row was multiplied by, by step.
        worst: Largest multiplier of each lane; not finite where a pivot was zero.
    """

    values: Any
    lower: tuple[Any, ...]
    inverse: tuple[Any, ...]
    core: Any
    scale: Any
    worst: Any


def factorise(plan: Elimination, values: Any) -> Factors:
    """Eliminate, with every row scaled to a largest entry of one.

    Args:
        plan: Order and tables.
        values: Entries of the matrix, zero where it fills in, (place, lane).
    """
    n = len(plan.rows)
    size = jnp.zeros((n, values.shape[1])).at[plan.row_of].max(jnp.abs(values))
    scale = 1.0 / jnp.where(size > 0, size, 1.0)
    values = values * scale[plan.row_of]
    worst = jnp.zeros(values.shape[1])
    lowers, inverses = [], []
    for level in plan.levels:
        inverse = 1.0 / values[level.first : level.first + level.pivots]
        start = level.first + level.pivots
        lower = values[start : start + len(level.lower_row)] * inverse[level.lower_pivot]
        values = values.at[level.target].add(-lower[level.left] * values[level.right])
        lowers.append(lower)
        inverses.append(inverse)
        worst = jnp.maximum(worst, jnp.max(jnp.abs(inverse), axis=0))
        if len(level.lower_row):
            worst = jnp.maximum(worst, jnp.max(jnp.abs(lower), axis=0))
    core: Any = ()
    if plan.core:
        dense = values[-(plan.core**2) :].reshape(plan.core, plan.core, -1)
        core = lu_factor(jnp.moveaxis(dense, 2, 0))
        diagonal = jnp.abs(jnp.diagonal(core[0], axis1=1, axis2=2))
        worst = jnp.maximum(worst, 1.0 / jnp.min(diagonal, axis=1))
    return Factors(values, tuple(lowers), tuple(inverses), core, scale, worst)


def substitute(plan: Elimination, f: Factors, right: Any) -> Any:
    """Solutions for right-hand sides (row, right, lane) in the matrix's own order of rows; columns likewise."""
    n, core = len(plan.rows), plan.core
    b = right[plan.rows] * f.scale[:, None]
    for level, lower in zip(plan.levels, f.lower, strict=True):
        pivots = b[level.step : level.step + level.pivots]
        b = b.at[level.lower_row].add(-lower[:, None] * pivots[level.lower_pivot])
    if core:
        dense = lu_solve(f.core, jnp.moveaxis(b[n - core :], 2, 0))
        b = b.at[n - core :].set(jnp.moveaxis(dense, 0, 2))
    for level, inverse in zip(reversed(plan.levels), reversed(f.inverse), strict=True):
        beside = _upper(level, f.values)[:, None] * b[level.upper_column]
        known = slice(level.step, level.step + level.pivots)
        rest = b[known].at[level.upper_pivot].add(-beside)
        b = b.at[known].set(rest * inverse[:, None])
    return b[np.argsort(plan.columns)]


def _upper(level: Level, values: Any) -> Any:
    start = level.first + level.pivots + len(level.lower_row)
    return values[start : start + len(level.upper_column)]


def solve(plan: Elimination, values: Any, rights: Sequence[Any]) -> list[Any]:
    """Solve A x = b for several right-hand sides, all lanes at once.

    The order is static but for the core. Where a multiplier shows that a pivot was bad, everything is solved again by
    a dense LU with pivoting; with too many lanes for that, the solution of such a lane is not a number.

    Args:
        plan: Order and tables.
        values: Entries of A, zero where it fills in, (place, lane).
        rights: Right-hand sides, each (row, lane).

    Returns:
        A solution (column, lane) for each.
    """
    n, lanes = len(plan.rows), values.shape[1]
    right = jnp.stack(rights, axis=1)
    f = factorise(plan, values)
    x = substitute(plan, f, right)
    bad = ~(f.worst < _TRUSTED)
    if not plan.levels:
        pass
    elif n * n * lanes <= DENSE:
        x = lax.cond(jnp.any(bad), lambda x: jnp.where(bad, _dense(plan, values, right), x), lambda x: x, x)
    else:
        x = jnp.where(bad, jnp.nan, x)
    return [x[:, k] for k in range(len(rights))]


def _dense(plan: Elimination, values: Any, right: Any) -> Any:
    """The same by LAPACK, with pivoting."""
    n, lanes = len(plan.rows), values.shape[1]
    size = jnp.zeros((n, lanes)).at[plan.row_of].max(jnp.abs(values))
    scale = 1.0 / jnp.where(size > 0, size, 1.0)
    matrix = jnp.zeros((lanes, n, n)).at[:, plan.row_of, plan.column_of].set((values * scale[plan.row_of]).T)
    x = jnp.linalg.solve(matrix, jnp.moveaxis(right[plan.rows] * scale[:, None], 2, 0))
    return jnp.moveaxis(x, 0, 2)[np.argsort(plan.columns)]
