"""Endurance runs: both states of cells against the number of cycles, or the number of cycles at which cells failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mho.core.errors import MeasurementError
from mho.fitting import columns
from mho.fitting.columns import DEVICE
from mho.fitting.reading import read_table
from mho.fitting.table import Table, listed

_ROLES = {
    "device": DEVICE,
    "cycles": ("1", ("cycle", "cycles", "n", "ncycles", "cyclestofailure", "lifetime")),
    "failed": ("1", ("failed", "fail", "event", "observed")),
    "g_high": ("S", ("ghigh", "gon", "glrs", "gset")),
    "g_low": ("S", ("glow", "goff", "ghrs", "greset")),
    "r_low": ("ohm", ("rlow", "ron", "rlrs", "lrs", "rset")),
    "r_high": ("ohm", ("rhigh", "roff", "rhrs", "hrs", "rreset")),
}
EXAMPLE = "'device, cycles, failed' (a row a cell), or 'device, cycle, r_low [kOhm], r_high [kOhm]' (a row a reading)"
WINDOW_LEFT = 0.5  # share of the first ratio, in decades, below which a cell counts as failed
_LASTING = 3  # readings in a row that must be failed: one bad read is no failure


@dataclass(frozen=True)
class EnduranceRun:
    """How many cycles each cell lasted. Immutable.

    Args:
        path: The file it came from.
        device: Number of each cell.
        cycles: Cycles at which it failed, or at which it was last seen working.
        failed: False where the cell still worked when the run ended (censored).
        cycle: Cycle of each reading of the window, empty where only lifetimes were given.
        window: Ratio of the two conductances at each reading.
        reading_of: Cell of each reading.
        metadata: What the file says about itself.
        warnings: What was unusual, and how it was read.
    """

    path: Path
    device: np.ndarray
    cycles: np.ndarray
    failed: np.ndarray
    cycle: np.ndarray = field(default_factory=lambda: np.zeros(0))
    window: np.ndarray = field(default_factory=lambda: np.zeros(0))
    reading_of: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for array in (self.device, self.cycles, self.failed, self.cycle, self.window, self.reading_of):
            array.setflags(write=False)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.path.name}: endurance, {len(self.device)} cell(s), {int(self.failed.sum())} failed between "
                f"{self.cycles.min():.3g} and {self.cycles.max():.3g} cycles, {int(np.sum(~self.failed))} still worked",
                *(f"  ! {w}" for w in self.warnings),
            ]
        )


def read_endurance(path: str | Path, *, window_left: float = WINDOW_LEFT) -> EnduranceRun:
    """Read an endurance run.

    Either one row a cell, with the cycles it lasted and whether it failed (1) or still worked at the end (0, censored);
    or one row a reading, with both states. Then a cell has failed when the ratio of its states stays, for three
    readings, below `window_left` of its first decades.

    Args:
        path: The file.
        window_left: Share of the first ratio, in decades.

    Raises:
        MeasurementError: If the file cannot be used; names the line, the value with unit, the allowed range, the cure.
    """
    if not 0 < window_left < 1:
        raise MeasurementError(f"window_left is {window_left:g}; it must be between 0 and 1, for example 0.5.")
    table = read_table(path)
    data, unused = columns.columns(table, _ROLES, ("cycles",), kind="An endurance run", example=EXAMPLE)
    cycles, warnings = data["cycles"], list(table.warnings)
    columns.finite(table, cycles, "number of cycles")
    columns.refuse(table, cycles < 0, cycles, "1", "number of cycles", "0 or more", "Correct the cell")
    if unused:
        warnings.append(f"columns not used: {listed(unused)}")
    device = columns.whole(table, data.get("device"), "device number")
    high, low = _states(table, data)
    if high is None or low is None:
        return _lifetimes(table, data, device, cycles, warnings)
    return _windows(table, device, cycles, high / low, window_left, warnings)


def _states(table: Table, data: dict[str, np.ndarray]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Larger and smaller conductance [S] of each reading."""
    for role in ("g_high", "g_low", "r_low", "r_high"):
        if role in data:
            word = "conductance" if role[0] == "g" else "resistance"
            columns.refuse(
                table,
                data[role] <= 0,
                data[role],
                _ROLES[role][0],
                word,
                "above 0",
                "Leave a lost cell empty",
            )
    high = data["g_high"] if "g_high" in data else 1.0 / data["r_low"] if "r_low" in data else None
    low = data["g_low"] if "g_low" in data else 1.0 / data["r_high"] if "r_high" in data else None
    return high, low


def _lifetimes(
    table: Table, data: dict[str, np.ndarray], device: np.ndarray, cycles: np.ndarray, warnings: list[str]
) -> EnduranceRun:
    columns.refuse(table, cycles <= 0, cycles, "1", "number of cycles", "above 0", "Delete the row")
    failed = data.get("failed")
    if failed is None:
        warnings.append("no column 'failed': every cell is taken as failed at its number of cycles")
        failed = np.ones(len(cycles))
    columns.refuse(table, ~np.isin(failed, (0.0, 1.0)), failed, "1", "column 'failed'", "0 or 1", "Correct the cell")
    number = device if "device" in data else np.arange(1, len(cycles) + 1)
    if len(np.unique(number)) < len(number):
        raise MeasurementError(
            f"{table.path}: a device stands in more than one row; lifetimes need one row a cell. For readings of both "
            f"states give {EXAMPLE}."
        )
    return EnduranceRun(table.path, number, cycles, failed == 1, metadata=table.metadata, warnings=tuple(warnings))


def _windows(
    table: Table, device: np.ndarray, cycle: np.ndarray, window: np.ndarray, left: float, warnings: list[str]
) -> EnduranceRun:
    last, failed, cells = [], [], np.unique(device)
    for cell in cells:
        rows = np.flatnonzero((device == cell) & np.isfinite(window))
        columns.enough(table, len(rows), 2 * _LASTING, f"readings of cell {cell}")
        back = np.concatenate([[False], np.diff(cycle[rows]) <= 0])
        columns.refuse(table, np.isin(np.arange(len(cycle)), rows[back]), cycle, "1", "number of cycles",
                       "above the one before it", "Sort the rows of a device by cycle")  # fmt: skip
        decades = np.log10(window[rows])
        first = float(np.median(decades[:_LASTING]))
        if first <= 0:
            raise MeasurementError(
                f"{table.path}, line {table.lines[rows[0]]}: cell {cell} begins with a ratio of {10**first:.3g}; it "
                "must be above 1. Were the two states swapped?"
            )
        bad = decades < left * first
        lasting = np.flatnonzero(np.convolve(bad, np.ones(_LASTING), "valid") == _LASTING)
        failed.append(bool(lasting.size))
        last.append(cycle[rows[lasting[0]]] if lasting.size else cycle[rows[-1]])
    warnings.append(f"a cell counts as failed when less than {100 * left:g} % of its first decades are left")
    at = np.searchsorted(cells, device)
    return EnduranceRun(
        table.path, cells, np.maximum(np.asarray(last), 1.0), np.asarray(failed), cycle, window, at,
        table.metadata, tuple(warnings),
    )  # fmt: skip
