"""KPIs of a run of spiking populations: rates, synaptic events, their energy, and the wear of devices."""

from __future__ import annotations

import math

import numpy as np

from mho.core import engineering
from mho.metrics.kpi import KPI, Provenance, percentiles
from mho.networks.populations import SpikingResult


def firing_rate(result: SpikingResult, name: str) -> KPI:
    """network.firing_rate: mean rate of a population's neurons, with the spread over them."""
    rates = result.rates(name)
    return KPI(
        name="network.firing_rate",
        value=float(np.mean(rates)),
        unit="Hz",
        definition="spikes of a neuron over the length of the run; mean of the population",
        spread=percentiles(rates),
        n=int(rates.size),
        boundary=f"population {name}",
        conditions=_conditions(result),
    )


def energy_per_spike(result: SpikingResult, name: str, *, provenance: Provenance = ()) -> KPI:
    """network.energy_per_spike: what the neurons of a population took in the run, over their spikes."""
    energy, count = result.neurons[name], int(result.spikes[name].times.size)
    measured = math.isfinite(energy) and count > 0
    return KPI(
        name="network.energy_per_spike",
        value=energy / count if measured else None,
        unit="J",
        definition="supplies of the neurons and the charge of their inputs, silent neurons too, over all spikes",
        n=max(count, 1),
        boundary=f"neurons of population {name}: no bias generation, wiring and synapses",
        conditions=_conditions(result),
        provenance=provenance,
        note="" if measured else "No neuron fired, or the population's neurons are of no circuit.",
    )


def synaptic_events(result: SpikingResult, projection: str) -> KPI:
    """network.synaptic_events: spikes that passed a projection, each counted at every synapse of its source."""
    return KPI(
        name="network.synaptic_events",
        value=float(result.events[projection]),
        unit="1",
        definition="sum over spikes of the number of synapses of the neuron that fired",
        boundary=f"projection {projection}, {result.network.projection(projection).connectivity.synapses} synapses",
        conditions=_conditions(result),
    )


def energy_per_event(result: SpikingResult, projection: str, *, provenance: Provenance = ()) -> KPI:
    """network.energy_per_synaptic_event: what the devices of a projection took, over its events.

    Args:
        result: A run.
        projection: Name of the projection.
        provenance: Records of the numbers behind the devices.
    """
    energy, count = result.energy[projection], result.events[projection]
    measured = math.isfinite(energy) and count > 0
    read = result.network.projection(projection).energy
    conditions = _conditions(result)
    if read is not None:
        conditions |= {
            "read voltage": engineering(float(read.v_read), "V"),
            "read time": engineering(float(read.t_read), "s"),
        }
    return KPI(
        name="network.energy_per_synaptic_event",
        value=energy / count if measured else None,
        unit="J",
        definition="write energy of the gate's driver plus read energy of the channel, mean over all events",
        n=max(count, 1),
        boundary=f"devices of projection {projection} alone: no drivers, lines, amplifiers or neurons",
        conditions=conditions,
        provenance=provenance,
        note="" if measured else "No event passed, or the projection was given no EventEnergy.",
    )


def volatile_cycles(result: SpikingResult, projection: str) -> KPI:
    """network.volatile_cycles: equivalent full loadings of each device of a projection in the run (wear)."""
    cycles = np.asarray(result.kept(projection, "cycles"), np.float64)
    return KPI(
        name="network.volatile_cycles",
        value=float(np.mean(cycles)),
        unit="1",
        definition="integrated loading of a device's volatile state, in full loadings; mean over the projection",
        spread=percentiles(cycles),
        n=int(cycles.size),
        boundary=f"projection {projection}",
        conditions=_conditions(result),
    )


def run_kpis(result: SpikingResult, *, provenance: Provenance = ()) -> list[KPI]:
    """All KPIs that a run holds."""
    found: list[KPI] = [firing_rate(result, name) for name in result.spikes]
    known = [name for name, energy in result.neurons.items() if math.isfinite(energy)]
    found += [energy_per_spike(result, name, provenance=provenance) for name in known]
    for projection in result.network.projections:
        found.append(synaptic_events(result, projection.name))
        if projection.energy is not None:
            found.append(energy_per_event(result, projection.name, provenance=provenance))
        if "cycles" in result.fields[projection.name]:
            found.append(volatile_cycles(result, projection.name))
    return found


def _conditions(result: SpikingResult) -> dict[str, str]:
    return {
        "from": engineering(result.start, "s") if result.start else "rest",
        "duration": engineering(result.duration, "s"),
        "step": engineering(result.network.dt, "s"),
        "engine": result.engine,
        "precision": np.dtype(result.dtype).name,
    }
