"""The behavioural threshold switch: its two thresholds, its rest, its count."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core import ParameterError
from mho.devices import Pulse, VolatileSwitch
from mho.devices.switches import SwitchState

pytestmark = pytest.mark.usefixtures("x64")


@eqx.filter_jit
def pulsed(device, state, v, width):
    return device.pulse(state, Pulse(v, width), key=jax.random.key(0))


def test_on_above_the_threshold_and_off_only_below_the_holding_current():
    """100 ns is a hundred switching times. The current falls below i_hold = 8 uA at 0.1 V on 12.5 kOhm.

    It lets go a little below i_hold, where 1/(1 + exp(-20 (i/i_h - 1))) no longer keeps z above 1/2.
    """
    d = VolatileSwitch()
    v = jnp.asarray([0.75, 0.85, 0.0])
    off = pulsed(d, SwitchState(jnp.zeros(3), jnp.zeros(3)), v, jnp.asarray(1e-7))
    np.testing.assert_allclose(off.z, [0.0, 1.0, 0.0], atol=1e-3)
    np.testing.assert_array_equal(off.pulses, 1.0)
    on = pulsed(d, SwitchState(jnp.ones(3), jnp.zeros(3)), jnp.asarray([0.25, 0.12, 0.07]), jnp.asarray(1e-7))
    np.testing.assert_allclose(on.z, [1.0, 1.0, 0.0], atol=0.02)


def test_a_switch_at_rest_stays_there():
    d = VolatileSwitch()
    rate = d.rate(d.rest(), (0.0, 0.0))
    assert abs(float(rate.z) * float(d.t_switch)) < 1e-15


def test_a_holding_current_out_of_reach_is_refused():
    with pytest.raises(ParameterError, match="i_hold"):
        VolatileSwitch(i_hold=1e-3)
