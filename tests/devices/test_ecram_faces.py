"""The two faces of the ECRAM are one physics: the closed-form event face against the integrated continuous face."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from mho.core.fields import cast
from mho.devices import ECRAM, ECRAMState, Gate, Pulse

NAMES = ("q", "z", "x", "age", "cycles", "charge")


@eqx.filter_jit
def _rate(device, tree, y, v, gate):
    state = jax.tree.unflatten(tree, list(y))
    rate = device.rate(state, (v, 0.0, 0.0, v), gate=gate)
    return jnp.stack([jnp.asarray(x, jnp.float64) for x in jax.tree.leaves(rate)])


@eqx.filter_jit
def _jacobian(device, tree, y, v, gate):
    return jax.jacfwd(lambda y: _rate(device, tree, y, v, gate))(y)


def integrate(device: ECRAM, state: ECRAMState, v: float, duration: float, gate: Gate = Gate.SHORTED) -> ECRAMState:
    """The continuous face at a constant ion-node voltage, by LSODA to about 1e-11."""
    leaves, tree = jax.tree.flatten(state)
    device = cast(device, jnp.float64)
    done = solve_ivp(
        lambda t, y: np.asarray(_rate(device, tree, y, v, gate)),
        (0.0, duration),
        np.array([float(x) for x in leaves]),
        method="LSODA",
        jac=lambda t, y: np.asarray(_jacobian(device, tree, y, v, gate)),
        rtol=1e-11,
        atol=1e-14,
    )
    assert done.success, done.message
    return jax.tree.unflatten(tree, [jnp.asarray(x) for x in done.y[:, -1]])


def agree(event: ECRAMState, continuous: ECRAMState, tolerance: float, x_tolerance: float) -> None:
    """Same state, but for the pulse counter, which only the event face has."""
    for name in NAMES:
        a, b = (np.asarray(jax.tree.leaves(getattr(s, name))) for s in (event, continuous))
        scale = {"charge": 1e-15, "age": max(1.0, float(np.max(np.abs(b))))}.get(name, 1.0)
        allowed = x_tolerance if name == "x" else tolerance
        assert np.max(np.abs(a - b)) <= allowed * scale, (name, a, b)


def log_uniform(low: float, high: float):
    return st.floats(np.log(low), np.log(high)).map(lambda x: float(np.exp(x)))


@st.composite
def devices(draw, modes: int, **fixed):
    parts = np.array([draw(st.floats(0.05, 1.0)) for _ in range(modes)])
    numbers = {
        "g_min": 1e-6,
        "g_max": 2e-4,
        "x_0": draw(st.floats(0.0, 1.0)),
        "g_volatile": 3e-5,
        "efficacy": draw(st.floats(1e-3, 0.95)),
        "v_ref": 1.0,
        "t_ref": draw(log_uniform(1e-8, 1e-2)),
        "v_0": draw(st.floats(0.1, 1.0)),
        "weights": tuple(parts / parts.sum()),
        "tau": tuple(draw(log_uniform(1e-4, 1.0)) for _ in range(modes)),
        "hold": draw(st.sampled_from([0.0, 1e-6, 1e-3, 1e9])),
        "tau_order_on": draw(log_uniform(1e-4, 1.0)),
        "tau_order_off": draw(log_uniform(1e-4, 1.0)),
        "polarity": draw(st.sampled_from([1.0, -1.0])),
        "charge_full": 1e-15,
        "open_release": draw(st.sampled_from([1.0, 0.1, 0.0])),
        "tau_retention": 1e6,
        "tau_retention_open": 1e9,
    }
    return ECRAM(**(numbers | fixed))


@st.composite
def states(draw, modes: int, sign: float | None = None):
    q = [draw(st.floats(0.0, 1.0) if sign else st.floats(-1.0, 1.0)) / modes for _ in range(modes)]
    q = [sign * x if sign else x for x in q]
    values = [
        *q,
        draw(st.floats(-1, 1)),
        draw(st.floats(0, 1)),
        draw(st.floats(0, 1e3)),
        draw(st.floats(0, 9)),
        0.0,
        0.0,
    ]
    values = [jnp.asarray(v, jnp.result_type(float)) for v in values]
    return ECRAMState(tuple(values[:modes]), *values[modes:])


signed_amplitudes = st.builds(lambda size, sign: sign * size, st.floats(0.05, 2.0), st.sampled_from([1.0, -1.0]))
# Up to a few thousand loading times: the integrator, not the model, is what limits longer pulses here.
relative_widths = log_uniform(1e-4, 1e3)


@pytest.mark.parametrize("modes", [3])  # one and two modes: the tests below
def test_a_pulse_is_the_integrated_rate(x64, modes):
    """Any amplitude, width, hold, start: 1e-8, which LSODA keeps at rtol 1e-11 over stiff pulses; the map is exact."""

    @settings(max_examples=15, deadline=None, derandomize=True)
    @given(data=st.data())
    def check(data):
        device = data.draw(devices(modes))
        state, v = data.draw(states(modes)), data.draw(signed_amplitudes)
        width = min(data.draw(relative_widths) / float(device.loading_rate * abs(device.drive(v))), 10.0)
        event = device.prepare(Pulse(v, width))(device, state)
        # `charge` is net in an event: compare it only where Q moves one way, as it does from rest.
        continuous = integrate(device, state, v, width)
        event = eqx.tree_at(lambda s: s.charge, event, continuous.charge)
        agree(event, continuous, 1e-8, 1e-8)

    check()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(data=st.data())
def test_consolidation_and_writing_in_a_pulse(data):
    """x in a pulse that keeps its sign, Q and drive alike: exact, the cube summed in closed form."""
    with jax.enable_x64(True):
        numbers = {"consolidation": data.draw(st.floats(0.0, 5.0)), "write_share": data.draw(st.floats(0.0, 0.2))}
        device = data.draw(devices(2, polarity=1.0, **numbers))
        device = eqx.tree_at(lambda d: d.tau_retention, device, np.asarray(1e15))
        sign = data.draw(st.sampled_from([1.0, -1.0]))
        state, v = data.draw(states(2, sign)), sign * data.draw(st.floats(0.05, 1.5))
        width = min(data.draw(relative_widths) / float(device.loading_rate * abs(device.drive(v))), 1.0)
        event, continuous = device.prepare(Pulse(v, width))(device, state), integrate(device, state, v, width)
        event = eqx.tree_at(lambda s: s.charge, event, continuous.charge)
        agree(event, continuous, 1e-8, 1e-8)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_write_with_bounds_of_any_softness(data):
    """Softness and depression of the non-volatile write, inside the room and held at its ends."""
    with jax.enable_x64(True):
        extra = {name: data.draw(st.floats(0.0, 1.0)) for name in ("softness_up", "softness_down")}
        extra |= {"t_ref": 1e-5, "write_share": 0.1, "depression": data.draw(st.floats(0.3, 3.0)), "tau_retention": 1.0}
        device = data.draw(devices(1, **extra))
        state, v = data.draw(states(1)), data.draw(signed_amplitudes)
        speed = float(device.loading_rate * abs(device.drive(v)) * 0.1)
        event = device.prepare(Pulse(v, 0.3 / speed))(device, state)
        h, load = 1e-5 / speed, speed * float(device.polarity) * np.sign(v)

        def step(_, x):
            slope = device._writing(x, load) - (x - device.x_0) / device.tau_retention
            return jnp.clip(x + h * slope, 0.0, 1.0)

        # Euler's rule with 30000 steps, stopped at the ends: its own error is below the square of what one step writes
        # and discharges, summed, and the same once where it stops.
        x = jax.lax.fori_loop(0, 30000, step, state.x)
        assert abs(float(event.x) - float(x)) < 30000 * (1e-5 * 3.0 + h) ** 2 + 1e-5 * 3.0 + h


@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_relaxation_is_the_integrated_rate(data):
    """Gate shorted and open, any start; time constants of order and modes may coincide."""
    with jax.enable_x64(True):
        device = data.draw(devices(2, consolidation=data.draw(st.floats(0.0, 5.0))))
        if data.draw(st.booleans()):
            tau = device.tau[0]
            device = eqx.tree_at(lambda d: (d.tau_order_off, d.tau), device, (tau, (tau, tau)))
        device = eqx.tree_at(lambda d: d.tau_retention, device, np.asarray(1e12))
        state = data.draw(states(2, data.draw(st.sampled_from([1.0, -1.0]))))
        gate = data.draw(st.sampled_from(list(Gate)))
        duration = data.draw(log_uniform(1e-6, 10.0))
        agree(device.relax(state, duration, gate=gate), integrate(device, state, 0.0, duration, gate), 1e-9, 1e-9)


def test_splitting_errors_stay_below_what_the_limits_say(x64):
    """Consolidation against discharge, and a write that changes sign: below the product of the two integrated rates."""
    device = ECRAM(
        1e-6, 2e-4, 0.2, 3e-5, 0.08, 1.0, 2e-7, 0.25, weights=(0.7, 0.3), tau=(1e-2, 1e-1),
        consolidation=3.0, tau_retention=5.0,
    )  # fmt: skip
    start = eqx.tree_at(lambda s: (s.q, s.x), device.rest(), ((jnp.asarray(0.6), jnp.asarray(0.3)), jnp.asarray(0.7)))
    bound = 3.0 * 0.1 * 0.3 / 5.0  # kappa Q^3 tau  times  D / tau_x
    event, continuous = device.relax(start, 0.3), integrate(device, start, 0.0, 0.3)
    assert 0 < abs(float(event.x - continuous.x)) < bound
    event, continuous = device.prepare(Pulse(-1.0, 1e-3))(device, start), integrate(device, start, -1.0, 1e-3)
    assert abs(float(event.x - continuous.x)) < (3.0 * 1e-3) ** 2


def test_charge_and_wear_from_rest(x64):
    """Where Q moves one way, as from rest, the charge that passed the gate is exact too."""
    device = ECRAM(
        1e-6, 2e-4, 0.2, 3e-5, 0.08, 1.0, 2e-7, 0.25, weights=(0.7, 0.3), tau=(1e-2, 1e-1), charge_full=1e-13, hold=1e-6
    )
    event, continuous = (
        device.prepare(Pulse(0.7, 1e-5))(device, device.rest()),
        integrate(device, device.rest(), 0.7, 1e-5),
    )
    np.testing.assert_allclose(event.charge, continuous.charge, rtol=1e-9)
    np.testing.assert_allclose(event.cycles, continuous.cycles, rtol=1e-9)
    assert 0.1 < float(event.cycles) <= 1.0


def test_aging_is_an_exact_time_warp_where_release_is_held(x64):
    """Held release: q and z age together, so the closed form is exact even if the rates halve within one pulse."""
    device = ECRAM(
        1e-6, 2e-4, 0.0, 1e-3, 0.3, 0.8, 1.0, 0.2, weights=(1.0,), tau=(1.0,), hold=1e12, exponent=3.68,
        order_floor=0.0, tau_order_on=10.0, tau_order_off=18.0, aging_rate=2.0, aging_conductance=1.0,
    )  # fmt: skip
    start = eqx.tree_at(lambda s: s.age, device.rest(), jnp.asarray(100.0))
    event = device.prepare(Pulse(0.8, 120.0), age=100.0)(device, start)
    agree(event, integrate(device, start, 0.8, 120.0), 1e-9, 1e-9)
    noisy = device.pulse(start, Pulse(0.8, 120.0), key=jax.random.key(0))
    np.testing.assert_allclose(noisy.q[0], event.q[0], rtol=1e-14)


def test_a_held_pulse_in_a_circuit_and_as_an_event_agree_at_temperature(x64):
    """Arrhenius factors act alike on both faces."""
    device = ECRAM(
        1e-6, 2e-4, 0.2, 3e-5, 0.08, 1.0, 2e-7, 0.25, weights=(0.7, 0.3), tau=(1e-2, 1e-1),
        energy_release=8e-20, energy_loading=6e-20,
    )  # fmt: skip
    state = device.rest()
    leaves, tree = jax.tree.flatten(state)
    for temperature in (280.0, 340.0):
        hot = device.prepare(Pulse(1.0, 1e-4), temperature=temperature)(device, state)

        @jax.jit
        def rhs(y, temperature=temperature):
            state = jax.tree.unflatten(tree, list(y))
            return jnp.stack(jax.tree.leaves(device.rate(state, (1.0, 0.0, 0.0, 1.0), temperature=temperature)))

        y = solve_ivp(lambda t, y: np.asarray(rhs(y)), (0, 1e-4), np.array(leaves, float), rtol=1e-11, atol=1e-13).y[
            :, -1
        ]
        np.testing.assert_allclose([float(x) for x in hot.q], y[:2], rtol=1e-8)
        cold = device.prepare(Pulse(1.0, 1e-7))(device, state)
        jump = device.prepare(Pulse(1.0, 1e-7), temperature=temperature)(device, state)
        assert (float(jump.loading) > float(cold.loading)) == (temperature > 300.15)
