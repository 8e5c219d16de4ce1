"""Phase-change memory: pulses that crystallise and melt, structural drift, and array statistics of programmed cells."""

from __future__ import annotations

from mho.devices.device import AbstractMemory

MODELS: dict[str, type[AbstractMemory]] = {}
