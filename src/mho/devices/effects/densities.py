"""Spectral densities of read noises, for simulators that know noise sources: circuits, and exported modules."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from mho.devices.effects.read_noise import (
    AbstractReadNoise,
    FlickerNoise,
    ShotNoise,
    ThermalNoise,
    flicker_amplitude,
)
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE

KINDS: dict[type[AbstractReadNoise], str] = {ThermalNoise: "white", ShotNoise: "white", FlickerNoise: "flicker"}


def thermal(g: Any, temperature: Any) -> Any:
    """Density of the thermal noise current of a conductance g [S], S = 4 k T g [A^2/Hz]."""
    return 4.0 * BOLTZMANN * temperature * g


def density(noise: AbstractReadNoise, g: Any, v: Any, temperature: Any) -> Any:
    r"""Density, at 1 Hz where it falls with frequency: that whose integral over a read's band mho draws from.

    .. math:: S_{thermal} = 4kTG, \qquad S_{shot} = 2q|Gv|F, \qquad S_{1/f} = (GvQ)^2/f

    (1/f noise between 1/(t + t_0 + t_read) and 1/(2 t_read) has the variance that `FlickerNoise` states.)

    Args:
        noise: Of one of the `KINDS`.
        g: Conductance of the channel [S].
        v: Voltage across the channel [V].
        temperature: [K].

    Raises:
        TypeError: If the noise has no density of a known form (a trap has none).
    """
    if isinstance(noise, ThermalNoise):
        return thermal(g, temperature)
    if isinstance(noise, ShotNoise):
        return 2.0 * ELEMENTARY_CHARGE * noise.fano * jnp.abs(g * v)
    if isinstance(noise, FlickerNoise):
        deviation = g * v * flicker_amplitude(g / noise.g_scale, noise.q, noise.exponent, noise.q_max)
        return deviation * deviation
    raise TypeError(f"{type(noise).__name__} has no spectral density.")
