"""One engine, two forms of program: unrolled for small circuits, stacked for large; both must say the same."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import mho
from mho.circuits import (
    CCCS,
    CCVS,
    DC,
    MOSFET,
    NMOS,
    PMOS,
    PWL,
    VCCS,
    VCVS,
    BehaviouralCurrent,
    BehaviouralVoltage,
    Capacitor,
    Circuit,
    Crossing,
    CurrentSource,
    Detail,
    Diode,
    Form,
    Inductor,
    Junction,
    JunctionCharge,
    LevelOne,
    Memristive,
    Options,
    PulseWave,
    Resistor,
    Sin,
    Switch,
    VoltageSource,
    operating_point,
    transient,
)
from mho.core.errors import SolverError
from mho.core.results import Status

STEP = PulseWave(0, 1, 1e-9, 50e-12, 50e-12, 20e-9, 40e-9)


def square(v, *, temperature):
    return 1e-5 * v * v + 0.0 * temperature


def half(v, w, *, temperature):
    return 0.5 * v - 0.25 * w + 0.0 * temperature


def everything() -> Circuit:
    """At least one of each kind of element, two of some, one held node hanging on another."""
    device = mho.parameters("ecram_stp_fast").device()
    return Circuit(
        {
            "drive.v": VoltageSource("in", "0", PulseWave(0, 1, 1e-7, 1e-8, 1e-8, 4e-7, 1e-6)),
            "bias.v": VoltageSource("high", "in", DC(0.5)),
            "float.v": VoltageSource("a", "b", DC(0.1)),
            "sine.i": CurrentSource("0", "a", Sin(0, 1e-5, 3e6, 0.0)),
            "r.1": Resistor("in", "a", 1e4),
            "r.2": Resistor("b", "0", 2e4),
            "r.3": Resistor("high", "c", 5e4),
            "c.1": Capacitor("a", "0", 1e-12),
            "c.2": Capacitor("b", "c", 2e-12),
            "coil.l": Inductor("c", "d", 1e-4),
            "coil.r": Resistor("d", "0", 3e3),
            "e": VCVS("e", "0", "a", "c", 2.0),
            "e.r": Resistor("e", "f", 1e4),
            "f.c": Capacitor("f", "0", 1e-12),
            "g": VCCS("f", "0", "b", "0", 1e-5),
            "probe": VoltageSource("f", "p", DC(0.0)),
            "probe.r": Resistor("p", "0", 1e5),
            "h": CCVS("h", "0", "probe", 1e4),
            "h.r": Resistor("h", "0", 1e5),
            "k": CCCS("0", "a", "probe", 0.5),
            "diode.1": Diode("c", "0"),
            "diode.2": Junction("a", "f", 1e-14),
            "diode.c": JunctionCharge("a", "f", 1e-12, transit=1e-9),
            "switch": Switch("a", "f", "in", "0", 0.8, 0.2, 1e4, 1e8),
            "square.1": BehaviouralCurrent("a", "0", ("a",), square),
            "square.2": BehaviouralCurrent("c", "0", ("c",), square),
            "half": BehaviouralVoltage("m", "0", ("a", "c"), half),
            "half.r": Resistor("m", "n", 1e4),
            "half.c": Capacitor("n", "0", 1e-12),
            "nmos": MOSFET("n", "a", "0", "0", 1e-6, 0.5e-6, NMOS),
            "pmos": MOSFET("n", "c", "high", "high", 1e-6, 0.5e-6, PMOS),
            "square_law": LevelOne("n", "0", "c", "0", 1, 1e-6, 1e-6, 0.3, 1e-4, 0.4, 0.7, 0.05, 1e-15, 1e-15),
            "synapse.1": Memristive(tuple(["in", "n", "0"][: len(device.terminals)]), device),
            "synapse.2": Memristive(tuple(["high", "f", "0"][: len(device.terminals)]), device),
        },
        initial={"f": 0.1},
    )


def chain(stages: int, *, square_law: bool = False, load=5e-15) -> Circuit:
    """Inverters in a row behind a step."""
    elements = {"supply": VoltageSource("vdd", "0", DC(1.0)), "drive": VoltageSource("n0", "0", STEP)}
    for k in range(1, stages + 1):
        a, b = f"n{k - 1}", f"n{k}"
        if square_law:
            elements[f"i{k}.n"] = LevelOne(b, "0", a, "0", 1, 1e-6, 0.2e-6, 0.35, 200e-6, 0.3, 0.7, 0.05)
            elements[f"i{k}.p"] = LevelOne(b, "vdd", a, "vdd", -1, 2e-6, 0.2e-6, -0.35, 80e-6, 0.3, 0.7, 0.08)
        else:
            elements[f"i{k}.n"] = MOSFET(b, a, "0", "0", 0.5e-6, 0.13e-6, NMOS)
            elements[f"i{k}.p"] = MOSFET(b, a, "vdd", "vdd", 1.2e-6, 0.13e-6, PMOS)
        elements[f"i{k}.c"] = Capacitor(b, "0", load)
    return Circuit(elements)


def both(circuit, stop, **asked):
    return [transient(circuit, stop, options=Options(form=form), **asked) for form in Form]


def test_both_forms_agree_on_every_kind_of_element():
    circuit = everything()
    crossings = (Crossing("a", 0.3), Crossing("n", 0.7, rising=False))
    one, two = both(circuit, 1.2e-6, crossings=crossings, save=("a", "c", "n", "m"))
    # The same arithmetic in another order: roundings grow by the steps taken, far below the tolerance of 5e-4.
    assert abs(one.steps[0] - two.steps[0]) <= 0.02 * one.steps[0]
    t = np.linspace(0, 1.2e-6, 400)
    for name in ("a", "c", "n", "m"):
        np.testing.assert_allclose(one.at(name, t), two.at(name, t), atol=1e-6)
    for k in range(2):
        np.testing.assert_allclose(one.crossings[k].times, two.crossings[k].times, rtol=1e-6)
        for label, energy in one.crossings[k].accounts.items():
            np.testing.assert_allclose(two.crossings[k].accounts[label], energy, rtol=1e-4, atol=1e-20)
    for books in ("supplies", "charges", "dissipation", "storage"):
        for name, value in getattr(one.ledger, books).items():
            assert getattr(two.ledger, books)[name] == pytest.approx(value, rel=1e-4, abs=1e-20), (books, name)
    assert abs(two.ledger.imbalance) < 2e-3
    rest, again = (operating_point(circuit, form=form) for form in Form)
    assert rest.values == pytest.approx(again.values, abs=1e-7)


def test_a_population_in_both_forms():
    load = np.array([4e-15, 6e-15, 9e-15])
    asked = {"crossings": (Crossing("n4", 0.5),), "lanes": 2}
    one, two = both(chain(5, load=load), 3e-9, **asked)
    np.testing.assert_allclose(one.crossings[0].times, two.crossings[0].times, rtol=1e-9)
    assert np.all(np.diff(two.crossings[0].times[:, 0]) > 0)  # the heavier, the later
    np.testing.assert_allclose(one.ledger.energy("supply"), two.ledger.energy("supply"), rtol=1e-7)


def test_a_long_chain_of_inverters():
    stages, stop = 300, 3e-9
    circuit = chain(stages, square_law=True)
    crossings = tuple(Crossing(f"n{k}", 0.5) for k in (10, 24, 38))
    run = transient(circuit, stop, crossings=crossings, save=("n38",), start="operating_point")
    times = np.array([c.times[0, 0] for c in run.crossings])
    # The front moves at one speed: 14 stages take as long as the next 14, to what a step's tolerance leaves.
    assert np.diff(times)[1] == pytest.approx(np.diff(times)[0], rel=2e-3)
    # Stage by stage it is that of a short chain, which is unrolled.
    short = transient(chain(12, square_law=True), stop, crossings=(Crossing("n2", 0.5), Crossing("n10", 0.5)))
    delay = (short.crossings[1].times[0, 0] - short.crossings[0].times[0, 0]) / 8
    assert (times[1] - times[0]) / 14 == pytest.approx(delay, rel=5e-3)
    assert abs(run.ledger.imbalance) < 2e-3
    assert len(run.ledger.dissipation) == stages


@pytest.mark.ngspice
def test_a_chain_against_ngspice(ngspice):
    from mho.interchange import run_ngspice, spice_text

    circuit, crossings = chain(60, square_law=True), (Crossing("n10", 0.5), Crossing("n40", 0.5))
    theirs = run_ngspice(spice_text(circuit, 2.5e-9, save=("n10", "n40"), reltol=1e-4, max_step=10e-12))
    run = transient(circuit, 2.5e-9, crossings=crossings, start="operating_point")
    ours = [c.times[0, 0] for c in run.crossings]
    # 2e-3 of 30 stages' delay: ngspice itself moves by 4e-4 from here to its finest steps.
    delays = [b - a for a, b in (ours, [theirs.crossings(c)[0] for c in crossings])]
    assert delays[0] == pytest.approx(delays[1], rel=2e-3)


def test_a_long_ladder_against_its_differential_equation():
    n, r, c = 500, 1e3, 1e-12
    elements = {"v": VoltageSource("n0", "0", PWL((0.0, 1e-9), (0.0, 1.0)))}
    for k in range(1, n + 1):
        elements |= {f"r{k}": Resistor(f"n{k - 1}", f"n{k}", r), f"c{k}": Capacitor(f"n{k}", "0", c)}
    run = transient(Circuit(elements), 2e-6, save=("n10", "n50"), options=Options(tolerance=2e-5))

    def slope(t, v):
        ends = np.concatenate([[min(t / 1e-9, 1.0)], v, v[-1:]])
        return np.diff(ends, 2) / (r * c)

    band = np.zeros((n, n))
    t = np.linspace(1e-7, 2e-6, 50)
    band[np.arange(n), np.arange(n)], band[np.arange(n - 1), np.arange(1, n)] = -2 / r / c, 1 / r / c
    band[np.arange(1, n), np.arange(n - 1)], band[-1, -1] = 1 / r / c, -1 / r / c
    exact = solve_ivp(slope, (0, 2e-6), np.zeros(n), method="BDF", t_eval=t, rtol=1e-8, atol=1e-10, jac=band)
    for name, row in (("n10", 9), ("n50", 49)):
        np.testing.assert_allclose(run.at(name, t), exact.y[row], atol=2e-4)  # ten steps' tolerances
    assert abs(run.ledger.imbalance) < 1e-3


def test_a_large_ring_oscillates():
    n = 101
    elements = {"supply": VoltageSource("vdd", "0", DC(1.0))}
    for k in range(n):
        a, b = f"n{k}", f"n{(k + 1) % n}"
        elements[f"i{k}.n"] = MOSFET(b, a, "0", "0", 0.5e-6, 0.13e-6, NMOS)
        elements[f"i{k}.p"] = MOSFET(b, a, "vdd", "vdd", 1.2e-6, 0.13e-6, PMOS)
        elements[f"i{k}.c"] = Capacitor(b, "0", 5e-15)
    # One front alone runs around: nodes alternate, but for one pair.
    circuit = Circuit(elements, initial={f"n{k}": float(k % 2) for k in range(n)})
    run = transient(circuit, 45e-9, crossings=(Crossing("n50", 0.5),), options=Options(ledger=Detail.SUPPLIES))
    (period,) = np.diff(run.crossings[0].times[0])[:1]
    short = transient(chain(12), 3e-9, crossings=(Crossing("n2", 0.5), Crossing("n10", 0.5)))
    # A turn of the front takes every stage once up and once down; the pair of edges is that of the chain.
    delay = (short.crossings[1].times[0, 0] - short.crossings[0].times[0, 0]) / 8
    assert period == pytest.approx(2 * n * delay, rel=0.02)


def test_twenty_coupled_neurons(lif):
    """Neurons in a row, each charging the next one's membrane through a resistor: the drive spreads."""
    elements, supplies = {}, {}
    neuron = lif.reference_lif()
    fixed = {"0", *lif.SUPPLIES}
    for name, e in neuron.items():
        if name.startswith("supply."):
            supplies[name] = e
    for k in range(20):
        for name, e in neuron.items():
            if not name.startswith("supply."):
                elements[f"n{k}.{name}"] = _renamed(e, lambda node, k=k: node if node in fixed else f"{node}{k}")
        if k:
            elements[f"n{k}.link"] = Resistor(f"mem{k - 1}", f"mem{k}", 50e6)
    run = transient(
        Circuit(supplies | elements), 20e-6, crossings=tuple(Crossing(f"spk{k}", 0.5, after=1e-6) for k in (0, 19))
    )
    alone = transient(neuron, 20e-6, crossings=(Crossing("spk", 0.5, after=1e-6),))
    # All neurons are alike and driven alike: no current flows between them, and each fires as one alone does.
    for c in run.crossings:
        np.testing.assert_allclose(c.times[0], alone.crossings[0].times[0], rtol=1e-3)
    assert abs(run.ledger.imbalance) < 2e-3


def _renamed(element, rename):
    import dataclasses

    changes = {
        f.name: rename(getattr(element, f.name))
        for f in dataclasses.fields(element)
        if f.metadata.get("static") and isinstance(getattr(element, f.name), str)
    }
    return dataclasses.replace(element, **changes)


class TestFailuresHaveNames:
    """A large circuit that fails says so."""

    def test_smallest_step(self):
        options = Options(tolerance=1e-9, h_min=1e-10, form=Form.STACKED)
        with pytest.raises(SolverError, match="smallest allowed"):
            transient(chain(5), 3e-9, options=options)

    def test_not_a_number_stays_in_its_lane(self):
        import equinox as eqx

        circuit = chain(5, load=np.array([5e-15, 6e-15]))
        sick = eqx.tree_at(lambda c: c["i3.c"].c, circuit, np.array([np.nan, 6e-15]))
        options = Options(form=Form.STACKED)
        run = transient(sick, 3e-9, options=options, throw=False)
        assert list(run.status) == [Status.NOT_FINITE, Status.OK]
        assert run.final["n5"][1] == transient(circuit, 3e-9, options=options).final["n5"][1]


def test_numbers_and_corners_compile_nothing():
    options = Options(form=Form.STACKED)
    transient(chain(5), 3e-9, options=options)
    assert transient(chain(5, load=7e-15), 2e-9, options=options).compile_seconds == 0.0


def test_square_law_slopes_are_its_derivatives(x64):
    transistor = LevelOne("d", "s", "g", "b", -1, 2e-6, 0.5e-6, -0.4, 8e-5, 0.5, 0.7, 0.06, 0.0, 0.0)
    v = tuple(jax.numpy.asarray(np.random.default_rng(3).uniform(-1.5, 1.5, (4, 1000))))
    current, slopes = transistor.current_and_slopes(v)
    for k in range(4):
        ones = tuple(jax.numpy.ones_like(x) if j == k else jax.numpy.zeros_like(x) for j, x in enumerate(v))
        _, exact = jax.jvp(lambda *x: transistor.current(x), v, ones)
        np.testing.assert_allclose(slopes[k], exact, rtol=1e-9, atol=1e-18)
    assert current.shape == (1000,)
