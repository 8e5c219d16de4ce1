"""A pulse measurement: gate pulses in, channel conductance out, against time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mho.core.quantities import engineering
from mho.fitting import edges
from mho.fitting.table import listed


class Pulses(NamedTuple):
    """Gate pulses in order of time: start [s], width [s], amplitude [V], and sweep."""

    t: np.ndarray
    width: np.ndarray
    amplitude: np.ndarray
    sweep: np.ndarray


class Reads(NamedTuple):
    """Readings in order of time: time [s], conductance [S] (NaN where missing), sweep, and pulses begun before."""

    t: np.ndarray
    g: np.ndarray
    sweep: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class PulseMeasurement:
    """What a laboratory measured: rows of time, gate voltage and channel conductance. Immutable.

    Args:
        path: The file it came from.
        t: Time [s].
        v_gate: Gate voltage [V].
        g: Channel conductance [S]; NaN where the sample is missing.
        sweep: Index of the sweep of each row.
        width: Pulse width of event rows [s], NaN elsewhere; None if the gate was sampled as a waveform.
        i_gate: Gate current [A], if it was measured.
        v_read: Channel voltage, if the channel was given as a current [V].
        read_delay: Time from a pulse's end to the reading in the same row [s].
        metadata: What the file says about itself.
        warnings: What was unusual, and how it was read.
    """

    path: Path
    t: np.ndarray
    v_gate: np.ndarray
    g: np.ndarray
    sweep: np.ndarray
    width: np.ndarray | None = None
    i_gate: np.ndarray | None = None
    v_read: np.ndarray | None = None
    read_delay: np.ndarray | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for array in (self.t, self.v_gate, self.g, self.sweep, self.width, self.i_gate, self.v_read, self.read_delay):
            if array is not None:
                array.setflags(write=False)

    @property
    def form(self) -> str:
        """``"events"`` if pulses are rows with a width, ``"waveform"`` if the gate was sampled."""
        return "waveform" if self.width is None else "events"

    @property
    def missing(self) -> int:
        """Number of readings that are missing (masked)."""
        return int(np.sum(~np.isfinite(self.g) & ~self._is_pulse()))

    def _is_pulse(self) -> np.ndarray:
        if self.width is None:
            return np.zeros(self.t.shape, bool)
        return (self.v_gate != 0) & np.isfinite(self.width)

    @property
    def pulses(self) -> Pulses:
        """The gate pulses."""
        if self.width is None:
            return self._sampled_pulses()
        k = self._is_pulse()
        return Pulses(self.t[k], self.width[k], self.v_gate[k], self.sweep[k])

    def _sampled_pulses(self) -> Pulses:
        found = []
        for s in dict.fromkeys(self.sweep.tolist()):
            rows = np.flatnonzero(self.sweep == s)
            for on, off, level in edges.pulses(self.t[rows], self.v_gate[rows]):
                found.append((on, off - on, level, s))
        columns = np.asarray(found, np.float64).reshape(-1, 4).T
        return Pulses(columns[0], columns[1], columns[2], columns[3].astype(int))

    @property
    def reads(self) -> Reads:
        """The readings, with those in a pulse's own row placed after the pulse."""
        pulses = self._is_pulse()
        t = self.t.copy()
        if self.width is not None and self.read_delay is not None:
            t = np.where(pulses, self.t + np.nan_to_num(self.width) + np.nan_to_num(self.read_delay), t)
        keep = ~pulses | np.isfinite(self.g)
        if self.width is not None:
            after = np.cumsum(pulses)[keep]
        else:
            p = self.pulses
            after = sum(
                (
                    np.where(self.sweep > s, 1, (self.sweep == s) & (self.t >= x))
                    for x, s in zip(p.t, p.sweep, strict=True)
                ),
                np.zeros(self.t.shape, int),
            )[keep]
        return Reads(t[keep], self.g[keep], self.sweep[keep], after)

    def __str__(self) -> str:
        good = self.g[np.isfinite(self.g)]
        p = self.pulses
        widths = " to ".join(dict.fromkeys(engineering(w, "s", 3) for w in (p.width.min(), p.width.max())))
        levels = listed(engineering(a, "V", 3) for a in sorted(set(np.round(p.amplitude, 6).tolist()))[:6])
        lines = [
            f"{self.path.name}: {len(p.t)} pulses of {widths} at {levels}, {len(set(self.sweep.tolist()))} sweep(s), "
            f"{len(good)} readings" + (f" and {self.missing} missing" if self.missing else ""),
            f"  g {engineering(good.min(), 'S')} to {engineering(good.max(), 'S')}, time "
            f"{engineering(self.t.max() - self.t.min(), 's')}",
            *(f"  ! {w}" for w in self.warnings),
        ]
        return "\n".join(lines)
