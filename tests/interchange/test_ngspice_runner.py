"""The runner fails loudly: a missing program, an empty result, a run that stops early."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest

from mho.circuits import DC, Capacitor, Circuit, Crossing, Resistor, VoltageSource
from mho.core.errors import InputError, SolverError
from mho.interchange import run_ngspice, spice_text
from mho.interchange.ngspice import NgspiceRun, read_raw

CIRCUIT = Circuit(
    {"v": VoltageSource("in", "0", DC(1.0)), "r": Resistor("in", "a", 1e4), "c": Capacitor("a", "0", 1e-10)}
)


def program(tmp_path, script):
    path = tmp_path / "ngspice"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def raw(points, names=("time", "v(a)")):
    head = f"Title: x\nNo. Variables: {len(names)}\nNo. Points: {points}\nVariables:\n"
    return (head + "".join(f"\t{k}\t{n}\tvoltage\n" for k, n in enumerate(names)) + "Binary:\n").encode()


def test_an_empty_result_is_an_error(tmp_path):
    # A result without points must never read as "no spikes".
    path = tmp_path / "x.raw"
    path.write_bytes(raw(0))
    with pytest.raises(SolverError, match=r"empty result \(0 points\).*\nsingular matrix"):
        read_raw(path, "singular matrix")


def test_what_ngspice_says_is_passed_on(tmp_path):
    text = spice_text(CIRCUIT, 1e-6, save=("a",))
    with pytest.raises(SolverError, match=r"wrote no result.*\n.*no such model"):
        run_ngspice(text, program=program(tmp_path, "echo no such model >&2; exit 1"))
    with pytest.raises(SolverError, match="within 0 s"):
        run_ngspice(text, program=program(tmp_path, "exec sleep 5"), timeout=0.2)


def test_a_run_that_stops_early_is_an_error(tmp_path):
    body = np.array([[0.0, 0.0], [0.5e-6, 1.0]]).tobytes()
    (tmp_path / "short.raw").write_bytes(raw(2) + body)
    copy = program(tmp_path, f'cp {tmp_path}/short.raw "$3"')
    with pytest.raises(SolverError, match=r"stopped at 5e-07 s of 1e-06 s"):
        run_ngspice(spice_text(CIRCUIT, 1e-6, save=("a",)), program=copy)


def test_a_missing_program_is_named(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SolverError, match="apt-get install ngspice"):
        run_ngspice(spice_text(CIRCUIT, 1e-6))


@pytest.mark.ngspice
def test_names_come_back_as_mho_wrote_them(ngspice):
    run = run_ngspice(spice_text(CIRCUIT, 5e-6, save=("a",), reltol=1e-6), program=ngspice)
    assert set(run.vectors) == {"a", "i(v)"}
    assert run.seconds > 0
    np.testing.assert_allclose(run["a"], 1 - np.exp(-run.times / 1e-6), atol=2e-4)
    assert run.crossings(Crossing("a", 0.5)) == pytest.approx([np.log(2) * 1e-6], rel=1e-3)
    assert run.energy(("v", 1.0))[-1] == pytest.approx(1e-10 * (1 - np.exp(-5)), rel=2e-3)
    with pytest.raises(InputError, match="wrote no 'b'"):
        run["b"]


def test_energy_and_crossings_of_a_known_run():
    t = np.linspace(0, 1, 11)
    run = NgspiceRun(t, {"a": t, "i(v)": -2 * np.ones(11)}, 0.0)
    assert run.energy(("v", 3.0))[-1] == pytest.approx(6.0)
    np.testing.assert_allclose(run.crossings(Crossing("a", 0.25)), [0.25])
    assert len(run.crossings(Crossing("a", 0.25, rising=False))) == 0
