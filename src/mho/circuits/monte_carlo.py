"""Many samples of a circuit through a few lanes, in this process or in worker processes with one thread each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from mho.circuits.ledger import Detail, Ledger
from mho.circuits.netlist import Circuit
from mho.circuits.options import Crossing, Options
from mho.circuits.transient import Progress, Start, transient
from mho.circuits.waveforms import Crossings, Run
from mho.circuits.workers import Workers
from mho.core.errors import InputError

LANES = 128


def monte_carlo(
    circuit: Circuit,
    stop: float,
    *,
    crossings: Sequence[Crossing] = (),
    options: Options = Options(ledger=Detail.SUPPLIES),  # noqa: B008  (frozen)
    start: Start | str = Start.ZERO,
    lanes: int = LANES,
    workers: Workers | int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Transient of every sample of a population; failures are counted, never dropped, and never raise.

    Samples wait in a queue: a lane that is done takes the next one, so samples that need more steps hold up no other.

    Args:
        circuit: A population, from :func:`mho.sample`.
        stop: End [s].
        crossings: Thresholds whose crossing times are wanted.
        options: Accuracy, buffers, and what the ledger keeps (supplies alone by default).
        start: Zero charge or the operating point.
        lanes: Samples that run side by side in one process.
        workers: Processes to spread the samples over, as a number, or an open :class:`Workers` that keeps its compiled
            programs; this process alone if None.
        progress: Called with the number of samples done and their total.

    Raises:
        InputError: If the circuit is not a population.
    """
    count = circuit.samples
    if count is None:
        raise InputError(
            "The circuit is a single one. Draw a population with mho.sample(circuit, *spreads, n=..., key=...)."
        )
    asked: dict[str, Any] = {"crossings": tuple(crossings), "options": options, "start": start}
    if workers is None:
        return transient(circuit, stop, **asked, throw=False, lanes=min(lanes, count), progress=progress)
    if isinstance(workers, int):
        with Workers(workers) as pool:
            return monte_carlo(circuit, stop, **asked, lanes=lanes, workers=pool, progress=progress)
    edges = np.linspace(0, count, min(workers.count, count) + 1).astype(int)
    jobs = []
    for a, b in itertools.pairwise(edges):
        share = tuple(_share(c, a, b) for c in asked["crossings"])
        own = options
        if options.noise is not None:  # a sample has its noise wherever it runs
            own = replace(options, noise=replace(options.noise, first=options.noise.first + int(a)))
        more = {**asked, "options": own, "crossings": share, "throw": False, "lanes": min(lanes, b - a)}
        jobs.append((transient, (part(circuit, a, b), stop), more))
    return joined(workers.map(jobs, count, progress), tuple(crossings))


def part(circuit: Circuit, begin: int, end: int) -> Circuit:
    """Samples `begin` to `end` of a population; a part of one sample stays a population."""
    return jax.tree.map(lambda x: x[begin:end] if np.ndim(x) == 1 else x, circuit)


def _share(crossing: Crossing, begin: int, end: int) -> Crossing:
    return replace(crossing, threshold=crossing.threshold[begin:end]) if np.ndim(crossing.threshold) == 1 else crossing


def joined(runs: Sequence[Run], crossings: tuple[Crossing, ...]) -> Run:
    """Runs of parts of a population as one run; the wall times are those of the slowest part."""

    def together(pick) -> np.ndarray:
        return np.concatenate([pick(r) for r in runs])

    def books(pick) -> dict[str, Any]:
        return {name: together(lambda r, name=name: pick(r)[name]) for name in pick(runs[0])}

    found = []
    for k, crossing in enumerate(crossings):
        most = max(r.crossings[k].times.shape[1] for r in runs)
        accounts = {
            label: np.concatenate([_widened(r.crossings[k].accounts[label], most) for r in runs])
            for label in runs[0].crossings[k].accounts
        }
        found.append(
            Crossings(crossing, np.concatenate([_widened(r.crossings[k].times, most) for r in runs]), accounts)
        )
    return Run(
        status=together(lambda r: r.status),
        crossings=tuple(found),
        ledger=Ledger(
            books(lambda r: r.ledger.supplies),
            books(lambda r: r.ledger.charges),
            books(lambda r: r.ledger.dissipation),
            books(lambda r: r.ledger.storage),
        ),
        saved=(),
        points=(),
        final=books(lambda r: r.final),
        end=together(lambda r: r.end),
        steps=together(lambda r: r.steps),
        rejections=together(lambda r: r.rejections),
        iterations=together(lambda r: r.iterations),
        seconds=max(r.seconds for r in runs),
        compile_seconds=max(r.compile_seconds for r in runs),
        population=True,
    )


def _widened(x: np.ndarray, most: int) -> np.ndarray:
    return np.concatenate([x, np.full((x.shape[0], most - x.shape[1]), np.nan)], axis=1)
