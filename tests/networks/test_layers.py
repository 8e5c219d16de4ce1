import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mho
from mho.core.errors import InputError, ParameterError
from mho.core.fields import cast
from mho.devices import Pulse
from mho.networks import (
    LIF,
    Connections,
    DeviceSynapse,
    Layer,
    LIFState,
    StaticSynapse,
    arrivals,
    run_events,
    run_grid,
    run_layers,
    spike,
    train,
)

NEURON = LIF(250e-12, 20e-3, 3e-3, 2e-3, -70e-3, -70e-3, -55e-3)


def double(module):
    with jax.enable_x64(True):
        return cast(module, np.float64)


def test_constant_current_fires_at_the_textbook_rate():
    """T = t_ref + tau_m ln(R I / (R I - theta)) for a bias without synapses."""
    neuron = double(eqx.tree_at(lambda n: n.i_bias, NEURON, np.asarray(300e-12)))
    drive = 300e-12 * 20e-3 / 250e-12
    period = 2e-3 + 20e-3 * np.log(drive / (drive - 15e-3))
    silent = Connections.dense([[0.0]])
    found = run_events(neuron, silent, double(StaticSynapse()), [[0.0]], stop=1.0)
    # rounding of a second of steps
    assert np.allclose(np.diff(found[0]), period, rtol=1e-10)
    assert found[0, 0] == pytest.approx(period - 2e-3, rel=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_cutting_a_quiet_stretch_changes_nothing(seed):
    """The advance is exact: one step or several give the same membrane and the same spike."""
    rng, parts = np.random.default_rng(seed), 3
    neuron = double(NEURON)
    with jax.enable_x64(True):
        start = LIFState(
            jnp.asarray(rng.uniform(-75e-3, -55.1e-3, 16)),
            jnp.asarray(rng.normal(0, 2e-9, 16)),
            jnp.asarray(rng.choice([0.0, 1e-3], 16)),
        )
        whole, fired = _advance(neuron, start, np.float64(1.9e-3))
        state, times = start, []
        for k in range(parts):
            state, part = _advance(neuron, state, np.float64(1.9e-3 / parts))
            times.append(np.asarray(part.after) + k * 1.9e-3 / parts)
    joined = np.min([np.where(np.isnan(t), np.inf, t) for t in times], axis=0)
    wanted = np.where(np.isnan(np.asarray(fired.after)), np.inf, np.asarray(fired.after))
    assert np.array_equal(np.isinf(joined), np.isinf(wanted))
    there = np.isfinite(wanted)
    assert np.allclose(joined[there], wanted[there], rtol=0, atol=1e-13)
    assert np.allclose(np.asarray(state.v), np.asarray(whole.v), atol=1e-14)
    assert np.allclose(np.asarray(state.pause), np.asarray(whole.pause), atol=1e-13)


@eqx.filter_jit
def _advance(neuron, state, duration):
    return neuron.advance(state, duration, refinements=60)


def test_grid_converges_to_the_exact_events():
    """Arrivals off the grid move by at most half a step, and the spikes with them: first order in dt."""
    rng = np.random.default_rng(2)
    times = np.sort(rng.uniform(0.0, 0.3, (10, 60)), axis=1)
    connections = Connections.dense(rng.uniform(0, 150e-12, (4, 10)), delay=1e-3)
    neuron, synapse = double(NEURON), double(StaticSynapse())
    exact = run_events(neuron, connections, synapse, times, stop=0.3)
    errors = []
    for dt in (2e-4, 2e-5):
        found = run_grid(neuron, connections, synapse, times, stop=0.3, dt=dt)
        assert np.array_equal(np.isnan(found), np.isnan(exact))
        errors.append(np.nanmax(np.abs(found - exact)))
    assert errors[0] < 3 * 2e-4
    assert errors[1] < errors[0] / 3


def test_every_synapse_has_its_own_device_and_state():
    parameters = mho.parameters("ecram_stp_ref")
    device, pulse = parameters.device(), Pulse(1.0, 200e-9)
    many = mho.sample(device, *parameters.spreads(), n=6, key=jax.random.key(0))
    synapse = DeviceSynapse.of(many, pulse, dtype=np.float64)
    times = np.array([[0.01, 0.02, 0.03], [0.015, 0.016, np.nan]])
    connections = Connections.dense(np.ones((3, 2)) * 1e-12)
    come = arrivals(connections, synapse, times)
    assert come.times.size == 3 * 5
    assert np.all(np.diff(come.times) >= 0)
    wanted = np.asarray(train(synapse, times[np.asarray(connections.pre)])[0])
    assert np.sum(come.jumps) == pytest.approx(1e-12 * np.nansum(wanted), rel=1e-12)
    # inside the clock's loop the same synapses do the same (spikes on grid points)
    with jax.enable_x64(True):
        layer = cast(Layer(NEURON, synapse, connections, 1e-3), np.float64)
        state = layer.rest()
        raster = np.zeros((40, 2))
        raster[[10, 20, 30], 0] = 1
        raster[[15, 16], 1] = 1
        step = jax.jit(lambda state, row: layer.step(state, row)[0])
        for row in raster:
            state = step(state, row)
    final = train(synapse, times[np.asarray(connections.pre)])[1]
    for name in ("q", "x", "cycles", "pulses"):
        a, b = (jax.tree.leaves(getattr(s, name)) for s in (state.synapses, final))
        assert np.allclose(a, b, rtol=1e-10)


def test_delay_shifts_spikes():
    neuron, synapse = double(NEURON), double(StaticSynapse())
    times = [[1e-3]]
    strong = 5e-9
    plain = run_events(neuron, Connections.dense([[strong]]), synapse, times, stop=0.02)
    late = run_events(neuron, Connections.dense([[strong]], delay=4e-3), synapse, times, stop=0.02)
    assert np.allclose(late - plain, 4e-3, atol=1e-15)
    with pytest.raises(InputError, match="comes at -1 ms; times must not be negative"):
        run_events(neuron, Connections.dense([[strong]]), synapse, [[-1e-3]], stop=0.02)
    raster = np.zeros((200, 1))
    raster[10] = 1.0
    with jax.enable_x64(True):
        clocked = [
            run_layers(
                (cast(Layer(NEURON, StaticSynapse(), Connections.dense([[strong]]), 1e-4, delay=d), np.float64),),
                raster,
            )
            for d in (0, 40)
        ]
    first, second = (int(np.argmax(np.asarray(run[0].spikes)[:, 0])) for run in clocked)
    assert second - first == 40


def test_chain_and_feedback_run_on_one_clock():
    """Two layers in a chain, and one that excites itself through a device synapse and so never falls silent."""
    strong = Connections.dense([[8e-9]])
    quick = cast(Layer(NEURON, StaticSynapse(), strong, 1e-3, delay=1), np.float32)
    raster = np.zeros((60, 1), np.float32)
    raster[5] = 1.0
    first, second = run_layers((quick, quick), raster)
    assert int(first.spikes.sum()) >= 1
    assert int(np.argmax(np.asarray(second.spikes)[:, 0])) > int(np.argmax(np.asarray(first.spikes)[:, 0]))

    def step(carry, given):
        state, back = carry
        state, fired = quick.step(state, jnp.clip(given + back, 0.0, 1.0))
        return (state, fired.spikes), fired.spikes

    start = (quick.rest(), jnp.zeros(1, jnp.float32))
    _, looped = jax.jit(lambda raster: jax.lax.scan(step, start, raster))(jnp.asarray(raster))
    assert float(looped[-10:].sum()) >= 1


def test_surrogate_trains_a_weight():
    """The spike count's derivative by a weight is positive, and a few steps along it raise the count to its target."""
    raster = jnp.asarray(np.random.default_rng(0).random((100, 8)) < 0.1, jnp.float32)

    def count(weight):
        layer = cast(Layer(NEURON, StaticSynapse(), Connections.dense(np.ones((2, 8))), 1e-3), np.float32)
        layer = eqx.tree_at(lambda layer: layer.connections.weight, layer, jnp.repeat(weight, 8) * 1e-9)
        return jnp.sum(run_layers((layer,), raster)[0].spikes, axis=0)

    target = jnp.array([10.0, 14.0])

    @jax.jit
    def loss(weight):
        return jnp.sum((count(weight) - target) ** 2)

    weight = jnp.array([0.2, 0.2])
    slope = jax.jit(jax.grad(loss))
    assert np.all(np.asarray(jax.jit(count)(weight)) < target)
    assert np.all(np.asarray(slope(weight)) < 0)  # too few spikes: a larger weight lowers the loss
    before = float(loss(weight))
    for _ in range(40):
        step = slope(weight)
        weight = weight - 0.01 * step / (1.0 + jnp.abs(step))
    assert float(loss(weight)) < 0.1 * before


def test_surrogate_is_a_step_forwards_and_a_bump_backwards():
    x = jnp.array([-0.5, 0.0, 0.5])
    assert np.array_equal(spike(x), [0.0, 1.0, 1.0])
    slopes = np.asarray(jax.vmap(jax.grad(spike))(x))
    assert slopes[1] == 1.0
    assert slopes[0] == pytest.approx(1 / 36)


def test_bad_layers_are_named():
    with pytest.raises(ParameterError, match=r"pre runs from 0 to 3; allowed is 0 to 1"):
        Connections(np.array([0, 3]), np.array([0, 0]), np.ones(2), 0.0, 2, 1)
    with pytest.raises(ParameterError, match="one entry per synapse"):
        Connections(np.array([0, 1]), np.array([0]), np.ones(2), 0.0, 2, 1)
    with pytest.raises(ParameterError, match="v_reset"):
        LIF(1e-12, 2e-2, 3e-3, 2e-3, -70e-3, -50e-3, -55e-3)
    with pytest.raises(ParameterError, match="agree within"):
        LIF(1e-12, 3e-3, 3e-3, 2e-3, -70e-3, -70e-3, -55e-3)
    with pytest.raises(InputError, match="at most the refractory time, 2 ms"):
        run_grid(NEURON, Connections.dense([[1.0]]), StaticSynapse(), [[0.0]], stop=1.0, dt=5e-3)
