"""A tile for a parameter set: the usual design around a device of the shelf, programmed as its source operates it."""

from __future__ import annotations

from typing import Any

import numpy as np

from mho.core.errors import ChipError
from mho.core.parameters import ParameterSet
from mho.crossbars.converters import Quantiser
from mho.crossbars.costs import costs_at
from mho.crossbars.inputs import PulseWidth
from mho.crossbars.programming import AbstractProgramming, Stated, WriteVerify
from mho.crossbars.tile import Tile
from mho.devices.device import AbstractDevice, AbstractProgrammed, Pulse

NODE = 22e-9
"""Technology node of the periphery, where none is named [m]."""

_SHARE = 0.02  # acceptance of verified pulses over the window
_PULSES = 20_000  # most pulses of a cell


def weight_capable(parameters: ParameterSet) -> bool:
    """Whether :func:`tile_for` has a way to program the device: statistics, or pulses up and down of two terminals."""
    try:
        programming_of(parameters)
    except ChipError:
        return False
    return True


_PULSED = ("v_up", "t_up", "v_down", "t_down")


def _unsaid(parameters: ParameterSet) -> list[str]:
    """What a set's operation does not say of pulses up and down."""
    return [name for name in _PULSED if name not in parameters.operation]


def pulses_of(parameters: ParameterSet) -> tuple[Pulse, Pulse]:
    """The pulses up and down with which a set's source operates the device.

    Raises:
        ChipError: If the device takes no pulses, or the set does not name both.
    """
    missing = _unsaid(parameters)
    if missing or not isinstance(parameters.device(bare=True), AbstractDevice):
        raise ChipError(
            f"{parameters.name} does not say how its device is pulsed up and down (operation."
            f"{', operation.'.join(missing) or 'v_up'}). Take a set that does; 'mho device list' names all."
        )
    known: dict[str, Any] = {name: number.value for name, number in parameters.operation.items()}
    return Pulse(float(known["v_up"]), float(known["t_up"])), Pulse(float(known["v_down"]), float(known["t_down"]))


def programming_of(parameters: ParameterSet) -> AbstractProgramming:
    """How cells of a set are written: by their statistics, or by verified pulses of the set's operation.

    Verified pulses are equal, and end within 2 % of the window.

    Raises:
        ChipError: If the set says neither.
    """
    device: Any = parameters.device()
    if isinstance(device, AbstractProgrammed):
        return Stated()
    missing = _unsaid(parameters)
    if missing or not isinstance(device, AbstractDevice) or not hasattr(device, "window"):
        raise ChipError(
            f"{parameters.name} has neither statistics of programmed arrays nor pulses up and down "
            f"(operation.{', operation.'.join(missing) or 'v_up'}). Give Tile(programming=...) yourself."
        )
    up, down = pulses_of(parameters)
    stated: Any = parameters.operation.get("pulses")
    low, high = (float(np.mean(np.asarray(g))) for g in device.window())
    largest = max(abs(float(up.amplitude)), abs(float(down.amplitude)))
    return WriteVerify(
        up,
        down,
        acceptance=_SHARE * (high - low),
        v_max=largest,
        v_verify=_v_read(parameters),
        budget=int(min(4 * (500.0 if stated is None else float(stated.value)), _PULSES)),
    )


def _v_read(parameters: ParameterSet) -> float:
    found: Any = parameters.operation.get("v_read")
    return 0.2 if found is None else abs(float(found.value))


def tile_for(
    parameters: ParameterSet,
    *,
    rows: int = 256,
    columns: int = 256,
    input_bits: int = 8,
    output_bits: int = 8,
    node: float = NODE,
    **more: Any,
) -> Tile:
    """A tile of differential pairs, driven by the width of pulses, with ideal converters of a technology node.

    Args:
        parameters: The device's set.
        rows: Of an array.
        columns: Of an array.
        input_bits: Of the drivers, sign included.
        output_bits: Of the converters.
        node: Technology node of the periphery, for the costs [m].
        **more: Further fields of the :class:`Tile`, in place of these.

    Raises:
        ChipError: If the set does not say how its device is programmed.
    """
    device: Any = parameters.device()
    inputs, adc = PulseWidth(input_bits, v_read=_v_read(parameters)), Quantiser(output_bits)
    fields: dict[str, Any] = {
        "rows": rows,
        "columns": columns,
        "inputs": inputs,
        "adc": adc,
        "costs": costs_at(node, adc, inputs, columns=columns),
    }
    if "programming" not in more:
        fields["programming"] = programming_of(parameters)
    if not isinstance(device, AbstractProgrammed):
        fields["spreads"] = tuple(parameters.spreads())
    return Tile(device, **{**fields, **more})
