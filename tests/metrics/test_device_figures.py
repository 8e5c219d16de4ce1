"""Figures of a device alone, against closed forms of its equations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mho.core.parameters import Number
from mho.devices import parameters
from mho.metrics import device as figures
from mho.metrics.kpi import KPI, provenance_of


@pytest.fixture(scope="module")
def ref():
    return parameters("ecram_stp_ref")


@pytest.fixture(scope="module")
def still(ref):
    """The reference without consolidation, so that closed forms hold."""
    none = dataclasses.replace(ref.numbers["consolidation"], value=0.0)
    return ref.with_values({"consolidation": none}, name="still", summary="no consolidation", sources={})


def test_the_step_is_the_published_one(ref):
    kpi = figures.transient_resistance_per_spike(ref)
    assert kpi.value == pytest.approx(1500.0, rel=1e-5)
    assert (kpi.unit, kpi.note) == ("ohm", "")
    assert kpi.conditions["pulse"] == "1 V, 200 ns"
    assert {"number", "source", "where", "how"} == set(kpi.provenance[0])
    assert any(record["source"] == "currie2026" for record in kpi.provenance)


def test_outside_its_range_a_figure_says_so(ref):
    kpi = figures.transient_resistance_per_spike(ref, temperature=400.0)
    assert "temperature is 400 K, outside" in kpi.note


def test_relaxation_times_follow_arrhenius(ref):
    kpi = figures.relaxation_times(ref, temperature=310.15)
    factor = np.exp(0.45 * 1.602176634e-19 / 1.380649e-23 * (1 / 310.15 - 1 / 300.15))
    np.testing.assert_allclose(kpi.value, np.array([0.02, 0.2]) * factor, rtol=1e-9)


def test_paired_pulses(still):
    """Q2 = Q1 d + U (1 - Q1 d), with d the share that is left of the first pulse (1e-4: release within a pulse)."""
    intervals = (1e-3, 2e-2, 0.2)
    kpi = figures.paired_pulse_ratio(still, intervals)
    left = np.array([0.75 * np.exp(-t / 0.02) + 0.25 * np.exp(-t / 0.2) for t in intervals])
    first = 1 / 12
    np.testing.assert_allclose(kpi.value, (first * left + first * (1 - first * left)) / first, rtol=1e-4)


def test_the_nearest_tsodyks_markram_synapse(still):
    U, tau_f = figures.tsodyks_markram(parameters("oect_stp"))
    assert U.value == pytest.approx(1 - np.exp(-1 / 2.104), rel=1e-2)
    assert tau_f.value == pytest.approx(2.824e-3, rel=1e-9)
    assert tau_f.note == ""
    U, tau_f = figures.tsodyks_markram(still)
    assert "approximate" in tau_f.note
    assert 0.75 * np.exp(-tau_f.value / 0.02) + 0.25 * np.exp(-tau_f.value / 0.2) == pytest.approx(np.exp(-1), rel=1e-5)


def test_facilitation_grows_with_rate_to_its_limit(still):
    kpi = figures.facilitation(still, (1.0, 20.0, 200.0, 20000.0))
    assert np.all(np.diff(kpi.value) > 0)
    limit = (40e-6 + float(still.device().g_volatile)) / (40e-6 + float(still.device().g_volatile) / 12)
    assert kpi.value[-1] == pytest.approx(limit, rel=1e-2)


def test_repeated_trains_leave_more_and_none_without_consolidation(ref, still):
    kept = figures.long_term_share(ref, (1, 3))
    assert kept.value[1] > 2 * kept.value[0] > 0
    assert figures.long_term_share(still, (1,)).value[0] == pytest.approx(
        0.0, abs=2e-4
    )  # e^-10 of the slow mode is left


def test_energy_of_a_gate_pulse(ref):
    """C V² of 0.2 pF at 1 V is 0.2 pJ; ions add their charge times V, leakage next to nothing."""
    kpi, parts = figures.energy_per_gate_pulse(ref)
    assert kpi.value == pytest.approx(0.2e-12, rel=1e-6)
    charged = ref.with_values(
        {"charge_full": Number(1e-12, "C", "mho", "here", "assumed")}, name="charged", summary="with ions", sources={}
    )
    kpi, parts = figures.energy_per_gate_pulse(charged)
    assert parts["ions"] == pytest.approx(1e-12 / 12, rel=1e-4)
    assert kpi.value == pytest.approx(sum(parts.values()))
    assert "without the driver's own loss" in kpi.boundary


def test_a_datasheet_is_whole_and_plain(ref):
    sheet = figures.datasheet(ref)
    names = [kpi.name for kpi in sheet]
    assert len(set(names)) == len(names)
    assert {"device.transient_resistance_per_spike", "device.relaxation_times"} <= set(names)
    for kpi in sheet:
        assert isinstance(kpi, KPI)
        assert kpi.unit
        assert kpi.definition
        assert kpi.boundary
        assert kpi.provenance
        assert np.all(np.isfinite(np.atleast_1d(np.asarray(kpi.as_dict()["value"], float))))


def test_provenance_names_the_set_and_the_number(ref):
    (record,) = provenance_of(ref, ("tau",))
    assert record["number"] == "ecram_stp_ref.tau"
    assert record["how"] == "assumed"
    assert len(provenance_of(ref)) == len(ref.numbers)
