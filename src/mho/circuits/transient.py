"""Transient analysis of a circuit, or of every sample of a population at once."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.books import capacity
from mho.circuits.checks import unknown_names
from mho.circuits.culprit import culprit
from mho.circuits.elements import Inductor
from mho.circuits.layout import STATE_SCALE, Layout, layout
from mho.circuits.ledger import Ledger, storage
from mho.circuits.netlist import Circuit
from mho.circuits.noisy_program import noisy
from mho.circuits.operating_point import operating_values
from mho.circuits.options import Crossing, Options
from mho.circuits.program import DRAFT, Program, Queue, Samples, program
from mho.circuits.segments import segments, without_corners
from mho.circuits.sources import CurrentSource, VoltageSource
from mho.circuits.start import at_rest, source_start
from mho.circuits.stepping import Settings
from mho.circuits.transient_noise import settings as noise_settings
from mho.circuits.vectors import each
from mho.circuits.waveforms import Crossings, Points, Run
from mho.circuits.waves import DC, Sin
from mho.core.errors import InputError, SolverError
from mho.core.results import Status

Progress = Callable[[int, int], None]


class Start(enum.Enum):
    """Where a run starts."""

    ZERO = "zero"
    """All charges are zero (or as `initial` says) and the sources come on at once."""
    CHARGED = "charged"
    """Nodes are as `initial` says, else at zero, and then the sources come on: their jump moves every node."""
    OPERATING_POINT = "operating_point"
    """At the DC operating point with the sources' values at time zero."""


def transient(
    circuit: Circuit,
    stop: float,
    *,
    crossings: Sequence[Crossing] = (),
    save: Sequence[str] = (),
    options: Options = Options(),  # noqa: B008  (frozen)
    start: Start | str | Mapping[str, Any] = Start.ZERO,
    throw: bool = True,
    lanes: int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Integrate a circuit from 0 to `stop`.

    Args:
        circuit: A circuit, or a population of one (leaves with a leading axis).
        stop: End [s].
        crossings: Thresholds whose crossing times are wanted, with the energies at each.
        save: Nodes, states (``"synapse.q0"``) or branch currents (``"coil.i"``) whose waveforms are wanted.
        options: Accuracy and buffers.
        start: Zero charge, the operating point, or the `final` values of another run.
        throw: Raise if a sample fails; otherwise failures are counted in the result.
        lanes: Samples that run side by side; the others wait in a queue. All at once if None. Waveforms need all.
        progress: Called with the number of samples done and their total.

    Raises:
        SolverError: If a sample fails and `throw` is true; says which and why.
        InputError: If a name is unknown or `stop` is not above zero.
    """
    if not (np.isfinite(stop) and stop > 0):
        raise InputError(f"stop is {stop} s; it must be above 0.")
    start = Start(start) if isinstance(start, str) else start
    with jax.enable_x64(True):
        job = Job(circuit, stop, tuple(crossings), tuple(save), options, start, lanes)
        run = job.run(progress)
    if throw and run.failures:
        raise SolverError(failure_text(run, stop))
    return run


def failure_text(run: Run, stop: float) -> str:
    """One sentence about the samples that failed."""
    first, total = int(np.argmax(~run.ok)), len(run.status)
    status = Status(int(run.status[first]))
    which = f"Sample {first} of {total}" if run.population else "The circuit"
    more = f" {total - int(np.sum(run.ok))} of {total} samples failed: {run.failures}." if run.population else ""
    where = f"{float(run.end[first]):.6g} s of {stop:.6g} s"
    held_up = f" {run.culprit!r} held the steps up." if run.culprit else ""
    return f"{which} stopped at {where}: it {status.reason}{held_up}{more}"


class Job:
    """A prepared analysis: the compiled program and all its arguments."""

    def __init__(
        self,
        circuit: Circuit,
        stop: float,
        crossings: tuple[Crossing, ...],
        save: tuple[str, ...],
        options: Options,
        start: Any,
        lanes: int | None = None,
    ):
        bare = without_corners(circuit)
        self.layout: Layout = layout(bare)
        self.count = circuit.samples or 1
        self.population = circuit.samples is not None
        self.lanes = min(lanes or self.count, self.count)
        self.circuit, self.stop, self.crossings, self.save, self.options = circuit, stop, crossings, save, options
        self.program: Program = self.compiled(bare)
        self.table = segments(circuit, stop)
        self.samples = self.arguments(circuit, bare, start)
        self.settings = self.steering()

    def compiled(self, bare: Circuit, **kind: Any) -> Program:
        """The program for the circuit's structure."""
        noise = noisy(bare, self.options.noise) if self.options.noise is not None else {}
        asked: dict[str, Any] = {"form": self.options.form, **noise, **kind}
        return program(
            bare,
            method=self.options.method,
            detail=self.options.ledger,
            crossings=tuple((self.find(c.node), 1 if c.rising else -1) for c in self.crossings),
            saved=tuple(self.find(name) for name in self.save),
            lanes=self.lanes,
            **asked,
        )

    def inputs(self) -> tuple[Any, Any, Any]:
        """Arguments of the compiled functions: samples, corners and steering numbers."""
        return self.samples, self.table, self.settings

    def find(self, name: str) -> int:
        """Index of an unknown.

        Raises:
            InputError: If there is none of that name, or a source holds it.
        """
        index = self.layout.index.get(name)
        if index is None or name == "0":
            raise InputError(
                f"The circuit has no node or state {name!r}; it has {', '.join(unknown_names(self.circuit))}."
            )
        if index >= self.layout.n:
            raise InputError(f"{name!r} is held by a source; its waveform is that of the source. Choose another node.")
        return index

    def arguments(self, circuit: Circuit, bare: Circuit, start: Any) -> Samples:
        """Everything that may differ between samples."""
        if isinstance(start, Mapping):
            u = [np.asarray(start[name], np.float64) for name in self.layout.names]
        elif start is Start.OPERATING_POINT:
            u = operating_values(circuit, self.layout, self.options.form)
        else:
            u = at_rest(circuit, self.layout, charged=start is Start.CHARGED)
        form = self.program.stepper.form
        xp: Any = np if all(isinstance(x, np.ndarray | float) for x in u) else jnp
        return Samples(
            circuit=self.program.variables(bare),
            start=form.vector([xp.reshape(x, (-1,)) for x in u], xp),
            thresholds=tuple(np.asarray(c.threshold, np.float64).reshape(-1) for c in self.crossings),
            after=tuple(np.asarray(c.after, np.float64).reshape(-1) for c in self.crossings),
            energy=capacity(circuit, self.layout),
        )

    def steering(self) -> Settings:
        """Options as numbers."""
        o = self.options
        h_max = (
            o.h_max
            if o.h_max is not None
            else min(self.stop / 20, *(0.1 / f for f in _frequencies(self.circuit)), np.inf)
        )
        number = lambda x: np.asarray(x, np.float64)  # noqa: E731
        whole = lambda x: np.asarray(x, np.int32)  # noqa: E731
        return Settings(
            tolerance=number(o.tolerance),
            kappa=number(o.kappa),
            max_newton=whole(o.max_newton),
            v_limit=number(o.v_limit),
            h_first=number(o.h_first),
            h_min=number(o.h_min),
            h_max=number(h_max),
            safety=number(o.safety),
            growth=number(o.growth),
            max_iterations=whole(o.max_iterations),
            scale=self.program.stepper.form.vector([number(x) for x in scales(self.circuit, self.layout)], np),
            energy=(),
            thresholds=(),
            after=(),
            noise=() if o.noise is None else noise_settings(o.noise),
        )

    def run(self, progress: Progress | None) -> Run:
        """Run all samples to their end."""
        lanes = self.lanes
        before, most = self.program.compile_seconds, 2_000_000_000 if progress is None else 1000
        if self.save and lanes < self.count:
            raise InputError(
                f"Waveforms of {self.count} samples on {lanes} lanes are not kept; raise lanes or save nothing."
            )
        began = time.perf_counter()
        o = self.options
        arguments = self.inputs()
        queue = self.program.begin(*arguments, lanes, self.count, o.max_events, o.max_points)
        stop, idle = np.asarray(self.stop), np.asarray(max(1, lanes // 16), np.int32)
        arguments = jax.device_put(arguments)  # hundreds of numbers: once, not in every call
        chunks: list[tuple[np.ndarray, np.ndarray]] = []
        advance, draft = None, False
        while True:
            turns = np.asarray(min(most, DRAFT - self.program.ticks) if self.program.draft else most, np.int32)
            if advance is None or draft != self.program.draft:
                draft = self.program.draft
                advance = self.program.compiled("advance", queue, *arguments, stop, turns, idle)
            queue = advance(queue, *arguments, stop, turns, idle)
            self.program.ticks += int(queue.lanes.tick)
            if self.save:
                chunks.append((np.asarray(queue.lanes.points), np.asarray(queue.lanes.fill)))
                queue = queue._replace(lanes=queue.lanes._replace(fill=np.zeros(lanes, np.int32)))
            # Ticks count from each call, so that no run is too long for their 32 bits.
            queue = queue._replace(lanes=queue.lanes._replace(tick=np.zeros((), np.int32)))
            done = int(np.sum(np.asarray(queue.results.status) != Status.RUNNING))
            if progress is not None:
                progress(done, self.count)
            if done == self.count:
                break
        compiled = self.program.compile_seconds - before
        return self.result(queue, chunks, time.perf_counter() - began - compiled, compiled)

    # ---- the result --------------------------------------------------------------------------------------------------
    def result(self, queue: Queue, chunks: list, seconds: float, compiled: float) -> Run:
        """Gather what the program left as a Run."""
        r = queue.results
        labels = self.program.accounts.labels
        counts, times, energies = np.asarray(r.counts), np.asarray(r.times), np.asarray(r.energies)
        crossings = []
        for k, c in enumerate(self.crossings):
            most = max(1, min(int(counts[k].max(initial=0)), times.shape[1]))
            accounts = self.energies(
                {label: energies[k, :most, :, a].T for a, label in enumerate(labels)}, crossing=True
            )
            crossings.append(Crossings(c, times[k, :most].T, accounts))
        last, totals = np.asarray(r.last), np.asarray(r.totals)
        plain = (lambda x: x) if self.population else (lambda x: float(np.ravel(x)[0]))
        return Run(
            status=np.asarray(r.status),
            crossings=tuple(crossings),
            ledger=self.ledger({label: totals[a] for a, label in enumerate(labels)}, last, plain),
            saved=self.save,
            points=tuple(self.points(chunks, lane) for lane in range(self.count)) if self.save else (),
            final={name: plain(last[i]) for i, name in enumerate(self.layout.names)},
            end=np.asarray(r.end),
            steps=np.asarray(r.steps),
            rejections=np.asarray(r.rejections),
            iterations=np.asarray(r.iterations),
            seconds=seconds,
            compile_seconds=compiled,
            population=self.population,
            culprit=self.culprit(queue),
        )

    def culprit(self, queue: Queue) -> str:
        """Name of the unknown that held the first failed sample up, if its steps became too small."""
        short = (Status.MIN_STEP.value, Status.NOT_FINITE.value)
        failed = np.flatnonzero(~np.isin(np.asarray(queue.results.status), (Status.OK.value, Status.RUNNING.value)))
        queued = self.lanes < self.count or self.options.noise is not None
        if queued or not len(failed) or int(queue.results.status[failed[0]]) not in short:
            return ""
        lane = int(failed[0])
        own = jax.tree.map(lambda x: x[..., lane : lane + 1] if x.shape[-1] > 1 else x, self.samples)
        lanes = jax.tree.map(np.asarray, queue.lanes)
        return culprit(self.program, lanes, lane, own.circuit, self.settings._replace(energy=own.energy))

    def energies(
        self, accounts: dict[tuple[str, str], np.ndarray], *, crossing: bool = False
    ) -> dict[tuple[str, str], np.ndarray]:
        """Accounts with the energy of constant sources worked out from their charge."""
        out = dict(accounts)
        for name, e in self.circuit.items():
            if isinstance(e, VoltageSource) and isinstance(e.wave, DC):
                level = np.asarray(e.wave.value)
                out["energy", name] = accounts["charge", name] * (level[:, None] if crossing and level.ndim else level)
        return out

    def ledger(self, totals: dict[tuple[str, str], np.ndarray], last: np.ndarray, plain: Callable) -> Ledger:
        """The books at the end."""
        totals = self.energies(totals)
        stored: dict[str, Any] = {}
        if self.program.accounts.groups:
            first = self.program.stepper.form.array(
                each(lambda x: np.broadcast_to(x, (*x.shape[:-1], self.count)), self.samples.start), np
            )
            before = self.stored(first, 0.0)
            after = self.stored(last, self.stop)
            charged = {g: x for (kind, g), x in totals.items() if kind == "charged"}
            stored = {
                g: plain(np.broadcast_to(after[g] - before[g] + charged.get(g, 0.0), (self.count,))) for g in after
            }
        pick = lambda what: {name: plain(x) for (kind, name), x in totals.items() if kind == what}  # noqa: E731
        return Ledger(pick("energy"), pick("charge"), pick("dissipated"), stored)

    def stored(self, u: np.ndarray, t: float, circuit: Circuit | None = None) -> dict[str, Any]:
        """Energy stored in each group with the unknowns at `u` and the sources at time t."""
        circuit = circuit or self.circuit
        held, n = source_start(circuit, self.layout, t), self.layout.n
        return storage(circuit, self.layout, lambda i: 0.0 if i < 0 else (u[i] if i < n else held[i - n]))

    def points(self, chunks: list[tuple[np.ndarray, np.ndarray]], lane: int) -> Points:
        """Accepted steps of one sample."""
        rows = np.concatenate([points[lane, : fill[lane]] for points, fill in chunks])
        return Points(rows[:, 0], rows[:, 1], *(rows[:, 2 + k :: 4] for k in range(4)))


def scales(circuit: Circuit, layout: Layout) -> list[float]:
    """Size of an error in each unknown that counts as much as 1 V."""
    own = dict(circuit.scale)
    coils = {
        f"{name}.i": float(np.max(np.asarray(e.i_scale))) for name, e in circuit.items() if isinstance(e, Inductor)
    }
    default = [STATE_SCALE if i in layout.states else coils.get(name, 1.0) for i, name in enumerate(layout.names)]
    return [own.get(name, x) for name, x in zip(layout.names, default, strict=True)]


def _frequencies(circuit: Circuit) -> list[float]:
    sources = (e for e in circuit.elements if isinstance(e, VoltageSource | CurrentSource))
    return [float(np.max(np.asarray(e.wave.frequency))) for e in sources if isinstance(e.wave, Sin)]
