"""Gate edges in sampled waveforms, with noise, dropped samples, and a set value that leads the gate."""

from __future__ import annotations

import numpy as np
import pytest

from mho.fitting import edges


def gate(noise=0.0, drop=0.0, seed=0, cycles=10, step=0.35):
    rng = np.random.default_rng(seed)
    t = np.arange(0.0, 60.0 * cycles, step)
    t = t[rng.random(len(t)) >= drop]
    v = np.where(t % 60.0 >= 20.0, -0.8, 0.0) + noise * rng.normal(size=len(t))
    return t, v


def test_two_levels_of_a_noisy_signal():
    _, v = gate(noise=0.05)
    low, high = edges.two_means(v)
    # The mean of hundreds of samples: 0.05 V / sqrt(500).
    assert low == pytest.approx(-0.8, abs=0.01)
    assert high == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("drop", [0.0, 0.3])
def test_every_pulse_is_found_in_noise_and_with_dropped_samples(noise, drop):
    found = [len(edges.pulses(*gate(noise=noise, drop=drop, seed=s))) for s in range(10)]
    assert found == [10] * 10


def test_the_edge_lies_midway_between_two_samples():
    t, v = gate()
    start, end, amplitude = edges.pulses(t, v)[0]
    assert amplitude == pytest.approx(-0.8)
    assert abs(start - 20.0) <= 0.35
    assert abs(end - 60.0) <= 0.35


def test_a_glitch_of_one_sample_is_no_pulse_in_a_noisy_signal():
    t, v = gate(noise=0.05)
    v[10] = -0.8
    assert len(edges.pulses(t, v)) == 10


def test_the_gate_current_moves_the_edge_to_where_the_gate_really_switched():
    t, v = gate()
    true = np.where((t - 1.05) % 60.0 >= 20.0, 1.0, 0.0)
    current = 1e-8 + 1e-7 * np.convolve(np.abs(np.diff(true, prepend=0.0)), np.exp(-np.arange(5)), "full")[: len(t)]
    on, off = edges.first_changed(t, v, current)
    np.testing.assert_array_equal(on, np.flatnonzero(np.diff(true) > 0) + 1)
    logged, ended = edges.first_changed(t, v)
    assert np.all(on - logged >= 3)
    assert np.all(off - ended >= 3)


def test_a_flat_gate_has_no_pulse():
    assert edges.pulses(np.arange(10.0), np.zeros(10)) == []


@pytest.mark.references
def test_the_transistors_true_edges_lag_the_logged_ones_by_three_samples(references):
    from mho.fitting import read_pulses

    m = read_pulses(references / "measured" / "oect_gate_cycles.txt")
    on, off = edges.first_changed(m.t, m.v_gate, m.i_gate)
    logged, ended = edges.first_changed(m.t, m.v_gate)
    # As seen in the file by eye: 1.04 s (3 samples) in cycles 2 to 10, none in the first; switching off is not delayed.
    assert list(on - logged) == [0] + [3] * 9
    assert np.all(off == ended)
