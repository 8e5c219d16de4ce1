"""Stage "energy": what a spike costs, by part, with three boundaries."""

from __future__ import annotations

import numpy as np

from mho.core.quantities import engineering
from mho.metrics import circuit as metrics
from mho.metrics.kpi import KPI
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series
from mho.studies.stages import bench
from mho.studies.stages.grounds import grounded
from mho.studies.stages.measurement import floor_set
from mho.studies.stages.population import restored

BOUNDARIES = ("neuron alone", "with one synaptic event", "with all synaptic events")
CONDITIONS = {"supply": "1.0 V", "temperature": "27 °C"}


def work(context: Context) -> Outcome:
    """Energy of a spike at the reference input, and when synaptic events bring it about."""
    given = context.handover("synapse")
    context.progress(0.02, "neuron alone, and driven by its synapse")
    energy = metrics.energy_per_spike(
        bench.neuron(context), bench.synapse(context), given["energy_per_synaptic_event"], current=context.study.current
    )
    return Outcome(
        kpis=grounded(context, [metrics.energy_kpi(energy, restored(context)), *_wider(energy)], floor_set(context)),
        series={"energy.split": _split(energy, given["event"])},
        handover={
            "energy_per_synaptic_event": energy.event,
            "energy_per_spike": energy.alone,
            "with_one_event": energy.with_event,
            "with_all_events": energy.all_events,
            "events_per_spike": energy.events,
        },
    )


def _wider(energy: metrics.SpikeEnergy) -> list[KPI]:
    """The same spike with more inside the boundary."""
    return [
        KPI(
            "circuit.energy_per_spike_with_one_event", energy.with_event, "J",
            definition="supplies of the neuron between two spikes, and one synaptic event in place of its input charge",
            boundary="neuron, one channel read with mirror, one driven gate pulse; without bias generation and wires",
            conditions=CONDITIONS, provenance=metrics.RECONSTRUCTION,
        ),
        KPI(
            "circuit.energy_per_spike_with_all_events", energy.all_events, "J",
            definition="everything supplied between two output spikes of a neuron that its synapse drives",
            boundary=f"neuron and {energy.events:.1f} synaptic events that lead to a spike; without bias generation",
            conditions=CONDITIONS, provenance=metrics.RECONSTRUCTION,
        ),
    ]  # fmt: skip


def _split(energy: metrics.SpikeEnergy, event: dict[str, float]) -> Series:
    """Parts by boundary; one event adds its channel read, gate charge and driver, and brings the membrane's charge."""
    alone, driven = energy.split["neuron alone"], energy.split["with all synaptic events"]
    added = {
        "channel read": event["read"],
        "gate drive": event["gate"] - event["drivers"] + event["input"],
        "drivers": event["drivers"],
    }
    one = {part: alone[part] + added.get(part, 0.0) for part in alone}
    one["membrane"] -= energy.alone + energy.event - energy.with_event  # charge of the ideal source
    curves = [Curve(part, "J", np.maximum([alone[part], one[part], driven[part]], 0.0)) for part in alone]
    return Series(
        Axis("boundary", "", list(BOUNDARIES)), curves, "energy per spike", kind="stacked_bars",
        caption=f"Where the energy of a spike goes. The neuron alone takes {engineering(energy.alone, 'J', 3)} "
        f"from supplies and input; {energy.events:.1f} synaptic events lead to one, "
        f"{engineering(energy.all_events, 'J', 3)} in all. Bias generation and wires are not counted.",
    )  # fmt: skip
