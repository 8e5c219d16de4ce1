"""Runs neuron circuits in batches of one fixed shape, so that every sweep of a topology shares one compiled program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.circuits.kinds import is_neutral
from mho.circuits.ledger import Detail
from mho.circuits.memristive import Memristive
from mho.circuits.netlist import Circuit
from mho.circuits.neurons.neuron import SETTLED, SPIKE
from mho.circuits.options import Crossing, Options
from mho.circuits.transient import transient
from mho.circuits.waveforms import Run, widths
from mho.core.results import Status, failures

WIDEST = 128  # samples in a run at most: beyond, an iteration costs as much more as it does more


@dataclass(frozen=True)
class Firing:
    """What a batch of neurons did. Arrays have one row per sample; NaN where there are no more spikes.

    Args:
        times: Rising crossings of the spike node [s].
        widths: Width of each spike [s].
        energies: Energy up to each rising crossing, by source or ledger group [J].
        supplied: Total energy of each source over the run [J].
        imbalance: Supplied less dissipated and stored energy, relative; NaN where only supplies are kept.
        status: How each sample ended.
        runs: The analyses behind, in order, each of as many samples as it had lanes.
        lanes: Samples per run.
        others: Times of the other crossings that were asked for [s].
    """

    times: np.ndarray
    widths: np.ndarray
    energies: Mapping[str, np.ndarray]
    supplied: Mapping[str, np.ndarray]
    imbalance: np.ndarray
    status: np.ndarray
    runs: tuple[Run, ...]
    lanes: int
    others: tuple[np.ndarray, ...] = ()

    @property
    def counts(self) -> np.ndarray:
        """Spikes of each sample."""
        return np.sum(np.isfinite(self.times), axis=1)

    @property
    def intervals(self) -> np.ndarray:
        """Inter-spike intervals [s]."""
        return np.diff(self.times, axis=1)

    @property
    def failures(self) -> dict[str, int]:
        """Failed samples by reason."""
        return failures(self.status)

    def per_spike(self, name: str) -> np.ndarray:
        """Energy between successive spikes, by a source or in a group [J]; zeros if there is none such."""
        found = [x for key, x in self.energies.items() if key == name or key.startswith(f"{name}.")]
        return np.diff(np.sum(found, axis=0), axis=1) if found else np.zeros_like(self.intervals)

    @property
    def settled_rate(self) -> np.ndarray:
        """Inverse of the mean of each sample's intervals after the first (the only one of two spikes), else 0 [Hz]."""
        rates = np.zeros(len(self.times))
        for k, row in enumerate(self.intervals):
            row = row[np.isfinite(row)]
            if len(row):
                rates[k] = 1.0 / np.mean(row[1:] if len(row) > 1 else row)
        return rates

    @property
    def settled_width(self) -> np.ndarray:
        """Median width of each sample's spikes after the first, NaN if there are none [s]."""
        return np.array([np.median(x[np.isfinite(x)]) if np.isfinite(x).any() else np.nan for x in self.widths[:, 1:]])

    def settled_energy(self, *names: str) -> np.ndarray:
        """Mean energy between spikes after the first, by sources or in groups; NaN with fewer than three spikes [J]."""
        each = sum((self.per_spike(name) for name in names), start=np.zeros_like(self.intervals))[:, 1:]
        return np.array([np.mean(x[np.isfinite(x)]) if np.isfinite(x).any() else np.nan for x in each])

    def at(self, sample: int, name: str, t: Any) -> np.ndarray:
        """Waveform of a saved node or state of one sample at times `t`."""
        run = self.runs[sample // self.lanes]
        return run.points[sample % self.lanes].at(run.saved.index(name), np.asarray(t, np.float64))


def observe(
    circuit: Circuit,
    stop: float,
    *,
    lanes: int = 16,
    save: Sequence[str] = (),
    spikes: int = 64,
    v_spike: float = 0.5,
    options: Options | None = None,
    threads: int = 1,
    others: Sequence[Crossing] = (),
) -> Firing:
    """Simulate a neuron circuit or a population of it and note its spikes.

    A sample that reaches `spikes` spikes is stopped there; runs are padded to `lanes` samples, so that the number of
    samples never compiles anything anew.

    Args:
        circuit: One circuit or a population.
        stop: End [s].
        lanes: Samples per run, `WIDEST` at most.
        save: Nodes and states whose waveforms are wanted.
        spikes: Most spikes of one sample; more end it with EVENTS_FULL.
        v_spike: Level at which the spike node counts as spiking [V].
        options: Accuracy; the engine's defaults if None.
        threads: Runs side by side, where the samples fill more than one.
        others: Crossings wanted besides those of the spike node.
    """
    # Waveforms go through a small buffer: it is copied in every iteration.
    options = options or Options(max_events=spikes, max_points=64, ledger=Detail.ELEMENTS)
    crossings = (*(Crossing(SPIKE, v_spike, rising=up, after=SETTLED) for up in (True, False)), *others)
    count, lanes = circuit.samples or 1, min(lanes, WIDEST)

    def one(begin: int) -> Run:
        share = np.minimum(np.arange(begin, begin + lanes), count - 1)
        part = spread(circuit, share)
        return transient(part, stop, crossings=crossings, save=save, options=options, throw=False)

    begins = list(range(0, count, lanes))
    runs = [one(begins[0])]  # the first compiles
    with ThreadPoolExecutor(threads) as pool:
        runs += pool.map(one, begins[1:])
    kept = [min(lanes, count - begin) for begin in range(0, count, lanes)]
    return _joined(runs, kept, lanes)


def spread(circuit: Circuit, samples: np.ndarray) -> Circuit:
    """The circuit with a batch axis on every number that the program does not compile in."""

    def row(x: Any) -> Any:
        x = np.asarray(x, np.float64)
        return np.broadcast_to(x, samples.shape) if x.ndim == 0 else x[samples]

    def wide(element: Any) -> Any:
        kept = isinstance(element, Memristive)
        return jax.tree.map(
            lambda x: x if not eqx.is_inexact_array_like(x) or (kept and is_neutral(x)) else row(x), element
        )

    parts = {name: wide(element) for name, element in circuit.items()}
    return Circuit(
        parts,
        {k: row(v) for k, v in circuit.initial.items()},
        temperature=circuit.temperature,
        scale=dict(circuit.scale),
    )


def _joined(runs: list[Run], kept: list[int], lanes: int) -> Firing:
    most = max(r.crossings[0].times.shape[1] for r in runs)

    def table(rows: Sequence[np.ndarray], most: int = most) -> np.ndarray:
        out = [np.full((n, most), np.nan) for n in kept]
        for o, x in zip(out, rows, strict=True):
            o[:, : min(most, x.shape[1])] = x[: len(o), :most]
        return np.concatenate(out)

    def total(rows: Sequence[Any]) -> np.ndarray:
        return np.concatenate([np.broadcast_to(x, (lanes,))[:n] for x, n in zip(rows, kept, strict=True)])

    first = runs[0].crossings[0].accounts
    names = [name for kind, name in first if kind != "charge"]
    kinds = {name: kind for kind, name in first if kind != "charge"}
    return Firing(
        times=table([r.crossings[0].times for r in runs]),
        widths=table([widths(r.crossings[0], r.crossings[1]) for r in runs]),
        energies={n: table([r.crossings[0].accounts[kinds[n], n] for r in runs]) for n in names},
        supplied={n: total([r.ledger.supplies[n] for r in runs]) for n in runs[0].ledger.supplies},
        imbalance=total([r.ledger.imbalance if r.ledger.dissipation else np.nan for r in runs]),
        status=total([r.status for r in runs]).astype(int),
        runs=tuple(runs),
        lanes=lanes,
        others=tuple(
            table([r.crossings[k].times for r in runs], max(r.crossings[k].times.shape[1] for r in runs))
            for k in range(2, len(runs[0].crossings))
        ),
    )


def runaway(firing: Firing, shortest: Any) -> np.ndarray:
    """Status of each sample; those that filled their events at intervals below `shortest` [s] are RUNAWAY."""
    last = np.array([x[np.isfinite(x)][-1] if np.isfinite(x).any() else np.inf for x in firing.intervals])
    stopped = np.isin(firing.status, [Status.EVENTS_FULL, Status.MAX_ITERATIONS])
    return np.where(stopped & (last < shortest), int(Status.RUNAWAY), firing.status)
