"""A reduced neuron over a handle of its excitability: numbers and energies between the values that were extracted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mho.core import engineering
from mho.core.errors import InputError
from mho.networks.reduced.equation import NUMBERS
from mho.networks.reduced.model import Curve, ReducedNeuron


@dataclass(frozen=True)
class ModulatedNeuron:
    """Reduced neurons at several values of a handle, and what lies between.

    Args:
        handle: What is varied.
        unit: Its unit.
        values: Values that were extracted, growing.
        models: The model at each.
    """

    handle: str
    unit: str
    values: np.ndarray
    models: tuple[ReducedNeuron, ...]

    def at(self, value: float) -> ReducedNeuron:
        """The model at a value of the handle: every number on a line between its neighbours.

        Its curve and energies are those of the nearest value that was extracted.

        Raises:
            InputError: If the value is outside those that were extracted.
        """
        if not self.values[0] <= value <= self.values[-1]:
            low, high = (engineering(float(v), self.unit) for v in self.values[[0, -1]])
            raise InputError(
                f"{self.handle} is {engineering(value, self.unit)}; it was extracted from {low} to {high}. "
                "Extract more."
            )
        nearest = self.models[int(np.argmin(np.abs(self.values - value)))]
        numbers = {n: float(np.interp(value, self.values, [m.numbers[n] for m in self.models])) for n in NUMBERS}
        return nearest.with_numbers(f"{self.handle} = {engineering(value, self.unit)}", numbers)

    @property
    def rheobase(self) -> np.ndarray:
        """Least current that fires, at each value [A]."""
        return np.array([m.rheobase for m in self.models])

    @property
    def gain(self) -> np.ndarray:
        """Slope of the circuit's rate over its current in the middle of the curve, at each value [Hz/A]."""
        return np.array([_gain(m.curve) for m in self.models])

    def __str__(self) -> str:
        lines = [f"{self.handle}: rheobase, gain, largest departure of the rate"]
        for v, m, i, gain in zip(self.values, self.models, self.rheobase, self.gain, strict=True):
            lines.append(
                f"  {engineering(float(v), self.unit, 3)}: {engineering(float(i), 'A', 3)}, "
                f"{engineering(float(gain) * 1e-9, 'Hz', 3)} per nA, {100 * m.departure:.1f} %"
            )
        return "\n".join(lines)


def _gain(curve: Curve) -> float:
    k = len(curve.current) // 2
    return float((curve.rate[k] - curve.rate[k - 1]) / (curve.current[k] - curve.current[k - 1]))
