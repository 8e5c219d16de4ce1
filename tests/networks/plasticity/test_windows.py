"""Windows of plasticity from the devices' own equations: closed forms, signs, thresholds, tables within their error."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core import InputError, ParameterError
from mho.devices.behavioural import StepState
from mho.devices.reram.cell import CellState
from mho.networks.plasticity import (
    Envelope,
    GatedPulses,
    Overlap,
    SpikeWave,
    gated_window,
    overlap_window,
    pair_table,
)

PRE, POST = SpikeWave(0.015, 1e-6, 0.1, 10e-6, 50e-6), SpikeWave(0.14, 2e-9, 0.01, 10e-6, 50e-6)
WAVES = Overlap(PRE, POST, -1.0)


@pytest.fixture(scope="module")
def vteam():
    return mho.parameters("vteam_memtorch").device()


@pytest.fixture(scope="module")
def window(vteam):
    return overlap_window(WAVES, vteam, np.linspace(-20e-6, 20e-6, 41), [0.4, 0.6])


def conductance(device, x):
    return 1.0 / (device.r_on + (device.r_off - device.r_on) * (1.0 - x))


def test_window_has_the_closed_form_of_a_threshold_device(vteam, window):
    """Pre first: the plateau of the one on the tail of the other, (v/v_on - 1)^3 with an exponential inside; post
    first: (v/v_off - 1)^1. Both integrals are elementary; the integration is within 1e-5 of the change (0.05)."""
    d = vteam
    lags = window.lags
    early = (lags > 2e-6) & (lags < 20e-6)
    late = (lags < -2e-6) & (lags > -20e-6)
    expected = np.zeros_like(lags)
    # on: v = -(0.14 + 0.1 exp(-(t - 1 us)/tau)) over 2 ns from the lag on; u = v/v_on - 1 = a + b exp(-t/tau)
    a = 0.14 / 0.2 - 1.0
    nodes, weights = np.polynomial.legendre.leggauss(20)

    def mean(f, begin, length):  # Gauss: exact here for all that is printed
        return 0.5 * sum(w * f(begin + 0.5 * length * (1 + n)) for n, w in zip(nodes, weights, strict=True))

    for k in np.flatnonzero(early):
        on = mean(lambda t: max(a + 0.1 / 0.2 * np.exp(-(t - 1e-6) / 10e-6), 0.0) ** 3, lags[k], 2e-9)
        expected[k] = 2e-9 * float(-d.k_on / d.thickness) * on
    for k in np.flatnonzero(late):
        # the plateau of 1 us meets the other's tail, until both together fall below v_off
        begun = lags[k] + 2e-9
        length = np.clip(begun - 10e-6 * np.log(0.005 / 0.01), 0.0, 1e-6)
        off = mean(lambda t, s=begun: (0.015 + 0.01 * np.exp(-(t - s) / 10e-6)) / 0.02 - 1.0, 0.0, length)
        expected[k] = -length * float(d.k_off / d.thickness) * off
    checked = early | late
    assert expected[checked].max() > 0.01
    assert expected[checked].min() < -0.005
    for x, row in zip((0.4, 0.6), window.change, strict=True):
        wanted = conductance(d, np.clip(x + expected, 0, 1)) - conductance(d, x)
        assert np.allclose(row[checked], wanted[checked], rtol=0, atol=2e-5 * window.span)


def test_signs_threshold_and_spikes_alone(window):
    """Pre first strengthens, post first weakens; neither spike alone does anything, nor do spikes too far apart."""
    assert (window.change[:, window.lags > 1e-6] >= 0).all()
    assert (window.change[:, window.lags < -1e-6] <= 0).all()
    far = np.abs(window.lags) > 15e-6
    assert (window.change[:, far] == 0).all()
    assert all((alone == 0).all() for alone in window.alone)
    assert window.areas[0] > 0 > window.areas[1]
    assert (window.energy > 0).all()


def test_swapped_waves_mirror_the_window_of_a_symmetric_cell():
    """A cell that moves alike either way has an odd window under equal waves, and swapping them changes its sign."""
    device = mho.devices.MODELS["vteam"](
        r_on=1e3, r_off=1e5, thickness=3e-9, k_on=-1e-5, k_off=1e-5, alpha_on=2.0, alpha_off=2.0, v_on=-0.6, v_off=0.6,
        x_0=0.5,
    )  # fmt: skip
    lags = np.linspace(-20e-6, 20e-6, 21)
    wave = SpikeWave(0.5, 1e-6, 0.4, 10e-6, 50e-6)
    with jax.enable_x64(True):
        state = CellState(jnp.full(21, 0.5), jnp.zeros(21), jnp.zeros(21))
        x = np.asarray(eqx.filter_jit(Overlap(wave, wave, -1.0).paired)(device, state, lags)[0].x) - 0.5
        mirrored = np.asarray(eqx.filter_jit(Overlap(wave, wave, 1.0).paired)(device, state, lags)[0].x) - 0.5
    assert x.max() > 1e-4
    assert np.allclose(x, -x[::-1], rtol=0, atol=1e-7)  # kinks at the thresholds are met from either side
    assert np.allclose(x, -mirrored, rtol=0, atol=1e-12)


def test_table_keeps_its_error(vteam):
    """Random lags and states, none of them nodes: the table is within the error that was asked for and that it states,
    with a tenth to spare for float32 and for places between the nodes and the middles that were looked at."""
    table = pair_table(WAVES, vteam, error=2e-3)
    assert table.error <= 2e-3
    rng = np.random.default_rng(0)
    lags, x = rng.uniform(-60e-6, 60e-6, 400), rng.uniform(0, 1, 400)
    lags[::2] /= 10
    with jax.enable_x64(True):
        zero = jnp.zeros(400)
        exact = np.asarray(eqx.filter_jit(WAVES.paired)(vteam, CellState(jnp.asarray(x), zero, zero), lags)[0].x) - x
    told = np.asarray(table(jnp.asarray(x, jnp.float32), jnp.asarray(lags, jnp.float32))[0])
    assert np.abs(told - exact).max() < 1.1 * 2e-3
    assert np.abs(exact).max() > 0.02
    nothing = table(jnp.float32(0.5), jnp.asarray([np.inf, np.nan, 1.0], jnp.float32))
    assert (np.asarray(nothing) == 0).all()


def test_paired_counts_wear_and_pairs(vteam):
    table = pair_table(WAVES, vteam, error=2e-3)
    state = CellState(*(jnp.full(3, v, jnp.float32) for v in (0.5, 0.0, 0.0)))
    after, pairs, energy = table.paired(vteam, state, jnp.asarray([3e-6, -3e-6, np.inf]), key=jax.random.key(0))
    assert (np.asarray(pairs) == [1, 1, 0]).all()
    assert np.allclose(after.cycles, 0.5 * np.abs(after.x - state.x))
    assert (np.asarray(after.pulses) == [1, 1, 0]).all()
    assert (np.asarray(energy)[:2] > 0).all()
    assert energy[2] == 0


def test_gated_pulses_are_the_devices_own():
    """A pair behind gates is one pulse of the device, of the amplitude that the envelope has at the lag."""
    device = mho.parameters("taox_tio2").device()
    gated = GatedPulses(Envelope(3.0, 1.0, 1e-3, 5e-3, 40e-3), Envelope(-3.0, -1.0, 1e-3, 5e-3, 10e-3))
    pulse = gated.pulse(jnp.asarray([1e-3, -1e-3, 6e-3, 0.0]))
    assert np.allclose(pulse.amplitude, [1 + 2 * np.exp(-1), -1 - 2 * np.exp(-1), 0, 0])
    state = StepState(jnp.full(1, 0.5), jnp.zeros(1), jnp.zeros(1))
    found = gated_window(gated, device, state, [-6e-3, -1e-3, 1e-3, 6e-3], key=jax.random.key(0), draws=8)
    assert (np.sign(found.change[0]) == [0, -1, 1, 0]).all()
    assert (found.energy[0] > 0).tolist() == [False, True, True, False]


def test_what_cannot_be_is_named(vteam):
    with pytest.raises(ParameterError, match="GatedPulses"):
        overlap_window(WAVES, mho.parameters("ecram_protonic_wo3").device(), [0.0], [0.5])
    with pytest.raises(InputError, match="above 0"):
        pair_table(WAVES, vteam, error=0.0)
    with pytest.raises(ParameterError, match=r"SpikeWave\.width"):
        SpikeWave(0.5, 0.0, 0.4, 1e-3, 5e-3)
