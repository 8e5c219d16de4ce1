"""Writing one cell moves its neighbours: every cell takes the pulse at the voltage that the wires leave it."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from mho.core.errors import InputError
from mho.crossbars.array import shape_of, solve_cells
from mho.crossbars.bias import Bias
from mho.crossbars.cell import AbstractCell
from mho.crossbars.power import power
from mho.crossbars.solve import double, plain
from mho.crossbars.wires import Wires
from mho.devices.device import ROOM


class Disturbance(NamedTuple):
    """What a pulse did to an array: raw numbers, from which figures of merit are made.

    Args:
        state: Of every cell, afterwards.
        before: Conductance of every memory before [S], (M, N).
        after: The same afterwards [S].
        voltage: Between row and column at every cell, at the start of the pulse [V].
        energy: Delivered by all that is connected [J].
        in_cells: The same, spent in the cells [J].
        status: The worst `Status` of any step.
    """

    state: Any
    before: np.ndarray
    after: np.ndarray
    voltage: np.ndarray
    energy: float
    in_cells: float
    status: int

    def change(self, cell: tuple[int, int]) -> tuple[float, float]:
        """Relative change of a cell's conductance, and the largest of any other cell's [1]."""
        relative = self.after / self.before - 1.0
        others = np.abs(relative)
        own = float(relative[cell])
        others[cell] = 0.0
        return own, float(others.max())


def disturb(
    cell: AbstractCell,
    state: Any,
    bias: Bias,
    wires: Wires,
    width: float,
    *,
    key: jax.Array,
    gate: Any = None,
    steps: int = 4,
    temperature: float = ROOM,
    throw: bool = True,
) -> Disturbance:
    """Apply a pulse to an array and let every cell answer to the voltage that it sees.

    The array is solved, every cell takes a part of the pulse at its own voltages by the event face of its devices, and
    the array, which has changed, is solved again: `steps` times.

    Args:
        cell: What sits at every crossing; its devices must answer to pulses.
        state: Of every cell, before.
        bias: What is connected while the pulse lasts, for example of :func:`mho.crossbars.selecting`.
        wires: Resistances.
        width: Of the pulse [s].
        key: Of the cycle-to-cycle noise.
        gate: Voltages of gate lines, as in :func:`mho.crossbars.solve_cells`.
        steps: Parts of the pulse; more follow a cell whose resistance changes much within the pulse.
        temperature: [K].
        throw: Raise where the array cannot be solved; else `status` says so.

    Raises:
        InputError: If a device answers to no pulse, or width or steps are out of range.
        SolverError: If the array was not solved, and `throw` is set.

    Limits: quasi-static; the lines charge at once. Within a part every cell keeps its voltage. A pulse that is cut into
    parts counts as so many pulses in the wear of a device that counts them, and has as many draws of its noise.
    """
    shape_of(state)
    if not (np.isfinite(width) and width >= 0.0):
        raise InputError(f"The width of the pulse is {width} s; it must be finite and at least 0 s.")
    if steps < 1:
        raise InputError(f"The pulse is to be cut into {steps} parts; it must be at least 1.")
    before = _conductance(cell, state)
    voltage, energy, in_cells, status = np.zeros(before.shape), 0.0, 0.0, 0
    for k in range(steps):
        solution = solve_cells(cell, state, bias, wires, gate=gate, temperature=temperature, throw=throw)
        if k == 0:
            voltage = solution.v_row - solution.v_column
        spent = power(solution, bias, wires)
        energy += float(spent.supplied) * width / steps
        in_cells += float(spent.cells) * width / steps
        status = max(status, int(solution.status))
        with jax.enable_x64(True):
            given = double((cell, state, solution.v_row, solution.v_column, gate, width / steps, temperature))
            state = plain(_pulsed(*given, jax.random.fold_in(key, k)))
    return Disturbance(state, before, _conductance(cell, state), voltage, energy, in_cells, status)


def _conductance(cell: AbstractCell, state: Any) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(cell.conductance(double(state)))


@eqx.filter_jit
def _pulsed(cell: Any, state: Any, row: Any, column: Any, gate: Any, width: Any, temperature: Any, key: Any) -> Any:
    return cell.pulsed(state, row, column, gate, width, key=key, temperature=temperature)
