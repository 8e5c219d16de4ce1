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
    done = run(text, "--samples", "3", "--mismatch", "--waveforms", "--csv", str(tmp_path / "x.csv"))
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
        (RC.replace("r1 a b 1k", "r1 a"), (), "line 3: r1 has no two nodes"),
        (RC.replace(".tran 10n 4u", ""), (), "asks for no analysis"),
        (RC.replace("i(v1)", "i(v9)"), (), "line 6: i(v9)"),
        (RC, ("--mismatch",), "--samples says how many"),
        (RC, ("--samples", "2", "--spread", "r9=5%"), "'r9=5%' names no element"),
        (RC, ("--samples", "2", "--spread", "r1.q=5%"), "has no number 'q'"),
        (RC, ("--samples", "2", "--spread", "r1=5%", "--spec", "top~3"), "--spec 'top~3' is written"),
        (RC, ("--samples", "2", "--spread", "r1=5%", "--spec", "q<3"), "names no measurement; there is top"),
        (RC, ("--corners", "six"), "--corners six must be five or full"),
        (RC, ("--corners", "five", "--supply", "r1=10%"), "'r1' is no constant voltage source"),
        (RC, ("--samples", "2", "--spread", "r1=5%", "--raw", "x.raw"), "--raw holds waveforms"),
        (RC.replace(".measure", ".print tran v(b)\n*"), ("--samples", "2", "--spread", "r1=5%"), "nothing is measured"),
        (RC, ("--spikes", "b>1"), "--spikes 'b>1' is written v(node)=level"),
        (RC, ("--samples", "2", "--mismatch"), "no MOSFET"),
        ("", (), "asks for no analysis"),
        ("t\n.tran 1n 1u\n.end\n", (), "no elements"),
        (RC.replace("r1 a b 1k", "r1 a b 1k\nc2 b c 1n\nc3 c 0 1n"), (), "line 4: Node 'c' has no DC path"),
        ("\0\1", (), "holds bytes that are no text"),
        # What cannot be drawn, written or measured is told before the run.
        ("t\nv1 a 0 1\nr1 a 0 1\n.op\n", ("--plot", "x.svg"), "an operating point has one value"),
        (RC, ("--plot", "x.png"), "must end in .svg"),
        (RC, ("--csv", "/dev/null/x.csv"), "--csv /dev/null/x.csv cannot be written"),
        (RC, ("--spikes", "v(b)=0.5", "--plot", "x.svg"), "there is one circuit"),
        (RC, ("--spikes", "v(b)=0.5 after=5u"), "the run ends at 4e-06 s"),
        ("t\nv1 a 0 1\nr1 a 0 1\n.op\n", ("--energy",), "--energy is that of a transient, and .op is run"),
        (RC.replace("10n", "1p").replace("4u", "4"), ("--noise",), "without a bandwidth"),
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


TAU = (
    "charging\nv1 a 0 2\nr1 a b 1k\nc1 b 0 1n\n.tran 10n 8u uic\n.options reltol=1e-5\n"
    ".measure tran tau when v(b)=1.2642411176571153\n.measure tran late when v(b)=1.999\n.end\n"
)


def test_samples_pass_in_shares_and_only_what_is_measured_is_kept(run, tmp_path):
    paths = {kind: tmp_path / f"x.{kind}" for kind in ("csv", "json", "svg")}
    flags = [x for kind, p in paths.items() for x in ("--plot" if kind == "svg" else f"--{kind}", str(p))]
    # The share of samples in memory is 32; 70 samples make three.
    varied = ("--spread", "r1=5%", "--spread", "c1=1e-11", "--spec", "tau=950n..1050n")
    done = run(TAU, "-n", "70", *varied, "--parameters", *flags)
    assert done.exit_code == 0, done.output
    lines = paths["csv"].read_text().splitlines()
    assert lines[0] == "sample,r1.r,c1.c,tau,late,status"
    table = np.genfromtxt(paths["csv"], delimiter=",", skip_header=1, usecols=range(5))
    r, c, tau, late = table[:, 1:].T
    np.testing.assert_allclose(tau, r * c, rtol=1e-3)  # the RC's law, at this reltol
    needed = r * c * np.log(2 / 1e-3)
    reached, clear = np.isfinite(late), np.abs(needed / 8e-6 - 1) > 1e-2
    np.testing.assert_array_equal(reached[clear], (needed < 8e-6)[clear])
    assert 0 < np.sum(~reached) < 70
    assert f"{np.sum(~reached)} of 70 samples have no late: v(b) = 1.999 is never passed" in done.stderr
    record = json.loads(paths["json"].read_text())
    passed = int(np.sum((tau >= 950e-9) & (tau <= 1050e-9)))
    assert record["yield"]["value"] == pytest.approx(passed / 70)
    assert f"yield  {100 * passed / 70:.4g} % of 70 samples" in done.stdout
    assert np.std(np.log(r)) == pytest.approx(0.05, rel=0.25)  # 70 draws: three standard errors
    assert paths["svg"].read_text().startswith("<svg")


def test_corners_are_their_own_circuits(run, tmp_path):
    text = (
        "a divider and a channel\n.model nm nmos(vto=0.5 kp=100u lambda=0.02)\nvdd d 0 2\nr1 d a 10k\n"
        "m1 a a 0 0 nm w=10u l=1u\nc1 a 0 1p\n.tran 10n 1u\n.measure tran va find v(a) at=0.9u\n.end\n"
    )
    out = tmp_path / "x.csv"
    done = run(text, "--corners", "full", "--supply", "vdd=10%", "--temperatures", "-40,85", "--csv", str(out))
    assert done.exit_code == 0, done.output
    rows = [line.split(",") for line in out.read_text().splitlines()[1:]]
    found = {row[1]: float(row[2]) for row in rows}
    assert len(found) == 5 * 3 * 2
    for process, vto, kp in (("ff", 0.47, 1.1e-4), ("ss", 0.53, 0.9e-4)):
        done = run(
            text.replace("vto=0.5 kp=100u", f"vto={vto} kp={kp}")
            .replace("0 2\n", "0 1.8\n")
            .replace(".tran", ".temp 85\n.tran")
        )
        alone = float(done.stdout.split("va")[1].split()[0])
        assert found[f"{process} vdd-10% 85C"] == pytest.approx(alone, rel=1e-5)


def test_the_start_up_counts_or_not_and_the_output_says_which(run, tmp_path):
    # Pulses at 1, 2, 3 us; the first crossing, at 0.1 us, is the start-up of another kind: a pulse of its own.
    text = (
        "bursts\nv1 a 0 pwl(0 0 100n 0 101n 1 200n 1 201n 0)\nv2 c a pulse(0 1 1u 1n 1n 100n 1u)\nr1 c b 1k\n"
        "c1 b 0 1p\nr2 b 0 1meg\n.tran 10n 4.5u\n.end\n"
    )
    out = tmp_path / "x.json"
    found = {}
    for after in ("", " after=0.5u"):
        done = run(text, "--spikes", f"v(b)=0.5{after}", "--energy", "--json", str(out))
        assert done.exit_code == 0, done.output
        said = done.stdout.replace("µ", "u")
        assert ("after 500 ns, to 4.5 us" if after else "start-up included, to 4.5 us") in said
        found[after] = {k: v[0] for k, v in json.loads(out.read_text())["measures"].items()}
    whole, later = found.values()
    assert (whole["spikes"], later["spikes"]) == (5, 4)
    assert later["jitter"] < 1e-12 < 1e-8 < whole["jitter"]
    assert later["rate"] == pytest.approx(1e6, rel=1e-6)
    # The whole run's energy is in the ledger either way, and is more than four periods' of either source.
    assert whole["delivered(v2)"] == pytest.approx(later["delivered(v2)"])
    assert later["delivered(v2)"] > 3 * later["energy(v2)"] > 0


def test_bare_options_mean_what_the_help_says(run):
    ramp = "a ramp\ni1 0 a 1n\nr1 a 0 1g\nc1 a 0 1p\n.tran 1u 40u uic\n.measure tran t when v(a)=0.03\n.end\n"
    outputs = [run(ramp, *words).stdout for words in (("--noise",), ("--noise", "500k"), ())]
    assert outputs[0] == outputs[1] != outputs[2]  # half the rate of the print step
    assert run(ramp, "--corners").stdout == run(ramp, "--corners", "five").stdout


def test_energy_is_told(run):
    done = run(TAU, "--energy")
    assert done.exit_code == 0, done.output
    # C V^2 delivered, half of it stored: 1 nF at 2 V, after 8 time constants to e^-8.
    assert "energy  from the start to 8 us" in done.stdout.replace("µ", "u")
    assert "v1        delivered 4 nJ" in done.stdout or "delivered 3.999 nJ" in done.stdout


def test_noise_makes_jitter(run, tmp_path):
    text = "a ramp\ni1 0 a 1n\nr1 a 0 1g\nc1 a 0 1p\n.tran 100n 40u uic\n.measure tran t when v(a)=0.03\n.end\n"
    done = run(text, "--noise", "2meg", "-n", "100", "--csv", str(tmp_path / "x.csv"))
    assert done.exit_code == 0, done.output
    t = np.loadtxt(tmp_path / "x.csv", delimiter=",", skiprows=1, usecols=1)
    exact = np.sqrt(4 * 1.380649e-23 * 300.15 / 1e9 * 3.05e-5 / 2) / 0.97e-9  # a random walk's crossing of a level
    assert np.std(t) == pytest.approx(exact, rel=0.22)  # 100 samples: three standard errors
    assert run(text, "--noise", "2meg", "-n", "100", "--seed", "1").stdout.splitlines()[2] in done.stdout
