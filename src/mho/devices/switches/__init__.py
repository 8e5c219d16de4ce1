"""Two-terminal volatile switches and selectors: Mott, diffusive, ovonic, exponential, Schottky."""

from __future__ import annotations

from mho.devices.device import AbstractMemory
from mho.devices.switches.diffusive import DiffusiveState as DiffusiveState
from mho.devices.switches.diffusive import DiffusiveSwitch as DiffusiveSwitch
from mho.devices.switches.exponential_selector import ExponentialSelector as ExponentialSelector
from mho.devices.switches.memoryless import SelectorState as SelectorState
from mho.devices.switches.mott import MottState as MottState
from mho.devices.switches.mott import MottSwitch as MottSwitch
from mho.devices.switches.schottky import SchottkySelector as SchottkySelector
from mho.devices.switches.self_rectifying import SelfRectifyingCell as SelfRectifyingCell
from mho.devices.switches.self_rectifying import SelfRectifyingState as SelfRectifyingState
from mho.devices.switches.threshold_selector import ThresholdSelector as ThresholdSelector
from mho.devices.switches.threshold_selector import ThresholdState as ThresholdState
from mho.devices.switches.volatile_switch import SwitchState as SwitchState
from mho.devices.switches.volatile_switch import VolatileSwitch as VolatileSwitch

MODELS: dict[str, type[AbstractMemory]] = {
    "volatile_switch": VolatileSwitch,
    "mott": MottSwitch,
    "diffusive": DiffusiveSwitch,
    "exponential_selector": ExponentialSelector,
    "schottky_selector": SchottkySelector,
    "threshold_selector": ThresholdSelector,
    "self_rectifying": SelfRectifyingCell,
}
