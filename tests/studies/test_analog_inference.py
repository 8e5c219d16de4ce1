"""The study of analog inference from end to end, small: one technology, two chips, few digits."""

from __future__ import annotations

import numpy as np
import pytest

from mho.report.layout import SECTIONS
from mho.studies import lookup, run
from mho.studies.stages.analog import bits

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def results(tmp_path_factory, optimised):
    patch = pytest.MonkeyPatch()
    patch.setattr(bits, "BITS", (2, 6))  # each number of bits is a program of its own
    patch.setattr(bits, "WEIGHT_BITS", np.array([2.0, 4.0, 6.0]))
    study = lookup("analog-inference")(
        technologies=("pcm_hermes2",),
        network="perceptron",
        programmings=2,
        imperfections=("programming", "reads"),  # what needs other cells takes half a minute to compile
    )
    yield run(study, tmp_path_factory.mktemp("results"), workers=1)
    patch.undo()


def test_training_for_hardware_wins_back_what_the_chip_takes(results):
    """As promised: within 1 % of software on a good technology, at 8 bits. What training is worth shows where weights
    are worse than that: at two effective bits it is several per cent."""
    value = {kpi["name"]: kpi["value"] for kpi in results["kpis"]}
    assert min(value["network.software_accuracy"]) > 0.95
    assert value["network.analog_loss"] < 0.01
    series = results["series"]["analog.weight_bits"]
    right = {curve["label"]: curve["values"][series["x"]["values"].index(2.0)] for curve in series["y"]}
    assert right["trained for hardware"] > right["trained plainly"] + 2.0


def test_imperfections_add_up_and_bits_matter(results):
    rows = {row[0]: row[1:] for row in results["tables"]["analog.step_errors"]["rows"]}
    added = [row[1] for row in rows.values()]
    assert added == sorted(added)
    coarse = results["series"]["analog.converter_bits"]["y"][0]["values"]
    assert coarse[1] > coarse[0] + 5.0


def test_every_series_and_table_has_a_place_on_the_page(results):
    placed = {name for section in SECTIONS for plot in section.plots for name in plot.series}
    placed |= {name for section in SECTIONS for name in section.tables}
    assert set(results["series"]) | set(results["tables"]) <= placed
    for kpi in results["kpis"]:
        assert kpi["boundary"], kpi["name"]
        assert kpi["value"] is not None, kpi["name"]
    assert "decides" in results["answer"][0]
