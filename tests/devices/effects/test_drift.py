"""Drift and retention: closed forms, splitting of durations, temperature, restart by a write."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core import ParameterError
from mho.devices import Pulse, parameters
from mho.devices.effects import LogTimeDrift, Overlay, PowerLawDrift, Retention, Specimen, laid_over

ELECTRONVOLT = 1.602176634e-19
BOLTZMANN = 1.380649e-23


@eqx.filter_jit
def relaxed(device, state, duration, temperature):
    return device.relax(state, duration, temperature=temperature)


def ecram():
    return parameters("ecram_ysz_wox").device()


DRIFTS = [
    PowerLawDrift(nu=0.06, sigma_nu=0.01, t_0=20.0, energy=0.2 * ELECTRONVOLT),
    PowerLawDrift(
        nu=0.0244, slope=-0.0155, nu_low=0.049, nu_high=0.1, t_0=20.0, g_scale=25e-6, sigma_nu=0.01, sigma_high=0.045
    ),
    LogTimeDrift(rate=-0.01, sigma=0.002, t_0=1.0),
]


@pytest.mark.parametrize("drift", DRIFTS)
def test_durations_compose(drift, x64):
    """One hour and another are two hours (rounding of doubles), at any temperature, with retention below it."""
    device = Specimen(ecram(), Overlay(drift=drift, retention=Retention(1e-11, 1.0 * ELECTRONVOLT, 0.6)))
    state = device.pulse(device.rest(), Pulse(5.0, 0.5), key=jax.random.key(1))
    one = relaxed(device, relaxed(device, state, 3600.0, 330.0), 3600.0, 330.0)
    two = relaxed(device, state, 7200.0, 330.0)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert float(device.conductance(two)) != float(device.conductance(state))


def test_a_power_law_is_a_straight_line_in_logarithms(x64):
    """The slope of log conductance over log(t + t_0) is the exponent drawn (rounding)."""
    drift = PowerLawDrift(nu=0.06, sigma_nu=0.02, t_0=20.0)
    t = np.logspace(0, 7, 8)
    line = np.log(drift.factor(1e-5, t, 0.5))
    np.testing.assert_allclose(line, -0.07 * np.log((t + 20) / 20), rtol=1e-12)
    assert float(drift.factor(1e-5, 0.0, 0.5)) == 1.0


def test_the_exponent_depends_on_the_state_within_its_clip(x64):
    """Joshi's forms at three conductances of 25 uS: clipped above, inside, clipped below (values by hand)."""
    drift = DRIFTS[1]
    bottom, middle, top = (float(drift.exponent(g, 0.0)) for g in (0.1e-6, 2.5e-6, 20e-6))
    assert (bottom, top) == (0.1, 0.049)
    np.testing.assert_allclose(middle, -0.0155 * np.log(0.1) + 0.0244, rtol=1e-12)


def test_retention_is_arrhenius(x64):
    """At tau = t_0 exp(E/kT) a share 1/e of the written state is left, at two temperatures (rounding)."""
    retention = Retention(1e-10, 1.0 * ELECTRONVOLT)
    device = Specimen(ecram(), Overlay(retention=retention))
    device = eqx.tree_at(lambda d: d.device.tau_retention, device, np.asarray(1e30))
    state = device.pulse(device.rest(), Pulse(5.0, 1.5), key=jax.random.key(1))
    rest = float(device.conductance(device.rest()))
    for temperature in (300.0, 400.0):
        tau = 1e-10 * np.exp(ELECTRONVOLT / (BOLTZMANN * temperature))
        after = relaxed(device, state, tau, temperature)
        left = (float(device.conductance(after)) - rest) / (float(device.conductance(state)) - rest)
        np.testing.assert_allclose(left, np.exp(-1.0), rtol=1e-9)
        assert float(after.pulses) == 1.0


def test_heat_speeds_the_drift_by_its_activation_energy(x64):
    drift = PowerLawDrift(nu=0.06, t_0=20.0, energy=0.5 * ELECTRONVOLT)
    device = Specimen(ecram(), Overlay(drift=drift))
    hot = relaxed(device, device.rest(), 100.0, 400.0)
    speed = np.exp(0.5 * ELECTRONVOLT / BOLTZMANN * (1 / 300.15 - 1 / 400.0))
    np.testing.assert_allclose(float(hot.overlay.drift_age), 100.0 * speed, rtol=1e-12)
    assert float(hot.age) == 100.0


def test_a_write_starts_the_drift_anew_and_a_weak_pulse_does_not(x64):
    device = Specimen(ecram(), Overlay(drift=PowerLawDrift(nu=0.05, sigma_nu=0.01)))
    old = relaxed(device, device.rest(), 1e4, 300.15)
    for width in (0.0, 1e-9):
        same = device.pulse(old, Pulse(5.0, width), key=jax.random.key(0))
        assert (float(same.age), float(same.overlay.draw)) == (1e4, float(old.overlay.draw))
    fresh = device.pulse(old, Pulse(5.0, 0.15), key=jax.random.key(0))
    assert float(fresh.age) == 0.0
    assert float(fresh.overlay.draw) != float(old.overlay.draw)
    assert float(device.conductance(fresh)) > float(device.conductance(old))


def test_exponents_spread_over_a_population_as_asked(x64):
    """Mean and standard deviation of 4000 drawn exponents within four standard errors."""
    device = Specimen(
        eqx.tree_at(lambda d: d.g_max, ecram(), np.full(4000, 1e-5)),
        Overlay(drift=PowerLawDrift(nu=0.06, sigma_nu=0.01)),
    )
    state = device.pulse(device.rest(), Pulse(5.0, 0.15), key=jax.random.key(7))
    nu = np.asarray(device.overlay.drift.exponent(1e-5, state.overlay.draw))
    assert abs(nu.mean() - 0.06) < 4 * 0.01 / np.sqrt(4000)
    assert abs(nu.std() - 0.01) < 4 * 0.01 / np.sqrt(8000)


def test_gradients_are_finite_at_the_edges():
    """At age 0, conductance 0 and duration 0, by every parameter."""

    def shown(moving):
        device, g, duration = moving
        state = device.relax(device.rest(), duration)
        return device.overlay.shown(state.overlay, g, device.window(), 300.15)

    for drift in DRIFTS:
        device = Specimen(ecram(), Overlay(drift=drift, retention=Retention(1e-10, 1.6e-19, 0.5)))
        device = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), device)
        gradient = jax.grad(shown)((device, jnp.float32(0.0), jnp.float32(0.0)))
        assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(gradient))


def test_two_drifts_are_refused():
    drift = PowerLawDrift(nu=0.05)
    with pytest.raises(ParameterError, match="a and b are both a drift"):
        laid_over(ecram(), {"a": drift, "b": drift})
