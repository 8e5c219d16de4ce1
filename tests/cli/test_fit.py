"""``mho fit`` for every kind of measurement: told by the headings, fitted, saved; bad input is one message."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from mho.cli.application import application
from mho.devices import parameters


def ran(*arguments):
    return CliRunner().invoke(application, ["fit", *(str(a) for a in arguments)])


@pytest.fixture
def written(tmp_path):
    def write(headings, rows, name="run.csv"):
        path = tmp_path / name
        path.write_text("\n".join([headings, *(",".join(f"{x:.9g}" for x in row) for row in rows)]))
        return path

    return write


RNG = np.random.default_rng(0)
T = np.geomspace(1, 1e5, 40)


def test_retention_is_told_by_its_headings_and_laid_over_a_device(written, tmp_path):
    path = written("t [s], g [uS]", np.stack([T, 10 * T**-0.06 * (1 + 0.005 * RNG.normal(size=40))], axis=1))
    out = tmp_path / "mine.toml"
    done = ran(path, "--onto", "ecram_stp_ref", "--out", out, "--plot", tmp_path / "f.svg")
    assert done.exit_code == 0, done.output
    assert "kind  retention" in done.stdout
    assert "power law fitted to run.csv" in done.stdout
    assert parameters(out).effects["power_law_drift"].numbers["nu"].value == pytest.approx(0.06, rel=0.05)
    assert parameters(out).name == "mine"
    assert parameters(out).summary == "ecram_stp_ref with the drift measured in run.csv"
    assert (tmp_path / "f.svg").exists()
    refused = ran(path, "--out", out)
    assert refused.exit_code == 2
    assert "is a law, not a device" in refused.stderr


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("retention", (), "is a law, not a device"),
        ("paired", (), "no effect that could be laid over a device"),
        ("retention", ("--onto", "pcm_joshi"), "has drift of its own (nu_slope"),
    ],
)
def test_a_law_without_a_device_is_refused_before_the_fit(written, tmp_path, kind, options, words):
    """Before even the file is read: its numbers are nonsense."""
    done = ran(written("a, b", [[1, 2]]), "--kind", kind, "--out", tmp_path / "o.toml", *options)
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_line_cut_off_is_named_and_is_no_ramp(tmp_path):
    path = tmp_path / "cut.csv"
    path.write_text("t [s],g [uS]\n1,2\n2,1.9\n1.0000000000")
    done = ran(path)
    assert done.exit_code == 2
    assert "line 4: 1 of 2 cells" in done.stderr


def test_retention_backwards_in_time_is_sorted_and_said_so(written):
    done = ran(written("t [s], g [uS]", np.stack([T, 10 * T**-0.06 * (1 + 0.005 * RNG.normal(size=40))], 1)[::-1]))
    assert done.exit_code == 0, done.output
    assert "sorted by time" in done.stdout
    assert "nu  " in done.stdout


@pytest.mark.parametrize(
    ("headings", "rows", "kind", "word"),
    [
        ("t [s], i [nA]", np.stack([np.arange(256) * 1e-3, 5 + 0.1 * RNG.normal(size=256)], 1), "noise", "sigma"),
        ("device, cycles, failed", [[k, 1e5 * (k + 1), 1] for k in range(12)], "endurance", "n_63"),
        ("interval [ms], ratio", [[10 * k, 1 + 0.5 * np.exp(-k / 4) + 1e-3 * (-1) ** k] for k in range(1, 20)],
         "paired", "tau"),
        ("up [uS], also [uS]", [[10 + k + 0.1 * (-1) ** k] * 2 for k in range(30)], "ramp", "dw_min"),
    ],
)  # fmt: skip
def test_every_kind_is_told_and_fitted(written, headings, rows, kind, word):
    more = ("--model", "constant_step") if kind == "ramp" else ()
    done = ran(written(headings, rows), *more)
    assert done.exit_code == 0, done.output
    assert f"kind  {kind}" in done.stdout
    assert word in done.stdout
    assert " nan" not in done.stdout


@pytest.mark.parametrize(
    ("headings", "rows", "options", "words"),
    [
        ("a, b [V]", [[1, 2], [3, 4]], (), "fit no kind of measurement"),
        ("t [s], g [uS]", [[1, 2], [3, -4]], (), "the conductance is -4 µS"),
        ("t [s], g [uS]", [[1, 2], [3, 4]], ("--kind", "iv"), "no column for v and i"),
        ("t [s], g [uS]", [[1, 2], [3, 4]], ("--kind", "sweep"), "--kind is 'sweep'"),
        ("t [s], g [uS]", [[1, 2], [3, 4]], ("--model", "yakopcic"), "--model is for iv and ramp"),
        (
            "v [V], i [A]",
            [[0.1 * k, 1e-6 * k] for k in range(40)],
            ("--model", "none"),
            "no model or parameter set 'none'",
        ),
        ("v [V], i [A]", [[0.1 * k, 1e-6 * k] for k in range(40)], ("--step", "3 V"), "dimension"),
    ],
)
def test_bad_input_is_one_message_and_code_2(written, headings, rows, options, words):
    done = ran(written(headings, rows), *options)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert done.stderr.startswith("mho: ")
    assert "Traceback" not in done.output


def test_help_teaches():
    text = ran("--help").stdout
    for word in ("retention", "endurance", "compliance", "--model", "sweep.csv"):
        assert word in text, word
