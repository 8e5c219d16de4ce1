"""Layers: equal to the event-wise ones where these can follow, and derivatives written out equal to those found."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import ChipError, InputError
from mho.core.fields import cast
from mho.networks import LIF, Connections, Hardware, Layer, TsodyksMarkram, WeightNoise, run_layers
from mho.networks.spiking import (
    ClockedTM,
    ConductanceLIF,
    Costs,
    CurrentLIF,
    Placed,
    Readout,
    SpikingLayer,
    SpikingNetwork,
    Static,
    delayed,
    listed,
    unrolling,
    weights_of,
)

DT = 1e-3
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def raster():
    return (np.random.default_rng(1).random((60, 4, 5)) < 0.15).astype(np.float64)


@pytest.fixture(scope="module")
def network():
    """Recurrent, Tsodyks-Markram in front of weights and in the feedback, adaptive and refractory."""
    neuron = CurrentLIF(10e-3, 4e-3, t_ref=2e-3, adaptation=0.1, tau_adapt=0.1)
    tm = ClockedTM(0.2, 0.1, 0.4, unit=0.2)
    how = {"recurrent": True, "gain": 3.0, "synapse": tm, "feedback_synapse": tm}
    layer = SpikingLayer.of(5, 6, neuron, dt=DT, key=KEY, **how)
    return SpikingNetwork((layer,), Readout.of(6, 3, tau=10e-3, dt=DT, key=KEY))


def double(module):
    """In double precision: what was drawn in single too."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64) if eqx.is_inexact_array(x) else x, module)


@pytest.mark.parametrize("plastic", [False, True])
def test_a_batch_of_one_is_the_clocked_layer(x64, raster, plastic):
    """The same neuron, spikes placed within steps, the same synapses: every spike falls into the same step."""
    lif = cast(LIF(1.0, 10e-3, 4e-3, 2e-3, 0.0, 0.0, 1.0), np.float64)
    weight = np.random.default_rng(2).normal(150.0, 100.0, (6, 5)) * (4.0 if plastic else 1.0)
    tm = cast(TsodyksMarkram(0.2, tau_f=0.4, tau_rec=0.1), np.float64)
    from mho.networks import StaticSynapse

    theirs = Layer(lif, tm if plastic else cast(StaticSynapse(), np.float64), Connections.dense(weight), DT)
    (wanted,) = run_layers((cast(theirs, np.float64),), jnp.asarray(raster[:, 0]))
    layer = SpikingLayer.of(
        5, 6, Placed(lif), dt=DT, key=KEY, synapse=ClockedTM(0.2, 0.1, 0.4) if plastic else Static()
    )
    layer = eqx.tree_at(lambda n: n.feed.weight, layer, jnp.asarray(weight))
    found, did = layer(jnp.asarray(raster[:, :1]))
    assert float(jnp.sum(wanted.spikes)) > 20
    np.testing.assert_array_equal(found[:, 0], wanted.spikes)
    assert float(did.spikes[0]) == float(jnp.sum(wanted.spikes))


def test_below_threshold_the_membrane_is_the_exact_one(x64):
    """One jump of current, then silence: LIF's own solution in normalised units."""
    lif = cast(LIF(1.0, 10e-3, 4e-3, 2e-3, 0.0, -1.0, 1e9), np.float64)
    steps = CurrentLIF(10e-3, 4e-3).prepared(DT)
    state, other = steps.rest(1, 1, jnp.float64), lif.rest(1)
    for k in range(20):
        drive = 0.3 if k == 0 else 0.0
        state, _ = steps.step(state, jnp.full((1, 1), drive))
        jump = drive / 4e-3  # w tau_m / tau_syn, over the resistance tau_m / c
        other, _ = lif.advance(eqx.tree_at(lambda s: s.i, other, other.i + jump), DT)
        assert float(state.v[0, 0]) == pytest.approx(float(other.v[0]), rel=1e-12)
    alike = CurrentLIF(10e-3, 10e-3).prepared(DT).current[2]
    assert float(alike) == pytest.approx(0.1 * np.exp(-0.1), rel=1e-12)  # equal times: t/tau exp(-t/tau)


def test_a_refractory_neuron_rests_and_an_adaptive_one_slows(x64):
    def spikes(neuron):
        ready = neuron.prepared(DT)
        drive = jnp.full((200, 1, 1), 0.4)
        return np.flatnonzero(
            jax.lax.scan(lambda s, d: ready.step(s, d), ready.rest(1, 1, jnp.float64), drive)[1][:, 0, 0]
        )

    plain, pausing = spikes(CurrentLIF(10e-3)), spikes(CurrentLIF(10e-3, t_ref=5e-3))
    # three steps of 0.4 reach the threshold; five steps held, then three again
    assert set(np.diff(plain)) == {3}
    assert set(np.diff(pausing)) == {8}
    slowing = np.diff(spikes(CurrentLIF(10e-3, adaptation=0.5, tau_adapt=0.2)))
    assert np.all(np.diff(slowing[:5]) >= 0)
    assert slowing[4] > slowing[0]
    fewer = spikes(CurrentLIF(10e-3, reset="subtract"))
    assert len(fewer) >= len(plain)


def test_a_conductance_draws_the_membrane_to_its_reversal(x64):
    """Steady excitation: v = g E / (1 + g) (threshold out of reach), shunted by inhibition at rest's level."""
    ready = ConductanceLIF(10e-3, 1e3, 1e3, e_e=1.5, e_i=0.0).prepared(DT)
    state = ready.rest(1, 1, jnp.float64)
    state, _ = ready.step(state, jnp.asarray([[1.0, 0.0]]))
    for _ in range(300):
        state, fired = ready.step(state, jnp.zeros((1, 2)))
    assert float(state.v[0, 0]) == pytest.approx(1.5 / 2.0, rel=1e-3)  # conductances decay over 1000 s
    state, _ = ready.step(state, jnp.asarray([[0.0, 1.0]]))
    for _ in range(300):
        state, fired = ready.step(state, jnp.zeros((1, 2)))
    assert float(state.v[0, 0]) == pytest.approx(1.5 / 3.0, rel=1e-3)
    assert float(fired[0, 0]) == 0.0
    layer = SpikingLayer.of(5, 6, ConductanceLIF(10e-3, 5e-3, 5e-3), dt=DT, key=KEY)
    assert layer.feed.weight.shape == (12, 5)
    assert layer.neurons == 6


def test_the_derivative_written_out_is_the_one_that_is_found(x64, network, raster, monkeypatch):
    """Weights, drive, neurons and synapses of a recurrent layer: against JAX's own pass through the same scan."""
    network, spikes = double(network), jnp.asarray(raster)
    moving, fixed = eqx.partition(network, eqx.is_inexact_array)

    def cost(moving):
        y, did = eqx.combine(moving, fixed)(spikes)
        return jnp.sum(y**2) + Costs(spikes=0.1, events=0.01)(did)

    value, found = jax.jit(jax.value_and_grad(cost))(moving)
    monkeypatch.setattr(unrolling, "_unrolled", lambda parts, n: unrolling._plain(parts, n, None))
    again, wanted = jax.jit(jax.value_and_grad(lambda m: cost(m)))(moving)
    assert float(value) == pytest.approx(float(again), rel=1e-12)
    sizes = [float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(wanted)]
    assert sum(size > 0 for size in sizes) >= 10
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_delays_interpolate_and_have_slopes(x64, raster):
    signal = jnp.asarray(raster)
    moved = delayed(signal, jnp.asarray([0.0, 1.0, 2.5, 3.0, 9.0]), longest=4)
    np.testing.assert_array_equal(moved[:, :, 0], raster[:, :, 0])
    np.testing.assert_array_equal(moved[1:, :, 1], raster[:-1, :, 1])
    np.testing.assert_allclose(moved[3:, :, 2], 0.5 * (raster[1:-2, :, 2] + raster[:-3, :, 2]), atol=1e-15)
    np.testing.assert_array_equal(moved[4:, :, 4], raster[:-4, :, 4])  # cut to the longest
    target = jnp.asarray(np.roll(raster, 2, axis=0))

    def cost(d):
        return jnp.sum((delayed(signal, d, longest=4) - target) ** 2)

    d = jnp.full(5, 1.3)
    step = 1e-6
    central = [(cost(d.at[j].add(step)) - cost(d.at[j].add(-step))) / (2 * step) for j in range(5)]
    np.testing.assert_allclose(jax.grad(cost)(d), central, rtol=1e-6)


def test_spikes_may_be_listed(raster):
    layer = SpikingLayer.of(5, 6, CurrentLIF(10e-3), dt=DT, key=KEY, recurrent=True, gain=3.0)
    spikes = jnp.asarray(raster, jnp.float32)
    dense, did = layer(spikes)
    sparse, same = layer(jnp.asarray(listed(raster)))
    np.testing.assert_array_equal(dense, sparse)
    np.testing.assert_array_equal(did.events, same.events)
    np.testing.assert_array_equal(dense, layer(jnp.asarray(raster, jnp.uint8))[0])  # bytes are 1 and 0
    biased = eqx.tree_at(lambda n: n.feed.bias, layer, jnp.full(6, 0.01), is_leaf=lambda x: x is None)
    slopes = [
        eqx.filter_grad(lambda n, x=x: jnp.sum(n(x)[0] * jnp.arange(6.0)))(biased)
        for x in (spikes, jnp.asarray(listed(raster)))
    ]
    assert float(jnp.min(jnp.abs(slopes[0].feed.bias))) > 0
    for of in (lambda n: n.feed.weight, lambda n: n.feed.bias, lambda n: n.feedback.weight):
        np.testing.assert_allclose(of(slopes[0]), of(slopes[1]), rtol=1e-4, atol=1e-3)
    with pytest.raises(InputError, match="as 1 and 0"):
        eqx.tree_at(lambda n: n.synapse, layer, ClockedTM(0.2, 0.1, 0.4))(jnp.asarray(listed(raster)))
    with pytest.raises(InputError, match="7 sources"):
        layer(jnp.zeros((3, 2, 7)))
    with pytest.raises(InputError, match=r"nan at \(1, 2, 3\)"):
        layer(spikes.at[1, 2, 3].set(jnp.nan))
    with pytest.raises(InputError, match=r"shape \(3, 5\)"):
        layer(jnp.zeros((3, 5)))


def test_a_synapse_per_weight_is_one_per_source_where_all_are_alike(raster):
    tm = ClockedTM(0.2, 0.1, 0.4, unit=0.2)
    layer = SpikingLayer.of(5, 6, CurrentLIF(10e-3), dt=DT, key=KEY, gain=2.0, synapse=tm)
    whole = SpikingLayer.of(5, 6, CurrentLIF(10e-3), dt=DT, key=KEY, gain=2.0, synapse=tm, per_weight=True)
    spikes = jnp.asarray(raster, jnp.float32)
    assert float(jnp.sum(layer(spikes)[0])) > 5
    np.testing.assert_array_equal(layer(spikes)[0], whole(spikes)[0])
    each = ClockedTM(np.full((6, 5), 0.2), np.linspace(0.01, 0.5, 30).reshape(6, 5), np.full((6, 5), 0.4), unit=0.2)
    several = eqx.tree_at(lambda n: n.synapse, whole, each)
    assert float(jnp.sum(jnp.abs(several(spikes)[0] - whole(spikes)[0]))) > 0
    with pytest.raises(ChipError, match="per weight"):
        Hardware().on(SpikingNetwork((whole,), Readout.of(6, 3, tau=0.01, dt=DT, key=KEY)), key=None)(spikes)


def test_hardware_stands_in_for_every_matrix(network, raster):
    """Products through operands are those of arrays; noise and rounding move them in feed, feedback and readout."""
    spikes = jnp.asarray(raster, jnp.float32)
    exact, _ = network(spikes)
    same, _ = Hardware().on(network, key=None)(spikes)
    np.testing.assert_allclose(same, exact, atol=1e-5)
    noisy, _ = Hardware((WeightNoise(0.2),), input_bits=4, output_bits=4).on(network, key=KEY)(spikes)
    assert float(jnp.max(jnp.abs(noisy - exact))) > 1e-2
    assert len(weights_of(network)) == 4


def test_readouts_agree_with_the_integrator(x64, raster):
    """Mean, last and largest value of the leaky integrator, stepped by hand."""
    base = double(Readout.of(5, 3, tau=7e-3, dt=DT, key=KEY))
    o, trace = np.zeros((4, 3)), []
    for now in raster:
        o = np.exp(-DT / 7e-3) * o + now @ np.asarray(base.linear.weight).T
        trace.append(o)
    wanted = {"mean": np.mean(trace, axis=0), "last": trace[-1], "max": np.max(trace, axis=0)}
    for reduction, value in wanted.items():
        readout = Readout(base.linear, base.tau, base.dt, reduction=reduction)
        np.testing.assert_allclose(readout(jnp.asarray(raster)), value, rtol=1e-10, atol=1e-12)
