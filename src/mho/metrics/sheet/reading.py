"""What a read tells: its noise, and how far the current is from ohmic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI
from mho.metrics.sheet.bench import Bench, Drive
from mho.metrics.sheet.entry import entry, missing

_QUIET = 1e-12
_POINTS = 24  # of each quarter of a loop
_STRETCH = (1, 4, 16, 64, 256)  # times a ramp's pulses that a quarter of a loop lasts
_ENOUGH = 0.5  # of the ramp's reach: a loop that moves the conductance so far has switched the device


@dataclass(frozen=True)
class ReadNoise:
    """Standard deviation of a read conductance [S] at each level [S]; `sigma` is None where reads do not vary."""

    g: np.ndarray
    sigma: np.ndarray | None

    def at(self, g: float) -> float:
        """At the level nearest to `g` [S]."""
        return 0.0 if self.sigma is None else float(self.sigma[int(np.argmin(np.abs(self.g - g)))])


def read_noise(bench: Bench, states: Mapping[str, Any], devices: slice) -> ReadNoise:
    """Read every level many times; the mean of each device's own deviation."""
    g, sigma = [], []
    for name, state in states.items():
        reads = bench.reads(state, f"read {name}")[:, devices]
        g.append(float(np.nanmean(reads)))
        sigma.append(float(np.sqrt(np.nanmean(np.nanvar(reads, axis=0, ddof=1)))))
    quiet = max(sigma) <= _QUIET * max(np.max(np.abs(g)), 1e-30)
    return ReadNoise(np.array(g), None if quiet else np.array(sigma))


def read_noise_kpi(bench: Bench, noise: ReadNoise) -> KPI:
    """KPI device.read_noise, relative to the conductance at the middle level."""
    definition = "sigma(I)/I of one read, independent reads"
    if noise.sigma is None:
        return missing(bench, "read_noise", "1", definition, "the set gives no read noise")
    relative = noise.sigma / np.abs(noise.g)
    k = len(relative) // 2
    return entry(bench, "read_noise", float(relative[k]), "1", definition, n=48,
                 spread={"low": float(relative.min()), "high": float(relative.max()), "kind": "over levels"},
                 conditions={"level": engineering(noise.g[k], "S", 3)})  # fmt: skip


def nonlinearity_kpi(bench: Bench, state: Any) -> KPI:
    """KPI device.iv_nonlinearity: I(v)/I(v/2) at the read voltage and at the write voltage, 2 for a resistor."""
    definition = "I(v)/I(v/2) with the state held, at the read voltage and at the size of the pulse up; 2 is ohmic"
    if len(bench.bare.terminals) == 2 and getattr(bench.bare, "internal", ()):
        return missing(bench, "iv_nonlinearity", "1", definition, "the current passes an internal node: ask a circuit")
    size = None if bench.up is None or len(bench.bare.terminals) > 2 else bench.up.amplitude
    values = []
    for v in (bench.v_read, size):
        whole = None if v is None else bench.current(state, v)
        half = None if v is None else bench.current(state, 0.5 * v)
        if v is not None and (whole is None or half is None):
            return missing(bench, "iv_nonlinearity", "1", definition, "the model has no current-voltage law, only G")
        values.append(None if whole is None or half is None or half[0] == 0 else float(whole[0] / half[0]))
    return entry(bench, "iv_nonlinearity", values, "1", definition)


@dataclass(frozen=True)
class Loop:
    """A current-voltage loop of the nominal device: voltage [V], current [A], time of a quarter [s].

    `whole` tells whether the loop switches the device about as far as a ramp of its pulses does.
    """

    v: np.ndarray
    i: np.ndarray
    quarter: float
    whole: bool = True


def loop(bench: Bench, reach: float = 0.0) -> Loop | None:
    """A slow sweep 0, +v, 0, -v, 0, the second time round; None for a device not to be swept so.

    Each quarter lasts as long as a ramp's pulses, or 4, 16, 64, 256 times that, until the device is switched by half of
    what a ramp does: a sweep is at its full voltage for a few of its points only. As long as a ramp, where none does.

    Args:
        bench: The bench.
        reach: Width of what a ramp of pulses reaches [S], 0 where it goes nowhere.
    """
    if bench.up is None or not hasattr(bench.bare, "current") or len(bench.bare.terminals) > 2:
        return None
    if bench.bare.internal:
        return None
    found = []
    for stretch in _STRETCH:
        one, moved = _swept(bench, bench.up.width * bench.pulses * stretch)
        if not moved < _ENOUGH * reach:
            return one
        found.append(one)
    return replace(found[0], whole=False)


def _swept(bench: Bench, time: float) -> tuple[Loop, float]:
    """The loop whose quarters last so long [s], and how far it moved the read conductance [S]."""
    assert bench.up is not None
    down = bench.down.amplitude if bench.down is not None else -bench.up.amplitude
    quarter = np.linspace(0.0, 1.0, _POINTS + 1)
    there, back = quarter[1:], quarter[::-1][1:]
    v = np.concatenate([bench.up.amplitude * x for x in (there, back)] + [down * x for x in (there, back)])
    state, _, _, _ = bench.fresh()
    if bench.down is not None:
        state = bench.train(state, bench.down, 8, "loop").state
    i, g = [], []
    for turn in range(2):  # the second time round is drawn
        i, g = [], []
        for x in v:
            train = bench.train(state, Drive(float(x), time / _POINTS, 0.0), 1, f"loop {turn}")
            state = train.state
            current = bench.current(state, float(x))
            i.append(np.nan if current is None else float(current[0]))
            g.append(float(train.after[-1, 0]))
    return Loop(np.append(0.0, v), np.append(0.0, i), time), float(np.ptp(g))
