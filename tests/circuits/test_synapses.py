"""The ECRAM synapse in its circuit: resistance per spike, facilitation, energy, and its design value."""

from __future__ import annotations

import equinox as eqx
import numpy as np
import pytest

import mho
from mho.circuits.synapses import FacilitatingSynapse, gate_supply, stimulate
from mho.core.errors import InputError, SolverError
from mho.metrics.synapse import (
    TRAIN,
    facilitation,
    facilitation_ratio,
    paired_pulse,
    resistance_per_spike,
    synaptic_event,
)


@pytest.fixture(scope="module")
def device():
    return mho.parameters("ecram_stp_ref").device()


@pytest.fixture(scope="module")
def found(device):
    return facilitation(FacilitatingSynapse(device))


def test_resistance_per_spike_is_that_of_the_device(found, device):
    kpi = resistance_per_spike(found.train, device_step=float(device.r_step))
    assert kpi.value == pytest.approx(1500.0, rel=0.03)  # the requirement; the design value is solved to a few ohm
    assert np.all(np.diff(found.resistance[-1]) < 0)  # at 20 kHz nothing relaxes between spikes
    assert not kpi.failures


def test_gate_supply_is_the_default_and_differs_from_the_naive_level(device):
    level = gate_supply(FacilitatingSynapse(device))
    assert level == pytest.approx(1.0336, abs=5e-4)
    naive = stimulate(FacilitatingSynapse(device, v_gate=1.0), 1e-6 + 1e-5 * np.arange(TRAIN))
    assert -naive.step[0, 0] < 0.92 * 1500.0  # the channel's bias costs the rest


def test_gate_supply_says_when_there_is_none(device):
    with pytest.raises(SolverError, match="Widen span"):
        gate_supply(FacilitatingSynapse(device), r_step=9e3)


def test_facilitation_grows_with_rate_and_fades_with_silence(found):
    last = facilitation_ratio(found).value
    assert np.all(np.diff(last) > 0)
    assert 1.15 < last[-1] < 1.3  # the reference design measured 1.206 at 20 kHz
    assert np.all(np.diff(found.recovery, axis=1) < 0)
    assert np.all(found.recovery > 1.0)


def test_paired_pulse_ratio_follows_the_device(device):
    intervals = np.array([20e-6, 1e-3, 10e-3, 100e-3])
    ratio = paired_pulse(FacilitatingSynapse(device), intervals) - 1.0
    tau, a = np.array(device.tau), np.array(device.weights)
    left = np.sum(a * np.exp(-(intervals[:, None] - 200e-9) / tau), axis=1)
    # The excess charge is proportional to what is left of the first spike's loading, for changes this small. The mirror
    # remembers some 5e-4 of a charge from its start, which is 0.02 of the largest excess.
    np.testing.assert_allclose(ratio / ratio[0], left / left[0], rtol=0.03, atol=0.02)


def test_energy_of_an_event(found):
    kpi = synaptic_event(found.train)
    assert 0.7e-12 < kpi.value < 0.95e-12  # .62 to .65 pJ read and .22 pJ gate in the reference design
    assert np.max(np.abs(found.train.imbalance)) < 1e-3
    gate = found.train.energies["gate"]
    assert np.all(found.train.energies["drivers"] < gate)


def test_without_loading_nothing_facilitates(device):
    still = eqx.tree_at(lambda d: d.efficacy, device, np.asarray(1e-9))
    train = stimulate(FacilitatingSynapse(still), 1e-6 + 1e-5 * np.arange(TRAIN))
    np.testing.assert_allclose(train.facilitation, 1.0, atol=2e-4)  # charge is kept to the engine's tolerance


def test_overlapping_spikes_are_refused(device):
    with pytest.raises(InputError, match="further apart"):
        stimulate(FacilitatingSynapse(device), 1e-6 + 1e-7 * np.arange(TRAIN))
