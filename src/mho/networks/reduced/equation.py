"""The reduced equation under constant and piecewise constant currents: intervals by quadrature, spikes in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from mho.networks import exponential
from mho.networks.circuit_energy import CircuitEnergy

NUMBERS: Mapping[str, str] = {
    "c": "F",
    "i_leak": "A",
    "g_leak": "S",
    "v_rest": "V",
    "v_reset": "V",
    "v_threshold": "V",
    "v_slope": "V",
    "i_spike": "A",
    "t_ref": "s",
}
"""Numbers of the equation, and their units."""

_BELOW, _ABOVE = np.polynomial.legendre.leggauss(48), np.polynomial.legendre.leggauss(96)
_SLOPES = 9.0  # below the threshold the exponential is less than 1/8000 of its value there
_LAST = 14.0  # slopes above balance at which the rest of the way to infinity takes a millionth
_NONE = 1e-9  # share of the input below which a membrane counts as standing still


def intervals(numbers: Mapping[str, Any], current: Any) -> np.ndarray:
    r"""Time between spikes at constant currents; very long where the membrane does not reach its threshold [s].

    .. math:: T = t_{ref} + \int_{V_{reset}}^{\infty} \frac{C\,dV}
        {I - I_{leak} - g_{leak}(V - V_{rest}) + I_{spike}\,e^{(V - V_{threshold})/\Delta}}

    Args:
        numbers: Of :data:`NUMBERS`.
        current: Inputs [A].
    """
    return numbers["t_ref"] + along(numbers, current, lambda v, i: np.ones(np.broadcast_shapes(v.shape, i.shape)))


def along(numbers: Mapping[str, Any], current: Any, flow: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Integral over time of `flow` (V, I) on the membrane's way from reset to its spike, at constant currents."""
    n, i = numbers, np.atleast_1d(np.asarray(current, np.float64))[:, None]
    knee = max(n["v_threshold"] - _SLOPES * n["v_slope"], n["v_reset"])
    top = n["v_threshold"] + n["v_slope"] * (np.log(np.maximum(i / n["i_spike"], 1.0)) + _LAST)

    def part(rule: Any, low: Any, high: Any) -> np.ndarray:
        v = low + 0.5 * (high - low) * (rule[0] + 1.0)
        rise = np.exp(np.minimum((v - n["v_threshold"]) / n["v_slope"], 60.0))
        net = i - n["i_leak"] - n["g_leak"] * (v - n["v_rest"]) + n["i_spike"] * rise
        return np.sum(0.5 * (high - low) * rule[1] * n["c"] * flow(v, i) / np.maximum(net, _NONE * i), axis=-1)

    return part(_BELOW, n["v_reset"], knee) + part(_ABOVE, knee, top)


def rheobase(numbers: Mapping[str, Any]) -> float:
    """Least constant current that makes the equation fire [A]."""
    n = numbers
    v = np.linspace(min(n["v_rest"], n["v_reset"]), n["v_threshold"] + 3.0 * n["v_slope"], 4001)
    rise = n["i_spike"] * np.exp((v - n["v_threshold"]) / n["v_slope"])
    return max(float(np.max(n["i_leak"] + n["g_leak"] * (v - n["v_rest"]) - rise)), 0.0)


def spikes(
    numbers: Mapping[str, Any], energy: CircuitEnergy, durations: Sequence[float], currents: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Spike times under a current that is constant in each of several stretches, from rest [s]; energy up to each [J].

    Args:
        numbers: Of :data:`NUMBERS`.
        energy: What the circuit takes.
        durations: Of the stretches [s].
        currents: In them [A].
    """
    values = {name: np.float64(x) for name, x in numbers.items()}
    floor = min(values["v_rest"], values["v_reset"])
    p = exponential.Membrane(**{k: x for k, x in values.items() if k in exponential.Membrane._fields}, floor=floor)
    swing = p.v_threshold - floor
    longest = np.inf if p.g_leak == 0 else 0.01 * p.c / p.g_leak
    found, costs, now, free, v, spent, dwell = [], [], 0.0, 0.0, p.v_rest, 0.0, 0.0
    with jax.enable_x64(True):
        for duration, current in zip(durations, currents, strict=True):
            end = now + duration
            now = max(now, min(free, end))
            while now < end:
                small = 0.03 * p.c * swing / max(abs(current), 1e-3 * p.i_spike)
                t = min(end - now, longest, small)
                i = np.float64(current)
                net = exponential.net_current(p, v, i, t)
                above = exponential.excess(p, v, net, t)
                fires = above >= 0
                after = p.v_threshold if fires else np.float64(exponential.moved(p, v, net, t, above))
                t = float(exponential.crossing(p, v, net)) if fires else t
                top = np.minimum(after, p.v_threshold)
                spent += t * float(energy.flow(0.5 * (v + top), i))
                dwell = float(energy.dwelt(np.float64(dwell), v, top, t))
                now, v = now + t, after
                if fires:
                    spent += float(energy.firing(np.float64(dwell)))
                    found.append(now)
                    costs.append(spent)
                    free, v, dwell = now + values["t_ref"], values["v_reset"], 0.0
                    now = min(free, end)
            now = end
    return np.asarray(found), np.asarray(costs)
