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
        spikes: Presynaptic spikes in the train of the figure `passes`.
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
    groups: dict[tuple[str, float | None], list[int]] = {}
    for k, target in enumerate(targets):
        groups.setdefault((target.about.bench, target.at), []).append(k)
    for (kind, at), which in groups.items():
        run = {"driven": _driven, "held": _held, "tuned": _tuned}[kind]
        found, why = run(subject, count, bench, at, [targets[k] for k in which])
        for k, column in zip(which, found, strict=True):
            values[:, k] = column
        reasons = np.where(reasons == "", why, reasons)
    reasons = np.where(np.isfinite(values).all(axis=1), "", np.where(reasons == "", SILENT, reasons))
    return Measured(values, reasons)


def check(subject: Subject, targets: Sequence[Target]) -> None:
    """Refuse targets that the subject cannot have.

    Raises:
        InputError: Names the target and what is missing.
    """
    for target in targets:
        if target.about.bench != "driven" and subject.synapse is None:
            raise InputError(f"{target.label} is a figure of a synapse, and the design has none: name one.")
        if target.figure in ("dead_time", "passes") and not has_reset(subject):
            kind = type(subject.neuron).__name__
            raise InputError(f"{target.label} needs a neuron with a reset that lasts; {kind} has no node {RESET!r}.")


def has_reset(subject: Subject) -> bool:
    """Whether the neuron has a node that is high while it resets."""
    return any(RESET in e.nodes for e in subject.neuron.elements().values())


# ---- the driven neuron -----------------------------------------------------------------------------------------------
def stop_of(targets: Sequence[Target]) -> float:
    """Time that a driven neuron is given: 40 intervals of the slowest rate asked for, at least 2 ms [s]."""
    return max([2e-3, *(40.0 / t.value for t in targets if t.figure == "rate")])


def firing(subject: Subject, count: int, bench: Bench, current: float, stop: float) -> Firing:
    """The neurons of a batch under a current, with the end of every reset as the only other crossing."""
    others = (Crossing(RESET, 0.5 * 1.0, rising=False, after=FIRST),) if has_reset(subject) else ()
    level = np.full(count, current)
    return driven(subject.neuron, level, stop, spikes=SPIKES, lanes=LANES, options=bench.options(SPIKES), others=others)


def dead_times(firing: Firing) -> np.ndarray:
    """Time from each spike's begin to the end of its reset, median after the first [s]."""
    found = np.full(len(firing.times), np.nan)
    for k, (ups, ends) in enumerate(zip(firing.times, firing.others[0], strict=True)):
        ends = ends[np.isfinite(ends)]
        each = [ends[ends > up][0] - up for up in ups[np.isfinite(ups)][1:] if np.any(ends > up)]
        if each:
            found[k] = np.median(each)
    return found


def _driven(
    subject: Subject, count: int, bench: Bench, at: float | None, targets: Sequence[Target]
) -> tuple[list[np.ndarray], np.ndarray]:
    done = firing(subject, count, bench, bench.current if at is None else at, stop_of(targets))
    fires = np.where(done.counts >= FEWEST, 1.0, np.nan)
    figures = {
        "width": lambda: done.settled_width,
        "rate": lambda: done.settled_rate,
        "energy": lambda: done.settled_energy("supply", "bias", "drive"),
        "dead_time": lambda: dead_times(done),
    }
    return [fires * figures[t.figure]() for t in targets], _why(done.status, done.counts < FEWEST)


def _why(status: np.ndarray, silent: np.ndarray) -> np.ndarray:
    """Why a sample has no figure: it fires too seldom, or the analysis failed. A full buffer is a wanted end."""
    names = np.array([Status(int(s)).name for s in status], dtype=object)
    good = np.isin(status, [Status.OK, Status.EVENTS_FULL])
    return np.where(~good, names, np.where(silent, SILENT, ""))


# ---- the synapse on a held membrane ----------------------------------------------------------------------------------
def train_starts(rate: float, spikes: int) -> np.ndarray:
    """Starts of a regular train [s]."""
    return FIRST + np.arange(spikes) / rate


def _batched(module: Any, count: int) -> Any:
    """Every number with a batch axis, or the scalars as they are: what :func:`stimulate` takes."""
    return jax.tree.map(lambda x: x if np.ndim(x) == 0 or len(x) == count else np.broadcast_to(x, (count,)), module)


def _held(
    subject: Subject, count: int, bench: Bench, at: float | None, targets: Sequence[Target]
) -> tuple[list[np.ndarray], np.ndarray]:
    assert at is not None
    starts = np.tile(train_starts(at, TRAIN), (count, 1))
    train = stimulate(_batched(subject.synapse, count), starts, width=bench.width, lanes=LANES)
    each = train.energies["read"] + train.energies["gate"] + train.energies["input"]
    figures = {
        "facilitation": lambda: train.facilitation[:, -1],
        "step": lambda: -train.step[:, 0],
        "event": lambda: each[:, 0],
    }
    return [figures[t.figure]() for t in targets], _why(train.status, np.zeros(count, bool))


# ---- both together: what a train leaves on the membrane, and what a spike takes --------------------------------------
def tuned_circuit(subject: Subject, wave: PWL, hold: float) -> Circuit:
    """Neuron and synapse with the membrane held at `hold` [V], so that its charge can be counted."""
    parts = subject.neuron.elements() | subject.synapse.elements(PRESYNAPTIC, MEMBRANE)
    parts["drive.spikes"] = VoltageSource(PRESYNAPTIC, GROUND, wave)
    parts["clamp.membrane"] = VoltageSource(MEMBRANE, GROUND, hold)
    return Circuit(parts)


def train_wave(rate: float, spikes: int, width: float, *, shape: tuple[int, ...] = ()) -> PWL:
    """A regular train of presynaptic spikes of 1 V."""
    starts = [np.broadcast_to(t, shape) for t in train_starts(rate, spikes)]
    return PWL.pulses(starts, width=width, high=1.0, edge=EDGE)  # type: ignore[arg-type]


def net_charges(subject: Subject, count: int, bench: Bench, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Charge that each presynaptic period brings onto the held membrane, leak included, (count, spikes - 1) [C]."""
    spikes = bench.spikes
    charges, status = [], []
    circuit = spread(tuned_circuit(subject, train_wave(rate, spikes, bench.width), bench.hold), np.arange(count))
    stop = FIRST + spikes / rate
    crossing = Crossing("synapse.gate", LOW, rising=True, after=0.5 * FIRST)
    for begin in range(0, count, LANES):
        share = np.minimum(np.arange(begin, begin + LANES), count - 1)
        run = transient(
            spread(circuit, share), stop, crossings=(crossing,), options=bench.options(spikes + 2), throw=False
        )
        kept = min(LANES, count - begin)
        book = np.full((kept, spikes), np.nan)
        found = run.crossings[0].accounts["charge", "clamp.membrane"][:kept, :spikes]
        book[:, : found.shape[1]] = found
        charges.append(-np.diff(book, axis=1))
        status.append(run.status[:kept])
    return np.concatenate(charges), np.concatenate(status)


def passing(net: np.ndarray, threshold: np.ndarray, dead: np.ndarray, rate: float) -> np.ndarray:
    r"""Output spikes per presynaptic spike over a train, before they are counted in whole spikes.

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
    share = net / threshold[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(share > 0, 1.0 / (1.0 / share + rate * dead[:, None]), share)
    return np.mean(each, axis=1)


def _tuned(
    subject: Subject, count: int, bench: Bench, at: float | None, targets: Sequence[Target]
) -> tuple[list[np.ndarray], np.ndarray]:
    assert at is not None
    threshold, dead, why = spike_cost(subject, count, bench)
    net, status = net_charges(subject, count, bench, at)
    found = passing(net, threshold, dead, at)
    later = _why(status, np.zeros(count, bool))
    return [found for _ in targets], np.where(why == "", later, why)


def spike_cost(subject: Subject, count: int, bench: Bench) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Charge that brings the membrane from reset to threshold [C], dead time [s], and why not, if so.

    From the neuron under the bench's current: the charge is that of an interval less its dead time.
    """
    done = firing(subject, count, bench, bench.current, 1.0)
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
