import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mho
from mho.core.errors import InputError
from mho.devices import Pulse
from mho.networks import (
    Task,
    bank_centres,
    efficacy_train,
    filter_bank,
    fit_readout,
    measured_peak,
    poisson_trains,
    poisson_window,
    pulse_width,
    regular_train,
    steady_response,
    utilisation,
)


@pytest.fixture(scope="module")
def device():
    return mho.parameters("ecram_stp_ref").device()


def test_members_pass_the_rates_they_were_made_for(device):
    centres = np.array([50.0, 200.0, 800.0])
    rates = np.geomspace(5.0, 5e3, 128)
    response = steady_response(filter_bank(device, centres), rates)
    peak, top = measured_peak(rates, response)
    # the design is 1/sqrt(U tau_f tau_rec), whose intervals are short against the times at high centres only
    assert np.allclose(peak / centres, 1.0, atol=[0.25, 0.06, 0.02])
    assert np.all(top > 1.05 * response[:, 0])
    assert np.all(top > 2.0 * response[:, -1])
    own = np.argmax([np.interp(centres, rates, r) for r in response / top[:, None]], axis=0)
    assert np.array_equal(own, [0, 1, 2])  # each centre is passed best by its own member


@settings(max_examples=20, deadline=None)
@given(share=st.floats(1e-3, 0.9), amplitude=st.floats(0.5, 1.5))
def test_width_and_utilisation_undo_each_other(device, share, amplitude):
    width = pulse_width(device, share, amplitude=amplitude)
    assert utilisation(device, Pulse(amplitude, width)) == pytest.approx(share, rel=1e-9)


def test_utilisation_is_what_the_device_loads(device):
    pulse = Pulse(1.1, 100e-9)
    loaded = (efficacy_train(device, [0.0], pulse)[0] - float(device.g_rest)) / float(device.g_volatile)
    # release during 100 ns of 20 ms is left out of the formula
    assert utilisation(device, pulse) == pytest.approx(loaded, rel=1e-4)


def test_a_centre_too_low_for_the_device_is_named(device):
    with pytest.raises(InputError, match=r"centre is 2 Hz.*makes a band-pass above"):
        filter_bank(device, [2.0, 100.0])


def test_centres_suit_the_device():
    slow, fast = (mho.parameters(name).device() for name in ("ecram_stp_ref", "ecram_stp_fast"))
    assert np.array_equal(bank_centres(slow), [50.0, 100.0, 200.0, 400.0, 800.0])
    filter_bank(fast, bank_centres(fast, 2))  # none too low
    task = Task.suited_to(fast, members=3)
    assert task.rates[0] > 500
    assert task.window == pytest.approx(10 / task.rates[0])


def test_readout_learns_what_is_linear_and_nothing_else():
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], 60)
    apart = rng.normal(size=(180, 2)) + 8.0 * np.array([[0, 0], [1, 0], [0, 1]])[classes]
    readout = fit_readout(apart, classes, count=3)
    assert np.mean(readout(apart) == classes) > 0.99
    assert readout.parameters == 9
    noise = rng.normal(size=(180, 2))
    fresh = rng.normal(size=(1800, 2))
    guess = fit_readout(noise, classes, count=3)(fresh)
    # chance is 1/3; five standard errors of 1800 guesses
    assert abs(np.mean(guess == np.repeat([0, 1, 2], 600)) - 1 / 3) < 5 * np.sqrt(2 / 9 / 1800)
    constant = np.concatenate([apart, np.ones((180, 1))], axis=1)  # a feature that never varies does no harm
    assert np.mean(fit_readout(constant, classes, count=3)(constant) == classes) > 0.99


def test_readout_is_at_the_minimum_of_its_loss():
    rng = np.random.default_rng(1)
    x, classes = rng.normal(size=(50, 2)), rng.integers(0, 3, 50)
    readout = fit_readout(x, classes, count=3, penalty=1e-2)

    def loss(weights):
        scores = (x - readout.mean) / readout.scale @ weights + readout.bias
        scores -= np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
        return -np.mean(scores[np.arange(50), classes]) + 1e-2 * np.sum(weights**2)

    best = loss(readout.weights)
    for _ in range(20):
        assert loss(readout.weights + 1e-3 * rng.normal(size=readout.weights.shape)) > best


def test_trains_have_the_rates_asked_for():
    assert np.allclose(np.diff(regular_train(50.0, 4, start=1.0)), 0.02)
    rates = np.repeat([20.0, 2000.0], 200)
    times = poisson_trains(rates, 50, key=jax.random.key(0), dead_time=1e-4)
    gaps = np.diff(times, axis=1)
    assert np.min(gaps) >= 1e-4
    mean = np.mean(gaps.reshape(2, -1), axis=1)
    # 9800 exponential gaps: four standard errors
    assert np.allclose(mean * [20.0, 2000.0], 1.0, atol=4 / np.sqrt(9800))
    window = poisson_window([30.0] * 500, 0.5, key=jax.random.key(1))
    count = np.sum(np.isfinite(window), axis=1)
    assert np.nanmax(window) < 0.5
    assert np.mean(count) == pytest.approx(15.0, abs=4 * np.sqrt(15 / 500))
    assert np.var(count) == pytest.approx(15.0, rel=4 * np.sqrt(2 / 500))  # Poisson: variance is the mean
    assert np.array_equal(window, poisson_window([30.0] * 500, 0.5, key=jax.random.key(1)), equal_nan=True)


def test_bad_rates_of_trains_are_named():
    with pytest.raises(InputError, match="above 0"):
        regular_train(0.0, 3)
    with pytest.raises(InputError, match="stay below 1 kHz"):
        poisson_trains([2e3], 5, key=jax.random.key(0), dead_time=1e-3)
