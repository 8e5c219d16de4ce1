"""Retention and drift series: conductance against the time since programming, of one or many devices and states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mho.core.quantities import engineering
from mho.devices.device import ROOM
from mho.fitting import columns
from mho.fitting.columns import CONDUCTANCE, DEVICE, TEMPERATURE, TIME
from mho.fitting.reading import read_cell_table
from mho.fitting.table import listed

_ROLES = {
    "t": TIME,
    **CONDUCTANCE,
    "temperature": TEMPERATURE,
    "device": DEVICE,
    "state": ("1", ("state", "level", "target", "trace")),
}
EXAMPLE = "'t [s], g [uS]' (or 'r [kOhm]', or 'i [A]' with 'v_read [V]'); 'temperature [K]', 'state', 'device' if any"
_FEWEST = 5


@dataclass(frozen=True)
class Retention:
    """Conductance against the time since programming. Immutable.

    Args:
        path: The file it came from.
        t: Time since programming [s], above 0.
        g: Conductance [S], NaN where missing.
        temperature: Of each reading [K].
        trace: Number of the trace (one device in one state at one temperature) of each reading, from 0.
        metadata: What the file says about itself.
        warnings: What was unusual, and how it was read.
    """

    path: Path
    t: np.ndarray
    g: np.ndarray
    temperature: np.ndarray
    trace: np.ndarray
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for array in (self.t, self.g, self.temperature, self.trace):
            array.setflags(write=False)

    @property
    def traces(self) -> int:
        """Number of traces."""
        return int(self.trace.max()) + 1

    def __str__(self) -> str:
        good = self.g[np.isfinite(self.g)]
        return "\n".join(
            [
                f"{self.path.name}: retention, {self.traces} trace(s), {len(good)} readings, "
                f"{engineering(float(good.min()), 'S')} to {engineering(float(good.max()), 'S')}, "
                f"{engineering(float(self.t.min()), 's')} to {engineering(float(self.t.max()), 's')}, "
                f"{listed(f'{x:g} K' for x in np.unique(self.temperature))}",
                *(f"  ! {w}" for w in self.warnings),
            ]
        )


def read_retention(path: str | Path) -> Retention:
    """Read retention or drift series.

    One row a reading: time since programming, conductance (or resistance, or current with read voltage), and where
    there are several, temperature, state and device. A reading at time 0 is left out: laws of retention are of ln(t).
    Readings that go back in time within a trace are sorted, and a warning says so.

    Args:
        path: The file.

    Raises:
        MeasurementError: If the file cannot be used; names the line, the value with unit, the allowed range, the cure.
    """
    table = read_cell_table(path)
    data, unused = columns.columns(table, _ROLES, ("t",), kind="A retention series", example=EXAMPLE)
    g = columns.conductance(table, data, kind="A retention series", example=EXAMPLE)
    t, warnings = data["t"], list(table.warnings)
    columns.finite(table, t, "time")
    columns.refuse(table, t < 0, t, "s", "time", "0 or more", "Count it from programming")
    temperature = data.get("temperature")
    if temperature is None:
        stated = columns.from_metadata(table, TEMPERATURE[1], "K")
        if stated is None:
            warnings.append(f"no temperature is given: {ROOM:g} K is assumed")
        temperature = np.full(len(t), ROOM if stated is None else stated)
    columns.finite(table, temperature, "temperature")
    columns.refuse(table, temperature <= 0, temperature, "K", "temperature", "above 0 K", "Is it in Celsius? Give K")
    labels = np.stack(
        [columns.whole(table, data.get("device"), "device number"), data.get("state", np.ones(len(t))), temperature]
    )
    _, trace = np.unique(labels, axis=1, return_inverse=True)
    trace = np.asarray(trace).ravel()
    now = t > 0
    if not now.all():
        warnings.append(f"{int(np.sum(~now))} readings at time 0 are left out: give the time since programming")
    order = np.lexsort((t, trace))
    if any(np.any(np.diff(t[trace == k]) < 0) for k in np.unique(trace)):
        warnings.append("times go back within a trace: the readings are sorted by time")
        t, g, temperature, trace, now = (x[order] for x in (t, g, temperature, trace, now))
    used = now & np.isfinite(g)
    for number in np.unique(trace):
        columns.enough(table, int(np.sum(used & (trace == number))), _FEWEST, "readings of a trace after time 0")
    if unused:
        warnings.append(f"columns not used: {listed(unused)}")
    if np.sum(now & ~np.isfinite(g)):
        warnings.append(f"{int(np.sum(now & ~np.isfinite(g)))} readings are missing; they are masked")
    return Retention(table.path, t[now], g[now], temperature[now], trace[now], table.metadata, tuple(warnings))
