"""The bank's laws in closed form, and the study from end to end at the smallest size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mho.circuits.design import applied
from mho.circuits.design.benches import passing
from mho.studies import lookup, run
from mho.studies.stages.bank.members import rate_step, wanted
from mho.studies.stages.bank.population import decided


def test_what_passes_is_charge_over_threshold_less_the_dead_time():
    """Two periods' worth of charge a spike, and a dead time of three periods: one spike in five."""
    net = np.full((1, 8), 0.5e-12)
    free = passing(net, np.array([1e-12]), np.array([0.0]), 1e3)
    dead = passing(net, np.array([1e-12]), np.array([3e-3]), 1e3)
    np.testing.assert_allclose([free[0], dead[0]], [1 / 2, 1 / 5], rtol=1e-12)


def test_what_passes_goes_on_below_silence_without_a_kink():
    """A search must see which way is up: value and slope agree on both sides of no net charge (1e-6 of the slope)."""
    small = 1e-18 * np.array([-2.0, -1.0, 1.0, 2.0])
    found = passing(np.repeat(small[:, None], 4, axis=1), np.full(4, 1e-12), np.full(4, 5e-3), 1e3)
    slopes = np.diff(found)[[0, 2]] / 1e-18
    assert found[1] < 0 < found[2]
    np.testing.assert_allclose(slopes, 1e12, rtol=5e-5)


def test_a_tie_or_silence_names_no_rate():
    response = np.array([[[0.2, 0.1, 0.0]], [[0.1, 0.1, 0.0]]])  # two members, one rate, three banks
    np.testing.assert_array_equal(decided(response), [[0, -1, -1]])


def test_members_start_within_their_bounds_at_every_rate():
    study = lookup("tuned-bank")(rates=(50.0, 700.0, 50e3))
    for rate in study.rates:
        design = wanted(study, rate)
        for free in design.frees():
            assert free.low < design.start[free.name] < free.high, (rate, free.name)
        assert [t.at for t in design.targets] == pytest.approx([rate, rate / rate_step(study), rate * rate_step(study)])
    slow, fast = (applied(wanted(study, r).subject(), {}).neuron.c_membrane for r in (50.0, 50e3))
    assert slow / fast == pytest.approx(20)


@pytest.mark.slow
@pytest.mark.ngspice
def test_the_smallest_bank_from_design_to_witness(ngspice, tmp_path, monkeypatch):
    """One member, two banks: every promised figure is there, and ngspice has the designed response to 2 %."""
    for place in ("mho.circuits.design.benches", "mho.studies.stages.bank.members", "mho.studies.stages.bank.response"):
        monkeypatch.setattr(f"{place}.LANES", 16)  # at most 16 lanes are compiled in half the time
    monkeypatch.setattr("mho.circuits.design.search._DAMPINGS", (0.01,))
    results = run(lookup("tuned-bank")(rates=(10e3,), banks=2, spikes=24, response=0.3), tmp_path)
    kpis = {kpi["name"]: kpi for kpi in results["kpis"]}
    names = ("longest_dead_time", "bank_design_miss", "bank_preferred_rate", "bank_response", "bank_energy_per_spike",
             "bank_yield", "bank_discrimination", "bank_ngspice_difference")  # fmt: skip
    for name in names:
        kpi = kpis[f"circuit.{name}"]
        values = kpi["value"] if isinstance(kpi["value"], list) else [kpi["value"]]
        assert all(v is not None and math.isfinite(v) for v in values), name
        assert kpi["boundary"], name
        assert kpi["provenance"], name
    assert kpis["circuit.bank_design_miss"]["value"][0] < 0.05
    assert kpis["circuit.bank_ngspice_difference"]["value"] < 0.02
    assert (tmp_path / "designs" / "1.toml").is_file()
    assert "bank.confusion" in results["tables"]
