"""What one analysis of a netlist gave: points, signals, measurements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mho.circuits.waveforms import Run
from mho.core.errors import NetlistError
from mho.interchange.spice.measure import Measured, measured
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.signals import Table, wanted


@dataclass(frozen=True)
class Outcome:
    """Result of one analysis of a netlist.

    Args:
        analysis: "tran", "ac", "noise", "dc" or "op".
        axis: Name of the first column: "time", "frequency", the swept source, or "" for an operating point.
        points: Its values; one array for each sample.
        signals: Saved signals by ngspice's names, complex for "ac"; one set for each sample.
        measures: Results of .measure; one list for each sample.
        run: mho's own result of a transient, with the energy ledger; None otherwise.
        failures: Samples that failed, by reason.
        population: Whether samples were drawn.
        totals: Numbers beside the curves: noise integrated over the band [V].
    """

    analysis: str
    axis: str
    points: tuple[np.ndarray, ...]
    signals: tuple[dict[str, np.ndarray], ...]
    measures: tuple[tuple[Measured, ...], ...]
    run: Run | None = None
    failures: dict[str, int] = field(default_factory=dict)
    population: bool = False
    totals: dict[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        """A signal of the first sample."""
        if name == self.axis:
            return self.points[0]
        if name not in self.signals[0]:
            raise NetlistError(f"the signal {name!r} is not saved; there is {', '.join(self.signals[0])}.")
        return self.signals[0][name]


def gathered(analysis: str, netlist: Netlist, tables: list[Table], **more: Any) -> Outcome:
    """The outcome of tables of points, one for each sample: the signals and measurements that the netlist asks for."""
    signals = tuple(wanted(netlist, table) for table in tables)
    measures = tuple(tuple(measured(netlist, analysis, table)) for table in tables)
    return Outcome(analysis, tables[0].axis, tuple(t.points for t in tables), signals, measures, **more)
