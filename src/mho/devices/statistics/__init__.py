"""Arrays of which only the statistics of programming, relaxation and reading are published."""

from __future__ import annotations

from mho.devices.device import AbstractMemory
from mho.devices.statistics.accepted import AcceptedArray as AcceptedArray
from mho.devices.statistics.deviation import ArrayState as ArrayState
from mho.devices.statistics.nonlinear import NonlinearArray as NonlinearArray
from mho.devices.statistics.relaxing import RelaxingArray as RelaxingArray
from mho.devices.statistics.sonos import SONOSArray as SONOSArray

MODELS: dict[str, type[AbstractMemory]] = {
    "relaxing_array": RelaxingArray,
    "nonlinear_array": NonlinearArray,
    "accepted_array": AcceptedArray,
    "sonos_array": SONOSArray,
}
