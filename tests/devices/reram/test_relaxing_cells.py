"""Cells that forget: volatile WOx, metastable switches, and the heat of the second-order memristor."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.fields import cast
from mho.devices import Pulse, parameters

pytestmark = pytest.mark.usefixtures("x64")
KEY = jax.random.key(0)


def of(name: str):
    return cast(parameters(name).device(), jnp.float64)


def at(device, x: float):
    return eqx.tree_at(lambda s: s.x, device.rest(), jnp.asarray(x))


def test_wox_card_by_hand():
    """i = (1-w) 0.5 uA (1 - e^(-0.5 V)) + w 4 uA sinh(2 V); dw/dt = 4.5 x 0.004 sinh(4 V) - w/10 s."""
    device = of("wox_michigan")
    for w, v in ((0.0, 1.0), (0.3, 0.8), (1.0, -0.5)):
        i = (1 - w) * 0.5e-6 * (1 - np.exp(-0.5 * v)) + w * 4e-6 * np.sinh(2 * v)
        np.testing.assert_allclose(float(device.through(w, v)), i, rtol=1e-12)
    np.testing.assert_allclose(float(device.speed(0.3, 0.8)), 0.018 * np.sinh(3.2) - 0.03, rtol=1e-12)


def test_wox_forgets_by_e_in_ten_seconds_and_faster_when_warm_only_if_told():
    device = of("wox_michigan")
    state = device.relax(at(device, 0.6), 10.0)
    np.testing.assert_allclose(float(state.x), 0.6 / np.e, rtol=1e-12)
    np.testing.assert_allclose(float(state.cycles), 0.3 * (1 - 1 / np.e), rtol=1e-12)
    assert float(device.relax(at(device, 0.6), 10.0, temperature=330.0).x) == float(state.x)
    active = eqx.tree_at(lambda d: d.energy_decay, device, jnp.asarray(0.5 * 1.602176634e-19))
    assert float(active.relax(at(device, 0.6), 10.0, temperature=330.0).x) < 0.5 * float(state.x)


def test_wox_energy_through_a_stop_is_that_of_its_parts():
    """A pulse cut in three costs the sum of its parts, also where the channel is full or empty on the way (1e-10)."""
    device = of("wox_michigan")
    for v, start in ((1.5, 0.2), (-1.5, 0.7), (0.3, 0.9)):
        whole = float(device.energy(at(device, start), Pulse(v, 3.0)))
        state, parts = at(device, start), 0.0
        for _ in range(3):
            parts += float(device.energy(state, Pulse(v, 1.0)))
            state = device.pulse(state, Pulse(v, 1.0), key=KEY)
        np.testing.assert_allclose(whole, parts, rtol=1e-10)


def test_metastable_switches_rest_at_equilibrium_and_follow_the_card():
    """Half of the free switches go on per 0.1 ms at 0.27 V; at rest as many go on as off; 500 and 1500 ohm."""
    device = of("mms_knowm")
    np.testing.assert_allclose(float(device.rest().x), 0.5, rtol=1e-12)
    np.testing.assert_allclose(float(device.speed(0.0, 0.27)), 0.5 / 1e-4, rtol=1e-12)
    np.testing.assert_allclose([1 / float(g) for g in device.window()], [1500.0, 500.0], rtol=1e-12)
    # Each 27 degree C thermal voltage below the threshold slows a switch by e, far below it.
    thermal = 8.617333262e-5 * 300.15
    ratio = float(device.speed(0.0, 0.0)) / float(device.speed(0.0, -thermal))
    np.testing.assert_allclose(ratio, np.e, rtol=1e-4)


def test_two_pulses_close_together_move_a_second_order_memristor_more():
    """The second finds the cell warm: its effect falls with the interval, over the thermal time of 0.5 us."""
    device = of("second_order_taox")
    pulse = Pulse(0.9, 100e-9)
    apply = eqx.filter_jit(lambda state: device.pulse(state, pulse, key=KEY))
    first = apply(device.rest())
    ways = [float(apply(device.relax(first, gap)).w - first.w) for gap in (1e-9, 200e-9, 1e-6, 1e-4)]
    alone = float(first.w - device.rest().w)
    assert ways[0] > ways[1] > ways[2] > ways[3]
    assert ways[0] > 1.3 * alone
    # Far apart only the larger conductance heats more: less than a tenth.
    np.testing.assert_allclose(ways[3], alone, rtol=0.1)
    np.testing.assert_allclose(float(device.relax(first, 500e-9).heat), float(first.heat) / np.e, rtol=1e-12)
    assert float(first.w) == float(device.relax(first, 1.0).w)


def test_a_second_order_memristor_is_at_its_steady_heat_after_many_time_constants():
    """R_th P at constant conductance: ten thermal times at 0.3 V, where w hardly moves (1e-3)."""
    device = of("second_order_taox")
    state = device.pulse(device.rest(), Pulse(0.3, 5e-6), key=KEY)
    rise = 3e5 * float(device.conductance(state)) * 0.3**2
    np.testing.assert_allclose(100.0 * float(state.heat), rise, rtol=1e-3)
