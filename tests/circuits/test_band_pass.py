"""The band-pass synapse in its circuit: its charge per spike rises with the rate, peaks and falls again."""

from __future__ import annotations

import numpy as np
import pytest

from mho.circuits import PWL, Crossing
from mho.circuits.synapses import BandPassSynapse, stimulate
from mho.circuits.synapses.train import EDGE, clamped
from mho.core.errors import ParameterError
from mho.devices import ECRAM
from mho.interchange import run_ngspice, spice_text

RATES = np.array([200.0, 1e3, 4e3, 32e3, 100e3])
SPIKES = 40
U = 1 / 12  # share of the free room that a spike loads
WIDTH = 200e-9


def channel(tau: float, step: float, polarity: float) -> ECRAM:
    """12.5 kOhm at rest, `step` ohm less after a reference pulse, one mode."""
    rest = 1 / 12.5e3
    g_volatile = abs(1 / (12.5e3 - step) - rest) / U
    return ECRAM(
        g_min=4e-6,
        g_max=200e-6,
        x_0=(rest - 4e-6) / 196e-6,
        g_volatile=g_volatile,
        efficacy=U,
        v_ref=1.0,
        t_ref=WIDTH,
        v_0=0.25,
        weights=(1.0,),
        tau=(tau,),
        polarity=polarity,
    )


@pytest.fixture(scope="module")
def synapse():
    return BandPassSynapse(channel(5e-3, 750.0, 1.0), channel(0.2e-3, -1500.0, -1.0))


@pytest.fixture(scope="module")
def train(synapse):
    return stimulate(synapse, 1e-6 + np.arange(SPIKES) / RATES[:, None], width=WIDTH, lanes=len(RATES))


def test_gain_rises_and_falls_with_the_rate(train):
    assert not train.failures
    gain = train.facilitation[:, -1]
    peak = int(np.argmax(gain))
    assert RATES[peak] == 4e3  # between 1/(U tau) of the two channels, 2.4 kHz and 60 kHz
    assert np.all(np.diff(gain[: peak + 1]) > 0.02)  # the rise; charges are good to some 1e-4 of the first
    assert np.all(np.diff(gain[peak:]) < -0.1)  # the fall
    # The reference design measured 1.009 and 1.083. It loads 4 % less per pulse, which moves these gains by less than
    # 0.001, and its charges hold the mirror's tail after each spike, which those here do not.
    np.testing.assert_allclose(gain[[0, peak]], [1.009, 1.083], atol=0.006)
    assert gain[-1] < 0.63  # its gain at 100 kHz, with the tail, which dilutes the effect


def test_both_channels_move_their_own_way_under_positive_pulses(train):
    # The facilitating channel loses resistance at every rate (what stimulate reads is this channel), the more the
    # higher the rate, so the fall of the gain is the other channel's.
    assert np.all(train.step < 0)
    assert np.all(np.diff(train.before[:, -1]) < 0)


def test_energy_books_balance(train):
    assert np.max(np.abs(train.imbalance)) < 1e-3


@pytest.mark.ngspice
def test_gain_against_ngspice(ngspice, synapse, train):
    starts, k = train.starts[-1, :8], 8
    spikes = PWL.pulses(list(starts), width=WIDTH, high=1.0, edge=EDGE)
    circuit = clamped(synapse, spikes, v_membrane=0.0)
    gate = [Crossing("synapse.gate", 0.05, rising=up, after=0.5e-6) for up in (True, False)]

    def gain(reltol: float) -> np.ndarray:
        text = spice_text(circuit, starts[-1] + 1e-6, save=("synapse.gate",), reltol=reltol, max_step=200e-9)
        run = run_ngspice(text, program=ngspice)
        current = run["i(clamp.membrane)"]
        steps = 0.5 * (current[1:] + current[:-1]) * np.diff(run.times)
        charge = np.interp([run.crossings(c) for c in gate], run.times, np.concatenate([[0.0], np.cumsum(steps)]))
        return (charge[1] - charge[0]) / (charge[1, 0] - charge[0, 0])

    coarse, fine = gain(1e-4), gain(1e-5)
    assert fine.shape == (k,)
    np.testing.assert_allclose(coarse, fine, rtol=5e-3 / 3)  # ngspice's own error is below a third of the tolerance
    np.testing.assert_allclose(train.facilitation[-1, :k], fine, rtol=5e-3)  # 0.5 % of a charge
    assert fine[-1] < 0.85


@pytest.mark.parametrize(("polarities", "name"), [((1.0, 1.0), "depressing"), ((-1.0, 1.0), "facilitating")])
def test_channels_of_the_wrong_polarity_are_refused(polarities, name):
    with pytest.raises(ParameterError, match=f"{name}.*sign"):
        BandPassSynapse(channel(5e-3, 750.0, polarities[0]), channel(0.2e-3, -1500.0, polarities[1]))
