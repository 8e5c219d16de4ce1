"""The Mott switch: heat balance, S-shaped negative differential resistance, thresholds, relaxation oscillation."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mho.core import ParameterError
from mho.core.fields import cast
from mho.devices import Pulse, parameters
from mho.devices.switches import MottState, MottSwitch

pytestmark = pytest.mark.usefixtures("x64")
N = 8  # every integrated call is a batch of this size, so that it is compiled once


def device(name: str = "mott_vo2") -> MottSwitch:
    return eqx.tree_at(lambda d: d.sigma_cycle, parameters(name).device(), np.asarray(0.0))


@eqx.filter_jit
def _pulsed(device, state, v, width):
    return device.pulse(state, Pulse(v, width), key=jax.random.key(0))


def pulsed(device, state, v, width):
    return _pulsed(device, state, v, jnp.asarray(width))  # an array: a plain number would be compiled in


@eqx.filter_jit
def rate(device, x, v):
    return device.rate(MottState(x, jnp.zeros_like(x)), (v, 0.0)).x


@eqx.filter_jit
def loaded(device, y, v_in, r_load, c):
    """Rates of the voltage on a capacitor beside the switch, behind a load, and of the core."""
    state = MottState(y[1], jnp.zeros_like(y[1]))
    current = device.current(state, (y[0], 0.0))[0]
    return jnp.stack([((v_in - y[0]) / r_load - current) / c, device.rate(state, (y[0], 0.0)).x])


def batch(*values: float) -> jax.Array:
    return jnp.asarray((values * N)[:N])


def state(x: float) -> MottState:
    return MottState(jnp.full(N, x), jnp.zeros(N))


def branch(d: MottSwitch):
    """Core, static voltage and current, and the indices of threshold and hold."""
    x = np.geomspace(2e-4, 0.999, 20000)
    v = np.asarray(d.static_voltage(x))
    top = int(np.argmax(np.where(x < 0.1, v, 0.0)))
    bottom = top + int(np.argmin(v[top:]))
    return x, v, v / np.asarray(d.resistance(x)), top, bottom


@pytest.mark.parametrize("name", ["mott_vo2", "mott_nbo2"])
def test_the_static_branch_is_s_shaped(name):
    """Voltage over current rises, falls between threshold and hold, and rises again; current rises throughout."""
    x, v, i, top, bottom = branch(device(name))
    assert np.all(np.diff(i) > 0)
    assert np.all(np.diff(v[x > 1e-3][: np.sum(x > 1e-3) - (len(x) - top)]) > 0)
    assert np.all(np.diff(v[top:bottom]) < 0)
    assert np.all(np.diff(v[bottom:]) > 0)
    assert v[bottom] < 0.3 * v[top]


def test_the_threshold_is_that_of_the_published_equations():
    """Without nucleus and contacts the maximum of R(u) Gamma(u) Delta T.

    1 %: at the threshold, u = 0.006, the nucleus of 1e-4 takes half of 1.7 % off the voltage, the contacts add 0.2 %.
    """
    d = device()
    u = np.geomspace(1e-4, 0.1, 20000)
    r = float(d.rho_insulating * d.length / (np.pi * d.radius**2)) / (
        1 + (float(d.rho_insulating / d.rho_metallic) - 1) * u**2
    )
    heat = 2 * np.pi * float(d.thermal_conductivity * d.length) / np.log(1 / u) * (float(d.t_transition) - 300.15)
    x, v, _, top, _ = branch(d)
    np.testing.assert_allclose(v[top], np.sqrt(r * heat).max(), rtol=0.01)
    assert 0.001 < x[top] < 0.02


def test_the_heat_that_widens_the_core_is_that_of_the_temperature_profile():
    """dH/dx against the derivative of the heat stored in core and logarithmic profile, integrated numerically.

    1e-5: trapezoids on 20000 points and a central difference of 1e-4.
    """
    d = device()

    def stored(u):
        rho = np.linspace(u, 1.0, 20001)
        profile = np.trapezoid(2 * rho * np.log(rho) / np.log(u), rho)
        volume = float(np.pi * d.length * d.radius**2)
        delta = float(d.t_transition) - 300.15
        return volume * (float(d.heat_capacity) * delta * (u * u + profile) + float(d.latent_heat) * u * u)

    for u in (0.02, 0.2, 0.6, 0.9, 0.96, 0.99):
        h = 1e-4 * min(u, 1 - u)
        slope = (stored(u + h) - stored(u - h)) / (2 * h)
        np.testing.assert_allclose(d.enthalpy_slope(u), slope, rtol=1e-5)


def test_pulses_switch_above_the_threshold_and_hold_above_the_hold():
    """1 us is a thousand thermal times: 3 % either side of the static extremes decide."""
    d = device()
    x, v, _, top, bottom = branch(d)
    from_rest = np.asarray(pulsed(d, state(1e-4), batch(0.97 * v[top], 1.03 * v[top], -1.03 * v[top]), 1e-6).x)
    assert from_rest[0] < x[top] < x[bottom] < min(from_rest[1:3])
    on = np.asarray(pulsed(d, state(float(from_rest[1])), batch(0.97 * v[bottom], 1.03 * v[bottom]), 1e-6).x)
    assert on[0] < x[top] < x[bottom] < on[1]


def test_the_event_face_is_the_rate_integrated_by_another_solver():
    """1e-5: the event face's steps are controlled to 1e-6 each, LSODA's to 1e-10."""
    d = device()
    v, width = 1.8, 3e-10
    done = solve_ivp(lambda t, y: [float(rate(d, y[0], v))], (0, width), [1e-4], method="LSODA", rtol=1e-10, atol=1e-14)
    after = pulsed(d, state(1e-4), batch(v), width)
    assert 2e-4 < done.y[0, -1] < 0.1
    np.testing.assert_allclose(after.x, done.y[0, -1], rtol=1e-5)
    np.testing.assert_array_equal(after.pulses, 1.0)


def test_a_warmer_ambient_lowers_the_threshold():
    """All voltages go with the root of the distance to the transition; above it the model stays finite."""
    d = device()
    x = np.geomspace(1e-3, 0.5, 50)
    ratio = np.asarray(d.static_voltage(x, temperature=330.0) / d.static_voltage(x, temperature=300.15))
    np.testing.assert_allclose(ratio, np.sqrt((343.15 - 330.0) / (343.15 - 300.15)), rtol=1e-12)
    assert np.all(np.isfinite(np.asarray(d.static_voltage(x, temperature=400.0))))


@pytest.mark.parametrize(("v_in", "r_load", "oscillates"), [(4.0, 30e3, True), (1.0, 30e3, False), (4.0, 500.0, False)])
def test_a_load_and_a_capacitor_make_it_oscillate(v_in, r_load, oscillates):
    """Where the load line crosses the falling branch; not below the threshold, not with a load that holds it on."""
    d = device()
    c = 0.5e-12
    _, v, i, top, bottom = branch(d)
    crosses = (v_in - v[top]) / r_load > i[top] and (v_in - v[bottom]) / r_load < i[bottom]
    assert crosses == oscillates

    def slope(t, y):
        return np.asarray(loaded(d, y, jnp.asarray(v_in), jnp.asarray(r_load), c))

    done = solve_ivp(slope, (0, 2e-7), [0.0, 1e-4], method="LSODA", rtol=1e-5, atol=1e-9)
    late = done.y[1, done.t > 0.5e-7]
    swings = np.sum((late[1:] > 0.05) & (late[:-1] <= 0.05))
    assert (swings >= 3) == oscillates


def test_the_logarithms_are_guarded():
    """Rate and its derivatives are finite at, below and above the ends, in float32 and float64."""
    for dtype in (jnp.float32, jnp.float64):
        x = jnp.asarray([-0.1, 0.0, 1e-4, 0.95, 1.0, 1.1], dtype)
        grown = eqx.filter_jit(lambda d, x: jax.vmap(jax.value_and_grad(lambda x: rate(d, x, 2.0)))(x))
        assert np.all(np.isfinite(np.asarray(grown(cast(device(), dtype), x))))


def test_swapped_resistivities_are_refused():
    numbers = {k: n.value for k, n in parameters("mott_vo2").numbers.items()}
    with pytest.raises(ParameterError, match="rho_metallic"):
        MottSwitch(**numbers | {"rho_metallic": 1.0})
