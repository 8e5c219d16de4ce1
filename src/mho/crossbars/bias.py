"""What is connected to the ends of an array's lines: voltages, and named schemes to select one cell."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mho.core.errors import InputError

FLOATING = float("nan")  # a line that is connected to nothing


class Bias(NamedTuple):
    """Voltages at the ends of the lines [V]; None where no line is connected at that end.

    Each is one voltage a line, or a batch of them with the batch first, (batch, lines). NaN leaves a line open.

    Args:
        left: Of the rows, at column 0.
        right: Of the rows, at the last column.
        top: Of the columns, at row 0.
        bottom: Of the columns, at the last row.
    """

    left: Any = None
    right: Any = None
    top: Any = None
    bottom: Any = None


def driven(v: Any, columns: int, *, both_sides: bool = False) -> Bias:
    """Rows driven at `v`, columns held at 0 V at the bottom: the product of a voltage vector and the array.

    Args:
        v: One voltage a row [V], shape (rows,) or (batch, rows).
        columns: Number of columns.
        both_sides: Drive the rows at both ends, and hold the columns at both.
    """
    ground = np.zeros(columns)
    return Bias(v, v, ground, ground) if both_sides else Bias(left=v, bottom=ground)


class Scheme(NamedTuple):
    """What the lines that are not selected are held at, as shares of the voltage across the selected cell.

    Args:
        rows: Of the other rows; NaN leaves them open.
        columns: Of the other columns.
    """

    rows: float
    columns: float


SCHEMES: dict[str, Scheme] = {
    "grounded": Scheme(0.0, 0.0),
    "floating": Scheme(FLOATING, FLOATING),
    "half": Scheme(0.5, 0.5),
    "third": Scheme(1.0 / 3.0, 2.0 / 3.0),
    "floating rows": Scheme(FLOATING, 0.0),
    "floating columns": Scheme(0.0, FLOATING),
}
"""Selected row at V and selected column at 0 V in each. V/2 is ``half``, V/3 ``third``."""


def selecting(
    shape: tuple[int, int], row: int, column: int, v: float, scheme: str, *, both_sides: bool = False
) -> Bias:
    """One selected cell with `v` across it, its row at `v` and its column at 0 V, the other lines by a named scheme.

    Args:
        shape: Rows and columns of the array.
        row: Of the selected cell.
        column: Of the selected cell.
        v: Voltage across the cell [V].
        scheme: A key of :data:`SCHEMES`.
        both_sides: Connect both ends of every line.

    Raises:
        InputError: If the scheme is unknown, or the cell lies outside the array.
    """
    if scheme not in SCHEMES:
        raise InputError(f"There is no biasing scheme {scheme!r}. Name one of {', '.join(SCHEMES)}.")
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        raise InputError(
            f"The cell ({row}, {column}) lies outside the array of {shape[0]} rows and {shape[1]} columns. "
            "Count from 0."
        )
    rows = np.full(shape[0], SCHEMES[scheme].rows * v)
    columns = np.full(shape[1], SCHEMES[scheme].columns * v)
    rows[row], columns[column] = v, 0.0
    return Bias(rows, rows, columns, columns) if both_sides else Bias(left=rows, bottom=columns)
