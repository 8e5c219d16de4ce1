"""Wear and faults: Weibull statistics, closing windows, shares of stuck devices."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
import pytest

from mho.core import ParameterError
from mho.devices import Pulse, parameters
from mho.devices.effects import (
    LogAging,
    Overlay,
    PowerAging,
    PowerLawDrift,
    Specimen,
    Stuck,
    WeibullEndurance,
    fated,
    faulty,
)

WINDOW = (1e-6, 1e-5)


def ecram():
    return parameters("ecram_ysz_wox").device()


def test_lifetimes_follow_the_weibull_distribution():
    """Of 4000 drawn devices, the share that fails by N is 1 - exp(-(N/N63)^beta), within four standard errors."""
    device = fated(Specimen(ecram(), Overlay(wear=(WeibullEndurance(1e6, 1.5),))), n=4000, key=jax.random.key(0))
    lifetime = np.asarray(device.overlay.wear[0].lifetime())
    for cycles in (1e5, 1e6, 2e6):
        expected = 1 - np.exp(-((cycles / 1e6) ** 1.5))
        assert abs((lifetime < cycles).mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000)
    np.testing.assert_allclose(WeibullEndurance(1e6, 1.5).lifetime(), 1e6, rtol=1e-6)


def test_a_device_dies_of_its_cycles_and_stays_dead():
    """Cycles are travelled conductance over twice the window; after the lifetime nothing moves the read."""
    device = Specimen(ecram(), Overlay(wear=(WeibullEndurance(1.2, 2.0, level=1.0),)))
    device = eqx.tree_at(lambda d: d.device.sigma_cycle, device, np.asarray(0.0))
    pulse = eqx.filter_jit(device.pulse)
    state, trace = device.rest(), []
    for k in range(6):
        state = pulse(state, Pulse(5.0 if k % 2 else -5.0, 15.0), key=jax.random.key(k))
        trace.append((float(state.cycles), float(device.conductance(state))))
    cycles, g = np.array(trace).T
    np.testing.assert_allclose(cycles, 0.25 + 0.5 * np.arange(6), atol=1e-3)
    np.testing.assert_allclose(g[cycles > 1.2], 1e-5, rtol=1e-6)
    assert np.ptp(g[cycles < 1.2]) > 8e-6
    assert float(state.pulses) == 6


def test_a_window_closes_by_a_power_of_the_cycles():
    """Two decades beyond the threshold at half a decade per decade; nothing before it; ends never cross."""
    aging = PowerAging(threshold=1e4, slope_high=0.25, slope_low=0.2, slope_temperature=1e-3)
    worn = [float(aging.worn(g, WINDOW, 1e6, 300.15)) for g in WINDOW]
    np.testing.assert_allclose(worn, [1e-6 * 100**0.2, 1e-5 * 100**-0.25], rtol=1e-5)
    assert float(aging.worn(5e-6, WINDOW, 1e3, 300.15)) == pytest.approx(5e-6, rel=1e-6)
    hot = float(aging.worn(1e-5, WINDOW, 1e5, 350.15))
    np.testing.assert_allclose(hot, 1e-5 * 10**-0.30, rtol=1e-5)
    low, high = (float(aging.worn(g, WINDOW, 1e12, 300.15)) for g in WINDOW)
    assert low == pytest.approx(high, rel=1e-6)


def test_a_window_closes_by_the_logarithm_of_the_cycles():
    aging = LogAging(threshold=1e3, per_decade=0.1, from_high=0.75)
    worn = [float(aging.worn(g, WINDOW, 999e3, 300.15)) for g in WINDOW]
    np.testing.assert_allclose(worn, [1e-6 + 0.25 * 0.3 * 9e-6, 1e-5 - 0.75 * 0.3 * 9e-6], rtol=1e-5)


def test_a_population_has_its_share_of_stuck_devices():
    """Low and high shares of 4000 devices within four standard errors; pulses move only the others."""
    device = faulty(ecram(), 0.1, 0.05, n=4000, key=jax.random.key(5))
    state = device.pulse(device.rest(), Pulse(5.0, 0.3), key=jax.random.key(6))
    before, after = np.asarray(device.conductance(device.rest())), np.asarray(device.conductance(state))
    low, high = WINDOW
    for level, share in ((low, 0.1), (high, 0.05)):
        stuck = np.isclose(before, level, rtol=1e-5)
        assert abs(stuck.mean() - share) < 4 * np.sqrt(share * (1 - share) / 4000)
        np.testing.assert_array_equal(before[stuck], after[stuck])
    works = ~np.isclose(before, low, rtol=1e-5) & ~np.isclose(before, high, rtol=1e-5)
    assert np.all(after[works] != before[works])


def test_faults_keep_the_other_effects_and_take_shares_from_the_set():
    drift = PowerLawDrift(nu=0.05)
    whole = Specimen(ecram(), Overlay(drift=drift, fault=Stuck(share_low=1.0, level_low=0.5)))
    assert float(whole.conductance(whole.rest())) == pytest.approx(5.5e-6, rel=1e-5)  # x_0 = 0.5: it works
    device = faulty(whole, n=3, key=jax.random.key(0))
    assert isinstance(device.overlay.drift, PowerLawDrift)
    state = device.pulse(device.rest(), Pulse(5.0, 0.3), key=jax.random.key(6))
    np.testing.assert_allclose(device.conductance(state), np.full(3, 5.5e-6), rtol=1e-5)


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match="more than 1 together"):
        Stuck(share_low=0.6, share_high=0.6)
    with pytest.raises(ParameterError, match="no Weibull endurance"):
        fated(Specimen(ecram()), n=3, key=jax.random.key(0))
    with pytest.raises(ParameterError, match="n is 3"):
        faulty(faulty(ecram(), 0.1, 0.1, n=4, key=jax.random.key(0)), n=3, key=jax.random.key(0))
