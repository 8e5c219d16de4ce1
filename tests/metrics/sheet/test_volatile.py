"""What a sheet says of devices that forget, and of those that jump."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest

from mho.devices import parameters
from mho.metrics.sheet import datasheet
from mho.metrics.sheet.bits import kept
from mho.metrics.sheet.reading import loop
from mho.report import sheet_compared, sheet_series, sheet_text


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


@pytest.mark.parametrize(("name", "ways"), [("stanford_pku_hfo2", set()), ("nbsto_interface", {"up"})])
def test_a_jump_has_no_steps_at_its_middle(name, ways):
    """The filament closes in one pulse and opens in one; the interface resets in one and sets in many."""
    sheet = sheet_of(name)
    assert sheet["symmetry_point"].value is None
    assert "one jump" in sheet["symmetry_point"].note
    steps = sheet["steps_at_middle"].value or [None, None]
    assert {way for way, x in zip(("up", "down"), steps, strict=True) if x is not None} == ways
    drawn = sheet_series.steps(sheet.measured)
    assert {c.label for c in drawn.y} == ways if ways else drawn is None


def test_a_device_without_levels_shows_none():
    found = sheet_of("mott_vo2").measured
    assert sheet_series.distributions(found) is None
    assert sheet_series.noise(found) is None


def test_claims_far_from_the_model_are_told_once():
    """The source's 1 pJ a write stands beside about a tenth of it downward."""
    found = [note for note in sheet_of("mram_stt").notes if "claims" in note]
    assert len(found) == 1
    assert found[0].startswith("The source claims a write energy of 1 pJ; the model computes ")


def test_noise_that_does_not_add_up_is_named_in_the_signal_to_noise():
    assert "sigma_write" in sheet_of("reram_es")["update_snr"].note
    assert "sigma_write" not in sheet_of("mram_stt")["update_snr"].note


def test_vectors_say_where_their_values_stand():
    text = " ".join(sheet_text.text(sheet_of("diffusive_ag")).split())
    assert re.search(r"stability [-\d.e, ]+ at 1 s, 1 h, 1 day", text)
    text = " ".join(sheet_text.text(sheet_of("oect_stp")).split())
    assert re.search(r"paired pulse ratio [\d., ]+ after 1 ms, 10 ms, 100 ms", text)


def test_a_sweep_switches_what_the_pulses_switch():
    """At the read voltage or below, the branches of the loop lie as far apart as the ends of the ramp: 403 times."""
    sheet = sheet_of("stanford_pku_hfo2")
    low, high = sheet["ramp_reach"].value
    found = loop(sheet.measured.bench, high - low)
    there, back = 1, len(found.v) // 2 - 1  # both at 1/24 of 1.5 V, and the ramp is read at 0.1 V
    assert found.v[there] == found.v[back]
    assert found.i[back] / found.i[there] == pytest.approx(high / low, rel=0.1)
    assert found.whole
    assert found.quarter > sheet.measured.bench.pulses * sheet.measured.bench.up.width


def test_the_table_of_bits_gives_the_cause_and_not_its_cure():
    """What the set lacks stands in the cell; the advice that follows it does not."""
    cause = sheet_compared.bits_rows([sheet_of("selector_miec")])[1][3]
    assert cause == "the set names no pulse that raises the conductance"
