"""Tables of potentiation ramps: one column a ramp, one row a pulse, conductance in each cell, ragged ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mho.core.errors import MeasurementError, UnitError
from mho.core.quantities import engineering, factor, heading
from mho.fitting.table import listed, read_table

_FEWEST_RAMPS = 2
_FEWEST_PULSES = 10


@dataclass(frozen=True)
class RampTable:
    """Conductance after each pulse of each ramp.

    Args:
        path: The file.
        names: Of the ramps.
        g: Conductance, shape (ramps, pulses), NaN after a ramp's end [S].
        metadata: What the file says about itself.
        warnings: What was unusual, and how it was read.
    """

    path: Path
    names: tuple[str, ...]
    g: np.ndarray
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def lengths(self) -> np.ndarray:
        """Number of readings of each ramp."""
        return np.sum(np.isfinite(self.g), axis=1)

    def __str__(self) -> str:
        return (
            f"{self.path.name}: {len(self.names)} ramps of {self.lengths.min()} to {self.lengths.max()} readings, "
            f"{engineering(float(np.nanmin(self.g)), 'S')} to {engineering(float(np.nanmax(self.g)), 'S')}"
        )


def read_ramps(path: str | Path, *, unit: str | None = None) -> RampTable:
    """Read a table of ramps: one column each (``rmp1, rmp2, ...`` or ``rmp1 [uS], ...``), one row a pulse.

    Ramps may end at different rows; a gap inside a ramp is kept as missing and counted.

    Args:
        path: The file.
        unit: Unit of the cells where the headings give none; siemens if neither does, and the table says so.

    Raises:
        MeasurementError: If the table cannot be used; names column and value.
    """
    table = read_table(path, ragged=True)
    warnings = list(table.warnings)
    columns, names = [], []
    for k, text in enumerate(table.headings):
        name, given = heading(text)
        if given is None and unit is None and not warnings:
            warnings.append("the headings give no unit: the cells are taken as siemens")
        try:
            columns.append(table.values[:, k] * factor(given or unit or "S", "S"))
        except UnitError as error:
            raise MeasurementError(f"{table.path}: column {text!r}: {error}") from error
        names.append(name)
    g = np.asarray(columns)
    ends = [int(np.flatnonzero(np.isfinite(row)).max(initial=-1)) + 1 for row in g]
    g = g[:, : max(ends)]
    _check(table.path, names, g, ends)
    gaps = sum(int(np.sum(~np.isfinite(row[:end]))) for row, end in zip(g, ends, strict=True))
    if gaps:
        warnings.append(f"{gaps} readings are missing inside ramps")
    g.setflags(write=False)
    return RampTable(table.path, tuple(names), g, table.metadata, tuple(warnings))


def _check(path: Path, names: list[str], g: np.ndarray, ends: list[int]) -> None:
    if len(names) < _FEWEST_RAMPS:
        raise MeasurementError(
            f"{path}: {len(names)} ramp found and at least {_FEWEST_RAMPS} needed for a spread. Put one ramp in each "
            "column."
        )
    short = [n for n, end in zip(names, ends, strict=True) if end < _FEWEST_PULSES]
    if short:
        raise MeasurementError(
            f"{path}: too few pulses in {listed(short)}: {min(ends)} found and at least {_FEWEST_PULSES} needed. "
            "Delete the column, or measure a longer ramp."
        )
    bad = np.argwhere(np.isfinite(g) & (g <= 0))
    if len(bad):
        ramp, pulse = bad[0]
        raise MeasurementError(
            f"{path}: ramp {names[ramp]!r}, pulse {pulse}: the conductance is "
            f"{engineering(float(g[ramp, pulse]), 'S')}; "
            "it must be above 0. Correct the sign, or leave the cell empty."
        )
