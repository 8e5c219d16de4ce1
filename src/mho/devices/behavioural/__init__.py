"""Pulse (behavioural) models: a conductance step per pulse, no voltage and no time in between."""

from __future__ import annotations

from mho.devices.device import AbstractMemory

MODELS: dict[str, type[AbstractMemory]] = {}
