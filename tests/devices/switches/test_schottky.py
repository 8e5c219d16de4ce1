"""Schottky junctions against the diode equation."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mho.devices.switches import SchottkySelector

pytestmark = pytest.mark.usefixtures("x64")
U_T = 1.380649e-23 * 300.15 / 1.602176634e-19


def test_one_junction_is_the_diode_equation():
    """1e-6: reverse ideality 1e9 instead of none, and 1 mOhm in series."""
    d = SchottkySelector(i_s=1e-12, forward=1.2, reverse=1e9, r_series=1e-3)
    v = np.concatenate([np.linspace(-1.0, -0.05, 8), np.linspace(0.05, 0.6, 12)])
    np.testing.assert_allclose(d.static_current(v), 1e-12 * np.expm1(v / (1.2 * U_T)), rtol=1e-6)


def test_two_junctions_in_opposition_are_symmetric_and_pinched():
    d = SchottkySelector(i_s=1e-9, forward=9.0, reverse=9.0)
    v = np.linspace(0.1, 3.0, 30)
    np.testing.assert_allclose(d.static_current(v), -d.static_current(-v), rtol=1e-12)
    assert float(d.static_current(0.0)) == 0.0
    np.testing.assert_allclose(
        jax.grad(lambda v: d.static_current(v))(0.0), 2e-9 / (9.0 * U_T), rtol=1e-4
    )  # 1e-4: 1 kOhm in series with 116 MOhm


def test_the_series_resistance_ends_the_exponential():
    d = SchottkySelector(i_s=1e-9, forward=1.5, reverse=1e9, r_series=1e4)
    np.testing.assert_allclose(d.static_current(1.4), 1.4 / 1e4, rtol=1e-3)


def test_the_saturation_current_follows_richardson():
    """T^2 exp(-phi/kT), in reverse, where the current is the saturation current alone; 1e-6 for phi in eV."""
    barrier = 0.5 * 1.602176634e-19
    d = SchottkySelector(i_s=1e-12, forward=1.2, reverse=1e9, r_series=1e-3, barrier=barrier)
    ratio = d.static_current(-1.0, temperature=350.0) / d.static_current(-1.0)
    expected = (350.0 / 300.15) ** 2 * np.exp(0.5 / 8.617333262e-5 * (1 / 300.15 - 1 / 350.0))
    np.testing.assert_allclose(ratio, expected, rtol=1e-6)
