"""Charges that depend on voltages, against closed forms: charge kept, energy booked, slopes, coupled inductors."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
import pytest

from mho import circuits as mc
from mho.core import NetlistError

C0 = 1e-12  # [F]


@dataclass(frozen=True)
class Capacitance:
    """c = c0 (1 + v / 2)."""

    def __call__(self, v, temperature=300.0):
        return C0 * (1 + 0.5 * v)


@dataclass(frozen=True)
class Charge:
    """Its charge: q = c0 (v + v^2 / 4)."""

    def __call__(self, v, temperature=300.0):
        return C0 * (v + 0.25 * v * v)


def voltage(q):
    """The voltage at a charge of the law above."""
    return 2 * (np.sqrt(1 + q / C0) - 1)


LAWS = {
    "c": mc.BehaviouralCapacitor("a", "0", ("a",), Capacitance()),
    "q": mc.BehaviouralCharge("a", "0", ("a",), Charge()),
}
FINE = mc.Options(tolerance=2e-5)


@pytest.mark.parametrize("law", LAWS)
def test_a_current_charges_as_the_integral_says(law):
    drive = mc.CurrentSource("0", "a", mc.PWL([0, 1e-6, 2e-6, 3e-6], [0, 1e-6, -1e-6, 0]))
    c = mc.Circuit({"i": drive, "v.c": LAWS[law], "r": mc.Resistor("a", "0", 1e12)})
    run = mc.transient(c, 3e-6, save=("a",), options=FINE)
    p = run.points[0]
    t, knots = p.end, np.array([0, 1e-6, 2e-6, 3e-6])
    current = np.interp(t, knots, [0, 1e-6, -1e-6, 0])
    before = np.searchsorted(knots, t * (1 - 1e-12), side="right") - 1
    at, q = knots[before], np.array([0.0, 0.5e-12, 0.5e-12, 0.0])[before]
    q = q + 0.5 * (current + np.array([0, 1e-6, -1e-6, 0])[before]) * (t - at)
    # 2e-5 V is the error of a step; a hundred steps that add up leave less than 2e-4 V.
    np.testing.assert_allclose(p.value1[:, 0], voltage(q), atol=2e-4)
    # Slopes too, since currents of sources are made of them; the last corner's neighbourhood finds its slope anew.
    inner = (t > 1e-8) & (np.min(np.abs(t[:, None] - knots), axis=1) > 1e-9)
    slope = current / Capacitance()(voltage(q))
    np.testing.assert_allclose(p.slope1[inner, 0], slope[inner], atol=5e-3 * np.max(slope))


def test_what_a_charge_takes_is_stored_and_the_books_balance():
    source = mc.VoltageSource("in", "0", mc.PulseWave(0, 1.5, 1e-7, 1e-7, 1e-7, 2e-6, 1e-5))
    c = mc.Circuit({"v": source, "r": mc.Resistor("in", "a", 1e5), "c": LAWS["c"]})
    run = mc.transient(c, 1.5e-6, options=FINE)
    v = run.final["a"]
    # The integral of v c(v) dv; 1e-4 as the run's tolerance allows, over some hundred steps.
    assert run.ledger.storage["c"] == pytest.approx(C0 * (v**2 / 2 + v**3 / 6), rel=1e-4)
    assert abs(run.ledger.imbalance) < 1e-6
    assert run.ledger.charge("v") == pytest.approx(Charge()(v), rel=1e-4)


def test_sources_that_come_on_divide_over_charges():
    c = mc.Circuit(
        {"v": mc.VoltageSource("in", "0", 2.0), "c": mc.Capacitor("in", "a", C0), "q": LAWS["q"]}, {}
    ).with_elements({"r": mc.Resistor("a", "0", 1e12)})
    run = mc.transient(c, 1e-12, save=("a",))
    # (2 - v) c0 = q(v): v^2/4 + 2 v - 2 = 0; 16 parts of the middle's rule leave 1e-4.
    assert run.points[0].value0[0, 0] == pytest.approx(4 * (np.sqrt(1.5) - 1), rel=1e-4)


def test_junction_charge_is_continuous_and_meyers_adds_up():
    with jax.enable_x64(True):
        j = mc.JunctionCharge("a", "0", c=C0, vj=0.7, m=0.4, fc=0.5, transit=0.0)
        v = np.linspace(-3, 1, 401)
        c = np.asarray(j.capacitance((v, 0.0))[0][0])
        below = v < 0.35
        np.testing.assert_allclose(c[below], C0 * (1 - v[below] / 0.7) ** -0.4, rtol=1e-12)
        assert np.max(np.abs(np.diff(c, 2))) < 2e-3 * C0  # a kink of the slope would show tenfold
        m = mc.MeyerCharge("d", "s", "g", "b", 1, c=C0, vto=0.5, gamma=0.3, phi=0.7)
        gate = np.linspace(-1.5, 3, 181)
        rows = m.capacitance((1.0, 0.0, gate, 0.0))
        total = np.asarray(sum(row[2] for row in rows))
        back = m.capacitance((0.0, 1.0, gate, 0.0))
        deep = m.capacitance((0.0, 0.0, 5.0, 0.0))
    assert total[0] == pytest.approx(C0, rel=1e-5)  # accumulation: all of the oxide, to the bulk
    assert total[100] == pytest.approx(2 / 3 * C0, rel=1e-5)  # saturation
    assert float(deep[0][2]) == pytest.approx(0.5 * C0, rel=2e-2)  # an open channel: half to each end
    np.testing.assert_allclose(back[0][2], rows[1][2], rtol=1e-12)  # source and drain change places
    assert np.max(np.abs(np.diff(total))) < 0.06 * C0


def test_coupled_inductors_transform_and_keep_their_energy():
    drive = mc.VoltageSource("in", "0", mc.Sin(0.0, 1.0, 1e6))
    parts = {
        "v": drive, "r": mc.Resistor("in", "p", 50.0), "one": mc.Inductor("p", "0", 10e-6),
        "two": mc.Inductor("s", "0", 40e-6), "load": mc.Resistor("s", "0", 1e3), "k": mc.Coupling("one", "two", 0.9),
    }  # fmt: skip
    run = mc.transient(mc.Circuit(parts), 20e-6, save=("s",), options=FINE)
    w, m = 2j * np.pi * 1e6, 0.9 * 20e-6
    z = np.array([[50 + w * 10e-6, w * m], [w * m, 1e3 + w * 40e-6]])
    amplitude = abs(np.linalg.solve(z, [1.0, 0.0])[1]) * 1e3
    late = run.points[0].end > 15e-6  # the start has died away: l/r is at most 0.2 us
    assert np.max(run.points[0].value1[late, 0]) == pytest.approx(amplitude, rel=2e-3)  # the crest between two points
    assert abs(run.ledger.imbalance) < 1e-6
    with pytest.raises(NetlistError, match="below 1"):
        mc.Coupling("one", "two", 1.0)
    with pytest.raises(NetlistError, match="no inductor"):
        mc.Circuit({**parts, "k": mc.Coupling("one", "r", 0.5)})


def test_populations_and_sensitivities_know_charges():
    def circuit(c):
        drive = mc.VoltageSource("in", "0", mc.PulseWave(0, 1.5, 1e-9, 1e-9, 1e-9, 1e-8, 1e-6))
        return mc.Circuit({
            "v": drive, "r": mc.Resistor("in", "a", 1e3), "d": mc.Junction("a", "0", i_s=1e-14),
            "q": mc.JunctionCharge("a", "0", c=c, vj=0.7, m=0.4, transit=1e-9),
            "e": mc.JunctionCharge("0", "a", c=1e-13),
        })  # fmt: skip

    c = np.linspace(1, 3, 20) * 1e-12
    c[9:12] = 2e-12 * np.array([0.99, 1.0, 1.01])
    # Above 16 samples every element is evaluated alone, below them those of a kind together: the same numbers.
    many = mc.transient(circuit(c), 3e-9, options=FINE)
    one = mc.transient(circuit(c[10]), 3e-9, options=FINE)
    assert many.final["a"][10] == pytest.approx(one.final["a"], rel=1e-12)
    assert many.ledger.storage["q"][10] == pytest.approx(one.ledger.storage["q"], rel=1e-12)
    found = mc.sensitivities(circuit(c[10]), 3e-9, {"c": lambda x: x["q"].c}, options=FINE)
    slope = (many.final["a"][11] - many.final["a"][9]) / (c[11] - c[9])
    # Differences over a percent to either side: a third derivative's 1e-4, and the steps' own 2e-5 V over 4 mV.
    assert found.final["a"].by["c"] == pytest.approx(slope, rel=1e-2)
