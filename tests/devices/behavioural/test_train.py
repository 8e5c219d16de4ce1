"""Trains of pulses, the conductance map, wear and energy of pulse models."""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import mho
from mho.core.errors import ParameterError
from mho.devices import Pulse, parameters
from mho.devices.behavioural import MODELS, LinearStep, SoftBounds, pulse_train

UP = Pulse(1.0, 1e-6)
N = 20_000
STANDARD_ERRORS = 5


@functools.cache
def population():
    numbers = parameters("reram_sb")
    return mho.sample(numbers.device(), *numbers.spreads(), n=N, key=jax.random.key(3))


train = eqx.filter_jit(pulse_train)


@eqx.filter_jit
def singly(device, state, key):
    return jax.lax.fori_loop(0, 41, lambda k, s: device.pulse(s, UP, key=jax.random.fold_in(key, k)), state)


def test_a_train_has_the_statistics_of_single_pulses():
    """Mean, spread and distribution (Kolmogorov-Smirnov, 0.1 %) of hidden weight and write noise after 41 pulses."""
    device = population()
    start = jax.tree.map(lambda x: jnp.broadcast_to(x, (N,)), device.rest())
    a, b = train(device, start, UP, 41, key=jax.random.key(5)), singly(device, start, jax.random.key(6))
    for x, y in ((a.w, b.w), (a.offset, b.offset)):
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        assert abs(x.mean() - y.mean()) < STANDARD_ERRORS * np.hypot(x.std(), y.std()) / np.sqrt(N)
        assert stats.ks_2samp(x, y).pvalue > 1e-3
    np.testing.assert_array_equal(a.pulses, 41.0)


def test_without_noise_a_train_is_its_pulses():
    """One by one, for odd and even numbers; the direction is each device's own (rounding)."""
    device = LinearStep(g_min=1e-6, g_max=2e-6, dw_min=0.01, gamma_up=0.5, gamma_down=0.2)
    pulse = Pulse(np.array([1.0, -2.0, 0.5]), 1e-6)
    for n in (0, 1, 6, 7):
        state = jax.tree.map(lambda x: jnp.broadcast_to(x, (3,)), device.rest())
        found = train(device, state, pulse, n, key=jax.random.key(0))
        for k in range(n):
            state = device.pulse(state, pulse, key=jax.random.key(k))
        np.testing.assert_allclose(found.w, state.w, atol=1e-7)
        np.testing.assert_array_equal(found.pulses, n)
    with pytest.raises(ParameterError, match="at least 0 pulses"):
        pulse_train(device, state, pulse, -1, key=jax.random.key(0))


def test_other_devices_have_trains_too():
    device = parameters("ecram_li_tang").device()
    state = train(device, device.rest(), Pulse(1.0, 5e-9), 3, key=jax.random.key(0))
    assert float(state.pulses) == 3.0


def test_steps_of_a_train_are_independent():
    """No correlation between the two pulses that share a draw, nor between neighbours' devices (5 standard errors)."""
    device = SoftBounds(g_min=1e-6, g_max=2e-6, dw_min=1e-3, w_min=-1e3, w_max=1e3, sigma_cycle=1.0)
    start = jax.tree.map(lambda x: jnp.broadcast_to(x, (N,)), device.rest())
    ends = [np.asarray(train(device, start, UP, n, key=jax.random.key(8)).w, np.float64) for n in (2, 4)]
    steps = [ends[0], ends[1] - ends[0]]
    for x, y in ((steps[0], steps[1]), (steps[0][1:], steps[0][:-1])):
        assert abs(np.corrcoef(x, y)[0, 1]) < STANDARD_ERRORS / np.sqrt(N)
    # The variance of two steps is twice that of one: no correlation inside a pair.
    assert np.var(steps[0]) == pytest.approx(2e-6, rel=STANDARD_ERRORS * np.sqrt(2 / N) + 2e-3)


def test_conductance_is_linear_in_the_weight_and_stays_in_the_window():
    device = SoftBounds(g_min=1e-6, g_max=5e-6, dw_min=0.1, w_min=-1.0, w_max=1.0, reach_up=0.5, sigma_write=50.0)
    assert [float(x) for x in device.window()] == pytest.approx([1e-6, 4e-6])
    state = device.rest()
    assert float(device.conductance(state)) == pytest.approx(3e-6)
    far = eqx.tree_at(lambda s: s.offset, state, jnp.asarray(9.0))
    assert float(device.apparent(far)) == 9.0
    assert float(device.conductance(far)) == pytest.approx(4e-6)
    low = eqx.tree_at(lambda d: d.reach_down, device, np.asarray(7.0))
    assert float(low.window()[0]) == 0.0  # a passive device has no negative conductance


def test_a_pulse_of_no_width_or_amplitude_only_counts():
    device = population()
    state = train(device, device.rest(), UP, 3, key=jax.random.key(0))
    for pulse in (Pulse(1.0, 0.0), Pulse(0.0, 1e-6)):
        for after in (
            device.pulse(state, pulse, key=jax.random.key(1)),
            train(device, state, pulse, 1, key=jax.random.key(1)),
        ):
            np.testing.assert_array_equal(after.w, state.w)
            np.testing.assert_array_equal(after.offset, state.offset)
            np.testing.assert_array_equal(after.pulses, state.pulses + 1)


def test_decay_and_energy():
    device = SoftBounds(g_min=1e-6, g_max=3e-6, dw_min=0.1, w_0=0.2, decay_rate=10.0)
    state = eqx.tree_at(lambda s: s.w, device.rest(), jnp.asarray(0.7))
    assert float(device.relax(state, 0.1).w) == pytest.approx(0.2 + 0.5 * np.exp(-1.0), rel=1e-6)
    mean = 2e-6 + 0.5 * (0.7 + 0.73) * 1e-6
    assert float(device.energy(state, Pulse(2.0, 1e-6))) == pytest.approx(mean * 4.0 * 1e-6, rel=1e-5)


def test_a_window_that_is_empty_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"SoftBounds.g_max \(1 µS\) must exceed g_min \(2 µS\)"):
        SoftBounds(g_min=2e-6, g_max=1e-6, dw_min=0.1)
    with pytest.raises(ParameterError, match="as many"):
        MODELS["piecewise_step"](g_min=1e-6, g_max=2e-6, dw_min=0.1, nodes_up=(1.0, 2.0), nodes_down=(1.0,))


@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_finite_at_the_bounds_and_at_rest(model):
    """Of the conductance after two pulses, by every number, where the weight sits on a bound: none is NaN."""
    name = {
        "constant_step": "gokmen_vlasov",
        "linear_step": "ecram_tang_pulse",
        "soft_bounds": "reram_array_om",
        "exp_step": "pcm_exp_pulse",
        "power_step": "power_step_default",
        "piecewise_step": "ag_asi_jo_nodes",
        "saturating_step": "taox_hfox_wu",
    }[model]
    device = mho.core.fields.cast(parameters(name).device(bare=True), jnp.float32)

    @jax.jit
    @jax.grad
    def slope(device):
        def after(w, v):
            state = eqx.tree_at(lambda s: s.w, device.rest(), w)
            return device.conductance(device.pulse(state, Pulse(v, 1e-6), key=jax.random.key(0)))

        low, high = device.bounds()
        return jnp.sum(jax.vmap(after)(jnp.stack([low, low, high, high]), jnp.asarray([1.0, -1.0, 1.0, -1.0])))

    assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(slope(device)))
