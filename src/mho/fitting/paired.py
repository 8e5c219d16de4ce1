"""Paired-pulse experiments: how much larger the second response is than the first, against the interval between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mho.core.errors import MeasurementError
from mho.core.quantities import engineering
from mho.fitting import columns
from mho.fitting.reading import read_table
from mho.fitting.table import listed

_ROLES = {
    "interval": ("s", ("interval", "dt", "deltat", "gap", "pulseinterval", "t", "time")),
    "ratio": ("1", ("ratio", "ppr", "ppf", "pairedpulseratio", "index", "ppfindex")),
    "first": ("A", ("i1", "a1", "first", "epsc1")),
    "second": ("A", ("i2", "a2", "second", "epsc2")),
    "g_first": ("S", ("g1", "dg1")),
    "g_second": ("S", ("g2", "dg2")),
}
EXAMPLE = "'interval [ms], ratio' (a ratio or 'ratio [%]'), or 'interval [ms], i1 [uA], i2 [uA]' (or g1, g2)"
_FEWEST = 6


@dataclass(frozen=True)
class PairedPulses:
    """Ratio of the second response to the first at each interval. Immutable.

    Args:
        path: The file it came from.
        interval: From the end of the first pulse to the start of the second [s].
        ratio: Second response over first [1].
        metadata: What the file says about itself.
        warnings: What was unusual, and how it was read.
    """

    path: Path
    interval: np.ndarray
    ratio: np.ndarray
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.interval.setflags(write=False)
        self.ratio.setflags(write=False)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.path.name}: {len(self.interval)} pairs of pulses, intervals "
                f"{engineering(float(self.interval.min()), 's')} to {engineering(float(self.interval.max()), 's')}, "
                f"ratio {self.ratio.min():.3g} to {self.ratio.max():.3g}",
                *(f"  ! {w}" for w in self.warnings),
            ]
        )


def read_paired_pulses(path: str | Path) -> PairedPulses:
    """Read a paired-pulse experiment.

    Args:
        path: The file.

    Raises:
        MeasurementError: If the file cannot be used; names the line, the value with unit, the allowed range, the cure.
    """
    table = read_table(path)
    data, unused = columns.columns(table, _ROLES, ("interval",), kind="A paired-pulse experiment", example=EXAMPLE)
    warnings = list(table.warnings)
    if unused:
        warnings.append(f"columns not used: {listed(unused)}")
    interval = data["interval"]
    columns.finite(table, interval, "interval")
    columns.refuse(table, interval <= 0, interval, "s", "interval", "above 0 s", "Correct the cell or its unit")
    pair = next((p for p in (("first", "second"), ("g_first", "g_second")) if set(p) <= set(data)), None)
    if "ratio" in data:
        ratio = data["ratio"]
    elif pair is not None:
        first = data[pair[0]]
        unit = _ROLES[pair[0]][0]
        columns.refuse(table, first == 0, first, unit, "first response", "other than 0", "Delete the row")
        ratio = data[pair[1]] / first
    else:
        raise MeasurementError(
            f"{table.path}: no column for ratio, nor for both responses; the headings are {', '.join(table.headings)}. "
            f"A paired-pulse experiment has {EXAMPLE}."
        )
    columns.refuse(table, ratio <= 0, ratio, "1", "ratio", "above 0", "Were the responses' baselines subtracted?")
    good = np.isfinite(ratio)
    columns.enough(table, int(good.sum()), _FEWEST, "pairs")
    if not good.all():
        warnings.append(f"{int(np.sum(~good))} ratios are missing; they are left out")
    order = np.argsort(interval[good], kind="stable")
    return PairedPulses(table.path, interval[good][order], ratio[good][order], table.metadata, tuple(warnings))
