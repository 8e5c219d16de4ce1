"""Spectral densities of the read noises laid over a device, for simulators that know noise sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mho.devices.device import AbstractContinuousDevice
from mho.devices.effects.densities import KINDS, density
from mho.devices.effects.read_noise import AbstractReadNoise


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
    """Density of each noise at channel voltage `v` [V], as :func:`mho.devices.effects.densities.density` has it.

    Args:
        device: The device inside.
        noises: Of the kinds in `KINDS`.
        state: Of the device.
        v: Across the channel [V].
        temperature: [K].
    """
    g = device.conductance(state, temperature=temperature)
    return [density(n, g, v, temperature) for n in noises]
