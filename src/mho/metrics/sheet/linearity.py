"""Shape of a ramp of pulses: nonlinearity in each definition in use, asymmetry, symmetry point."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.devices.behavioural.saturation import deviation

PER_ALPHA = 0.098995  # largest deviation from the straight line per unit of NeuroSim's nonlinearity
_BENDS = np.concatenate([-np.geomspace(300.0, 1e-3, 60), [0.0], np.geomspace(1e-3, 300.0, 60)])


def normalised(ramp: np.ndarray) -> np.ndarray:
    """A ramp as a curve from 0 to 1, whichever way it goes; NaN where it goes nowhere."""
    ramp = np.asarray(ramp, np.float64)
    travel = ramp[-1] - ramp[0]
    return (ramp - ramp[0]) / travel if travel != 0.0 else np.full_like(ramp, np.nan)


def saturating(u: np.ndarray, bend: float) -> np.ndarray:
    """(1 - e^-zu) / (1 - e^-z), the straight line for z = 0, without overflow for z < 0 either."""
    if abs(bend) < 1e-6:
        return u
    if bend < 0.0:
        return 1.0 - saturating(1.0 - u, -bend)
    return np.expm1(-bend * u) / np.expm1(-bend)


def bend_of_ramp(curve: np.ndarray) -> float:
    """Bend z of the exponential that lies nearest (least squares) to a normalised ramp; above 0 where steps shrink."""
    from scipy.optimize import minimize_scalar  # slow to load, and only a ramp needs it

    u = np.linspace(0.0, 1.0, len(curve))

    def miss(z: float) -> float:
        return float(np.sum((saturating(u, z) - curve) ** 2))

    best = int(np.argmin([miss(z) for z in _BENDS]))
    low, high = _BENDS[max(best - 1, 0)], _BENDS[min(best + 1, len(_BENDS) - 1)]
    found: Any = minimize_scalar(miss, bounds=(low, high), method="bounded", options={"xatol": 1e-9})
    return float(found.x)


def alpha(curve: np.ndarray) -> float:
    r"""NeuroSim's nonlinearity of a normalised ramp, by the closed form; above 0 where its steps shrink.

    .. math:: \alpha = \operatorname{sign}(z)\,D(|z|)/0.098995, \qquad
              D(z) = \frac{1}{1-e^{-z}} - \frac1z - \frac1z \ln\frac{z}{1-e^{-z}}
    """
    z = bend_of_ramp(curve)
    with jax.enable_x64(True):
        return float(np.sign(z) * np.asarray(deviation(jnp.asarray(abs(z), jnp.float64))) / PER_ALPHA)


def largest_deviation(curve: np.ndarray) -> float:
    """LE: largest distance of a normalised ramp from the straight line between its ends [1]."""
    return float(np.max(np.abs(curve - np.linspace(0.0, 1.0, len(curve)))))


def r_squared(curve: np.ndarray) -> float:
    """Coefficient of determination of the straight line fitted to a ramp [1]."""
    u = np.linspace(0.0, 1.0, len(curve))
    residual = curve - np.polyval(np.polyfit(u, curve, 1), u)
    total = float(np.sum((curve - curve.mean()) ** 2))
    return 1.0 - float(np.sum(residual**2)) / total if total > 0.0 else float("nan")


def asymmetry(up: np.ndarray, down: np.ndarray) -> float:
    """AS: largest distance between the ramp up and the ramp down run backwards, as a share of what both span [1]."""
    span = max(up.max(), down.max()) - min(up.min(), down.min())
    return float(np.max(np.abs(up - down[::-1])) / span) if span > 0.0 else float("nan")


def symmetry_point(up: np.ndarray, down: np.ndarray) -> float | None:
    """Conductance [S] at which a step up is as large as a step down; None where one is larger throughout."""
    low, high = max(up.min(), down.min()), min(up.max(), down.max())
    if not high > low:
        return None
    g = np.linspace(low, high, 401)
    rise = np.interp(g, up[:-1], np.diff(up))
    fall = np.interp(g, down[:-1][::-1], -np.diff(down)[::-1])
    apart = rise - fall
    crossing = np.flatnonzero((apart[:-1] > 0.0) & (apart[1:] <= 0.0))
    if crossing.size == 0:
        return None
    k = int(crossing[0])
    return float(g[k] + (g[k + 1] - g[k]) * apart[k] / (apart[k] - apart[k + 1]))
