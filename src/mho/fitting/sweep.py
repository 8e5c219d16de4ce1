"""Current-voltage sweeps of cells: reading, and which points are the device's and which the instrument's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mho.core.quantities import engineering
from mho.fitting import columns
from mho.fitting.columns import TIME
from mho.fitting.reading import read_cell_table
from mho.fitting.table import Table, listed

_ROLES = {
    "t": TIME,
    "v": ("V", ("v", "voltage", "bias", "vd", "vds", "vapplied", "vforce")),
    "i": ("A", ("i", "current", "id", "ids", "imeas")),
    "r": ("ohm", ("r", "resistance")),
    "sweep": ("1", ("sweep", "cycle", "run", "repeat", "segment", "sweepindex")),
}
EXAMPLE = "'t [s], v [V], i [A]', and 'sweep' where there are several"
_FEWEST = 20
_STEP = 0.1  # [s] a point where neither the file nor the caller says
_FAR = 6.0  # robust standard deviations beyond which a point is an outlier
_FEWEST_CAPPED = 5
_TOP = 0.99  # share of the largest current at which a plateau of compliance is looked for
_KINK = 8.0  # a cap's edge is this many times steeper than its top; a smooth maximum's is about twice
_COMPLIANCE = ("compliance", "icomp", "currentcompliance", "limiti")


@dataclass(frozen=True)
class Sweep:
    """A current-voltage measurement. Immutable.

    Args:
        path: The file it came from.
        t: Time [s].
        v: Applied voltage [V].
        i: Current [A]; NaN where the sample is missing.
        sweep: Number of the sweep of each point.
        capped: True where the instrument's compliance, not the device, set the current.
        outlier: True where a single reading stands far off its neighbours.
        metadata: What the file says about itself.
        warnings: What was unusual, and how it was read.
    """

    path: Path
    t: np.ndarray
    v: np.ndarray
    i: np.ndarray
    sweep: np.ndarray
    capped: np.ndarray
    outlier: np.ndarray
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for array in (self.t, self.v, self.i, self.sweep, self.capped, self.outlier):
            array.setflags(write=False)

    @property
    def usable(self) -> np.ndarray:
        """True where a point is the device's: measured, not capped, no outlier."""
        return np.isfinite(self.i) & ~self.capped & ~self.outlier

    @property
    def floor(self) -> float:
        """Current below which the instrument's offset and noise hide the device [A]."""
        largest = float(np.nanmax(np.abs(self.i[self.usable])))
        near = self.usable & (np.abs(self.v) < 0.01 * float(np.max(np.abs(self.v))))
        rest = 2.0 * float(np.median(np.abs(self.i[near]))) if near.sum() >= 2 else 0.0
        return min(max(rest, 1e-8 * largest), 1e-2 * largest)

    def __str__(self) -> str:
        finite = self.i[np.isfinite(self.i)]
        return "\n".join(
            [
                f"{self.path.name}: {len(set(self.sweep.tolist()))} sweep(s), {len(self.v)} points in "
                f"{engineering(float(np.ptp(self.t)), 's')}, {engineering(float(self.v.min()), 'V')} to "
                f"{engineering(float(self.v.max()), 'V')}, {engineering(float(finite.min()), 'A')} to "
                f"{engineering(float(finite.max()), 'A')}",
                *(f"  ! {w}" for w in self.warnings),
            ]
        )


def read_sweep(path: str | Path, *, step: float | None = None) -> Sweep:
    """Read current-voltage sweeps from CSV, TSV, HDF5, or an instrument's export.

    Headings carry units, ``t [s], v [V], i [uA]``, or are those of Keysight's and Keithley's programs
    (``Smu1.V[1][1]``, ``AnodeI(2)``, ``V1``), which write SI. Points at which the compliance held the current, and
    single readings far off their neighbours, are masked and counted. Compliance is seen by a plateau with a kink at its
    edge, or by the level that the file states; never because a current is near the largest one.

    Args:
        path: The file.
        step: Time between two points [s], where the file has no time column; by default 0.1 s, with a warning.

    Raises:
        MeasurementError: If the file cannot be used; names the line, the value with unit, the allowed range, the cure.
    """
    table = read_cell_table(path)
    data, unused = columns.columns(table, _ROLES, ("v", "i"), kind="A current-voltage sweep", example=EXAMPLE)
    warnings = [*table.warnings]
    columns.finite(table, data["v"], "voltage")
    sweep = columns.whole(table, data.get("sweep"), "sweep number")
    columns.enough(table, int(np.isfinite(data["i"]).sum()), _FEWEST, "points")
    columns.refuse(
        table, np.full(len(data["v"]), bool(np.ptp(data["v"]) == 0)), data["v"], "V", "voltage",
        "swept, and it is the same everywhere", "Is it a retention or a noise trace? Say so with its own reader",
    )  # fmt: skip
    t = _times(table, data.get("t"), sweep, step, warnings)
    leftover = [h for h in unused if h.lower() not in ("item", "index", "absi", "absv")]
    if leftover:
        warnings.append(f"columns not used: {listed(leftover)}")
    v, i = data["v"], data["i"]
    outlier = np.zeros(len(v), bool)
    capped = np.zeros(len(v), bool)
    limit = columns.from_metadata(table, _COMPLIANCE, "A")
    for number in dict.fromkeys(sweep.tolist()):
        rows = np.flatnonzero(sweep == number)
        capped[rows] = at_compliance(v[rows], i[rows], limit)
        outlier[rows] = outliers(i[rows]) & ~capped[rows]
    missing = int(np.sum(~np.isfinite(i)))
    for count, why in (
        (missing, "readings are missing"),
        (int(capped.sum()), "points are at the compliance"),
        (int(outlier.sum()), f"readings lie more than {_FAR:g} robust standard deviations off their neighbours"),
    ):
        if count:
            warnings.append(f"{count} {why}; they are masked")
    return Sweep(table.path, t, v, i, sweep, capped, outlier, table.metadata, tuple(warnings))


def _times(
    table: Table, t: np.ndarray | None, sweep: np.ndarray, step: float | None, warnings: list[str]
) -> np.ndarray:
    """Time of each point, sweeps one after another [s]."""
    if t is None:
        if step is None:
            warnings.append(
                f"there is no time column: {engineering(_STEP, 's')} a point is assumed, and every rate scales with "
                "it; give the true one as step"
            )
        return np.arange(len(sweep)) * (_STEP if step is None else step)
    columns.finite(table, t, "time")
    back = np.concatenate([[False], (np.diff(t) < 0) & (np.diff(sweep) == 0)])
    columns.refuse(table, back, t, "s", "time", "not before the one above", "Sort the rows, or add a 'sweep' column")
    t = t.copy()
    for k in np.flatnonzero(np.diff(sweep) != 0) + 1:  # appended sweeps start their clocks anew
        if t[k] <= t[k - 1]:
            t[k:] += t[k - 1] - t[k] + float(np.median(np.diff(t[:k]))) if k > 1 else 0.0
    return t


def at_compliance(v: np.ndarray, i: np.ndarray, limit: float | None = None) -> np.ndarray:
    """True where the instrument held the current, in one sweep.

    For each polarity the run of points within 1 % of the largest current is such a plateau where the voltage moves
    along it and its edge is a kink: the current's step at an edge is many times the step inside. At a smooth maximum
    the step at the edge is about twice that inside, however flat the top.

    Args:
        v: Voltage [V].
        i: Current [A].
        limit: Compliance that the file states [A].
    """
    found = np.zeros(len(v), bool)
    size = np.abs(np.nan_to_num(i))
    if limit:
        found |= size >= 0.999 * abs(limit)
    for side in (v > 0, v < 0):
        if not side.any() or size[side].max() == 0:
            continue
        level = _plateau_level(size[side])
        top = side & (np.abs(size / level - 1.0) <= 1.0 - _TOP)
        for run in _runs(top):
            moved = np.abs(np.diff(size[run]))
            edges = [abs(size[k] - size[k - side_step]) for k, side_step in ((run[0], 1), (run[-1], -1))
                     if 0 <= k - side_step < len(size) and side[k - side_step]]  # fmt: skip
            if len(run) < _FEWEST_CAPPED or np.ptp(v[run]) == 0 or not edges:
                continue
            if max(edges) > _KINK * max(float(np.median(moved)), 1e-4 * level):
                found[run] = True
    return found


def _plateau_level(size: np.ndarray) -> float:
    """The level at which the most of the largest readings agree [A]."""
    upper = np.sort(size[size >= 0.5 * size.max()])
    near = [int(np.sum(np.abs(size - x) <= (1.0 - _TOP) * x)) for x in upper]
    return float(upper[int(np.argmax(near))])


def _runs(mask: np.ndarray) -> list[np.ndarray]:
    """Rows of each unbroken run of True."""
    rows = np.flatnonzero(mask)
    return np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if rows.size else []


def outliers(i: np.ndarray) -> np.ndarray:
    """True where one reading stands far off both sides, in one sweep.

    A reading is compared, in decades, with the median of its four neighbours: off by more than six robust standard
    deviations of all such differences, three times the neighbours' own range, and a twentieth of a decade. A switching
    event moves neighbours with it and is none.
    """
    floor = max(float(np.nanmedian(np.abs(i))) * 1e-2, 1e-18)
    y = np.arcsinh(i / floor) / np.log(10.0)
    padded = np.pad(y, 2, constant_values=np.nan)  # the first and last two have too few neighbours
    around = np.stack([padded[k : k + len(y)] for k in (0, 1, 3, 4)])
    with np.errstate(all="ignore"):
        off = np.abs(y - np.median(around, axis=0))
        wide = np.max(around, axis=0) - np.min(around, axis=0)
    spread = 1.4826 * float(np.nanmedian(off))
    return np.nan_to_num(off) > np.maximum(np.maximum(_FAR * spread, 3.0 * np.nan_to_num(wide)), 0.05)
