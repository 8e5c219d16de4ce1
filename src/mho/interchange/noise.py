"""Spectral densities of the read noises laid over a device, for simulators that know noise sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from mho.devices.device import AbstractContinuousDevice
from mho.devices.effects.read_noise import (
    AbstractReadNoise,
    FlickerNoise,
    ShotNoise,
    ThermalNoise,
    flicker_amplitude,
)
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE

KINDS: dict[type[AbstractReadNoise], str] = {ThermalNoise: "white", ShotNoise: "white", FlickerNoise: "flicker"}


class NoiseSource(NamedTuple):
    """A noise current through the channel: "white" or "flicker", its name, and its density (at 1 Hz) [A^2/Hz]."""

    kind: str
    name: str
    density: Any


def written(noises: Sequence[AbstractReadNoise]) -> list[AbstractReadNoise]:
    """Those that have a density of a form that Verilog-A knows; telegraph noise has none."""
    return [n for n in noises if type(n) in KINDS]


def unsaid(overlay: Any) -> tuple[str, ...]:
    """Effects laid over a device that neither language is given: what time and use do to it, and telegraph noise."""
    parts = [overlay.drift, overlay.retention, overlay.fault, *overlay.wear] if overlay is not None else []
    parts += [n for n in overlay.noise if type(n) not in KINDS] if overlay is not None else []
    return tuple(type(p).__name__ for p in parts if p is not None)


def densities(
    device: AbstractContinuousDevice, noises: Sequence[AbstractReadNoise], state: Any, v: Any, temperature: Any
) -> list[Any]:
    r"""Density of each noise at channel voltage `v` [V]: those whose integral over a read's band mho draws from.

    .. math:: S_{thermal} = 4kTG, \qquad S_{shot} = 2q|Gv|F, \qquad S_{1/f} = (GvQ)^2/f

    (1/f noise between 1/(t + t_0 + t_read) and 1/(2 t_read) has the variance that `FlickerNoise` states.)

    Args:
        device: The device inside.
        noises: Of the kinds in `KINDS`.
        state: Of the device.
        v: Across the channel [V].
        temperature: [K].
    """
    g = device.conductance(state, temperature=temperature)
    found = []
    for n in noises:
        if isinstance(n, ThermalNoise):
            found.append(4.0 * BOLTZMANN * temperature * g)
        elif isinstance(n, ShotNoise):
            found.append(2.0 * ELEMENTARY_CHARGE * n.fano * jnp.abs(g * v))
        elif isinstance(n, FlickerNoise):
            deviation = g * v * flicker_amplitude(g / n.g_scale, n.q, n.exponent, n.q_max)
            found.append(deviation * deviation)
    return found
