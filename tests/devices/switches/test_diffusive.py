"""The diffusive switch: threshold and hold, delay, release, facilitation, and chance."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import norm

from mho.core import ParameterError
from mho.core.fields import cast
from mho.devices import Pulse, parameters
from mho.devices.switches import DiffusiveState, DiffusiveSwitch

pytestmark = pytest.mark.usefixtures("x64")
N = 256  # every integrated call is a batch of this size, so that it is compiled once


def device(**changes: float) -> DiffusiveSwitch:
    numbers = {k: n.value for k, n in parameters("diffusive_ag").numbers.items()}
    return cast(DiffusiveSwitch(**numbers | {"sigma_cycle": 0.0} | changes), jnp.float64)


@eqx.filter_jit
def pulsed(device, state, v, width):
    return device.pulse(state, Pulse(v, width), key=jax.random.key(3))


@eqx.filter_jit
def rate(device, x, v):
    return device.rate(DiffusiveState(x, jnp.zeros_like(x)), (v, 0.0)).x


def after(d, x: float, v, width: float) -> np.ndarray:
    v = jnp.resize(jnp.asarray(v), N)
    return np.asarray(pulsed(d, DiffusiveState(jnp.full(N, x), jnp.zeros(N)), v, jnp.asarray(width)).x)


def delay(d, v: float) -> float:
    """Time until half the gap is bridged, from nothing [s]."""

    def half(t, y):
        return y[0] - 0.5

    half.terminal = True
    done = solve_ivp(
        lambda t, y: [float(rate(d, y[0], v))], (0, 1.0), [0.0], method="LSODA", events=half, rtol=1e-8, atol=1e-12
    )
    return float(done.t_events[0][0]) if len(done.t_events[0]) else np.inf


def test_the_bridge_closes_above_the_threshold_and_lasts_down_to_the_hold():
    """0.1 s is a hundred release times. 5 % either side; the seed lowers the threshold by a part of that."""
    d = device()
    off = after(d, 0.0, [0.95 * 0.3, 1.05 * 0.3, -1.05 * 0.3], 0.1)
    assert off[0] < 0.02
    assert min(off[1:3]) > 0.9
    on = after(d, 1.0, [0.95 * 0.05, 1.05 * 0.05], 0.1)
    assert on[0] < 0.02
    assert on[1] > 0.8


def test_the_delay_falls_e_fold_with_v_0():
    """Well above the threshold growth is exponential in the voltage; 2 % for the release that is left at 0.45 V."""
    d = device()
    slow, fast = delay(d, 0.45), delay(d, 0.5)
    np.testing.assert_allclose(np.log(slow / fast), 0.05 / 0.03, rtol=0.02)
    assert delay(d, 0.28) == np.inf


def test_release_is_exponential_and_thermally_activated():
    d = device()
    state = DiffusiveState(jnp.asarray(0.8), jnp.asarray(2.0))
    for temperature, factor in ((300.15, 1.0), (330.0, np.exp(0.3 / 8.617333262e-5 * (1 / 330.0 - 1 / 300.15)))):
        left = d.relax(state, 2e-3, temperature=temperature)
        np.testing.assert_allclose(left.x, 0.8 * np.exp(-2.0 / factor), rtol=1e-6)
    assert float(left.pulses) == 2.0


def test_pulses_within_the_release_time_facilitate():
    """The second of two sub-critical pulses adds to what the first left, by exp(-interval/tau)."""
    d = device()
    first = float(after(d, 0.0, 0.4, 2e-5)[0])
    assert 5e-4 < first < 0.1
    gains = []
    for interval in (0.1e-3, 1e-3, 10e-3):
        left = first * np.exp(-interval / 1e-3)
        gains.append(float(after(d, left, 0.4, 2e-5)[0]) / first)
    assert gains[0] > gains[1] > gains[2] > 1.0
    assert gains[0] > 1.3
    np.testing.assert_allclose(gains[2], 1.0, atol=1e-3)


def test_the_event_face_is_the_rate_integrated_by_another_solver():
    """1e-4 of an autocatalytic growth, which multiplies the error of its first steps: 1e-6 a step, LSODA's 1e-11."""
    d = device()
    done = solve_ivp(
        lambda t, y: [float(rate(d, y[0], 0.4))], (0, 5e-5), [0.01], method="LSODA", rtol=1e-11, atol=1e-15
    )
    assert 0.02 < done.y[0, -1] < 0.99
    np.testing.assert_allclose(after(d, 0.01, 0.4, 5e-5), done.y[0, -1], rtol=1e-4)


def test_thresholds_vary_from_pulse_to_pulse():
    """The share that closes is the normal distribution of ln(threshold); five standard errors of 256 draws: 0.156.

    The voltage scale is kept, so a drawn threshold v_th f closes where f v_e < v, v_e the noise-free threshold.
    """
    low, high = 0.25, 0.3
    for _ in range(7):
        v = 0.5 * (low + high)
        low, high = (low, v) if delay(device(), v) < 0.1 else (v, high)
    d = device(sigma_cycle=0.1)
    for v in (0.27, 0.3, 0.33):
        share = np.mean(after(d, 0.0, v, 0.1) > 0.5)
        assert abs(share - norm.cdf(np.log(v / high) / 0.1)) < 5 * 0.5 / np.sqrt(N)


def test_swapped_thresholds_are_refused():
    with pytest.raises(ParameterError, match="v_threshold"):
        device(v_hold=0.4)
