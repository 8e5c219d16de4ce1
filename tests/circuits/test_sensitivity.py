"""Derivatives where they are known in closed form."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.circuits import Capacitor, Circuit, Crossing, PulseWave, Resistor, VoltageSource, sensitivities

HALF = (Crossing("a", 0.5), Crossing("a", 0.5, rising=False))
STOP = 6e-6
VALUES = {"low": 0.1, "high": 1.2, "delay": 1e-6, "rise": 2e-7, "width": 1.5e-6, "fall": 1e-7} | {
    "r": 1e4,
    "c": 8e-11,
    "couple": 3e-11,
    "v0": 0.25,
}
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
    return sensitivities(filter_(VALUES), STOP, OF, crossings=HALF, relative=True)


def by_log(function, p, *args):
    p = {k: jnp.asarray(v) for k, v in p.items()}
    slopes = jax.grad(function)(p, *args)
    return {k: float(p[k] * slopes[k]) for k in p}


def test_everything_of_a_filter_by_everything_in_it(found, x64):
    for k in (0, 1):  # rising, falling
        t = float(found.times[k].value[0, 0])
        assert float(exact(VALUES, t)) == pytest.approx(0.5, abs=1e-3)
        slope = float(jax.grad(exact, argnums=1)({k: jnp.asarray(v) for k, v in VALUES.items()}, t))
        expected = {name: -d / slope for name, d in by_log(exact, VALUES, t).items()}
        largest = max(map(abs, expected.values()))
        for name, d in expected.items():
            assert found.times[k].by[name][0, 0] == pytest.approx(d, rel=5e-3, abs=1e-3 * largest), (name, k)
        whole = {name: -d for name, d in by_log(energy, VALUES, t).items()}
        rate = float(jax.grad(energy, argnums=1)({k: jnp.asarray(v) for k, v in VALUES.items()}, t))
        got = found.energy("v", k)
        largest = max(map(abs, whole.values()))
        for name, d in whole.items():
            total = -d + rate * expected[name]
            assert got.by[name][0, 0] == pytest.approx(total, rel=1e-2, abs=5e-3 * largest), (name, k)
    final = by_log(exact, VALUES, STOP)
    for name, d in final.items():  # a local error of the tolerance, 5e-4 V, is allowed in each
        assert found.final["a"].by[name] == pytest.approx(d, rel=1e-2, abs=1e-3), name
    width = found.widths()
    assert width.by["width"][0, 0] == pytest.approx(found.times[1].by["width"][0, 0] - found.times[0].by["width"][0, 0])
    # The books balance in the derivatives too.
    for name in OF:
        supplied = found.supplies["v"].by[name]
        taken = sum(x.by[name] for x in (*found.dissipation.values(), *found.storage.values()))
        assert supplied == pytest.approx(taken, rel=1e-2, abs=2e-3 * abs(found.supplies["v"].value)), name


def test_population_is_each_of_its_samples(found, x64):
    pair = eqx.tree_at(OF["r"], filter_(VALUES), np.array([1e4, 1.5e4]))
    both = sensitivities(pair, STOP, OF, crossings=HALF, relative=True)
    for k in (0, 1):
        np.testing.assert_allclose(both.times[k].by["couple"][0, 0], found.times[k].by["couple"][0, 0], rtol=1e-9)
    other = VALUES | {"r": 1.5e4}
    for name, d in by_log(exact, other, STOP).items():
        assert both.final["a"].by[name][1] == pytest.approx(d, rel=1e-2, abs=1e-3), name
    np.testing.assert_allclose(both.final["a"].by["delay"][0], found.final["a"].by["delay"], rtol=1e-9)
