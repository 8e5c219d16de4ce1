"""What every packaged ECRAM must do beyond the conformance suite of all devices.

Functions are compiled once for a structure (the number of modes), not once for a set: devices enter as arrays.
"""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core.fields import cast
from mho.devices import AbstractContinuousDevice, Pulse, parameter_sets, parameters

SETS = [name for name in parameter_sets() if parameters(name).model == "ecram"]
# One set with one mode and one with two stand for all in what depends on the structure alone and is slow to compile.
STRUCTURES = ["oect_stp", "ecram_stp_ref"]
READ_OUT_ENDS = (
    "polarity",
    "softness_up",
    "softness_down",
    "order_floor",
    "open_release",
    "weights",
    "x_0",
    "drain_share",
)


@pytest.fixture(params=SETS)
def name(request) -> str:
    return request.param


@functools.cache
def single(name: str):
    return cast(parameters(name).device(), jnp.float32)


@eqx.filter_jit
def pulsed(device, state, v, width, key):
    return device.pulse(state, Pulse(v * device.v_ref, width * device.t_ref), key=key)


@eqx.filter_jit
def relaxed(device, state, duration):
    return device.relax(state, duration)


@eqx.filter_jit
def faces(device, state, voltages):
    return device.rate(state, voltages), device.current(state, voltages), device.conductance(state)


def leaves_of(tree) -> np.ndarray:
    return np.array([np.asarray(x) for x in jax.tree.leaves(tree)])


def f32(x: float) -> jax.Array:
    return jnp.asarray(x, jnp.float32)


def test_rest_stays(name):
    """Nothing moves without drive, on either face (1e-6: float32 of states of order 1)."""
    device = single(name)
    rest = device.rest()
    np.testing.assert_allclose(leaves_of(relaxed(device, rest, f32(1.0))), leaves_of(rest), atol=1e-6)
    if isinstance(device, AbstractContinuousDevice):
        rate, _, _ = faces(device, rest, tuple(f32(0.0) for _ in device.terminals + device.internal))
        np.testing.assert_allclose(leaves_of(rate), 0.0, atol=1e-12)


def test_a_pulse_of_no_width_changes_nothing_but_its_count(name):
    device = single(name)
    state = pulsed(device, device.rest(), f32(1.0), f32(1.0), jax.random.key(0))
    after = pulsed(device, state, f32(1.0), f32(0.0), jax.random.key(1))
    np.testing.assert_array_equal(leaves_of(after)[:-1], leaves_of(state)[:-1])
    assert float(after.pulses) == float(state.pulses) + 1


def test_bounds_hold_through_any_history(name):
    """|Q| <= 1, x in [0, 1], a conductance above zero, after strong pulses of both signs and pauses, with noise."""
    device, rng = single(name), np.random.default_rng(0)
    state = device.rest()
    voltages = tuple(f32(0.0) for _ in device.terminals + device.internal)
    for k in range(60):
        v, w, d = rng.choice([-2.0, -1.0, 0.3, 1.0, 3.0]), 10 ** rng.uniform(-1, 4), 10 ** rng.uniform(-6, 1)
        state = relaxed(device, pulsed(device, state, f32(v), f32(w), jax.random.key(k)), f32(d))
        assert abs(float(state.loading)) <= 1 + 1e-5
        assert 0.0 <= float(state.x) <= 1.0
        assert float(faces(device, state, voltages)[2]) >= float(device.g_min) * (1 - 1e-6)
        assert np.all(np.isfinite(leaves_of(state)))


def test_pulses_raise_the_conductance_one_way_and_lower_it_the_other(name):
    """Monotone in the number of pulses; the polarity says which sign of gate voltage potentiates."""
    device = eqx.tree_at(lambda d: d.sigma_cycle, single(name), f32(0.0))
    sign = float(np.sign(device.polarity))
    voltages = tuple(f32(0.0) for _ in device.terminals + device.internal)
    for direction in (1.0, -1.0):
        state = eqx.tree_at(lambda s: s.x, device.rest(), f32(0.5))
        trace = [float(faces(device, state, voltages)[2])]
        for _ in range(6):
            state = pulsed(device, state, f32(direction * sign), f32(1.0), jax.random.key(0))
            trace.append(float(faces(device, state, voltages)[2]))
        assert np.all(direction * np.diff(trace) > 0)


def _history(device, scale):
    state = device.relax(device.prepare(Pulse(device.v_ref * scale, device.t_ref * 3.0))(device, device.rest()), 1e-3)
    voltages = (0.1 * scale, 0.05 * scale, 0.0 * scale, 0.5 * scale)
    return state, device.rate(state, voltages), device.current(state, voltages), device.conductance(state)


_jitted, _mapped = eqx.filter_jit(_history), eqx.filter_jit(jax.vmap(_history))


@pytest.mark.parametrize("name", STRUCTURES[1:])
def test_one_device_a_batch_and_vmap_are_the_same(name):
    """Loop = batch = vmap, on both faces (rounding only)."""
    with jax.enable_x64(True):
        dtype = jnp.float64
        numbers = parameters(name)
        population = mho.sample(numbers.device(), *numbers.spreads(), n=3, key=jax.random.key(1))
        population = jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x, dtype), (3,)), population)
        scale = jnp.asarray([0.7, 1.0, -1.2], dtype)
        batch, mapped = leaves_of(_jitted(population, scale)), leaves_of(_mapped(population, scale))
        each = [_jitted(jax.tree.map(lambda x, i=i: x[i], population), scale[i]) for i in range(3)]
        loop = np.stack([leaves_of(x) for x in each], axis=-1)
        # A rate or current is a difference of larger terms: its rounding is relative to the row's largest entry.
        rtol = 1e-12
        size = np.abs(batch).max(axis=1, keepdims=True)
        assert np.all(np.abs(mapped - batch) <= rtol * size)
        assert np.all(np.abs(loop - batch) <= rtol * size)


def test_the_channel_is_passive_and_currents_sum_to_zero(name):
    """Without gate drive the channel only consumes; what flows in flows out (1e-6 of the largest, float32)."""
    device = single(name)
    state = pulsed(device, device.rest(), f32(1.5), f32(1.0), jax.random.key(0))
    for v in (-0.3, 0.0, 0.2):
        _, currents, g = faces(device, state, tuple(f32(x) for x in (v / 2, v, 0.0, v / 2)))
        currents = np.array([float(i) for i in currents])
        assert abs(currents.sum()) <= 1e-6 * np.abs(currents).max() + 1e-30
        ions = float(currents[3])
        assert (currents[1] + float(device.drain_share) * ions) * v >= 0
        np.testing.assert_allclose(currents[1] + float(device.drain_share) * ions, float(g) * v, rtol=1e-5, atol=1e-20)


@eqx.filter_jit
def _train(device):
    kind = device.prepare(Pulse(device.v_ref, device.t_ref))
    state = jax.lax.fori_loop(0, 5, lambda _, s: device.relax(kind(device, s), device.tau[0] / 20), device.rest())
    return state, device.conductance(state)


@pytest.mark.parametrize("name", [name for name in SETS if len(parameters(name).device().tau) < 3])
def test_single_precision_follows_double(name):
    """Pulses and pauses in float32 against float64: 1e-5 of the conductance, 3e-5 of the loading."""
    state, g = _train(single(name))
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(state))
    with jax.enable_x64(True):
        exact, g_exact = _train(cast(parameters(name).device(), jnp.float64))
    np.testing.assert_allclose(float(g), float(g_exact), rtol=1e-5)
    np.testing.assert_allclose(float(state.loading), float(exact.loading), rtol=3e-5)
    np.testing.assert_allclose(float(state.cycles), float(exact.cycles), rtol=3e-5)


def _read(device):
    kind = device.prepare(Pulse(device.v_ref * 0.9, device.t_ref * 2.0), temperature=310.0)
    state = device.relax(kind(device, device.rest()), device.tau[0] / 3, temperature=310.0)
    return device.conductance(kind(device, state), temperature=310.0) * 1e5


_value, _gradient = eqx.filter_jit(_read), eqx.filter_jit(jax.grad(_read))


@pytest.mark.parametrize("name", STRUCTURES[1:])
def test_gradients_are_finite_differences(name, x64):
    """Of a read after two pulses and a pause, by every parameter: 1e-5 (central differences in float64), none NaN."""
    device = cast(parameters(name).device(), jnp.float64)
    gradient = jax.tree.leaves(_gradient(device))
    assert np.all(np.isfinite(gradient))
    leaves, tree = jax.tree.flatten(device)
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(device)]
    for k, x in enumerate(leaves):
        if float(x) == 0.0 or any(end in paths[k] for end in READ_OUT_ENDS):
            continue  # at an end of its range, or bound to its siblings: no two-sided difference
        h = 1e-5 * float(x)
        up, down = (_value(jax.tree.unflatten(tree, [*leaves[:k], x + d, *leaves[k + 1 :]])) for d in (h, -h))
        difference = float(up - down) / 2e-5
        np.testing.assert_allclose(float(gradient[k] * x), difference, rtol=1e-5, atol=1e-9, err_msg=paths[k])


@eqx.filter_jit
@eqx.filter_grad
def _edges(moving):
    device, state, width, v = moving
    state = device.relax(device.prepare(Pulse(v, width))(device, state), width)
    rate, current = device.rate(state, (v, 0.0 * v, 0.0 * v, v)), device.current(state, (v, 0.0 * v, 0.0 * v, v))
    return device.conductance(state) + sum(jax.tree.leaves(rate), start=current[3])


@pytest.mark.parametrize("name", STRUCTURES[1:])
def test_no_gradient_is_nan_where_states_vanish_or_coincide(name):
    """At Q = 0, z = 0, equal time constants and a zero-width pulse: finite, and exact for the linear read-out."""
    device = single(name)
    same = tuple(device.tau[0] for _ in device.tau)
    device = eqx.tree_at(lambda d: (d.tau_order_off, d.tau), device, (device.tau[0], same))
    gradients = _edges((device, device.rest(), f32(0.0), f32(0.0)))
    assert all(bool(jnp.all(jnp.isfinite(g))) for g in jax.tree.leaves(gradients))


@pytest.mark.parametrize("name", STRUCTURES)
def test_known_numbers_and_traced_ones_give_the_same(name, x64):
    """Work left out for numbers known when tracing (no aging, exponent 1, room temperature) changes nothing."""
    device = parameters(name).device()
    state = jax.tree.map(lambda x: x + 0.1, device.rest())
    voltages = (0.2, 0.1, 0.0, 0.3)
    plain_faces = jax.jit(lambda s: (device.rate(s, voltages), device.current(s, voltages), device.conductance(s)))
    traced = leaves_of(faces(cast(device, jnp.float64), state, tuple(jnp.asarray(v) for v in voltages)))
    np.testing.assert_allclose(leaves_of(plain_faces(state)), traced, rtol=1e-12, atol=1e-30)
