"""What a chip has spent: energy by part, time, and how often things were done. Sums only ever grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np
from jax.core import Tracer

PRODUCT = ("array", "drivers", "dac", "adc", "digital", "communication")
"""Parts that the energy [J] of a product is booked to."""

ENERGY = (*PRODUCT, "programming", "calibration")
"""All parts; products to calibrate are booked to the last."""

COUNTS = ("products", "operations", "conversions", "row_pulses", "pulses", "failed_cells", "refreshes")
"""What is counted: vectors multiplied; multiplications and additions in them; conversions of a line; drives of a row;
programming pulses; cells that programming gave up; refreshes."""

TIME = ("products", "programming", "calibration", "idle")
"""What time [s] is booked to."""


def _sum(a: Any, b: Any) -> Any:
    """In double precision, except where a number is traced."""
    if isinstance(a, Tracer) or isinstance(b, Tracer):
        return a + b
    return np.float64(a) + np.float64(b)


class Ledger(eqx.Module):
    """Energy [J] by part, time [s] by occupation, and counts [1].

    What is not known is NaN, and so is every sum that it enters: a sum never hides a gap.
    """

    energy: dict[str, Any]
    time: dict[str, Any]
    counts: dict[str, Any]

    @classmethod
    def empty(cls) -> Ledger:
        """Nothing spent."""
        return cls(*({name: np.float64(0.0) for name in names} for names in (ENERGY, TIME, COUNTS)))

    def plus(
        self,
        energy: Mapping[str, Any] | None = None,
        time: Mapping[str, Any] | None = None,
        counts: Mapping[str, Any] | None = None,
    ) -> Ledger:
        """The ledger with more booked."""
        groups = []
        for own, more in ((self.energy, energy), (self.time, time), (self.counts, counts)):
            given = more or {}
            unknown = set(given) - set(own)
            assert not unknown, f"no account {unknown}"
            groups.append({name: _sum(value, given[name]) if name in given else value for name, value in own.items()})
        return Ledger(*groups)

    def added(self, other: Ledger) -> Ledger:
        """Both together."""
        return self.plus(other.energy, other.time, other.counts)

    @property
    def total_energy(self) -> Any:
        """All energy [J]."""
        return sum(self.energy.values())

    @property
    def total_time(self) -> Any:
        """All time but that of waiting [s]."""
        return sum(value for name, value in self.time.items() if name != "idle")
