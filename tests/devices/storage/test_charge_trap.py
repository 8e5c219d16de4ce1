"""The charge-trap transistor: logarithmic programming and loss, both faces, read-out."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mho.core.fields import cast
from mho.devices import Pulse, parameters
from mho.devices.storage import ChargeTrap, ChargeTrapState

pytestmark = pytest.mark.usefixtures("x64")
KEY = jax.random.key(0)


def device(**changes: float) -> ChargeTrap:
    numbers = {k: n.value for k, n in parameters("sonos_flash").numbers.items()}
    return cast(ChargeTrap(**numbers | {"sigma_cycle": 0.0} | changes), jnp.float64)


def state(x) -> ChargeTrapState:
    x = jnp.asarray(x, jnp.float64)
    return ChargeTrapState(x, jnp.zeros_like(x), jnp.zeros_like(x))


@eqx.filter_jit
def rate(device, x, gate, temperature):
    return device.rate(ChargeTrapState(x, 0.0 * x, 0.0 * x), (gate, 0.0, 0.0), temperature=temperature).x


def integrated(d, x: float, gate: float, duration: float, temperature: float = 300.15) -> float:
    arguments = jnp.asarray(gate), jnp.asarray(temperature)
    done = solve_ivp(
        lambda t, y: [float(rate(d, jnp.asarray(y[0]), *arguments))],
        (0, duration),
        [x],
        method="LSODA",
        rtol=1e-10,
        atol=1e-13,
    )
    return float(done.y[0, -1])


@pytest.mark.parametrize(("gate", "width"), [(7.0, 5e-6), (6.0, 1e-3), (-7.0, 2e-4), (-6.5, 1e-3)])
def test_the_event_face_is_the_rate_integrated_by_another_solver(gate, width):
    """1e-7: LSODA's tolerance, and the loss of charge taken after the injection."""
    d = device()
    after = float(d.pulse(state(0.4), Pulse(gate, width), key=KEY).x)
    assert 0.02 < abs(after - 0.4) < 0.6
    np.testing.assert_allclose(after, integrated(d, 0.4, gate, width), atol=1e-7)


def test_programming_goes_with_the_logarithm_of_time_and_exponentially_with_voltage():
    """A decade of width gives ln(10)/a; v_p more voltage is worth e times the width. 1e-3: the 1 in ln(1 + y)."""
    d = device()
    width = np.array([1e-4, 1e-3])
    x = np.asarray(d.pulse(state([0.0, 0.0]), Pulse(6.6, width), key=KEY).x)
    np.testing.assert_allclose(x[1] - x[0], np.log(10) / 6.0, rtol=3e-2)
    a = float(d.pulse(state(0.0), Pulse(7.0, 1e-5), key=KEY).x)
    b = float(d.pulse(state(0.0), Pulse(6.5, np.e * 1e-5), key=KEY).x)
    np.testing.assert_allclose(a, b, rtol=1e-3)


def test_traps_are_never_more_than_full_nor_less_than_empty():
    d = device(tau_loss=1e30)
    assert float(d.pulse(state(0.9), Pulse(12.0, 1.0), key=KEY).x) == 1.0
    assert float(d.pulse(state(0.1), Pulse(-12.0, 1.0), key=KEY).x) == 0.0


@pytest.mark.parametrize("x", [0.9, 0.0])
def test_charge_is_lost_with_the_logarithm_of_time(x):
    """Closed form against LSODA at 400 K over six decades of time, 1e-7; a decade takes lambda ln(10) far away."""
    d = device()
    for duration in (1.0, 1e3, 1e6):
        left = float(d.relax(state(x), duration, temperature=400.0).x)
        np.testing.assert_allclose(left, integrated(d, x, 0.0, duration, 400.0), atol=1e-7)
    empty = device(x_neutral=0.0)
    early, late = (float(empty.relax(state(0.95), t, temperature=400.0).x) for t in (1.0, 10.0))
    np.testing.assert_allclose(early - late, 0.1 * np.log(10), rtol=0.01)


def test_heat_shortens_the_retention_by_arrhenius():
    """The state after t at 300.15 K is that after t over the factor at 358 K; 1e-6: Boltzmann's constant in eV."""
    d = device()
    factor = np.exp(1.2 / 8.617333262e-5 * (1 / 300.15 - 1 / 358.0))
    cold, hot = d.relax(state(0.8), 1e7), d.relax(state(0.8), 1e7 / factor, temperature=358.0)
    assert 0.3 < float(cold.x) < 0.75
    np.testing.assert_allclose(hot.x, cold.x, rtol=1e-6)
    assert float(d.relax(state(0.3), 1e9).x) == pytest.approx(0.3, abs=1e-12)


def test_float32_loses_nothing_of_the_loss():
    """1e-6: a difference that is small against the state, from positive terms alone."""
    d = device()
    x = np.linspace(0.0, 1.0, 11)
    exact = np.asarray(d.relax(state(x), 1e3).x)
    start = ChargeTrapState(*(jnp.asarray(v, jnp.float32) for v in (x, 0 * x, 0 * x)))
    single = cast(d, jnp.float32).relax(start, jnp.asarray(1e3, jnp.float32)).x
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, exact, atol=1e-6)


def test_the_read_out_is_that_of_the_source():
    """0 to 16 uS with on over off 1e7, four digits in the set: 2e-3; subthreshold slope n U_T ln 10."""
    d = device()
    low, high = d.window()
    np.testing.assert_allclose([high, high / low], [16e-6, 1e7], rtol=2e-3)
    x = np.array([0.95, 1.0])
    g = np.log10(np.asarray(d.conductance(state(x))))
    swing = 1.5 * 0.05 / (g[0] - g[1])
    np.testing.assert_allclose(swing, 1.5 * 0.025865 * np.log(10), rtol=1e-2)


def test_positive_pulses_lower_and_negative_raise_the_conductance_and_cost_energy():
    d = device()
    start = state(0.5)
    for gate, sign in ((7.0, -1.0), (-7.0, 1.0)):
        pulse = Pulse(gate, 5e-6)
        after = d.pulse(start, pulse, key=KEY)
        assert sign * (float(d.conductance(after)) - float(d.conductance(start))) > 0
        moved = float(d.charge_window * (after.x - start.x))
        np.testing.assert_allclose(d.energy(start, pulse), float(d.c_gate) * 49.0 + gate * moved, rtol=1e-6)
        assert float(after.pulses) == 1.0
        np.testing.assert_allclose(after.cycles, 0.5 * abs(float(after.x) - 0.5), atol=1e-9)
