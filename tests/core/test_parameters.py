"""Parameter sets: no number without source, place and manner; files read back exactly."""

from __future__ import annotations

import copy
import re
import tomllib

import pytest

from mho.core import ParameterError
from mho.core.parameter_file import from_toml, read
from mho.core.parameters import HOW, Number
from mho.devices import MODELS, parameter_sets, parameters
from mho.devices.effects import EFFECTS, laid_over

SETS = parameter_sets()


def table(name="ecram_stp_ref"):
    return copy.deepcopy(parameters(name).as_toml())


@pytest.mark.parametrize("name", SETS)
def test_every_packaged_number_has_source_place_and_manner(name):
    numbers = parameters(name)
    assert numbers.name == name
    for records in (numbers.numbers, numbers.spread):
        for key, number in records.items():
            assert number.source in numbers.sources, key
            assert number.where.strip(), key
            assert number.how in HOW, key
    for source in numbers.sources.values():
        assert source["text"].strip()
    used = {n.source for n in (*numbers.numbers.values(), *numbers.spread.values())}
    assert all(
        "doi" in s or "url" in s or "arxiv" in s or key == "mho" for key, s in numbers.sources.items() if key in used
    )
    assert all(n.how == "assumed" for n in numbers.numbers.values() if n.source == "mho")


@pytest.mark.parametrize("name", SETS)
def test_a_file_reads_back_exactly(name, tmp_path):
    numbers = parameters(name)
    again = read(numbers.save(tmp_path / f"{name}.toml"), MODELS, EFFECTS, laid_over)
    assert again == numbers
    assert [p.name for p in tmp_path.iterdir()] == [f"{name}.toml"]


def test_fitted_numbers_keep_their_intervals(tmp_path):
    numbers = parameters("ecram_stp_ref")
    fitted = numbers.with_values(
        {
            "tau": Number((0.1 / 3, 1e-1), "s", "bench", "run 7", "fitted", interval=((0.03, 0.09), (0.04, 0.11))),
            "g_volatile": Number(3.1e-5 / 7, "S", "bench", "run 7", "fitted", "with care", (4.1e-6, 4.5e-6)),
        },
        name="ours",
        summary="fitted to run 7",
        sources={"bench": {"text": "our bench"}},
    )
    again = read(fitted.save(tmp_path / "ours.toml"), MODELS)
    assert again == fitted
    assert again.numbers["tau"].value == (0.1 / 3, 0.1)
    assert again.assumed_share() < numbers.assumed_share() + 1e-12
    assert float(again.device().tau[0]) == 0.1 / 3


def test_spreads_of_other_kinds_read_back(tmp_path):
    """Normal in the number's own unit, and folded normal: written, read, and drawn as they are."""
    record = table()
    places = {"source": "mho", "where": "here", "how": "assumed"}
    record["spread"] = {
        "g_volatile": {"absolute": "2 uS", "kind": "normal", **places},
        "efficacy": {"relative": 0.2, "kind": "folded normal", **places},
    }
    numbers = from_toml(record, MODELS, where="mine.toml")
    assert read(numbers.save(tmp_path / "mine.toml"), MODELS) == numbers
    first, second = numbers.spreads(scale=0.5)
    assert (first.sigma, first.relative, first.kind) == (1e-6, False, "normal")
    assert (second.sigma, second.relative, second.kind) == (0.1, True, "folded normal")


def broken(change):
    record = table()
    change(record)
    return record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["parameters"]["tau"].pop("source"), "mine.toml: tau has no 'source'"),
        (lambda t: t["parameters"]["tau"].pop("where"), "mine.toml: tau has no 'where'"),
        (lambda t: t["parameters"]["tau"].pop("how"), "mine.toml: tau has no 'how'"),
        (lambda t: t["parameters"]["tau"].pop("value"), "mine.toml: tau has no 'value'"),
        (lambda t: t["parameters"]["tau"].update(how="guessed"), "how is 'guessed'; it must be one of"),
        (lambda t: t["parameters"]["tau"].update(source="nobody"), "source 'nobody' is not among"),
        (lambda t: t["parameters"]["v_ref"].update(value="1 s"), "mine.toml: v_ref: 's' has dimension"),
        (
            lambda t: t["parameters"].update(taus=t["parameters"]["tau"]),
            "'taus' is no parameter of ecram; it has g_min",
        ),
        (lambda t: t["parameters"].pop("g_min"), "mine.toml: g_min missing"),
        (lambda t: t["parameters"].update(tau="20 ms"), "must be a table"),
        (lambda t: t["sources"].update(mho={"doi": "10/1"}), "source 'mho' has no 'text'"),
        (lambda t: t["spread"]["tau"].pop("where"), "spread of tau has no 'where'"),
        (lambda t: t["spread"]["tau"].update(relative=-0.1), "relative is -0.1"),
        (lambda t: t["spread"]["tau"].pop("relative"), "relative is None"),
        (lambda t: t["spread"]["tau"].update(kind="cauchy"), "kind is 'cauchy'; it must be one of log-normal"),
        (lambda t: t["spread"]["tau"].update(absolute="1 ms"), "'absolute' needs a kind"),
        (lambda t: t["spread"].update(taus=t["spread"]["tau"]), "'taus' is no parameter"),
        (lambda t: t["valid"]["width"].pop("low"), "valid range of width needs 'low' and 'high'"),
        (lambda t: t["valid"]["width"].update(low="1 tesla", high="2 tesla"), "a unit that a validity range cannot"),
        (lambda t: t["valid"]["width"].update(low="1 s"), "low is 1 s, above high, 10 µs. Swapped?"),
        (lambda t: t["valid"]["temperature"].update(low="20 degC", high="30 degC"), "Give the temperature in K"),
        (lambda t: t["parameters"]["g_min"].update(value=["1 uS", "2 uS"]), "it must be one number"),
        (lambda t: t["parameters"]["tau"].update(value="20 ms"), "tau is '20 ms'; it must be a list"),
        (lambda t: t["parameters"]["g_min"].update(value=1e-6), "without a unit. Write it as text"),
        (lambda t: t["parameters"]["g_min"].update(intervall=[0, 1]), "'intervall' is no entry here"),
        (lambda t: t["operation"]["t_up"].update(value="-1 ms"), "operation.t_up is -1 ms; it must lie within"),
        (
            lambda t: t["operation"].update(pulses=t["parameters"]["x_0"] | {"value": 1e9}),
            "pulses is 1e+09; it must lie within 1 to",
        ),
        (lambda t: t.pop("model"), "'model' is missing"),
        (lambda t: t.update(model="abacus"), "model is 'abacus'; it must be one of"),
        (lambda t: t.update(parameters=[1]), "'parameters' is missing, or is not a table"),
    ],
)
def test_a_set_that_lacks_something_is_refused_by_name(change, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        from_toml(broken(change), MODELS, where="mine.toml")


def test_files_that_are_no_sets(tmp_path):
    with pytest.raises(ParameterError, match="does not exist"):
        parameters(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("g_min = [")
    with pytest.raises(ParameterError, match="is not TOML"):
        parameters(tmp_path / "bad.toml")
    with pytest.raises(ParameterError, match=r"There is no parameter set 'ecram_stp'\. Did you mean ecram_stp_"):
        parameters("ecram_stp")


def test_outside_its_range_a_set_says_so():
    numbers = parameters("ecram_stp_ref")
    assert numbers.outside(temperature=300.0, width=200e-9, v_gate=1.0) == []
    (sentence,) = numbers.outside(temperature=400.0, width=200e-9)
    assert sentence.startswith("ecram_stp_ref: temperature is 400 K, outside the 290 K to 330 K in which the set was")
    assert sentence.endswith("established (extrapolated).")
    assert len(numbers.outside(width=1.0, v_gate=-3.0, humidity=1.0)) == 2


def test_numbers_print_with_their_units():
    assert str(parameters("ecram_stp_ref").numbers["tau"]) == "20 ms, 200 ms"


def test_the_written_file_is_plain_toml(tmp_path):
    path = parameters("ecram_stp_ref").save(tmp_path / "x.toml")
    record = tomllib.loads(path.read_text())
    expected = {"value": "1e-05 S", "source": "mho", "where": "reconstruction", "how": "assumed"}
    assert record["parameters"]["g_min"] == expected
