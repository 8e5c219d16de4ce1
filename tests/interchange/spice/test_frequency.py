"""Analyses over frequency of netlists: against ngspice 39, and through the program's files."""

from __future__ import annotations

import json
import re
import subprocess

import numpy as np
import pytest
from typer.testing import CliRunner

from mho.cli.application import application
from mho.core.errors import NetlistError
from mho.interchange.spice import read_spice, simulate

AMPLIFIER = """level-1 amplifier, diode, coupled tank
v1 in 0 dc 1.2 ac 2 30
vd vdd 0 3
r1 vdd d 10k
m1 d in s 0 nm w=10u l=1u
rs s 0 1k
c1 d 0 1p
c2 d x 1n
d1 x 0 dm
rd vdd x 50k
l1 x y 1u
r3 y 0 20k
c3 y 0 10p
i1 0 y ac 1u
e1 z 0 x s 3
rz z 0 1k
.model dm d(is=1e-14 n=1.2 rs=20 kf=1e-16 af=1.1)
.model nm nmos(level=1 vto=0.5 kp=100u gamma=0.3 phi=0.6 lambda=0.05 kf=1e-26 af=1.2 rd=30)
.ac dec 5 100 1g
.noise v(x,y) v1 dec 5 100 1g 1
.options reltol=1e-6
.end
"""
MEASURED = """measurements of an RC
v1 in 0 dc 0 ac 2 30
r1 in out 1k
c1 out 0 1n
.ac dec 10 1k 10meg
.meas ac top max v(out)
.meas ac size max vm(out)
.meas ac gain max vdb(out)
.meas ac corner when vdb(out)=3
.meas ac angle find vp(out) at=1meg
.meas ac re find vr(out) at=1.1meg
.meas ac im find vi(out) at=1.1meg
.meas ac turn find vdb(out) when vp(out)=0
.meas ac band trig vdb(out) val=3 fall=1 targ vdb(out) val=-10 fall=1
.meas ac area integ vm(out) from=1k to=1meg
.meas ac where max_at vi(out)
.meas ac low min v(out)
.end
"""


def raw_plots(path):
    """All plots of a binary raw file: name of the plot to vectors."""
    data, plots = path.read_bytes(), {}
    for head in re.finditer(rb"Title.*?Binary:\n", data, re.DOTALL):
        text = head.group().decode()
        count, points = (int(re.search(rf"No\. {what}: (\d+)", text)[1]) for what in ("Variables", "Points"))
        names = [line.split()[1].lower() for line in text.split("Variables:\n")[1].splitlines() if line[:1] == "\t"]
        kind = np.complex128 if "Flags: complex" in text else np.float64
        table = np.frombuffer(data[head.end() :], kind, count=count * points).reshape(points, count)
        plots[re.search(r"Plotname: (.*)", text)[1].strip()] = dict(zip(names, table.T, strict=True))
    return plots


def ngspice_plots(program, folder, text):
    (folder / "x.cir").write_text(text)
    subprocess.run([program, "-b", "-r", "x.raw", "x.cir"], cwd=folder, capture_output=True, check=False)
    return raw_plots(folder / "x.raw")


@pytest.mark.ngspice
def test_small_signals_and_noise_agree_with_ngspice(tmp_path, ngspice):
    there = ngspice_plots(ngspice, tmp_path, AMPLIFIER)
    netlist = read_spice(tmp_path / "x.cir")
    found = simulate(netlist)
    assert found.analysis == "ac"
    np.testing.assert_allclose(found.points[0], there["AC Analysis"]["frequency"].real, rtol=1e-9)
    for name, y in there["AC Analysis"].items():
        if name in ("frequency", "i(l1)") or "#" in name:
            continue
        # 1e-5: rounded constants in the thermal voltage, and what 1 pS at junctions here and at nodes there do.
        np.testing.assert_allclose(found[name], y, atol=1e-5 * np.max(np.abs(y)), err_msg=name)
    found = simulate(netlist, analysis="noise")
    spectra, totals = there["Noise Spectral Density Curves"], there["Integrated Noise"]
    shares = ["m1", "m1_id", "m1_1overf", "m1_rd", "d1", "d1_id", "d1_1overf", "d1_rs", "r1", "rs"]
    for name in ("onoise_spectrum", "inoise_spectrum", *(f"onoise_{x}" for x in shares)):
        np.testing.assert_allclose(found[name], spectra[name], rtol=5e-5, err_msg=name)
    # Not inoise_total: ngspice takes the gain at one end of each interval, where mho integrates the quotient.
    for name in ("onoise_total", "onoise_total_r1", "onoise_total_d1"):
        assert found.totals[name] == pytest.approx(totals[f"v({name})"][0], rel=3e-4), name


@pytest.mark.references
@pytest.mark.ngspice
def test_ekv_stage_agrees_with_ngspice(tmp_path, ngspice, references):
    library = (references / "circuits" / "ekv.lib").as_posix()
    text = (
        f"two common-source stages\n.include {library}\nvd vdd 0 1\nvg g 0 dc 0.4 ac 1 sin(0.4 5m 1meg)\n"
        "xn out g 0 0 ekvn w=2u l=0.5u\nr1 vdd out 80k\nxp mid out vdd vdd ekvp w=4u l=0.5u\nr2 mid 0 50k\n"
        ".ac dec 5 1k 10g\n.save v(out) v(mid) i(vd)\n.end\n"
    )
    there = ngspice_plots(ngspice, tmp_path, text)["AC Analysis"]
    found = simulate(read_spice(tmp_path / "x.cir"))
    assert np.abs(found["v(out)"][0]) > 1
    for name in ("v(out)", "v(mid)", "i(vd)"):
        # The subcircuit's thermal voltage is rounded by 4e-6; the gain of two currents that cancel shows it 100-fold.
        np.testing.assert_allclose(found[name], there[name], atol=1e-3 * np.max(np.abs(there[name])), err_msg=name)


@pytest.mark.ngspice
def test_measurements_over_frequency_agree_with_ngspice(tmp_path, ngspice):
    (tmp_path / "x.cir").write_text(MEASURED)
    said = subprocess.run([ngspice, "-b", "x.cir"], cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    found = {m.name: m.value for m in simulate(read_spice(tmp_path / "x.cir")).measures[0]}
    there = {name: float(x) for name, x in re.findall(r"^(\w+)\s+=\s+(\S+)", said, re.MULTILINE) if name in found}
    assert found.keys() == there.keys()
    for name, value in there.items():
        assert found[name] == pytest.approx(value, rel=5e-6), name  # what ngspice prints has six digits


def test_files_of_phasors_and_of_noise(tmp_path):
    (tmp_path / "x.cir").write_text(MEASURED.replace(".end", ".noise v(out) v1 dec 10 1 10g\n.end"))
    out = {kind: tmp_path / f"x.{kind}" for kind in ("csv", "json", "raw", "svg")}
    flags = [x for kind, p in out.items() for x in ("--plot" if kind == "svg" else f"--{kind}", str(p))]
    done = CliRunner().invoke(application, ["simulate", str(tmp_path / "x.cir"), *flags])
    assert done.exit_code == 0, done.output
    assert "asks for .noise too: --analysis noise" in done.stderr
    exact = 2 * np.exp(1j * np.radians(30)) / (1 + 2j * np.pi * 1e-6 * 10.0 ** np.linspace(3, 7, 41))
    head = out["csv"].read_text().splitlines()[0]
    assert head.startswith("frequency,real(v(out)),imag(v(out)),real(v(in))")
    table = np.loadtxt(out["csv"], delimiter=",", skiprows=1).T
    np.testing.assert_allclose(table[1] + 1j * table[2], exact, rtol=1e-8)
    record = json.loads(out["json"].read_text())["signals"]["v(out)"]
    np.testing.assert_allclose(np.array(record["real"]) + 1j * np.array(record["imag"]), exact, rtol=1e-8)
    raw = raw_plots(out["raw"])["AC Analysis"]
    np.testing.assert_allclose(raw["v(out)"], exact, rtol=1e-8)
    assert out["svg"].read_text().count("phase") > 0
    done = CliRunner().invoke(application, ["simulate", str(tmp_path / "x.cir"), "--analysis", "noise", *flags])
    assert done.exit_code == 0, done.output
    plots = raw_plots(out["raw"])
    assert list(plots) == ["Noise Spectral Density Curves", "Integrated Noise"]
    kt_over_c = np.sqrt(1.380649e-23 * 300.15 / 1e-9)
    assert plots["Integrated Noise"]["v(onoise_total)"][0] == pytest.approx(kt_over_c, rel=2e-3)
    assert json.loads(out["json"].read_text())["totals"]["onoise_total"] == pytest.approx(kt_over_c, rel=2e-3)
    assert out["svg"].read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v1 a 0 1\nr1 a 0 1k\n.ac dec 5 1 1k", "ac drives nothing"),
        ("v1 a 0 ac 1 2 3\nr1 a 0 1k\n.ac dec 5 1 1k", "line 2: AC takes a magnitude and a phase"),
        ("v1 a 0 ac 1\nr1 a 0 1k\n.ac log 5 1 1k", "line 4: it is written .ac dec points start stop"),
        ("v1 a 0 ac 1\nr1 a 0 1k\n.ac dec 5 10 1", "line 4: 5 points from 10 to 1 Hz"),
        ("v1 a 0 ac 1 sin(0 1 1k 0 1)\nr1 a 0 1k\n.ac dec 5 1 1k", "line 2: v1 follows a formula of time"),
        ("v1 a 0 ac 1\nr1 a 0 1k\n.noise v(b) v1 dec 5 1 1k", "line 4: there is no node 'b'"),
        ("v1 a 0 ac 1\nr1 a b 1k\nr2 b 0 1k\n.noise v(b) r1 dec 5 1 1k", "line 5: 'r1' is no independent source"),
        ("v1 a 0 ac 1\nr1 a 0 1k\n.noise b v1 dec 5 1 1k", "line 4: a noise analysis is written"),
        ("v1 a 0 ac 1\nr1 a b 1k\nr2 b 0 1\n.ac lin 5 1 1k\n.measure ac g max vdb(q)", "there is no node 'q'"),
    ],
)
def test_what_cannot_be_asked_is_told(text, said, tmp_path):
    (tmp_path / "x.cir").write_text(f"t\n{text}\n.end\n")
    with pytest.raises(NetlistError) as error:
        simulate(read_spice(tmp_path / "x.cir"))
    assert said in str(error.value)
