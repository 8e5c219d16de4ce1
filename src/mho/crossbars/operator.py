"""An array with fixed conductances as one matrix: what its columns give for what its rows are driven at."""

from __future__ import annotations

from typing import Any

import numpy as np

from mho.crossbars.bias import Bias
from mho.crossbars.solve import TOLERANCE, solve
from mho.crossbars.wires import Wires

_TOGETHER = 16  # right-hand sides of one batch, so that memory stays that of a few arrays


def operator(
    conductance: Any, wires: Wires, *, both_sides: bool = False, tolerance: float = TOLERANCE, engine: str = "auto"
) -> np.ndarray:
    r"""The effective conductance matrix K [S], shape (M, N): column currents are :math:`v K`, wires and all.

    By reciprocity a volt at a column tells what every row contributes to it, so that as many right-hand sides are
    solved as there are columns (or rows, where they are fewer). After that a product with the array is one of matrices.

    Args:
        conductance: Of each cell [S], shape (M, N).
        wires: Their resistances.
        both_sides: Rows driven, and columns held, at both ends.
        tolerance: As in :func:`mho.crossbars.solve`.
        engine: As there.

    Raises:
        InputError: As there.
        SolverError: As there.
    """
    m, n = np.shape(conductance)
    by_columns = n <= m
    found = np.empty((m, n))
    for first in range(0, n if by_columns else m, _TOGETHER):
        lines = np.arange(first, min(first + _TOGETHER, n if by_columns else m))
        volt = np.zeros((len(lines), n if by_columns else m))
        volt[np.arange(len(lines)), lines] = 1.0
        rows = np.zeros((len(lines), m)) if by_columns else volt
        columns = volt if by_columns else np.zeros((len(lines), n))
        bias = Bias(rows, rows if both_sides else None, columns if both_sides else None, columns)
        solution = solve(conductance, bias, wires, tolerance=tolerance, engine=engine)
        if by_columns:
            found[:, lines] = -np.asarray(solution.i_row).T
        else:
            found[lines, :] = solution.i_column
    return found
