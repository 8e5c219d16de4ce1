"""Synapses on a clock are the synapses of the events: same numbers, spike by spike, and derivatives that are slopes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core.errors import ParameterError
from mho.core.fields import cast
from mho.devices import Pulse
from mho.networks import Convention, DeviceSynapse, TsodyksMarkram, train
from mho.networks.spiking import ClockedDevice, ClockedTM, Eventwise, Static
from mho.networks.spiking.plasticity import as_precise

DT = 5e-3
STEPS, SOURCES = 120, 3
EXACT = 1e-12  # double precision; some hundred roundings of numbers below 1


@pytest.fixture(scope="module")
def device():
    """The preset without long-term change, which the clock leaves out."""
    return eqx.tree_at(lambda d: d.consolidation, mho.parameters("ecram_stp_ref").device(), np.zeros(()))


@pytest.fixture(scope="module")
def raster():
    return (np.random.default_rng(0).random((STEPS, 1, SOURCES)) < 0.2).astype(np.float64)


def releases(synapse, raster, key=None):
    """Releases of every step, (steps, batch, sources), in the precision of the raster."""
    spikes = jnp.asarray(raster)
    ready = as_precise(synapse.prepared(DT), spikes.dtype)
    keys = None if key is None else jax.random.split(key, len(raster))

    def step(state, item):
        state, release, cycles = ready.step(state, *item)
        return state, (release, cycles)

    return jax.lax.scan(step, ready.rest(spikes.shape[1:], spikes.dtype), (spikes, keys))[1]


def at_spikes(raster, values):
    """For each source, what stands at its spikes."""
    return [np.asarray(values)[raster[:, 0, j] > 0, 0, j] for j in range(raster.shape[-1])]


def times(raster):
    return [np.flatnonzero(raster[:, 0, j]) * DT for j in range(raster.shape[-1])]


def test_tsodyks_markram_is_that_of_the_events(x64, raster):
    synapse = ClockedTM(0.1, 0.15, 0.6)
    reference = cast(TsodyksMarkram(0.1, tau_f=0.6, tau_rec=0.15), np.float64)
    for found, when in zip(at_spikes(raster, releases(synapse, raster)[0]), times(raster), strict=True):
        np.testing.assert_allclose(found, np.asarray(train(reference, when)[0]), rtol=EXACT)


def test_an_endless_train_comes_to_the_closed_form(x64):
    """u = U/[1-(1-U)e_f], x = (1-e_r)/[1-(1-u)e_r] (Tsodyks, Pawelzik, Markram 1998); 4000 spikes are 20 s of a
    recovery of 0.6 s, so that the way there is over."""
    U, tau_rec, tau_f = 0.2, 0.15, 0.6
    e_f, e_r = np.exp(-DT / tau_f), np.exp(-DT / tau_rec)
    u = U / (1 - (1 - U) * e_f)
    x = (1 - e_r) / (1 - (1 - u) * e_r)
    found = releases(ClockedTM(U, tau_rec, tau_f, unit=U), np.ones((4000, 1, 1)))[0]
    assert float(found[-1, 0, 0]) == pytest.approx(u * x / U, rel=EXACT)


def test_the_device_is_that_of_the_events(x64, device, raster):
    """A device a source, each of its own: affine map and decays against the event face, spike by spike."""
    spreads = mho.parameters("ecram_stp_ref").spreads()
    devices = mho.sample(device, *spreads, n=SOURCES, key=jax.random.key(1))
    pulse = Pulse(1.0, 1e-6)
    clocked = ClockedDevice.of(devices, pulse)
    found = at_spikes(raster, releases(clocked, raster)[0])
    reference = DeviceSynapse.of(devices, pulse, baseline=clocked.baseline, unit=float(clocked.unit), dtype=np.float64)
    most = max(len(t) for t in times(raster))
    padded = np.stack([np.pad(t, (0, most - len(t)), constant_values=np.nan) for t in times(raster)])
    wanted = np.asarray(train(reference, padded)[0])
    for j, row in enumerate(found):
        np.testing.assert_allclose(row, wanted[j, : len(row)], rtol=1e-11)  # the pulse is a difference of 1e-2
    # ... and a device's first spike counts as 1, the mean of all as unit
    assert np.mean([row[0] for row in found]) == pytest.approx(1.0, abs=0.3)


def test_any_synapse_runs_eventwise(x64, raster):
    reference = cast(TsodyksMarkram(0.3, tau_f=0.1, tau_rec=0.2, convention=Convention.UMINUS_RELAX_U), np.float64)
    for found, when in zip(at_spikes(raster, releases(Eventwise(reference), raster)[0]), times(raster), strict=True):
        np.testing.assert_allclose(found, np.asarray(train(reference, when)[0]), rtol=EXACT)


def test_consolidation_is_what_the_clock_leaves_out(x64, raster):
    """The whole law of the preset, eventwise, differs from the clock's by what is consolidated within 0.6 s."""
    whole = mho.parameters("ecram_stp_ref").device()
    clocked = ClockedDevice.of(whole)
    events = DeviceSynapse.of(whole, Pulse(whole.v_ref, whole.t_ref), baseline=clocked.baseline, dtype=np.float64)
    found = np.asarray(releases(clocked, raster)[0])
    wanted = np.asarray(releases(Eventwise(events, float(clocked.unit) / float(events.unit)), raster)[0])
    apart = np.max(np.abs(found - wanted)) / np.max(wanted)
    assert 1e-6 < apart < 0.01


def test_wear_adds_up_to_the_devices_own(x64, device, raster):
    clocked = ClockedDevice.of(device)
    reference = DeviceSynapse.of(device, Pulse(device.v_ref, device.t_ref), dtype=np.float64)
    own = sum(float(train(reference, when)[1].cycles) for when in times(raster))
    assert float(jnp.sum(releases(clocked, raster)[1])) == pytest.approx(own, rel=1e-10)


def test_noise_has_the_devices_size(device):
    """Read noise alone: a tenth of the conductance at rest over the conductance of a first spike."""
    loud = eqx.tree_at(lambda d: (d.sigma_cycle, d.sigma_read), device, (np.zeros(()), np.asarray(0.1)))
    synapse = ClockedDevice.of(loud)
    first = np.asarray(releases(synapse, np.ones((1, 4000, 1), np.float32), jax.random.key(2))[0])
    g = float(synapse.unit) + float(device.g_rest)
    assert np.std(first) == pytest.approx(0.1 * g / float(synapse.unit), rel=0.05)  # 4000 draws: 1.1 % each


@pytest.mark.parametrize("name", ["U", "tau_rec", "tau_f"])
def test_derivatives_of_tsodyks_markram_are_slopes(x64, raster, name):
    start = cast(ClockedTM(0.1, 0.15, 0.6), np.float64)

    def total(value):
        return jnp.sum(releases(eqx.tree_at(lambda s: getattr(s, name), start, value), raster)[0] ** 2)

    _slope(total, float(getattr(start, name)))


@pytest.mark.parametrize("name", ["width", "temperature"])
def test_derivatives_of_what_a_chip_tunes_are_slopes(x64, device, raster, name):
    start = ClockedDevice.of(device)

    def total(value):
        return jnp.sum(releases(eqx.tree_at(lambda s: getattr(s, name), start, value), raster)[0] ** 2)

    _slope(total, float(getattr(start, name)))


def _slope(function, at):
    step = 1e-5 * at
    function = jax.jit(function)
    central = (float(function(at + step)) - float(function(at - step))) / (2 * step)
    assert float(jax.grad(function)(at)) == pytest.approx(central, rel=1e-6)


def test_a_wide_pulse_loads_more_and_a_hot_device_forgets(device, raster):
    wide, hot = ClockedDevice.of(device, utilisation=[0.1, 0.3, 0.5]), ClockedDevice.of(device, temperature=330.0)
    with jax.enable_x64(True):
        loads = [float(np.ravel(row)[0]) for row in np.broadcast_arrays(*[x[-1] for x in wide.prepared(DT).load])[0:1]]
        total = sum(np.asarray(row[-1]) for row in wide.prepared(DT).load)
    assert loads[0] > 0
    np.testing.assert_allclose(total, [0.1, 0.3, 0.5], rtol=1e-4)  # but for release during a microsecond of 20 ms
    cold = ClockedDevice.of(device).prepared(DT).decays
    assert all(h < c for h, c in zip(hot.prepared(DT).decays, cold, strict=True))


def test_one_gain_makes_a_first_spike_of_an_aged_device_count_as_when_new(x64, device):
    """With both constants of aging at 1, half of the loading and half of the conductance leave a quarter."""
    aging = eqx.tree_at(lambda d: (d.aging_rate, d.aging_conductance), device, (np.ones(()), np.ones(())))
    half = float(np.log(2.0)) * mho.devices.ECRAM.aging_time
    old = ClockedDevice.of(aging, utilisation=1e-3, age=half)
    once = np.ones((1, 1, 1))
    assert float(releases(old, once)[0][0, 0, 0]) == pytest.approx(0.25, rel=1e-3)  # 1e-3: the room a pulse fills
    assert float(releases(old.calibrated(), once)[0][0, 0, 0]) == pytest.approx(1.0, rel=EXACT)


def test_a_read_out_that_is_not_linear_is_refused():
    device = eqx.tree_at(lambda d: d.exponent, mho.parameters("ecram_stp_ref").device(), np.asarray(1.5))
    with pytest.raises(ParameterError, match="Eventwise"):
        ClockedDevice.of(device)


def test_static_is_the_spikes(raster):
    np.testing.assert_array_equal(releases(Static(), raster.astype(np.float32))[0], raster)
