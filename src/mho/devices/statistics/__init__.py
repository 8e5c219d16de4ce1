"""Arrays of which only the statistics of programming, relaxation and reading are published."""

from __future__ import annotations

from mho.devices.device import AbstractMemory

MODELS: dict[str, type[AbstractMemory]] = {}
