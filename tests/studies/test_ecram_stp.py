"""The ECRAM study end to end, at a size that tests can afford: what it promises is there, and is right."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mho.core import StudyError
from mho.devices import parameters
from mho.studies import lookup, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ecram-stp")


@pytest.fixture(scope="module")
def results(folder):
    """One small run of every stage for all tests of this file; nearly all of its time is compiling circuits."""
    small = {"modes": "2", "filter_population": 8, "decision_seeds": 2, "train_spikes": 5, "population": 8}
    study = lookup("ecram-stp")(bank_rates=(100.0, 400.0), topologies=("delay_feedback",), **small)
    return run(study, folder)


@pytest.fixture(scope="module")
def kpis(results):
    return {kpi["name"]: kpi for kpi in results["kpis"]}


PROMISED = {
    "device.transient_resistance_per_spike", "device.relaxation_times", "circuit.energy_per_spike",
    "circuit.energy_per_synaptic_event", "circuit.pulse_width", "circuit.facilitation_ratio",
    "circuit.excitability_change", "circuit.topologies", "network.filter_peak", "network.rate_discrimination",
    "floors.agreement",
}  # fmt: skip


def test_the_promised_kpis_are_there(kpis):
    assert set(kpis) >= PROMISED


def test_the_circuit_repeats_the_device(kpis):
    """3 %: the gate driver's supply is solved so that the first spike in the circuit has the device's effect."""
    device, circuit = (kpis[f"{floor}.transient_resistance_per_spike"]["value"] for floor in ("device", "circuit"))
    assert circuit == pytest.approx(device, rel=0.03)


def test_energies_are_those_of_the_reference_point(kpis):
    """1 to 2 pJ for the neuron alone, at most 2.5 pJ with one event; each wider boundary holds more."""
    alone, one, everything = (
        kpis[f"circuit.energy_per_spike{wider}"]["value"] for wider in ("", "_with_one_event", "_with_all_events")
    )
    assert 1e-12 < alone < 2e-12
    assert alone < one < 2.5e-12
    assert one < everything


def test_the_spike_is_tuned_over_two_decades(kpis):
    spread = kpis["circuit.pulse_width"]["spread"]
    assert spread["low"] <= 100e-9
    assert spread["high"] >= 10e-6


def test_what_was_fitted_to_a_synthetic_measurement_counts_as_assumed(kpis):
    for kpi in kpis.values():
        assert not [r for r in kpi["provenance"] if r["how"] == "fitted"], kpi["name"]


def test_every_kpi_is_finite_and_says_what_it_counts(kpis):
    for kpi in kpis.values():
        values = kpi["value"] if isinstance(kpi["value"], list) else [kpi["value"]]
        assert values, kpi["name"]
        assert all(v is not None and math.isfinite(v) for v in values), kpi["name"]
        assert kpi["definition"], kpi["name"]
        assert kpi["boundary"], kpi["name"]
        assert kpi["provenance"], kpi["name"]


def test_the_fit_finds_what_the_measurement_was_made_of(kpis):
    """The packaged measurement was drawn from the reference, so its numbers should lie in the stated 95 % intervals."""
    truth = parameters("ecram_stp_ref").device()
    step = kpis["device.transient_resistance_per_spike"]
    assert step["spread"]["low"] <= float(truth.r_step) <= step["spread"]["high"]
    assert step["spread"]["high"] - step["spread"]["low"] < 0.1 * step["value"]  # an interval that says something
    times = kpis["device.relaxation_times"]
    for tau, low, high in zip(
        sorted(map(float, truth.tau)), times["spread"]["low"], times["spread"]["high"], strict=True
    ):
        assert low <= tau <= high


def test_floors_agree(kpis):
    """Half a per cent: the circuit's pulse has edges of 1 ns on 200 ns, which the event face's rectangle has not."""
    assert 0 < kpis["floors.agreement"]["value"] < 5e-3


def test_the_bank_beats_chance_and_static_synapses_are_named(kpis):
    found = kpis["network.rate_discrimination"]
    assert found["value"] > 0.5 + 3 * math.sqrt(0.25 / found["n"])  # two rates: three standard errors above chance
    assert "static synapses" in found["conditions"]


def test_the_filter_peak_is_near_theory(kpis):
    ratio = float(kpis["network.filter_peak"]["conditions"]["measured over leading order"])
    assert 0.85 < ratio < 1.1  # the formula is of leading order; at this device it is 5 % high


def test_series_are_exactly_those_promised(results):
    """A section of the report stands for a study whole or not at all; nothing is left without a place."""
    from mho.report.layout import SECTIONS

    made = set(results["series"]) | set(results["tables"])
    sections = [{n for plot in s.plots for n in plot.series} | set(s.tables) for s in SECTIONS]
    assert made == set().union(*(names for names in sections if names & made))


def test_the_train_relaxes_and_each_spike_lowers_the_resistance(results):
    series = results["series"]["device.pulse_train"]
    r = np.asarray(series["y"][0]["values"])
    assert r[0] == pytest.approx(25e3, rel=0.01)
    assert r.min() < 23.5e3
    assert r[-1] > r.min()


def test_the_fitted_set_lies_beside_and_says_so(folder):
    found = parameters(folder / "fitted.toml")
    assert found.numbers["tau"].how == "fitted"
    assert found.numbers["r_ion"].how == "assumed"


def test_the_answer_names_the_figures(results):
    assert "1.5" in results["answer"][0]
    assert "ms" in results["answer"][0]


def test_a_missing_measurement_is_named(tmp_path):
    study = lookup("ecram-stp")(measurement=str(tmp_path / "none.csv"))
    with pytest.raises(StudyError, match=r"none\.csv"):
        run(study, tmp_path / "out")


def test_an_unknown_device_is_named():
    with pytest.raises(StudyError, match="ecram_stp_ref"):
        lookup("ecram-stp")(device="ecram_stp_reff")
