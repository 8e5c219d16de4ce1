"""Derivatives where they are known in closed form."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import mho
from mho.circuits import DC, PWL, Capacitor, Circuit, Crossing, Resistor, VoltageSource
from mho.circuits.sensitivity import sensitivity
from mho.core.errors import InputError

TAU = 1e-6
HALF = (Crossing("a", 0.5),)


def low_pass(wave):
    return Circuit(
        {"v": VoltageSource("in", "0", wave), "r": Resistor("in", "a", 1e4), "c": Capacitor("a", "0", 1e-10)}
    )


@pytest.mark.parametrize(("name", "field", "value"), [("r", "r", 1e4), ("c", "c", 1e-10)])
def test_crossing_time_and_final_value_by_r_and_c(name, field, value):
    found = sensitivity(low_pass(DC(1.0)), 5e-6, lambda c: getattr(c[name], field), crossings=HALF)
    assert found.times[0][0] == pytest.approx(TAU * np.log(2), rel=1e-4)
    assert found.d_times[0][0] == pytest.approx(TAU * np.log(2) / value, rel=1e-3)
    # The end is at rest, where the steps are long: a local error of 1e-4 V there is 1 % of the derivative's scale.
    assert found.d_final["a"] == pytest.approx(-5 * np.exp(-5) / value, rel=2e-2)


def test_by_a_sources_level():
    wave = PWL((0, 1e-9), (0.0, 1.0))
    found = sensitivity(low_pass(wave), 5e-6, lambda c: c["v"].wave.values[1], crossings=HALF)
    # v(t) = u (1 - e^{-t/tau}) crosses 1/2: dt/du = -tau / (2 u - 1) / u at u = 1, within the ramp of 1 ns.
    assert found.d_times[0][0] == pytest.approx(-TAU, rel=2e-3)


def test_one_circuit_only():
    population = mho.sample(low_pass(DC(1.0)), mho.relative(0.1, of=lambda c: c["r"].r), n=2, key=jax.random.key(0))
    with pytest.raises(InputError, match="single circuit"):
        sensitivity(population, 1e-6, lambda c: c["c"].c)
