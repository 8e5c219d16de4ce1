"""Designs: the search on circuits whose answer is known in closed form, and one neuron from end to end."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from mho.circuits import Capacitor, Circuit, Crossing, Resistor, VoltageSource, transient
from mho.circuits.design import Design, Free, Target, correct, search
from mho.cli.application import application
from mho.core.errors import InputError

RC = (Free("r", 1e3, 1e6, "ohm", 1e4), Free("c", 1e-13, 1e-10, "F", 1e-12))


def charged(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Time to half the supply and energy delivered of an RC, for 16 R and C at once: one shape compiles once."""
    parts = np.split(places, range(16, len(places), 16))
    figures = np.concatenate([sixteen(np.resize(part, (16, 2))) for part in parts])[: len(places)]
    return np.log(figures), np.where(np.isfinite(figures).all(axis=1), "", "SILENT")


def sixteen(places: np.ndarray) -> np.ndarray:
    r, c = (f.value(places[:, k]) for k, f in enumerate(RC))
    circuit = Circuit({"v": VoltageSource("a", "0", 1.0), "r": Resistor("a", "b", r=r), "c": Capacitor("b", "0", c=c)})
    run = transient(circuit, 2e-3, crossings=(Crossing("b", 0.5),), throw=False)
    return np.stack([run.crossings[0].times[:, 0] / 1e-6, run.ledger.supplies["v"] / 2e-12], axis=1)


def found(evaluate, **options):
    nominal, weights = np.array([f.place(f.nominal) for f in RC]), np.ones(2)
    return search(evaluate, [f.step for f in RC], nominal=nominal, weights=weights, scouts=31, starts=2, **options)


def test_an_rc_is_designed_as_its_equations_say():
    """t = RC ln 2 and E = C V^2: 0.2 %, the error of the transient's crossing at its default tolerance."""
    result = found(charged)
    r, c = (float(f.value(u)) for f, u in zip(RC, result.place, strict=True))
    assert c == pytest.approx(2e-12, rel=2e-3)
    assert r * c * np.log(2) == pytest.approx(1e-6, rel=2e-3)
    slopes = result.jacobian / [np.log(f.high / f.low) for f in RC]
    np.testing.assert_allclose(slopes, [[1, 1], [0, 1]], atol=5e-3)  # both are powers of R and C


def law(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same in closed form, with a hole in the middle where the circuit has no figure."""
    r, c = (f.value(places[:, k]) for k, f in enumerate(RC))
    misses = np.log(np.stack([r * c * np.log(2) / 1e-6, c / 2e-12], axis=1))
    hole = (np.abs(places[:, 0] - 0.45) < 0.1) & (places[:, 1] < 0.4)
    return np.where(hole[:, None], np.nan, misses), np.where(hole, "SILENT", "")


def test_a_hole_without_figures_is_counted_and_walked_around():
    result = found(law)
    assert np.max(np.abs(result.misses)) < 1e-3
    assert result.refused["SILENT"] > 0
    assert all(np.isfinite(step.misses).all() and np.isfinite(step.cost) for step in result.path)


def test_nowhere_a_figure_is_refused_with_the_reason():
    with pytest.raises(InputError, match="32 SILENT"):
        found(lambda places: (np.full((len(places), 2), np.nan), np.full(len(places), "SILENT", dtype=object)))


def test_a_target_beyond_reach_ends_at_its_bound():
    """C would have to be 2 pF and R 0.72 Mohm; with at most 1 pF (place 1/3) and 1 Mohm both end at their bounds."""

    evaluations = []

    def bounded(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        evaluations.append(len(places))
        return law(places * [1.0, 1 / 3])

    result = found(bounded)
    np.testing.assert_allclose(result.place, 1.0, atol=1e-6)
    assert len(evaluations) == 2 + max(step.turn for step in result.path)  # nothing is measured once all stand there
    np.testing.assert_allclose(result.misses, [np.log(np.log(2)), np.log(0.5)], rtol=1e-4)


def slow(values):
    """What a whole circuit might do: 1.5 times the figure, less sensitive than the quick measure says, with a hole."""
    found = []
    for own in values:
        moved, leak = own["v_delay"] - 0.3, own["v_leak"]
        width = 1.5 * 5e-7 * np.exp(-20.0 * moved - 3.0 * moved**2)
        found.append(np.stack([np.where(moved > 0.03, np.nan, width), 1e-12 * (1.0 + leak)], axis=1))
    return found


def test_a_design_is_corrected_by_a_slow_measure():
    """Derivatives half again too large, half of all trials without a figure: both targets are met within 1 % anyway."""
    record = Design((Target("width", 5e-7), Target("energy", 1.2e-12)), {"v_delay": (0.2, 0.4), "v_leak": (0.0, 0.3)})
    spans = np.array([0.2, 0.3])
    start = {"v_delay": 0.3, "v_leak": 0.1}
    met = {"v_delay": 0.3202, "v_leak": 0.2}
    jacobian = np.array([[-30.0, 0.0], [0.0, 1.3]]) * spans
    told = []
    tell = lambda share, text: told.append(share)  # noqa: E731
    moved, left = correct([record] * 2, [start, met], [jacobian] * 2, slow, enough=0.01, told=tell)
    np.testing.assert_allclose(moved.before, [7.5e-7, 1.1e-12], rtol=1e-12)
    np.testing.assert_allclose(moved.figures, [5e-7, 1.2e-12], rtol=0.01)
    np.testing.assert_allclose(moved.figures, slow([{n: np.array([v]) for n, v in moved.values.items()}])[0][0])
    assert len(left.path) == 1
    assert left.values == pytest.approx(met)
    assert told == sorted(told)


def test_a_design_survives_its_text():
    record = Design(
        (Target("rate", 5e4, 2e-8), Target("facilitation", 1.12, 5e3, weight=0.5)),
        {"v_delay": ("0.2 V", None), "device.tau": (None, None)},
        synapse="facilitating",
        fixed={"c_membrane": 2e-12},
        start={"device.tau": 3e-3},
    )
    again = Design.from_text(record.as_text())
    assert again.targets == record.targets
    assert again.frees() == record.frees()
    assert (dict(again.fixed), dict(again.start), again.bench) == (dict(record.fixed), dict(record.start), record.bench)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-t", "wdth=500ns", "--free", "vdly"], "no figure 'wdth'"),
        (["-t", "width=500nF", "--free", "vdly"], "has dimension"),
        (["-t", "width=500ns", "--free", "v_dly"], "no number 'v_dly'"),
        (["-t", "width=500ns", "--free", "vdly=0.4V:0.2V"], "low:high in order"),
        (["-t", "width=500ns"], "no free number"),
        (["-t", "facilitation=1.1@5kHz", "--free", "vdly"], "has none"),
        (["schmitt", "-t", "dead_time=1us", "--free", "v_width"], "no node 'reset'"),
        (["lif", "-t", "width=1us", "--free", "vdly"], "no neuron 'lif'"),
        (["nowhere.toml"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_ends_with_two(options, said):
    ended = CliRunner().invoke(application, ["design", *options])
    assert ended.exit_code == 2
    assert said in ended.stderr


@pytest.mark.slow
@pytest.mark.ngspice
def test_a_neuron_from_target_to_netlist(ngspice, tmp_path, monkeypatch):
    """Within 1 % here and 2 % in ngspice, as promised; then what no membrane within its bounds can do.

    The threshold switch has the fewest transistors, and its program is the quickest to compile.
    """
    monkeypatch.setattr("mho.circuits.design.benches.LANES", 8)  # few lanes are compiled in half the time
    monkeypatch.setattr("mho.circuits.design.benches.SPIKES", 5)
    monkeypatch.chdir(tmp_path)
    asked = ["design", "threshold_switch", "-t", "rate=50kHz", "--scouts", "7", "--starts", "1"]
    files = ["--json", "d.json", "--out", "d.toml", "--netlist", "d.cir"]
    done = CliRunner().invoke(application, [*asked, "--free", "cmem", *files])
    assert done.exit_code == 0, done.output
    assert re.search(r"\[2/2\] ngspice: .*\([\d.]+ s\)", done.stderr)
    result = json.loads((tmp_path / "d.json").read_text())
    assert abs(result["targets"][0]["deviation"]) < 0.01
    assert abs(result["ngspice"][0]["deviation"]) < 0.02
    assert Design.from_toml("d.toml").start["c_membrane"] == result["values"][0]["value"]
    assert ".tran" in (tmp_path / "d.cir").read_text()
    missed = CliRunner().invoke(application, [*asked, "--free", "cmem=1pF:1.2pF", "--no-ngspice"])
    assert missed.exit_code == 1
    assert re.search(r"rate came to [\d.]+ kHz, [\d.]+ % below the 50 kHz wanted", missed.output)
    assert "c_membrane stands at its lower bound, 1 pF" in missed.output
