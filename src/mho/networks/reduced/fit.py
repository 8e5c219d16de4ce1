"""The numbers of the reduced equation from what a circuit did: least squares on the logarithm of its intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import least_squares

from mho.networks.reduced.equation import intervals

_SHARP = 300.0  # slopes between rest and threshold that a fit goes up to: 1 to 3 mV, which is a sharp threshold


def fitted(
    current: np.ndarray,
    interval: np.ndarray,
    silent: np.ndarray,
    stop: float,
    *,
    c: float,
    v_rest: float,
    v_reset: float,
    width: float,
) -> dict[str, float]:
    """Threshold, slope, both leaks and refractory time; each interval weighs alike, however long.

    Args:
        current: Inputs under which the circuit fired [A].
        interval: Its intervals in steady firing [s].
        silent: Inputs under which it did not fire until `stop` [A].
        stop: How long that was [s].
        c: Capacitance that the membrane's slope tells [F].
        v_rest: Membrane without input [V].
        v_reset: Membrane after a spike [V].
        width: Least width of a spike: the refractory time is not shorter [s].
    """
    swing = float(np.min(current * interval)) / c
    low, unit = min(v_rest, v_reset), float(np.min(current))
    middle = float(np.exp(np.mean(np.log(current))))
    sharp = (v_reset + 1.6 * swing - low) / _SHARP

    def numbers(x: Any) -> dict[str, float]:
        return {
            "c": c,
            "i_leak": x[2] * unit,
            "g_leak": x[3] * unit / swing,
            "v_rest": v_rest,
            "v_reset": v_reset,
            "v_threshold": v_reset + x[0] * swing,
            "v_slope": np.exp(x[1]) * sharp,
            "i_spike": middle,
            "t_ref": np.exp(x[4]) * width,
        }

    def residuals(x: Any) -> np.ndarray:
        n = numbers(x)
        fires = np.log(intervals(n, current) / interval)
        quiet = np.maximum(np.log(stop / intervals(n, silent)), 0.0) if silent.size else np.zeros(0)
        return np.concatenate([fires, quiet])

    most = np.log(max(0.9 * float(np.min(interval)) / width, 1.01))
    bounds = ([0.2, 0.0, 0.0, 0.0, 0.0], [1.6, np.log(_SHARP / 3), 1.0, 1.0, most])
    starts = [
        [0.9, np.log(slope), leak, linear, 0.3 * most]
        for slope in (3.0, 30.0)
        for leak, linear in ((0.3, 0.01), (0.01, 0.3))
    ]
    tries = [least_squares(residuals, x, bounds=bounds, xtol=1e-12, ftol=1e-12) for x in starts]
    return {name: float(x) for name, x in numbers(min(tries, key=lambda t: t.cost).x).items()}
