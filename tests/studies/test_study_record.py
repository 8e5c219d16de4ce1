"""A study's record: text in, SI inside, text out again; what cannot be used is named with its cure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.core import StudyError
from mho.studies import Outcome, Stage, Study
from mho.studies.study import choice, count, described, file, quantity


class Melting(Study):
    """A small study for the tests."""

    name = "melting"
    title = "How ice melts"
    question = "When is it gone?"

    resistance: float = quantity(25e3, "ohm", "resistance at rest", low=1.0, high=1e9)
    rates: tuple[float, ...] = quantity((1.0, 10.0), "Hz", "input rates", low=0.0)
    flakes: int = count(10, "number of flakes", low=1, high=1000)
    kind: str = choice("snow", "what melts", among=lambda: ("snow", "ice"))
    table: str | None = file("a measurement")

    @classmethod
    def stages(cls):
        return (Stage("only", "the only stage", lambda context: Outcome()),)


def test_text_becomes_si():
    study = Melting(resistance="1.5 kOhm", rates="[2 Hz, 3 kHz]", flakes="7")
    assert study.resistance == 1500.0
    assert study.rates == (2.0, 3000.0)
    assert study.flakes == 7


@settings(deadline=None)
@given(
    st.floats(1.0, 1e9),
    st.lists(st.floats(0.0, 1e12), max_size=4),
    st.integers(1, 1000),
    st.sampled_from(["snow", "ice"]),
    st.integers(0, 2**32 - 1),
)
def test_toml_returns_the_same_record(tmp_path_factory, resistance, rates, flakes, kind, seed):
    """Exact for every double: a record that came back a little different would throw away finished stages."""
    study = Melting(resistance=resistance, rates=tuple(rates), flakes=flakes, kind=kind, seed=seed)
    path = tmp_path_factory.getbasetemp() / "study.toml"
    study.to_toml(path)
    assert Melting.from_toml(path) == study


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"resistance": "0.1 ohm"}, ["melting.resistance", "'0.1 ohm'", "at least 1 Ω", "at most 1 GΩ"]),
        ({"resistance": "3 V"}, ["melting.resistance", "ohm", "dimension"]),
        ({"resistance": None}, ["melting.resistance", "None"]),
        ({"rates": ["1 Hz", "-2 Hz"]}, ["melting.rates", "at least 0"]),
        ({"flakes": 0}, ["melting.flakes", "0", "at least 1 and at most 1000"]),
        ({"flakes": 1.5}, ["melting.flakes", "1.5"]),
        ({"kind": "rain"}, ["melting.kind", "'rain'", "snow, ice"]),
        ({"resistnce": 1}, ["no field 'resistnce'", "resistance"]),
        ({"seed": -1}, ["melting.seed", "at least 0"]),
    ],
)
def test_what_cannot_be_used_is_named(values, words):
    with pytest.raises(StudyError) as caught:
        Melting(**values)
    message = str(caught.value)
    assert all(word in message for word in [*words, "mho study show melting"]), message


def test_record_is_frozen():
    with pytest.raises(Exception, match="frozen"):
        Melting().seed = 3


def test_files_are_relative_to_the_toml_file(tmp_path):
    (tmp_path / "study.toml").write_text('table = "data/run.csv"\n')
    study = Melting.from_toml(tmp_path / "study.toml")
    assert study.inputs() == {"table": tmp_path / "data" / "run.csv"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed = ", "is not TOML"),
        ('study = "freezing"', "mho study run freezing"),
        ("flakes = 0", "study.toml: melting.flakes"),
    ],
)
def test_bad_toml_is_named(tmp_path, text, words):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(StudyError, match=words):
        Melting.from_toml(path)


def test_missing_toml_is_named(tmp_path):
    with pytest.raises(StudyError, match="No such file"):
        Melting.from_toml(tmp_path / "none.toml")


def test_every_field_is_described():
    rows = {row["field"]: row for row in described(Melting)}
    assert rows["resistance"]["default"] == "25 kohm"
    assert rows["kind"]["allowed"] == "snow, ice"
    assert rows["flakes"]["allowed"] == "at least 1 and at most 1000"
    assert all(row["meaning"] for row in rows.values())
