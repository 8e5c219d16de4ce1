"""How a device was operated while it was measured: the pulses and readings of a fitted set's `[operation]`."""

from __future__ import annotations

from collections import Counter

import numpy as np

from mho.core.parameters import OPERATION, Number
from mho.core.quantities import engineering
from mho.fitting.measurement import PulseMeasurement
from mho.fitting.ramps import RampTable
from mho.fitting.sweep import Sweep

_NEGLIGIBLE = 1e-2  # share of a branch's own area that a loop must enclose to say in which sense the cell moved


def of_pulses(measurement: PulseMeasurement, polarity: float) -> dict[str, Number]:
    """The most frequent gate pulse of either direction, and the channel's voltage.

    Args:
        measurement: Gate pulses.
        polarity: Positive where a positive pulse raises the conductance.
    """
    pulses, found = measurement.pulses, {}
    for way, sense in (("up", polarity), ("down", -polarity)):
        kinds = Counter(
            (float(f"{v:.4g}"), float(f"{w:.3g}"))
            for v, w in zip(pulses.amplitude, pulses.width, strict=True)
            if v * sense > 0 and w > 0
        )
        if kinds:
            v, t = kinds.most_common(1)[0][0]
            where = f"the most frequent of the {sum(kinds.values())} gate pulses this way"
            found |= {f"v_{way}": _number(f"v_{way}", v, where), f"t_{way}": _number(f"t_{way}", t, where)}
    if measurement.v_read is not None:
        v = float(np.nanmedian(measurement.v_read))
        found["v_read"] = _number("v_read", v, "voltage along the channel")
    return found


def of_ramps(ramps: RampTable) -> dict[str, Number]:
    """Amplitude and width of either direction's pulses, as far as the file tells them, and a ramp's length."""
    found = {}
    for way, direction in (("up", 1), ("down", -1)):
        rows = ramps.direction == direction
        amplitude, width = (_median(x[rows]) if x.size == rows.size else np.nan for x in (ramps.amplitude, ramps.width))
        if np.isfinite(amplitude):
            # A pulse model raises its conductance by positive pulses, whatever the sign was at the bench.
            where = f"pulses of the ramps {way}, {engineering(amplitude, 'V')} at the bench"
            found[f"v_{way}"] = _number(f"v_{way}", direction * abs(amplitude), where)
        if np.isfinite(width):
            found[f"t_{way}"] = _number(f"t_{way}", width, f"pulses of the ramps {way}")
    if found:
        found["pulses"] = _number("pulses", float(max(ramps.lengths.max() - 1, 1)), "the longest ramp")
    return found


def of_sweep(sweep: Sweep) -> dict[str, Number]:
    """The largest voltage of the polarity that raises the conductance and of that which lowers it, for a point's time.

    In which sense a polarity acts is told by its loop: a current that comes back larger than it went out has risen.
    """
    steps = np.diff(sweep.t)[(np.diff(sweep.sweep) == 0) & (np.diff(sweep.t) > 0)]
    if not steps.size:
        return {}
    width = float(f"{float(np.median(steps)):.4g}")
    assumed = any("no time column" in w for w in sweep.warnings)
    why = "time of one point" + ", which the file does not tell" * assumed
    best: dict[str, tuple[float, float]] = {}
    for side in (1.0, -1.0):
        grown, whole = _loop(sweep, side)
        if abs(grown) <= _NEGLIGIBLE * whole:
            continue
        way = "up" if grown > 0 else "down"
        if way not in best or abs(grown) > best[way][0]:
            best[way] = (abs(grown), side * float(np.max(side * sweep.v)))
    found = {}
    for way, (_, v) in best.items():
        found[f"v_{way}"] = _number(f"v_{way}", v, "largest voltage of the sweep this way")
        found[f"t_{way}"] = _number(f"t_{way}", width, why, "assumed" if assumed else "stated")
    return found


def _loop(sweep: Sweep, side: float) -> tuple[float, float]:
    """Area by which the current's magnitude comes back larger than it went out, and the area under it [A·V]."""
    together = np.diff(sweep.sweep) == 0
    v, i = side * sweep.v, side * sweep.i
    inside = together & (v[1:] >= 0) & (v[:-1] >= 0) & np.isfinite(i[1:] + i[:-1])
    area = np.where(inside, 0.5 * np.nan_to_num(i[1:] + i[:-1]) * np.diff(v), 0.0)
    return -float(area.sum()), float(np.abs(area).sum())


def _median(values: np.ndarray) -> float:
    given = values[np.isfinite(values)]
    return float(np.median(given)) if given.size else float("nan")


def _number(name: str, value: float, where: str, how: str = "stated") -> Number:
    return Number(value, OPERATION[name], "measurement", where, how)


def told(operation: dict[str, Number]) -> str:
    """What a set's note says where the measurement tells no pulse that raises the conductance, or nothing."""
    if "v_up" in operation and "t_up" in operation:
        return ""
    missing = [word for name, word in (("v_up", "voltage"), ("t_up", "width")) if name not in operation]
    return (
        f"The measurement tells no {' and no '.join(missing)} of a pulse that raises the conductance: [operation] says "
        "none."
    )
