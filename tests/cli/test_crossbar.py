"""``mho crossbar solve`` from outside."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from mho.cli.application import application


@pytest.fixture
def mho_(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    np.save("g.npy", np.array([[10e-6, 20e-6], [30e-6, 0.0]]))
    (tmp_path / "g.csv").write_text("g [uS]\n10,20\n30,0\n")
    (tmp_path / "v.csv").write_text("v [mV]\n100\n200\n")
    return lambda *arguments: CliRunner().invoke(application, ["crossbar", "solve", *arguments])


def test_currents_errors_and_files(mho_, tmp_path):
    done = mho_("g.csv", "v.csv", "--wire-resistance", "1 kOhm", "--out", "i.csv", "--heatmap", "map.svg")
    assert done.exit_code == 0, done.output
    assert "2 x 2 cells" in done.stdout
    assert "7 µA" in done.stdout  # 10 uS * 0.1 V + 30 uS * 0.2 V
    rows = (tmp_path / "i.csv").read_text().splitlines()
    assert len(rows) == 3
    assert float(rows[1].split(",")[2]) < 7e-6
    assert (tmp_path / "map.svg").read_text().count("<image") >= 3
    assert mho_("g.npy", "v.csv", "--node", "22", "--out", "all.npz").exit_code == 0
    with np.load(tmp_path / "all.npz") as file:
        saved = dict(file)
    assert saved["v_row"].shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("name", "text", "arguments", "words"),
    [
        ("g.csv", "1,2\n3,-4\n", (), "row 1, column 1 is -4 S"),
        ("g.csv", "1,2\n3,nan\n", (), "at least 0 S"),
        ("g.csv", "1,2\n3\n", (), "line 2: not as many numbers"),
        ("g.csv", "1,two\n3,4\n", (), "'two' is not a number"),
        ("g.csv", "g\n3,4\n", (), "has no unit"),
        ("g.csv", "", (), "empty (0 rows)"),
        ("v.csv", "1\n2\n3\n", (), "3 rows of voltages, but the array has 2 rows"),
        ("v.csv", "v [uS]\n1\n2\n", (), "dimension"),
        ("g.csv", "1,2\n3,4\n", ("--wire-resistance", "-1 ohm"), "at least 0"),
        ("g.csv", "1,2\n3,4\n", ("--wire-resistance", "2 V"), "dimension"),
        ("g.csv", "1,2\n3,4\n", ("--node", "23"), "wires are known at"),
        ("g.csv", "1,2\n3,4\n", ("--tolerance", "0"), "1e-13 to 1e-2"),
    ],
)
def test_bad_input_is_one_message_and_code_2(mho_, tmp_path, name, text, arguments, words):
    (tmp_path / name).write_text(text)
    done = mho_("g.csv", "v.csv", "--out", "i.csv", *arguments)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "i.csv").exists()


def test_a_missing_file_is_named(mho_):
    done = mho_("none.csv", "v.csv")
    assert done.exit_code == 2
    assert "none.csv is no file" in done.stderr
