"""Running a study: interruption keeps what is finished; a changed question keeps nothing."""

from __future__ import annotations

import json
import threading
from typing import ClassVar

import numpy as np
import pytest

import mho
from mho.core import SolverError, StudyError
from mho.metrics.kpi import KPI
from mho.studies import Axis, Curve, Outcome, Series, Stage, Study, Table, read_results, run
from mho.studies.folder import ResultsFolder
from mho.studies.study import file, quantity

CALLS: list[str] = []
TROUBLE: dict[str, BaseException] = {}


def first(context):
    CALLS.append("first")
    context.progress(0.5, "half")
    rng = np.random.default_rng(context.seed("drops"))
    path = context.folder.write("drops.txt", "drip")
    return Outcome(
        kpis=[KPI("melt.drops", np.float32(3.0), "1", spread={"low": 1.0, "high": float("nan")}, n=4)],
        series={"first.drops": Series(Axis("time", "s", np.arange(3.0)), [Curve("drops", "1", rng.random(3))])},
        handover={"drops": np.int64(3)},
        files={"drops": path.name},
    )


def second(context):
    CALLS.append("second")
    if "second" in TROUBLE:
        raise TROUBLE["second"]
    assert context.handover("first") == {"drops": 3}
    return Outcome(tables={"second.all": Table(["a", "b"], [["x", 1.0]])}, notes=["it was warm"])


class Thaw(Study):
    """A study of two stages."""

    name = "thaw"
    title = "Thaw"
    question = "How many drops?"
    headline = ("melt.drops",)
    warmth: float = quantity(280.0, "K", "temperature", low=270.0, high=290.0)
    table: str | None = file("input")

    @classmethod
    def stages(cls):
        return (Stage("first", "drops fall", first), Stage("second", "all is counted", second))

    def answer(self, kpis):
        return [f"{kpis['melt.drops']['value']:.0f} drops."]


@pytest.fixture(autouse=True)
def _fresh():
    CALLS.clear()
    TROUBLE.clear()


def test_results_have_the_promised_form(tmp_path):
    results = run(Thaw(), tmp_path)
    assert results == read_results(tmp_path)
    assert list(results) == ["study", "answer", "kpis", "series", "tables", "notes", "provenance"]
    assert results["answer"] == ["3 drops."]
    assert results["kpis"][0]["value"] == 3.0
    assert results["kpis"][0]["spread"]["high"] is None  # a NaN is written as null, never as invalid JSON
    assert results["series"]["first.drops"]["x"] == {
        "label": "time",
        "unit": "s",
        "values": [0.0, 1.0, 2.0],
        "scale": "linear",
    }
    assert results["tables"]["second.all"]["rows"] == [["x", 1.0]]
    assert results["notes"] == ["it was warm"]
    about = results["provenance"]
    assert set(about["seeds"]) == {"drops"}
    assert about["versions"]["mho"] == mho.__version__
    assert [s["stage"] for s in about["stages"]] == ["first", "second"]
    assert not list(tmp_path.rglob("*.part"))


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    TROUBLE["second"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(Thaw(), tmp_path)
    assert not (tmp_path / "results.json").exists()
    TROUBLE.clear()
    resumed = run(Thaw(), tmp_path)
    assert CALLS == ["first", "second", "second"]
    run(Thaw(), tmp_path)
    assert CALLS == ["first", "second", "second"]
    other = run(Thaw(), tmp_path / "other")
    for part in ("kpis", "series", "tables"):
        assert resumed[part] == other[part]  # resumed or in one go: the same numbers


def test_a_changed_question_keeps_nothing(tmp_path, monkeypatch):
    data = tmp_path / "data.csv"
    data.write_text("1\n")
    out = tmp_path / "out"
    study = Thaw(table=str(data))
    run(study, out)
    run(study, out)
    assert CALLS == ["first", "second"]
    data.write_text("2\n")  # another input, same name
    run(study, out)
    assert CALLS == ["first", "second"] * 2
    run(study.with_values(warmth="281 K"), out)  # another record
    assert CALLS == ["first", "second"] * 3
    monkeypatch.setattr("mho.studies.provenance.__version__", "9.9.9")  # another mho
    run(study.with_values(warmth="281 K"), out)
    assert CALLS == ["first", "second"] * 4


def test_fresh_forgets(tmp_path):
    run(Thaw(), tmp_path)
    run(Thaw(), tmp_path, fresh=True)
    assert CALLS == ["first", "second"] * 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"fingerprint": 1}'])
def test_a_damaged_stage_is_done_again(tmp_path, damage):
    run(Thaw(), tmp_path)
    (tmp_path / "stages" / "first.json").write_text(damage)
    run(Thaw(), tmp_path)
    assert CALLS == ["first", "second", "first"]


def test_a_stage_whose_file_is_gone_is_done_again(tmp_path):
    run(Thaw(), tmp_path)
    (tmp_path / "drops.txt").unlink()
    run(Thaw(), tmp_path)
    assert CALLS == ["first", "second", "first"]


def test_an_error_names_its_stage(tmp_path):
    TROUBLE["second"] = SolverError("it did not converge")
    with pytest.raises(SolverError) as caught:
        run(Thaw(), tmp_path)
    assert "second" in caught.value.__notes__[0]


def test_seeds_differ_by_purpose_and_study_seed(tmp_path):
    one, two = run(Thaw(), tmp_path / "1"), run(Thaw(seed=2), tmp_path / "2")
    assert one["provenance"]["seeds"] != two["provenance"]["seeds"]


def test_inputs_are_hashed(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("abc")
    results = run(Thaw(table=str(data)), tmp_path / "out")
    assert results["provenance"]["inputs"]["table"] == {
        "file": "data.csv",
        "bytes": 3,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # FIPS 180 example "abc"
    }


def test_a_missing_input_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"none\.csv"):
        run(Thaw(table=str(tmp_path / "none.csv")), tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="Choose a folder"):
        run(Thaw(), tmp_path / "file")


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(StudyError, match="mho study run"):
        read_results(tmp_path)
    ResultsFolder(tmp_path).write("results.json", json.dumps({"a": 1}))
    with pytest.raises(StudyError, match="no 'study'"):
        read_results(tmp_path)


def test_series_that_do_not_fit_are_refused():
    with pytest.raises(StudyError, match="2 values for 3"):
        Series(Axis("t", "s", [1, 2, 3]), [Curve("a", "V", [1, 2])])
    with pytest.raises(StudyError, match="share one"):
        Series(Axis("t", "s", [1]), [Curve("a", "V", [1]), Curve("b", "A", [1])])
    with pytest.raises(StudyError, match="kind"):
        Series(Axis("t", "s", [1]), kind="pie")
    with pytest.raises(StudyError, match="2 cells under 1"):
        Table(["a"], [["x", "y"]])
    with pytest.raises(StudyError, match="plain value"):
        Outcome(handover={"x": object()}).as_dict()


class Parallel(Study):
    """Two stages that need nothing, and one that needs the first."""

    name = "parallel"
    title = "Parallel"
    question = "At once?"
    barrier: ClassVar[threading.Barrier] = threading.Barrier(2)
    seen: ClassVar[dict] = {}

    @classmethod
    def stages(cls):
        def meet(context):
            cls.barrier.wait(timeout=20)  # passes only while the other stage runs too
            return Outcome(handover={"met": True})

        def last(context):
            cls.seen["last"] = sorted(context.earlier)
            with pytest.raises(StudyError, match="'right'"):
                context.handover("right")
            return Outcome()

        return (Stage("left", "", meet, ()), Stage("right", "", meet, ()), Stage("last", "", last, ("left",)))


def test_stages_that_do_not_need_each_other_run_side_by_side(tmp_path):
    results = run(Parallel(), tmp_path)
    assert [s["stage"] for s in results["provenance"]["stages"]] == ["left", "right", "last"]
    assert Parallel.seen["last"] == ["left"]


def test_a_stage_can_only_need_what_stands_before_it(tmp_path):
    class Backward(Parallel):
        name = "backward"

        @classmethod
        def stages(cls):
            return (Stage("one", "", first, ("two",)), Stage("two", "", first, ()))

    with pytest.raises(StudyError, match="must stand before"):
        run(Backward(), tmp_path)
