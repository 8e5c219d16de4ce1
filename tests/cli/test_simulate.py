"""``mho simulate`` from outside: files that it writes, what it says, how it ends."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from mho.cli.application import application
from mho.interchange.ngspice import read_raw

RC = (
    "an RC\nv1 a 0 pulse(0 1 1u 1n 1n 3u)\nr1 a b 1k\nc1 b 0 1n\n.plot tran v(b)\n.save v(b) v(a,b) i(v1)\n"
    ".tran 10n 4u\n.measure tran top max v(b)\n.end\n"
)


@pytest.fixture
def run(tmp_path):
    def running(text, *arguments):
        (tmp_path / "x.cir").write_text(text)
        return CliRunner().invoke(application, ["simulate", str(tmp_path / "x.cir"), *arguments])

    return running


def test_all_files_hold_the_same_signals(run, tmp_path):
    paths = {kind: tmp_path / f"x.{kind}" for kind in ("csv", "json", "raw", "svg")}
    flags = [x for kind, p in paths.items() for x in ("--plot" if kind == "svg" else f"--{kind}", str(p))]
    done = run(RC, *flags)
    assert done.exit_code == 0, done.output
    assert "line 5: .plot is not used" in done.stderr
    top = 1 - np.exp(-3.0)  # 1 V for 3 us (less half an edge) over 1 us
    assert f"top  {top:.3f}" in done.stdout
    record = json.loads(paths["json"].read_text())
    assert record["measures"]["top"]["value"] == pytest.approx(top, rel=1e-3)
    names = ["time", "v(b)", "v(a,b)", "i(v1)"]
    assert list(record["signals"]) == names
    assert paths["csv"].read_text().splitlines()[0] == 'time,v(b),"v(a,b)",i(v1)'
    table = np.loadtxt(paths["csv"], delimiter=",", skiprows=1).T
    raw = read_raw(paths["raw"])
    assert list(raw) == names
    for column, name in zip(table, names, strict=True):
        np.testing.assert_allclose(raw[name], column, rtol=1e-9, atol=1e-18)
        np.testing.assert_allclose(record["signals"][name], column, rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(
        table[3], -table[2] / 1e3, atol=1e-9
    )  # Ohm's law: the source's current is the resistor's
    assert paths["svg"].read_text().startswith("<svg")


@pytest.mark.references
def test_samples_differ_by_mismatch_and_are_told_apart(run, tmp_path, references):
    library = (references / "circuits" / "ekv.lib").as_posix()
    text = (
        f"t\n.include {library}\nvd d 0 1\nvg g 0 0.4\nxn m g 0 0 ekvn w=1u l=1u\nr1 d m 1meg\n.save v(m)\n"
        ".tran 10n 1u uic\n.measure tran low find v(m) at=1u\n.end\n"
    )
    done = run(text, "--samples", "3", "--mismatch", "--csv", str(tmp_path / "x.csv"))
    assert done.exit_code == 0, done.output
    assert "3 of 3 samples" in done.stdout
    table = np.loadtxt(tmp_path / "x.csv", delimiter=",", skiprows=1)
    assert set(table[:, 0]) == {0, 1, 2}
    ends = [table[table[:, 0] == k][-1, 2] for k in range(3)]
    assert len(set(ends)) == 3


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (RC.replace("c1 b 0 1n", "q1 b 0 0 t"), (), "line 4: 'q1' is not supported"),
        (RC[:40], (), "line 3: r1 has no two nodes"),
        (RC.replace(".tran 10n 4u", ""), (), "asks for no analysis"),
        (RC.replace("i(v1)", "i(v9)"), (), "line 6: i(v9)"),
        (RC, ("--mismatch",), "--samples and --mismatch"),
        (RC, ("--samples", "2", "--mismatch"), "no MOSFET"),
        ("", (), "no elements"),
    ],
)
def test_what_cannot_be_done_ends_with_code_2_and_a_sentence(run, text, arguments, said):
    done = run(text, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_operating_point_is_told(run):
    done = run("t\nv1 a 0 3\nr1 a b 1k\nr2 b 0 2k\n.op\n.end\n")
    assert done.exit_code == 0, done.output
    assert "v(b)   2 V" in done.stdout
    assert "i(v1)  -1 mA" in done.stdout
