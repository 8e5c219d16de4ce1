"""A device known by the outcome of programming: what was written, what is read, and what time makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.metrics.kpi import KPI
from mho.metrics.sheet.bench import Bench
from mho.metrics.sheet.entry import entry, origins, spread_origins
from mho.metrics.sheet.fading import DAY
from mho.metrics.sheet.reading import ReadNoise

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
WRITTEN = "log2(1 + window/(6 sigma)), levels 6 sigma apart; programmed: sigma^2 = programming^2 + read^2"
UNPULSED = "known by the outcome of programming: no pulse, no ramp"


@dataclass(frozen=True)
class Programmed:
    """Devices programmed to levels across the window.

    Args:
        targets: [S].
        states: By name of the level.
        written: Conductance right after, shape (levels, devices) [S].
        day: The same a day later [S].
    """

    targets: np.ndarray
    states: Mapping[str, Any]
    written: np.ndarray
    day: np.ndarray

    @property
    def sigma(self) -> np.ndarray:
        """Standard deviation of what was written about its mean, one a level [S]."""
        return np.nanstd(self.written, axis=1, ddof=1)


def programmed(bench: Bench) -> Programmed:
    """Program the batch to each level in turn."""
    _, _, low, high = bench.fresh()
    states = {f"{100 * s:.0f} %": bench.program(s, f"program {s}") for s in SHARES}
    written = np.array([bench.later(s, 0.0)[1] for s in states.values()])
    day = np.array([bench.later(s, DAY)[1] for s in states.values()])
    targets = low[0] + np.array(SHARES) * (high[0] - low[0])
    return Programmed(targets, states, written[:, bench.drawn], day[:, bench.drawn])


def programmed_kpis(bench: Bench, found: Programmed, window: float) -> list[KPI]:
    """Error of programming, and how uniform its outcome is."""
    sigma, mean = found.sigma, np.nanmean(found.written, axis=1)
    devices = found.written.shape[1]
    share = {"low": float(sigma.min() / window), "high": float(sigma.max() / window), "kind": "over levels"}
    at = {"levels": ", ".join(found.states)}
    sourced = [*origins(bench.numbers), *spread_origins(bench.numbers)]
    rms = float(np.sqrt(np.mean(sigma**2)))
    bias = mean - found.targets
    return [
        entry(bench, "programming_error", rms / window, "1",
              "sigma(G)/(G_max - G_min) right after programming, root mean square over levels", spread=share,
              n=devices, conditions=at, provenance=sourced),
        entry(bench, "programming_bias", float(bias[np.argmax(np.abs(bias))]) / window, "1",
              "(mean G - target)/(G_max - G_min), the largest over levels", n=devices, conditions=at,
              provenance=sourced),
        entry(bench, "uniformity", float(np.mean(1.0 - sigma / mean)), "1",
              "1 - sigma/mean of G right after programming, mean over levels",
              spread={"low": float(np.min(1 - sigma / mean)), "high": float(np.max(1 - sigma / mean)),
                      "kind": "over levels"}, n=devices, conditions=at, provenance=sourced),
    ]  # fmt: skip


def causes(found: Programmed, noise: ReadNoise) -> dict[str, dict[str, float]]:
    """What each cause contributes to the deviation [S], root mean square over levels, at once and after a day."""

    def rms(x: np.ndarray) -> float:
        return float(np.sqrt(np.nanmean(np.square(x))))

    change = found.day - found.written
    read = 0.0 if noise.sigma is None else rms(noise.sigma)
    at_once = {"programming": rms(found.sigma), "read noise": read}
    later = {
        "mean drift": rms(np.nanmean(change, axis=1)),
        "spread of drift": rms(np.nanstd(change, axis=1, ddof=1)),
    }
    return {"effective_bits": at_once, "effective_bits_one_day": at_once | later}
