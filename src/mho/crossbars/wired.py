"""Conductances that arrays show through the resistance of their wires: one exact solution for each row.

With one row at 1 V and all others at 0 V, what flows out of the columns is that row of the array's operator;
superposition does the rest, as long as cells conduct in proportion to voltage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from mho.crossbars.bias import driven
from mho.crossbars.solve import solve
from mho.crossbars.wires import Wires


def shown_conductance(conductance: Any, wires: Wires) -> np.ndarray:
    """Current out of each column per volt at each row [S], (rows, columns), for cells (rows, columns) [S].

    Rows are driven from the left, columns end in 0 V at the bottom; see :func:`mho.crossbars.solve`.
    """
    g = np.asarray(conductance, np.float64)
    rows, columns = g.shape
    solution = solve(g, driven(np.eye(rows), columns), wires)
    return np.asarray(solution.i_bottom)


def through(wires: Wires) -> Callable[[Any], Any]:
    """What makes of cells' conductances (row blocks, column blocks, rows, words, cells) those that lines show [S]."""

    def shown(g: Any) -> Any:
        table = np.asarray(g, np.float64)
        down, across, rows, words, cells = table.shape
        found = np.empty_like(table)
        for i in range(down):
            for j in range(across):
                block = shown_conductance(table[i, j].reshape(rows, words * cells), wires)
                found[i, j] = block.reshape(rows, words, cells)
        return jnp.asarray(found, jnp.result_type(float))

    return shown
