"""VTEAM and Yakopcic: the cards by hand, their thresholds, and their ends."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import ParameterError
from mho.core.fields import cast
from mho.devices import Pulse, parameters
from mho.devices.reram import VTEAM

pytestmark = pytest.mark.usefixtures("x64")


def of(name: str):
    return cast(parameters(name).device(), jnp.float64)


def speed(device, x: float, v: float) -> float:
    return float(device.speed(jnp.asarray(x), jnp.asarray(v)))


def test_vteam_card_by_hand():
    """dw/dt = -10 (0.5/0.2 - 1)^3 m/s at -0.5 V and 5e-4 (1/0.02 - 1) m/s at 1 V, over 3 nm; 50 and 1000 ohm."""
    device = of("vteam_memtorch")
    np.testing.assert_allclose(speed(device, 0.5, -0.5), 10 * 1.5**3 / 3e-9, rtol=1e-12)
    np.testing.assert_allclose(speed(device, 0.5, 1.0), -5e-4 * 49 / 3e-9, rtol=1e-12)
    np.testing.assert_allclose([1 / float(g) for g in device.window()], [1000.0, 50.0], rtol=1e-12)
    np.testing.assert_allclose(1 / float(device.at(jnp.asarray(0.25))), 50 + 950 * 0.75, rtol=1e-12)


def test_vteam_exponential_is_geometric_between_the_same_ends():
    device = of("vteam_exponential_memtorch")
    r = [1 / float(device.at(jnp.asarray(x))) for x in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(r, [1000.0, np.sqrt(50e3), 50.0], rtol=1e-12)


def test_team_windows_are_one_over_e_where_they_say_and_one_far_away():
    device = of("vteam_windowed_memtorch")
    free = of("vteam_memtorch")
    for v, edge in ((-0.5, 1 - 0.3 / 3.0), (0.1, 1 - 2.7 / 3.0)):
        np.testing.assert_allclose(speed(device, edge, v) / speed(free, edge, v), np.exp(-1), rtol=1e-10)
        np.testing.assert_allclose(speed(device, 0.5, v), speed(free, 0.5, v), rtol=1e-5)


@pytest.mark.parametrize("name", ["vteam_memtorch", "vteam_exponential_memtorch", "vteam_windowed_memtorch"])
def test_vteam_rests_between_its_thresholds_and_stops_at_its_ends(name):
    device = of(name)
    assert [speed(device, 0.5, v) for v in (-0.2, -0.1, 0.0, 0.019)] == [0.0] * 4
    assert speed(device, 1.0, -1.0) == 0.0
    assert speed(device, 0.0, 1.0) == 0.0
    for v, end in ((-1.0, 1.0), (1.0, 0.0)):
        after = device.pulse(device.rest(), Pulse(v, 1.0), key=jax.random.key(0))
        np.testing.assert_allclose(float(after.x), end, atol=1e-9)


def test_vteam_energy_counts_the_way_and_the_wait():
    """From off to on in a third of a pulse: v^2 [t/3 ln(R_off/R_on)/(R_off-R_on) + 2t/3/R_on]."""
    device = of("vteam_memtorch")
    width = 3.0 / (10 * 1.5**3 / 3e-9)
    by_hand = 0.25 * width * (np.log(20) / 950 / 3 + 2 / 3 / 50)
    np.testing.assert_allclose(float(device.energy(device.rest(), Pulse(-0.5, width))), by_hand, rtol=1e-12)


def test_vteam_refuses_positive_voltages_that_switch_on():
    numbers = {k: n.value for k, n in parameters("vteam_memtorch").numbers.items()}
    with pytest.raises(ParameterError, match=r"v_on is 200 mV; it must lie below 0"):
        VTEAM(**(numbers | {"v_on": 0.2}))
    with pytest.raises(ParameterError, match=r"k_on is 10 m/s; it must lie below 0"):
        VTEAM(**(numbers | {"k_on": 10.0}))


@pytest.mark.parametrize(("name", "up", "down"), [("yakopcic_low", 0.16, 0.15), ("yakopcic_high", 0.65, 0.56)])
def test_yakopcic_cards_by_hand(name, up, down):
    """I = 0.17 x sinh(0.05 V) A; dx/dt = +-4000 (e^|V| - e^V_th) f, zero up to the threshold."""
    device = of(name)
    for x, v in ((0.11, 0.2), (0.7, -0.9)):
        np.testing.assert_allclose(
            float(device.through(jnp.asarray(x), jnp.asarray(v))), 0.17 * x * np.sinh(0.05 * v), rtol=1e-12
        )
    assert speed(device, 0.6, up) == speed(device, 0.6, -down) == 0.0
    grown = 4000 * (np.exp(1.0) - np.exp(up))
    np.testing.assert_allclose(speed(device, 0.2, 1.0), grown, rtol=1e-12)  # below x_p = 0.3: no window
    np.testing.assert_allclose(speed(device, 0.65, 1.0), grown * np.exp(-0.35) * 0.5, rtol=1e-12)
    fallen = -4000 * (np.exp(1.0) - np.exp(down))
    np.testing.assert_allclose(speed(device, 0.6, -1.0), fallen, rtol=1e-12)  # above 1 - x_n = 0.5: no window
    np.testing.assert_allclose(speed(device, 0.25, -1.0), fallen * np.exp(5 * (0.25 - 0.5)) * 0.249 / 0.499, rtol=1e-12)
    assert float(device.rest().x) == 0.11
