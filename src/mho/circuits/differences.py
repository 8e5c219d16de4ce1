"""Derivatives by differences of runs side by side: the check of those that a run carries with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.circuits.directions import Selector, numbers, sized
from mho.circuits.dual import Dual
from mho.circuits.netlist import Circuit
from mho.circuits.options import Crossing, Options
from mho.circuits.sensitivity import Sensitivities
from mho.circuits.transient import Start, transient
from mho.core.errors import InputError, SolverError

_STEPS = (1.0, -1.0, 0.5, -0.5)


def finite_difference(
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
    step: float = 0.01,
) -> tuple[Sensitivities, Sensitivities]:
    """What :func:`sensitivities` finds, by central differences with Richardson's extrapolation, and its doubt.

    Four more lanes per parameter run beside the circuit, with changes of `step` and half of it each way.

    Args:
        circuit: A circuit, a population of one, or what `build` makes one of.
        stop: End [s].
        of: By name, a selector of a number, or of a tuple of numbers that change together.
        build: Makes the circuit.
        crossings: Thresholds whose crossing times are wanted.
        options: Accuracy. The step sequences differ, which adds noise of about a tenth of the tolerance: steps below
            1 % want a finer one.
        start: Where each run starts.
        relative: Derivatives by relative changes.
        scales: Size of a parameter that is 0, by name, in its unit.
        step: Relative change of each parameter [1].

    Returns:
        The derivatives, and the amount by which those of half the step differ from them: no check is finer than that.

    Raises:
        SolverError: If a run fails, or a crossing appears or vanishes within a step: there is no derivative then.
    """
    if not 0 < step < 0.5:
        raise InputError(f"step is {step}; it must be above 0 and below 0.5.")
    steps = sized(circuit, of, relative=relative, scales=scales)
    made = build or (lambda c: c)

    def changed(name: str, by: float) -> Circuit:
        where = lambda m: numbers(of[name](m))  # noqa: E731
        new = [x + by * d for x, d in zip(where(circuit), steps[name], strict=True)]
        return made(eqx.tree_at(where, circuit, new))

    base = made(circuit)
    variants = [base, *(changed(name, step * by) for name in of for by in _STEPS)]
    count = base.samples or 1
    run = transient(side_by_side(variants, count), stop, crossings=crossings, options=options, start=start)
    units = [np.ones(()) if relative else steps[name][0] for name in of]

    def split(x: Any) -> tuple[Dual, Dual]:
        x = np.asarray(x, np.float64)
        x = x.reshape(len(variants), count, *x.shape[1:])
        best, doubt = {}, {}
        for k, (name, unit) in enumerate(zip(of, units, strict=True)):
            up, down, half_up, half_down = x[1 + 4 * k : 5 + 4 * k]
            size = step * np.reshape(unit, (-1,) + (1,) * (x.ndim - 2))
            half = (half_up - half_down) / size
            best[name] = (4 * half - (up - down) / (2 * size)) / 3
            doubt[name] = np.abs(half - best[name])
        single = base.samples is None and x.ndim == 2
        plain = (lambda y: float(y[0])) if single else (lambda y: y)
        return tuple(Dual(plain(x[0]), {n: plain(d) for n, d in by.items()}) for by in (best, doubt))  # type: ignore

    for c in run.crossings:
        found = c.count.reshape(len(variants), count)
        if np.any(found != found[0]):
            k = int(np.argmax(np.any(found != found[0], axis=1)))
            name, by = list(of)[(k - 1) // 4], step * _STEPS[(k - 1) % 4]
            raise SolverError(
                f"{c.of.node!r} passes {c.of.threshold} {found[0].tolist()} times, but {found[k].tolist()} times with "
                f"{name!r} changed by {by:+.2%}: an event appears or vanishes. End the run between events, or take a "
                "smaller step."
            )
    ledger = run.ledger
    books = (ledger.supplies, ledger.charges, ledger.dissipation, ledger.storage, run.final)
    times = [split(c.times) for c in run.crossings]
    accounts = [{key: split(x) for key, x in c.accounts.items()} for c in run.crossings]
    totals = [{name: split(x) for name, x in book.items()} for book in books]
    return tuple(  # type: ignore[return-value]
        Sensitivities(
            run,
            tuple(t[k] for t in times),
            tuple({key: x[k] for key, x in a.items()} for a in accounts),
            *({name: x[k] for name, x in book.items()} for book in totals),
        )
        for k in (0, 1)
    )


def side_by_side(circuits: Sequence[Circuit], count: int) -> Circuit:
    """A population of circuits of the same structure, each of `count` samples: only what differs gets an axis."""

    def together(*leaves: np.ndarray) -> np.ndarray:
        if all(np.ndim(x) == 0 and x == leaves[0] for x in leaves):
            return leaves[0]
        return np.concatenate([np.broadcast_to(x, (count,)) for x in leaves])

    return jax.tree.map(together, *circuits)
