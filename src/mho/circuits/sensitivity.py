"""Derivatives of what a circuit does, its spike times, widths, rates and energies, by any numbers of the circuit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mho.circuits.directions import Selector, directions
from mho.circuits.dual import Dual
from mho.circuits.forward_job import ForwardJob
from mho.circuits.netlist import Circuit
from mho.circuits.options import Crossing, Options
from mho.circuits.transient import Start, failure_text
from mho.circuits.waveforms import Run, following
from mho.core.errors import InputError, SolverError


@dataclass(frozen=True)
class Sensitivities:
    """What a run found, with derivatives by each parameter: per its SI unit, or per relative change if so asked.

    Arrays have a leading axis over samples where crossings are concerned, as those of a run; totals and final values
    are plain numbers for a single circuit.

    Args:
        run: The run itself.
        times: Times of each crossing that was asked for, (samples, most), NaN where there are no more [s].
        accounts: Energies [J] and charges [C] up to each crossing, by (kind, name), for each crossing asked for.
        supplies, charges, dissipation, storage: The ledger's books at the end, by name [J], [C].
        final: Every unknown at the end, by name.
    """

    run: Run
    times: tuple[Dual, ...]
    accounts: tuple[Mapping[tuple[str, str], Dual], ...]
    supplies: Mapping[str, Dual]
    charges: Mapping[str, Dual]
    dissipation: Mapping[str, Dual]
    storage: Mapping[str, Dual]
    final: Mapping[str, Dual]

    def intervals(self, crossing: int = 0) -> Dual:
        """Times between successive crossings [s]."""
        return self.times[crossing].diff()

    def rate(self, crossing: int = 0) -> Dual:
        """Mean rate over the intervals of each sample; 0 with fewer than two crossings [Hz]."""
        t = self.times[crossing]
        count = np.sum(np.isfinite(t.value), axis=1)
        rows, last = np.arange(len(count)), np.maximum(count - 1, 0)
        some = count > 1
        span = t.map(lambda x: np.where(some, x[rows, last] - x[:, 0], 0.0)) + np.where(some, 0.0, 1.0)
        return np.where(some, count - 1.0, 0.0) / span

    def widths(self, rising: int = 0, falling: int = 1) -> Dual:
        """Time from each rising crossing to the next falling one, NaN where none follows [s]."""
        after = following(self.times[rising].value, self.times[falling].value)
        rows = np.arange(len(after))[:, None]
        pick = lambda x: np.where(after >= 0, x[rows, np.maximum(after, 0)], np.nan)  # noqa: E731
        return self.times[falling].map(pick) - self.times[rising]

    def energy(self, name: str, crossing: int = 0) -> Dual:
        """Energy up to each crossing: from a source (or all that share a first part), or dissipated in a group [J].

        Raises:
            InputError: If the ledger has no such source or group.
        """
        return self._account(name, crossing, "energy", lambda kind: kind in ("energy", "dissipated"))

    def charge(self, name: str, crossing: int = 0) -> Dual:
        """Charge that a voltage source delivered up to each crossing [C]."""
        return self._account(name, crossing, "charge", lambda kind: kind == "charge")

    def per_spike(self, name: str, crossing: int = 0) -> Dual:
        """Energy between successive crossings [J]."""
        return self.energy(name, crossing).diff()

    def _account(self, name: str, crossing: int, what: str, kind: Callable[[str], bool]) -> Dual:
        books = {key: x for key, x in self.accounts[crossing].items() if kind(key[0])}
        found = [x for (_, key), x in books.items() if key == name or key.startswith(f"{name}.")]
        if not found:
            known = ", ".join(key for _, key in books)
            raise InputError(f"There is no {what} of {name!r} at crossings; there is {known}.")
        return sum(found[1:], found[0])


def sensitivities(
    circuit: Any,
    stop: float,
    of: Mapping[str, Selector],
    *,
    build: Callable[[Any], Circuit] | None = None,
    crossings: Sequence[Crossing] = (),
    options: Options = Options(),  # noqa: B008  (frozen)
    start: Start | str | Mapping[str, Any] = Start.ZERO,
    relative: bool = False,
    scales: Mapping[str, float] | None = None,
    throw: bool = True,
) -> Sensitivities:
    """Integrate a circuit from 0 to `stop` with the derivatives of all results by some of its numbers.

    A vector of derivatives per parameter is carried beside the unknowns, solved by the same factors, and its error is
    tested as that of the unknowns is, relative to the larger of 1 V and its own size. Derivatives go through source
    corners, the start and the crossing of thresholds. All samples of a population run side by side.

    Args:
        circuit: A circuit, a population of one, or what `build` makes one of.
        stop: End [s].
        of: By name, a selector of a number, or of a tuple of numbers that change together:
            ``{"c": lambda c: c["membrane.c"].c}``.
        build: Makes the circuit, for example ``lambda neuron: neuron.circuit(current=30e-9)``; `of` then selects from
            what it is made of.
        crossings: Thresholds whose crossing times are wanted, with the energies at each.
        options: Accuracy and buffers.
        start: Zero charge, the operating point, or the `final` values of another run (with their derivatives, if they
            come from here).
        relative: Derivatives by relative changes, p dX/dp, instead of by the parameters in their units.
        scales: Size of a parameter that is 0, by name, in its unit.
        throw: Raise if a sample fails; otherwise failures are counted in the run.

    Raises:
        InputError: If a selector finds no number, or a name is unknown.
        SolverError: If a sample fails and `throw` is true, or a derivative is not finite.
    """
    if not (np.isfinite(stop) and stop > 0):
        raise InputError(f"stop is {stop} s; it must be above 0.")
    start = Start(start) if isinstance(start, str) else start
    along = directions(circuit, of, build, relative=relative, scales=scales)
    with jax.enable_x64(True):
        job = ForwardJob(along, stop, tuple(crossings), options, start)
        run = job.run(None)
        if throw and run.failures:
            raise SolverError(failure_text(run, stop))
        return _gathered(job, run, along.sizes)


def _gathered(job: ForwardJob, run: Run, sizes: Sequence[np.ndarray]) -> Sensitivities:
    books, names = job.books, job.names
    every = range(len(names))

    def dual(value: Any, slopes: Sequence[Any]) -> Dual:
        by = {}
        for name, size, d in zip(names, sizes, slopes, strict=True):
            d = d / (size[:, None] if size.ndim and np.ndim(value) == 2 else size)
            by[name] = d if np.ndim(value) else float(np.ravel(d)[0])
        return Dual(value, by)

    times, accounts = [], []
    for k, c in enumerate(run.crossings):
        most, there = c.times.shape[1], np.isfinite(c.times)
        slopes = [np.where(there, books.times[p, k, :most].T, np.nan) for p in every]
        _check(names, "a crossing time", slopes, there)
        times.append(dual(c.times, slopes))
        found = [job.account_slopes(c.accounts, books.energies[p, k, :most], p, crossing=True) for p in every]
        accounts.append({key: dual(x, [f[key] for f in found]) for key, x in c.accounts.items()})
    last = np.stack([np.reshape(run.final[name], -1) for name in job.layout.names])
    _check(names, "a final value", list(books.last), run.ok[None])
    final = {n: dual(run.final[n], books.last[:, i]) for i, n in enumerate(job.layout.names)}
    ledger = run.ledger
    totals = {("charge", name): np.reshape(x, -1) for name, x in ledger.charges.items()}
    found = [job.account_slopes(totals, books.totals[p], p) for p in every]
    stored = [job.stored_slopes(last, books, p) if ledger.storage else {} for p in every]

    def book(kind: str, values: Mapping[str, Any]) -> dict[str, Dual]:
        return {n: dual(x, [f[kind, n] for f in found]) for n, x in values.items()}

    return Sensitivities(
        run,
        tuple(times),
        tuple(accounts),
        book("energy", ledger.supplies),
        book("charge", ledger.charges),
        book("dissipated", ledger.dissipation),
        {g: dual(x, [s[g] for s in stored]) for g, x in ledger.storage.items()},
        final,
    )


def _check(names: Sequence[str], what: str, slopes: Sequence[np.ndarray], there: np.ndarray) -> None:
    for name, d in zip(names, slopes, strict=True):
        if np.any(there & ~np.isfinite(d)):
            raise SolverError(
                f"The derivative of {what} by {name!r} is not finite. Look for a device whose law has a corner or a "
                "root at its value there, or a crossing that only touches its threshold."
            )
