"""The benches that designs are measured on: a driven neuron, a synapse on a held membrane, both together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.circuits.design.subject import Subject
from mho.circuits.design.target import Target
from mho.circuits.ledger import Detail
from mho.circuits.netlist import Circuit
from mho.circuits.neurons.bench import driven, stepped
from mho.circuits.neurons.neuron import MEMBRANE, PRESYNAPTIC, SPIKE
from mho.circuits.neurons.observation import Firing, spread
from mho.circuits.neurons.stages import GROUND
from mho.circuits.options import Crossing, Options
from mho.circuits.sources import VoltageSource
from mho.circuits.synapses.train import EDGE, clamped, stimulate
from mho.circuits.transient import transient
from mho.circuits.waves import PWL
from mho.core.errors import InputError
from mho.core.results import Status

LANES = 128  # samples in a run; a shape, so the same for scouts, differences and trials
SPIKES = 8  # spikes that end a driven neuron
FEWEST = 4  # spikes that a figure of steady firing needs
TRAIN = 10  # presynaptic spikes of a facilitation train
RESET = "reset"  # node that is high while a neuron resets
FIRST = 1e-6  # [s] start of the input
LOW = 0.05  # [V] level at which a gate counts as driven
SILENT, ENGINE = "SILENT", "ENGINE"


@dataclass(frozen=True)
class Bench:
    """How circuits are measured.

    Args:
        current: Input of the driven neuron where a target names none [A].
        width: Width of a presynaptic spike [s].
        spikes: Presynaptic spikes in the train of the figures `passes` and `lone`.
        hold: Voltage at which the membrane is held while it is charged by a train [V].
        tolerance: Of the transient analysis.
    """

    current: float = 20e-9
    width: float = 200e-9
    spikes: int = 40
    hold: float = 0.2
    tolerance: float = 5e-4

    def options(self, events: int) -> Options:
        """Of the transient analysis."""
        return Options(tolerance=self.tolerance, max_events=events, max_points=64, ledger=Detail.SUPPLIES)


@dataclass(frozen=True)
class Measured:
    """Figures of a batch of subjects.

    Args:
        values: One row a subject, one column a target; NaN where the circuit has no such figure.
        reasons: Why a row has NaN, or an empty text.
    """

    values: np.ndarray
    reasons: np.ndarray


def measure(subject: Subject, targets: Sequence[Target], count: int, bench: Bench) -> Measured:
    """Measure the targets' figures of a batch of `count` subjects; circuits that share a bench run side by side.

    Raises:
        InputError: If a target needs a synapse, or a node, that the subject does not have.
    """
    check(subject, targets)
    values = np.full((count, len(targets)), np.nan)
    reasons = np.full(count, "", dtype=object)
    for kind, run in (("driven", _driven), ("held", _held), ("tuned", _tuned)):
        which = [k for k, t in enumerate(targets) if t.about.bench == kind]
        at = [float(bench.current if targets[k].at is None else targets[k].at) for k in which]  # type: ignore
        places = list(dict.fromkeys(at))  # conditions run side by side too
        if not which:
            continue
        stop = stop_of(targets)
        found, why = run(_tiled(subject, count, len(places)), bench, np.repeat(places, count), stop)
        for k, place in zip(which, at, strict=True):
            row = slice(places.index(place) * count, (places.index(place) + 1) * count)
            values[:, k] = found[targets[k].figure][row]
            reasons = np.where(reasons == "", why[row], reasons)
    reasons = np.where(np.isfinite(values).all(axis=1), "", np.where(reasons == "", SILENT, reasons))
    return Measured(values, reasons)


def _tiled(subject: Subject, count: int, times: int) -> Subject:
    """The batch several times, one after another; numbers without a batch axis stay without."""
    return jax.tree.map(lambda x: np.tile(x, times) if np.ndim(x) == 1 and len(x) == count else x, subject)


def check(subject: Subject, targets: Sequence[Target]) -> None:
    """Refuse targets that the subject cannot have.

    Raises:
        InputError: Names the target and what is missing.
    """
    for target in targets:
        if target.about.bench != "driven" and subject.synapse is None:
            raise InputError(f"{target.label} is a figure of a synapse, and the design has none: name one.")
        if (target.figure == "dead_time" or target.about.bench == "tuned") and not has_reset(subject):
            kind = type(subject.neuron).__name__
            raise InputError(f"{target.label} needs a neuron with a reset that lasts; {kind} has no node {RESET!r}.")


def has_reset(subject: Subject) -> bool:
    """Whether the neuron has a node that is high while it resets."""
    return any(RESET in e.nodes for e in subject.neuron.elements().values())


# ---- the driven neuron -----------------------------------------------------------------------------------------------
def stop_of(targets: Sequence[Target]) -> float:
    """Time that a driven neuron is given: 40 intervals of the slowest rate asked for, at least 2 ms [s]."""
    return max([2e-3, *(40.0 / t.value for t in targets if t.figure == "rate")])


def firing(subject: Subject, bench: Bench, currents: np.ndarray, stop: float) -> Firing:
    """The neurons of a batch, each under its current [A], with the end of every reset as the only other crossing."""
    others = (Crossing(RESET, 0.5, rising=False, after=FIRST),) if has_reset(subject) else ()
    options = bench.options(SPIKES)
    return driven(subject.neuron, currents, stop, spikes=SPIKES, lanes=LANES, options=options, others=others)


def dead_times(firing: Firing) -> np.ndarray:
    """Time from each spike's begin to the end of its reset, median after the first [s]."""
    found = np.full(len(firing.times), np.nan)
    for k, (ups, ends) in enumerate(zip(firing.times, firing.others[0], strict=True)):
        ends = ends[np.isfinite(ends)]
        each = [ends[ends > up][0] - up for up in ups[np.isfinite(ups)][1:] if np.any(ends > up)]
        if each:
            found[k] = np.median(each)
    return found


Figures = tuple[dict[str, np.ndarray], np.ndarray]
"""Figures by name, one number a sample, and why a sample has none."""


def _driven(subject: Subject, bench: Bench, at: np.ndarray, stop: float) -> Figures:
    done = firing(subject, bench, at, stop)
    fires = np.where(done.counts >= FEWEST, 1.0, np.nan)
    figures = {
        "width": fires * done.settled_width,
        "rate": fires * done.settled_rate,
        "energy": fires * done.settled_energy("supply", "bias", "drive"),
    }
    if done.others:
        figures["dead_time"] = fires * dead_times(done)
    return figures, _why(done.status, done.counts < FEWEST)


def _why(status: np.ndarray, silent: np.ndarray) -> np.ndarray:
    """Why a sample has no figure: it fires too seldom, or the analysis failed. A full buffer is a wanted end."""
    names = np.array([Status(int(s)).name for s in status], dtype=object)
    good = np.isin(status, [Status.OK, Status.EVENTS_FULL])
    return np.where(~good, names, np.where(silent, SILENT, ""))


# ---- the synapse on a held membrane ----------------------------------------------------------------------------------
def train_starts(rate: float, spikes: int) -> np.ndarray:
    """Starts of a regular train [s]."""
    return FIRST + np.arange(spikes) / rate


def _held(subject: Subject, bench: Bench, at: np.ndarray, stop: float) -> Figures:
    count = len(at)
    starts = np.stack([train_starts(rate, TRAIN) for rate in at])
    synapse = jax.tree.map(lambda x: x if np.ndim(x) == 0 else np.broadcast_to(x, (count,)), subject.synapse)
    train = stimulate(synapse, starts, width=bench.width, lanes=LANES // 4)
    each = train.energies["read"] + train.energies["gate"] + train.energies["input"]
    figures = {"facilitation": train.facilitation[:, -1], "step": -train.step[:, 0], "event": each[:, 0]}
    return figures, _why(train.status, np.zeros(count, bool))


# ---- both together: what a train leaves on the membrane, and what a spike takes --------------------------------------
def tuned_circuit(subject: Subject, wave: PWL, hold: float) -> Circuit:
    """Neuron and synapse with the membrane held at `hold` [V], so that its charge can be counted."""
    parts = subject.neuron.elements() | subject.synapse.elements(PRESYNAPTIC, MEMBRANE)
    parts["drive.spikes"] = VoltageSource(PRESYNAPTIC, GROUND, wave)
    parts["clamp.membrane"] = VoltageSource(MEMBRANE, GROUND, hold)
    return Circuit(parts)


def train_wave(rate: Any, spikes: int, width: float) -> PWL:
    """A regular train of presynaptic spikes of 1 V; of several rates [Hz], one a sample."""
    starts = [FIRST + k / np.asarray(rate, np.float64) for k in range(spikes)]
    return PWL.pulses(starts, width=width, high=1.0, edge=EDGE)  # type: ignore[arg-type]


def net_charges(subject: Subject, bench: Bench, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Charge that each presynaptic period brings onto the held membrane, leak included, (samples, spikes - 1) [C]."""
    spikes, count = bench.spikes, len(rates)
    charges, status = [], []
    circuit = tuned_circuit(subject, train_wave(rates, spikes, bench.width), bench.hold)
    stop = FIRST + spikes / float(np.min(rates))
    asked: dict[str, Any] = {"options": bench.options(spikes + 2), "throw": False}
    asked["crossings"] = (Crossing("synapse.gate", LOW, rising=True, after=0.5 * FIRST),)
    for begin in range(0, count, LANES):
        run = transient(spread(circuit, np.minimum(np.arange(begin, begin + LANES), count - 1)), stop, **asked)
        kept = min(LANES, count - begin)
        book = np.full((kept, spikes), np.nan)
        found = run.crossings[0].accounts["charge", "clamp.membrane"][:kept, :spikes]
        book[:, : found.shape[1]] = found
        charges.append(-np.diff(book, axis=1))
        status.append(run.status[:kept])
    return np.concatenate(charges), np.concatenate(status)


def passing(net: np.ndarray, threshold: np.ndarray, dead: np.ndarray, rate: Any) -> np.ndarray:
    r"""Output spikes per presynaptic spike in a train's last quarter, before they are counted in whole spikes.

    A spike takes the charge that brings the membrane to threshold, at the net charge of each presynaptic period, and
    the periods that pass while the reset lasts:

    .. math:: T = \overline{\left( \frac{Q_\theta}{Q_k} + f\,t_{dead} \right)^{-1}}

    Where the leak takes more than a presynaptic spike brings, T goes on as Q_k/Q_theta, below zero: no spikes, but a
    search still sees which way is up.

    Args:
        net: Net charge of each period, (count, periods) [C].
        threshold: Charge of a spike, (count,) [C].
        dead: Dead time, (count,) [s].
        rate: Presynaptic rate [Hz].
    """
    share = net[:, -max(net.shape[1] // 4, 1) :] / threshold[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(share > 0, 1.0 / (1.0 / share + (rate * dead)[:, None]), share)
    return np.mean(each, axis=1)


def shares(net: np.ndarray, threshold: np.ndarray, dead: np.ndarray, rate: Any) -> dict[str, np.ndarray]:
    """Figures of neuron and synapse together, by name, from the charges that :func:`passing` takes."""
    return {"passes": passing(net, threshold, dead, rate), "lone": net[:, 0] / threshold}


def _tuned(subject: Subject, bench: Bench, at: np.ndarray, stop: float) -> Figures:
    threshold, dead, why = spike_cost(subject, bench, len(at))
    net, status = net_charges(subject, bench, at)
    later = _why(status, np.zeros(len(at), bool))
    return shares(net, threshold, dead, at), np.where(why == "", later, why)


def spike_cost(subject: Subject, bench: Bench, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Charge that brings the membrane from reset to threshold [C], dead time [s], and why not, if so.

    From the neuron under the bench's current: the charge is that of an interval less its dead time.
    """
    done = firing(subject, bench, np.full(count, bench.current), 1.0)
    fires = np.where(done.counts >= FEWEST, 1.0, np.nan)
    dead = fires * dead_times(done)
    with np.errstate(divide="ignore"):
        charge = bench.current * (1.0 / done.settled_rate - dead)
    return fires * np.where(charge > 0, charge, np.nan), dead, _why(done.status, done.counts < FEWEST)


def nominal(subject: Subject, target: Target, bench: Bench) -> Circuit:
    """The circuit that a target is measured on, for a netlist or a waveform."""
    if target.about.bench == "driven":
        return stepped(subject.neuron, bench.current if target.at is None else target.at)
    assert target.at is not None
    if target.about.bench == "held":
        return clamped(subject.synapse, train_wave(target.at, TRAIN, bench.width), v_membrane=0.0)
    return tuned_circuit(subject, train_wave(target.at, bench.spikes, bench.width), bench.hold)


def single(subject: Subject) -> Subject:
    """The subject with every number a plain one, from a batch of one."""
    return jax.tree.map(lambda x: np.asarray(x).reshape(-1)[0] if eqx.is_array_like(x) else x, subject)


def trace(subject: Subject, bench: Bench, current: float, stop: float) -> Firing:
    """One driven neuron with the waveforms of its membrane and spike node."""
    options = Options(tolerance=bench.tolerance, max_events=SPIKES, max_points=64, ledger=Detail.SUPPLIES)
    circuit = stepped(subject.neuron, current)
    return driven(subject.neuron, current, stop, spikes=SPIKES, lanes=1, options=options, save=saved(circuit))


def saved(circuit: Circuit) -> tuple[str, ...]:
    """Nodes whose waveforms show what a driven neuron does."""
    present = {node for e in circuit.elements for node in e.nodes}
    return tuple(node for node in (MEMBRANE, SPIKE, RESET) if node in present)
