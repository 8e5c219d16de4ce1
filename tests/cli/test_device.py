"""``mho device``: sheets, comparisons, lists, and how they end."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from mho.cli.application import application
from mho.devices import parameter_sets, parameters


@pytest.fixture
def device(monkeypatch, tmp_path):
    """``mho device`` in an empty folder; call it with its arguments."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(application, ["device", *map(str, arguments)])


def test_list_is_grouped_by_technology(device):
    done = device("list")
    assert done.exit_code == 0
    assert all(name in done.output for name in parameter_sets())
    lines = done.output.splitlines()
    assert "ECRAM" in lines
    some = device("list", "--technology", "ecram")
    assert "ecram_stp_ref" in some.output
    assert "ag_asi_jo" not in some.output


def test_a_sheet_of_a_packaged_set_as_text_page_and_json(device, tmp_path):
    done = device("datasheet", "ag_asi_jo", "-n", 4)
    assert done.exit_code == 0, done.output
    assert "nonlinearity α" in done.output
    done = device("datasheet", "ag_asi_jo", "-n", 4, "--json")
    record = json.loads(done.output)
    assert record["name"] == "ag_asi_jo"
    assert record["temperature"] == pytest.approx(300.15)
    done = device("datasheet", "ag_asi_jo", "-n", 4, "--html")
    assert (tmp_path / "ag_asi_jo.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_sheet_of_ones_own_file(device, tmp_path):
    """Also one that names no pulse: it says what to add."""
    numbers = parameters("ag_asi_jo")
    numbers.save(tmp_path / "mine.toml")
    assert device("datasheet", "mine.toml", "-n", 4, "--temperature", "320 K").exit_code == 0
    text = (tmp_path / "mine.toml").read_text(encoding="utf-8")
    table = text.index("[operation")
    after = text.find("\n[reported", table)
    (tmp_path / "bare.toml").write_text(text[:table] + text[after:] if after > 0 else text[:table], encoding="utf-8")
    done = device("datasheet", "bare.toml", "-n", 4)
    assert done.exit_code == 0, done.output
    assert "[operation.v_up]" in done.output


def test_devices_side_by_side(device, tmp_path):
    done = device("compare", "ag_asi_jo", "alox_hfo2_woo", "-n", 4)
    assert done.exit_code == 0, done.output
    assert "effective bits" in done.output
    done = device("compare", "ag_asi_jo", "alox_hfo2_woo", "-n", 4, "--html", "--out", "two.html")
    assert "two.html" in done.output
    assert (tmp_path / "two.html").exists()
    assert len(json.loads(device("compare", "ag_asi_jo", "alox_hfo2_woo", "-n", 4, "--json").output)["sheets"]) == 2


def test_bits_of_named_sets(device):
    done = device("bits", "ag_asi_jo", "-n", 4, "--markdown")
    assert done.exit_code == 0
    assert "| ag_asi_jo |" in done.output


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["datasheet", "nothing"], "There is no parameter set 'nothing'"),
        (["datasheet", "nothing.toml"], "nothing.toml"),
        (["datasheet", "ag_asi_jo", "--temperature", "warm"], "Write a number"),
        (["datasheet", "ag_asi_jo", "--temperature", "-400 C"], "must lie between"),
        (["datasheet", "ag_asi_jo", "--rate", "1 V"], "a quantity in Hz is needed"),
        (["datasheet", "ag_asi_jo", "-n", "1"], "needs at least 2"),
        (["datasheet", "ag_asi_jo", "--html", "--json"], "Give one of them"),
        (["compare", "ag_asi_jo"], "Name another"),
        (["list", "--technology", "valve"], "is none of"),
    ],
)
def test_what_cannot_be_done_ends_with_its_cure(device, arguments, cure):
    done = device(*arguments)
    assert done.exit_code == 2
    assert cure in " ".join(done.stderr.split())
