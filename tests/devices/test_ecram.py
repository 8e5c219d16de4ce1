"""The ECRAM's behaviour beyond the two faces: its qz class, temperature, noise, wear, gate network, bad input."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core import ParameterError
from mho.devices import ECRAM, Gate, Pulse, parameters
from mho.devices.device import ROOM
from mho.devices.kinetics import BOLTZMANN

# The organic transistor of the qz class: fit of gate cycles between 0 and -0.8 V (equations and values by its own fit).
TAU_ON, TAU_OFF, EXPONENT, ORDER_ON, ORDER_OFF = 3.188, 1.056, 3.68, 10.33, 18.2
G_MAX, AGING_G, AGING_R, SCALE = 1.231e-3, 0.154, 0.367, 400.0


def oect() -> ECRAM:
    return ECRAM(
        g_min=1e-9, g_max=2e-9, x_0=0.0, g_volatile=G_MAX, efficacy=1 - np.exp(-1.0 / TAU_ON), v_ref=0.8, t_ref=1.0,
        v_0=0.2, weights=(1.0,), tau=(TAU_OFF,), hold=1e15, exponent=EXPONENT, order_floor=0.05,
        tau_order_on=ORDER_ON, tau_order_off=ORDER_OFF, aging_rate=AGING_R, aging_conductance=AGING_G, polarity=-1.0,
    )  # fmt: skip


def ref(**changes) -> ECRAM:
    device = parameters("ecram_stp_ref").device()
    for name, value in changes.items():
        device = eqx.tree_at(lambda d, name=name: getattr(d, name), device, np.asarray(float(value)))
    return device


def test_the_qz_class_has_its_closed_forms(x64):
    """Gate cycles 20 s on, 40 s off, from the equations: 1e-12 in q, z and G, aging by its time warp."""
    device = oect()
    state, q, z, age = device.rest(), 0.0, 0.0, 0.0
    cycle_on = jax.jit(lambda s: device.prepare(Pulse(-0.8, 20.0), age=s.age)(device, s))
    for _ in range(4):
        state = cycle_on(state)
        warped = SCALE / AGING_R * (np.exp(-AGING_R * age / SCALE) - np.exp(-AGING_R * (age + 20.0) / SCALE))
        phi = (np.exp(-warped / ORDER_ON) - np.exp(-warped / TAU_ON)) / (1 / TAU_ON - 1 / ORDER_ON)
        z = 1 + (z - 1) * np.exp(-warped / ORDER_ON) + (q - 1) * phi / ORDER_ON
        q, age = 1 + (q - 1) * np.exp(-warped / TAU_ON), age + 20.0
        np.testing.assert_allclose([state.q[0], state.z, state.age], [q, z, age], rtol=1e-12)
        fade = np.exp(-AGING_G * age / SCALE)
        g = 1e-9 + G_MAX * fade * q**EXPONENT * (0.05 + 0.95 * z)
        np.testing.assert_allclose(device.conductance(state), g, rtol=1e-12)
        state = device.relax(state, 40.0)
        phi = (np.exp(-40.0 / ORDER_OFF) - np.exp(-40.0 / TAU_OFF)) / (1 / TAU_OFF - 1 / ORDER_OFF)
        z, q = z * np.exp(-40.0 / ORDER_OFF) + q * phi / ORDER_OFF, q * np.exp(-40.0 / TAU_OFF)
        np.testing.assert_allclose([state.q[0], state.z], [q, z], rtol=1e-12)


def test_the_reference_device_shows_the_published_step(x64):
    """25 kOhm at rest; the first 200 ns, 1 V pulse lowers it by 1.5 kOhm (release within it takes 1e-5)."""
    device = ref()
    assert 1.0 / float(device.g_rest) == pytest.approx(25e3, rel=1e-12)
    assert float(device.r_step) == pytest.approx(1500.0, rel=1e-9)
    after = device.prepare(Pulse(1.0, 200e-9))(device, device.rest())
    assert 1.0 / float(device.conductance(device.rest())) - 1.0 / float(device.conductance(after)) == pytest.approx(
        1500.0, rel=1e-5
    )


def test_amplitude_and_width_dependence(x64):
    """Loading is sinh in amplitude and exponential in width: two half pulses are one, half the rate twice the width."""
    device = eqx.tree_at(lambda d: d.tau, ref(consolidation=0.0), (np.asarray(1e9), np.asarray(2e9)))

    def loaded(v, w):
        return float(device.prepare(Pulse(v, w))(device, device.rest()).loading)

    ratio = np.sinh(0.8 / 0.25) / np.sinh(1.0 / 0.25)
    assert loaded(0.8, 200e-9) == pytest.approx(1 - (1 - 1 / 12) ** ratio, rel=1e-9)
    assert loaded(1.0, 400e-9) == pytest.approx(1 - (11 / 12) ** 2, rel=1e-9)
    assert loaded(-1.0, 200e-9) == pytest.approx(-1 / 12, rel=1e-9)
    assert float(device.prepare(Pulse(1.1, 2e-7, 0.1))(device, device.rest()).loading) == pytest.approx(
        1 / 12, rel=1e-9
    )


def test_temperature_follows_arrhenius(x64):
    """Release and conduction by their activation energies, exactly; at room temperature no factor at all."""
    device = ref(energy_conduction=0.1 * 1.602176634e-19)
    state = device.prepare(Pulse(1.0, 200e-9))(device, device.rest())
    for temperature in (280.0, 340.0):
        factor = np.exp(float(device.energy_release) / BOLTZMANN * (1 / temperature - 1 / ROOM))
        np.testing.assert_allclose(
            device.relax(state, 0.01, temperature=temperature).q, device.relax(state, 0.01 / factor).q, rtol=1e-12
        )
        hot = np.exp(-float(device.energy_conduction) / BOLTZMANN * (1 / temperature - 1 / ROOM))
        np.testing.assert_allclose(
            device.conductance(state, temperature=temperature), device.conductance(state) * hot, rtol=1e-12
        )
        one = device.read(state, 0.1, key=jax.random.key(0), temperature=temperature) / device.read(
            state, 0.1, key=jax.random.key(0)
        )
        np.testing.assert_allclose(one, hot, rtol=1e-12)


def test_an_open_gate_keeps_what_a_shorted_one_loses(x64):
    """The open gate slows volatile release by its factor, down to none, and the non-volatile return by its own time."""
    device = ref(open_release=0.1, tau_retention=1.0, tau_retention_open=100.0, consolidation=0.0)
    state = eqx.tree_at(lambda s: s.x, device.prepare(Pulse(1.0, 200e-9))(device, device.rest()), jnp.asarray(0.9))
    opened, shorted = (device.relax(state, 0.05, gate=gate) for gate in (Gate.OPEN, Gate.SHORTED))
    np.testing.assert_allclose(opened.q, device.relax(state, 0.005).q, rtol=1e-12)
    rest = float(device.x_0)
    for state_then, tau in ((opened, 100.0), (shorted, 1.0)):
        assert float(state_then.x) == pytest.approx(rest + (0.9 - rest) * np.exp(-0.05 / tau), rel=1e-12)
    held = ref(open_release=0.0)
    np.testing.assert_allclose(held.relax(state, 1e3, gate=Gate.OPEN).q, state.q, rtol=1e-15)


def test_repeated_pulses_become_long_term(x64):
    """A dense train leaves more behind than the same number of sparse pulses: short-term memory becomes long-term."""
    device = ref(consolidation=5.0)
    kind = device.prepare(Pulse(1.0, 200e-9))

    def left_by(interval):
        state = jax.lax.fori_loop(0, 200, lambda _, s: device.relax(kind(device, s), interval), device.rest())
        return float(device.relax(state, 5.0).x - device.x_0)

    dense, sparse = left_by(1e-3), left_by(0.5)
    assert dense > 0.1
    assert dense > 20 * sparse > 0


def test_cycle_to_cycle_noise(x64):
    """The effect varies by sigma_cycle (6 standard errors of 20000 draws) about the noiseless one, within bounds."""
    n = 20000
    device, state = ref(), jax.tree.map(lambda x: jnp.broadcast_to(x, (n,)), ref().rest())
    exact = float(device.prepare(Pulse(1.0, 200e-9))(device, ref().rest()).loading)
    drawn = np.asarray(device.pulse(state, Pulse(1.0, 200e-9), key=jax.random.key(3)).loading)
    assert np.mean(drawn) == pytest.approx(exact, rel=6 * 0.05 / np.sqrt(n))
    assert np.std(drawn) / exact == pytest.approx(0.05, rel=6 / np.sqrt(2 * n))
    wild = ref(sigma_cycle=5.0, write_share=0.5)
    for v in (1.5, -1.5):
        state = wild.pulse(state, Pulse(v, 1e-5), key=jax.random.key(4))
        assert float(jnp.max(jnp.abs(state.loading))) <= 1.0 + 1e-12
        assert 0.0 <= float(jnp.min(state.x)) <= float(jnp.max(state.x)) <= 1.0


def test_read_noise(x64):
    """Relative standard deviation sigma_read of one read, mean the noiseless current (6 standard errors)."""
    n, device = 20000, ref(sigma_read=0.01)
    state = jax.tree.map(lambda x: jnp.broadcast_to(x, (n,)), device.rest())
    reads = np.asarray(device.read(state, 0.1, key=jax.random.key(5)))
    assert np.mean(reads) == pytest.approx(4e-6, rel=6 * 0.01 / np.sqrt(n))
    assert np.std(reads) == pytest.approx(4e-8, rel=6 / np.sqrt(2 * n))


def test_device_to_device_spread_comes_from_the_set():
    """A population from the set's own spread table: relative standard deviations as published, medians kept."""
    numbers = parameters("ecram_stp_ref")
    population = mho.sample(numbers.device(), *numbers.spreads(), n=4000, key=jax.random.key(7))
    assert np.std(np.log(population.g_volatile)) == pytest.approx(0.1, rel=0.07)
    assert np.median(population.tau[1]) == pytest.approx(0.2, rel=0.01)
    assert abs(np.corrcoef(np.log(population.tau[0]), np.log(population.tau[1]))[0, 1]) < 0.06
    assert population.rest().z.shape == (4000,)


def test_wear_is_counted(x64):
    """Pulses, charge through the gate, loadings and driven time grow; pauses add charge (release), no cycles."""
    device = ref(charge_full=1e-12)
    after = device.prepare(Pulse(1.0, 400e-9))(device, device.rest())
    q = float(after.loading)
    assert (float(after.pulses), float(after.age)) == (1.0, pytest.approx(400e-9))
    assert float(after.cycles) == pytest.approx(q, rel=1e-4)
    assert float(after.charge) == pytest.approx(q * 1e-12, rel=1e-12)
    rested = device.relax(after, 10.0)
    assert float(rested.charge) == pytest.approx(2 * q * 1e-12, rel=1e-9)
    assert (float(rested.cycles), float(rested.age)) == (float(after.cycles), float(after.age))


def test_aging_weakens_loading_and_read_out(x64):
    device = ref(aging_rate=1.0, aging_conductance=0.5)
    old = eqx.tree_at(lambda s: s.age, device.rest(), jnp.asarray(400.0))
    kind = Pulse(1.0, 200e-9)
    young, late = (device.pulse(s, kind, key=jax.random.key(0)) for s in (device.rest(), old))
    expected = 1 - (11 / 12) ** np.exp(-1.0)
    assert float(device.prepare(kind, age=400.0)(device, old).loading) == pytest.approx(expected, rel=1e-4)
    assert float(late.loading) < float(young.loading)
    gain = (float(device.conductance(late)) - float(device.g_rest)) / float(late.loading)
    assert gain == pytest.approx(float(device.g_volatile) * np.exp(-0.5), rel=1e-6)


def test_the_gate_network_and_the_ions_current(x64):
    """Parts of the gate; the ions' current is the charge of the loading, shared between drain and source."""
    device = ref(charge_full=1e-12, drain_share=0.3)
    kinds = {(p.kind, p.a, p.b): float(p.value) for p in device.parts()}
    assert kinds[("R", "gate", "ion")] == 1e3
    assert kinds[("C", "ion", "drain")] + kinds[("C", "ion", "source")] == pytest.approx(0.2e-12)
    state = device.prepare(Pulse(1.0, 200e-9))(device, device.rest())
    voltages = (1.0, 0.05, 0.0, 0.9)
    gate, drain, source, ion = (float(i) for i in device.current(state, voltages))
    d_q = sum(float(x) for x in device.rate(state, voltages).q)
    assert gate == 0.0
    assert ion == pytest.approx(1e-12 * d_q, rel=1e-12)
    assert drain == pytest.approx(float(device.conductance(state)) * 0.05 - 0.3 * ion, rel=1e-12)
    assert source == pytest.approx(-drain - ion, rel=1e-9)


def test_ions_never_give_energy_that_was_not_put_in(x64):
    """Load at one gate voltage, release at a lower one: the cycle's ionic energy is positive (passive)."""
    device = ref(charge_full=1e-12)
    for high, low in ((1.0, 0.3), (1.0, 0.0), (0.5, 0.45)):
        loaded = device.prepare(Pulse(high, 1e-2))(device, device.rest())
        held = device.prepare(Pulse(low, 1.0))(device, loaded)
        put_in = high * (float(loaded.loading) - 0.0)
        given_back = low * (float(loaded.loading) - float(held.loading))
        assert put_in >= given_back


def test_prepared_pulses_serve_a_population(x64):
    """A prepared pulse applied to a batch of states is the pulse applied to each."""
    device = ref()
    q = jnp.linspace(-0.9, 0.9, 7)
    state = jax.tree.map(lambda x: jnp.broadcast_to(x, (7,)), device.rest())
    state = eqx.tree_at(lambda s: s.q, state, (q / 2, q / 3))
    kind = device.prepare(Pulse(1.0, 1e-6))
    batch = kind(device, state)
    for i in (0, 3, 6):
        one = kind(device, jax.tree.map(lambda x, i=i: x[i], state))
        np.testing.assert_allclose([x[i] for x in jax.tree.leaves(batch)], jax.tree.leaves(one), rtol=1e-14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"g_min": 0.0}, r"ECRAM.g_min is 0 S; it must be above 0"),
        ({"g_min": 3e-4}, r"g_max \(200 µS\) must exceed g_min \(300 µS\)"),
        ({"weights": (0.5, 0.4)}, "weights sum to 0.9"),
        ({"weights": (1.0,)}, "1 weights and 2 times tau"),
        ({"tau": (0.01, -0.2)}, r"ECRAM.tau is -200 ms; it must be above 0"),
        ({"efficacy": 1.5}, "ECRAM.efficacy is 1.5; it must be"),
        ({"x_0": float("nan")}, "ECRAM.x_0 is nan"),
        ({"t_ref": float("inf")}, "ECRAM.t_ref is inf s"),
        ({"drain_share": 1.5}, "at most 1"),
    ],
)
def test_bad_numbers_are_refused_by_name(changes, message):
    numbers = {k: n.value for k, n in parameters("ecram_stp_ref").numbers.items()}
    with pytest.raises(ParameterError, match=message):
        ECRAM(**(numbers | changes))
