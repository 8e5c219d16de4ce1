"""What a sheet says of devices that forget, and of those that jump."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from mho.devices import parameters
from mho.metrics.sheet import datasheet
from mho.metrics.sheet.bits import kept


@functools.cache
def sheet_of(name: str):
    return datasheet(parameters(name), n=2)


@pytest.mark.parametrize("name", ["mott_vo2", "selector_ots"])
def test_a_switch_that_forgets_does_not_stay_for_ever(name):
    sheet = sheet_of(name)
    for kpi in ("drift_exponent", "retention_time", "stability"):
        assert sheet[kpi].value is None
        assert "gone before the first look" in sheet[kpi].note
    assert sheet["paired_pulse_ratio"].value is None
    assert "shortest pause" in sheet["paired_pulse_ratio"].note


def test_times_far_below_the_pulse_are_not_told():
    """The selector's fall of a small change is a residue; the Mott switch cools within its pulse of 10 ns."""
    assert sheet_of("selector_ots")["short_term_times"].value is None
    assert sheet_of("selector_ots")["corner_frequency"].value is None
    tau = sheet_of("mott_vo2")["short_term_times"].value[0]
    assert 1e-11 < tau < 1e-8


def test_levels_that_are_forgotten_hold_no_bits():
    """Silver filaments dissolve in microseconds: nothing a day later; and the verified bits say for how long."""
    sheet = sheet_of("diffusive_ag")
    assert sheet["effective_bits_one_day"].value == pytest.approx(0.0, abs=1e-6)
    assert "memory has faded" in sheet["effective_bits_one_day"].note
    assert "µs only" in sheet["effective_bits"].note


def test_bits_shrink_with_what_the_levels_still_span():
    levels = [np.array([1.0, 1.2]), np.array([2.9, 3.1])]
    half = [2.0 + 0.5 * (g - 2.0) for g in levels]
    assert kept(levels, levels) == 1.0
    assert kept(levels, half) == pytest.approx(0.5)
    assert kept(levels, [np.ones(2), np.ones(2)]) == 0.0
    assert kept(half, levels) == 1.0
