"""Effects laid over any device: drift, read noise, wear, faults. Composed in a `Specimen`, never built into a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx

from mho.core.errors import ParameterError
from mho.devices.effects.drift import AbstractDrift as AbstractDrift
from mho.devices.effects.drift import LogTimeDrift as LogTimeDrift
from mho.devices.effects.drift import PowerLawDrift as PowerLawDrift
from mho.devices.effects.fate import fated as fated
from mho.devices.effects.fate import faulty as faulty
from mho.devices.effects.fault import Stuck as Stuck
from mho.devices.effects.overlay import Overlay as Overlay
from mho.devices.effects.overlay import OverlayState as OverlayState
from mho.devices.effects.read_noise import AbstractReadNoise as AbstractReadNoise
from mho.devices.effects.read_noise import FlickerNoise as FlickerNoise
from mho.devices.effects.read_noise import ShotNoise as ShotNoise
from mho.devices.effects.read_noise import TelegraphNoise as TelegraphNoise
from mho.devices.effects.read_noise import ThermalNoise as ThermalNoise
from mho.devices.effects.retention import Retention as Retention
from mho.devices.effects.scaling import SCALING as SCALING
from mho.devices.effects.scaling import ScalingRule as ScalingRule
from mho.devices.effects.scaling import scaled as scaled
from mho.devices.effects.specimen import ProgrammedSpecimen as ProgrammedSpecimen
from mho.devices.effects.specimen import Specimen as Specimen
from mho.devices.effects.specimen import SpecimenState as SpecimenState
from mho.devices.effects.specimen import with_overlay as with_overlay
from mho.devices.effects.wear import AbstractWear as AbstractWear
from mho.devices.effects.wear import LogAging as LogAging
from mho.devices.effects.wear import PowerAging as PowerAging
from mho.devices.effects.wear import WeibullEndurance as WeibullEndurance

EFFECTS: dict[str, type[eqx.Module]] = {
    "power_law_drift": PowerLawDrift,
    "log_time_drift": LogTimeDrift,
    "retention": Retention,
    "thermal_noise": ThermalNoise,
    "shot_noise": ShotNoise,
    "flicker_noise": FlickerNoise,
    "telegraph_noise": TelegraphNoise,
    "weibull": WeibullEndurance,
    "power_aging": PowerAging,
    "log_aging": LogAging,
    "stuck": Stuck,
}


def laid_over(device: Any, effects: Mapping[str, Any]) -> Any:
    """The device with the effects of its parameter set, by the names of their tables.

    Raises:
        ParameterError: If there are two drifts, two retentions or two faults.
    """

    def of(kind: type) -> dict[str, Any]:
        return {name: effect for name, effect in effects.items() if isinstance(effect, kind)}

    def one(kind: type, noun: str) -> Any:
        found = of(kind)
        if len(found) > 1:
            raise ParameterError(f"Effects {' and '.join(found)} are both a {noun}; a device can have one. Remove one.")
        return next(iter(found.values()), None)

    overlay = Overlay(
        drift=one(AbstractDrift, "drift"),
        retention=one(Retention, "retention"),
        noise=tuple(of(AbstractReadNoise).values()),
        wear=tuple(of(AbstractWear).values()),
        fault=one(Stuck, "fault"),
    )
    return with_overlay(device, overlay) if effects else device
