"""Three-terminal storage transistors other than ECRAM: ferroelectric and charge-trap."""

from __future__ import annotations

from mho.devices.device import AbstractMemory
from mho.devices.storage.charge_trap import ChargeTrap as ChargeTrap
from mho.devices.storage.charge_trap import ChargeTrapState as ChargeTrapState
from mho.devices.storage.fefet import FeFET as FeFET
from mho.devices.storage.fefet import FeFETState as FeFETState

MODELS: dict[str, type[AbstractMemory]] = {"fefet": FeFET, "charge_trap": ChargeTrap}
