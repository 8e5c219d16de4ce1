"""The study of learning in place, small: one technology, few digits, two of the windows, and where cells wear out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mho.core import StudyError
from mho.devices import parameters
from mho.metrics.learning import learned_accuracy, life, life_kpi
from mho.networks.plasticity import PairTable
from mho.report.layout import SECTIONS
from mho.studies import lookup, run
from mho.studies.execution import Context
from mho.studies.stages.learning import endurance, imperfections, pairs, recurrence, windows
from mho.studies.stages.learning.subjects import Learned

pytest.importorskip("sklearn")


KEPT = ("windows", "technologies", "consolidation")  # the others vary what these do, and compile it anew


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    kind = lookup("on-chip-learning")
    kept = tuple(stage for stage in kind.stages() if stage.name in KEPT)
    patch.setattr(kind, "stages", classmethod(lambda cls: kept))
    patch.setattr(windows, "WAVED", windows.WAVED[:1])
    patch.setattr(windows, "GATED", windows.GATED[:1])
    study = kind(
        technologies=(),
        device="capacitor_3t1c",
        neurons=16,
        hidden=16,
        samples=300,
        epochs=1,
        seeds=2,
        test=200,
    )
    yield run(study, tmp_path_factory.mktemp("results"), workers=1)
    patch.undo()


def test_digits_are_learned_in_place(results):
    """After 300 digits both rules are far above the 10 % of chance; what it cost is counted."""
    value = {kpi["name"]: kpi["value"] for kpi in results["kpis"]}
    assert value["network.learned_accuracy"] > 0.4
    assert value["network.supervised_accuracy"] > 0.3
    assert value["network.pulses_per_update"] > 1.0
    assert 0.0 < value["network.energy_per_update"] < 1e-9
    assert "learn the digits" in results["answer"][0]


def test_windows_have_the_sign_of_the_lag(results):
    for name in ("learning.overlap", "learning.gated"):
        for curve in results["series"][name]["y"]:
            lag, change = np.array(curve["x"]), np.array(curve["values"])
            assert (change[lag > 0.1] >= 0).all()
            assert (change[lag < -0.1] <= 0).all()
            assert change.max() > 0 > change.min()


def test_fast_trains_consolidate(results):
    short, long = (np.array(c["values"]) for c in results["series"]["learning.consolidation"]["y"])
    assert (np.diff(long) > 0).all()
    assert (long < short).all()
    assert long[-1] > 20 * long[0]


@pytest.mark.parametrize("stage", [pairs, recurrence])
def test_a_stage_of_rules_asks_for_what_its_table_says(stage, monkeypatch):
    """Every row is of runs of its own; what a run does is tested with the rules themselves."""
    asked = []

    def run(context, given, found, seed, **how):
        asked.append((found.name, seed, how))
        return Learned(0.5 + 0.1 * seed, 1e3, 1e-6, 0.0, 0.0)

    monkeypatch.setattr(stage, "competed" if stage is pairs else "supervised", run)
    study = lookup("on-chip-learning")(samples=50, epochs=1, seeds=2, rows_seeds=2, rows_epochs=1, hidden=16)
    (name, table), *rest = stage.work(Context(study, None, {}, {}, lambda *_: None)).tables.items()
    assert not rest
    assert name in {name for section in SECTIONS for name in section.tables}
    assert len(asked) == 2 * len(table.rows)
    assert all("55.0 (" in row[-3] and row[-2:] == [20.0, "20 nJ"] for row in table.rows)
    if stage is pairs:
        own, traces, small = (how["rule"] for _, _, how in asked[::2])
        assert isinstance(own, PairTable)
        assert traces is None
        assert 0.01 < small.a_plus < 0.2
    else:
        assert [how["recurrent"] for *_, how in asked] == [False, False, True, True]
        assert table.rows[1][1] - table.rows[0][1] == 16 * 15


def test_every_series_and_table_has_a_place_on_the_page(results):
    placed = {name for section in SECTIONS for plot in section.plots for name in plot.series}
    placed |= {name for section in SECTIONS for name in section.tables}
    assert set(results["series"]) | set(results["tables"]) <= placed
    assert all(kpi["boundary"] for kpi in results["kpis"])


def test_life_is_the_weibull_quantile_over_the_cycles_of_a_sample():
    samples = life(1e8, 2.0, 0.01, 1e-3)
    assert math.isclose(1 - math.exp(-((samples * 1e-3 / 1e8) ** 2)), 0.01, rel_tol=1e-9)
    assert math.isclose(life_kpi(1e8, 2.0, 0.01, 1e-3, 1e-3).value, samples * 1e-3)
    assert life_kpi(1e8, 2.0, 0.01, 0.0, 1e-3).value is None


def test_where_accuracy_falls_below_the_floor():
    dead, right = np.array([0.0, 0.1, 0.3]), np.array([0.9, 0.8, 0.6])
    assert math.isclose(endurance._reached(dead, right, 0.85), 0.05)
    assert math.isclose(endurance._reached(dead, right, 0.5), 0.3)


def test_a_seed_that_failed_is_counted():
    kpi = learned_accuracy([0.9, float("nan"), 0.8], samples=10, rule="none")
    assert kpi.failures == {"NOT_FINITE": 1}
    assert math.isclose(kpi.value, 0.85)


def test_a_device_without_asymmetry_of_its_own_is_named():
    with pytest.raises(StudyError, match="pulse model"):
        imperfections.pulse_model(parameters("ecram_protonic_wo3"))
