"""What switches with two thresholds share: a pulse that finds thresholds of its own."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.devices.device import AbstractContinuousDevice, Number, Pulse
from mho.devices.held import held
from mho.devices.kinetics import known


def switched(device: Any, state: Any, pulse: Pulse, *, key: jax.Array, temperature: Number) -> Any:
    """State after one pulse, integrated, with thresholds drawn for it; the caller counts the pulse.

    Args:
        device: A switch with fields v_threshold and v_hold [V], which both scale by one log-normal factor of standard
            deviation sigma_cycle [1].
        state: Before the pulse.
        pulse: The pulse.
        key: Of the draw.
        temperature: [K].
    """
    drawn = device
    if not known(device.sigma_cycle, 0.0):
        noise = random.normal(key, jnp.shape(state.x), jnp.result_type(state.x))
        factor = jnp.exp(device.sigma_cycle * noise)
        drawn = eqx.tree_at(
            lambda d: (d.v_threshold, d.v_hold), device, (device.v_threshold * factor, device.v_hold * factor)
        )
    return across(drawn, state, pulse, temperature)[0]


def across(device: AbstractContinuousDevice, state: Any, pulse: Pulse, temperature: Number) -> tuple[Any, Number]:
    """State after a pulse across two terminals, and the energy delivered [J], both integrated."""
    return held(device, state, (pulse.amplitude - pulse.channel, 0.0), pulse.width, temperature=temperature)
