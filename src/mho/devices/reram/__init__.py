"""Filamentary and interface resistive memories: two terminals, an ion configuration as the state."""

from __future__ import annotations

from mho.devices.device import AbstractMemory

MODELS: dict[str, type[AbstractMemory]] = {}
