"""``mho export``: what it writes, where, and how it ends."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from mho.cli.application import application
from mho.devices import parameters


@pytest.fixture
def export(monkeypatch, tmp_path):
    """``mho export`` in an empty folder; call it with its arguments."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(application, ["export", *map(str, arguments)])


def test_a_packaged_set_as_subcircuit_module_and_benches(export):
    done = export("vteam_memtorch")
    assert done.exit_code == 0, done.output
    assert ".subckt vteam_memtorch plus minus" in done.stdout
    done = export("vteam_memtorch", "--to", "verilog-a")
    assert "module vteam_memtorch(plus, minus);" in done.stdout
    assert "Xdut plus minus vteam_memtorch" in export("vteam_memtorch", "--bench").stdout
    assert "pre_osdi vteam_memtorch.osdi" in export("vteam_memtorch", "--bench", "--to", "verilog-a").stdout


def test_a_set_of_ones_own_goes_to_a_file(export, tmp_path):
    parameters("vteam_memtorch").save(tmp_path / "mine.toml")
    done = export("mine.toml", "--to", "verilog-a", "--out", "mine.va")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert (tmp_path / "mine.va").read_text().endswith("endmodule\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing_such",), "no set, neuron or synapse 'nothing_such'"),
        (("ecram_nosuch",), "Did you mean ecram_"),
        (("axon_hilock",), "Did you mean axon_hillock?"),
        (("ecram_tang_pulse",), "only a pulse"),
        (("vteam_memtorch", "--to", "vhdl"), "verilog-a"),
        (("vteam_memtorch", "--out", "missing/cell.sub"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_with_code_2(export, arguments, says):
    done = export(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_help_teaches_by_examples(export):
    text = export("--help").output
    assert "mho export ecram_stp_ref" in text
    assert "ic_<state>" in text
