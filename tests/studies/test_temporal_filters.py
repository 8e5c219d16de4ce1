"""The study of temporal filters from end to end, small: one task, two kinds, two networks."""

from __future__ import annotations

import pytest

from mho.core.errors import StudyError
from mho.report.layout import SECTIONS
from mho.studies import lookup, run
from mho.studies.stages.temporal.subjects import Interval


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = lookup("temporal-filters").quick(tasks=("match",))
    return run(study, tmp_path_factory.mktemp("results"), workers=1)


def test_every_stage_answers_and_every_series_has_a_place_on_the_page(results):
    placed = {name for section in SECTIONS for plot in section.plots for name in plot.series}
    placed |= {name for section in SECTIONS for name in section.tables}
    assert set(results["series"]) | set(results["tables"]) <= placed
    assert {s["stage"] for s in results["provenance"]["stages"]} == {
        "compare", "prediction", "spread", "feedback", "tuned", "ageing", "price", "growth",
    }  # fmt: skip
    for kpi in results["kpis"]:
        assert kpi["boundary"], kpi["name"]
        assert kpi["n"] == 2, kpi["name"]
    assert "Device synapses" in results["answer"][0]


def test_kinds_train_as_many_numbers_and_devices_alone_pay_for_gates(results):
    rows = {row[1]: row[2:] for row in results["tables"]["temporal.bill"]["rows"]}
    assert rows["static"][1] == rows["static"][3] == 0.0
    assert rows["device"][1] > 0
    assert 0 < rows["device"][3] < rows["device"][1]  # a pulse is less than a full loading
    won = next(kpi for kpi in results["kpis"] if kpi["name"] == "network.tasks_won")
    assert won["conditions"]["trained numbers"] == str(8 * 16 + 16 * 16 + 16 * 10 + 10)


def test_a_devices_network_learns_what_a_static_one_cannot(results):
    losses = {curve["label"]: curve["values"] for curve in results["series"]["temporal.losses"]["y"]}
    assert losses["device"][-1] < losses["static"][-1]
    assert losses["device"][-1] < losses["device"][0]


def test_intervals_are_students():
    span = Interval.of([0.5, 0.6, 0.7])
    assert span.mean == pytest.approx(0.6)
    assert span.high - span.mean == pytest.approx(4.30265 * 0.1 / 3**0.5, rel=1e-5)  # t of 2 degrees of freedom


def test_a_record_names_what_it_cannot_be():
    with pytest.raises(StudyError, match="interval, order, match"):
        lookup("temporal-filters")(tasks=("chess",))
    with pytest.raises(StudyError, match="name at least one of interval"):
        lookup("temporal-filters")(tasks=())
    with pytest.raises(StudyError, match="must be one of ecram_heated_vacancy"):
        lookup("temporal-filters")(device="stanford_pku_hfo2")
