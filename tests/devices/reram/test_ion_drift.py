"""Linear ion drift: the published cards, its windows, and its exact course at constant voltage."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import ParameterError
from mho.core.fields import cast
from mho.devices import Pulse, parameters
from mho.devices.reram import IonDrift
from mho.devices.reram.windows import biolek, joglekar, prodromakis

pytestmark = pytest.mark.usefixtures("x64")
CARDS = {
    "ion_drift_memtorch": (100.0, 16e3, 1e-14 * 100 / 1e-16),
    "hp_prodromakis": (100.0, 16e3, 1e-14 * 100 / 1e-16),
    "hp_joglekar": (100.0, 10e3, 50e-15 * 100 / 1.44e-16),
    "hp_biolek": (100.0, 1e3, 40e-15 * 100 / 2.56e-16),
}


@pytest.mark.parametrize("name", CARDS)
def test_the_card_gives_its_resistances_and_speed(name):
    """R_on and R_off at the ends; at x = 1/2, where every window is known, mu R_on i f / D^2."""
    r_on, r_off, gain = CARDS[name]
    device = cast(parameters(name).device(), jnp.float64)
    np.testing.assert_allclose([1 / float(g) for g in device.window()], [r_off, r_on], rtol=1e-12)
    half = {"hp_prodromakis": 1 - 0.75, "hp_joglekar": 1.0, "hp_biolek": 1 - 0.5**14}.get(name, 1.0)
    expected = gain * 0.8 / (0.5 * (r_on + r_off)) * half
    np.testing.assert_allclose(float(device.speed(jnp.asarray(0.5), jnp.asarray(0.8))), expected, rtol=1e-12)


def test_windows_at_their_ends_and_where_they_are_known():
    ends = jnp.asarray([0.0, 1.0])
    np.testing.assert_allclose(joglekar(ends, 7.0), 0.0, atol=1e-15)
    np.testing.assert_allclose(prodromakis(ends, 1.0, 2.0), 0.0, atol=1e-15)
    # Biolek's is zero only ahead: a state at an end can leave it.
    np.testing.assert_allclose(biolek(ends, 1.0, 2.0), [1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(biolek(ends, -1.0, 2.0), [0.0, 1.0], atol=1e-15)
    np.testing.assert_allclose(joglekar(jnp.asarray(0.25), 2.0), 1 - 0.5**4, rtol=1e-14)
    np.testing.assert_allclose(prodromakis(jnp.asarray(0.25), 1.0, 1.0), 0.25 * 0.75, rtol=1e-14)
    for slope in (jax.grad(joglekar)(0.5, 0.7), jax.grad(biolek)(0.0, 1.0, 0.7)):
        assert np.isfinite(float(slope))


def test_below_its_thresholds_nothing_moves():
    """The simulator's card writes from 0.55 V on, either way."""
    device = cast(parameters("ion_drift_memtorch").device(), jnp.float64)
    speed = [float(device.speed(jnp.asarray(0.5), jnp.asarray(v))) for v in (-0.56, -0.54, 0.0, 0.54, 0.56)]
    assert speed[0] < 0.0
    assert speed[1:4] == [0.0, 0.0, 0.0]
    assert speed[4] > 0.0


def test_the_square_of_the_resistance_falls_linearly():
    """R^2 = R0^2 - 2 (R_off - R_on) mu R_on v t / D^2, and the energy with it, also past the end of the way."""
    device = IonDrift(r_on=100.0, r_off=16e3, thickness=10e-9, mobility=1e-14, x_0=0.0)
    device = cast(device, jnp.float64)
    stop = (16e3**2 - 100.0**2) / (2 * 15.9e3 * 1e4)
    for share in (1e-9, 0.5, 0.999, 3.0):
        after = device.pulse(device.rest(), Pulse(1.0, share * stop), key=jax.random.key(0))
        r = np.sqrt(16e3**2 - min(share, 1.0) * (16e3**2 - 100.0**2))
        np.testing.assert_allclose(float(after.x), (16e3 - r) / 15.9e3, rtol=1e-7)
        heat = (16e3 - r) / (15.9e3 * 1e4) + max(share - 1.0, 0.0) * stop / 100.0
        np.testing.assert_allclose(float(device.energy(device.rest(), Pulse(1.0, share * stop))), heat, rtol=1e-7)


def test_swapped_resistances_are_refused():
    with pytest.raises(ParameterError, match=r"r_off \(100 Ω\) must exceed r_on \(1 kΩ\)"):
        IonDrift(r_on=1e3, r_off=100.0, thickness=10e-9, mobility=1e-14)
