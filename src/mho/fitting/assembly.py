"""From a finished descent to a :class:`Fit`: intervals, derived numbers, and what a reader must know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from mho.core.parameters import ParameterSet
from mho.devices import ECRAM
from mho.fitting.event_face import HEAD, UNITS, Layout, Reference, weights_of
from mho.fitting.measurement import PulseMeasurement
from mho.fitting.result import Candidate, Estimate, Fit
from mho.fitting.selection import Solution
from mho.fitting.sourced import parameter_set

_FEW_BLOCKS = 12
_FAR = 6.0  # robust standard deviations beyond which a reading is called out


@dataclass(frozen=True)
class Finished:
    """Everything that a descent leaves behind."""

    measurement: PulseMeasurement
    start: ParameterSet
    base: ECRAM
    reference: Reference
    layout: Layout
    solution: Solution
    resampled: np.ndarray
    repeated: np.ndarray
    noise: tuple[Estimate, ...]
    usable: np.ndarray
    held_out: np.ndarray
    rows: np.ndarray
    n_effective: float
    blocks: int
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...]
    fixed: frozenset[str]
    model: Callable[[np.ndarray], np.ndarray]

    def estimate(
        self, name: str, of: Callable, unit: str, *, scale: Callable = np.log, back: Callable = np.exp, note: str = ""
    ) -> Estimate:
        """A function of the parameter vector with its 95 % interval, symmetric on the given scale.

        The interval is the wider of the block bootstrap (with Student's quantile for the blocks left over) and the
        simulated repetitions.
        """
        value = np.asarray(of(self.solution.theta))
        deviation = [np.sqrt(np.mean((scale(of(d)) - scale(value)) ** 2)) for d in (self.resampled, self.repeated)]
        left = max(self.blocks - int(self.solution.free.sum()), 3)
        half = max(stats.t.ppf(0.975, left) * deviation[0], stats.norm.ppf(0.975) * deviation[1])
        low, high = (float(back(scale(value) + side * half)) for side in (-1.0, 1.0))
        return Estimate(name, float(value), unit, low, high, note=note)


def assemble(f: Finished) -> Fit:
    """The fit as people read it."""
    estimates = (*_head(f), *_modes(f), *f.noise)
    reads, residual = f.measurement.reads, f.solution.residual
    g_model = np.exp(f.model(f.solution.theta[None])[0])
    fitted, outside = residual[f.rows], residual[f.held_out]
    moving = np.flatnonzero(f.solution.free)
    spread = np.concatenate([f.resampled, f.repeated])[:, moving]
    return Fit(
        measurement=f.measurement,
        estimates=estimates,
        derived=_derived(f),
        parameters=parameter_set(
            f.measurement,
            f.start,
            f.base,
            estimates,
            where=f"fit of {f.solution.modes} mode(s) to {len(f.rows)} readings",
        ),
        candidates=f.candidates,
        correlation=np.atleast_2d(np.corrcoef(spread, rowvar=False)),
        correlated=tuple(f.layout.names[i] for i in moving),
        t=reads.t,
        g=reads.g,
        g_model=g_model,
        residual=np.where(f.usable, reads.g / g_model - 1.0, np.nan),
        held_out=f.held_out,
        error_fit=float(np.sqrt(np.mean(fitted**2))),
        error_held_out=float(np.sqrt(np.mean(outside**2))) if outside.size else float("nan"),
        n=len(f.rows),
        n_effective=f.n_effective,
        blocks=f.blocks,
        warnings=(*f.measurement.warnings, *f.warnings, *_remarks(f)),
    )


def _remarks(f: Finished) -> list[str]:
    found = []
    inside, outside = f.solution.residual[f.rows], f.solution.residual[f.held_out]
    masked = int(np.sum(~f.usable))
    if masked:
        found.append(f"{masked} readings are masked (missing, or taken during a pulse)")
    far = int(np.sum(np.abs(inside) > _FAR * 1.4826 * float(np.median(np.abs(inside)))))
    if far:
        found.append(
            f"{far} readings lie more than {_FAR:g} robust standard deviations off; they were fitted like the others"
        )
    if f.blocks < _FEW_BLOCKS:
        found.append(f"only {f.blocks} blocks of independent readings: the intervals are rough; measure longer")
    if outside.size and np.std(outside) > 2.0 * np.std(inside):
        found.append(
            f"the held-out error is {np.std(outside) / np.std(inside):.1f} times the fit's: the fit does not carry over"
        )
    return found


def _sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))


def _head(f: Finished) -> list[Estimate]:
    """The numbers that are not of a mode."""
    found = []
    for k, name in enumerate(HEAD):
        held = f.solution.held.get(name)
        value = float(f.solution.theta[k])
        if f.solution.free[k] and name == "efficacy":
            found.append(f.estimate(name, lambda x: _sigmoid(x[..., 2]), "1", scale=_logit, back=_sigmoid))
        elif f.solution.free[k]:
            found.append(f.estimate(name, lambda x, k=k: np.exp(x[..., k]), UNITS[name]))
        elif held is not None:
            none = name == "consolidation" and "lower" in held
            found.append(
                Estimate(name, 0.0 if none else float(np.exp(value)), UNITS[name], status="at bound", note=held)
            )
        elif name in f.fixed:
            given = float(_sigmoid(value) if name == "efficacy" else np.exp(value))
            found.append(Estimate(name, given if given > 1e-29 else 0.0, UNITS[name], status="held", note="given"))
    return found


def _modes(f: Finished) -> list[Estimate]:
    """Weights and relaxation times."""
    found, names = [], f.layout.names
    moving = f.solution.free[f.layout.ratios][: f.solution.modes - 1].any()
    for k in range(f.solution.modes):

        def weight(x: Any, k: int = k) -> Any:
            return weights_of(x[..., f.layout.ratios])[..., k]

        if moving:
            found.append(f.estimate(f"weight[{k}]", weight, "1", scale=_logit, back=_sigmoid))
        else:
            found.append(Estimate(f"weight[{k}]", float(weight(f.solution.theta)), "1", status="held"))
    for k in range(f.solution.modes):
        i = f.layout.tau.start + k
        if f.solution.free[i]:
            found.append(f.estimate(f"tau[{k}]", lambda x, i=i: np.exp(x[..., i]), "s"))
        else:
            why = f.solution.held.get(names[i], "")
            status = "collapsed" if why == "collapsed" else "at bound"
            found.append(Estimate(f"tau[{k}]", float(np.exp(f.solution.theta[i])), "s", status=status, note=why))
    return found


def _derived(f: Finished) -> tuple[Estimate, ...]:
    """Transient resistance of one reference pulse, and the resistance at rest."""

    def step(x: np.ndarray) -> np.ndarray:
        g = np.exp(x[..., 0])
        return 1.0 / g - 1.0 / (g + np.exp(x[..., 1]) * _sigmoid(x[..., 2]) ** np.exp(x[..., 4]))

    return (
        f.estimate("r_step", step, "ohm", note="fall of the resistance by one pulse from rest"),
        f.estimate("r_rest", lambda x: np.exp(-x[..., 0]), "ohm"),
    )
