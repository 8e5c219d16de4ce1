"""Stage "topologies": five neurons, one ECRAM, each at the place in its circuit where it acts."""

from __future__ import annotations

import math

from mho.core.quantities import engineering
from mho.metrics import topologies as metrics
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series, Table
from mho.studies.stages import bench
from mho.studies.stages.grounds import grounded
from mho.studies.stages.measurement import floor_set


def work(context: Context) -> Outcome:
    """The same current, synapse and train for every topology."""
    context.progress(0.02, ", ".join(context.study.topologies))
    found = metrics.topologies(bench.neurons(context), bench.synapse(context), current=context.study.current)
    names = [name.replace("_", " ") for name in found]
    return Outcome(
        kpis=grounded(context, [metrics.topologies_kpi(found)], floor_set(context)),
        series={"topologies.energy": _energy(found, names), "topologies.facilitation": _facilitation(found, names)},
        tables={"topologies.compared": _compared(found, names)},
    )


def _energy(found: dict[str, metrics.Topology], names: list[str]) -> Series:
    parts = list(dict.fromkeys(part for t in found.values() for part, e in t.split.items() if abs(e) > 1e-17))
    curves = [Curve(part, "J", [max(t.split.get(part, 0.0), 0.0) for t in found.values()]) for part in parts]
    return Series(
        Axis("topology", "", names), curves, "energy per spike", kind="stacked_bars",
        caption="Energy dissipated per spike, by part, at the same input current.",
    )  # fmt: skip


def _facilitation(found: dict[str, metrics.Topology], names: list[str]) -> Series:
    def rates(field: str) -> list[float]:
        times = [getattr(t, field) for t in found.values()]
        return [0.0 if math.isinf(t) else 1.0 / t for t in times]

    return Series(
        Axis("topology", "", names),
        [Curve("with facilitation", "Hz", rates("facilitated_time")), Curve("without", "Hz", rates("plain_time"))],
        "output rate", kind="bars",
        caption="Output rate under one train of presynaptic spikes, with the synapse's facilitation and without.",
    )  # fmt: skip


def _compared(found: dict[str, metrics.Topology], names: list[str]) -> Table:
    rows = [
        [
            name, engineering(t.rate, "Hz", 3), engineering(t.width, "s", 3), engineering(t.energy, "J", 3),
            f"{100 * t.adaptation:+.1f} % / {100 * t.sensitisation:+.1f} %", t.where,
        ]
        for name, t in zip(names, found.values(), strict=True)
    ]  # fmt: skip
    columns = [
        "topology",
        "rate",
        "width",
        "energy per spike",
        "interval, +1 / −1",
        "where the ECRAM acts, and why there",
    ]
    return Table(columns, rows, "Change of the interval by the neuron's own spikes, for both polarities of the device.")
