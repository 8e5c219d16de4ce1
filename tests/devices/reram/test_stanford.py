"""Stanford-PKU: the card's resistances, its heat, its thresholds, and its noise of the gap."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import ParameterError
from mho.core.fields import cast
from mho.devices import Pulse, parameters
from mho.devices.reram import StanfordPKU

pytestmark = pytest.mark.usefixtures("x64")


@pytest.fixture(scope="module")
def numbers():
    return parameters("stanford_pku_hfo2")


@pytest.fixture
def device(numbers):
    return cast(numbers.device(), jnp.float64)


def at_gap(device, gap: float):
    return (device.gap_max - gap) / (device.gap_max - device.gap_min)


def test_the_card_reads_its_published_resistances(device):
    """542 ohm and 218 586 ohm at 0.1 V (the ends of the gap are given to 1e-5 nm: 4e-5 of a resistance)."""
    np.testing.assert_allclose([1 / float(g) for g in device.window()], [218586.0, 542.0], rtol=1e-4)


def test_current_at_a_gap_of_a_fifth_of_a_nanometre_by_hand(device):
    """I = 1 mA e^(-0.2/0.25) sinh(V/0.25 V); the card's start, which it reads as 542 ohm."""
    x = at_gap(device, 0.2e-9)
    for v in (0.1, -0.4, 1.0):
        np.testing.assert_allclose(float(device.through(x, v)), 1e-3 * np.exp(-0.8) * np.sinh(v / 0.25), rtol=1e-9)
    np.testing.assert_allclose(0.1 / float(device.through(x, 0.1)), 542.0, rtol=1e-3)


def test_speed_by_hand_with_its_own_heat(device):
    """At a gap of 1 nm and 1.4 V: gamma = 15.2, T = 300.15 K + 2100 K/W x V I."""
    v, gap = 1.4, 1e-9
    i = 1e-3 * np.exp(-4.0) * np.sinh(v / 0.25)
    volts = 8.617333262e-5 * (300.15 + 2100 * v * i)
    closing = 10 * np.exp(-0.6 / volts) * np.sinh((16 - 0.8) * 0.25 / 12 * v / volts)
    np.testing.assert_allclose(
        float(device.speed(at_gap(device, gap), v)), closing / float(device.gap_max - device.gap_min), rtol=1e-7
    )


def test_below_the_field_nothing_moves_and_a_reset_ends_where_the_field_falls_below(device):
    """gamma |v| / t_ox >= 1.4e9 V/m: at gap 0.2 nm from 1.05 V on; at -1.2 V until gamma = 14."""
    x = at_gap(device, 0.2e-9)
    assert float(device.speed(x, 1.05)) == 0.0
    assert float(device.speed(jnp.asarray(0.9), 1.06)) > 0.0
    noiseless = eqx.tree_at(lambda d: d.sigma_gap, device, jnp.asarray(0.0))
    after = noiseless.pulse(
        eqx.tree_at(lambda s: s.x, device.rest(), jnp.asarray(0.9)), Pulse(-1.2, 1.0), key=jax.random.key(0)
    )
    np.testing.assert_allclose(float(device.gap(after.x)) * 1e9, (2.0 / 0.8) ** (1 / 3), rtol=1e-4)


def test_a_warm_cell_switches_faster(device):
    """At 1.4 V barrier minus work is 0.15 eV at the full gap: 50 K raise the rate by about its Arrhenius factor."""
    cold, warm = (float(device.speed(jnp.asarray(0.1), 1.4, temperature=t)) for t in (300.0, 350.0))
    assert warm > 1.5 * cold


def test_gap_noise_grows_with_the_root_of_time_and_with_heat(device):
    """sd = sigma_gap sqrt(t) / (1 + e^((450 K - T)/500 K)) of the gap: 5000 draws below the field, 4 %: 4 sd."""
    n, width = 5000, 100e-9
    start = jax.tree.map(lambda leaf: jnp.full(n, leaf), eqx.tree_at(lambda s: s.x, device.rest(), jnp.asarray(0.5)))
    after = device.pulse(start, Pulse(0.5, width), key=jax.random.key(2))
    gap = np.asarray(device.gap(after.x))
    hot = 1 / (1 + np.exp((450 - float(device.heated(jnp.asarray(0.5), 0.5, 300.15))) / 500))
    np.testing.assert_allclose(gap.std(), 2e-7 * np.sqrt(width) * hot, rtol=0.04)
    assert float(device.stray(jnp.asarray(1.0), 1.5, width)) > float(device.stray(jnp.asarray(0.0), 1.5, width)) > 0.0
    slope = jax.grad(lambda t: device.stray(jnp.asarray(0.5), jnp.asarray(0.5), t))(0.0)
    assert np.isfinite(float(slope))


def test_swapped_gaps_are_refused(numbers):
    values = {k: n.value for k, n in numbers.numbers.items()}
    with pytest.raises(ParameterError, match=r"gap_max .* must exceed gap_min"):
        StanfordPKU(**(values | {"gap_max": values["gap_min"], "gap_min": values["gap_max"]}))
