"""Magnetic tunnel junctions."""

from __future__ import annotations

from mho.devices.device import AbstractMemory

MODELS: dict[str, type[AbstractMemory]] = {}
