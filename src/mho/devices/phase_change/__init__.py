"""Phase-change memory: pulses that crystallise and melt, structural drift, and array statistics of programmed cells."""

from __future__ import annotations

from mho.devices.device import AbstractMemory
from mho.devices.phase_change.pcm import PCM as PCM
from mho.devices.phase_change.pcm import PCMState as PCMState
from mho.devices.phase_change.statistical import PCMArray as PCMArray
from mho.devices.phase_change.statistical import PCMArrayState as PCMArrayState

MODELS: dict[str, type[AbstractMemory]] = {"pcm": PCM, "pcm_array": PCMArray}
