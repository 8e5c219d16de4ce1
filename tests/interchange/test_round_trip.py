"""What mho writes and reads back is the circuit that it was: element by element, or equation by equation."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import mho
from mho import circuits as mc
from mho.circuits.assembly import Assembly, capacitance_matrix, prepare
from mho.circuits.charges import AbstractCharge
from mho.circuits.layout import layout
from mho.circuits.ledger import Accounts
from mho.circuits.neurons import NEURONS, Excitability
from mho.circuits.start import at_rest, source_start
from mho.circuits.synapses import SYNAPSES
from mho.circuits.synapses.train import clamped
from mho.interchange import library_text, read_spice, run_ngspice, spice_text
from mho.interchange.spice import simulate

# Two ways to the same double: numbers pass as text without loss, but sums are made in another order, and currents that
# nearly cancel keep fewer digits.
ROUNDING = 1e-9
GMIN_TWICE = 1e-13  # [A] a transistor read from a card has a femtosiemens of its own beside the one that was written
STATE = 1e-12  # [F] on which a device's state is written: rates and capacitances of its row carry this factor


def ecram(polarity=1.0):
    import equinox as eqx

    device = mho.parameters("ecram_stp_ref").device()
    return eqx.tree_at(lambda d: d.polarity, device, np.asarray(polarity))


def neuron(name, excitability):
    return NEURONS[name](excitability=excitability).circuit(current=mc.PWL((1e-6, 1.01e-6), (0.0, 20e-9)))


def synapse(name):
    spikes = mc.PulseWave(0.0, 1.0, 5e-6, 1e-9, 1e-9, 200e-9, 20e-6)
    made = SYNAPSES[name]
    devices = (ecram(), ecram(-1.0)) if name == "band_pass" else (ecram(),)
    return clamped(made(*devices), spikes)


CIRCUITS = {f"{n}, plain": lambda n=n: neuron(n, None) for n in NEURONS}
CIRCUITS |= {f"{n}, ECRAM": lambda n=n: neuron(n, Excitability(ecram())) for n in NEURONS}
CIRCUITS |= {n: lambda n=n: synapse(n) for n in SYNAPSES}


def written(circuit, tmp_path, **how):
    """The circuit's text, and the circuit that is read from it."""
    text = spice_text(circuit, 1e-6, save=(), **how)
    (tmp_path / "x.cir").write_text(text.text)
    read = read_spice(tmp_path / "x.cir")
    assert not read.notes
    return text, read


def names_of(circuit):
    """ngspice's name of each unknown and held node, from the writer itself."""
    from mho.interchange.spice_elements import Lines

    lines = Lines(circuit)
    for name in circuit.names:
        lines.element(name)
    return lines


def equations(circuit, values):
    """Residual by node at these node voltages, and the capacitance matrix."""
    lay = layout(circuit)
    u = tuple(np.asarray([values[n]]) for n in lay.names)
    held = [np.asarray([float(np.ravel(h)[0])]) for h in source_start(circuit, lay)]
    sources = {k: np.zeros(1) for k, e in enumerate(circuit.elements) if isinstance(e, mc.CurrentSource)}
    sources |= {k: np.zeros(1) for k, e in enumerate(circuit.elements) if isinstance(e, mc.VoltageSource)}
    prepared = prepare(circuit, lay)
    accounts = Accounts(circuit, lay, mc.Detail.SUPPLIES)
    st = Assembly(circuit, lay, accounts)(u, held, sources, prepared)
    f = np.array([float(np.ravel(st.f.get(i, 0.0))[0]) for i in range(lay.n)])
    matrix = np.zeros((lay.n, lay.n))
    for (i, j), c in capacitance_matrix(circuit, lay).items():
        if i < lay.n and j < lay.n:
            matrix[i, j] = float(np.ravel(c)[0])
    everywhere = {**values, "0": 0.0, **{h.node: float(np.ravel(v)[0]) for h, v in zip(lay.held, held, strict=True)}}
    index = {n: k for k, n in enumerate(lay.names)}
    for e in circuit.elements:
        if isinstance(e, AbstractCharge):
            rows = e.capacitance(tuple(everywhere[x] for x in e.nodes), temperature=float(circuit.temperature))
            for ends, row in zip(e.paths, rows, strict=True):
                for end, sign in zip(ends, (1.0, -1.0), strict=True):
                    for node, c in zip(e.nodes, row, strict=True):
                        if end in index and node in index:
                            matrix[index[end], index[node]] += sign * float(np.ravel(c)[0])
    return dict(zip(lay.names, f, strict=True)), matrix


@pytest.mark.parametrize("name", CIRCUITS)
def test_the_library_comes_back_with_the_same_equations(name, tmp_path, x64):
    circuit = CIRCUITS[name]()
    _, read = written(circuit, tmp_path)
    back = read.circuit
    # Every transistor is recognised as the built-in one, with its card and its own numbers.
    ours, theirs = ([e for e in c.elements if isinstance(e, mc.MOSFET)] for c in (circuit, back))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(jax.tree.leaves(a), jax.tree.leaves(b), rtol=1e-12)
    called = names_of(circuit)
    lay = layout(circuit)
    order = [called.node(n) for n in lay.names]
    assert sorted(order) == sorted(layout(back).names)  # not one unknown more: followers are put into formulas
    rng = np.random.default_rng(3)
    states = np.array([i in lay.states for i in range(lay.n)])
    for _ in range(2):
        x = np.where(states, rng.uniform(0.0, 0.9, lay.n), rng.uniform(-0.2, 1.2, lay.n))
        here, m = equations(circuit, dict(zip(lay.names, x, strict=True)))
        there, k = equations(back, dict(zip(order, x, strict=True)))
        f, g = np.array(list(here.values())), np.array([there[n] for n in order])
        f = np.where(states, STATE * f, f)
        size = np.where(states, np.abs(f), np.max(np.abs(f[~states])))
        assert np.all(np.abs(g - f) <= ROUNDING * size + 1e-30)
        k = k[np.ix_(*[[layout(back).names.index(n) for n in order]] * 2)]
        m = np.where(np.diag(states), STATE * m, m)
        np.testing.assert_allclose(k, m, rtol=1e-12, atol=1e-12 * np.max(m))
    # And it starts from the same place.
    first = {**read.charges, **read.requests.initial}
    first = {n: v for n, v in first.items() if n in order}
    start = at_rest(back.with_elements({}, first), layout(back))
    start = dict(zip(layout(back).names, start, strict=True))
    np.testing.assert_allclose([start[n] for n in order], at_rest(circuit, lay), atol=1e-9)


# Junctions with charge, Meyer's gates with bulk and side-wall junctions, coupled coils, states and tables by formula.
COLLECTION = ("rectifier", "sram_level1", "lc_tank", "hp_biolek", "opamp_macromodel")


@pytest.mark.parametrize("name", COLLECTION)
def test_a_designers_netlist_comes_back_with_the_same_equations(name, tmp_path, x64):
    circuit = read_spice(Path(__file__).parents[2] / "benchmarks" / "netlists" / f"{name}.cir").circuit
    _, read = written(circuit, tmp_path)
    called, lay, back = names_of(circuit), layout(circuit), layout(read.circuit)
    kinds = {mc.Inductor: "L", mc.VoltageSource: "V", mc.VCVS: "E", mc.CCVS: "H", mc.BehaviouralVoltage: "B"}
    branches = {
        f"{n}.i": f"{called.label(kinds[type(e)], n).lower()}.i" for n, e in circuit.items() if type(e) in kinds
    }
    order = [branches.get(n) or called.node(n) for n in lay.names]
    assert sorted(order) == sorted(back.names)
    x = np.random.default_rng(3).uniform(-0.2, 1.2, lay.n)
    here, m = equations(circuit, dict(zip(lay.names, x, strict=True)))
    there, k = equations(read.circuit, dict(zip(order, x, strict=True)))
    f, g = np.array(list(here.values())), np.array([there[n] for n in order])
    assert np.all(np.abs(g - f) <= ROUNDING * np.max(np.abs(f)) + GMIN_TWICE)
    k = k[np.ix_(*[[back.names.index(n) for n in order]] * 2)]
    np.testing.assert_allclose(k, m, rtol=ROUNDING, atol=ROUNDING * np.max(np.abs(m)))


def test_a_read_neuron_spikes_as_the_written_one(tmp_path):
    # One run for all: the equations are compared above. The engine's own tolerance on intervals is 1e-3.
    circuit = neuron("axon_hillock", None)
    crossings = (mc.Crossing("spk", 0.5, after=1e-6), mc.Crossing("spk", 0.5, rising=False, after=1e-6))
    (tmp_path / "x.cir").write_text(spice_text(circuit, 60e-6, save=("spk",), reltol=1e-4).text)
    read = read_spice(tmp_path / "x.cir")
    back = read.circuit.with_elements({}, read.requests.initial)
    runs = [mc.transient(c, 60e-6, crossings=crossings) for c in (circuit, back)]
    (up, down), (up2, down2) = ([c.times[0] for c in r.crossings] for r in runs)
    assert len(up) == len(up2) >= 2
    np.testing.assert_allclose(np.diff(up2), np.diff(up), rtol=1e-6)  # the same steps, but for rounding
    np.testing.assert_allclose(down2 - up2, down - up, rtol=1e-5)
    assert sum(runs[1].ledger.supplies.values()) == pytest.approx(sum(runs[0].ledger.supplies.values()), rel=1e-6)


@pytest.mark.parametrize("celsius", [27.0, 85.0])
def test_mismatch_and_temperature_come_back(celsius, tmp_path):
    circuit = mc.Circuit(
        {
            "v": mc.VoltageSource("d", "0", 1.0),
            "r": mc.Resistor("d", "o", 1e5),
            "n": mc.MOSFET("o", "d", "0", "0", w=0.7e-6, l=0.2e-6, kind=mc.NMOS, delta_vto=0.0123, beta_scale=0.94),
            "p": mc.MOSFET("o", "0", "d", "d", w=1.4e-6, l=0.3e-6, kind=mc.PMOS, delta_vto=-0.02),
        },
        temperature=celsius + 273.15,
    )
    _, read = written(circuit, tmp_path)
    found = [e for e in read.circuit.elements if isinstance(e, mc.MOSFET)]
    for a, b in zip((circuit["n"], circuit["p"]), found, strict=True):
        np.testing.assert_allclose(jax.tree.leaves(a), jax.tree.leaves(b), rtol=1e-12)
    assert float(read.circuit.temperature) == pytest.approx(celsius + 273.15)


def every_kind():
    """One circuit of every element and wave, with names that SPICE would not take."""
    bent = lambda a, b, temperature: 1e-3 * np.tanh(1.0) * a * b / (1.0 + a * a)  # noqa: E731
    level = lambda a, temperature: 0.5 * a + 0.1 * a * a  # noqa: E731
    stored = lambda a, b, temperature: 1e-10 * (a + 0.2 * a * b)  # noqa: E731
    swelling = lambda a, temperature: 2e-11 * (1.0 + 0.5 * a * a)  # noqa: E731
    return mc.Circuit(
        {
            "pulse": mc.VoltageSource("In.1", "0", mc.PulseWave(0.0, 1.0, 1e-7, 1e-7, 1e-7, 4e-7, 2e-6)),
            "sine": mc.VoltageSource("gnd", "0", mc.Sin(0.2, 0.5, 1e6, 1e-7)),
            "table": mc.CurrentSource("0", "In_1", mc.PWL((-1e-7, 1e-6, 1.1e-6), (0.0, 1e-4, -1e-4))),
            "r": mc.Resistor("In.1", "In_1", 1e3),
            "c": mc.Capacitor("In_1", "0", 1e-10),
            "l": mc.Inductor("gnd", "7", 1e-5),
            "load": mc.Resistor("7", "0", 50.0),
            "d": mc.Diode("gnd", "k", i_s=1e-14, n=1.2),
            "dk": mc.Resistor("k", "0", 1e4),
            "ck": mc.Capacitor("k", "0", 1e-11),
            "s": mc.Switch("In_1", "s", "In.1", "0", v_on=0.6, v_off=0.4, r_on=1e3, r_off=1e7),
            "rs": mc.Resistor("s", "0", 1e3),
            "e": mc.VCVS("e", "0", "In_1", "k", 2.0),
            "re": mc.Resistor("e", "0", 1e3),
            "g": mc.VCCS("0", "g", "In_1", "0", 1e-3),
            "rg": mc.Resistor("g", "0", 1e3),
            "meter": mc.VoltageSource("s2", "0", 0.0),
            "rm": mc.Resistor("In_1", "s2", 1e3),
            "f": mc.CCCS("0", "f", "meter", 2.0),
            "rf": mc.Resistor("f", "0", 1e3),
            "h": mc.CCVS("h", "0", "l", 100.0),
            "rh": mc.Resistor("h", "0", 1e3),
            "b.i": mc.BehaviouralCurrent("0", "bi", ("In_1", "gnd"), bent),
            "rbi": mc.Resistor("bi", "0", 1e3),
            "b.v": mc.BehaviouralVoltage("bv", "0", ("In_1",), level),
            "rbv": mc.Resistor("bv", "0", 1e3),
            "m1": mc.LevelOne("m", "0", "In_1", "0", 1, w=1e-5, l=1e-6, vto=0.2, kp=1e-4, gamma=0.3, lambda_=0.03),
            "rd": mc.Resistor("m", "In.1", 1e4),
            "cm": mc.Capacitor("m", "0", 1e-12),
            "m1.gate": mc.MeyerCharge("m", "0", "In_1", "0", 1, c=3e-12, vto=0.2, gamma=0.3),
            "j": mc.Junction("j", "0", i_s=1e-14, n=1.1, breakdown=4.0, n_breakdown=1.3),
            "j.own": mc.JunctionCharge("j", "0", c=2e-11, vj=0.7, m=0.4, transit=2e-9, i_s=1e-14, n=1.1),
            "rj": mc.Resistor("gnd", "j", 1e3),
            "side": mc.JunctionCharge("In_1", "j", c=1e-12, c_side=3e-12, m_side=0.3),
            "two": mc.Inductor("w", "0", 4e-5),
            "pair": mc.Coupling("l", "two", 0.6),
            "rw": mc.Resistor("w", "0", 200.0),
            "q.f": mc.BehaviouralCharge("q", "0", ("q", "In_1"), stored),
            "c.f": mc.BehaviouralCapacitor("q", "g", ("q",), swelling),
            "rq": mc.Resistor("In.1", "q", 1e3),
        }
    )


SAVED = ("In_1", "7", "k", "s", "e", "g", "f", "h", "bi", "bv", "m", "j", "w", "q")


@pytest.mark.ngspice
def test_every_element_and_wave_in_ngspice_and_back(tmp_path, ngspice):
    text = spice_text(every_kind(), 3e-6, save=(*SAVED, "l.i"), reltol=1e-6, max_step=2e-9)
    (tmp_path / "x.cir").write_text(text.text)
    there = run_ngspice(text, program=ngspice)
    here = mc.transient(every_kind(), 3e-6, save=SAVED[:3], options=mc.Options(tolerance=2e-6, h_max=3e-9))
    back = simulate(read_spice(tmp_path / "x.cir"))
    names = {mine: theirs for theirs, mine in text.names.items()}
    t = np.linspace(2e-8, 3e-6, 400)
    for k, name in enumerate(SAVED):
        want = there.at(name, t)
        found = [np.interp(t, back.points[0], back[names[name]])]
        found += [here.points[0].at(k, t)] if k < 3 else []
        for y in found:
            # Of the swing. The pulse passes the switch's bend in 20 ns, ten of ngspice's steps, which it interpolates
            # linearly; all else is far better.
            assert np.max(np.abs(y - want)) < (1e-2 if name == "s" else 1e-3) * np.ptp(want), name
    np.testing.assert_allclose(there.at("l.i", t), there.at("7", t) / 50.0, atol=1e-9)


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["threshold_switch", "facilitating"])
def test_a_library_netlist_runs_as_it_is_in_an_empty_folder(name, tmp_path, ngspice):
    text = library_text(name, (mho.parameters("ecram_stp_ref"),), stop=20e-6)
    (tmp_path / "x.cir").write_text(text.text)
    assert f".subckt {name} " in text.text
    assert "* Pins:" in text.text
    run = run_ngspice(tmp_path / "x.cir", program=ngspice, stop=20e-6)
    assert all(np.all(np.isfinite(x)) for x in run.vectors.values())
    read = read_spice(tmp_path / "x.cir")
    assert any(n.startswith(f"x{name}.") for n in read.circuit.names)


@pytest.mark.ngspice
def test_the_operating_point_is_a_start_too(tmp_path, ngspice):
    circuit = mc.Circuit(
        {
            "v": mc.VoltageSource("a", "0", mc.PWL((1e-6, 1.1e-6), (1.0, 0.0))),
            "r1": mc.Resistor("a", "b", 1e3),
            "r2": mc.Resistor("b", "0", 1e3),
            "c": mc.Capacitor("b", "0", 1e-9),
        }
    )
    run = run_ngspice(spice_text(circuit, 3e-6, save=("b",), start=mc.Start.OPERATING_POINT), program=ngspice)
    assert run["b"][0] == pytest.approx(0.5, rel=1e-6)
