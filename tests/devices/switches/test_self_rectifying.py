"""The self-rectifying cell: memory, rectification, and the two faces."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mho.core import ParameterError
from mho.devices import Pulse, parameters
from mho.devices.switches import SelfRectifyingCell, SelfRectifyingState

pytestmark = pytest.mark.usefixtures("x64")
KEY = jax.random.key(0)


def device(**changes: float) -> SelfRectifyingCell:
    numbers = {k: n.value for k, n in parameters("self_rectifying_cell").numbers.items()}
    return SelfRectifyingCell(**numbers | {"sigma_cycle": 0.0} | changes)


@eqx.filter_jit
def slopes(device, x, v):
    state = SelfRectifyingState(x, jnp.zeros_like(x))
    return device.rate(state, (v, 0.0)).x, v * device.current(state, (v, 0.0))[0]


@pytest.mark.parametrize("v", [3.1, -3.1])
def test_state_and_energy_are_those_of_the_continuous_face(v):
    """State in closed form: 1e-8 for LSODA's tolerance. Energy integrated to 1e-6 a step, unchecked itself: 1e-4."""
    d, width = device(), 1e-5
    done = solve_ivp(
        lambda t, y: [float(s) for s in slopes(d, y[0], v)],
        (0, width),
        [0.3, 0.0],
        method="LSODA",
        rtol=1e-10,
        atol=[1e-14, 1e-20],
    )
    state = SelfRectifyingState(jnp.asarray(0.3), jnp.asarray(0.0))
    after = d.pulse(state, Pulse(v, width), key=KEY)
    assert abs(float(after.x) - 0.3) > 0.1
    np.testing.assert_allclose(after.x, done.y[0, -1], rtol=1e-8)
    np.testing.assert_allclose(d.energy(state, Pulse(v, width)), done.y[1, -1], rtol=1e-4)


def test_it_conducts_one_way_only_whatever_it_remembers():
    d = device()
    for x in (0.0, 1.0):
        assert float(d.static_current(x, 1.0)) > 1e3 * abs(float(d.static_current(x, -1.0)))
    low, high = d.window()
    assert 50 < high / low < 101


def test_reading_does_not_write_and_time_forgets():
    d = device()
    state = SelfRectifyingState(jnp.asarray(0.7), jnp.asarray(0.0))
    read = d.pulse(state, Pulse(0.5, 1e-6), key=KEY)
    assert abs(float(read.x) - 0.7) < 1e-4
    np.testing.assert_allclose(d.relax(state, 1e8).x, 0.7 * np.exp(-1.0), rtol=1e-6)
    assert float(d.relax(state, 1e8, temperature=350.0).x) < 0.01


def test_noise_scales_the_change():
    """512 draws: the mean change within five standard errors, the spread within 20 %."""
    d = device(sigma_cycle=0.2)
    state = SelfRectifyingState(jnp.full(512, 0.3), jnp.zeros(512))
    change = np.asarray(d.pulse(state, Pulse(3.0, 1e-6), key=KEY).x) - 0.3
    quiet = float(device().pulse(state, Pulse(3.0, 1e-6), key=KEY).x[0]) - 0.3
    assert abs(change.mean() / quiet - 1) < 5 * 0.2 / np.sqrt(512)
    np.testing.assert_allclose(change.std() / quiet, 0.2, rtol=0.2)


def test_swapped_currents_are_refused():
    with pytest.raises(ParameterError, match="i_on"):
        device(i_on=1e-13)
