"""A neuron circuit and its reduced form: rates, pulse trains and energy, in both engines and in a trainable layer."""

from __future__ import annotations

import shutil
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mho.circuits.neurons import AxonHillock
from mho.core.errors import InputError, ParameterError
from mho.core.results import Status
from mho.networks import CircuitEnergy, spiking
from mho.networks import populations as pop
from mho.networks.reduced import ReducedNeuron, extraction, reduce, reduce_over
from mho.networks.reduced.equation import intervals, spikes

CURRENTS = np.geomspace(2e-9, 150e-9, 8)
BETWEEN = np.array([8e-9, 30e-9, 100e-9])  # none of them fitted
STOP = 1.2e-3
DT = 50e-9


@pytest.fixture(scope="module")
def model():
    return reduce(AxonHillock(), CURRENTS, stop=STOP, spikes=6)


@pytest.fixture(scope="module")
def between():
    """The circuit itself at currents between those of the fit, by the same program."""
    return extraction._observed(AxonHillock(), BETWEEN, STOP, 6)


def biased(model, current, synapse=0.0, times=(), duration=50e-6, **options):
    """Three neurons under constant currents, and spikes of one source with `synapse` coulombs each."""
    tau = 100e-9
    neuron = model.neuron(tau, i_bias=np.broadcast_to(current, (3,)).copy())
    parts = [pop.Projection("in", "cells", pop.all_to_all(1, 3), synapse / tau, DT)]
    network = pop.SpikingNetwork([pop.Population("cells", 3, neuron)], parts, DT, [pop.SpikeSource("in", 1)])
    options = {"dtype": np.float64, "engine": "jax"} | options
    return pop.simulate(network, duration, spikes={"in": np.asarray([times])}, **options)


def of_first(result):
    """Spikes of the first neuron [s]."""
    return result.spikes["cells"].times[result.spikes["cells"].ids == 0]


def test_the_equation_fits_the_circuit(model):
    assert model.fits
    assert model.departure < 0.01
    assert model.failures == {}
    # What the feedback takes off the membrane, C_fb VDD and what the transistors add, is known beforehand: 0.42 pC.
    n = model.numbers
    assert n["c"] * (n["v_threshold"] - n["v_reset"]) == pytest.approx(0.42e-12, rel=0.05)
    assert n["c"] == pytest.approx(0.85e-12, rel=0.03)  # membrane and feedback capacitor


def test_rates_and_energies_between_the_currents_of_the_fit(model, between):
    np.testing.assert_allclose(model.rate(BETWEEN), between.settled_rate[:3], rtol=0.01)
    total = between.settled_energy("supply", "bias", "drive")[:3]
    result = biased(model, BETWEEN, duration=250e-6)
    times, ids = result.spikes["cells"]
    paid = np.asarray(result.state.neurons[0].spent[0])  # until each neuron's last spike
    for k, current in enumerate(BETWEEN):
        own = times[ids == k]
        assert np.diff(own)[1:] == pytest.approx(1.0 / model.rate(current)[0], rel=1e-4)
        assert paid[k] / own.size == pytest.approx(total[k], rel=0.10)


def test_trains_that_were_not_fitted(model):
    assert len(model.trials) == 2
    for trial in model.trials:
        assert len(trial.model) == len(trial.circuit) >= 3
        np.testing.assert_allclose(trial.model, trial.circuit, rtol=0.01)
        assert trial.billed == pytest.approx(trial.spent, rel=0.20)  # a spike's energy hangs on how it is brought about


def test_a_population_agrees_with_the_equation_solved_event_by_event(model):
    """Charges of a current that decays in two steps of the clock, at once in the reference: within a spike's width."""
    charge, period = model.numbers["c"] * 0.1, 2e-6
    times = 1e-6 + period * np.arange(20)
    result = biased(model, 3e-9, charge, times)
    width = 20e-9
    pieces = [times[0] + DT, *[width, period - width] * 20]
    level = [3e-9, *[3e-9 + charge / width, 3e-9] * 20]
    wanted, energy = spikes(model.numbers, model.energy, pieces, level)
    found = of_first(result)
    assert len(found) == len(wanted) >= 3
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.2e-6)
    assert float(result.state.neurons[0].spent[0][0]) == pytest.approx(energy[-1], rel=0.05)


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed; the kernel is not built")
def test_the_kernel_is_the_twin_of_the_clocked_engine(model):
    times = 1e-6 + 1.7e-6 * np.arange(12)
    runs = [biased(model, 6e-9, 60e-15, times, engine=engine, record={"cells": [0]}) for engine in ("jax", "kernel")]
    assert runs[1].engine == "kernel"
    assert runs[0].spikes["cells"].times.size >= 6
    np.testing.assert_allclose(runs[0].spikes["cells"].times, runs[1].spikes["cells"].times, rtol=0, atol=1e-12)
    np.testing.assert_allclose(runs[0].traces["cells"].v, runs[1].traces["cells"].v, rtol=0, atol=1e-9)
    assert runs[0].neurons["cells"] == pytest.approx(runs[1].neurons["cells"], rel=1e-9)
    assert "neurons" in str(runs[1])


def test_single_precision_keeps_times_and_energy(model):
    runs = [biased(model, 20e-9, dtype=dtype) for dtype in (np.float32, np.float64)]
    np.testing.assert_allclose(of_first(runs[0]), of_first(runs[1]), rtol=2e-4)
    assert runs[0].neurons["cells"] == pytest.approx(runs[1].neurons["cells"], rel=1e-3)


def test_neurons_at_rest_take_the_power_at_rest(model):
    result = biased(model, 0.0)
    assert result.spikes["cells"].times.size == 0
    assert result.neurons["cells"] == pytest.approx(3 * 50e-6 * float(model.energy.power[0]), rel=0.01)
    assert 1e-12 < float(model.energy.power[0]) < 1e-9


def test_a_layer_is_trained_and_bills_its_neurons(model):
    steps, dt = 300, 100e-9
    layer = spiking.SpikingLayer.of(6, 4, model.trainable(), dt=dt, key=jax.random.key(0))
    given = (jax.random.uniform(jax.random.key(1), (steps, 2, 6)) < 0.05).astype(jnp.float32)

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def loss(layer):
        fired, did = layer(given)
        return (jnp.sum(fired) / 8.0 - 12.3) ** 2, did  # no whole number of spikes is that many: slopes never end

    first = None
    for _ in range(10):
        (value, did), slope = loss(layer)
        first = value if first is None else first
        assert np.all(np.isfinite(slope.feed.weight))
        assert np.any(slope.feed.weight != 0)
        layer = eqx.tree_at(lambda n: n.feed.weight, layer, layer.feed.weight - 1e-3 * slope.feed.weight)
    assert value < 0.25 * first
    bill = spiking.Bill.of([did], spiking.EventEnergy(0.0, 1e-15), plastic=False)
    assert bill.energy == pytest.approx(bill.neurons + bill.read)
    assert 0.3e-12 < bill.neurons / bill.spikes < 3e-12


def test_a_layer_and_a_population_agree(model):
    """Under one constant current: count of spikes, and energy."""
    population = biased(model, 20e-9)
    neuron = model.trainable(i_bias=20e-9)
    layer = spiking.SpikingLayer.of(1, 1, neuron, dt=DT, key=jax.random.key(0))
    fired, did = layer(jnp.zeros((1000, 1, 1), jnp.float32))
    assert float(jnp.sum(fired)) == of_first(population).size >= 2
    assert 3 * float(did.energy[0]) == pytest.approx(population.neurons["cells"], rel=0.01)


def test_feedback_is_in_the_bill(model):
    """What goes round lifts membranes too: a layer whose feedback fires all at the next step takes twice its spikes."""
    layer = spiking.SpikingLayer.of(1, 2, model.trainable(), dt=100e-9, key=jax.random.key(0), recurrent=True)
    layer = eqx.tree_at(
        lambda n: (n.feed.weight, n.feedback.weight),
        layer,
        (jnp.array([[1.5], [0.0]]), jnp.array([[0.0, 0.0], [1.5, 0]])),
    )
    given = jnp.zeros((40, 1, 1)).at[5::20].set(1.0)
    fired, did = layer(given)
    np.testing.assert_array_equal(jnp.sum(fired[:, 0], axis=0), [2, 2])
    single, alone = eqx.tree_at(lambda n: n.feedback.weight, layer, jnp.zeros((2, 2)))(given)
    np.testing.assert_array_equal(jnp.sum(single[:, 0], axis=0), [2, 0])
    assert float(did.energy[0]) == pytest.approx(2.0 * float(alone.energy[0]), rel=0.01)


def test_exact_under_a_constant_current_and_close_to_the_differential_equation(model):
    n = model.numbers | {"v_slope": 20e-3, "g_leak": 2e-9, "i_leak": 1e-9}

    def rate(_, v):
        rise = n["i_spike"] * np.exp(np.minimum((v - n["v_threshold"]) / n["v_slope"], 50))
        return (20e-9 - n["i_leak"] - n["g_leak"] * (v - n["v_rest"]) + rise) / n["c"]

    def diverged(_, v):
        return v[0] - n["v_threshold"] - 20 * n["v_slope"]

    diverged.terminal = True
    solved = solve_ivp(rate, (0, 1e-3), [n["v_reset"]], "LSODA", events=diverged, rtol=1e-9, atol=1e-9)
    assert intervals(n, 20e-9)[0] == pytest.approx(solved.t_events[0][0] + n["t_ref"], rel=1e-6)
    times, _ = spikes(n, model.energy, [100e-6], [20e-9])
    assert np.diff(times)[1] == pytest.approx(intervals(n, 20e-9)[0], rel=1e-4)


def test_a_file_brings_it_back(model, tmp_path):
    path = model.save(tmp_path / "neuron.json")
    again = ReducedNeuron.load(path)
    assert str(again) == str(model)
    assert again.as_dict() == model.as_dict()
    (tmp_path / "other.json").write_text('{"form": "something"}')
    with pytest.raises(InputError, match="form is 'something'"):
        ReducedNeuron.load(tmp_path / "other.json")
    with pytest.raises(InputError, match="cannot be read"):
        ReducedNeuron.load(tmp_path / "missing.json")
    with pytest.raises(InputError, match="not whole"):
        ReducedNeuron.of({k: v for k, v in model.as_dict().items() if k != "curve"})


def test_a_handle_of_excitability(model):
    """The feedback capacitor sets the charge per spike: rate falls as it grows, and values between lie between."""
    found = reduce_over(AxonHillock(), CURRENTS[1:], lambda n: n.c_feedback, [0.30e-12, 0.40e-12], name="c_feedback",
                        unit="F", stop=STOP, spikes=6)  # fmt: skip
    assert found.gain[0] > found.gain[1] > 0
    assert found.gain[0] / found.gain[1] == pytest.approx(0.40 / 0.30, rel=0.15)
    middle = found.at(0.35e-12)
    assert middle.rate(30e-9)[0] == pytest.approx(model.rate(30e-9)[0], rel=0.01)
    assert "c_feedback" in str(found)
    with pytest.raises(InputError, match="extracted from 300 fF to 400 fF"):
        found.at(1e-12)


def test_currents_that_cannot_be_taken_are_named():
    for currents, said in (
        ([-1e-9, *CURRENTS], "above 0"),
        (CURRENTS[::-1], "do not grow"),
        (CURRENTS[:4], "needs 6"),
        ([*CURRENTS, np.nan], "not finite"),
    ):
        with pytest.raises(InputError, match=said):
            reduce(AxonHillock(), currents)


def test_a_circuit_that_hardly_fires_is_refused():
    with pytest.raises(InputError, match="at 0 of 8 currents from 1 pA to 2 pA"):
        reduce(AxonHillock(), np.linspace(1e-12, 2e-12, 8), stop=STOP, spikes=6)


def test_failed_runs_are_counted_and_too_many_refused(monkeypatch):
    true = extraction._observed

    def failing(share):
        def observed(*args, **options):
            firing = true(*args, **options)
            status = firing.status.copy()
            status[1 : 1 + share] = int(Status.MIN_STEP)
            return replace(firing, status=status)

        return observed

    monkeypatch.setattr(extraction, "_observed", failing(1))
    model = reduce(AxonHillock(), CURRENTS, stop=STOP, spikes=6, trials=False)
    assert model.failures == {"MIN_STEP": 1}
    assert len(model.curve.current) == 7
    assert "1 MIN_STEP" in str(model)
    monkeypatch.setattr(extraction, "_observed", failing(3))
    with pytest.raises(InputError, match="Failed runs: 3 MIN_STEP"):
        reduce(AxonHillock(), CURRENTS, stop=STOP, spikes=6, trials=False)


def test_steps_that_are_too_long_are_named(model):
    with pytest.raises(InputError, match=r"ExponentialLIF\.t_ref"):
        pop.SpikingNetwork([pop.Population("cells", 1, model.neuron(1e-6))], [], 1e-6)
    layer = spiking.SpikingLayer.of(1, 1, model.trainable(), dt=1e-6, key=jax.random.key(0))
    with pytest.raises(InputError, match="a step may hold one spike"):
        layer(jnp.zeros((3, 1, 1)))


def test_numbers_out_of_range_are_named(model):
    with pytest.raises(ParameterError, match="its threshold is sharp"):
        pop.ExponentialLIF(**(dict(model.numbers) | {"v_slope": 1e-6}), tau_syn=(1e-6,))
    with pytest.raises(ParameterError, match="at least two of each"):
        CircuitEnergy((0.0, 0.0), (1e-12, 1e-12), 0.4, (0.0, 1e-6), (1e-12, 1e-12))
