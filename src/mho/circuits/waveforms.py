"""What a run returns: accepted points, threshold crossings with the energy books at each, status, ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.circuits.ledger import Ledger
from mho.circuits.options import Crossing
from mho.core.errors import InputError
from mho.core.results import Status, failures


@dataclass(frozen=True)
class Crossings:
    """Times at which one threshold was passed, for every sample.

    Args:
        of: What was asked for.
        times: Crossing times, NaN where there are no more, shape (samples, most) [s].
        accounts: Energies (and charges) of the ledger up to each crossing, by (kind, name), same shape.
    """

    of: Crossing
    times: np.ndarray
    accounts: Mapping[tuple[str, str], np.ndarray]

    @property
    def count(self) -> np.ndarray:
        """Number of crossings of each sample."""
        return np.sum(np.isfinite(self.times), axis=1)

    def intervals(self) -> np.ndarray:
        """Times between successive crossings, shape (samples, most - 1) [s]."""
        return np.diff(self.times, axis=1)

    def rate(self) -> np.ndarray:
        """Mean rate over the intervals of each sample; 0 with fewer than two crossings [Hz]."""
        span = np.where(self.count > 1, _last(self.times) - _first(self.times), 1.0)
        return np.where(self.count > 1, (self.count - 1) / span, 0.0)

    def energy(self, name: str) -> np.ndarray:
        """Energy up to each crossing: delivered by a source, or dissipated in a group (without what it stores) [J].

        Raises:
            InputError: If the ledger has no such source or group.
        """
        below = [
            x
            for (what, key), x in self.accounts.items()
            if what in ("energy", "dissipated") and (key == name or key.startswith(f"{name}."))
        ]
        if not below:
            known = ", ".join(key for what, key in self.accounts if what in ("energy", "dissipated"))
            raise InputError(f"There is no energy of {name!r} at crossings; there is {known}.")
        return np.sum(below, axis=0)


def _first(times: np.ndarray) -> np.ndarray:
    return times[:, 0]


def _last(times: np.ndarray) -> np.ndarray:
    last = np.maximum(np.sum(np.isfinite(times), axis=1) - 1, 0)
    return times[np.arange(len(times)), last]


def widths(rising: Crossings, falling: Crossings) -> np.ndarray:
    """Time from each rising crossing to the next falling one, NaN where none follows, shape (samples, most) [s]."""
    after = following(rising.times, falling.times)
    ends = falling.times[np.arange(len(after))[:, None], np.maximum(after, 0)]
    return np.where(after >= 0, ends - rising.times, np.nan)


def following(rising: np.ndarray, falling: np.ndarray) -> np.ndarray:
    """Number of the falling time that ends each rising one before the next, -1 where none does, (samples, most)."""
    out = np.full(rising.shape, -1)
    for i, (ups, downs) in enumerate(zip(rising, falling, strict=True)):
        downs = downs[np.isfinite(downs)]
        for k, up in enumerate(ups[np.isfinite(ups)]):
            j = int(np.searchsorted(downs, up, side="right"))
            nearest = ups[k + 1] if k + 1 < len(ups) and np.isfinite(ups[k + 1]) else np.inf
            if j < len(downs) and downs[j] <= nearest:
                out[i, k] = j
    return out


@dataclass(frozen=True)
class Points:
    """Accepted steps of one sample: both ends of each with value and slope, so that any time can be interpolated."""

    begin: np.ndarray
    end: np.ndarray
    value0: np.ndarray
    value1: np.ndarray
    slope0: np.ndarray
    slope1: np.ndarray

    def at(self, column: int, t: np.ndarray) -> np.ndarray:
        """Cubic Hermite interpolation of one saved unknown; NaN outside the run."""
        if len(self.end) == 0:
            return np.full(np.shape(t), np.nan)
        step = np.clip(np.searchsorted(self.end, t, side="left"), 0, len(self.end) - 1)
        h = self.end[step] - self.begin[step]
        x = np.clip((t - self.begin[step]) / h, 0.0, 1.0)
        y0, y1 = self.value0[step, column], self.value1[step, column]
        d0, d1 = h * self.slope0[step, column], h * self.slope1[step, column]
        value = y0 + x * (d0 + x * (3 * (y1 - y0) - 2 * d0 - d1 + x * (2 * (y0 - y1) + d0 + d1)))
        return np.where((t >= self.begin[0]) & (t <= self.end[-1] * (1 + 1e-12)), value, np.nan)


@dataclass(frozen=True)
class Run:
    """Result of a transient analysis.

    A single circuit has plain arrays; a population has a leading axis over samples (crossings have it always).

    Args:
        status: How each sample ended.
        crossings: One entry for each crossing that was asked for, in order.
        ledger: Energy books.
        saved: Names of the saved unknowns.
        points: Accepted steps of each sample.
        final: Value of every unknown at the end, by name.
        steps, rejections, iterations: Work done for each sample.
        seconds: Wall time of running, without compiling [s].
        compile_seconds: Wall time of compiling, 0 if the program was there [s].
        population: Whether the circuit had samples.
        culprit: Unknown that held the steps of the first failed sample up, if they became too small.
    """

    status: np.ndarray
    crossings: tuple[Crossings, ...]
    ledger: Ledger
    saved: tuple[str, ...]
    points: tuple[Points, ...]
    final: Mapping[str, Any]
    end: np.ndarray
    steps: np.ndarray
    rejections: np.ndarray
    iterations: np.ndarray
    seconds: float
    compile_seconds: float
    population: bool
    culprit: str = ""

    @property
    def failures(self) -> dict[str, int]:
        """Failed samples by reason; empty if all reached the end."""
        return failures(self.status)

    @property
    def ok(self) -> np.ndarray:
        """Which samples reached the end."""
        return self.status == Status.OK

    @property
    def times(self) -> np.ndarray:
        """Accepted times; for a population (samples, most), NaN padded [s]."""
        return self._padded([np.concatenate([p.begin[:1], p.end]) for p in self.points])

    def __getitem__(self, name: str) -> np.ndarray:
        """A saved waveform at `times`."""
        k = self._column(name)
        return self._padded([np.concatenate([p.value0[:1, k], p.value1[:, k]]) for p in self.points])

    def at(self, name: str, t: Any) -> np.ndarray:
        """A saved waveform at any times, by the cubic through accepted points and slopes; NaN outside the run."""
        t = np.asarray(t, np.float64)
        values = [p.at(self._column(name), t) for p in self.points]
        return np.stack(values) if self.population else values[0]

    def _column(self, name: str) -> int:
        if name not in self.saved:
            raise InputError(
                f"{name!r} was not saved; save holds {', '.join(self.saved) or 'nothing'}. Add it to save=."
            )
        return self.saved.index(name)

    def _padded(self, rows: list[np.ndarray]) -> np.ndarray:
        if not self.population:
            return rows[0]
        out = np.full((len(rows), max(len(r) for r in rows)), np.nan)
        for i, row in enumerate(rows):
            out[i, : len(row)] = row
        return out
