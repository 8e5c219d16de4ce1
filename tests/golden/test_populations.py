"""Sparse populations against exact event-driven solutions, and live against Brian2 and NEST where they are there."""

from __future__ import annotations

import importlib.util
import shutil

import jax
import numpy as np
import pytest

from mho.networks import LIF, TsodyksMarkram, run_events
from mho.networks import Connections as Wires
from mho.networks import populations as pop
from mho.networks.trains import padded_trains


@pytest.mark.references
@pytest.mark.parametrize("engine", ["jax", "kernel"])
def test_population_against_the_exact_solution(references, engine):
    """lif_population.npz, facilitating synapses: 1e-12 s, with inputs on the grid; NEST's precise neurons reach 1e-15.

    Spikes are placed inside the step on a polynomial whose error is (dt/tau)^6/46080 of what the membrane moves.
    """
    if engine == "kernel" and shutil.which("g++") is None:
        pytest.skip("g++ is not installed; the compiled kernel was not compared with the exact solution")
    with np.load(references / "spiking" / "lif_population.npz") as file:
        data = dict(file)
    wires, order = pop.Connectivity.ordered(data["pre"].ravel(), np.repeat(np.arange(20), 60), inputs=200, outputs=20)
    neuron = LIF(250e-12, 20e-3, 3e-3, 2e-3, -70e-3, -70e-3, -55e-3)
    synapse = TsodyksMarkram(0.1, 1.0, 0.1)
    projection = pop.Projection("in", "cells", wires, 7.0e-12 * data["w_pA"].ravel()[order], 1e-3, synapse)
    network = pop.SpikingNetwork(
        [pop.Population("cells", 20, neuron)], [projection], 1e-4, [pop.SpikeSource("in", 200)]
    )
    first = np.argsort(data["in_t_ms"], kind="stable")
    given = (data["in_t_ms"][first] * 1e-3, data["in_i"][first])
    result = pop.simulate(network, 1.0, spikes={"in": given}, dtype=np.float64, engine=engine)
    at, which = data["facil/exact/t_ms"] * 1e-3, data["facil/exact/i"]
    spikes = result.spikes["cells"]
    found, wanted = (padded_trains([np.sort(t[i == k]) for k in range(20)]) for t, i in (spikes, (at, which)))
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    assert np.nanmax(np.abs(found - wanted)) < 1e-12


def test_the_clock_against_events_that_lie_between_its_points():
    """Inputs off the grid move by at most half a step, and spikes by at most a step, of 0.1 ms.

    The event-driven run of mho.networks takes them where they are.
    """
    draw = np.random.default_rng(5)
    times = np.cumsum(draw.exponential(12e-3, (30, 12)) + 1e-3, axis=1)
    weight = draw.uniform(100e-12, 300e-12, (4, 30))
    neuron = LIF(250e-12, 20e-3, 5e-3, 2e-3, -70e-3, -70e-3, -55e-3)
    with jax.enable_x64(True):
        exact = run_events(neuron, Wires.dense(weight, delay=1e-3), TsodyksMarkram(0.3, 0.1, 0.2), times, stop=0.1)
    wires = pop.all_to_all(30, 4)
    projection = pop.Projection("in", "cells", wires, weight.T.ravel(), 1e-3, TsodyksMarkram(0.3, 0.1, 0.2))
    network = pop.SpikingNetwork([pop.Population("cells", 4, neuron)], [projection], 1e-4, [pop.SpikeSource("in", 30)])
    result = pop.simulate(network, 0.1, spikes={"in": times}, dtype=np.float64, engine="jax")
    spikes = result.spikes["cells"]
    found = padded_trains([spikes.times[spikes.ids == k] for k in range(4)])
    assert np.sum(np.isfinite(found)) > 10
    assert np.array_equal(np.isnan(found), np.isnan(exact))
    assert np.nanmax(np.abs(found - exact)) < 1e-4


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the peer's own dependencies
def test_against_brian2_live():
    """The same grid, synapses, delays and inputs: membranes agree to rounding below threshold (1e-10 V).

    Above it Brian2 keeps spikes and refractory times on the grid and mho does not: rates agree within 5 %.
    """
    if importlib.util.find_spec("brian2") is None:
        pytest.skip("brian2 is not installed (pip install brian2 'numpy<2.4'); the live comparison did not run")
    for threshold, (times, wires, weight, delay), result in drawn():
        v, count = brian2(times, wires, weight, delay, threshold)
        if threshold > 0:
            # Brian2 records at a step's start, mho at its end
            np.testing.assert_allclose(result.traces["cells"].v[:-1], v[1:], rtol=0, atol=1e-10)
        else:
            assert count > 500
            assert result.spikes["cells"].ids.size == pytest.approx(count, rel=0.05)


def drawn():
    """Below threshold and above it: the threshold, inputs and wires drawn at random, and what mho makes of them."""
    draw = np.random.default_rng(6)
    n = 50
    times = np.rint(np.cumsum(draw.exponential(20e-3, (n, 40)) + 1e-4, axis=1) / 1e-4) * 1e-4 + 3e-4
    wires = pop.fixed_probability(n, n, 0.2, key=jax.random.key(3))
    delay = draw.integers(1, 20, wires.synapses) * 1e-4
    for weight, threshold in ((20e-12, 1.0), (900e-12, -55e-3)):
        neuron = pop.CurrentLIF(250e-12, 20e-3, (5e-3,), 2e-3, -70e-3, -70e-3, threshold, names=("excitatory",))
        projection = pop.Projection("in", "cells", wires, weight, delay, TsodyksMarkram(0.4, 0.05, 0.2))
        network = pop.SpikingNetwork(
            [pop.Population("cells", n, neuron)], [projection], 1e-4, [pop.SpikeSource("in", n)]
        )
        result = pop.simulate(
            network, 0.5, spikes={"in": times}, dtype=np.float64, engine="jax", record={"cells": range(n)}
        )
        yield threshold, (times, wires, weight, delay), result


def brian2(times, wires, weight, delay, threshold):
    """Membranes at every step's start, shape (steps, n), and the number of spikes."""
    import brian2 as b

    n = len(times)
    b.prefs.codegen.target = "numpy"
    b.start_scope()
    b.defaultclock.dt = 0.1 * b.ms
    equations = """dv/dt = (-70*mV - v)/(20*ms) + current/(250*pF) : volt (unless refractory)
    dcurrent/dt = -current/(5*ms) : amp"""
    cells = b.NeuronGroup(
        n, equations, threshold=f"v > {threshold}*volt", reset="v = -70*mV", refractory=2 * b.ms, method="exact"
    )
    cells.v = -70 * b.mV
    # A spike of grid point g is taken up in step g - 1, as a neuron's is.
    source, column = np.nonzero(times < 0.5)
    given = b.SpikeGeneratorGroup(n, source, (times[source, column] - 1e-4) * b.second)
    model = "w : amp\ndu/dt = -u/(50*ms) : 1 (event-driven)\ndx/dt = (1 - x)/(200*ms) : 1 (event-driven)"
    synapses = b.Synapses(given, cells, model, on_pre="u += 0.4*(1 - u)\ncurrent_post += w*u*x\nx -= u*x")
    synapses.connect(i=wires.pre, j=wires.post)
    synapses.w, synapses.x, synapses.delay = weight * b.amp, 1, delay * b.second
    watch, spikes = b.StateMonitor(cells, "v", record=True), b.SpikeMonitor(cells)
    b.Network(cells, given, synapses, watch, spikes).run(0.5 * b.second)
    return np.asarray(watch.v).T, int(spikes.num_spikes)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the peer's own dependencies
def test_against_nest_live():
    """The same grid, synapses, delays and inputs, and NEST's neurons with precise spike times.

    Membranes agree to rounding (1e-13 V), and spikes neuron by neuron to 1e-12 s, as with exact solutions.
    """
    if importlib.util.find_spec("nest") is None:
        pytest.skip("NEST is not installed (pip install nest-simulator); the live comparison did not run")
    for threshold, (times, wires, weight, delay), result in drawn():
        v, (at, which) = nest(times, wires, weight, delay, threshold)
        spikes, cells = result.spikes["cells"], range(len(times))
        found = padded_trains([np.sort(spikes.times[spikes.ids == k]) for k in cells])
        wanted = padded_trains([np.sort(at[which == k]) for k in cells])
        assert np.array_equal(np.isnan(found), np.isnan(wanted))
        if threshold > 0:
            np.testing.assert_allclose(result.traces["cells"].v[: len(v)], v, rtol=0, atol=1e-13)
        else:
            assert at.size > 500
            assert np.nanmax(np.abs(found - wanted)) < 1e-12


def nest(times, wires, weight, delay, threshold):
    """Membranes at every step's end, shape (steps, n), and spikes: when [s] and whose."""
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = 0.1
    n = len(times)
    numbers = {"C_m": 250.0, "tau_m": 20.0, "tau_syn_ex": 5.0, "t_ref": 2.0, "E_L": -70.0, "V_reset": -70.0}
    cells = nest.Create("iaf_psc_exp_ps", n, params=numbers | {"V_m": -70.0, "V_th": threshold * 1e3})
    given = [{"spike_times": np.round((t[t < 0.5] - 1e-4) * 1e3, 1)} for t in times]  # a parrot hears them a step later
    parrots = nest.Create("parrot_neuron", n)
    nest.Connect(nest.Create("spike_generator", n, params=given), parrots, "one_to_one", {"delay": 0.1})
    synapse = {"synapse_model": "tsodyks2_synapse", "U": 0.4, "u": 0.4, "x": 1.0, "tau_fac": 50.0, "tau_rec": 200.0}
    synapse |= {"weight": np.full(wires.synapses, weight * 1e12), "delay": np.round(delay * 1e3, 1)}
    ids = np.asarray(parrots.tolist())[wires.pre], np.asarray(cells.tolist())[wires.post]
    nest.Connect(*ids, "one_to_one", synapse)
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 0.1})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, cells)
    nest.Connect(cells, recorder)
    nest.Simulate(500.0)
    first = cells.tolist()[0]
    seen = meter.events
    order = np.lexsort((seen["senders"], seen["times"]))
    return seen["V_m"][order].reshape(-1, n) * 1e-3, (
        recorder.events["times"] * 1e-3,
        recorder.events["senders"] - first,
    )
