"""Small-signal analysis against closed forms and against the operating point's own differences."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import mho
from mho.circuits import (
    CCVS,
    MOSFET,
    NMOS,
    VCCS,
    Capacitor,
    Circuit,
    CurrentSource,
    Diode,
    Inductor,
    Resistor,
    VoltageSource,
    operating_point,
    phase,
    small_signal,
    swept,
)
from mho.core.errors import InputError, NetlistError

F = swept("dec", 5, 1e3, 1e9)
S = 2j * np.pi * F
RLC = Circuit(
    {
        "v": VoltageSource("in", "0", 0.0),
        "r": Resistor("in", "a", 50.0),
        "l": Inductor("a", "b", 1e-6),
        "c": Capacitor("b", "0", 1e-10),
        "float": VoltageSource("c", "b", 0.5),
        "load": Resistor("c", "0", 1e3),
    }
)


def test_series_resonance_is_the_closed_form():
    found = small_signal(RLC, F, {"v": 2.0 * np.exp(1j * np.radians(30.0))})
    shunt = 1 / (S * 1e-10 + 1e-3)
    drive = 2.0 * np.exp(1j * np.radians(30.0))
    current = drive / (50.0 + S * 1e-6 + shunt)
    # Rounding alone: the equations are linear; 1e-12 S to ground from every node is the operating point's own.
    for name, exact in (("b", current * shunt), ("c", current * shunt), ("l.i", current), ("in", drive + 0 * S)):
        np.testing.assert_allclose(found[name], exact, rtol=1e-8)
    np.testing.assert_allclose(found.currents["v"], -current, rtol=1e-8)  # SPICE's sign: into the plus node
    np.testing.assert_allclose(found.currents["float"], -current * shunt / 1e3, rtol=1e-8)
    assert phase(found["b"])[-1] == pytest.approx(30.0 - 180.0, abs=2.0)


def test_chained_sources_carry_what_flows_further_out():
    circuit = Circuit(
        {
            "v1": VoltageSource("a", "0", 1.0),
            "v2": VoltageSource("a", "b", 0.25),
            "c": Capacitor("b", "0", 1e-9),
            "i": CurrentSource("0", "d", 1e-3),
            "r": Resistor("d", "0", 1e3),
            "h": CCVS("e", "0", "sense", 1e3),
            "sense": VoltageSource("d", "f", 0.0),
            "rf": Resistor("f", "0", 1e3),
            "re": Resistor("e", "0", 1e3),
        }
    )
    found = small_signal(circuit, F, {"v1": 1.0, "i": 1e-3})
    np.testing.assert_allclose(found.currents["v1"], -S * 1e-9, rtol=1e-9)
    np.testing.assert_allclose(found.currents["v2"], S * 1e-9, rtol=1e-9)
    np.testing.assert_allclose(found["e"], 0.5 + 0 * S, rtol=1e-6)  # half of 1 mA through 1 kohm
    silent = small_signal(circuit, F, {"v2": 1.0})
    np.testing.assert_allclose(silent["b"], -1.0 + 0 * S)
    np.testing.assert_allclose(silent["d"], 0.0, atol=1e-15)


def test_low_frequency_gain_is_the_slope_of_the_operating_point():
    def stage(v):
        return Circuit(
            {
                "vdd": VoltageSource("vdd", "0", 1.2),
                "vg": VoltageSource("g", "0", v),
                "r": Resistor("vdd", "d", 2e4),
                "m": MOSFET("d", "g", "0", "0", 2e-6, 0.5e-6, NMOS),
                "x": Diode("d", "y", 1e-15),
                "ry": Resistor("y", "0", 1e6),
                "g": VCCS("0", "z", "d", "0", 1e-3),
                "rz": Resistor("z", "0", 1e3),
            }
        )

    step = 1e-4
    lower, upper = (operating_point(stage(0.45 + s)) for s in (-step, step))
    gain = small_signal(stage(0.45), [0.0], {"vg": 1.0})
    for node in ("d", "y", "z"):  # central differences are good to step^2, about 1e-6
        assert gain[node][0] == pytest.approx((upper[node] - lower[node]) / (2 * step), rel=1e-5)
    assert abs(gain["d"][0]) > 0.5  # the comparison is of something


def test_a_population_is_its_samples_and_failures_are_counted():
    many = mho.sample(
        RLC, mho.relative(0.3, of=lambda c: c["c"].c), mho.relative(0.1, of=lambda c: c["r"].r), n=5,
        key=jax.random.key(1),
    )  # fmt: skip
    found = small_signal(many, F, {"v": 1.0})
    assert found["b"].shape == (5, len(F))
    for k in (0, 4):
        one = small_signal(jax.tree.map(lambda x, k=k: x[k] if np.ndim(x) else x, many), F, {"v": 1.0})
        np.testing.assert_allclose(found["b"][k], one["b"], rtol=1e-10)
    import equinox as eqx

    r = np.array(many["r"].r)
    r[2] = np.nan
    sick = small_signal(eqx.tree_at(lambda c: c["r"].r, many, r), F, {"v": 1.0}, throw=False)
    assert sick.failures == {"NO_OPERATING_POINT": 1}
    assert np.all(np.isnan(sick["b"][2]))
    np.testing.assert_allclose(sick["b"][[0, 1, 3, 4]], found["b"][[0, 1, 3, 4]], rtol=1e-12)


def test_sweeps_are_those_of_spice_and_wrong_questions_are_told():
    np.testing.assert_allclose(swept("dec", 2, 1.0, 150.0), 10.0 ** (np.arange(5) / 2))
    np.testing.assert_allclose(swept("oct", 1, 10.0, 80.0), [10, 20, 40, 80])
    np.testing.assert_allclose(swept("lin", 3, 1.0, 2.0), [1, 1.5, 2])
    with pytest.raises(InputError, match="Nothing is driven"):
        small_signal(RLC, F, {})
    with pytest.raises(InputError, match="'r' is no independent source"):
        small_signal(RLC, F, {"r": 1.0})
    with pytest.raises(InputError, match="sweep is 'log'"):
        swept("log", 3, 1.0, 2.0)
    with pytest.raises(NetlistError, match="no DC path"):
        small_signal(
            Circuit(
                {"v": VoltageSource("a", "0", 1.0), "c": Capacitor("a", "b", 1e-12), "d": Capacitor("b", "0", 1e-12)}
            ),
            F,
            {"v": 1.0},
        )
