"""Three-terminal storage transistors other than ECRAM: ferroelectric and charge-trap."""

from __future__ import annotations

from mho.devices.device import AbstractMemory

MODELS: dict[str, type[AbstractMemory]] = {}
