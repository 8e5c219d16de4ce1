"""Read noise: standard deviations against their formulas, and the telegraph signal against its Markov chain."""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.devices import parameters
from mho.devices.effects import FlickerNoise, Overlay, ShotNoise, Specimen, TelegraphNoise, ThermalNoise

N = 20_000
FOUR_SIGMA = 4.0 / np.sqrt(2 * N)  # relative error of a standard deviation of N normal numbers
BOLTZMANN, CHARGE = 1.380649e-23, 1.602176634e-19


@functools.cache
def quiet():
    """20 000 equal devices whose own read is without noise."""
    device = parameters("ecram_ysz_wox").device()
    return eqx.tree_at(lambda d: (d.sigma_read, d.g_max), device, (np.asarray(0.0), np.full(N, 1e-5)))


def currents(noise, v=0.1, age=0.0, temperature=300.15):
    device = Specimen(quiet(), Overlay(noise=noise))
    state = device.relax(device.rest(), age)
    g = np.asarray(device.conductance(state), np.float64)[0]
    return g, np.asarray(device.read(state, v, key=jax.random.key(3), temperature=temperature), np.float64)


def test_thermal_noise_is_4ktgb():
    """B = 1/(2 t_read); single precision must not lose a variance of 1e-24 A^2."""
    g, i = currents((ThermalNoise(1e-6),), temperature=350.0)
    np.testing.assert_allclose(i.std(), np.sqrt(4 * BOLTZMANN * 350.0 * g / 2e-6), rtol=FOUR_SIGMA)


def test_shot_noise_is_2qib():
    g, i = currents((ShotNoise(1e-6, fano=0.5),), v=0.2)
    np.testing.assert_allclose(i.std(), np.sqrt(2 * CHARGE * g * 0.2 * 0.5 / 2e-6), rtol=FOUR_SIGMA)


@pytest.mark.parametrize(("age", "t_0"), [(0.0, 0.0), (0.0, 20.0), (1e5, 20.0)])
def test_flicker_noise_grows_with_the_root_of_the_logarithm(age, t_0):
    """0 where the logarithm is not positive; else Q sqrt(ln((t + t_0 + t_r)/(2 t_r))), with its power of G."""
    noise = FlickerNoise(q=0.0088, t_read=250e-9, t_0=t_0, exponent=0.65, q_max=0.2, g_scale=25e-6)
    g, i = currents((noise,), age=age)
    q = 0.0088 / (g / 25e-6) ** 0.65
    growth = np.sqrt(max(np.log((age + t_0 + 250e-9) / 500e-9), 0.0))
    np.testing.assert_allclose(i.std() / i.mean(), q * growth, rtol=FOUR_SIGMA, atol=1e-6)


def test_independent_noises_add_their_variances():
    one, two = ThermalNoise(1e-6), ShotNoise(1e-6)
    each = [currents((n,))[1].std() for n in (one, two)]
    np.testing.assert_allclose(currents((one, two))[1].std(), np.hypot(*each), rtol=3 * FOUR_SIGMA)


def test_a_trap_keeps_the_mean_and_steps_by_its_amplitude():
    """Two levels, apart by the amplitude; shares and mean within four standard errors."""
    trap = TelegraphNoise(0.2, tau_capture=1e-3, tau_emission=3e-3)
    g, i = currents((trap,))
    levels, counts = np.unique(np.round(i / (g * 0.1), 5), return_counts=True)
    np.testing.assert_allclose(levels, [1 - 0.2 * 0.25, 1 + 0.2 * 0.75], atol=1e-4)
    error = 4 * np.sqrt(0.25 * 0.75 / N)
    assert abs(counts[0] / N - 0.75) < error
    assert abs(i.mean() / (g * 0.1) - 1.0) < 0.2 * error


def test_a_telegraph_trace_is_the_markov_chain():
    """Observed, relaxed, observed: the share of traps that stayed filled is that of the chain."""
    trap = TelegraphNoise(0.2, tau_capture=1e-3, tau_emission=3e-3)
    device = Specimen(quiet(), Overlay(noise=(trap,)))
    start = device.observe(device.rest(), key=jax.random.key(1))
    np.testing.assert_allclose(
        device.relax(device.relax(start, 2e-4), 3e-4).overlay.traps[0], device.relax(start, 5e-4).overlay.traps[0], 1e-5
    )
    later = device.observe(device.relax(start, 5e-4), key=jax.random.key(2))
    filled, stayed = np.asarray(start.overlay.traps[0]) == 1.0, np.asarray(later.overlay.traps[0])
    decay = np.exp(-5e-4 * (1e3 + 1e3 / 3))
    for before, expected in ((filled, 0.75 + 0.25 * decay), (~filled, 0.75 - 0.75 * decay)):
        share = stayed[before].mean()
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / before.sum())
    assert set(np.unique(stayed)) == {0.0, 1.0}


def test_gradients_are_finite_without_voltage_and_without_conductance():
    noises = (ThermalNoise(1e-6), ShotNoise(1e-6), FlickerNoise(q=0.01, t_read=1e-6, exponent=0.5))
    device = Specimen(parameters("ecram_ysz_wox").device(), Overlay(noise=noises))
    device = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), device)
    gradient = jax.grad(lambda m: m[0].read(m[0].rest(), m[1], key=jax.random.key(0)))((device, jnp.float32(0.0)))
    assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(gradient))
