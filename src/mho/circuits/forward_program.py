"""The compiled loop for lanes that carry derivatives by some of the circuit's numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Var

from mho.circuits.assembly import Prepared, prepare
from mho.circuits.forward import Along, Both, ForwardStepper, Parts, in_segment, pushed
from mho.circuits.moving import Moving
from mho.circuits.netlist import Circuit
from mho.circuits.program import Program, Queue, Results, _take
from mho.circuits.stepping import SLOTS, Lanes, Settings
from mho.circuits.vectors import each
from mho.core.results import Status


class Sided(NamedTuple):
    """Something and its derivatives."""

    value: Any
    slopes: Any


class Changes(NamedTuple):
    """Derivatives of a run's samples.

    Args:
        circuit: Of the circuit's variable leaves that depend on a parameter, (parameters, samples or 1).
        start: Of the unknowns at the start, as vectors of (parameters, samples or 1).
    """

    circuit: tuple[Any, ...]
    start: Any


class Books(NamedTuple):
    """What of the results has derivatives; leaves as in Results, with a leading axis over parameters."""

    times: Any
    energies: Any
    totals: Any
    last: Any

    @classmethod
    def of(cls, r: Results) -> Books:
        """Those parts of the results."""
        return cls(*(getattr(r, name) for name in cls._fields))


class ForwardQueue(NamedTuple):
    """A queue of lanes with derivatives: all samples run side by side."""

    lanes: Lanes
    job: Any
    following: Any
    results: Results
    slopes: Parts
    sources: Moving
    books: Books


class ForwardProgram(Program):
    """Compiled functions for one structure and one choice of parameters."""

    def __init__(self, circuit: Circuit, key: tuple):
        super().__init__(circuit, key)
        self.varied: tuple[int, ...] = key[-1]
        old = self.stepper
        self.forward = ForwardStepper(old.assembly, old.tableau, old.accounts, old.which, old.crossings, old.saved)
        self.stepper = self.forward

    def begin(self, samples: Any, table: Any, settings: Settings, lanes: int, jobs: int, events: int, points: int):
        """All lanes at time zero, and empty results."""
        q = super().begin(samples.value, table.value, settings, lanes, jobs, events, points)
        count = jax.tree.leaves(samples.slopes.start)[0].shape[0]
        blank = lambda x: np.zeros((count, *np.shape(x)))  # noqa: E731
        parts = jax.tree.map(blank, Parts.of(q.lanes))
        parts = parts._replace(start=each(lambda zero, x: zero + x, parts.start, samples.slopes.start))
        sources = in_segment(table.slopes, q.lanes.segment, q.job)
        return ForwardQueue(*q, parts, sources, jax.tree.map(blank, Books.of(q.results)))

    def advance(self, queue: Any, samples: Any, table: Any, settings: Settings, stop: Any, turns: Any, idle: Any):
        """Run until all samples are done or `turns` iterations have passed."""
        jobs, limit = queue.results.status.shape[0], queue.lanes.tick + turns

        def unfinished(q: ForwardQueue) -> Any:
            return jnp.any(q.job < jobs) & (q.lanes.tick < limit)

        def outer(q: ForwardQueue) -> ForwardQueue:
            mine = _take(samples.value, q.job, jobs)
            prepared, along = self.prepared(mine.circuit, _take(samples.slopes, q.job, jobs).circuit)
            steer = settings._replace(thresholds=mine.thresholds, after=mine.after, energy=mine.energy)

            def go_on(b: Both) -> Any:
                full = jnp.any(jnp.stack([n >= SLOTS for n in b.lanes.slot_count])) if self.crossings else False
                return jnp.any(b.lanes.status == Status.RUNNING) & ~jnp.asarray(full) & (b.lanes.tick < limit)

            def turn(b: Both) -> Both:
                return self.forward.forward(b, prepared, along, (table.value, table.slopes), q.job, stop, steer)

            return self.gathered(q, lax.while_loop(go_on, turn, Both(q.lanes, q.slopes, q.sources)))

        return lax.while_loop(unfinished, outer, queue)

    def prepared(self, variables: Any, slopes: tuple[Any, ...]) -> tuple[Prepared, Along]:
        """The prepared circuit, and the derivatives of those of its leaves that depend on a parameter."""
        leaves, tree = jax.tree.flatten(variables)

        def made(*varied: Any) -> Prepared:
            all_ = list(leaves)
            for k, x in zip(self.varied, varied, strict=True):
                all_[k] = x
            return prepare(eqx.combine(jax.tree.unflatten(tree, all_), self.stepper.assembly.constant), self.layout)

        at = tuple(leaves[k] for k in self.varied)
        where = depending(made, *at)
        flat = lambda *x: tuple(jax.tree.leaves(made(*x))[k] for k in where)  # noqa: E731
        rates = jax.vmap(lambda *t: jax.jvp(flat, at, t)[1])(*slopes) if where else ()
        return made(*at), Along(rates, where)

    def gathered(self, q: ForwardQueue, b: Both) -> ForwardQueue:
        """Write what the lanes found, and its derivatives, to the results."""
        plain = Queue(b.lanes, q.job, q.following, q.results)

        def write(parts: Parts, books: Books) -> tuple[Books, Queue]:
            lanes, results = b.lanes._replace(**parts._asdict()), q.results._replace(**books._asdict())
            new = self.collect(plain._replace(lanes=lanes, results=results))
            return Books.of(new.results), new

        books, new = pushed(write, (Parts.of(b.lanes), Books.of(q.results)), (b.slopes, q.books))
        jobs = q.results.status.shape[0]
        job = jnp.where(new.lanes.status == Status.RUNNING, q.job, jobs)
        return ForwardQueue(new.lanes, job, q.following, new.results, b.slopes, b.sources, books)


def depending(function: Callable, *args: Any) -> tuple[int, ...]:
    """Numbers of the leaves of function(*args) that depend on the arguments."""
    jaxpr = jax.make_jaxpr(function)(*args).jaxpr
    touched = set(jaxpr.invars)
    for eqn in jaxpr.eqns:
        if any(isinstance(v, Var) and v in touched for v in eqn.invars):
            touched.update(eqn.outvars)
    return tuple(k for k, v in enumerate(jaxpr.outvars) if isinstance(v, Var) and v in touched)
