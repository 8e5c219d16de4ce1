"""Wires of an array: the resistance of each segment, of drivers and of what senses; and numbers by technology node."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import Number


class Wires(eqx.Module):
    """Resistances of the lines of an array.

    A line has one segment between neighbouring cells, and one more between its outermost cell and whatever is connected
    to that end. 0 ohm is exact: the cells of such a line are one node.

    Args:
        r_row: Of one segment of a row [ohm].
        r_column: Of one segment of a column [ohm].
        r_driver: In series with every connected end of a row, besides the segment [ohm].
        r_sense: In series with every connected end of a column, besides the segment [ohm].

    Raises:
        ParameterError: If a resistance is negative or not finite.
    """

    r_row: Number = quantity("ohm", low=0.0, default=0.0)
    r_column: Number = quantity("ohm", low=0.0, default=0.0)
    r_driver: Number = quantity("ohm", low=0.0, default=0.0)
    r_sense: Number = quantity("ohm", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)


class Technology(NamedTuple):
    """Metal of the lines at a node, as array simulators assume it.

    Args:
        width: Of a wire [m].
        resistance: Per length at 300 K [ohm/m].
    """

    width: float
    resistance: float


# Stated in NeuroSim's tables of wire width and resistivity with size effects (MLP V3.0, commit cc13863; DNN V2.1,
# commit 18289cb); resistance per length computed by us from them as resistivity / (width^2 * aspect ratio). Copper.
TECHNOLOGIES: dict[int, Technology] = {
    130: Technology(200e-9, 0.29e6),
    65: Technology(100e-9, 1.19e6),
    45: Technology(50e-9, 6.68e6),
    32: Technology(40e-9, 13.3e6),
    22: Technology(32e-9, 23.2e6),
    14: Technology(22e-9, 55.9e6),
    7: Technology(14e-9, 181e6),
}
TEMPERATURE_COEFFICIENT = 0.00451  # [1/K] of the resistivity about 300 K; stated in the same tables
_NOMINAL = 300.0  # [K]
PITCH = {"1T1R": 4.0, "crosspoint": 2.0}  # [wire widths] a cell of 16 and of 4 squares of the width


def wires_at(
    node: int, *, cell: str = "1T1R", temperature: float = _NOMINAL, r_driver: float = 0.0, r_sense: float = 0.0
) -> Wires:
    """Wires of a technology node, with one segment as long as a cell.

    Args:
        node: Technology node [nm], a key of :data:`TECHNOLOGIES`.
        cell: ``1T1R`` (pitch of four wire widths) or ``crosspoint`` (two).
        temperature: Of the metal [K].
        r_driver: As in :class:`Wires` [ohm].
        r_sense: As in :class:`Wires` [ohm].

    Raises:
        ParameterError: If the node or the kind of cell is unknown, or the metal would have no resistance.

    >>> round(float(wires_at(22).r_row), 2)
    2.97
    """
    if node not in TECHNOLOGIES:
        known = ", ".join(str(n) for n in TECHNOLOGIES)
        raise ParameterError(
            f"The technology node is {node} nm; wires are known at {known} nm. Name one of them, or give the "
            "resistance of a segment in ohm."
        )
    if cell not in PITCH:
        raise ParameterError(f"The kind of cell is {cell!r}; it must be {' or '.join(PITCH)}. It sets the pitch.")
    scale = 1.0 + TEMPERATURE_COEFFICIENT * (temperature - _NOMINAL)
    if not scale > 0.0:
        raise ParameterError(
            f"The temperature is {engineering(temperature, 'K')}; the linear law of the metal holds from about 150 K. "
            "Give the resistance of a segment in ohm."
        )
    metal = TECHNOLOGIES[node]
    segment = metal.resistance * PITCH[cell] * metal.width * scale
    return Wires(segment, segment, r_driver, r_sense)
