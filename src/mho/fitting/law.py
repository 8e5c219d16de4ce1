"""Laws: a curve with a few positive numbers, fitted by the one regression, and the choice among several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.fitting.estimate import Problem
from mho.fitting.model_fit import Axes, ModelFit, estimates_of, findings_of
from mho.fitting.regression import Regression, regress
from mho.fitting.result import Candidate, Estimate
from mho.fitting.vector import Entry, box, in_si

_STARTS = 8
_SCATTER = 0.7  # standard deviation of the starts on the fitting scales


@dataclass(frozen=True)
class Law:
    """A curve with numbers to find.

    Args:
        name: What it is called.
        entries: Its numbers, with starts and bounds.
        curve: Values (rows, values) at rows of SI numbers, on the scale of the residual.
        effects: Which of its numbers an effect takes.
    """

    name: str
    entries: tuple[Entry, ...]
    curve: Callable[[np.ndarray], np.ndarray]
    effects: dict[str, tuple[str, ...]]


def positive(name: str, unit: str, value: float, *, low: float | None = None, high: float | None = None) -> Entry:
    """A positive number, six decades about its start unless bounded."""
    return Entry(name, unit, value, "log", value * 1e-6 if low is None else low, value * 1e6 if high is None else high)


def between(name: str, unit: str, value: float, low: float, high: float) -> Entry:
    """A number between two bounds, of either sign."""
    return Entry(name, unit, value, "linear", low, high)


def fit_law(
    law: Law, data: np.ndarray, *, generator: np.random.Generator, weight: np.ndarray | None = None, block: int = 5
) -> Regression:
    """The regression of one law; NaN in the data is missing."""
    low, high, first = box(law.entries)
    starts = first + _SCATTER * generator.normal(size=(_STARTS, len(first)))
    starts[0] = first
    problem = Problem(
        names=tuple(e.name for e in law.entries),
        low=low,
        high=high,
        data=data,
        weight=np.isfinite(data).astype(float) if weight is None else weight,
        curve=lambda theta: np.nan_to_num(law.curve(in_si(law.entries, theta)), nan=1e6, posinf=1e6, neginf=-1e6),
    )
    return regress(problem, np.clip(starts, low, high), np.ones(len(first), bool), iterations=40, block=block)


def chosen(laws: Sequence[Law], data: np.ndarray, *, seed: Any) -> tuple[Law, Regression, tuple[Candidate, ...]]:
    """The law with the smallest BIC among those whose numbers the data determine, and the table of all."""
    generator = np.random.default_rng(seed)
    found = [fit_law(law, data, generator=generator) for law in laws]
    n = min(found, key=lambda f: f.error_fit).n_effective
    candidates = []
    for law, fit in zip(laws, found, strict=True):
        remark = "; ".join([*(f"{k} {why}" for k, why in fit.held.items()), *fit.loose])
        candidates.append(Candidate(law.name, fit.count, fit.bic(n), fit.error_fit, fit.error_held_out, remark))
    sound = [k for k, c in enumerate(candidates) if not c.remark] or list(range(len(laws)))
    best = min(sound, key=lambda k: candidates[k].bic)
    order = sorted(range(len(laws)), key=lambda k: candidates[k].bic)
    return laws[best], found[best], tuple(candidates[k] for k in order)


def law_fit(
    record: Any,
    law: Law,
    found: Regression,
    candidates: tuple[Candidate, ...],
    *,
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    y_model: np.ndarray,
    extra: tuple[Estimate, ...] = (),
    warnings: Sequence[str] = (),
) -> ModelFit:
    """The fit of a law as people read it."""
    estimates = (*estimates_of(found, law.entries), *extra)
    have = {e.name for e in estimates}
    return ModelFit(
        path=record.path,
        model=law.name,
        estimates=estimates,
        axes=axes,
        x=x,
        y=y,
        y_model=y_model,
        residual=found.residual,
        used=np.isfinite(y),
        **findings_of(found),
        candidates=candidates,
        effects={k: v for k, v in law.effects.items() if set(v) <= have},
        warnings=(*record.warnings, *warnings),
    )
