"""Reading one cell among many: what flows around it, and what margin is left between its two states."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mho.core.errors import InputError
from mho.crossbars.bias import Bias, selecting
from mho.crossbars.solve import TOLERANCE, solve
from mho.crossbars.wires import Wires

PATTERNS = ("all on", "all off", "row and column on")


class Margin(NamedTuple):
    """One cell read in both states within the same neighbours: raw numbers, from which figures of merit are made.

    Args:
        i_on: Current that is sensed with the cell on [A].
        i_off: The same with the cell off [A].
        i_cell_on: Current of the selected cell alone, on [A].
        i_cell_off: The same, off [A].
        supplied_on: Power drawn by the whole array while it is read, on [W].
        supplied_off: The same, off [W].
        v_read: Voltage between row and column drivers [V].
    """

    i_on: float
    i_off: float
    i_cell_on: float
    i_cell_off: float
    supplied_on: float
    supplied_off: float
    v_read: float

    @property
    def relative(self) -> float:
        """(i_on - i_off) / i_on: 1 without sneak currents and with a cell that is open when off [1]."""
        return (self.i_on - self.i_off) / self.i_on

    @property
    def sneak_share(self) -> float:
        """Share of the sensed current that did not pass through the selected cell when it is off [1]."""
        return 1.0 - self.i_cell_off / self.i_off

    def divider(self, r_load: float) -> float:
        """Swing of the voltage over a load resistor, as a share of the read voltage [1].

        With the array seen as the resistance that it shows: v_on - v_off = r_l/(r_l + r_on) - r_l/(r_l + r_off).
        """
        r_on, r_off = self.v_read / self.i_on, self.v_read / self.i_off
        return r_load / (r_load + r_on) - r_load / (r_load + r_off)


def neighbours(shape: tuple[int, int], row: int, column: int, g_on: float, g_off: float, pattern: str) -> np.ndarray:
    """Conductances of the cells around a selected one [S], by a named pattern; the worst to read among is ``all on``.

    Raises:
        InputError: If the pattern is unknown.
    """
    if pattern not in PATTERNS:
        raise InputError(f"There is no pattern {pattern!r}. Name one of {', '.join(PATTERNS)}.")
    g = np.full(shape, g_on if pattern == "all on" else g_off)
    if pattern == "row and column on":
        g[row, :], g[:, column] = g_on, g_on
    return g


def read_margin(
    shape: tuple[int, int],
    g_on: float,
    g_off: float,
    wires: Wires,
    *,
    cell: tuple[int, int] | None = None,
    scheme: str = "floating",
    pattern: str = "all on",
    v_read: float = 0.1,
    tolerance: float = TOLERANCE,
) -> Margin:
    """Read a cell on and off among neighbours of one pattern.

    Args:
        shape: Rows and columns.
        g_on: Conductance of a cell that is on [S].
        g_off: Conductance of a cell that is off [S].
        wires: Resistances.
        cell: The selected one; by default the farthest from driver and sense, in row 0 and the last column.
        scheme: Of the other lines, a key of :data:`mho.crossbars.SCHEMES`.
        pattern: Of the other cells, of :data:`PATTERNS`.
        v_read: Voltage across [V].
        tolerance: Relative residual of the solver.

    Raises:
        InputError: If the pattern or the scheme is unknown, or g_on is not above g_off.
    """
    if not g_on > g_off >= 0.0:
        raise InputError(
            f"g_on is {g_on:.3g} S and g_off {g_off:.3g} S; g_on must exceed g_off, and g_off be at least 0. Swapped?"
        )
    row, column = cell if cell is not None else (0, shape[1] - 1)
    bias = selecting(shape, row, column, v_read, scheme)
    found = []
    for own in (g_on, g_off):
        g = neighbours(shape, row, column, g_on, g_off, pattern)
        g[row, column] = own
        solution = solve(g, bias, wires, tolerance=tolerance)
        found.append((solution.i_bottom[column], solution.i_cell[row, column], _supplied(solution, bias)))
    on, off = found
    numbers = (float(x) for pair in zip(on, off, strict=True) for x in pair)
    return Margin._make([*numbers, float(v_read)])


def _supplied(solution: Any, bias: Bias) -> Any:
    rows = np.sum(np.nan_to_num(bias.left) * solution.i_left)
    return rows - np.sum(np.nan_to_num(bias.bottom) * solution.i_bottom)
