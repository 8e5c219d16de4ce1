"""Devices: compact models and their sourced numbers. One file a model, one line in `MODELS`."""

from mho.devices.device import AbstractContinuousDevice as AbstractContinuousDevice
from mho.devices.device import AbstractDevice as AbstractDevice
from mho.devices.device import AbstractMemory as AbstractMemory
from mho.devices.device import AbstractProgrammed as AbstractProgrammed
from mho.devices.device import Pulse as Pulse
from mho.devices.ecram import ECRAM as ECRAM
from mho.devices.ecram import ECRAMState as ECRAMState
from mho.devices.ecram import Gate as Gate
from mho.devices.ecram_pulse import ECRAMPulse as ECRAMPulse
from mho.devices.held import held as held
from mho.devices.library import MODELS as MODELS
from mho.devices.library import parameter_sets as parameter_sets
from mho.devices.library import parameters as parameters
from mho.devices.prony import PronySum as PronySum
from mho.devices.prony import prony as prony
from mho.devices.switches.volatile_switch import VolatileSwitch as VolatileSwitch
