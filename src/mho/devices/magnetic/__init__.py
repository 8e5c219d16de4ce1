"""Magnetic tunnel junctions."""

from __future__ import annotations

from mho.devices.device import AbstractMemory
from mho.devices.magnetic.mtj import MTJ as MTJ
from mho.devices.magnetic.mtj import MTJState as MTJState

MODELS: dict[str, type[AbstractMemory]] = {"mtj": MTJ}
