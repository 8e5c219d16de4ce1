"""The compiled loop for one structure of circuit: lanes that run, are refilled from a queue, and leave results."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from mho.circuits.form import Form, assembled, suited
from mho.circuits.kinds import neutral
from mho.circuits.layout import Layout, layout
from mho.circuits.ledger import Accounts, Detail
from mho.circuits.memristive import Memristive
from mho.circuits.netlist import Circuit
from mho.circuits.segments import Segments, piece, tabulated
from mho.circuits.stepping import SLOTS, Lanes, Settings, Stepper
from mho.circuits.tableau import Method, tableau
from mho.circuits.vectors import each
from mho.core.results import Status


class Samples(NamedTuple):
    """What may differ from sample to sample; the last axis of each leaf is over samples, or 1."""

    circuit: Any
    start: Any
    thresholds: tuple[Any, ...]
    after: tuple[Any, ...]
    energy: Any


class Results(NamedTuple):
    """What a run leaves behind.

    Args:
        status, steps, rejections, iterations: How each sample went.
        counts: Crossings found, (crossings, samples).
        times: Their times, NaN where there is none, (crossings, events, samples).
        energies: All accounts at them, (crossings, events, samples, accounts).
        totals: All accounts at the end, (accounts, samples).
        last: Unknowns at the end, (unknowns, samples).
        end: Time at the end.
    """

    status: Any
    steps: Any
    rejections: Any
    iterations: Any
    counts: Any
    times: Any
    energies: Any
    totals: Any
    last: Any
    end: Any


class Queue(NamedTuple):
    """Lanes, the sample that each works on, the next sample in the queue, and the results so far."""

    lanes: Lanes
    job: Any
    following: Any
    results: Results


class Program:
    """Compiled functions for one structure; see :func:`program`."""

    def __init__(self, circuit: Circuit, key: tuple):
        _, self.method, self.detail, self.crossings, self.saved, self.wide, self.form = key[:7]
        self.layout: Layout = layout(circuit)
        self.accounts = Accounts(circuit, self.layout, self.detail)
        self.which = tabulated(circuit)
        assembly: Any = assembled(circuit, self.layout, self.accounts, self.form, unrolled=self.wide)
        self.stepper = Stepper(assembly, tableau(self.method), self.accounts, self.which, self.crossings, self.saved)
        self._compiled: dict[Any, Any] = {}
        self._lowered: dict[Any, Any] = {}
        self.compile_seconds = 0.0
        self.ticks = 0

    # ---- the functions -----------------------------------------------------------------------------------------------
    def begin(
        self, samples: Samples, table: Segments, settings: Settings, lanes: int, jobs: int, events: int, points: int
    ) -> Queue:
        """All lanes at time zero, and empty results. Plain numbers give NumPy arrays: nothing is compiled."""
        traced = any(isinstance(x, Tracer) for x in jax.tree.leaves((samples, table)))
        xp: Any = jnp if traced else np
        crossings, accounts = len(self.crossings), self.accounts.count
        results = Results(
            status=xp.full(jobs, Status.RUNNING.value, np.int32),
            steps=xp.zeros(jobs, np.int32),
            rejections=xp.zeros(jobs, np.int32),
            iterations=xp.zeros(jobs, np.int32),
            counts=xp.zeros((crossings, jobs), np.int32),
            times=xp.full((crossings, events, jobs), np.nan),
            energies=xp.full((crossings, events, jobs, accounts), np.nan),
            totals=xp.full((accounts, jobs), np.nan),
            last=xp.full((self.layout.n, jobs), np.nan),
            end=xp.zeros(jobs),
        )
        job = xp.arange(lanes, dtype=np.int32)
        fresh = self.fresh(_take(samples, job, jobs, xp), table, settings, job, points, xp)
        return Queue(fresh, job, xp.asarray(lanes, np.int32), results)

    def fresh(
        self, samples: Samples, table: Segments, settings: Settings, job: Any, points: int, xp: Any = jnp
    ) -> Lanes:
        """Lanes at time zero."""
        zero = xp.zeros(job.shape)
        none = xp.zeros(job.shape, np.int32)
        form = self.stepper.form
        u = each(lambda x: x + zero, samples.start)
        still, accounts = form.fill(self.layout.n, zero, xp), form.fill(self.accounts.count, zero, xp)
        crossings = len(self.crossings)
        slot = xp.zeros((SLOTS, *job.shape))
        width = 2 + 4 * len(self.saved)
        return Lanes(
            t=zero,
            h=zero + settings.h_first,
            phase=none,
            newton=none,
            rejected=none,
            status=xp.full(job.shape, Status.RUNNING.value, np.int32),
            segment=none,
            now=piece(table, none, job, xp),
            u=u,
            start=u,
            slopes=(still,) * (len(self.stepper.tableau.c) - 1),
            rates=accounts,
            partial=accounts,
            missed=form.fill(self.stepper.supplied, zero, xp),
            energy=accounts,
            slot_count=(none,) * crossings,
            slot_time=(slot,) * crossings,
            slot_energy=(form.fill(self.accounts.count, slot, xp),) * crossings,
            steps=none,
            rejections=none,
            iterations=none,
            points=xp.zeros((*job.shape, points if self.saved else 0, width)),
            fill=none,
            tick=xp.zeros((), np.int32),
        )

    def advance(
        self, queue: Queue, samples: Samples, table: Segments, settings: Settings, stop: Any, turns: Any, idle: Any
    ) -> Queue:
        """Run until all samples are done, a buffer of points is full, or `turns` iterations have passed.

        Args:
            queue: Where it stands.
            samples: The samples' numbers.
            table: The sources' corners.
            settings: Steering numbers.
            stop: End time [s].
            turns: Iterations after which to come back.
            idle: Lanes that may stand idle before they are refilled.
        """
        jobs = queue.results.status.shape[0]
        count = queue.job.shape[0]
        capacity = queue.lanes.points.shape[1]
        limit = queue.lanes.tick + turns

        def room(c: Lanes) -> Any:
            return jnp.max(c.fill) < capacity if self.saved else True

        def unfinished(q: Queue) -> Any:
            return jnp.any(q.job < jobs) & (q.lanes.tick < limit) & room(q.lanes)

        def outer(q: Queue) -> Queue:
            mine = _take(samples, q.job, jobs)
            prepared = self.stepper.assembly.prepare(mine.circuit)
            steer = settings._replace(thresholds=mine.thresholds, after=mine.after, energy=mine.energy)
            floor = jnp.where(q.following < jobs, count - idle, 0)

            def go_on(c: Lanes) -> Any:
                full = jnp.any(jnp.stack([n >= SLOTS for n in c.slot_count])) if self.crossings else False
                return (jnp.sum(c.status == Status.RUNNING) > floor) & ~jnp.asarray(full) & (c.tick < limit) & room(c)

            c = lax.while_loop(go_on, lambda c: self.stepper.turn(c, prepared, table, q.job, stop, steer), q.lanes)
            q = self.collect(q._replace(lanes=c))
            if count >= jobs:  # no queue: a lane that is done has nothing to do
                return q._replace(job=jnp.where(q.lanes.status == Status.RUNNING, q.job, jobs))
            return self.refill(q, samples, table, settings)

        return lax.while_loop(unfinished, outer, queue)

    def collect(self, q: Queue) -> Queue:
        """Write the lanes' crossings, and the results of those that are done."""
        c, r, form = q.lanes, q.results, self.stepper.form
        jobs, events = r.status.shape[0], r.times.shape[1]
        counts, times, energies = r.counts, r.times, r.energies
        for k in range(len(self.crossings)):
            before = counts[k, jnp.minimum(q.job, jobs - 1)]
            for slot in range(SLOTS):
                row = jnp.where(slot < c.slot_count[k], before + slot, events)
                times = times.at[k, row, q.job].set(c.slot_time[k][slot], mode="drop")
                if self.accounts.count:
                    books = form.array(each(lambda e, slot=slot: e[..., slot, :], c.slot_energy[k]))
                    energies = energies.at[k, row, q.job].set(books.T, mode="drop")
            counts = counts.at[k, q.job].add(c.slot_count[k], mode="drop")
        if self.crossings:
            most = jnp.max(counts[:, jnp.minimum(q.job, jobs - 1)], axis=0)
            c = c._replace(
                slot_count=tuple(jnp.zeros_like(n) for n in c.slot_count),
                status=jnp.where((most > events) & (q.job < jobs), Status.EVENTS_FULL.value, c.status),
            )
        done = jnp.where((c.status != Status.RUNNING) & (q.job < jobs), q.job, jobs)
        r = r._replace(
            status=r.status.at[done].set(c.status, mode="drop"),
            steps=r.steps.at[done].set(c.steps, mode="drop"),
            rejections=r.rejections.at[done].set(c.rejections, mode="drop"),
            iterations=r.iterations.at[done].set(c.iterations, mode="drop"),
            counts=counts,
            times=times,
            energies=energies,
            totals=r.totals.at[:, done].set(form.array(c.energy), mode="drop") if self.accounts.count else r.totals,
            last=r.last.at[:, done].set(form.array(c.start), mode="drop"),
            end=r.end.at[done].set(c.t, mode="drop"),
        )
        return q._replace(lanes=c, results=r)

    def refill(self, q: Queue, samples: Samples, table: Segments, settings: Settings) -> Queue:
        """Give lanes that are done the next samples of the queue."""
        jobs = q.results.status.shape[0]
        done = (q.lanes.status != Status.RUNNING) & (q.job < jobs)

        def again(q: Queue) -> Queue:
            job = jnp.where(done, jnp.minimum(q.following + jnp.cumsum(done, dtype=jnp.int32) - 1, jobs), q.job)
            new = self.fresh(
                _take(samples, job, jobs), table, settings, jnp.minimum(job, jobs - 1), q.lanes.points.shape[1]
            )
            new = new._replace(status=jnp.where(job < jobs, new.status, Status.OK.value), points=q.lanes.points)
            new = new._replace(fill=q.lanes.fill)  # points are drained by the caller, also those of a lane that is done
            lanes = jax.tree.map(
                lambda a, b: jnp.where(done, a, b) if a.ndim else b,
                new._replace(points=()),
                q.lanes._replace(points=()),
            )
            following = jnp.minimum(q.following + jnp.sum(done, dtype=jnp.int32), jobs)
            return q._replace(
                lanes=lanes._replace(points=q.lanes.points), job=job.astype(jnp.int32), following=following
            )

        return lax.cond(jnp.any(done), again, lambda q: q, q)

    def variables(self, circuit: Circuit) -> Any:
        """The circuit's numbers that are arguments, each with a sample axis."""
        return self.stepper.assembly.variables(circuit)

    # ---- calling them ------------------------------------------------------------------------------------------------
    @property
    def draft(self) -> bool:
        """Whether `advance` runs as a draft: unrolled code for few lanes is optimised once it proves to be long."""
        return not self.wide and self.form is Form.UNROLLED and self.ticks < DRAFT

    def call(self, name: str, *args: Any, function: Callable | None = None) -> Any:
        """Run a function of this program (or one for it), compiled for the shapes of its arguments."""
        return self.compiled(name, *args, function=function)(*args)

    def compiled(self, name: str, *args: Any, function: Callable | None = None) -> Callable:
        """The function compiled for the shapes of its arguments; times compiling."""
        shapes = tuple((np.shape(x), getattr(x, "dtype", None) or np.result_type(x)) for x in jax.tree.leaves(args))
        key = (name, jax.tree.structure(args), shapes)
        unrolled = self.form is Form.UNROLLED
        draft = (not self.wide and unrolled and name != "advance") or (self.draft and name == "advance")
        if (key, draft) not in self._compiled:
            began = time.perf_counter()
            lowered = self._lowered.pop(key, None)  # at once, because several threads may run one program
            if lowered is None:
                chosen: Callable = function or getattr(self, name)
                lowered = jax.jit(chosen, donate_argnums=(0,) if name == "advance" else ()).lower(*args)
            if self.draft and name == "advance":  # it may have to be compiled a second time
                self._lowered[key] = lowered
            self._compiled[key, draft] = _compile(lowered, quick=not self.wide, draft=draft)
            self.compile_seconds += time.perf_counter() - began
        return self._compiled[key, draft]


def _compile(lowered: Any, *, quick: bool, draft: bool) -> Any:
    """Machine code; for few lanes by XLA's older emitter, which takes half the time for code that is as fast there.

    A draft is not optimised: made in a third of the time, it takes twice as long per turn.
    """
    if quick:
        level = 0 if draft else 3
        options: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": level}
        try:
            return lowered.compile(compiler_options=options)
        except Exception as error:  # a JAX that does not know the option says so in various exceptions
            if "option" not in str(error).lower():
                raise
    return lowered.compile()


def _take(samples: Samples, job: Any, jobs: int, xp: Any = jnp) -> Samples:
    """The numbers of the sample that each lane works on."""
    index = xp.minimum(job, jobs - 1)
    return jax.tree.map(lambda x: x[..., index] if x.shape[-1] > 1 else x, samples)


_PROGRAMS: dict[tuple, Program] = {}
_KEPT = 64
DRAFT = 200_000  # turns of a program for few lanes after which optimising it pays
FEW = 16


def program(
    circuit: Circuit,
    *,
    method: Method,
    detail: Detail,
    crossings: tuple[tuple[int, int], ...] = (),
    saved: tuple[int, ...] = (),
    lanes: int = 1,
    kind: Callable[[Circuit, tuple], Program] | None = None,
    extra: tuple = (),
    form: Form | None = None,
) -> Program:
    """The program for a circuit's structure, from memory where one like it ran before.

    Compiled in are: names and connections, the kinds of waves, device parameters that are exactly 0 or 1, which
    capacitances are exactly 0, the method, the ledger's detail, which nodes are crossed or saved. Everything else (all
    values, amplitudes and corner times, thresholds, tolerances, the stop) is an argument. The number of samples, the
    number of corners rounded up to a power of two, and the sizes of buffers are shapes, which compile anew. Above
    `FEW` lanes the code is made for speed, below for being made quickly.
    """
    constant = tuple(eqx.filter(e, neutral(e)) for e in circuit.elements if isinstance(e, Memristive))
    numbers = tuple(float(x) for x in jax.tree.leaves(constant))
    structure = (jax.tree.structure(circuit), jax.tree.structure(constant), numbers, layout(circuit).capacitive)
    key = (
        structure,
        method,
        detail,
        crossings,
        saved,
        lanes > FEW,
        form or suited(circuit, wide=lanes > FEW),
        kind,
        *extra,
    )
    if key not in _PROGRAMS:
        while len(_PROGRAMS) >= _KEPT:
            _PROGRAMS.pop(next(iter(_PROGRAMS)))
        _PROGRAMS[key] = (kind or Program)(circuit, key)
    return _PROGRAMS[key]
