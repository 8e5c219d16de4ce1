"""The threshold selector: hysteresis either way, leakage, temperature."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from mho.core import ParameterError
from mho.core.fields import cast
from mho.devices import Pulse, parameters
from mho.devices.switches import ThresholdSelector, ThresholdState

pytestmark = pytest.mark.usefixtures("x64")
N = 256


def device(**changes: float) -> ThresholdSelector:
    numbers = {k: n.value for k, n in parameters("selector_ots").numbers.items()}
    return cast(ThresholdSelector(**numbers | {"sigma_cycle": 0.0} | changes), jnp.float64)


@eqx.filter_jit
def pulsed(device, x, v, width, temperature):
    state = ThresholdState(x, jnp.zeros_like(x))
    return device.pulse(state, Pulse(v, width), key=jax.random.key(0), temperature=temperature).x


def after(d, x: float, v, *, temperature: float = 300.15) -> np.ndarray:
    """State after 200 ns, a hundred switching times."""
    v = jnp.resize(jnp.asarray(v), N)
    return np.asarray(pulsed(d, jnp.full(N, x), v, jnp.asarray(2e-7), jnp.asarray(temperature)))


def test_it_switches_at_one_voltage_and_lets_go_at_another():
    """Thresholds 1.2 V and 0.6 V, smeared by the width of 10 mV: 40 mV either side."""
    d = device()
    np.testing.assert_allclose(after(d, 0.0, [1.16, -1.16, 1.24, -1.24])[:4], [0, 0, 1, 1], atol=0.06)
    np.testing.assert_allclose(after(d, 1.0, [0.56, -0.56, 0.64, -0.64])[:4], [0, 0, 1, 1], atol=0.06)


def test_heat_lowers_the_threshold():
    """2 per mille a kelvin: at 350.15 K a tenth less, 1.08 V."""
    assert np.all(after(device(), 0.0, 1.14, temperature=350.15) > 0.94)
    assert np.all(after(device(), 0.0, 1.02, temperature=350.15) < 0.02)


def test_off_it_leaks_as_a_sinh_and_on_it_is_a_resistor():
    """1e-4: r_on of 2 kOhm in series with the leakage's megohms."""
    d = device()
    v = np.linspace(-0.6, 0.6, 12)
    np.testing.assert_allclose(d.static_current(0.0, v), 1e-10 * np.sinh(v / 0.17), rtol=1e-4)
    np.testing.assert_allclose(d.static_current(1.0, v), v / 2e3, rtol=1e-12)
    assert d.static_current(1.0, 1.2) / d.static_current(0.0, 0.6) > 1e5


def test_half_of_the_pulses_at_the_drawn_threshold_switch():
    """Share of 256 within five standard errors of the normal distribution, 0.156; the smear moves it by less."""
    d = device(sigma_cycle=0.1)
    for v in (1.1, 1.25):
        assert abs(np.mean(after(d, 0.0, v) > 0.5) - norm.cdf(np.log(v / 1.2) / 0.1)) < 5 * 0.5 / np.sqrt(N)


def test_rest_stays_and_release_is_exponential():
    d = device()
    assert float(d.rate(d.rest(), (0.0, 0.0)).x) == 0.0
    state = ThresholdState(jnp.asarray(1.0), jnp.asarray(1.0))
    np.testing.assert_allclose(d.relax(state, 4e-9).x, np.exp(-2.0), rtol=1e-6)


def test_swapped_thresholds_are_refused():
    with pytest.raises(ParameterError, match="v_threshold"):
        device(v_hold=1.4)
