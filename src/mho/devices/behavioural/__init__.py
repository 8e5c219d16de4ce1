"""Pulse (behavioural) models: a conductance step per pulse, no voltage and no time in between."""

from __future__ import annotations

from mho.devices.behavioural.exponential import ExpStep as ExpStep
from mho.devices.behavioural.linear import Anchor as Anchor
from mho.devices.behavioural.linear import ConstantStep as ConstantStep
from mho.devices.behavioural.linear import LinearStep as LinearStep
from mho.devices.behavioural.linear import SoftBounds as SoftBounds
from mho.devices.behavioural.linear import soft_bounds_pmax as soft_bounds_pmax
from mho.devices.behavioural.nodes import PiecewiseStep as PiecewiseStep
from mho.devices.behavioural.pair import OneSidedPair as OneSidedPair
from mho.devices.behavioural.pair import PairState as PairState
from mho.devices.behavioural.power import PowerStep as PowerStep
from mho.devices.behavioural.saturation import SaturatingStep as SaturatingStep
from mho.devices.behavioural.step import AbstractStepDevice as AbstractStepDevice
from mho.devices.behavioural.step import StepState as StepState
from mho.devices.behavioural.table import MeasuredStep as MeasuredStep
from mho.devices.behavioural.table import measured_step as measured_step
from mho.devices.behavioural.table import tabulated as tabulated
from mho.devices.behavioural.train import pulse_train as pulse_train
from mho.devices.device import AbstractMemory

MODELS: dict[str, type[AbstractMemory]] = {
    "constant_step": ConstantStep,
    "linear_step": LinearStep,
    "soft_bounds": SoftBounds,
    "exp_step": ExpStep,
    "power_step": PowerStep,
    "piecewise_step": PiecewiseStep,
    "saturating_step": SaturatingStep,
}
"""Those whose numbers fit a parameter set; `MeasuredStep` brings a table of its own, `OneSidedPair` two devices."""
