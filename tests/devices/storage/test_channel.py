"""The channel of a storage transistor against its two textbook limits."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mho.devices.storage.channel import channel_conductance, channel_current

pytestmark = pytest.mark.usefixtures("x64")
U_T = 1.380649e-23 * 300.15 / 1.602176634e-19
LAW = {"gain": 1e-4, "slope": 1.5, "temperature": 300.15}


def current(gate, drain, source=0.0):
    return channel_current(gate, drain, source, threshold=0.5, **LAW)


def test_below_threshold_it_is_exponential_and_saturates_in_the_drain():
    """I = I0 exp((vg - vt)/(n UT)) (1 - exp(-vd/UT)); 1e-3 for ln(1 + x) in place of x = exp(-9)."""
    gate, drain = np.array([-0.3, -0.25, -0.2]), 0.05
    expected = 2 * 1.5 * 1e-4 * U_T**2 * np.exp((gate - 0.5) / (1.5 * U_T)) * (1 - np.exp(-drain / U_T))
    np.testing.assert_allclose(current(gate, drain), expected, rtol=1e-3)


def test_above_threshold_it_is_linear_in_a_small_drain_voltage():
    """I = beta (vg - vt - n vd / 2) vd; 1e-6: at 1 V the exponential remainder is exp(-25)."""
    np.testing.assert_allclose(current(2.0, 0.05), 1e-4 * (2.0 - 0.5 - 0.75 * 0.05) * 0.05, rtol=1e-6)


def test_it_is_symmetric_and_the_conductance_is_its_slope():
    assert float(current(1.0, 0.3, 0.3)) == 0.0
    np.testing.assert_allclose(current(1.0, 0.3, 0.1), -current(1.0, 0.1, 0.3), rtol=1e-12)
    for gate in (0.2, 0.6, 1.5):
        slope = jax.grad(lambda v, gate=gate: current(gate, v))(0.0)
        np.testing.assert_allclose(channel_conductance(gate - 0.5, **LAW), slope, rtol=1e-10)
