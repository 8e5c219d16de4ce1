"""Cells fitted to measurements: the data-driven TiO2 cards, and the Nb:STO contact behind its resistance."""

from __future__ import annotations

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from mho.core.fields import cast
from mho.devices import Pulse, parameters

pytestmark = pytest.mark.usefixtures("x64")


def of(name: str):
    return cast(parameters(name).device(), jnp.float64)


def at_resistance(device, r: float):
    return (device.r_high - r) / (device.r_high - device.r_low)


def test_messaris_2018_card_by_hand():
    """R = 10 kOhm: dR/dt = 743.47 (e^(6.51 V) - 1)(e^(k (16719 - R)) - 1) at 0.5 V; bound 5612 ohm at -1 V."""
    device = of("tio2_messaris_2018")
    x = at_resistance(device, 10e3)
    span = 17e3 - 1280.0
    rise = 743.47 * np.expm1(6.51 * 0.5) * np.expm1(5.11e-4 * 6719)
    np.testing.assert_allclose(-span * float(device.speed(x, 0.5)), rise, rtol=1e-12)
    fall = -68012.28374 * np.expm1(0.31645) * np.expm1(1.17e-3 * (10e3 - (29304.82557 - 23692.77225)))
    np.testing.assert_allclose(-span * float(device.speed(x, -1.0)), fall, rtol=1e-12)
    assert float(device.speed(at_resistance(device, 16.8e3), 0.5)) == 0.0
    assert float(device.speed(at_resistance(device, 5.6e3), -1.0)) == 0.0
    np.testing.assert_allclose(float(device.through(x, 0.5)), 0.24 / 10e3 * np.sinh(1.5), rtol=1e-12)


def test_messaris_2018_runs_to_its_bounds():
    """A long pulse ends at r_p = 16719 ohm, or at r_n(-1 V) = 5612 ohm, and not beyond."""
    device = of("tio2_messaris_2018")
    for v, bound in ((1.0, 16719.0), (-1.0, 29304.82557 - 23692.77225)):
        after = device.pulse(device.rest(), Pulse(v, 100.0), key=jax.random.key(0))
        np.testing.assert_allclose(float(device.resistance(after.x)), bound, rtol=1e-6)


def test_messaris_2020_card_by_hand():
    """R = 2.4 kOhm: dR/dt = -600.1 (1 - e^(-V/0.0212)) (r_p - R)^2 at 1 V, r_p = 2026.3 ohm; up at -1.5 V."""
    device = of("tio2_messaris_2020")
    x, span = at_resistance(device, 2.4e3), 1400.0
    fall = 600.10075 * np.expm1(-1 / 0.0212028) * (2699.2336 - 672.930205 - 2400) ** 2
    np.testing.assert_allclose(-span * float(device.speed(x, 1.0)), fall, rtol=1e-12)
    rise = -34.5988399 * np.expm1(-1.5 / 0.05343997) * (649.413746 + 1.5 * 1474.32358 - 2400) ** 2
    np.testing.assert_allclose(-span * float(device.speed(x, -1.5)), rise, rtol=1e-12)
    np.testing.assert_allclose(
        float(device.through(x, 0.5)), 0.32046175 / 2.4e3 * np.sinh(0.5 * 2.71689828), rtol=1e-12
    )


@pytest.mark.parametrize("x", [0.0, 0.4, 1.0])
def test_the_contact_behind_its_resistance_is_solved(x):
    """Kirchhoff at the contact from nanovolts to volts, either way, against SciPy's bracketing: 1e-9 of the current."""
    device = of("nbsto_interface")
    for v in (-3.0, -1.0, -0.1, -1e-9, 0.0, 1e-9, 0.1, 0.5, 1.0, 2.0):
        current = float(device.through(x, v))
        if v == 0.0:
            assert current == 0.0
            continue
        residual = lambda u, v=v: float(device.contact(x, u)) * float(device.r_series) - (v - u)  # noqa: E731
        u = brentq(residual, min(v, 0.0), max(v, 0.0), xtol=1e-18, rtol=1e-15)
        np.testing.assert_allclose(current, float(device.contact(x, u)), rtol=1e-9)


def test_the_contact_and_its_resistance_meet_as_a_circuit_would_join_them():
    """At the solved voltage of the internal node the part's current is the contact's; terminals sum to zero."""
    device = of("nbsto_interface")
    state = device.rest()
    node = float(device.contact_voltage(state.x, 0.8))
    plus, minus, contact = (float(i) for i in device.current(state, (0.8, 0.0, node)))
    (part,) = device.parts()
    assert (part.kind, part.a, part.b) == ("R", "plus", "contact")
    np.testing.assert_allclose((0.8 - node) / float(part.value), contact, rtol=1e-9)
    assert plus == 0.0
    assert plus + minus + contact == 0.0


def test_the_nbsto_set_follows_the_sweep_it_was_fitted_to(references):
    """0.03 decades rms of asinh(I / 1 nA) over seven decades, with the instrument's offset (the fit: 0.0293)."""
    with open(references / "measured" / "nbsto_iv_r32um_3V.csv", newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0].isdigit()]
    t, v, measured = np.array([[float(x) for x in row[1:4]] for row in rows]).T
    device = of("nbsto_interface")

    def step(x, drive):
        x = device.after(x, *drive)
        return x, x

    between = (jnp.asarray(0.5 * (v[1:] + v[:-1])), jnp.asarray(np.diff(t)))
    _, states = jax.lax.scan(step, device.rest().x, between)
    states = jnp.concatenate([device.rest().x[None], states])
    current = np.asarray(device.through(states, jnp.asarray(v))) - 0.864e-9
    error = (np.arcsinh(current / 1e-9) - np.arcsinh(measured / 1e-9)) / np.log(10)
    assert np.sqrt(np.mean(error**2)) < 0.03
