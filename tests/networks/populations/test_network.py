"""Descriptions: builders give what they promise, and what does not fit is named with value, range and cure."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mho.core.errors import InputError, ParameterError, SolverError
from mho.networks import LIF, TsodyksMarkram
from mho.networks import populations as pop

KEY = jax.random.key(0)
CELLS = pop.Population("cells", 4, LIF(250e-12, 20e-3, 3e-3, 2e-3, -70e-3, -70e-3, -55e-3))
SOURCE = pop.SpikeSource("in", 4)
ONE = pop.one_to_one(4)


def network(projection=None, *, dt=1e-4, sources=(SOURCE,)):
    projection = projection or pop.Projection("in", "cells", ONE, 1e-9, 1e-3)
    return pop.SpikingNetwork([CELLS], [projection], dt, sources)


def test_a_fixed_probability_is_met_pair_by_pair():
    """Counts of 200 x 300 pairs at 10 %: within five standard deviations in all, and no pair twice."""
    wires = pop.fixed_probability(200, 300, 0.1, key=KEY)
    assert abs(wires.synapses - 6000) < 5 * np.sqrt(6000 * 0.9)
    assert np.unique(wires.pre.astype(np.int64) * 300 + wires.post).size == wires.synapses
    assert np.bincount(wires.post, minlength=300).std() == pytest.approx(np.sqrt(200 * 0.09), rel=0.2)
    alone = pop.fixed_probability(50, 50, 0.5, key=KEY, self_connections=False)
    assert not np.any(alone.pre == alone.post)


def test_a_fixed_indegree_is_that_of_every_neuron():
    wires = pop.fixed_indegree(30, 20, 7, key=KEY)
    assert np.all(np.bincount(wires.post, minlength=20) == 7)
    assert np.unique(wires.pre * 20 + wires.post).size == 140
    assert np.array_equal(wires.out_degree, np.bincount(wires.pre, minlength=30))


def test_a_balanced_network_and_a_reservoir():
    wiring = pop.balanced(80, 20, degree=10, key=KEY, ratio=5.0)
    assert set(wiring.weight[wiring.connectivity.pre >= 80]) == {-5.0}
    assert np.array_equal(wiring.receptor == 1, wiring.weight < 0)
    pool = pop.reservoir(100, 10, radius=0.9, key=KEY)
    matrix = np.zeros((100, 100))
    matrix[pool.connectivity.post, pool.connectivity.pre] = pool.weight
    assert np.abs(np.linalg.eigvals(matrix)).max() == pytest.approx(0.9, rel=1e-9)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
def test_a_neighbourhood_is_a_convolution(stride, padding):
    """As synapses the kernel gives what JAX's convolution gives of the same image."""
    draw = np.random.default_rng(1)
    kernel, image = draw.normal(size=(3, 2, 3, 2)), draw.normal(size=(2, 6, 5))
    found = pop.neighbourhood((2, 6, 5), (3, 2), channels=3, stride=stride, padding=padding)
    wires = found.connectivity
    total = np.bincount(wires.post, kernel.ravel()[found.entry] * image.ravel()[wires.pre], wires.outputs)
    with jax.enable_x64(True):
        wanted = jax.lax.conv_general_dilated(image[None], kernel, (stride, stride), [(padding, padding)] * 2)[0]
    np.testing.assert_allclose(total.reshape(found.shape), wanted, atol=1e-12)


def test_layers_follow_one_another():
    first, second = pop.feed_forward([5, 4, 3], key=KEY)
    assert (first.inputs, first.outputs, second.inputs, second.outputs) == (5, 4, 4, 3)
    assert sum(w.synapses for w in pop.feed_forward([50, 40], key=KEY, probability=0.5)) < 2000


def test_lists_in_any_order_are_ordered_by_source():
    wires, order = pop.Connectivity.ordered([2, 0, 1], [0, 1, 2], inputs=3, outputs=3)
    assert wires.pre.tolist() == [0, 1, 2]
    assert order.tolist() == [1, 2, 0]
    with pytest.raises(ParameterError, match="not ascending"):
        pop.Connectivity(np.asarray([1, 0]), np.asarray([0, 0]), 2, 2)
    with pytest.raises(ParameterError, match=r"runs from 0 to 3; allowed is 0 to 2"):
        pop.Connectivity(np.asarray([0, 3]), np.asarray([0, 0]), 3, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": np.asarray([1e-9, np.nan, 0.0, 0.0])}, "weight of in to cells is not finite at synapse 1"),
        ({"weight": np.ones(3)}, r"has shape \(3,\)"),
        ({"delay": 1e-5}, "delay of in to cells is 10 µs; it must be at least one step, 100 µs"),
        ({"delay": np.asarray([1e-3, np.inf, 1e-3, 1e-3])}, "delay of in to cells is not finite"),
        ({"receptor": "inhibitory"}, "no receptor 'inhibitory'; it has synaptic"),
        ({"receptor": np.asarray([0, 0, 0, 2])}, "receptor 2 of cells, which has 1"),
        ({"post": "cell"}, "Did you mean cells"),
        ({"post": "in"}, "ends on in, which has no neurons"),
        ({"connectivity": pop.one_to_one(5)}, "5 sources and 5 targets"),
        ({"synapse": TsodyksMarkram(np.full(3, 0.5), 0.1, 0.1)}, r"a batch of \(3,\)"),
    ],
)
def test_a_projection_that_does_not_fit_is_named(change, message):
    given = {"pre": "in", "post": "cells", "connectivity": ONE, "weight": 1e-9, "delay": 1e-3}
    with pytest.raises(InputError, match=message):
        network(pop.Projection(**(given | change)))


def test_networks_that_cannot_run_are_named():
    with pytest.raises(InputError, match=r"dt is 5 ms; it must be at most CurrentLIF.t_ref, 2 ms"):
        network(dt=5e-3)
    with pytest.raises(ParameterError, match="have the same name"):
        network(sources=(pop.SpikeSource("cells", 4), SOURCE))
    with pytest.raises(ParameterError, match="holds at most 5000 1/s"):
        network(sources=(pop.PoissonSource("in", 4, 6e3),))
    with pytest.raises(ParameterError, match="must lie below v_threshold"):
        pop.CurrentLIF(1e-12, 1e-2, (1e-3,), 2e-3, 0.0, 1.0, 0.5, names=("a",))
    with pytest.raises(ParameterError, match="tau_syn has 1 entries; give one for each of excitatory, inhibitory"):
        pop.CurrentLIF(1e-12, 1e-2, (1e-3,), 2e-3, 0.0, 0.0, 0.5)


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        ({"in": (np.asarray([2e-3, 1e-3]), np.asarray([0, 1]))}, "The spikes of in are not in order"),
        ({"in": (np.asarray([-1e-3]), np.asarray([0]))}, "comes at -1 ms; times must be finite and not negative"),
        ({"in": (np.asarray([np.nan]), np.asarray([0]))}, "must be finite"),
        ({"in": (np.asarray([1e-3]), np.asarray([4]))}, "ids run from 4 to 4; allowed is 0 to 3"),
        ({"in": np.asarray([[1e-3, np.nan, 2e-3]] * 4)}, "not in order"),
        ({"in": np.zeros((3, 1))}, "give 4 rows"),
        ({"in": (np.asarray([1e-3, 1.01e-3]), np.asarray([2, 2]))}, r"fires twice at 1 ms \(source 2\)"),
        ({"inn": np.zeros((4, 1))}, "Did you mean in"),
        ({}, "The spikes of in are not given"),
    ],
)
def test_spikes_that_cannot_be_used_are_named(spikes, message):
    with pytest.raises(InputError, match=message):
        pop.simulate(network(), 0.1, spikes=spikes)


@pytest.mark.parametrize("duration", [float("nan"), -1.0, 1e-6])
def test_a_run_of_no_step_is_refused(duration):
    with pytest.raises(InputError, match="finite and at least one step, 100 µs"):
        pop.simulate(network(), duration, spikes={})


def test_poisson_sources_fire_at_their_rates_wherever_a_run_is_cut():
    from mho.networks.populations.inputs import Inputs

    rates = np.asarray([20.0, 200.0, 0.0, 1000.0])
    laid = pop.plan(network(sources=(pop.PoissonSource("in", 4, rates),)), np.float32)
    whole = Inputs(laid, {}, KEY).spikes(0, 100_000)[0]
    count = np.bincount(whole[1], minlength=4)
    assert np.all(np.abs(count - 10 * rates) <= 5 * np.sqrt(10 * rates))
    parts = [Inputs(laid, {}, KEY).spikes(a, b)[0] for a, b in ((0, 1234), (1234, 100_000))]
    np.testing.assert_array_equal(whole[0], np.concatenate([p[0] for p in parts]))
    with pytest.raises(InputError, match="give the run a key"):
        Inputs(laid, {}, None)


def test_a_state_of_another_network_is_refused(tmp_path):
    path = pop.save_state(pop.rest(network(), v={"cells": -60e-3}), tmp_path / "state.npz")
    assert pop.load_state(network(), path).neurons[0].v == pytest.approx(-60e-3)
    other = network(pop.Projection("in", "cells", ONE, 1e-9, 1e-3, TsodyksMarkram(0.5, 0.1, 0.1)))
    with pytest.raises(InputError, match="state of another network: synapses"):
        pop.load_state(other, path)
    with pytest.raises(InputError, match="float32 of shape"):
        pop.load_state(network(), path, dtype=np.float64)
    with pytest.raises(InputError, match="cannot be read"):
        pop.load_state(network(), tmp_path / "nothing.npz")


def test_a_synapse_keeps_only_what_matters():
    """Of four numbers of a Tsodyks-Markram state, u and x; a field asked for besides is kept too."""
    synapse = TsodyksMarkram(0.5, 0.1, 0.1)
    base = {"pre": "in", "post": "cells", "connectivity": ONE, "weight": 1e-9, "delay": 1e-3, "synapse": synapse}
    laid = pop.plan(network(pop.Projection(**base)), np.float32)
    assert laid.fields == (("u", "x"),)
    assert pop.memory(laid) == {"in to cells": (16.0, 16.0)}
    assert pop.plan(network(pop.Projection(**base, keep=("released",))), np.float32).fields == (("u", "x", "released"),)
    with pytest.raises(ParameterError, match="keeps 'cycles', which is not"):
        pop.plan(network(pop.Projection(**base, keep=("cycles",))), np.float32)


NEURON = CELLS.neuron


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: pop.Population("x", 0, NEURON), "The size of x is 0; it must be a whole number from 1 on"),
        (lambda: pop.Population("x", -3, NEURON), "The size of x is -3"),
        (lambda: pop.Population("x", 2.5, NEURON), "The size of x is 2.5"),
        (lambda: pop.Population("x", 2, "LIF"), "The neuron of x is 'LIF'; give a model"),
        (
            lambda: pop.Population("x", 10, LIF(250e-12, np.full(7, 20e-3), 3e-3, 2e-3, -70e-3, -70e-3, -55e-3)),
            r"tau_m of x has shape \(7,\); give one number, or one for each of 10",
        ),
        (lambda: pop.SpikeSource("x", 0), "The size of x is 0"),
        (lambda: pop.PoissonSource("x", 2, "10 Hz"), "The rate of x is '10 Hz'; give numbers in 1/s"),
        (lambda: pop.one_to_one(0), "The number of sources is 0"),
        (lambda: pop.all_to_all(2, 1.5), "The number of outputs is 1.5"),
        (lambda: pop.fixed_probability(2, 2, 0.5, key=3), "key is 3, which is not a JAX random key"),
        (lambda: pop.Projection("in", "cells", ONE, "150 pA", 1e-3), "weight of in to cells is '150 pA'; give numbers"),
        (lambda: pop.Projection("in", "cells", ONE, 1e-9, 1e-3, "static"), "The synapse of in to cells is 'static'"),
        (lambda: pop.Projection("in", "cells", ONE, 1e-9, 1e-3, TsodyksMarkram), "give a model with its numbers"),
        (lambda: pop.Projection("in", "cells", (0, 1), 1e-9, 1e-3), "connectivity of in to cells is a tuple"),
        (lambda: network(dt="0.1 ms"), "dt is '0.1 ms'; give a plain number in s, such as 1e-4"),
    ],
)
def test_a_part_that_cannot_be_is_refused_when_made(build, message):
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize("delay", [1e5, 1e6, np.asarray([1e-3, 1e-3, 1e-3, 1e6])])
def test_delays_that_no_memory_holds_are_refused(delay):
    with pytest.raises(InputError, match=r"longest delay of in to cells is .* steps of 100 µs.*at most 1 GB"):
        network(pop.Projection("in", "cells", ONE, 1e-9, delay))


@pytest.mark.parametrize("taus", [(1e-7, 3e-3), (20e-3, 1e-6)])
def test_a_step_beyond_the_time_constants_is_refused(taus):
    neuron = pop.CurrentLIF(250e-15, taus[0], (taus[1],), 2e-3, -70e-3, -70e-3, -55e-3, names=("excitatory",))
    with pytest.raises(InputError, match=r"dt is 100 µs; it must be at most 4 times CurrentLIF.tau_"):
        pop.SpikingNetwork([pop.Population("x", 1, neuron)], [], 1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": np.int32}, "a network runs in np.float32 or np.float64"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"dtype": "double precision"}, "dtype is 'double precision'"),
        ({"key": 3}, "key is 3, which is not a JAX random key"),
        ({"noise": 3}, "noise is 3"),
        ({"state": "good.npz"}, "state is 'good.npz'.*read a file with load_state"),
        ({"duration": "0.1 s"}, "duration is '0.1 s'; give a plain number in s"),
        ({"record": {"cells": [0.5]}}, "hold 0.5; they must be whole numbers"),
        ({"spikes": {"in": ([1e-3], [0.5])}}, "ids of in hold 0.5; they must be whole numbers"),
        ({"spikes": {"in": (["1 ms"], [0])}}, "give numbers in s"),
    ],
)
def test_a_run_that_cannot_be_asked_for_is_refused(change, message):
    given = {"duration": 0.1, "spikes": {"in": np.full((4, 1), np.nan)}} | change
    with pytest.raises(InputError, match=message):
        pop.simulate(network(), given.pop("duration"), **given)


def test_a_state_of_another_step_is_refused(tmp_path):
    """Twice the step and twice the delay have the same shapes."""
    slow = network(pop.Projection("in", "cells", ONE, 1e-9, 2e-3), dt=2e-4)
    path = pop.save_state(pop.rest(network()), tmp_path / "state.npz")
    with pytest.raises(InputError, match="in steps of 100 µs, and the network runs in steps of 200 µs"):
        pop.load_state(slow, path)
    with pytest.raises(InputError, match="The state was made in steps of 100 µs"):
        pop.simulate(slow, 0.1, spikes={"in": np.full((4, 1), np.nan)}, state=pop.rest(network()))
    with pytest.raises(InputError, match="with its sizes and delays"):
        pop.load_state(network(pop.Projection("in", "cells", ONE, 1e-9, 2e-3)), path)


@pytest.mark.parametrize("left", [0, 40, -30])
def test_a_state_file_that_was_cut_off_is_named(tmp_path, left):
    path = pop.save_state(pop.rest(network()), tmp_path / "state.npz")
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(InputError, match=r"state.npz cannot be read as a state.*Was it cut off\?"):
        pop.load_state(network(), path)


def test_files_that_hold_no_state_are_named(tmp_path):
    path = tmp_path / "text.npz"
    path.write_text("v = -70 mV")
    with pytest.raises(InputError, match="cannot be read as a state"):
        pop.load_state(network(), path)
    np.savez(path, step=3)
    with pytest.raises(InputError, match="does not tell the step of its clock"):
        pop.load_state(network(), path)
    with pytest.raises(InputError, match="Name a file in a folder that exists"):
        pop.save_state(pop.rest(network()), tmp_path / "none" / "state.npz")


def test_spikes_outside_the_run_are_told():
    from mho.networks.populations.inputs import Inputs

    given = Inputs(pop.plan(network(), np.float32), {"in": (np.asarray([5.0, 20.0]), np.asarray([0, 1]))}, None)
    with pytest.warns(UserWarning, match=r"No spike of in falls inside the run from 0 s to 100 ms.*from 5 s to 20 s"):
        given.warn_if_outside(0, 1000)
    given.warn_if_outside(0, 60_000)


def test_a_membrane_that_is_lost_is_named():
    state = pop.rest(network(), v={"cells": np.asarray([-70e-3, -70e-3, np.nan, -70e-3])})
    with pytest.raises(SolverError, match=r"The membrane of neuron 2 of cells is nan V .*1 of 4 are not finite"):
        pop.simulate(network(), 1e-3, spikes={"in": np.full((4, 1), np.nan)}, state=state, engine="jax")
