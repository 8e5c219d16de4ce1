"""The magnetic tunnel junction: its resistance, its chances, and the statistics of its pulses."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mho.core.fields import cast
from mho.devices import Pulse, parameters
from mho.devices.magnetic import MTJ, MTJState

pytestmark = pytest.mark.usefixtures("x64")
N = 4000  # draws


def device(**changes: float) -> MTJ:
    numbers = {k: n.value for k, n in parameters("mram_stt").numbers.items()}
    return cast(MTJ(**numbers | changes), jnp.float64)


def state(x) -> MTJState:
    x = jnp.asarray(x, jnp.float64)
    return MTJState(x, jnp.zeros_like(x), jnp.zeros_like(x))


def voltage_for(d: MTJ, share: float) -> float:
    """Voltage that drives `share` of the critical current through the antiparallel junction [V]."""
    v = np.linspace(0.0, 2.0, 20001)
    i = v / (float(d.r_parallel) * (1 + float(d.tmr) / (1 + (v / float(d.v_half)) ** 2)))
    return float(np.interp(share * float(d.i_critical), i, v))


def test_resistances_are_those_of_the_source_and_tmr_rolls_off():
    """3 and 6 kOhm at the read voltage of 0.25 V; TMR halves at v_half. Rounding only."""
    d = device()
    low, high = d.window()
    np.testing.assert_allclose([1 / high, 1 / low], [3e3, 6e3], rtol=1e-12)
    np.testing.assert_allclose(d.magnetoresistance(np.array([0.0, 0.5, -0.5, 1.0])), [1.25, 0.625, 0.625, 0.25])
    v = np.array([-0.4, -0.1, 0.1, 0.4])
    antiparallel = d.current(state(np.zeros(4)), (v, 0.0))[0]
    np.testing.assert_allclose(v / antiparallel, 3e3 * (1 + 1.25 / (1 + (v / 0.5) ** 2)), rtol=1e-12)


@pytest.mark.parametrize("share", [0.85, 0.9, 1.3])
def test_the_switching_probability_is_the_closed_form_in_the_mean_and_in_the_draws(share):
    """1 - exp(-t/tau): 1e-4 for the voltage found by interpolation and the way back, which it leaves out.

    The share of 4000 draws lies within five standard errors, at most 0.04.
    """
    d = device()
    v = voltage_for(d, share)
    tau = 1e-9 * (np.exp(60 * (1 - share)) if share < 1 else 1 / share)
    width = 0.7 * tau
    expected = -np.expm1(-width / tau)
    np.testing.assert_allclose(d.switched(state(0.0), Pulse(v, width)), expected, rtol=1e-4)
    drawn = np.asarray(d.pulse(state(np.zeros(N)), Pulse(v, width), key=jax.random.key(5)).x)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert abs(drawn.mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / N)


def test_the_rate_is_continuous_at_the_critical_current_and_its_slope_is_the_stability():
    d = device()
    i = float(d.i_critical)
    below, above = d.switching_rate(i * (1 - 1e-9)), d.switching_rate(i * (1 + 1e-9))
    np.testing.assert_allclose(below, above, rtol=1e-6)
    slope = np.log(float(d.switching_rate(0.9 * i)) / float(d.switching_rate(0.8 * i))) / 0.1
    np.testing.assert_allclose(slope, 60.0, rtol=1e-9)


def test_writing_as_the_source_does_switches_both_ways():
    """80 uA for 10 ns, 1.25 times the assumed critical current: an error of exp(-12.5) = 4e-6."""
    d, operation = device(), parameters("mram_stt").operation
    up = Pulse(operation["v_up"].value, operation["t_up"].value)
    down = Pulse(operation["v_down"].value, operation["t_down"].value)
    np.testing.assert_allclose(d.current(state(0.0), (up.amplitude, 0.0))[0], 80e-6, rtol=1e-3)
    np.testing.assert_allclose(d.current(state(1.0), (down.amplitude, 0.0))[0], -80e-6, rtol=1e-9)
    for x, pulse in ((0.0, up), (1.0, down)):
        np.testing.assert_allclose(abs(float(d.switched(state(x), pulse)) - x), 1 - np.exp(-12.5), atol=1e-7)
    after = d.pulse(d.pulse(state(0.0), up, key=jax.random.key(0)), down, key=jax.random.key(1))
    assert (float(after.x), float(after.cycles), float(after.pulses)) == (0.0, 1.0, 2.0)


@eqx.filter_jit
def slopes(device, y, v):
    state = MTJState(y[0], y[1], 0.0 * y[0])
    rate = device.rate(state, (v, 0.0))
    return jnp.stack([rate.x, rate.cycles, v * device.current(state, (v, 0.0))[0]])


@pytest.mark.parametrize(("v", "x"), [(0.34, 0.0), (-0.24, 0.7)])
def test_mean_and_energy_are_the_continuous_face_integrated(v, x):
    """1e-8: LSODA's tolerance; both faces carry the probability."""
    d, width = device(), 3e-9
    done = solve_ivp(
        lambda t, y: np.asarray(slopes(d, jnp.asarray(y), jnp.asarray(v))),
        (0, width),
        [x, 0.0, 0.0],
        method="LSODA",
        rtol=1e-11,
        atol=[1e-13, 1e-13, 1e-25],
    )
    np.testing.assert_allclose(d.switched(state(x), Pulse(v, width)), done.y[0, -1], rtol=1e-8)
    np.testing.assert_allclose(d.energy(state(x), Pulse(v, width)), done.y[2, -1], rtol=1e-8)


def test_retention_is_the_stability_and_falls_with_temperature():
    """The probability of the other state after t of tau_0 exp(Delta T0/T) / 2 is (1 - 1/e)/2; 1e-9."""
    d = device(stability=30.0)
    for temperature in (300.15, 400.0):
        time = 0.5e-9 * np.exp(30.0 * 300.15 / temperature)
        left = d.relax(state(1.0), time, temperature=temperature)
        np.testing.assert_allclose(left.x, 0.5 * (1 + np.exp(-1.0)), rtol=1e-9)
    assert float(device().relax(state(1.0), 3e8).x) > 0.999  # ten years at a stability of 60


def test_a_pulse_of_no_width_draws_nothing():
    d = device()
    x = np.array([0.0, 1.0, 0.4])
    after = d.pulse(state(x), Pulse(1.0, 0.0), key=jax.random.key(0))
    np.testing.assert_array_equal(after.x, x)
    np.testing.assert_array_equal(after.pulses, 1.0)
