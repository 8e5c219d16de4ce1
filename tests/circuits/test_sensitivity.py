"""Derivatives where they are known in closed form."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.circuits import (
    Capacitor,
    Circuit,
    Crossing,
    Diode,
    Dual,
    Inductor,
    Memristive,
    Options,
    PulseWave,
    Resistor,
    Start,
    VoltageSource,
    finite_difference,
    operating_point,
    sensitivities,
)
from mho.circuits.directions import directions
from mho.circuits.forward_job import ForwardJob
from mho.circuits.neurons import SchmittTrigger
from mho.core.errors import InputError, SolverError

HALF = (Crossing("a", 0.5), Crossing("a", 0.5, rising=False))
STOP = 6e-6
VALUES = {"low": 0.1, "high": 1.2, "delay": 1e-6, "rise": 2e-7, "width": 1.5e-6, "fall": 1e-7} | {
    "r": 1e4,
    "c": 8e-11,
    "couple": 3e-11,
    "v0": 0.25,
}
OTHER = VALUES | {"r": 1.5e4}  # the second sample of the population
OF = {k: lambda c, k=k: getattr(c["v"].wave, k) for k in ("delay", "rise", "width", "fall")} | {
    "low": lambda c: c["v"].wave.v1,
    "high": lambda c: c["v"].wave.v2,
    "r": lambda c: c["r"].r,
    "c": lambda c: c["c"].c,
    "couple": lambda c: c["couple"].c,
    "v0": lambda c: c.initial_values[0],
}


def filter_(p):
    """A low pass with a capacitor across its resistor: the source's corners bend the output's slope."""
    wave = PulseWave(p["low"], p["high"], p["delay"], p["rise"], p["fall"], p["width"])
    return Circuit(
        {
            "v": VoltageSource("in", "0", wave),
            "r": Resistor("in", "a", p["r"]),
            "c": Capacitor("a", "0", p["c"]),
            "couple": Capacitor("in", "a", p["couple"]),
        },
        {"a": p["v0"]},
    )


def exact(p, t):
    """Voltage of node a: each corner at t_k adds dm_k (x - (tau - couple r) (1 - exp(-x / tau))), x = t - t_k."""
    tau = (p["c"] + p["couple"]) * p["r"]
    up, down = (p["high"] - p["low"]) / p["rise"], (p["high"] - p["low"]) / p["fall"]
    begin = p["delay"]
    top = begin + p["rise"]
    end = top + p["width"]
    v = p["low"] + (p["v0"] - p["low"]) * jnp.exp(-t / tau)
    for corner, bend in ((begin, up), (top, -up), (end, -down), (end + p["fall"], down)):
        x = jnp.maximum(t - corner, 0.0)
        v = v + bend * (x - (tau - p["couple"] * p["r"]) * (1 - jnp.exp(-x / tau)))
    return v


def energy(p, t):
    """What the source has delivered: int v_in i dt, by a fine trapezoid."""
    x = jnp.linspace(0.0, 1.0, 60001) * t
    corners = jnp.cumsum(jnp.stack([p["delay"], p["rise"], p["width"], p["fall"]]))
    v_in = jnp.interp(x, corners, jnp.stack([p["low"], p["high"], p["high"], p["low"]]))
    v = exact(p, x)
    i = (v_in - v) / p["r"]
    moved = 0.5 * p["couple"] * jnp.sum((v_in[1:] + v_in[:-1]) * (jnp.diff(v_in) - jnp.diff(v)))
    return jnp.trapezoid(v_in * i, x) + moved


@pytest.fixture(scope="module")
def found():
    pair = eqx.tree_at(OF["r"], filter_(VALUES), np.array([VALUES["r"], OTHER["r"]]))
    return sensitivities(pair, STOP, OF, crossings=HALF, relative=True)


def by_log(function, p, *args):
    p = {k: jnp.asarray(v) for k, v in p.items()}
    slopes = jax.grad(function)(p, *args)
    return {k: float(p[k] * slopes[k]) for k in p}


@pytest.mark.parametrize(("sample", "p"), [(0, VALUES), (1, OTHER)])
def test_everything_of_a_filter_by_everything_in_it(found, x64, sample, p):
    numbers = {k: jnp.asarray(v) for k, v in p.items()}
    for k in (0, 1):  # rising, falling
        t = float(found.times[k].value[sample, 0])
        assert float(exact(p, t)) == pytest.approx(0.5, abs=1e-3)
        slope = float(jax.grad(exact, argnums=1)(numbers, t))
        expected = {name: -d / slope for name, d in by_log(exact, p, t).items()}
        largest = max(map(abs, expected.values()))
        for name, d in expected.items():
            assert found.times[k].by[name][sample, 0] == pytest.approx(d, rel=5e-3, abs=1e-3 * largest), (name, k)
        fixed, rate = by_log(energy, p, t), float(jax.grad(energy, argnums=1)(numbers, t))
        largest = max(map(abs, fixed.values()))
        for name, d in fixed.items():
            by = found.energy("v", k).by[name][sample, 0]
            assert by == pytest.approx(d + rate * expected[name], rel=1e-2, abs=5e-3 * largest), (name, k)
    for name, d in by_log(exact, p, STOP).items():  # a local error of the tolerance, 5e-4 V, is allowed in each
        assert found.final["a"].by[name][sample] == pytest.approx(d, rel=1e-2, abs=1e-3), name
    # The books balance in the derivatives too.
    for name in OF:
        supplied = found.supplies["v"].by[name][sample]
        taken = sum(x.by[name][sample] for x in (*found.dissipation.values(), *found.storage.values()))
        assert supplied == pytest.approx(taken, rel=1e-2, abs=2e-3 * abs(found.supplies["v"].value[sample])), name


def test_swinging_circuit():
    # v = v0 cos(w t) with w^2 = 1 / (l c): crossings of zero at (2 k - 1) pi / 2 w, each moved by half of itself.
    circuit = Circuit({"l": Inductor("a", "0", 1e-6), "c": Capacitor("a", "0", 1e-9)}, {"a": 1.0})
    of = {"l": lambda c: c["l"].l, "c": lambda c: c["c"].c, "v0": lambda c: c.initial_values[0]}
    zero = (Crossing("a", 0.0, rising=False),)
    found = sensitivities(circuit, 4e-7, of, crossings=zero, relative=True)
    times = found.times[0]
    np.testing.assert_allclose(times.by["l"], times.value / 2, rtol=5e-3)
    np.testing.assert_allclose(times.by["c"], times.value / 2, rtol=5e-3)
    assert np.all(np.abs(times.by["v0"]) < 3e-3 * times.value)  # a larger swing takes as long
    np.testing.assert_allclose(found.intervals().by["c"], found.intervals().value / 2, rtol=5e-3)
    assert found.rate().by["l"][0] == pytest.approx(-found.rate().value[0] / 2, rel=5e-3)


def test_start_at_the_operating_point_brings_its_own_derivative():
    parts = {"v": VoltageSource("in", "0", 2.0), "r": Resistor("in", "a", 1e3), "c": Capacitor("a", "0", 1e-9)}
    circuit = Circuit(parts | {"d": Diode("a", "0", 1e-12)})
    of = {"v": lambda c: c["v"].wave.value, "r": lambda c: c["r"].r, "c": lambda c: c["c"].c}
    found = sensitivities(circuit, 1e-7, of, start="operating_point")
    for name in ("v", "r"):
        pair = eqx.tree_at(of[name], circuit, of[name](circuit) * np.array([0.999, 1.001]))
        by_difference = np.diff(operating_point(pair)["a"])[0] / (0.002 * float(of[name](circuit)))
        assert found.final["a"].by[name] == pytest.approx(by_difference, rel=1e-4)
    # Rest stays rest, whatever the capacitor.
    assert abs(found.final["a"].by["c"] * 1e-9) < 1e-9


# Of the Schmitt neuron at 50 nA, whose supply gives most of its energy through two transistors at once: energy per
# spike [J] and p dE/dp, by differences of 0.3 and 0.15 % with Richardson's extrapolation, ESDIRK3 at 1e-6.
SHORT_CIRCUIT = 2.3817e-12
BY = {"current": -1.89703e-12, "v_supply": 1.557157e-11, "c": 1.87141e-12, "v_width": -2.91778e-13}


def test_energy_that_charges_nothing_is_as_good_as_that_which_does():
    of = {name: lambda m, name=name: getattr(m[0], name) for name in ("v_supply", "v_width")}
    of |= {"c": lambda m: m[0].c_membrane, "current": lambda m: m[1]}
    build = lambda m: m[0].circuit(current=m[1])  # noqa: E731
    spikes = (Crossing("spk", 0.5, after=1e-6),)
    energy = sensitivities(
        (SchmittTrigger(), np.array(50e-9)), 36e-6, of, build=build, crossings=spikes, relative=True
    ).per_spike("supply")
    assert energy.value[0, 0] == pytest.approx(SHORT_CIRCUIT, rel=2e-3)  # 2.9 % off if only voltages are tested
    for name, d in BY.items():  # found: 0.3 %; up to 60 % off if only voltages are tested
        assert energy.by[name][0, 0] == pytest.approx(d, rel=1e-2), name


def test_differences_agree(found):
    few = {name: OF[name] for name in ("r", "delay")}
    other, doubt = finite_difference(filter_(VALUES), STOP, few, crossings=HALF, relative=True)
    for name in few:
        assert doubt.times[0].by[name][0, 0] < 1e-2 * abs(other.times[1].by[name][0, 0])
        for k in (0, 1):
            assert found.times[k].by[name][0, 0] == pytest.approx(other.times[k].by[name][0, 0], rel=1e-2, abs=2e-9)


def test_what_has_no_derivative_is_refused():
    circuit = filter_(VALUES)
    cases: list[tuple[dict, dict, str]] = [
        ({"x": lambda c: c["v"].plus}, {}, "no number"),
        ({"x": lambda c: ()}, {}, "finds nothing"),
        ({}, {}, "no parameter"),
        ({"x": lambda c: (c["r"].r, c["c"].c)}, {}, "relative=True"),
        ({"x": OF["r"]}, {"scales": {"y": 1.0}}, "no parameter"),
    ]
    for of, more, message in cases:
        with pytest.raises(InputError, match=message):
            sensitivities(circuit, STOP, of, **more)
    with pytest.raises(InputError, match="scales"):
        sensitivities(filter_(VALUES | {"v0": 0.0}), STOP, {"v0": OF["v0"]})
    # The top of the pulse just passes the threshold; a smaller one does not.
    top = float(np.max(np.asarray(exact(VALUES, np.linspace(0.0, STOP, 20001)))))
    just = (Crossing("a", top * 0.998), Crossing("a", top * 0.998, rising=False))
    with pytest.raises(SolverError, match="appears or vanishes"):
        finite_difference(circuit, STOP, {name: OF[name] for name in ("r", "delay")}, crossings=just, step=0.1)


def test_dual_arithmetic():
    x, y = Dual(np.array([2.0, 3.0]), {"p": np.array([1.0, 0.5])}), Dual(4.0, {"p": 2.0, "q": 1.0})
    assert (x * y).by["p"] == pytest.approx([8.0, 8.0])
    assert (x / y).by["p"] == pytest.approx([0.0, -0.25])
    assert (1.0 - x / y).by["q"] == pytest.approx([0.125, 3 / 16])
    assert (1.0 / y).by["p"] == pytest.approx(-0.125)
    assert x.diff().by["p"] == pytest.approx([-0.5])
    assert x.mean().by["p"] == pytest.approx(0.75)
    assert y.log().by["q"] == pytest.approx(0.25)


def test_a_number_that_is_compiled_in_is_freed_to_be_varied(x64):
    # A device's exponent of exactly 1 is a constant of the compiled program, unless derivatives by it are wanted.
    device = mho.parameters("ecram_stp_ref").device()
    circuit = Circuit(
        {
            "v": VoltageSource("in", "0", 0.5),
            "r": Resistor("in", "g", 1e3),
            "e": Memristive(("g", "in", "0"), device),
        }
    )
    assert float(device.exponent) == 1.0
    along = directions(circuit, {"exponent": lambda c: c["e"].device.exponent}, relative=True)
    job = ForwardJob(along, 1e-6, (), Options(), Start.ZERO)
    assert not job.population
    (change,) = job.sides[0].slopes.circuit
    np.testing.assert_array_equal(change, [[0.0], [1.0]])  # time itself changes nothing
