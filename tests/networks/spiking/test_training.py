"""Training through time: losses fall, what a chip tunes stays in its range, prices are paid, devices are drawn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core.errors import InputError, ParameterError
from mho.devices import Pulse
from mho.networks import Hardware, WeightNoise
from mho.networks.spiking import (
    Bill,
    ClockedDevice,
    Conditions,
    Costs,
    CurrentLIF,
    EventEnergy,
    Readout,
    SpikingLayer,
    SpikingNetwork,
    Tuned,
    accuracies,
    outputs_of,
    stacked_networks,
    train_ensemble,
)
from mho.networks.spiking.training import scattered
from mho.networks.tasks import interval

DT = 5e-3
WIDTH = Tuned(lambda n: n.layers[0].synapse.width, 50e-9, 10e-6)


@pytest.fixture(scope="module")
def device():
    return mho.parameters("ecram_stp_ref").device()


@pytest.fixture(scope="module")
def data():
    how = {"intervals": (20e-3, 120e-3), "packet": 3, "onset": 20e-3, "duration": 0.2}
    made = [interval(128, key=jax.random.key(k), **how) for k in (0, 1)]
    return np.stack([t.spikes for t in made]), np.stack([t.labels for t in made])


def network(device, key):
    synapse = ClockedDevice.of(device, utilisation=np.full(8, 1 / 12))
    neuron = CurrentLIF(10e-3, 5e-3)
    first, second = jax.random.split(key)
    layer = SpikingLayer.of(8, 12, neuron, dt=DT, key=first, gain=1.5, synapse=synapse)
    return SpikingNetwork((layer,), Readout.of(12, 2, tau=DT, dt=DT, key=second, gain=10.0))


@pytest.fixture(scope="module")
def trained(device, data):
    """Two networks under everything at once: spread, noise, noisy weights, a price on spikes, tuned widths."""
    nets = stacked_networks([network(device, jax.random.key(k)) for k in (2, 3)], (WIDTH,))
    conditions = Conditions(
        hardware=Hardware((WeightNoise(0.02),)),
        spreads=tuple(mho.parameters("ecram_stp_ref").spreads()),
        noisy=True,
        costs=Costs(spikes=1e-3),
    )
    how = {"keys": jax.random.split(jax.random.key(4)), "epochs": 12, "batch": 32, "rate": 2e-2}
    return nets, train_ensemble(nets, *data, conditions=conditions, tuned=(WIDTH,), **how)


def test_losses_fall_and_decisions_are_better_than_guesses(trained, data):
    _, done = trained
    assert done.losses.shape == (2, 48)
    assert np.all(done.losses[:, -4:].mean(axis=1) < 0.95 * done.losses[:, :4].mean(axis=1))
    y, did = outputs_of(done.networks, data[0], keys=jax.random.split(jax.random.key(5)), tuned=(WIDTH,))
    assert np.mean(accuracies(y, data[1])) > 0.6  # 256 trials: a guess gets there once in a thousand
    assert y.shape == (2, 128, 2)
    assert did[0].cycles.shape == (2, 128)


def test_tuned_quantities_move_inside_their_range(trained):
    before, done = trained
    start, end = (np.asarray(WIDTH.of(n)) for n in (before, done.networks))
    assert start.shape == end.shape == (2, 8)
    assert np.all((end > 50e-9) & (end < 10e-6))
    assert np.max(np.abs(np.log(end / start))) > 0.01
    middle = WIDTH.value(WIDTH.inside(jnp.float32(1e-6)))
    assert float(middle) == pytest.approx(1e-6, rel=1e-4)
    with pytest.raises(InputError, match="0 < low < high"):
        Tuned(WIDTH.of, 1.0, 0.5)


def test_devices_are_drawn_as_mho_draws_them(device):
    """Log-normal with the set's sigmas: 4000 devices, of whom the standard deviation is known to 1.1 %."""
    layer = SpikingLayer.of(4000, 2, CurrentLIF(10e-3), dt=DT, key=jax.random.key(0), synapse=ClockedDevice.of(device))
    whole = SpikingNetwork((layer,), Readout.of(2, 2, tau=DT, dt=DT, key=jax.random.key(1)))
    spreads = mho.parameters("ecram_stp_ref").spreads()
    drawn = scattered(whole, spreads, key=jax.random.key(2)).layers[0].synapse.device
    for leaf in (drawn.g_volatile, drawn.efficacy, *drawn.tau):
        assert np.std(np.log(np.asarray(leaf))) == pytest.approx(0.1, rel=0.05)
    assert abs(np.corrcoef(np.log(drawn.tau[0]), np.log(drawn.tau[1]))[0, 1]) < 0.08
    assert np.shape(drawn.g_rest) == ()


def test_a_price_on_spikes_makes_them_fewer(device, data):
    x, labels = (part[:1, :32] for part in data)
    nets = stacked_networks([network(device, jax.random.key(2))])
    how = {"keys": jax.random.key(4)[None], "epochs": 10, "batch": 32, "rate": 2e-2}

    def spikes(costs):
        done = train_ensemble(nets, x, labels, conditions=Conditions(costs=costs), **how)
        return float(np.mean(outputs_of(done.networks, x, keys=how["keys"])[1][0].spikes))

    free, dear = spikes(Costs()), spikes(Costs(spikes=0.05))
    assert dear < 0.8 * free


def test_the_bill_is_counts_times_energies(device):
    pulse = Pulse(device.v_ref, device.t_ref)
    energy = EventEnergy.of(device, pulse, g=40e-6, v_read=0.1, t_read=200e-9)
    assert energy.gate == pytest.approx(0.2e-12, rel=0.02)  # c v^2; the rest is leakage
    assert energy.read == pytest.approx(40e-6 * 0.01 * 200e-9)
    net = network(device, jax.random.key(0))
    spikes = jnp.zeros((20, 1, 8)).at[3, 0, :].set(1.0)
    _, did = net(spikes)
    bill = Bill.of(did, energy, plastic=True)
    assert (bill.pulses, bill.events) == (8.0, 96.0)
    assert bill.gate == pytest.approx(8 * energy.gate)
    assert bill.read == pytest.approx(96 * energy.read)
    assert bill.cycles == pytest.approx(8 / 12, rel=1e-3)
    assert Bill.of(did, energy, plastic=False).gate == 0.0


def test_what_does_not_fit_is_named(device, data):
    nets = stacked_networks([network(device, jax.random.key(2))])
    with pytest.raises(InputError, match="a key a network"):
        train_ensemble(nets, *data, keys=jax.random.key(4)[None])


def test_networks_that_were_not_put_together_are_named(device, data):
    one, keys = network(device, jax.random.key(0)), jax.random.split(jax.random.key(1))
    pair = stacked_networks([one, one])
    how = {"keys": keys, "epochs": 1, "batch": 32, "rate": 1e-2}
    x, labels = data
    with pytest.raises(InputError, match=r"Put them together with stacked_networks"):
        train_ensemble(one, x, labels, **how)
    with pytest.raises(InputError, match=r"tuned quantity 0 has shape \(8,\), without an axis for the 2 networks"):
        train_ensemble(pair, x, labels, tuned=(WIDTH,), **how)
    with pytest.raises(InputError, match="tuned quantity 0"):
        outputs_of(pair, x, keys=keys, tuned=(WIDTH,))
    with pytest.raises(InputError, match="Labels run from 5 to 6; a readout of 2 takes 0 to 1"):
        train_ensemble(pair, x, labels + 5, **how)
    with pytest.raises(InputError, match="at a rate of nan; both must be above 0"):
        train_ensemble(pair, x, labels, **(how | {"rate": float("nan")}))


def test_layers_that_cannot_be_are_named(device):
    with pytest.raises(ParameterError, match=r"utilisation is 2\.0; every share must lie between 0 and 1"):
        ClockedDevice.of(device, utilisation=2.0)
    with pytest.raises(ParameterError, match="is an ECRAM, not a StanfordPKU"):
        ClockedDevice.of(mho.parameters("stanford_pku_hfo2").device())
    how = {"neuron": CurrentLIF(10e-3), "dt": DT, "key": jax.random.key(0)}
    with pytest.raises(InputError, match="runs from 9 to 9 steps; it must lie between 0 and longest, 5"):
        SpikingLayer.of(8, 4, delay=jnp.full(8, 9.0), longest=5, **how)
    with pytest.raises(InputError, match=r"delay has shape \(3,\); give one, or one for each of 8"):
        SpikingLayer.of(8, 4, delay=jnp.ones(3), longest=5, **how)
    with pytest.raises(InputError, match="A layer of 0 neurons"):
        SpikingLayer.of(8, 0, **how)
    with pytest.raises(InputError, match="steps of 5 ms, 1 ms; a network has one clock"):
        SpikingNetwork((SpikingLayer.of(8, 4, **how),), Readout.of(4, 2, tau=DT, dt=1e-3, key=how["key"]))
