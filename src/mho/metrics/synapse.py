"""Figures of an ECRAM synapse: resistance per spike, facilitation, recovery, paired pulses, energy per event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mho.circuits.synapses.train import SynapticTrain, stimulate
from mho.metrics.circuit import RECONSTRUCTION
from mho.metrics.kpi import KPI

TRAIN = 26  # spikes in every train that is sent, so that all share one program
SPIKES = 11  # ten in a train, and one probe after a silence
_FILL = 1e-5 * np.arange(1, TRAIN - SPIKES + 1)  # [s] what follows the probe only fills the train


@dataclass(frozen=True)
class Facilitation:
    """Trains of ten spikes at several rates, each followed by one probe after several silences.

    Args:
        rates: Presynaptic rates [Hz].
        silences: Time from the train's last spike to the probe [s].
        ratio: Charge of each spike over the first's, shape (rates, 10) [1].
        resistance: Channel resistance after each spike, shape (rates, 10) [ohm].
        recovery: Charge of the probe over the first spike's, shape (rates, silences) [1].
        train: Everything that was measured.
    """

    rates: np.ndarray
    silences: np.ndarray
    ratio: np.ndarray
    resistance: np.ndarray
    recovery: np.ndarray
    train: SynapticTrain


def facilitation(
    synapse: Any,
    rates: ArrayLike = (10.0, 50.0, 200.0, 1e3, 5e3, 20e3),
    silences: ArrayLike = (2e-3, 10e-3, 30e-3, 100e-3, 300e-3),
) -> Facilitation:
    """Facilitation at several rates, and what is left of it after several silences (in the circuit, membrane held).

    Args:
        synapse: The synapse.
        rates: Presynaptic rates [Hz].
        silences: Times from the last spike of the train to the probe [s].
    """
    rates, silences = np.asarray(rates, np.float64), np.asarray(silences, np.float64)
    starts = []
    for rate in rates:
        train = 1e-6 + np.arange(SPIKES - 1) / rate
        starts += [np.concatenate([train, train[-1] + silence + np.append(0.0, _FILL)]) for silence in silences]
    done = stimulate(synapse, np.array(starts))
    shape = (len(rates), len(silences), TRAIN)
    ratio = done.facilitation.reshape(shape)[..., :SPIKES]
    resistance = done.after.reshape(shape)[:, 0, : SPIKES - 1]
    return Facilitation(rates, silences, ratio[:, 0, :-1], resistance, ratio[:, :, -1], done)


def paired_pulse(synapse: Any, intervals: ArrayLike) -> np.ndarray:
    """Charge of the second of two spikes over the first's, at each interval from start to start [s]."""
    intervals = np.asarray(intervals, np.float64)
    rest = intervals[:, None] + 1e-5 * np.arange(1, TRAIN - 1)  # spikes that only fill the train
    starts = 1e-6 + np.concatenate([0 * intervals[:, None], intervals[:, None], rest], axis=1)
    return stimulate(synapse, starts).facilitation[:, 1]


def facilitation_ratio(found: Facilitation) -> KPI:
    """KPI circuit.facilitation_ratio: charge of the tenth spike over the first's at each rate."""
    text = ", ".join(f"{x:g} Hz" for x in found.rates)
    return KPI(
        "circuit.facilitation_ratio",
        [float(x) for x in found.ratio[:, -1]],
        "1",
        definition="charge of the tenth spike of a train into the membrane over that of the first",
        boundary="one synapse with its gate driver and mirror into a held membrane; no neuron",
        spread={
            "low": float(found.recovery.min()),
            "high": float(found.recovery.max()),
            "kind": "probe after a silence, all rates",
        },
        failures=found.train.failures,
        conditions={"rates": text, "spike": "1 V, 200 ns", "membrane": "held at 0 V"},
        provenance=RECONSTRUCTION,
        note="the read is source-degenerated: about half of the channel's relative change reaches the current",
    )


def resistance_per_spike(train: SynapticTrain, *, device_step: float) -> KPI:
    """KPI circuit.transient_resistance_per_spike: the channel's change by the first spike, measured inside the circuit.

    Args:
        train: Any train of the synapse from rest.
        device_step: The same on the device floor (its reference pulse), as a fall [ohm].
    """
    steps = -train.step[:, 0]
    value = float(np.mean(steps))
    return KPI(
        "circuit.transient_resistance_per_spike",
        value,
        "ohm",
        definition="fall of the channel resistance by the first spike from rest, as the circuit left the device",
        boundary="the channel of the device inside the synapse, without switch, mirror and leads",
        n=len(steps),
        failures=train.failures,
        conditions={"spike": "1 V, 200 ns", "device floor": f"{device_step:.1f} ohm"},
        provenance=RECONSTRUCTION,
        note=f"differs from the device floor by {100 * (value / device_step - 1):+.2f} %; "
        "the gate driver's supply is a design value solved for this",
    )


def synaptic_event(train: SynapticTrain) -> KPI:
    """KPI circuit.energy_per_synaptic_event: mirror supply, gate driver and spike source of one event."""
    each = train.energies["read"] + train.energies["gate"] + train.energies["input"]
    gate = float(np.nanmean(train.energies["gate"]))
    drivers = float(np.nanmean(train.energies["drivers"]))
    return KPI(
        "circuit.energy_per_synaptic_event",
        float(np.nanmean(each[:, 0])),
        "J",
        definition="energy supplied while the gate is driven, first spike of a train",
        spread={"low": float(np.nanmin(each)), "high": float(np.nanmax(each)), "kind": "over spikes and rates"},
        n=int(each.shape[0]),
        failures=train.failures,
        boundary="channel read with mirror, gate driver, gate charge; not leakage between events, nor making the spike",
        conditions={"supply": "1.0 V", "spike": "1 V, 200 ns"},
        provenance=RECONSTRUCTION,
        note=f"channel read {np.nanmean(train.energies['read']) * 1e12:.3f} pJ, "
        f"gate {1e12 * (gate - drivers):.3f} pJ, drivers {1e12 * drivers:.3f} pJ",
    )
