"""Figures of a neuron circuit: f-I curve, spike width, energy per spike by part and boundary, spread over samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import ArrayLike

from mho.circuits.mismatch import mismatch
from mho.circuits.neurons.bench import bench, driven
from mho.circuits.neurons.neuron import AbstractNeuron
from mho.circuits.neurons.observation import Firing, observe
from mho.circuits.waves import PWL, PulseWave
from mho.core.errors import InputError
from mho.core.results import Status
from mho.core.sampling import Spread, sample
from mho.metrics.kpi import KPI, percentiles

_MANY = 128  # samples in a run of a population: an iteration costs hardly more for many than for few
RECONSTRUCTION = (
    {"source": "mho", "where": "reference design (reconstruction): sizes, biases, supply, process", "how": "assumed"},
    {"source": "currie2026", "where": "abstract: about 2 pJ per spike, 1.5 kOhm per spike", "how": "stated"},
)
PARTS: Mapping[str, tuple[str, ...]] = {
    "membrane": ("membrane", "leak", "feedback"),
    "threshold": ("threshold",),
    "delay": ("delay",),
}
_EVERYTHING = ("supply", "bias", "drive")  # all sources
_ALONE = "neuron alone: its supplies and the charge from its input; without bias generation, wiring and synapses"


@dataclass(frozen=True)
class FICurve:
    """Firing rate over input current.

    Args:
        current: Input [A].
        rate: Firing rate over the last intervals, 0 where fewer than two spikes came [Hz].
        energy: Energy per spike, supplies and input charge [J].
        width: Spike width [s].
        status: How each run ended; EVENTS_FULL is the wanted end of a neuron that fires.
    """

    current: np.ndarray
    rate: np.ndarray
    energy: np.ndarray
    width: np.ndarray
    status: np.ndarray


@dataclass(frozen=True)
class WidthCurve:
    """Spike width over the delay control voltage (`v_delay` [V], `width` [s], `status` of each run)."""

    v_delay: np.ndarray
    width: np.ndarray
    status: np.ndarray


def f_i_curve(neuron: AbstractNeuron, currents: ArrayLike, *, stop: float = 5e-3, spikes: int = 16) -> FICurve:
    """Rate, energy and width at each input current; each runs until it has fired `spikes` times or to `stop` [s].

    Args:
        neuron: The neuron, without ECRAM for a static curve.
        currents: Input currents [A].
        stop: Longest time [s].
        spikes: Spikes that suffice.
    """
    currents = np.asarray(currents, np.float64)
    firing = driven(neuron, currents, stop, spikes=spikes)
    energy = firing.settled_energy(*_EVERYTHING)
    return FICurve(currents, firing.settled_rate, energy, firing.settled_width, firing.status)


def pulse_widths(
    neuron: AbstractNeuron, v_delays: ArrayLike, *, current: float = 20e-9, stop: float = 5e-4
) -> WidthCurve:
    """Spike width at each delay control voltage; each neuron runs until it has fired 16 times.

    Args:
        neuron: A neuron with a field `v_delay`.
        v_delays: Control voltages [V].
        current: Input current [A].
        stop: Longest time [s].

    Raises:
        InputError: If the neuron has no delay control.
    """
    if not hasattr(neuron, "v_delay"):
        raise InputError(
            f"{type(neuron).__name__} has no delay control voltage. Use DelayFeedbackLIF or ComparatorLIF."
        )
    v = np.asarray(v_delays, np.float64)
    firing = driven(eqx.tree_at(lambda n: n.v_delay, neuron, v), np.full(len(v), current), stop)
    return WidthCurve(v, firing.settled_width, firing.status)


def pulse_width(curve: WidthCurve, *, v_delay: float) -> KPI:
    """KPI circuit.pulse_width: width at the reference control, and the range over which the control tunes it."""
    good = np.isfinite(curve.width)
    value = float(np.exp(np.interp(v_delay, curve.v_delay[good], np.log(curve.width[good]))))
    low, high = float(np.min(curve.width[good])), float(np.max(curve.width[good]))
    span = f"range tuned by v_delay {np.min(curve.v_delay[good]):.2f} to {np.max(curve.v_delay[good]):.2f} V"
    return KPI(
        "circuit.pulse_width",
        value,
        "s",
        definition="time that the spike node spends above half the supply, median over spikes in steady firing",
        spread={"low": low, "high": high, "kind": span},
        n=int(good.sum()),
        failures={} if good.all() else {"NO_SPIKE": int((~good).sum())},
        boundary="the spike node of the neuron alone, without the load of a long wire",
        conditions={"v_delay": f"{v_delay:.3f} V", "temperature": "27 C"},
        provenance=RECONSTRUCTION,
        note="below about 100 ns the spike is truncated and the reset incomplete",
    )


def energy_split(firing: Firing, sample: int = 0) -> dict[str, float]:
    """Energy of one spike by part, mean over intervals after the first [J].

    Dissipation of each ledger group between two spikes; the ECRAM in the neuron counts as reset (channel), gate drive
    (what the buffer delivers to the gate) and drivers (what the buffer dissipates). The same for a synapse, whose
    channel, switch and mirror are the channel read.
    """

    def mean(name: str) -> float:
        return float(np.nanmean(firing.per_spike(name)[sample, 1:]))

    split = {part: sum(mean(g) for g in groups) for part, groups in PARTS.items()}
    gate = mean("supply.gate") - mean("excitability_driver")
    synaptic = mean("supply.synapse_gate") - mean("synapse_driver")
    split["reset"] = mean("reset") + mean("excitability") - gate
    split["channel read"] = mean("synapse_read") + mean("synapse") - synaptic
    split["gate drive"] = gate + synaptic
    split["drivers"] = mean("excitability_driver") + mean("synapse_driver")
    return split


@dataclass(frozen=True)
class SpikeEnergy:
    """Energy of a spike with three accounting boundaries.

    Args:
        alone: The neuron alone: supplies and input charge [J].
        event: One synaptic event: mirror supply and gate driver [J].
        with_event: The neuron's supplies with one synaptic event in place of its input charge [J].
        all_events: Everything supplied between two output spikes of a neuron driven by its synapse [J].
        events: Presynaptic spikes per output spike in that case [1].
        split: By boundary, energy by part [J].
        imbalance: Largest imbalance of the energy books, supplied against dissipated and stored [1].
    """

    alone: float
    event: float
    with_event: float
    all_events: float
    events: float
    split: Mapping[str, Mapping[str, float]]
    imbalance: float


def energy_per_spike(
    neuron: AbstractNeuron, synapse: Any, event: float, *, current: float = 20e-9, period: float = 4e-6
) -> SpikeEnergy:
    """Energy per spike of a neuron with an ECRAM inside, at a constant current and when its synapse drives it.

    Args:
        neuron: The neuron.
        synapse: Its synapse.
        event: Energy of one synaptic event, from :func:`mho.metrics.synapse.synaptic_event` [J].
        current: Reference input [A].
        period: Of the presynaptic spikes [s].
    """
    level = np.array([current, 0.0])
    circuit = neuron.circuit(
        current=PWL((1e-6, 1.01e-6), (0.0 * level, level)),
        synapse=synapse,
        spikes=PulseWave(0.0, np.array([0.0, 1.0]), 1e-6, 1e-9, 1e-9, 200e-9, period),
    )
    firing = observe(circuit, 1.2e-4, lanes=2, spikes=16)
    if firing.counts.min() < 3:
        raise InputError(
            f"The neuron fired {firing.counts.tolist()} times; an energy per spike needs three. "
            "Raise current or lower period."
        )
    own = _supplied(firing, "supply.core", "supply.delay", "supply.gate")
    alone = float(np.nanmean((own + firing.per_spike("drive.current"))[0, 1:]))
    everything = float(firing.settled_energy(*_EVERYTHING)[1])
    intervals = firing.intervals[1, 1:]
    return SpikeEnergy(
        alone=alone,
        event=event,
        with_event=float(np.nanmean(own[0, 1:])) + event,
        all_events=everything,
        events=float(np.nanmean(intervals) / period),
        split={"neuron alone": energy_split(firing, 0), "with all synaptic events": energy_split(firing, 1)},
        imbalance=float(np.max(np.abs(firing.imbalance))),
    )


def energy_kpi(energy: SpikeEnergy, population: Population | None = None) -> KPI:
    """KPI circuit.energy_per_spike, with the spread of a population where there is one."""
    note = (
        f"with one synaptic event {energy.with_event * 1e12:.2f} pJ; with all {energy.events:.1f} synaptic events "
        f"that lead to a spike {energy.all_events * 1e12:.2f} pJ; energy books balance to {energy.imbalance:.1e}"
    )
    return KPI(
        "circuit.energy_per_spike",
        energy.alone,
        "J",
        definition="energy supplied between two spikes in steady firing at the reference input",
        spread=None if population is None else percentiles(population.energy),
        n=1 if population is None else len(population.energy),
        failures={} if population is None else population.failures,
        boundary=_ALONE,
        conditions={"supply": "1.0 V", "input": "20 nA", "temperature": "27 C"},
        provenance=RECONSTRUCTION,
        note=note,
    )


@dataclass(frozen=True)
class Population:
    """A population of neurons with mismatch; NaN where a neuron failed or fired fewer than three times.

    Args:
        energy: Energy per spike, neuron alone [J].
        width: Spike width [s].
        rate: Rate over the last interval [Hz].
        change: Last interval over the first, less 1: excitability modulation [1].
        failures: Neurons by reason of failure.
        seconds: Wall time of running, without compiling [s].
    """

    energy: np.ndarray
    width: np.ndarray
    rate: np.ndarray
    change: np.ndarray
    failures: Mapping[str, int]
    seconds: float


def population(
    neuron: AbstractNeuron,
    *spreads: Spread,
    n: int = 1000,
    key: jax.Array,
    current: float = 20e-9,
    duration: float = 6.5e-5,
    threads: int = 2,
) -> Population:
    """Monte Carlo over neurons: transistor mismatch (Pelgrom) and whatever else `spreads` varies.

    Args:
        neuron: The nominal neuron.
        *spreads: Of the circuit's fields, for example
            ``*parameters.spreads(of=lambda c: c["excitability.ecram"].device)``.
        n: Neurons.
        key: JAX random key.
        current: Input [A].
        duration: Time that each is given [s].
        threads: Runs side by side.
    """
    nominal = bench(neuron, current=current, windows=((1e-6, duration), (1.1, 1.2)))
    circuits = sample(nominal, *mismatch(nominal), *spreads, n=n, key=key)
    firing = observe(circuits, duration, lanes=_MANY, spikes=16, threads=threads)
    fires = firing.counts >= 3
    blank = np.where(fires, 1.0, np.nan)
    with np.errstate(invalid="ignore"):
        change = blank * (_last(firing.intervals) / firing.intervals[:, 0] - 1.0)
    bad = {k: v for k, v in firing.failures.items() if k != Status.EVENTS_FULL.name}
    if not fires.all():
        bad["NO_SPIKES"] = int((~fires).sum())
    return Population(
        energy=blank * firing.settled_energy("supply.core", "supply.delay", "supply.gate", "drive.current"),
        width=blank * firing.settled_width,
        rate=blank / _last(firing.intervals),
        change=change,
        failures=bad,
        seconds=sum(r.seconds for r in firing.runs),
    )


def _supplied(firing: Firing, *names: str) -> np.ndarray:
    """Energy that sources deliver between spikes [J]."""
    return sum((firing.per_spike(name) for name in names), start=np.zeros_like(firing.intervals))


def _last(x: np.ndarray) -> np.ndarray:
    return np.array([row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.nan for row in x])
