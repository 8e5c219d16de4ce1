"""A few of the benchmark's netlists, unchanged through mho and ngspice: what designers write gives ngspice's answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mho.core import SolverError
from mho.interchange.spice import read_spice, simulate

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def judge(loaded):
    """The benchmark that compares the whole collection."""
    return loaded(BENCHMARKS / "netlists_against_ngspice.py")


# What each is for: a sweep through a hysteresis, mirrors on recognised EKV, a formula that reads a formula's current.
@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["schmitt_dc", "mirrors_dc", "hp_biolek"])
def test_designers_netlists_give_ngspices_answer(name, judge, ngspice):
    path = BENCHMARKS / "netlists" / f"{name}.cir"
    found = simulate(read_spice(path))
    mine = {found.axis: found.points[0]} | found.signals[0]
    coarse, _, _ = judge.theirs(path, 1e-4, None)
    fine, _, _ = judge.theirs(path, 1e-5, None)
    for line in path.read_text().splitlines():
        if line.startswith("*#"):
            kind, *words = line[2:].split()
            own = judge.compared(kind, words, coarse, fine)
            for what, error in judge.compared(kind, words, mine, fine).items():
                # The benchmark's rule: what is asked, or three times what ngspice's two runs differ by.
                assert abs(error) <= max(judge.ASKED[what], 3 * own[what]), what


def test_a_follower_costs_no_unknown_and_keeps_its_signals(tmp_path):
    from mho.circuits.layout import layout

    text = (
        "t\nv1 a 0 1\nr1 a b 1k\nr2 b 0 1k\nb1 c 0 v=2*v(b)+{k}\nb2 d 0 v=v(c)**2\nb3 0 o i=1m*v(d)\nro o 0 1k\n.op\n"
    )
    (tmp_path / "x.cir").write_text(text.replace("{k}", "0.5") + ".end\n")
    read = read_spice(tmp_path / "x.cir")
    assert set(layout(read.circuit).names) == {"b", "o"}
    found = simulate(read)
    assert found["v(c)"][0] == pytest.approx(1.5)
    assert found["v(d)"][0] == pytest.approx(2.25)
    assert found["v(o)"][0] == pytest.approx(2.25)
    assert found["i(b2)"][0] == 0.0
    # One that follows itself stays, and is solved.
    (tmp_path / "y.cir").write_text("t\nv1 a 0 1\nb1 c 0 v=v(a)-0.5*v(d)\nb2 d 0 v=v(c)\nrd a 0 1k\n.op\n.end\n")
    assert simulate(read_spice(tmp_path / "y.cir"))["v(c)"][0] == pytest.approx(1 / 1.5)


def test_a_formula_that_compares_time_turns_at_its_time(tmp_path):
    text = "t\nb1 a 0 v=time>1.2345u ? 1 : 0\nr1 a b 1k\nc1 b 0 1n\n.tran 100n 5u\n.end\n"
    (tmp_path / "x.cir").write_text(text)
    found = simulate(read_spice(tmp_path / "x.cir"))
    t, y = found.points[0], found["v(b)"]
    exact = np.where(t > 1.2345e-6, 1 - np.exp(-np.maximum(t - 1.2345e-6, 0) / 1e-6), 0.0)
    assert np.max(np.abs(y - exact)) < 2e-3  # the default reltol's tolerance is 5e-4 a step


def test_a_sweep_without_a_state_says_so(tmp_path):
    (tmp_path / "x.cir").write_text("t\nv1 a 0 0\nr1 a b 1k\nb1 b 0 i=v(b)>0.5 ? 1 : -1\n.dc v1 0 1 0.5\n.end\n")
    with pytest.raises(SolverError, match=r"points of the sweep have no operating point"):
        simulate(read_spice(tmp_path / "x.cir"))
