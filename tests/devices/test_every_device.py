"""The conformance suite: what every registered model, with every packaged set of numbers, must do.

One compiled walk serves all sets of a structure: devices, pulses and pauses enter as arrays. Conductances are compared
in single precision (what arrays and networks use), faces in double.
"""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core.fields import cast, check_ranges, described
from mho.core.parameters import OPERATION
from mho.devices import (
    MODELS,
    AbstractContinuousDevice,
    AbstractDevice,
    AbstractProgrammed,
    Pulse,
    held,
    parameter_sets,
    parameters,
)


def _nodes(name: str) -> int:
    model = MODELS[parameters(name).model]
    return len(model.terminals + model.internal)  # type: ignore[attr-defined]


SETS = parameter_sets()
DEVICES = [name for name in SETS if issubclass(MODELS[parameters(name).model], AbstractDevice)]
PULSED = [name for name in DEVICES if "v_up" in parameters(name).operation]  # a bare selector keeps nothing
PROGRAMMED = [name for name in SETS if issubclass(MODELS[parameters(name).model], AbstractProgrammed)]
CONTINUOUS = [name for name in DEVICES if issubclass(MODELS[parameters(name).model], AbstractContinuousDevice)]
# A behavioural model knows no time: a pulse is a pulse, whatever its width.
TIMED = [n for n in PULSED if not MODELS[parameters(n).model].__module__.startswith("mho.devices.behavioural")]
# What a pulse fixes whole: two nodes. With more, the model's own tests compare its faces.
HELD = [n for n in PULSED if n in CONTINUOUS and _nodes(n) == 2]
LANES = 3
LENGTH = 24  # pulses of every walk: one shape, one program


@functools.cache
def numbers_of(name: str):
    return parameters(name)


@functools.cache
def device_of(name: str, quiet: bool = True):
    """The bare device of a set in float32, without cycle-to-cycle noise if `quiet`."""
    device = numbers_of(name).device(bare=True)
    if quiet:
        for noise in (k for k in described(device) if k.startswith("sigma")):
            silent = jax.tree.map(np.zeros_like, getattr(device, noise))
            device = eqx.tree_at(lambda d, k=noise: getattr(d, k), device, silent)
    return cast(device, jnp.float32)


def pulse_of(name: str, way: str) -> tuple[float, float]:
    operation = numbers_of(name).operation
    return operation[f"v_{way}"].value, operation[f"t_{way}"].value


@eqx.filter_jit
def _walk(device, state, amplitudes, widths, gaps, key):
    def step(state, x):
        amplitude, width, gap, k = x
        pulse = Pulse(amplitude, width)
        energy = device.energy(state, pulse)
        after = device.pulse(state, pulse, key=k)
        later = device.relax(after, gap)
        return later, (device.conductance(after), device.conductance(later), energy)

    keys = jax.random.split(key, amplitudes.shape[0])
    return jax.lax.scan(step, state, (amplitudes, widths, gaps, keys))


def lanes_of(device, state, amplitudes, widths, gaps, seed: int = 0):
    """Conductance after each pulse and after each pause, energies (pulses, lanes), last state, of equal devices.

    Amplitudes, widths and pauses are (pulses,) or (pulses, lanes), padded with pulses of no width. Every walk has the
    same shape, so that a structure of device is compiled once.
    """

    def padded(x):
        x = np.asarray(x, np.float64)
        x = np.broadcast_to(x[:, None] if x.ndim == 1 else x, (len(amplitudes), LANES))
        return jnp.asarray(np.concatenate([x, np.zeros((LENGTH - len(x), LANES))]), jnp.float32)

    many = jax.tree.map(lambda x: jnp.broadcast_to(x, (LANES,)), device)
    state = jax.tree.map(lambda x: jnp.broadcast_to(x, (LANES,)), state)
    n = len(amplitudes)
    state, (after, later, energy) = _walk(
        many, state, padded(amplitudes), padded(widths), padded(gaps), jax.random.key(seed)
    )
    return np.asarray(after)[:n], np.asarray(later)[:n], np.asarray(energy)[:n], state


def walk(device, state, amplitudes, widths, gaps, seed: int = 0):
    """The same of one device."""
    *traces, state = lanes_of(device, state, amplitudes, widths, gaps, seed)
    return *(x[:, 0] for x in traces), jax.tree.map(lambda x: x[0], state)


@eqx.filter_jit
def _faces(device, state, voltages):
    return device.rate(state, voltages), device.current(state, voltages), device.conductance(state)


def leaves_of(tree) -> np.ndarray:
    return np.array([np.asarray(x, np.float64) for x in jax.tree.leaves(tree)])


def test_every_model_has_a_packaged_set():
    assert {numbers_of(name).model for name in SETS} == set(MODELS)


@pytest.mark.parametrize("name", SETS)
def test_a_set_says_where_everything_comes_from(name):
    """Every number with source, place and manner; the technology; how the device is operated."""
    numbers = numbers_of(name)
    device = numbers.device()
    check_ranges(numbers.device(bare=True))
    assert isinstance(device, mho.devices.AbstractMemory)
    assert numbers.technology
    assert numbers.summary
    for key, number in numbers.every_number().items():
        assert number.source in numbers.sources, key
        assert number.where, key
        assert number.how, key
    for source in numbers.sources.values():
        assert source["text"]
    used = {n.source for n in numbers.every_number().values()} | {s.source for s in numbers.spread.values()}
    assert used <= set(numbers.sources)
    assert set(numbers.operation) <= set(OPERATION)
    if name in DEVICES:
        assert "v_read" in numbers.operation
    if name in PULSED:
        assert "t_up" in numbers.operation


@pytest.mark.parametrize("name", SETS)
def test_the_window_holds_the_rest(name):
    """A window in the right order, of no width without memory; a fresh device reads inside it (1e-3 for rounding)."""
    device = device_of(name)
    low, high = (float(x) for x in device.window())
    g = float(device.conductance(device.rest()))
    assert low < high if name in PULSED + PROGRAMMED else low == high
    assert low >= 0.0 if name in PROGRAMMED else low > 0.0
    assert low * 0.999 <= g <= high * 1.001


@pytest.mark.parametrize("name", TIMED)
def test_a_pulse_of_no_width_changes_nothing_but_its_count(name):
    device = device_of(name)
    v, t = pulse_of(name, "up")
    _, _, _, state = walk(device, device.rest(), [v], [t], [0.0])
    # The walk itself is padded with pulses of no width, without pauses.
    _, _, _, after = walk(device, state, [v], [0.0], [0.0])
    np.testing.assert_array_equal(leaves_of(after)[:-1], leaves_of(state)[:-1])
    assert float(jax.tree.leaves(after)[-1]) == float(jax.tree.leaves(state)[-1]) + LENGTH


@pytest.mark.parametrize("name", PULSED)
def test_pulses_raise_and_lower_the_conductance(name):
    """`v_up` never lowers, `v_down` never raises it (1e-5 for float32); together they move it; energies are spent."""
    device = device_of(name)
    up, down = pulse_of(name, "up"), None
    if "v_down" in numbers_of(name).operation:
        down = pulse_of(name, "down")
    low, high = (float(x) for x in device.window())
    start = float(device.conductance(device.rest()))
    raised, _, spent, state = walk(device, device.rest(), [up[0]] * 8, [up[1]] * 8, [0.0] * 8)
    slack = 1e-5 * (high - low) + 1e-5 * high
    assert np.all(np.diff([start, *raised]) >= -slack)
    assert np.all(spent >= 0.0)
    moved = raised[-1] - start
    if down is not None:
        lowered, _, spent, _ = walk(device, state, [down[0]] * 8, [down[1]] * 8, [0.0] * 8)
        assert np.all(np.diff([raised[-1], *lowered]) <= slack)
        assert np.all(spent >= 0.0)
        moved = max(moved, raised[-1] - lowered[-1])
    assert moved > 0.0


@pytest.mark.parametrize("name", PULSED)
def test_bounds_hold_through_any_history(name):
    """Finite states and a conductance inside the window (volatile parts may pass it), whatever comes, with noise."""
    device, rng = device_of(name, quiet=False), np.random.default_rng(0)
    operation = numbers_of(name).operation
    ways = [pulse_of(name, way) for way in ("up", "down") if f"v_{way}" in operation]
    chosen = [ways[k] for k in rng.integers(len(ways), size=20)]
    amplitudes = [v * s for (v, _), s in zip(chosen, rng.choice([0.5, 1.0, 1.5], 20), strict=True)]
    widths = [t * 10 ** rng.uniform(-2, 2) for _, t in chosen]
    after, later, energy, state = walk(device, device.rest(), amplitudes, widths, 10 ** rng.uniform(-9, 3, 20), seed=3)
    assert np.all(np.isfinite(leaves_of(state)))
    assert np.all(np.isfinite(energy))
    assert np.all(after > 0.0)
    assert np.all(later > 0.0)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_no_voltage_no_current_and_nothing_is_given_back(name):
    """Zero current at zero voltage in any state (the loop is pinched), and a passive device at any read voltage."""
    device = device_of(name)
    state = device.rest()
    if name in PULSED:
        v, t = pulse_of(name, "up")
        _, _, _, state = walk(device, device.rest(), [v] * 3, [t] * 3, [0.0] * 3)
    count = len(device.terminals) + len(device.internal)
    for at in (device.rest(), state):
        _, currents, g = _faces(device, at, tuple(jnp.zeros((), jnp.float32) for _ in range(count)))
        assert max(abs(float(i)) for i in currents) <= 1e-6 * float(g) + 1e-20
        if device.terminals == ("plus", "minus") and not device.internal:
            for x in (-0.2, -0.05, 0.05, 0.2):
                _, (i, j), _ = _faces(device, at, (jnp.float32(x), jnp.float32(0.0)))
                assert float(i) * x >= 0.0
                assert float(i + j) == 0.0


@functools.cache
def _double(name: str):
    return cast(device_of(name), jnp.float64)


def _is_integrated(device) -> bool:
    """Whether the event face is `held` itself: its loop shows in the program."""
    text = str(jax.make_jaxpr(lambda d, s: d.pulse(s, Pulse(1.0, 1e-6), key=jax.random.key(0)))(device, device.rest()))
    return "while[" in text


@eqx.filter_jit
def _both_faces(device, state, v, width):
    exact, energy = held(device, state, (v, 0.0 * v), width, rtol=1e-9, atol=1e-12)
    return (
        device.pulse(state, Pulse(v, width), key=jax.random.key(0)),
        exact,
        device.energy(state, Pulse(v, width)),
        energy,
    )


@pytest.mark.parametrize("name", HELD)
def test_a_pulse_is_the_integrated_rate(name, x64):
    """The event face against the continuous one held at the pulse's voltage: states and energy to 1e-3."""
    device = _double(name)
    if _is_integrated(device):
        pytest.skip("the pulse of this model is its integrated rate: there is no second face to compare")
    for way in ("up", "down"):
        if f"v_{way}" not in numbers_of(name).operation:
            continue
        v, t = pulse_of(name, way)
        event, exact, spent, energy = _both_faces(device, device.rest(), jnp.asarray(v), jnp.asarray(t))
        for kind in device.states:
            a, b = (np.asarray(jax.tree.leaves(getattr(x, kind))) for x in (event, exact))
            if kind != "pulses":
                np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6, err_msg=kind)
        np.testing.assert_allclose(spent, energy, rtol=0.05, atol=1e-30)


@pytest.mark.parametrize("name", PULSED)
def test_devices_of_a_batch_do_not_touch_each_other(name):
    """Whatever its neighbours do, a device does the same: lanes in another order give the same, reordered."""
    device, (v, t) = device_of(name), pulse_of(name, "up")
    scale, order = np.asarray([0.7, 1.0, 1.3]), [2, 0, 1]
    amplitudes, widths = (np.full((4, 1), x) * scale for x in (v, t))
    here = lanes_of(device, device.rest(), amplitudes, widths, widths)
    there = lanes_of(device, device.rest(), amplitudes[:, order], widths[:, order], widths[:, order])
    for a, b in zip(here[:3], there[:3], strict=True):
        np.testing.assert_array_equal(a[:, order], b)
    assert np.all(np.isfinite(here[0]))


@pytest.mark.parametrize("name", PROGRAMMED)
def test_programming_ends_near_its_target(name):
    """On average within the window and ordered as the targets; time does not make it less than zero."""
    device = device_of(name)
    low, high = (float(x) for x in device.window())
    means = []
    for share in (0.25, 0.5, 0.9):
        target = jnp.full(2000, low + share * (high - low), jnp.float32)
        state = device.program(target, key=jax.random.key(0))
        late = device.relax(state, jnp.asarray(3600.0, jnp.float32))
        g, g_late = np.asarray(device.conductance(state)), np.asarray(device.conductance(late))
        assert np.all(np.isfinite(g))
        assert np.all(g >= 0.0)
        assert np.all(np.isfinite(g_late))
        assert np.all(g_late >= 0.0)
        means.append(g.mean())
        current = np.asarray(device.read(state, jnp.asarray(0.1, jnp.float32), key=jax.random.key(1)))
        np.testing.assert_allclose(current.mean(), 0.1 * g.mean(), rtol=0.2)
    assert means[0] < means[1] < means[2]
