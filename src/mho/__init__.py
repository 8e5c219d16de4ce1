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
    "fit": "mho.fitting",
    "normal": "mho.core.sampling",
    "parameters": "mho.devices",
    "read_pulses": "mho.fitting",
    "relative": "mho.core.sampling",
    "sample": "mho.core.sampling",
}
_FLOORS = ("circuits", "core", "devices", "fitting", "interchange", "metrics", "networks", "report", "studies")

__all__ = ["__version__", *_FLOORS, *_HOME]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _FLOORS:
        return importlib.import_module(f"mho.{name}")
    raise AttributeError(f"module 'mho' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
