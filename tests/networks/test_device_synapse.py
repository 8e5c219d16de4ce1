import equinox as eqx
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mho
from mho.core.errors import InputError, ParameterError
from mho.devices import Gate, Pulse
from mho.networks import DeviceSynapse, closed_train_response, efficacy_train, noisy_train, steady_response, train

PULSE = Pulse(1.0, 200e-9)


@pytest.fixture(scope="module")
def parameters():
    return mho.parameters("ecram_stp_ref")


@pytest.fixture(scope="module")
def device(parameters):
    return parameters.device()


@pytest.fixture(scope="module")
def synapse(device):
    return DeviceSynapse.of(device, PULSE, dtype=np.float64)


@pytest.fixture(scope="module")
def fleeting(device):
    """Without long-term change, as the closed forms are."""
    return DeviceSynapse.of(eqx.tree_at(lambda d: d.consolidation, device, np.zeros(())), PULSE, dtype=np.float64)


def test_first_spike_takes_the_papers_resistance(device):
    g = efficacy_train(device, [0.0], PULSE)
    assert 25e3 - 1 / g[0] == pytest.approx(1.5e3, rel=1e-4)  # exact but for release during 200 ns of 20 ms


def test_same_physics_as_the_devices_event_face(device, x64):
    times = np.cumsum(np.random.default_rng(3).exponential(4e-3, 25) + 1e-6)
    programme = jax.jit(lambda d: d.prepare(PULSE))(device)
    step = jax.jit(lambda state, idle: programme(device, device.relax(state, idle)))
    state, wanted = device.rest(), []
    for gap in np.append(200e-9, np.diff(times)):
        state = step(state, gap - 200e-9)
        wanted.append(float(device.conductance(state)))
    # the same closed form, computed in another order: rounding
    assert np.max(np.abs(efficacy_train(device, times, PULSE) / wanted - 1)) < 1e-12
    assert np.max(np.abs(efficacy_train(device, times, PULSE, dtype=np.float32) / wanted - 1)) < 2e-6


@settings(max_examples=25, deadline=None)
@given(
    gaps=st.lists(st.floats(1e-6, 1.0), min_size=8, max_size=8),
    split=st.floats(0.0, 1.0),
)
def test_laws_of_a_train(gaps, split, synapse, device):
    """Conductance stays in its room, no spike falls below the first, and a longer pause leaves less."""
    times = np.cumsum(gaps)
    found, _ = train(synapse, times)
    g = np.asarray(found) * float(device.g_rest)
    top = float(device.g_max + device.g_volatile)
    assert np.all((g > float(device.g_rest)) & (g < top))
    first = np.asarray(found)[0]
    assert np.all(np.asarray(found) >= first - 1e-12)  # nothing falls below what a spike from rest reaches
    longer = times + np.where(np.arange(8) >= 4, split, 0.0)
    assert np.asarray(train(synapse, longer)[0])[4] <= np.asarray(found)[4] + 1e-12


def test_relaxing_in_two_steps_is_relaxing_once(fleeting, x64):
    state = train(fleeting, np.arange(5) * 1e-3)[1]
    width = float(fleeting.width)
    once = fleeting.relaxed(state, 30e-3 + width)
    twice = fleeting.relaxed(fleeting.relaxed(state, 10e-3 + width), 20e-3 + width)
    assert float(fleeting.efficacy(once)) == pytest.approx(float(fleeting.efficacy(twice)), rel=1e-13)


@settings(max_examples=15, deadline=None)
@given(rate=st.floats(0.5, 1e5))
def test_closed_form_is_where_the_train_goes(rate, fleeting):
    spikes = np.asarray(train(fleeting, np.arange(300) / rate)[0])
    # rounding of 300 steps of a contraction
    assert closed_train_response(fleeting, [rate], spikes=300)[0] == pytest.approx(spikes[-1], rel=1e-12)
    assert closed_train_response(fleeting, [rate], spikes=2)[0] == pytest.approx(spikes[1], rel=1e-12)
    if rate < 100:  # 300 spikes last far longer than the slowest mode of 200 ms
        assert steady_response(fleeting, [rate])[0] == pytest.approx(spikes[-1], rel=1e-6)


def test_population_is_its_devices_one_by_one(parameters, device):
    many = mho.sample(device, *parameters.spreads(), n=3, key=jax.random.key(5))
    times = np.array([[0.0, 2e-3, 9e-3], [1e-3, 4e-3, np.nan], [0.0, np.nan, np.nan]])
    together = np.asarray(train(DeviceSynapse.of(many, PULSE, unit=1e-6, dtype=np.float64), times)[0])
    assert np.array_equal(np.isnan(together), np.isnan(times))
    for k in range(3):
        own = jax.tree.map(lambda x, k=k: x[k] if np.ndim(x) else x, many)
        there = np.isfinite(times[k])
        alone = np.asarray(train(DeviceSynapse.of(own, PULSE, unit=1e-6, dtype=np.float64), times[k])[0])
        # float64 vectorised and not: last-digit differences of exp
        assert np.allclose(together[k][there], alone[there], rtol=1e-13)


def test_noise_has_the_devices_spread(device):
    still = eqx.tree_at(lambda d: (d.sigma_read, d.consolidation), device, (np.zeros(()), np.zeros(())))
    many = jax.tree.map(lambda x: np.full(4000, float(x)), still)
    synapse = DeviceSynapse.of(many, PULSE, baseline=device.g_rest, unit=float(device.g_volatile))
    first = np.asarray(noisy_train(synapse, [0.0], key=jax.random.key(1))[0])[:, 0]
    # U(1 + 0.05 ξ) of 4000: the mean within 4 standard errors, the spread within 4/sqrt(8000)
    assert np.mean(first) == pytest.approx(1 / 12, rel=4 * 0.05 / np.sqrt(4000))
    assert np.std(first) / np.mean(first) == pytest.approx(0.05, rel=0.05)
    again = np.asarray(noisy_train(synapse, [0.0], key=jax.random.key(1))[0])[:, 0]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, np.asarray(noisy_train(synapse, [0.0], key=jax.random.key(2))[0])[:, 0])


def test_long_term_weight_lives_in_the_same_device(synapse, device):
    for weight in (0.0, 0.5, 1.0):
        level = float(device.g_min + (device.g_max - device.g_min) * weight)
        with jax.enable_x64(True):
            rest = synapse.program(weight)
            assert float(rest.efficacy(rest.rest())) * float(device.g_rest) == pytest.approx(level, rel=1e-12)
    with pytest.raises(ParameterError, match="between 0"):
        synapse.program(1.2)
    long_train = np.arange(2000) * 1e-3
    _, state = train(synapse, long_train)
    assert float(state.x) > float(device.x_0) + 1e-3  # what repeats becomes permanent
    assert float(state.pulses) == 2000


def test_temperature_and_gate_reach_the_device(device):
    cold = efficacy_train(device, [0.0, 50e-3], PULSE, temperature=290.0)
    warm = efficacy_train(device, [0.0, 50e-3], PULSE, temperature=330.0)
    assert warm[0] > cold[0]  # loading is activated
    assert warm[1] / warm[0] < cold[1] / cold[0]  # and so is release
    with jax.enable_x64(True):
        kept = eqx.tree_at(lambda d: d.open_release, device, np.asarray(0.1))
        synapses = [DeviceSynapse.of(kept, PULSE, gate=gate, dtype=np.float64) for gate in (Gate.SHORTED, Gate.OPEN)]
    shorted, opened = (np.asarray(train(s, [0.0, 50e-3])[0])[1] for s in synapses)
    assert opened > shorted


def test_reversed_polarity_depresses(device):
    reverse = eqx.tree_at(lambda d: d.polarity, device, np.asarray(-1.0))
    g = efficacy_train(reverse, np.arange(5) * 1e-3, PULSE)
    assert np.all(np.diff(g) < 0)
    assert g[0] < float(device.g_rest)


def test_gradient_by_a_device_parameter_is_the_finite_difference(fleeting, x64):
    steps = np.array([0.0, 3e-3, 5e-3, 2e-3])

    def last(tau):
        synapse = eqx.tree_at(lambda s: s.device.tau, fleeting, (tau, fleeting.device.tau[1]))
        state = synapse.rest()
        for step in steps:
            state, efficacy = synapse.spike(state, step)
        return efficacy

    value, slope = jax.jit(jax.value_and_grad(last))(20e-3)
    h = 1e-6
    assert float(slope) == pytest.approx(float(last(20e-3 + h) - last(20e-3 - h)) / (2 * h), rel=1e-6)
    assert value > 1


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0.0, 100e-9], "at least the spike's width of 200 ns"),
        ([1.0, 0.5], "in order"),
        ([0.0, np.nan, 1.0], "pad with NaN at the end"),
        ([0.0, np.inf], "infinity"),
        (np.zeros((2, 2, 2)), "shape"),
    ],
)
def test_bad_trains_are_named(synapse, times, message):
    with pytest.raises(InputError, match=message):
        train(synapse, times)


def test_touching_pulses_are_no_overlap(synapse):
    assert np.all(np.isfinite(np.asarray(train(synapse, np.arange(50) * 200e-9)[0])))
