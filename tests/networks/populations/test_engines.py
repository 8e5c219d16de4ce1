"""The clocked engine and the compiled kernel run one description to one result."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mho.core.errors import InputError
from mho.core.native import KernelError
from mho.networks import populations as pop
from mho.networks.populations import compiled, cpp

KEY = jax.random.key(7)
RUN = {"key": KEY, "dtype": np.float64, "record": {"cells": [0, 5]}}


@pytest.fixture(scope="module")
def clocked(network):
    return pop.simulate(network, 0.2, engine="jax", **RUN)


@pytest.fixture(scope="module")
def native(network, compiler):
    return pop.simulate(network, 0.2, engine="kernel", **RUN)


def agree(one, other, *, tolerance):
    """The same spikes in the same places; times and traces within `tolerance` of a second and a volt."""
    for name in one.spikes:
        assert one.spikes[name].ids.size > 100
        np.testing.assert_array_equal(one.spikes[name].ids, other.spikes[name].ids)
        np.testing.assert_allclose(one.spikes[name].times, other.spikes[name].times, rtol=0, atol=tolerance)
    assert one.events == other.events
    for name in one.traces:
        np.testing.assert_allclose(one.traces[name].v, other.traces[name].v, rtol=0, atol=tolerance)


def test_the_kernel_is_its_twin(clocked, native):
    """1e-9 s and V over 200 ms: they sum in different orders, and a spike's place magnifies a rounding error little."""
    assert (clocked.engine, native.engine) == ("jax", "kernel")
    agree(clocked, native, tolerance=1e-9)
    for one, other in zip(jax.tree.leaves(clocked.state), jax.tree.leaves(native.state), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9 * max(np.max(np.abs(one)), 1e-30))


def test_a_state_goes_from_engine_to_engine_and_through_a_file(network, clocked, native, tmp_path):
    """Half by the kernel, kept in a file, half by JAX: as if nothing had happened."""
    half = pop.simulate(network, 0.1, engine="kernel", **RUN)
    kept = pop.load_state(network, pop.save_state(half.state, tmp_path / "half.npz"), dtype=np.float64)
    rest = pop.simulate(network, 0.1, engine="jax", state=kept, **RUN)
    times = np.concatenate([half.spikes["cells"].times, rest.spikes["cells"].times])
    np.testing.assert_allclose(times, clocked.spikes["cells"].times, rtol=0, atol=1e-9)
    assert half.events["cells to cells"] + rest.events["cells to cells"] == clocked.events["cells to cells"]


def test_a_run_goes_on_to_the_bit(network, clocked, tmp_path):
    half = pop.simulate(network, 0.1, engine="jax", **RUN)
    kept = pop.load_state(network, pop.save_state(half.state, tmp_path / "half.npz"), dtype=np.float64)
    rest = pop.simulate(network, 0.1, engine="jax", state=kept, **RUN)
    for one, other in zip(jax.tree.leaves(rest.state), jax.tree.leaves(clocked.state), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        np.concatenate([half.spikes["cells"].times, rest.spikes["cells"].times]), clocked.spikes["cells"].times
    )


def test_no_spike_is_lost_where_more_fire_than_there_was_room_for(network, clocked):
    narrow = pop.simulate(network, 0.1, engine="jax", capacity=1, **RUN)
    many = clocked.spikes["cells"].times < 0.1
    np.testing.assert_array_equal(narrow.spikes["cells"].ids, clocked.spikes["cells"].ids[many])
    steps = np.floor(narrow.spikes["cells"].times / network.dt)
    assert np.unique(steps, return_counts=True)[1].max() > 1


def test_efficacies_are_those_of_each_synapse_alone(network, clocked):
    """What the engine left in a synapse's state is what its own train of spikes makes of it, one synapse at a time."""
    from mho.networks import train

    projection = network.projection("cells to cells")
    at, who = clocked.grid["cells"]
    passed = at - 1 + 1 < clocked.state.step  # the shortest wait is one step
    x = clocked.kept("cells to cells", "x")
    for k in (0, 700, 1400):
        source = projection.connectivity.pre[k]
        times = at[(who == source) & passed] * network.dt
        assert times.size > 1
        single = jax.tree.map(lambda leaf, k=k: leaf[k] if np.ndim(leaf) else leaf, projection.synapse)
        with jax.enable_x64(True):
            state = train(single, times)[1]
        assert x[k] == pytest.approx(float(state.x), rel=1e-12)
        efficacy = clocked.history("cells to cells", [k]).efficacy[0]
        assert efficacy[0] == pytest.approx(float(single.U), rel=1e-12)


def test_device_synapses_in_both_engines(device_network, compiler):
    """Efficacies, energy and wear of devices, generated into C++ from the device's own event face."""
    draw = np.random.default_rng(3)
    times = np.sort(draw.uniform(0.0, 0.1, (40, 6)), axis=1)
    both = [
        pop.simulate(device_network, 0.1, spikes={"input": times}, engine=engine, dtype=np.float64)
        for engine in ("jax", "kernel")
    ]
    agree(*both, tolerance=1e-9)
    one, other = both
    assert one.energy["devices"] == pytest.approx(other.energy["devices"], rel=1e-10)
    np.testing.assert_allclose(one.kept("devices", "cycles"), other.kept("devices", "cycles"), rtol=1e-10)
    # wear of a synapse, one device at a time
    projection = device_network.projection("devices")
    at, who = one.grid["input"]
    source = projection.connectivity.pre[10]
    mine = at[(who == source) & (at + 4 <= one.state.step)] * device_network.dt
    from mho.networks import train

    single = jax.tree.map(lambda leaf: leaf[10] if np.ndim(leaf) else leaf, projection.synapse)
    state = train(single, mine)[1]
    assert one.kept("devices", "cycles")[10] == pytest.approx(float(state.cycles), rel=1e-9)
    conductance = one.conductance("devices", [10], np.linspace(0.0, 0.1, 50))
    assert conductance.shape == (1, 50)
    assert conductance[0, -1] > float(single.device.g_rest)
    for ids, when, message in (
        ([10], [0.05, 0.2], "times hold 200 ms; the run goes from 0 s to 100 ms"),
        ([10], [-0.01], "times hold -10 ms"),
        ([0.5], [0.05], "hold 0.5; they must be whole numbers"),
    ):
        with pytest.raises(InputError, match=message):
            one.conductance("devices", ids, when)


def test_energy_of_first_events_is_the_devices_own(device_network):
    """One spike through devices at rest costs what the device says of a pulse and a read."""
    result = pop.simulate(
        device_network, 0.1, spikes={"input": (np.asarray([1e-3]), np.asarray([3]))}, engine="jax", dtype=np.float64
    )
    projection = device_network.projection("devices")
    mine = projection.connectivity.pre == 3
    with jax.enable_x64(True):
        synapse = jax.tree.map(lambda x: x[mine] if np.ndim(x) else x, projection.synapse)
        device, pulse = synapse.device, projection.energy.pulse
        after = synapse.spike(synapse.rest(), np.zeros(mine.sum()))[0]
        wanted = np.sum(device.energy(synapse.rest(), pulse)) + np.sum(device.conductance(after)) * 0.1**2 * 1e-6
    assert result.events["devices"] == mine.sum()
    assert result.energy["devices"] == pytest.approx(float(wanted), rel=1e-9)


def test_what_the_kernel_cannot_do_is_said(network):
    with pytest.raises(KernelError, match="draws no noise"):
        pop.simulate(network, 0.1, engine="kernel", noise=KEY, **RUN)
    with pytest.raises(InputError, match="no engine 'fast'"):
        pop.simulate(network, 0.1, engine="fast", **RUN)
    with pytest.raises(KernelError, match="no operation 'erf'"):
        cpp.Text(jax.scipy.special.erf, (np.zeros(()),), ["a"], "x")


def test_a_kernel_is_kept_for_its_structure_not_its_numbers(network, larger):
    laid = pop.plan(network, np.float64)
    assert compiled.kernel(laid).place() != compiled.kernel(pop.plan(network, np.float32)).place()
    other = pop.plan(larger, np.float64)
    assert compiled.kernel(laid).place() == compiled.kernel(other).place()
