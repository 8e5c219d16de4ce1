"""The phase-change cell: accumulation, melting, splitting of pulses, energy, noise, and its packaged set."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core import ParameterError
from mho.devices import Pulse, parameters
from mho.devices.effects import FlickerNoise, PowerLawDrift, Specimen
from mho.devices.phase_change import PCM

KEY = jax.random.key(0)


def cell() -> PCM:
    """The packaged cell without noise."""
    device = parameters("pcm_nandakumar_sets").device(bare=True)
    return eqx.tree_at(lambda d: (d.sigma_cycle, d.sigma_reset), device, (np.asarray(0.0), np.asarray(0.0)))


@eqx.filter_jit
def pulsed(device, state, v, width):
    return device.pulse(state, Pulse(v, width), key=KEY)


def train(device, v, width, n):
    state, trace = device.rest(), []
    for _ in range(n):
        state = pulsed(device, state, jnp.asarray(v), jnp.asarray(width))
        trace.append(float(state.x))
    return state, np.array(trace)


def test_reference_pulses_add_up_by_the_published_step(x64):
    """Of the exponential step on [0, 2] (dw 0.01, A 27.235, gamma 2.5, a -1): 1e-12 of the same sum, up to the end."""
    _, trace = train(cell(), 1.0, 150e-9, 20)
    w, expected = 0.0, []
    for _ in range(20):
        w = min(w + 0.01 * (1 + 27.235 * np.exp(2.5 * (2 * -1 * w / 2))), 2.0)
        expected.append(w / 2)
    np.testing.assert_allclose(trace, expected, rtol=1e-12)
    assert np.all(np.diff(np.diff(trace)) < 0)  # it saturates: every step is smaller than the one before


def test_long_pulses_follow_the_growth_law(x64):
    """After the first reference width: dx/dn = step (1 + boost exp(-decay x)), against small steps (1e-5)."""
    device = cell()
    long = float(pulsed(device, device.rest(), jnp.asarray(1.0), jnp.asarray(10 * 150e-9)).x)
    x = 0.005 * (1 + 27.235)
    for _ in range(90_000):
        x += 1e-4 * 0.005 * (1 + 27.235 * np.exp(-5 * x))
    np.testing.assert_allclose(long, x, rtol=1e-5)


def test_a_weak_pulse_and_none_change_nothing_but_the_count(x64):
    device = cell()
    state, _ = train(device, 1.0, 150e-9, 3)
    for v, width in ((0.5, 1e-6), (1.0, 0.0), (2.0, 0.0)):
        after = pulsed(device, state, jnp.asarray(v), jnp.asarray(width))
        assert float(after.x) == float(state.x)
        assert float(after.pulses) == float(state.pulses) + 1


def test_reset_melts_what_its_amplitude_reaches_whatever_its_sign(x64):
    """A full RESET of many melting times leaves nothing; half the way leaves half, never more than there was."""
    device = cell()
    full, _ = train(device, 1.0, 150e-9, 200)
    assert float(full.x) == 1.0
    for sign in (1.0, -1.0):
        assert float(pulsed(device, full, jnp.asarray(2.0 * sign), jnp.asarray(1e-6)).x) == pytest.approx(0, abs=1e-12)
    half = pulsed(device, full, jnp.asarray(1.6), jnp.asarray(1e-6))
    assert float(half.x) == pytest.approx(0.5, rel=1e-9)
    assert float(pulsed(device, half, jnp.asarray(1.4), jnp.asarray(1e-6)).x) == float(half.x)


def test_energy_is_that_of_the_heated_cell(x64):
    """1 V, 150 uA, 150 ns: 22.5 pJ; 2 V, 300 uA, 40 ns: 24 pJ; a read by its conductance."""
    device = cell()
    state = device.rest()
    for v, width, expected in ((1.0, 150e-9, 22.5e-12), (2.0, 40e-9, 24e-12), (0.1, 1e-6, 0.01 * 1e-7 * 1e-6)):
        assert float(device.energy(state, Pulse(v, width))) == pytest.approx(expected, rel=1e-12)


def test_cycle_to_cycle_noise_has_its_three_causes():
    """Standard deviation over 20 000 cells of one SET from x = 0.4, within four standard errors."""
    device = parameters("pcm_nandakumar_sets").device(bare=True)
    n = 20_000
    device = eqx.tree_at(lambda d: d.g_max, device, np.full(n, 25e-6))
    state = eqx.tree_at(lambda s: s.x, device.rest(), jnp.full(n, 0.4))
    x = np.asarray(device.pulse(state, Pulse(1.0, 150e-9), key=KEY).x)
    step = 0.005 * (1 + 27.235 * np.exp(-5 * 0.4))
    sigma = 0.6 * (0.021 + step + 0.108 * 0.4)
    assert abs(x.mean() - 0.4 - step) < 4 * sigma / np.sqrt(n)
    np.testing.assert_allclose(x.std(), sigma, rtol=4 / np.sqrt(2 * n))


def test_the_packaged_set_drifts_by_its_state_and_is_noisy():
    """RESET cells drift with 0.1 on average, SET ones with 0.049; the noise is that of the programmed state."""
    numbers = parameters("pcm_nandakumar_sets")
    device = mho.sample(numbers.device(), *numbers.spreads(), n=4000, key=jax.random.key(1))
    assert isinstance(device, Specimen)
    assert isinstance(device.overlay.drift, PowerLawDrift)
    assert isinstance(device.overlay.noise[0], FlickerNoise)
    quiet = (np.asarray(0.0), np.asarray(0.0), np.asarray(0.0))
    device = eqx.tree_at(lambda d: (d.overlay.restart, d.bare.sigma_cycle, d.bare.sigma_reset), device, quiet)
    life = eqx.filter_jit(lambda v, k: device.pulse(device.rest(), Pulse(v, 150e-6), key=k))
    for v, mean, sigma in ((1.0, 0.049, 0.008), (2.0, 0.1, 0.045)):
        state = life(jnp.asarray(v), jax.random.key(2))
        g, later = device.conductance(state), device.conductance(device.relax(state, 1e6))
        nu = -np.log(np.asarray(later) / np.asarray(g)) / np.log((1e6 + 20) / 20)
        assert abs(nu.mean() - mean) < 0.01 * mean + 4 * sigma / np.sqrt(4000), v


def test_gradients_are_finite():
    device = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), cell())

    def g(moving):
        device, v, width = moving
        return device.conductance(device.pulse(device.rest(), Pulse(v, width), key=KEY)) * 1e6

    for v, width in ((1.0, 0.0), (1.0, 1e-6), (2.0, 0.0), (1.2, 1e-7)):
        gradient = jax.grad(g)((device, jnp.float32(v), jnp.float32(width)))
        assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(gradient))


def test_amplitudes_in_the_wrong_order_are_refused():
    numbers = {k: n.value for k, n in parameters("pcm_nandakumar_sets").numbers.items()}
    with pytest.raises(ParameterError, match=r"v_reset .1 V. must exceed v_melt"):
        PCM(**(numbers | {"v_reset": 1.0}))
