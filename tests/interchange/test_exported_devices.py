"""Exported devices against mho: every continuous set in ngspice on a bench, every module evaluated by verilogae."""

from __future__ import annotations

import dataclasses
import re

import equinox as eqx
import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from mho.core.errors import NetlistError
from mho.devices import parameter_sets, parameters
from mho.devices.device import AbstractContinuousDevice
from mho.devices.effects.overlay import Overlay
from mho.devices.effects.read_noise import FlickerNoise, ShotNoise, TelegraphNoise, ThermalNoise
from mho.devices.effects.specimen import Specimen
from mho.devices.library import MODELS
from mho.interchange import behaviour, bench, bench_text, osdi_bench, run_ngspice, subcircuit, verilog_a

pytestmark = pytest.mark.usefixtures("optimised")  # equations are integrated by SciPy, call by call

# ngspice at reltol 1e-6 with 4000 points: worst error over a run, of a state's swing (or of a hundredth of
# a state that hardly moves), and of a pin's largest current.
STATE = 2e-3
# Where ngspice comes as close only with more steps: a filament that grows e-fold after e-fold from nothing, read in its
# rise (1.8 % at 1500 points, 1.0 % at 6000, 0.3 % at 12000 and reltol 1e-7), and a charge that tunnels exponentially
# with the voltage on an edge (0.21 % at 4000 points, 0.05 % at 20000 and reltol 1e-7).
STEEP = {"diffusive_ag": 3e-2, "sonos_flash": 3e-3}
CURRENT = 2e-3
FLOOR = 1e-14  # [A] ngspice's own current tolerance, times a few
ROUNDING = 1e-10  # two ways to the same double: differences of nearly equal terms cost some digits
RANDOM = 40  # states and voltages at which a module is evaluated

# Sets whose text is another's but for its numbers: their equations are tried there.
LIKE = {
    "ecram_protonic_wo3": "ecram_heated_vacancy", "ecram_vacancy_shorted": "ecram_heated_vacancy",
    "ecram_mo_kim": "ecram_li_tang", "ecram_ysz_wox": "ecram_organic_iongel", "ecram_stp_fast": "ecram_stp_ref",
    "mott_nbo2": "mott_vo2", "yakopcic_low": "yakopcic_high",
}  # fmt: skip
CONTINUOUS = [
    n for n in parameter_sets() if issubclass(MODELS[parameters(n).model], AbstractContinuousDevice) and n not in LIKE
]


@jax.jit
def flows(device, state, voltages, temperature=300.15):
    """Rates and currents, compiled once a model."""
    rates = device.rate(state, voltages, temperature=temperature)
    return rates, device.current(state, voltages, temperature=temperature)


def named(state):
    """Leaves of a state by the names that an exported text gives them: q0, q1, x."""
    paths, _ = jax.tree_util.tree_flatten_with_path(state)
    return {"".join(c for c in jax.tree_util.keystr(k) if c.isalnum() or c == "_"): np.asarray(x) for k, x in paths}


class Driven:
    """A device under the voltages of a bench."""

    def __init__(self, device, bench):
        self.device, self.bench = device, bench
        self.rest, self.tree = jax.tree.flatten(jax.tree.map(lambda x: np.asarray(x, np.float64), device.rest()))
        self.nodes = (*device.terminals, *device.internal)
        self.parts = [(p.kind, p.a, p.b, float(p.value)) for p in device.parts()]
        self.capacitance = {n: sum(c for k, a, b, c in self.parts if k == "C" and n in (a, b)) for n in device.internal}

    def at(self, t, leaves, inner):
        """Rates of the states, and current into the device at each node; the pins' voltages stand still."""
        others = (self.bench.v_read if p == "drain" else 0.0 for p in self.device.terminals[1:])
        v = tuple(np.float64(x) for x in (self.bench.drive(t), *others, *inner))
        state = jax.tree.unflatten(self.tree, [np.float64(x) for x in leaves])
        rates, currents = flows(self.device, state, v)
        currents = dict(zip(self.nodes, map(float, currents), strict=True))
        for kind, a, b, r in self.parts:
            if kind == "R":
                i = (v[self.nodes.index(a)] - v[self.nodes.index(b)]) / r
                currents[a] += i
                currents[b] -= i
        for kind, a, b, c in self.parts:
            if kind == "C" and a in self.capacitance:  # its other side is a pin
                currents[b] += c * currents[a] / self.capacitance[a]
        return [float(x) for x in jax.tree.leaves(rates)], currents

    def inner(self, t, leaves):
        """Voltage of an internal node without capacitance, where its currents sum to zero."""
        if not self.device.internal:
            return ()
        node, v = self.device.internal[0], float(self.bench.drive(t))
        residual = lambda u: self.at(t, leaves, (u,))[1][node]  # noqa: E731
        return (brentq(residual, min(0.0, v), max(0.0, v), xtol=1e-14),) if v else (0.0,)

    def jump(self, node):
        """Voltage to which an internal node is lifted when the drain's source is switched on."""
        lifted = sum(c * self.bench.v_read for k, a, b, c in self.parts if k == "C" and (a, b) == (node, "drain"))
        return lifted / self.capacitance[node]

    def run(self, times):
        """States by name, and current at each pin, at these times."""
        n, charged = len(self.rest), any(self.capacitance.values())
        y = np.array([*map(float, self.rest), *(self.jump(n) for n in self.capacitance if charged)])

        def inside(t, y):
            return tuple(y[n:]) if charged else self.inner(t, y[:n])

        def slope(t, y):
            rates, currents = self.at(t, y[:n], inside(t, y))
            return [*rates, *(-currents[k] / c for k, c in self.capacitance.items() if charged)]

        rows = {}
        for a, b in zip(self.bench.times[:-1], self.bench.times[1:], strict=True):
            asked = np.array(sorted({t for t in times if a < t <= b} | {b}))
            # Steps short enough to find a threshold on an edge.
            steps = {"first_step": 1e-6 * (b - a), "max_step": 0.05 * (b - a)}
            done = solve_ivp(slope, (a, b), y, method="LSODA", rtol=1e-7, atol=1e-11, t_eval=asked, **steps)
            assert done.success, done.message
            rows |= dict(zip(done.t, done.y.T, strict=True))
            y = done.y[:, -1]
        states = np.array([rows[t] for t in times])
        names = list(named(self.device.rest()))
        currents = [self.at(t, row[:n], inside(t, row))[1] for t, row in zip(times, states, strict=True)]
        return dict(zip(names, states.T, strict=False)), {
            p: np.array([c[p] for c in currents]) for p in self.device.terminals
        }


def exported(name):
    """A packaged set, its device, what both texts print of it, and its bench."""
    numbers = parameters(name)
    device = numbers.device(bare=True)
    return device, behaviour(device, name=name, numbers=numbers), bench(numbers)


@pytest.mark.parametrize("name", LIKE)
def test_sets_that_are_left_out_have_the_text_of_another(name):
    def shape(name):
        lines = subcircuit(exported(name)[1]).replace(name, "NAME").splitlines()
        return [re.sub(r"(?<!\w)\d+\.?\d*(e[+-]?\d+)?", "#", line) for line in lines if not line.startswith("*")]

    assert shape(name) == shape(LIKE[name])


@pytest.mark.ngspice
@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_subcircuit_in_ngspice_does_what_the_model_does(name, ngspice, x64):
    device, known, drive = exported(name)
    run = run_ngspice(bench_text(known, drive, reltol=1e-6, points=4000), program=ngspice)
    corners = zip(drive.times[:-1], drive.times[1:], strict=True)
    times = np.unique(np.concatenate([np.linspace(a, b, 5)[1:] for a, b in corners]))
    states, currents = Driven(device, drive).run(times)
    for state in known.states:
        off = np.abs(run.at(state, times) - states[state])
        swing = max(np.ptp(states[state]), 0.01 * np.max(np.abs(states[state])))
        assert np.max(off) < STEEP.get(name, STATE) * swing, state
    # On the edges a charging current flows, and a sampled exponential current cannot be told from its chord.
    flat = np.array([drive.drive(t * (1 - 1e-6)) == drive.drive(t * (1 + 1e-6)) for t in times])
    for pin in device.terminals:
        off = np.abs(run.at(f"i({pin})", times) + currents[pin])[flat]
        assert np.max(off, initial=0.0) < CURRENT * np.max(np.abs(currents[pin])) + FLOOR, pin


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_module_evaluates_to_the_model_at_random_states(name, tmp_path, x64):
    verilogae = pytest.importorskip("verilogae", reason="verilogae is not installed (no wheel for this Python)")
    device, known, drive = exported(name)
    path = tmp_path / f"{known.name}.va"
    text = verilog_a(known)
    assert "@" not in text  # no events
    path.write_text(re.sub(r"  real (i_|rate_)", r"  (*retrieve*) real \1", text))
    functions = verilogae.load(str(path)).functions
    rng = np.random.default_rng(1)
    top, temperature = np.abs(drive.voltages).max(), 310.0
    volts = {f"br_{n}": rng.uniform(-top, top, RANDOM) for n in (*device.terminals, *device.internal)}
    moved = {s: rng.uniform(-0.1, 1.1, RANDOM) for s in known.states}
    state = named(device.rest()) | moved
    filled = [np.broadcast_to(x, (RANDOM,)) for x in state.values()]
    state = jax.tree.unflatten(jax.tree.structure(device.rest()), filled)
    rates, currents = flows(device, state, tuple(volts.values()), temperature)
    expected = {f"rate_{s}": x for s, x in named(rates).items()}
    expected |= {f"i_{n}": x for n, x in zip((*device.terminals, *device.internal), currents, strict=True)}
    assert {f"rate_{s}" for s in known.states} <= set(functions)
    volts |= {f"br_x_{s}": x for s, x in moved.items()}
    values = {p.name: p.value for p in known.parameters} | {f"ic_{s}": x for s, x in known.states.items()}
    for output, f in functions.items():
        given = {p: values[p] for p in f.parameters}
        got = f.eval(temperature=temperature, voltages={v: volts[v] for v in f.voltages}, **given)
        want = np.broadcast_to(expected[output], (RANDOM,))
        np.testing.assert_allclose(np.broadcast_to(got, want.shape), want, rtol=ROUNDING, atol=1e-12 * abs(want).max())


def test_a_parameter_of_the_text_is_the_parameter_of_the_model(tmp_path, x64):
    verilogae = pytest.importorskip("verilogae", reason="verilogae is not installed (no wheel for this Python)")
    device, known, _ = exported("ecram_stp_ref")
    path = tmp_path / "cell.va"
    path.write_text(verilog_a(known).replace("  real rate_q0", "  (*retrieve*) real rate_q0"))
    f = verilogae.load(str(path)).functions["rate_q0"]
    other = eqx.tree_at(lambda d: (d.tau, d.efficacy), device, ((np.float64(0.03), device.tau[1]), np.float64(0.11)))
    volts = {"br_drain": 0.1, "br_source": 0.0, "br_ion": 0.8, "br_x_q0": 0.2, "br_x_q1": 0.1}
    values = {p.name: p.value for p in known.parameters} | {"tau0": 0.03, "efficacy": 0.11}
    got = f.eval(temperature=330.0, voltages={v: volts[v] for v in f.voltages}, **{p: values[p] for p in f.parameters})
    state = eqx.tree_at(lambda s: s.q, device.rest(), (0.2, 0.1))
    want = other.rate(state, (0.0, 0.1, 0.0, 0.8), temperature=330.0).q[0]
    assert float(got) == pytest.approx(float(want), rel=ROUNDING)


def test_read_noise_becomes_noise_sources_of_the_module(tmp_path, x64):
    verilogae = pytest.importorskip("verilogae", reason="verilogae is not installed (no wheel for this Python)")
    device = parameters("vteam_memtorch").device()
    noises = (ThermalNoise(1e-6), ShotNoise(1e-6, 0.5), FlickerNoise(0.02, 1e-6), TelegraphNoise(0.1, 1e-3, 1e-3))
    known = behaviour(Specimen(device, Overlay(noise=noises)), name="noisy")
    text = verilog_a(known)
    assert 'I(plus, minus) <+ white_noise(density0, "ThermalNoise");' in text
    assert 'I(plus, minus) <+ flicker_noise(density2, 1.0, "FlickerNoise");' in text
    assert "left out: TelegraphNoise" in text  # two levels have no density of this form
    path = tmp_path / "noisy.va"
    path.write_text(text.replace("  real density", "  (*retrieve*) real density"))
    functions = verilogae.load(str(path)).functions
    g = float(device.conductance(eqx.tree_at(lambda s: s.x, device.rest(), 0.4)))
    # Densities as physics states them; that of 1/f noise is the square of the relative amplitude times the current.
    want = [4 * 1.380649e-23 * 350.0 * g, 2 * 1.602176634e-19 * 0.5 * g * 0.01, (0.02 * g * 0.01) ** 2]
    volts = {"br_plus": 0.01, "br_minus": 0.0, "br_plusminus": 0.01, "br_x_x": 0.4}
    values = {p.name: p.value for p in known.parameters}
    for k, density in enumerate(want):
        f = functions[f"density{k}"]
        given = {p: values[p] for p in f.parameters}
        got = f.eval(temperature=350.0, voltages={v: volts[v] for v in f.voltages}, **given)
        assert float(got) == pytest.approx(density, rel=1e-9)
    assert "silent" in subcircuit(known)


def test_a_set_of_ones_own_exports_as_a_packaged_one(tmp_path):
    numbers = parameters("vteam_memtorch")
    changed = {"r_on": dataclasses.replace(numbers.numbers["r_on"], value=72.5, how="fitted")}
    numbers = numbers.with_values(changed, name="2 my-cell", summary="fitted", sources={})
    own = parameters(numbers.save(tmp_path / "mine.toml"))
    known = behaviour(own.device(), name=own.name, numbers=own)
    assert known.name == "d_2_my_cell"  # a name that both languages take
    text = subcircuit(known)
    assert "+ r_on=72.5" in text
    assert "fitted; memtorch" in text


def test_ranges_names_and_what_is_left_out():
    _, known, drive = exported("ecram_stp_ref")
    module = verilog_a(known)
    assert re.search(r"parameter real g_min = 1e-05 from \(0:inf\);", module)
    assert re.search(r"parameter real efficacy = 0\.0833\d+ from \(0:0\.999999\];", module)
    assert re.search(r"parameter real drain_share = 0\.5 from \[0:1\];", module)
    text = subcircuit(known)
    assert "charge, pulses" in text  # counters
    assert "aging_rate = 0" in text  # mechanisms that are off
    assert "+ aging_rate" not in text
    assert set(known.states) == {"q0", "q1", "x"}
    assert "p_k_on" not in {p.name for p in exported("vteam_memtorch")[1].parameters}
    netlist = osdi_bench(known, drive).text
    assert "pre_osdi ecram_stp_ref.osdi" in netlist
    assert "uic" not in netlist


def test_the_traps_of_ngspice_are_avoided():
    for name in ("ecram_stp_ref", "mott_vo2"):
        _, known, drive = exported(name)
        text = bench_text(known, drive).text
        assert "chgtol=1e-18" in text  # the default is larger than the charges of small cells
        tran = next(line for line in text.splitlines() if line.startswith(".tran")).split()
        assert len(tran) == 6  # with a largest step: without it the print step caps the step
        assert not {p.name for p in known.parameters} & {"ln", "log", "exp", "min", "max", "sgn", "temper", "time"}
        assert ".ic v(x_x)={ic_x}" in text  # an operating point without uic starts there too


@pytest.mark.ngspice
def test_default_options_and_an_operating_point_serve_too(ngspice, x64):
    device, known, drive = exported("yakopcic_high")
    text = bench_text(known, drive, points=4000).text
    plain = re.sub(r"\.options.*\n", "", text).replace(" uic", "")
    run = run_ngspice(dataclasses.replace(bench_text(known, drive), text=plain), program=ngspice)
    states, _ = Driven(device, drive).run([drive.stop])
    moved = float(states["x"][-1]) - known.states["x"]
    assert run["x"][0] == pytest.approx(known.states["x"], abs=1e-9)
    assert run["x"][-1] - known.states["x"] == pytest.approx(moved, rel=0.01)  # reltol is 1e-3 by default


def test_what_has_no_current_is_refused():
    with pytest.raises(NetlistError, match="only a pulse"):
        behaviour(parameters("ecram_tang_pulse").device())
    device = parameters("vteam_memtorch").device()
    population = jax.tree.map(lambda x: np.stack([x, x]), device)
    with pytest.raises(NetlistError, match="population"):
        behaviour(population)
