"""Measures the figures of a design in ngspice, on netlists written from the same circuits, by the same definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mho.circuits import DC, Circuit, Crossing, CurrentSource, VoltageSource
from mho.circuits.design.benches import FEWEST, FIRST, LOW, RESET, TRAIN, Bench, nominal, saved, shares, stop_of, trace
from mho.circuits.design.benches import train_starts as starts_of
from mho.circuits.design.subject import Subject
from mho.circuits.design.target import Target
from mho.circuits.neurons.neuron import MEMBRANE, PRESYNAPTIC, SETTLED, SPIKE
from mho.circuits.neurons.observation import Firing
from mho.circuits.synapses.train import EDGE, channel_resistance
from mho.core.errors import SolverError, reason_of
from mho.interchange.ngspice import NgspiceRun, run_ngspice
from mho.interchange.spice_text import SpiceText, spice_text

_READ = 50e-9  # [s] from the end of a spike to the read of the channel, as the synapse's own bench has it
_GATE = "synapse.gate"
_EVENT = ("supply.synapse", "supply.synapse_gate", "drive.spikes")


@dataclass(frozen=True)
class Resimulation:
    """Figures from ngspice.

    Args:
        found: The figure of each target; NaN where ngspice gave none.
        reasons: Why not, by target number.
        seconds: Processor time that ngspice took [s].
        netlists: The netlists that were run, by a short name.
        runs: What ngspice made of each.
    """

    found: np.ndarray
    reasons: Mapping[int, str]
    seconds: float
    netlists: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, NgspiceRun] = field(default_factory=dict)


def resimulate(
    subject: Subject, targets: Sequence[Target], bench: Bench, *, reltol: float = 1e-4, program: str | None = None
) -> Resimulation:
    """Measure every target's figure of one circuit in ngspice; targets of one bench share a run.

    Args:
        subject: The circuit that was designed.
        targets: Whose figures.
        bench: How they are measured.
        reltol: Relative tolerance of ngspice: at 1e-4 it is within 3e-4 of its own best in intervals.
        program: The ngspice program; the one on the path if None.
    """
    judge = _Judge(subject, bench, reltol, program)
    found, reasons = np.full(len(targets), np.nan), {}
    for k, target in enumerate(targets):
        try:
            found[k] = judge.figure(target, targets)
        except SolverError as error:
            reasons[k] = reason_of(error)
    return Resimulation(found, reasons, judge.seconds, judge.netlists, judge.runs)


class _Judge:
    """One circuit in ngspice; a netlist runs once, whatever is read from it."""

    def __init__(self, subject: Subject, bench: Bench, reltol: float, program: str | None):
        self.subject, self.bench, self.reltol, self.program = subject, bench, reltol, program
        self.seconds = 0.0
        self.netlists: dict[str, str] = {}
        self.runs: dict[str, NgspiceRun] = {}
        self._made: dict[Any, Any] = {}

    def figure(self, target: Target, among: Sequence[Target]) -> float:
        """The figure of a target."""
        kind, at = target.about.bench, target.at
        if kind == "driven":
            return self.driven(self.bench.current if at is None else at, stop_of(among))[target.figure]
        assert at is not None
        if kind == "held":
            return self.held(target, at)[target.figure]
        own = self.driven(self.bench.current, 1.0)
        threshold = self.bench.current * (1.0 / own["rate"] - own["dead_time"])
        net = self.net(target, at)
        return float(shares(net[None], np.array([threshold]), np.array([own["dead_time"]]), at)[target.figure][0])

    def run(self, name: str, text: SpiceText) -> NgspiceRun:
        """Run a netlist and keep it."""
        self.netlists[name] = text.text
        done = run_ngspice(text, program=self.program)
        self.seconds += done.seconds
        self.runs[name] = done
        return done

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was made for a key before, or made now."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    # ---- the driven neuron -------------------------------------------------------------------------------------------
    def driven(self, current: float, stop: float) -> dict[str, float]:
        """Figures of the neuron under a current; mho's own run says how long ngspice has to run."""
        return self.once(("driven", current), lambda: self._driven(current, stop))

    def _driven(self, current: float, stop: float) -> dict[str, float]:
        ours = trace(self.subject, self.bench, current, stop)
        circuit = nominal(self.subject, Target("rate", 1.0, current), self.bench)
        text, _ = driven_text(circuit, ours, self.reltol)
        run = self.run(f"driven {current:.3g} A", text)
        up, down = (run.crossings(Crossing(SPIKE, 0.5, rising=r, after=SETTLED)) for r in (True, False))
        if len(up) < FEWEST:
            raise SolverError(f"ngspice saw {len(up)} spikes where mho saw {int(ours.counts[0])}.")
        energy = np.interp(up, run.times, _delivered(run, circuit))
        found = {
            "rate": 1.0 / float(np.mean(np.diff(up)[1:])),
            "width": _after(up[1:], down),
            "energy": float(np.mean(np.diff(energy)[1:])),
        }
        if RESET in run.vectors:
            found["dead_time"] = _after(up[1:], run.crossings(Crossing(RESET, 0.5, rising=False, after=FIRST)))
        return found

    # ---- the synapse on a held membrane ------------------------------------------------------------------------------
    def held(self, target: Target, rate: float) -> dict[str, float]:
        """Figures of the synapse under a train."""
        return self.once(("held", rate), lambda: self._held(target, rate))

    def _held(self, target: Target, rate: float) -> dict[str, float]:
        circuit = nominal(self.subject, target, self.bench)
        memory = circuit["synapse.ecram"]
        states = tuple(f"synapse.ecram.{s}" for s in memory.state_names())
        starts, width = starts_of(rate, TRAIN), self.bench.width
        text = spice_text(circuit, starts[-1] + width + 1e-6, save=(_GATE, PRESYNAPTIC, *states), reltol=self.reltol)
        run = self.run(f"train {rate:.3g} Hz", text)
        up, down = (run.crossings(Crossing(_GATE, LOW, rising=r, after=0.5e-6)) for r in (True, False))
        if len(up) < TRAIN or len(down) < TRAIN:
            raise SolverError(f"ngspice saw {len(up)} of {TRAIN} gate pulses.")
        charge = _between(run, _integral(run, run["i(clamp.membrane)"]), up, down)
        event = np.sum([_between(run, _delivered(run, circuit, name), up, down) for name in _EVENT], axis=0)
        times = np.array([starts[0], starts[0] + width + 2 * EDGE + _READ])
        values = [run.at(s, times)[None] for s in states]
        before, after = channel_resistance(memory.device, memory.state_names(), values)[0]
        return {"facilitation": float(charge[-1] / charge[0]), "step": float(before - after), "event": float(event[0])}

    # ---- both together -----------------------------------------------------------------------------------------------
    def net(self, target: Target, rate: float) -> np.ndarray:
        """Charge of each presynaptic period on the held membrane [C]."""
        return self.once(("net", rate), lambda: self._net(target, rate))

    def _net(self, target: Target, rate: float) -> np.ndarray:
        circuit, spikes = nominal(self.subject, target, self.bench), self.bench.spikes
        text = spice_text(circuit, FIRST + spikes / rate, save=(_GATE,), reltol=self.reltol)
        run = self.run(f"held {rate:.3g} Hz", text)
        up = run.crossings(Crossing(_GATE, LOW, rising=True, after=0.5 * FIRST))[:spikes]
        if len(up) < spikes:
            raise SolverError(f"ngspice saw {len(up)} of {spikes} gate pulses.")
        return np.diff(np.interp(up, run.times, _integral(run, run["i(clamp.membrane)"])))


def driven_text(circuit: Circuit, ours: Firing, reltol: float = 1e-4) -> tuple[SpiceText, float]:
    """Netlist of a driven neuron, run until just after the last spike of mho's own run.

    Raises:
        SolverError: If mho's run has too few spikes.
    """
    times = ours.times[0][np.isfinite(ours.times[0])]
    if len(times) < FEWEST:
        raise SolverError(f"the neuron fired {len(times)} times, and a figure of steady firing needs {FEWEST} spikes.")
    interval = float(np.max(np.diff(times)))
    stop = float(times[-1] + 0.6 * interval)
    return spice_text(circuit, stop, save=saved(circuit), reltol=reltol, max_step=interval / 150), stop


def _after(starts: np.ndarray, ends: np.ndarray) -> float:
    """Median time from each start to the next end [s]."""
    each = [ends[ends > t][0] - t for t in starts if np.any(ends > t)]
    return float(np.median(each)) if each else np.nan


def _integral(run: NgspiceRun, rate: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * np.diff(run.times))])


def _between(run: NgspiceRun, total: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
    return np.interp(down[: len(up)], run.times, total) - np.interp(up[: len(down)], run.times, total)


def _delivered(run: NgspiceRun, circuit: Circuit, only: str | None = None) -> np.ndarray:
    """Energy that sources to ground (all, or one) delivered up to each time point [J]."""
    power = np.zeros_like(run.times)
    for name, e in circuit.items():
        if only is not None and name != only:
            continue
        if isinstance(e, VoltageSource):
            level = float(e.wave.value) if isinstance(e.wave, DC) else run[e.nodes[0]]
            power = power - run[f"i({name})"] * level
        elif isinstance(e, CurrentSource) and e.nodes[1] == MEMBRANE:
            times, values = (np.array([float(x) for x in xs]) for xs in (e.wave.times, e.wave.values))  # type: ignore
            power = power + np.interp(run.times, times, values) * run[MEMBRANE]
    return _integral(run, power)
