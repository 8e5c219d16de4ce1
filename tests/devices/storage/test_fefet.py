"""The ferroelectric transistor: Preisach when slow, nucleation-limited when fast, and the read-out."""

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
from mho.devices.storage import FeFET, FeFETState

pytestmark = pytest.mark.usefixtures("x64")
KEY = jax.random.key(0)
SLOW = {"v_activation": 1e-3, "tau_0": 1e-12}  # settles within any pulse of these tests, at any voltage above 1 mV


def device(name: str = "hzo_fefet_jerry", **changes) -> FeFET:
    numbers = {k: n.value for k, n in parameters(name).numbers.items()}
    return cast(FeFET(**numbers | {"sigma_cycle": 0.0, "imprint": 0.0} | changes), jnp.float64)


@eqx.filter_jit
def _swept(device, state, voltages, width):
    def step(state, v):
        state = device.pulse(state, Pulse(v, width), key=KEY)
        return state, device.polarisation(state)

    return jax.lax.scan(step, state, voltages)


def swept(d, state, voltages, width: float = 1e-6):
    state, p = _swept(d, state, jnp.asarray(voltages), jnp.asarray(width))
    return state, np.asarray(p) / float(d.p_r)


@eqx.filter_jit
def rates(device, leaves, gate):
    state = FeFETState(tuple(leaves[:-2]), leaves[-2], leaves[-1])
    return jnp.stack(jax.tree.leaves(device.rate(state, (gate, 0.0, 0.0))))


def there(a: float, b: float, n: int = 40) -> np.ndarray:
    return np.linspace(a, b, n + 1)[1:]


def saturated(d, v: float = -5.0) -> FeFETState:
    return swept(d, d.rest(), [v])[0]


def test_the_slow_loop_runs_through_remanence_and_coercive_voltage():
    """Rising branch from -P_r: the tanh of the definition through -1 at 0 V, 0 at v_c, +1 at 2 v_c; falling mirrored.

    1e-9: the waiting time of 1 us is a million time constants of 1 ps. One class of grains, then five,
    whose first point is 10 mV up the branch: 0.003.
    """
    d = device(**SLOW, weights=[1.0], fields=[1.0])
    up = there(0, 4.2, 42)
    state, rising = swept(d, saturated(d), up)
    s = np.arctanh(20 / 24) / 1.4
    expected = np.clip(np.tanh(s * (up - 1.4)) / np.tanh(s * 1.4), -1, 1)
    np.testing.assert_allclose(rising, expected, atol=1e-9)
    _, falling = swept(d, state, -up)
    np.testing.assert_allclose(falling, -expected, atol=1e-9)
    five = device(**SLOW)
    for v, p in ((0.01, -1.0), (1.4, 0.0), (3.6, 1.0)):
        np.testing.assert_allclose(swept(five, saturated(five), there(0, v))[1][-1], p, atol=4e-3)


def test_a_minor_loop_closes_at_its_turning_point():
    """Return-point memory: back at the voltage of the turn the whole state is what it was; rounding only."""
    d = device(**SLOW)
    turn, _ = swept(d, saturated(d), there(0, 1.7))
    inner, _ = swept(d, turn, np.r_[there(1.7, -1.5), there(-1.5, -1.2), there(-1.2, -1.5)])
    back, _ = swept(d, inner, there(-1.5, 1.7))
    moved = [abs(float(a - b)) for a, b in zip(inner.p, turn.p, strict=True)]
    assert max(moved) > 0.1
    np.testing.assert_allclose(np.array(back.p), np.array(turn.p), atol=1e-9)


def test_a_large_excursion_wipes_out_the_small_ones_before_it():
    d = device(**SLOW)
    plain, _ = swept(d, saturated(d), there(0, 1.9))
    history = np.r_[there(0, 1.3), there(1.3, -1.1), there(-1.1, 1.6), there(1.6, -0.6), there(-0.6, 1.9)]
    rich, _ = swept(d, saturated(d), history)
    np.testing.assert_allclose(np.array(rich.p), np.array(plain.p), atol=1e-9)


def test_the_switched_share_follows_merz_and_an_exponential_in_time():
    """One class of grains, far above its loop: 1 - exp(-t/tau), tau = tau_0 exp((v_a/v)^2); rounding only."""
    d = device(weights=[1.0], fields=[1.0], tau_retention=1e30)
    v, t = np.meshgrid([2.9, 3.1, 3.3, 3.6], [1e-8, 1e-7, 1e-6])
    start = FeFETState((jnp.full(v.shape, -1.0),), jnp.zeros(v.shape), jnp.zeros(v.shape))
    p = np.asarray(d.pulse(start, Pulse(v, t), key=KEY).p[0])
    share = 0.5 * (p + 1)
    np.testing.assert_allclose(share, -np.expm1(-t / (1e-12 * np.exp((12.14 / v) ** 2))), rtol=1e-10)
    assert np.all(np.diff(share, axis=0) > 0)
    assert np.all(np.diff(share, axis=1) > 0)


def test_short_pulses_add_up_to_a_long_one():
    """32 pulses of 75 ns are one of 2.4 us: nothing is forgotten in between; rounding only."""
    d = device(tau_retention=1e30)
    many, _ = swept(d, saturated(d), np.full(32, 3.0), 75e-9)
    one, _ = swept(d, saturated(d), [3.0], 32 * 75e-9)
    assert 0.05 < float(d.polarisation(one) / d.p_r) + 1 < 1.9
    np.testing.assert_allclose(np.array(many.p), np.array(one.p), rtol=1e-10)
    assert float(many.pulses) == 33


def test_a_spread_of_local_fields_widens_the_switching_in_time():
    """Decades of width from a tenth to nine tenths switched: 1.34 for one class (ln 10 / ln(10/9)), more for five."""
    width = np.geomspace(1e-9, 1e-2, 400)
    decades = []
    for d in (device(weights=[1.0], fields=[1.0]), device()):
        classes = len(d.fields)
        start = FeFETState(tuple(-jnp.ones(400) for _ in range(classes)), jnp.zeros(400), jnp.zeros(400))
        share = 0.5 * (1 + np.asarray(d.polarisation(d.pulse(start, Pulse(3.3, width), key=KEY)) / d.p_r))
        lo, hi = np.interp([0.1, 0.9], share, np.log10(width))
        decades.append(hi - lo)
    np.testing.assert_allclose(decades[0], np.log10(np.log(10) / np.log(10 / 9)), atol=0.01)
    assert decades[1] > decades[0] + 0.5


@pytest.mark.parametrize("v", [3.3, -2.0])
def test_the_event_face_is_the_rate_integrated_by_another_solver(v):
    """1e-8: LSODA's tolerance; the imprint shifts the voltage on both faces."""
    d = device(imprint=0.35, tau_retention=1e30)
    y = np.array([-0.5, -0.2, 0.0, 0.3, 0.9, 0.0, 0.0])
    width = 2e-6 if v > 0 else 1e-4
    done = solve_ivp(
        lambda t, y: np.asarray(rates(d, jnp.asarray(y), jnp.asarray(v))),
        (0, width),
        y,
        method="LSODA",
        rtol=1e-11,
        atol=1e-13,
    )
    start = FeFETState(tuple(jnp.asarray(x) for x in y[:5]), jnp.asarray(0.0), jnp.asarray(0.0))
    after = d.pulse(start, Pulse(v, width), key=KEY)
    assert np.max(np.abs(np.array(after.p) - y[:5])) > 0.1
    np.testing.assert_allclose(np.array(after.p), done.y[:5, -1], atol=1e-8)
    np.testing.assert_allclose(after.cycles, done.y[5, -1], atol=1e-8)


def test_the_gate_pays_for_the_polarisation_and_the_currents_sum_to_zero():
    d = device()
    state = FeFETState(tuple(jnp.asarray(-0.5) for _ in range(5)), jnp.asarray(0.0), jnp.asarray(0.0))
    currents = d.current(state, (3.3, 0.05, 0.0))
    assert abs(float(sum(currents))) < 1e-18
    pulse = Pulse(3.3, 75e-9)
    moved = d.polarisation(d.pulse(state, pulse, key=KEY)) - d.polarisation(state)
    np.testing.assert_allclose(d.energy(state, pulse), 3.3 * (d.c_gate * 3.3 + d.area * moved), rtol=1e-9)
    assert float(d.energy(state, Pulse(3.3, 0.0))) == 0.0


def test_the_read_out_is_that_of_the_source():
    """559.28 kOhm and a window of 45, with numbers rounded to four digits in the set: 1e-3."""
    d = device()
    low, high = d.window()
    np.testing.assert_allclose([1 / high, high / low], [559.28e3, 45.0], rtol=1e-3)
    up = FeFETState(tuple(jnp.asarray(1.0) for _ in range(5)), jnp.asarray(0.0), jnp.asarray(0.0))
    np.testing.assert_allclose(d.conductance(up), high, rtol=1e-6)
    np.testing.assert_allclose(d.threshold(up) - d.threshold(d.rest()), -0.5 * d.memory_window, rtol=1e-6)
    np.testing.assert_allclose(d.read(up, 1e-4, key=KEY) / 1e-4, high, rtol=0.05)


def test_polarisation_fades_with_an_activated_time():
    d = device(tau_retention=1e6, energy_retention=1.602176634e-19)
    up = FeFETState(tuple(jnp.asarray(0.8) for _ in range(5)), jnp.asarray(0.0), jnp.asarray(0.0))
    np.testing.assert_allclose(d.relax(up, 1e6).p[2], 0.8 * np.exp(-1.0), rtol=1e-9)
    faster = np.exp(1 / 8.617333262e-5 * (1 / 300.15 - 1 / 330.0))
    np.testing.assert_allclose(d.relax(up, 1e5, temperature=330.0).p[2], 0.8 * np.exp(-0.1 * faster), rtol=1e-5)


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="weights"):
        device(weights=[0.5, 0.5])
    with pytest.raises(ParameterError, match="p_r"):
        device(p_r=0.5)
