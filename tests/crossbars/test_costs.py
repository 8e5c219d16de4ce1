"""Costs against published numbers, and mapping against counting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mho.core.errors import ChipError
from mho.crossbars import ANCode, PulseWidth, Quantiser, adc_area, adc_energy, costs_at, digital_energy
from mho.crossbars.costs import energies, events, latency
from mho.crossbars.mapping import grid, placed


def test_converters_cost_what_their_sources_say():
    """The survey's bound as its fit gives it, to the digits at hand; ISAAC's and NeuroSim's points exactly."""
    table = {(8, 65): 6.5, (8, 32): 1.7, (8, 14): 0.36, (6, 22): 0.53, (10, 32): 3.3, (10, 14): 0.70}
    for (bits, node), picojoule in table.items():
        assert adc_energy(bits, 100e6, node * 1e-9) * 1e12 == pytest.approx(picojoule, rel=0.02)
    assert adc_energy(8, 1.28e9, 32e-9, model="isaac") * 1e12 == pytest.approx(1.5625)
    assert adc_area(8, 1.28e9, 32e-9, model="isaac") * 1e12 == pytest.approx(1200.0)
    assert adc_energy(8, 100e6, 22e-9, model="neurosim") * 1e15 == pytest.approx((0.538 * 8 + 4.3753) * 9)
    assert adc_energy(8, 5e9, 32e-9) > 1.5 * adc_energy(8, 1e6, 32e-9)  # speed costs, where it is the bound
    for bad in ({"model": "best"}, {"rate": 0.0}, {"node": 1.0}, {"bits": 40}):
        with pytest.raises(ChipError):
            adc_energy(**{"bits": 8, "rate": 1e8, "node": 32e-9, **bad})


def test_a_published_chip_is_met_within_a_factor_of_two(loaded):
    """HERMES: 9.76 TOPS/W and 132.9 ns a product; the parts that are assumed stand in the script."""
    script = loaded(Path(__file__).resolve().parents[2] / "benchmarks" / "validation_chips.py")
    tops, time = script.hermes()
    assert 0.5 < tops / 9.76 < 2.0
    assert time == pytest.approx(64 * 2 * 256**2 / 63.1e12, rel=0.02)
    assert script.hermes_bound()[0] > 5 * tops  # converters of the survey are a bound, and say so


def test_energies_are_counts_times_costs():
    drive = PulseWidth(8)
    costs = costs_at(32e-9, Quantiser(8), drive)
    cut = grid(100, 300, 256, 60)
    assert (cut.row_blocks, cut.column_blocks, cut.rows, cut.words, cut.additions) == (2, 2, 150, 50, 100)
    e = events(cut, drive, lines=2, check_words=1, lines_per_adc=4)
    assert e.conversions == (100 + 2) * 2 * 2
    found = energies(e, drive, costs)
    assert found["adc"] == pytest.approx(e.conversions * float(costs.adc_energy + costs.sample_energy))
    assert found["communication"] == pytest.approx((300 * 2 * 8 + 100 * 8) * float(costs.bit_energy))
    assert latency(e, drive, costs) == pytest.approx(127e-9 + 4 * 10e-9)
    assert all(np.isnan(v) for v in energies(e, drive, None).values())
    # 8-bit products on digital multipliers at 45 nm: 0.2 pJ, 24 bits of addition, and 1.25 pJ for the weight.
    assert digital_energy(1, 1) == pytest.approx(0.2e-12 + 24 * 0.1e-12 / 32 + 3 * 8 * 10e-12 / 64)


def test_blocks_are_placed_without_overlap():
    blocks = {"a": (grid(100, 300, 256, 60), 120), "b": (grid(10, 20, 256, 60), 20), "c": (grid(30, 90, 256, 60), 60)}
    found = placed(blocks, arrays=None, rows=256, columns=128)
    assert len(found.places) == 4 + 1 + 1
    taken = np.zeros((found.arrays, 256, 128), int)
    for p in found.places:
        taken[p.array, p.row : p.row + p.rows, p.column : p.column + p.columns] += 1
    assert taken.max() == 1
    assert found.utilisation == pytest.approx(taken.sum() / taken.size)
    with pytest.raises(ChipError, match="need"):
        placed(blocks, arrays=1, rows=256, columns=128)


def test_an_codes_find_and_correct():
    """Every error of one digit is corrected; of random errors all but one in A are found."""
    code = ANCode(53, digits=16)
    rng = np.random.default_rng(0)
    w, x = rng.integers(-100, 100, (30, 40)), rng.integers(0, 256, 40)
    right = code.encode(w) @ x
    for e in [0, *(2 ** np.arange(16)), *(-(2 ** np.arange(16)))]:
        found = code.decode(right + e)
        assert np.array_equal(found.values, w @ x)
        assert not np.any(found.wrong)
        assert np.all(found.corrected) == (e != 0)
    detect = ANCode(53)
    errors = rng.integers(1, 10**6, 200_000)
    share = np.mean(detect.decode(errors).wrong)
    assert share == pytest.approx(detect.coverage, abs=5 * (1 / 53 / 200_000) ** 0.5)
    with pytest.raises(ChipError, match="apart"):
        ANCode(7, digits=8)
