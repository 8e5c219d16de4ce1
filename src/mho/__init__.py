"""mho: from a laboratory's pulse measurement to spiking networks, with one device model at every floor.

Names load when they are first used, so that ``import mho`` costs nothing and sets nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "MhoError": "mho.core",
    "Pulse": "mho.devices",
    "compare_ramps": "mho.fitting",
    "fit": "mho.fitting",
    "fit_endurance": "mho.fitting",
    "fit_gate_cycles": "mho.fitting",
    "fit_noise": "mho.fitting",
    "fit_paired_pulses": "mho.fitting",
    "fit_ramp": "mho.fitting",
    "fit_retention": "mho.fitting",
    "fit_sweep": "mho.fitting",
    "normal": "mho.core.sampling",
    "parameters": "mho.devices",
    "ramp_population": "mho.fitting",
    "read_endurance": "mho.fitting",
    "read_noise": "mho.fitting",
    "read_paired_pulses": "mho.fitting",
    "read_pulses": "mho.fitting",
    "read_ramp": "mho.fitting",
    "read_retention": "mho.fitting",
    "read_sweep": "mho.fitting",
    "relative": "mho.core.sampling",
    "sample": "mho.core.sampling",
    "spread_of": "mho.fitting",
}
_FLOORS = (
    "circuits",
    "core",
    "crossbars",
    "devices",
    "fitting",
    "interchange",
    "metrics",
    "netlists",
    "networks",
    "report",
    "studies",
)

__all__ = ["__version__", *_FLOORS, *_HOME]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _FLOORS:
        return importlib.import_module(f"mho.{name}")
    raise AttributeError(f"module 'mho' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
