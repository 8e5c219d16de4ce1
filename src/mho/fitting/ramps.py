"""Ramps: the conductance after each pulse of a train of equal pulses, up or down, of one or many devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mho.core.errors import MeasurementError, UnitError
from mho.core.quantities import engineering, factor, heading
from mho.fitting import columns
from mho.fitting.columns import CONDUCTANCE, DEVICE, plain
from mho.fitting.reading import read_table
from mho.fitting.table import Table, listed

_ROLES = {
    "pulse": ("1", ("pulse", "pulsenumber", "npulse", "number", "pulses")),
    "amplitude": ("V", ("vpulse", "vgate", "vwrite", "amplitude", "vg")),
    "width": ("s", ("width", "pulsewidth", "tpulse", "tw")),
    "cycle": ("1", ("cycle", "ramp", "sweep", "run")),
    "device": DEVICE,
    **CONDUCTANCE,
}
EXAMPLE = "one column a ramp ('rmp1 [uS], rmp2 [uS]'), or 'pulse, g [uS], v_pulse [V], width [us], cycle, device'"
_FEWEST_PULSES = 10
_INSIDE = 0.1  # share of a cycle at either end in which its turning point is an end, not a turn


@dataclass(frozen=True)
class RampTable:
    """Conductance after each pulse of each ramp.

    Args:
        path: The file.
        names: Of the ramps.
        g: Conductance, shape (ramps, pulses), NaN after a ramp's end [S].
        metadata: What the file says about itself.
        warnings: What was unusual, and how it was read.
        amplitude: Of each ramp's pulses [V]; NaN where the file does not say.
        width: Of each ramp's pulses [s]; NaN where the file does not say.
        device: Number of each ramp's device.
    """

    path: Path
    names: tuple[str, ...]
    g: np.ndarray
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    amplitude: np.ndarray = field(default_factory=lambda: np.zeros(0))
    width: np.ndarray = field(default_factory=lambda: np.zeros(0))
    device: np.ndarray = field(default_factory=lambda: np.zeros(0, int))

    @property
    def lengths(self) -> np.ndarray:
        """Number of readings of each ramp."""
        return np.sum(np.isfinite(self.g), axis=1)

    @property
    def direction(self) -> np.ndarray:
        """1 for a ramp that raises the conductance, -1 for one that lowers it."""
        ends = [row[np.isfinite(row)][[0, -1]] for row in self.g]
        return np.asarray([1 if last >= first else -1 for first, last in ends])

    def going(self, direction: int) -> RampTable:
        """The ramps of one direction, 1 up or -1 down."""
        rows = np.flatnonzero(self.direction == direction)
        own = {name: getattr(self, name)[rows] for name in ("g", "amplitude", "width", "device")}
        return replace(self, names=tuple(self.names[k] for k in rows), **own)

    def __str__(self) -> str:
        return (
            f"{self.path.name}: {len(self.names)} ramp{'s' * (len(self.names) > 1)} of {self.lengths.min()} to "
            f"{self.lengths.max()} readings, {engineering(float(np.nanmin(self.g)), 'S')} to "
            f"{engineering(float(np.nanmax(self.g)), 'S')}"
        )


def read_ramp(path: str | Path, *, unit: str | None = None) -> RampTable:
    """Read potentiation and depression ramps.

    Two forms. *Side by side*: one column a ramp (``rmp1, rmp2, ...`` or ``rmp1 [uS], ...``), one row a pulse; ramps may
    end at different rows, and a gap inside a ramp is kept as missing and counted. *Long*: one row a pulse, with a
    column ``pulse``, the conductance, and where known the pulse's voltage and width, the cycle and the device. A cycle
    in which the sign of the voltage changes, or without voltages the conductance turns, is two ramps.

    Args:
        path: The file.
        unit: Unit of the cells where the headings give none; siemens if neither does, and the table says so.

    Raises:
        MeasurementError: If the table cannot be used; names column and value.
    """
    table = read_table(path, ragged=True)
    long = any(plain(heading(h)[0]) in _ROLES["pulse"][1] for h in table.headings)
    ramps = _long(table) if long else _side_by_side(table, unit)
    ramps.g.setflags(write=False)
    return ramps


def _side_by_side(table: Table, unit: str | None) -> RampTable:
    warnings = list(table.warnings)
    found, names = [], []
    for k, text in enumerate(table.headings):
        name, given = heading(text)
        if given is None and unit is None and not warnings:
            warnings.append("the headings give no unit: the cells are taken as siemens")
        try:
            found.append(table.values[:, k] * factor(given or unit or "S", "S"))
        except UnitError as error:
            raise MeasurementError(
                f"{table.path}: column {text!r}: {str(error).rstrip('.')}. Ramps have {EXAMPLE}."
            ) from error
        names.append(name)
    return _checked(table, names, found, warnings, {})


def _long(table: Table) -> RampTable:
    data, unused = columns.columns(table, _ROLES, ("pulse",), kind="A ramp", example=EXAMPLE)
    g = columns.conductance(table, data, kind="A ramp", example=EXAMPLE)
    columns.finite(table, data["pulse"], "pulse number")
    device = columns.whole(table, data.get("device"), "device number")
    cycle = columns.whole(table, data.get("cycle"), "cycle number")
    amplitude = data.get("amplitude", np.full(len(g), np.nan))
    width = data.get("width", np.full(len(g), np.nan))
    warnings = [*table.warnings, *([f"columns not used: {listed(unused)}"] if unused else [])]
    found, names, which = [], [], []
    several = len(np.unique(device)) > 1
    for d, c in dict.fromkeys(zip(device.tolist(), cycle.tolist(), strict=True)):
        rows = np.flatnonzero((device == d) & (cycle == c))
        cut = _turn(g[rows], amplitude[rows])
        if cut and not np.any(np.isfinite(amplitude[rows])):
            warnings.append(f"cycle {c} turns at its reading {cut}: taken as one ramp up and one down")
        for part in (rows[:cut], rows[cut:]) if cut else (rows,):
            names.append(f"device {d}, ramp {len(names) + 1}" if several else f"ramp {len(names) + 1}")
            found.append(g[part])
            which.append(part)
    about = {
        "amplitude": np.asarray([_usual(amplitude[k]) for k in which]),
        "width": np.asarray([_usual(width[k]) for k in which]),
        "device": np.asarray([device[k[0]] for k in which]),
    }
    longest = max(len(x) for x in found)
    padded = [np.pad(x, (0, longest - len(x)), constant_values=np.nan) for x in found]
    return _checked(table, names, padded, warnings, about)


def _usual(values: np.ndarray) -> float:
    """Median of what is given and not 0 (a row of 0 V is a reading before the first pulse), NaN where nothing is."""
    given = values[np.isfinite(values) & (values != 0)]
    return float(np.median(given)) if given.size else float("nan")


def _turn(g: np.ndarray, amplitude: np.ndarray) -> int:
    """Reading at which a cycle turns from one direction into the other; 0 where it does not."""
    if np.any(np.isfinite(amplitude)):
        pulsed = np.flatnonzero(np.nan_to_num(amplitude) != 0)
        changes = pulsed[1:][np.diff(np.sign(amplitude[pulsed])) != 0]
        return int(changes[0]) if changes.size else 0
    turns = [int(np.nanargmax(g)), int(np.nanargmin(g))]
    inside = [k for k in turns if _INSIDE * len(g) < k < (1.0 - _INSIDE) * len(g)]
    return inside[0] + 1 if inside else 0


def _checked(
    table: Table, names: list[str], found: list[np.ndarray], warnings: list[str], about: Mapping[str, np.ndarray]
) -> RampTable:
    g = np.asarray(found)
    ends = [int(np.flatnonzero(np.isfinite(row)).max(initial=-1)) + 1 for row in g]
    g = g[:, : max(ends)]
    short = [n for n, end in zip(names, ends, strict=True) if end < _FEWEST_PULSES]
    if short:
        raise MeasurementError(
            f"{table.path}: too few pulses in {listed(short)}: {min(ends)} found and at least {_FEWEST_PULSES} needed. "
            "Delete the column, or measure a longer ramp."
        )
    bad = np.argwhere(np.isfinite(g) & (g <= 0))
    if len(bad):
        ramp, pulse = bad[0]
        raise MeasurementError(
            f"{table.path}: ramp {names[ramp]!r}, pulse {pulse}: the conductance is "
            f"{engineering(float(g[ramp, pulse]), 'S')}; it must be above 0. Correct the sign, or leave the cell empty."
        )
    gaps = sum(int(np.sum(~np.isfinite(row[:end]))) for row, end in zip(g, ends, strict=True))
    if gaps:
        warnings.append(f"{gaps} readings are missing inside ramps")
    unknown = np.full(len(names), np.nan)
    return RampTable(
        table.path, tuple(names), g, table.metadata, tuple(warnings),
        about.get("amplitude", unknown), about.get("width", unknown), about.get("device", np.ones(len(names), int)),
    )  # fmt: skip
