"""The exponential selector: its law, its half-voltage leakage, its limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.devices import Pulse, parameters
from mho.devices.switches import ExponentialSelector

pytestmark = pytest.mark.usefixtures("x64")


def test_the_current_is_a_sinh_below_and_ohmic_above():
    """1e-6: a series resistance of 1 mOhm against a junction of 1 kOhm; 1e-12 for the closed form."""
    d = ExponentialSelector(i_0=1e-10, v_0=0.05, r_series=1e-3)
    v = np.linspace(-0.8, 0.8, 33)
    np.testing.assert_allclose(d.static_current(v), 1e-10 * np.sinh(v / 0.05), rtol=1e-6, atol=1e-25)
    stiff = ExponentialSelector(i_0=1e-10, v_0=0.05, r_series=1e3)
    np.testing.assert_allclose(stiff.static_current(2.0), 2.0 / 1e3, rtol=1e-6)


def test_the_half_voltage_nonlinearity_is_that_of_a_sinh():
    """I(v)/I(v/2) = 2 cosh(v / 2 v_0); 1e-6 as above."""
    d = ExponentialSelector(i_0=1e-10, v_0=0.05, r_series=1e-3)
    ratio = d.static_current(0.8) / d.static_current(0.4)
    np.testing.assert_allclose(ratio, 2 * np.cosh(0.8 / 0.1), rtol=1e-6)


def test_the_current_is_activated_and_smooth_at_no_voltage():
    d = parameters("selector_miec").device()
    factor = np.exp(0.4 / 8.617333262e-5 * (1 / 300.15 - 1 / 330.0))
    np.testing.assert_allclose(
        d.static_current(1e-3, temperature=330.0) / d.static_current(1e-3), factor, rtol=1e-3
    )  # 1e-3: the series resistance, 5 kOhm on 4 GOhm, and Boltzmann's constant in eV to ten digits
    slope = jax.grad(lambda v: d.static_current(v))(0.0)
    np.testing.assert_allclose(slope, float(d.i_0 / d.v_0), rtol=1e-4)


def test_a_pulse_only_counts_and_its_energy_is_joule_heat():
    d = parameters("selector_miec").device()
    after = d.pulse(d.rest(), Pulse(0.8, 1e-6), key=jax.random.key(0))
    assert float(after.pulses) == 1.0
    np.testing.assert_allclose(d.energy(after, Pulse(0.8, 1e-6)), 0.8 * d.static_current(0.8) * 1e-6, rtol=1e-12)
    assert float(d.relax(after, jnp.asarray(1.0)).pulses) == 1.0
