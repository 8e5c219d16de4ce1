"""Two-terminal volatile switches and selectors: Mott, diffusive, ovonic, exponential, Schottky."""

from __future__ import annotations

from mho.devices.device import AbstractMemory

MODELS: dict[str, type[AbstractMemory]] = {}
