"""Where a fit to a sweep begins: a model's numbers brought to the current, voltage and time that were measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mho.devices.device import ROOM
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE
from mho.fitting.sweep import Sweep
from mho.fitting.vector import Entry

_THERMAL = BOLTZMANN * ROOM / ELEMENTARY_CHARGE  # [V], kT/q
_EXPONENTS = {  # of ampere, volt and second
    "A": (1, 0, 0), "V": (0, 1, 0), "s": (0, 0, 1), "S": (1, -1, 0), "ohm": (-1, 1, 0), "Hz": (0, 0, -1),
    "C": (1, 0, 1), "F": (1, -1, 1), "W": (1, 1, 0), "V^0.5": (0, 0.5, 0), "m": (0, 0, 0), "m^2": (0, 0, 0),
    "s^0.5": (0, 0, 0.5), "A^2": (2, 0, 0), "V^2": (0, 2, 0), "V^3": (0, 3, 0), "1": (0, 0, 0),
}  # fmt: skip
_VOLTAGES = (0.03, 0.1, 0.3, 1.0, 3.0)
_TIMES = tuple(10.0 ** np.arange(-9.0, 10.0, 1.5))
_TRIALS = 640  # vectors scattered about the best of the grid
_WIDTHS = (0.5, 1.2)  # their standard deviations, in decades: half of them each
_FEWEST = 10  # points between the floor and where a series resistance bends the current
_NEAR = 0.05  # of the span of a bounded number: how far the narrower half scatters
_KEPT = 8  # of the grid, about which they are scattered


def exponents(unit: str) -> np.ndarray | None:
    """Powers of ampere, volt and second in a unit; None where it has others (joule, kelvin) that no sweep scales."""
    total = np.zeros(3)
    for place, part in enumerate(unit.split("/")):
        for factor in part.strip("() ").split("*"):
            if factor not in _EXPONENTS:
                return None
            total += (-1.0 if place else 1.0) * np.asarray(_EXPONENTS[factor])
    return total


def read_off(sweep: Sweep) -> dict[str, float]:
    """Numbers that a sweep shows without a model.

    The smallest slope dV/dI bounds the series resistance; where the forward current rises exponentially, the slope of
    its logarithm gives the ideality and the intercept the saturation current; V/I at the ends gives on and off.
    """
    use = sweep.usable & (np.abs(sweep.i) > 3.0 * sweep.floor) & (sweep.v != 0)
    v, i = sweep.v[use], sweep.i[use]
    found: dict[str, float] = {}
    r = np.abs(v / i)
    found["r_on"], found["r_off"] = float(np.quantile(r, 0.02)), float(np.quantile(r, 0.98))
    steps = np.diff(v) / np.where(np.diff(i) == 0, np.nan, np.diff(i))
    large = (np.abs(i[1:]) > 0.3 * np.max(np.abs(i))) & (steps > 0)
    if large.sum() >= 3:
        found["r_series"] = 0.8 * float(np.quantile(steps[large], 0.05))
    forward = (v > 2.0 * _THERMAL) & (np.abs(i) < 0.03 * np.max(np.abs(i))) & (i > 0)
    if forward.sum() >= 5 and np.ptp(v[forward]) > 2.0 * _THERMAL:
        slope, intercept = np.polyfit(v[forward], np.log(i[forward]), 1)
        if slope > 0:
            found["ideality"] = float(np.clip(1.0 / (slope * _THERMAL), 1.0, 20.0))
            found["i_0"] = float(np.exp(intercept))
    return found


def scaled(
    entries: tuple[Entry, ...],
    sweep: Sweep,
    device: Any,
    respond: Callable[[np.ndarray], np.ndarray],
    miss: Callable[[np.ndarray], np.ndarray],
    count: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """SI values of the most promising starts, shape (count, parameters), the best first.

    Every number whose unit is made of ampere, volt and second is multiplied by one factor for each: of time and voltage
    over a grid, of current so that the currents agree where no series resistance bends them. Many vectors scattered
    about the best of that grid are then tried, and the best of all are kept.

    Args:
        entries: The vector.
        sweep: The measurement.
        device: The device at the start.
        respond: Currents at rows of SI values.
        miss: Cost of rows of currents.
        count: How many.
        generator: Random numbers.
    """
    start = np.asarray([e.value for e in entries])
    powers = [exponents(e.unit) for e in entries]
    power = np.asarray([np.zeros(3) if p is None else p for p in powers])
    given = np.asarray([e.kind == "linear" for e in entries])
    shown = read_off(sweep)
    schottky = hasattr(device, "ideality") and "ideality" in shown
    known = {k: shown[e.name] for k, e in enumerate(entries) if e.name in shown and (schottky or e.name != "i_0")}
    pinned = schottky or hasattr(device, "r_on")  # the sweep itself says how large the currents are
    size = np.nan_to_num(np.abs(sweep.i))
    middle = sweep.usable & (size > 3.0 * sweep.floor) & (size < 0.03 * size[sweep.usable].max())
    shape = middle if middle.sum() >= _FEWEST else sweep.usable & (size > 3.0 * sweep.floor)

    def costed(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        currents = respond(rows)
        if not pinned:
            with np.errstate(all="ignore"):
                ratio = np.exp(np.median(np.log(np.abs(sweep.i[shape]) / np.abs(currents[:, shape])), axis=1))
            ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
            rows = np.where(given, rows, rows * ratio[:, None] ** power[:, 0])
            currents = respond(rows)
        cost = miss(currents)
        return rows, np.where(np.isfinite(cost), cost, np.inf)

    factors = np.asarray([(1.0, a, b) for a in _VOLTAGES for b in _TIMES])
    grid = np.where(given, start, start * np.prod(factors[:, None, :] ** power, axis=2))
    for k, value in known.items():
        grid[:, k] = value
    grid, cost = costed(grid)
    centre = grid[np.argsort(cost)[np.arange(_TRIALS) % _KEPT]]
    width = np.log(10.0) * np.repeat(_WIDTHS, _TRIALS // len(_WIDTHS))[:, None]
    low, high = np.asarray([(min(e.low, e.high), max(e.low, e.high)) for e in entries]).T
    uniform = low + (high - low) * generator.uniform(size=centre.shape)
    near = centre + _NEAR * (high - low) * generator.normal(size=centre.shape)
    uniform = np.where(width == width[0], np.clip(near, low, high), uniform)
    trials = np.where(given, uniform, centre * np.exp(width * generator.normal(size=centre.shape)))
    for k, value in known.items():
        trials[:, k] = value * np.exp(0.3 * generator.normal(size=_TRIALS))
    tried, cost_tried = costed(trials)
    given_cost = miss(respond(start[None]))
    rows = np.concatenate([start[None], grid, tried])
    costs = np.concatenate([np.where(np.isfinite(given_cost), given_cost, np.inf), cost, cost_tried])
    return rows[np.argsort(costs)[:count]]
