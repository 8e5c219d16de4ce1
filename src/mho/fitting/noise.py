"""Read-noise traces: current or conductance of a device left alone, sampled evenly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mho.core.errors import MeasurementError
from mho.core.quantities import engineering
from mho.fitting import columns
from mho.fitting.columns import CONDUCTANCE, TIME
from mho.fitting.reading import read_cell_table
from mho.fitting.table import listed

_ROLES = {"t": TIME, **CONDUCTANCE}
EXAMPLE = "'t [ms], i [uA]' (or 'g [uS]', or 'r [kOhm]'), sampled evenly"
_FEWEST = 64
_UNEVEN = 0.05  # of the step, in the median, above which a trace is sampled anew


@dataclass(frozen=True)
class NoiseTrace:
    """One quantity of a device left alone, sampled evenly. Immutable.

    Args:
        path: The file it came from.
        t: Time [s].
        x: Current, conductance or resistance, in `unit`.
        unit: ``"A"``, ``"S"`` or ``"ohm"``.
        metadata: What the file says about itself.
        warnings: What was unusual, and how it was read.
    """

    path: Path
    t: np.ndarray
    x: np.ndarray
    unit: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.t.setflags(write=False)
        self.x.setflags(write=False)

    @property
    def step(self) -> float:
        """Time between two samples [s]."""
        return float(self.t[1] - self.t[0])

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.path.name}: read noise, {len(self.x)} samples every {engineering(self.step, 's')}, mean "
                f"{engineering(float(self.x.mean()), self.unit)}",
                *(f"  ! {w}" for w in self.warnings),
            ]
        )


def read_noise(path: str | Path) -> NoiseTrace:
    """Read a trace of read noise.

    Missing samples and uneven steps are mended by linear interpolation onto an even clock, and counted.

    Args:
        path: The file.

    Raises:
        MeasurementError: If the file cannot be used; names the line, the value with unit, the allowed range, the cure.
    """
    table = read_cell_table(path)
    data, unused = columns.columns(table, _ROLES, ("t",), kind="A noise trace", example=EXAMPLE)
    quantity = next((q for q in ("i", "g", "r") if q in data), None)
    if quantity is None:
        raise MeasurementError(
            f"{table.path}: no column for i, g or r; the headings are {', '.join(table.headings)}. A noise trace has "
            f"{EXAMPLE}."
        )
    t, x = data["t"], data[quantity]
    columns.finite(table, t, "time")
    columns.refuse(
        table, np.concatenate([[False], np.diff(t) <= 0]), t, "s", "time", "after the one above", "Sort the rows"
    )
    unit = _ROLES[quantity][0]
    if quantity != "i":
        word = "conductance" if quantity == "g" else "resistance"
        columns.refuse(table, x <= 0, x, unit, word, "above 0", "Correct the sign, or leave the cell empty")
    good = np.isfinite(x)
    columns.enough(table, int(good.sum()), _FEWEST, "samples")
    warnings = list(table.warnings)
    if unused:
        warnings.append(f"columns not used: {listed(unused)}")
    steps = np.diff(t)
    step = float(np.median(steps))
    uneven = float(np.max(np.abs(steps - step))) > _UNEVEN * step
    if not good.all() or uneven:
        even = t[0] + step * np.arange(int((t[-1] - t[0]) / step + 1e-6) + 1)
        x = np.interp(even, t[good], x[good])
        warnings.append(
            f"{int(np.sum(~good))} samples are missing"
            + (f" and steps range from {engineering(steps.min(), 's')} to {engineering(steps.max(), 's')}" * uneven)
            + "; the trace is interpolated onto an even clock"
        )
        t = even
    if np.mean(x) == 0 or np.ptp(x) == 0:
        raise MeasurementError(
            f"{table.path}: all {len(x)} samples are {engineering(float(x[0]), unit)}; noise needs a resolution finer "
            "than the noise. Choose a smaller range of the instrument."
        )
    return NoiseTrace(table.path, t, x, unit, table.metadata, tuple(warnings))
