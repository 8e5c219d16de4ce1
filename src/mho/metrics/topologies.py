"""Neuron topologies side by side: rate, width, energy, and what the ECRAM does in each."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np

from mho.circuits.neurons.bench import SPIKES, bench, run
from mho.circuits.neurons.neuron import AbstractNeuron
from mho.circuits.neurons.observation import Firing
from mho.circuits.synapses.train import stimulate
from mho.core.errors import InputError
from mho.core.results import Status
from mho.metrics.circuit import RECONSTRUCTION, energy_split
from mho.metrics.kpi import KPI
from mho.metrics.synapse import TRAIN

_OFF = 1e-9  # efficacy of a device whose effect is switched off for comparison
_COMPARED = 6  # intervals over which topologies are compared, so that each has seen as many spikes


@dataclass(frozen=True)
class Topology:
    """What one topology does.

    Args:
        name: Registry name.
        where: Where the ECRAM sits in it, and why there.
        rate: Rate at the constant reference current, ECRAM without effect [Hz].
        width: Spike width [s].
        energy: Energy per spike, supplies and input charge [J].
        split: The same by part [J].
        adaptation: Change of the interval over six intervals, polarity +1 [1].
        sensitisation: The same, polarity -1 [1].
        plain_spikes: Output spikes for a train of presynaptic spikes, synapse without facilitation.
        facilitated_spikes: The same with facilitation.
        plain_time: Mean time per output spike in that train, without facilitation [s].
        facilitated_time: The same with facilitation [s].
        failures: Runs that failed, by reason.
    """

    name: str
    where: str
    rate: float
    width: float
    energy: float
    split: Mapping[str, float]
    adaptation: float
    sensitisation: float
    plain_spikes: int
    facilitated_spikes: int
    plain_time: float
    facilitated_time: float
    failures: Mapping[str, int]


def topologies(
    neurons: Mapping[str, AbstractNeuron],
    synapse: Any,
    *,
    current: float = 20e-9,
    period: float = 4e-6,
    copies: float = 2.0,
    threads: int = 2,
) -> dict[str, Topology]:
    """Run every neuron with the same current and with the same train through the same synapse.

    Args:
        neurons: Neurons by name, each with its ECRAM inside.
        synapse: The facilitating synapse; its charges are measured in its circuit, with the membrane held.
        current: Reference current [A].
        period: Of the presynaptic train [s].
        copies: Equal synapses that fire together.
        threads: Topologies that are compiled and run side by side.
    """
    starts = 1e-6 + period * np.arange(TRAIN)
    charges = copies * stimulate(synapse, starts).charge[0, :SPIKES]
    with ThreadPoolExecutor(threads) as pool:
        runs = {
            name: pool.submit(topology, name, neuron, charges, current=current, period=period)
            for name, neuron in neurons.items()
        }
        return {name: r.result() for name, r in runs.items()}


def topology(
    name: str, neuron: AbstractNeuron, charges: np.ndarray, *, current: float = 20e-9, period: float = 4e-6
) -> Topology:
    """One topology; see :func:`topologies`. `charges` are those of each presynaptic spike [C]."""
    if neuron.excitability is None:
        raise InputError(f"{type(neuron).__name__} has no ECRAM inside. Give it excitability=Excitability(device).")
    u = float(neuron.excitability.device.efficacy)
    # Samples: ECRAM without effect, polarity +1, polarity -1, then a train without and with facilitation.
    neuron = eqx.tree_at(
        lambda n: (n.excitability.device.polarity, n.excitability.device.efficacy),
        neuron,
        (np.array([1.0, 1.0, -1.0, 1.0, 1.0]), np.array([_OFF, u, u, _OFF, _OFF])),
    )
    silent = np.zeros(SPIKES)
    circuit = bench(
        neuron,
        current=np.array([current, current, current, 0.0, 0.0]),
        windows=((1e-6, 4e-4), (1.1, 1.2)),
        period=period,
        charges=np.stack([silent, silent, silent, np.full(SPIKES, charges[0]), charges]),
    )
    return _judged(name, neuron, run(circuit, 4e-4))


def _judged(name: str, neuron: AbstractNeuron, firing: Firing) -> Topology:
    intervals = firing.intervals
    supplies = sum((firing.per_spike(s) for s in ("supply", "bias", "drive")), start=np.zeros_like(intervals))
    change = intervals[:, min(_COMPARED, intervals.shape[1]) - 1] / intervals[:, 0] - 1.0
    reached = firing.counts
    failures = {k: v for k, v in firing.failures.items() if k != Status.EVENTS_FULL.name}
    return Topology(
        name=name,
        where=neuron.where(),
        rate=float(1.0 / np.nanmean(intervals[0, 1:])),
        width=float(np.nanmedian(firing.widths[0, 1:])),
        energy=float(np.nanmean(supplies[0, 1:])),
        split=energy_split(firing, 0),
        adaptation=float(change[1]),
        sensitisation=float(change[2]),
        plain_spikes=int(reached[3]),
        facilitated_spikes=int(reached[4]),
        plain_time=_time_per_spike(firing.times[3]),
        facilitated_time=_time_per_spike(firing.times[4]),
        failures=failures,
    )


def _time_per_spike(times: np.ndarray) -> float:
    times = times[np.isfinite(times)]
    return float((times[-1] - 1e-6) / len(times)) if len(times) else float("inf")


def topologies_kpi(found: Mapping[str, Topology]) -> KPI:
    """KPI circuit.topologies: energy per spike of each topology, with what the ECRAM does in it."""
    effects = "; ".join(
        f"{t.name}: intervals {100 * t.adaptation:+.1f} % / {100 * t.sensitisation:+.1f} %, "
        f"output spikes {t.plain_spikes} -> {t.facilitated_spikes}"
        for t in found.values()
    )
    failures: dict[str, int] = {}
    for t in found.values():
        failures |= {k: failures.get(k, 0) + n for k, n in t.failures.items()}
    return KPI(
        "circuit.topologies",
        [t.energy for t in found.values()],
        "J",
        definition=f"energy per spike of {', '.join(found)}, in this order",
        n=len(found),
        failures=failures,
        boundary="neuron with its ECRAM and gate driver, and its input's charge; without bias generation and synapses",
        conditions={"input": "20 nA", "supply": "1.0 V", "temperature": "27 C"},
        provenance=RECONSTRUCTION,
        note=f"change of the interval over {_COMPARED} intervals for polarity +1 / -1, and facilitation: {effects}",
    )
