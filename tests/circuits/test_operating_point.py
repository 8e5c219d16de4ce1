"""DC operating points against solutions found another way."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.optimize import brentq

import mho
from mho import circuits as mc
from mho.circuits import (
    CCCS,
    CCVS,
    DC,
    MOSFET,
    NMOS,
    PMOS,
    VCCS,
    VCVS,
    Capacitor,
    Circuit,
    Diode,
    Resistor,
    Switch,
    VoltageSource,
    operating_point,
    transient,
)


def test_controlled_sources_switch_and_floating_source():
    elements = {
        "v": VoltageSource("in", "0", DC(1.0)),
        "r1": Resistor("in", "a", 1e3),
        "float": VoltageSource("b", "a", DC(0.5)),
        "r2": Resistor("b", "0", 2e3),
        "c": Capacitor("b", "0", 1e-9),
        "e": VCVS("e", "0", "b", "0", 3.0),
        "meter": VoltageSource("e", "x", DC(0.0)),
        "rx": Resistor("x", "0", 500.0),
        "h": CCVS("h", "0", "meter", 100.0),
        "rh": Resistor("h", "0", 1e3),
        "f": CCCS("0", "y", "meter", 2.0),
        "ry": Resistor("y", "0", 10.0),
        "g": VCCS("0", "z", "b", "a", 1e-3),
        "rz": Resistor("z", "0", 1e3),
        "s": Switch("z", "w", "in", "0", 0.9, 0.1, 1e3, 1e9),
        "rw": Resistor("w", "0", 1e3),
    }
    b = 1.5e-3 / (1 / 1e3 + 1 / 2e3)  # node analysis by hand
    z = 0.5e-3 / (1 / 1e3 + 1 / 2e3)
    expected = {
        "a": b - 0.5,
        "b": b,
        "e": 3 * b,
        "h": 0.6 * b,
        "y": 0.12 * b,
        "meter.i": 3 * b / 500,
        "z": z,
        "w": z / 2,
    }
    circuit = Circuit(elements)
    point = operating_point(circuit)
    # 1e-8: gmin of 1e-12 S against conductances of 1e-3 S and above.
    assert {k: point[k] for k in expected} == pytest.approx(expected, rel=1e-8)
    run = transient(circuit, 20e-6)
    assert {k: run.final[k] for k in expected} == pytest.approx(expected, rel=1e-6)
    assert abs(run.ledger.imbalance) < 1e-4


def test_diode_and_resistor():
    circuit = Circuit(
        {"v": VoltageSource("in", "0", DC(5.0)), "r": Resistor("in", "a", 1e3), "d": Diode("a", "0", i_s=1e-14, n=1.2)}
    )
    vt = 1.2 * 8.617333262e-5 * 300.15
    v = brentq(lambda x: (5 - x) / 1e3 - 1e-14 * np.expm1(x / vt) - 1e-12 * x, 0, 1, xtol=1e-14)
    assert operating_point(circuit)["a"] == pytest.approx(v, abs=1e-9)


def test_inverter_at_its_switching_point_and_both_rails():
    def inverter(v):
        return Circuit(
            {
                "supply": VoltageSource("vdd", "0", DC(1.0)),
                "in": VoltageSource("in", "0", DC(v)),
                "n": MOSFET("out", "in", "0", "0", 0.5e-6, 0.13e-6, NMOS),
                "p": MOSFET("out", "in", "vdd", "vdd", 1.2e-6, 0.13e-6, PMOS),
            }
        )

    levels = np.linspace(0, 1, 21)
    out = operating_point(inverter(levels))["out"]
    assert np.all(np.diff(out) < 0)
    assert out[0] == pytest.approx(1.0, abs=1e-3)
    assert out[-1] == pytest.approx(0.0, abs=1e-3)
    # Equal currents in both transistors is what the point means.
    from mho.circuits.mosfet import channel_current

    with jax.enable_x64(True):
        circuit = inverter(levels)
        n = channel_current(circuit["n"].prepared(300.15), out, levels, 0.0, 0.0)[0]
        p = channel_current(circuit["p"].prepared(300.15), out, levels, 1.0, 1.0)[0]
    np.testing.assert_allclose(n, -np.asarray(p), rtol=1e-5, atol=2e-12)


def test_feedback_chain_needs_help_and_gets_it(lif):
    # Sixteen transistors in two loops; the transient that starts there must stay there until the input rises.
    circuit = lif.reference_lif()
    point = operating_point(circuit)
    assert not point.failures
    run = transient(circuit, 1e-6, start="operating_point", save=("mem", "spk"), crossings=lif.CROSSINGS)
    assert run.final["mem"] == pytest.approx(point["mem"], abs=1e-3)
    assert point["vn"] == 1.0


def test_population_of_operating_points():
    circuit = Circuit(
        {"v": VoltageSource("in", "0", DC(1.0)), "r": Resistor("in", "a", 1e3), "q": Resistor("a", "0", 1e3)}
    )
    population = mho.sample(circuit, mho.relative(0.3, of=lambda c: c["q"].r), n=5, key=jax.random.key(3))
    q = population["q"].r
    np.testing.assert_allclose(operating_point(population)["a"], q / (q + 1e3), rtol=1e-8)


def test_high_voltages_are_reached():
    parts = {
        "v": mc.VoltageSource("in", "0", 800.0), "r1": mc.Resistor("in", "a", 1e3), "r2": mc.Resistor("a", "0", 3e3),
        "e": mc.VCVS("b", "0", "a", "0", 10.0), "r3": mc.Resistor("b", "c", 1e3), "d": mc.Junction("c", "0", i_s=1e-14),
    }  # fmt: skip
    point = mc.operating_point(mc.Circuit(parts))
    assert point["a"] == pytest.approx(600.0, rel=1e-8)  # gmin's 1e-12 S against 1e-3 S
    i = (6000.0 - point["c"]) / 1e3
    assert point["c"] == pytest.approx(8.617333262e-5 * mc.Circuit(parts).temperature * np.log(i / 1e-14), rel=1e-6)
