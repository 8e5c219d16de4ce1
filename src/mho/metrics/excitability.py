"""Figures of excitability modulation: how an ECRAM inside a neuron changes its rate in a train, and how that fades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import ArrayLike

from mho.circuits.neurons.bench import ECRAM, bench, run
from mho.circuits.neurons.neuron import AbstractNeuron
from mho.circuits.neurons.observation import Firing
from mho.circuits.synapses.train import channel_resistance
from mho.core.errors import InputError
from mho.core.results import Status
from mho.metrics.circuit import RECONSTRUCTION
from mho.metrics.kpi import KPI


@dataclass(frozen=True)
class Modulation:
    """One sign of excitability modulation. Arrays over spikes have shape (silences, spikes), NaN padded.

    Args:
        silences: Time without input between train and probe [s].
        times: Spike times [s].
        before: First interval of the train [s].
        during: Last interval of the train [s].
        after: First full interval of the probe, one per silence [s].
        resistance: Channel resistance after each spike [ohm].
        step: Change of the channel resistance by the first spike [ohm].
        train_spikes: Spikes in the train.
        runaways: Samples that filled their spike buffer: they fire on without input.
    """

    silences: np.ndarray
    times: np.ndarray
    before: float
    during: float
    after: np.ndarray
    resistance: np.ndarray
    step: float
    train_spikes: int
    runaways: int

    @property
    def change(self) -> float:
        """Rate at the train's end over that at its begin, less 1."""
        return self.before / self.during - 1.0


def excitability(
    neuron: AbstractNeuron,
    *,
    current: float = 20e-9,
    train: float = 120e-6,
    probe: float = 40e-6,
    silences: ArrayLike = (2e-3, 10e-3, 30e-3, 100e-3, 300e-3),
) -> dict[int, Modulation]:
    """A train, a silence and a probe, with the neuron's ECRAM and with its polarity reversed.

    Args:
        neuron: The neuron with its ECRAM.
        current: Input during train and probe [A].
        train: Length of the train [s].
        probe: Length of the probe [s].
        silences: Times between them [s].

    Returns:
        By polarity of the device, +1 and -1.

    Raises:
        InputError: If the neuron has no ECRAM or does not fire twice in train and probe.
    """
    if neuron.excitability is None:
        raise InputError(f"{type(neuron).__name__} has no ECRAM inside. Give it excitability=Excitability(device).")
    silences = np.asarray(silences, np.float64)
    polarity = np.repeat([1.0, -1.0], len(silences))
    quiet = np.tile(silences, 2)
    begin = 1e-6
    windows = ((begin, begin + train), (begin + train + quiet, begin + train + quiet + probe))
    both = with_polarity(neuron, polarity)
    circuit = bench(both, current=np.full(len(quiet), current), windows=windows)
    names = tuple(f"{ECRAM}.{s}" for s in circuit[ECRAM].state_names())
    firing = run(circuit, float(windows[1][1].max()) + 1e-6)
    found = {}
    for sign in (1, -1):
        rows = np.flatnonzero(polarity == sign)
        found[sign] = _modulation(firing, rows, silences, begin + train, with_polarity(neuron, float(sign)), names)
    return found


def with_polarity(neuron: AbstractNeuron, polarity: Any) -> AbstractNeuron:
    """The neuron with the polarity of its ECRAM set; a number or one per sample."""
    return eqx.tree_at(lambda n: n.excitability.device.polarity, neuron, np.asarray(polarity, np.float64))


def _modulation(
    firing: Firing, rows: np.ndarray, silences: np.ndarray, end: float, neuron: Any, names: tuple[str, ...]
) -> Modulation:
    times = firing.times[rows]
    first = times[0][times[0] < end]
    if len(first) < 3:
        raise InputError(
            f"The neuron fired {len(first)} times in the train; it must fire three times. Raise current or train."
        )
    after = np.full(len(rows), np.nan)
    for k, row in enumerate(times):
        late = row[row > end + 0.5 * silences[k]]
        if len(late) >= 2:
            after[k] = late[1] - late[0]
    read = times + firing.widths[rows] + 60e-9  # the gate pulse is over, nothing has relaxed
    grid = np.concatenate([times[:, :1] - 60e-9, read], axis=1)
    device = jax.tree.map(lambda x: x, neuron.excitability.device)
    values = [np.stack([firing.at(int(r), name, grid[k]) for k, r in enumerate(rows)]) for name in names]
    r = channel_resistance(device, tuple(name.rsplit(".", 1)[1] for name in names), values)
    r = np.where(np.isfinite(grid), r, np.nan)
    return Modulation(
        silences=silences,
        times=times,
        before=float(first[1] - first[0]),
        during=float(first[-1] - first[-2]),
        after=after,
        resistance=r[:, 1:],
        step=float(r[0, 1] - r[0, 0]),
        train_spikes=len(first),
        runaways=int(np.sum(firing.status[rows] == Status.EVENTS_FULL)),
    )


def excitability_change(found: dict[int, Modulation]) -> KPI:
    """KPI circuit.excitability_change: relative change of the rate over a train, both signs."""
    up, down = found[1], found[-1]
    left = [1.0 - (m.before - m.after) / (m.before - m.during) for m in (up, down)]
    text = "; ".join(
        f"{1e3 * s:g} ms: {100 * (1 - a):.0f} % / {100 * (1 - b):.0f} %"
        for s, a, b in zip(up.silences, *left, strict=True)
    )
    return KPI(
        "circuit.excitability_change",
        [up.change, down.change],
        "1",
        definition="last instantaneous rate of a train over its first, less 1; polarity +1 and -1 of the same device",
        n=2,
        failures=_failures(up, down),
        boundary="one neuron whose own spikes drive the gate of its ECRAM, at a constant input current",
        conditions={
            "spikes in the train": f"{up.train_spikes} and {down.train_spikes}",
            "channel, first spike": f"{up.step:+.0f} and {down.step:+.0f} ohm",
        },
        provenance=RECONSTRUCTION,
        note=f"share of the interval's change that is left after a silence, +1 / -1: {text}",
    )


def _failures(*found: Modulation) -> dict[str, int]:
    """Samples that ran away, and probes that did not fire twice."""
    wild = sum(m.runaways for m in found)
    silent = sum(int(np.sum(~np.isfinite(m.after))) for m in found) - wild
    return {name: n for name, n in ((Status.RUNAWAY.name, wild), ("NO_PROBE_SPIKES", silent)) if n > 0}
