"""From a finished descent to a :class:`Fit`: intervals, derived numbers, noise, and the sourced parameter set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from scipy import stats

from mho.core.parameters import Number, ParameterSet
from mho.core.quantities import engineering
from mho.devices import ECRAM
from mho.fitting.event_face import HEAD, UNITS, Layout, Reference, curve, device_of, weights_of
from mho.fitting.measurement import PulseMeasurement
from mho.fitting.result import Candidate, Estimate, Fit
from mho.fitting.scatter import noise_of
from mho.fitting.table import listed
from mho.fitting.train import PulseTrain, after_pulses, reading

_FEW_BLOCKS = 12


@dataclass(frozen=True)
class Finished:
    """Everything that a descent leaves behind."""

    measurement: PulseMeasurement
    start: ParameterSet
    base: ECRAM
    reference: Reference
    layout: Layout
    modes: int
    theta: np.ndarray
    free: np.ndarray
    held: dict[str, str]
    draws: np.ndarray
    residual: np.ndarray
    usable: np.ndarray
    held_out: np.ndarray
    rows: np.ndarray
    n_effective: float
    blocks: int
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...]
    fixed: set[str]


def assemble(f: Finished, train: PulseTrain) -> Fit:
    """The fit as people read it."""
    estimates = (*_estimates(f), *_noise(f, train))
    derived = _derived(f)
    reads = f.measurement.reads
    g_model = np.exp(np.where(f.usable, np.log(np.where(f.usable, reads.g, 1.0)) + f.residual, np.nan))
    if not f.usable.all():
        g_model = np.where(f.usable, g_model, _model(f, train))
    relative = np.where(f.usable, reads.g / g_model - 1.0, np.nan)
    fitted, outside = f.residual[f.rows], f.residual[f.held_out]
    moving = np.flatnonzero(f.free)
    spread = f.draws[:, moving] - f.theta[moving]
    return Fit(
        measurement=f.measurement,
        estimates=estimates,
        derived=derived,
        parameters=_parameter_set(f, estimates),
        candidates=f.candidates,
        correlation=np.atleast_2d(np.corrcoef(spread, rowvar=False)),
        correlated=tuple(f.layout.names[i] for i in moving),
        t=reads.t,
        g=reads.g,
        g_model=g_model,
        residual=relative,
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
    masked = int(np.sum(~f.usable))
    if masked:
        found.append(f"{masked} readings are masked (missing, or taken during a pulse)")
    robust = 1.4826 * float(np.median(np.abs(f.residual[f.rows])))
    far = int(np.sum(np.abs(f.residual[f.rows]) > 6 * robust))
    if far:
        found.append(
            f"{far} readings lie more than 6 robust standard deviations from the model; they were fitted like the others"
        )
    if f.blocks < _FEW_BLOCKS:
        found.append(f"only {f.blocks} blocks of independent readings: the intervals are rough; measure longer")
    outside, inside = f.residual[f.held_out], f.residual[f.rows]
    if outside.size and np.std(outside) > 2.0 * np.std(inside) + 1e-12:
        found.append(
            f"the held-out error is {np.std(outside) / np.std(inside):.1f} times the fit's: the model does not carry over"
        )
    return found


def _model(f: Finished, train: PulseTrain) -> np.ndarray:
    return np.exp(curve(train, f.base, f.layout.modes)(f.theta[None])[0])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))


def interval(
    value: np.ndarray, draws: np.ndarray, blocks: int, free: int, *, scale: Callable = np.log, back: Callable = np.exp
) -> tuple[float, float]:
    """95 % interval from bootstrap draws, symmetric on the given scale, with Student's quantile for the blocks left over."""
    centre = scale(np.asarray(value))
    deviation = np.sqrt(np.mean((scale(draws) - centre) ** 2))
    half = stats.t.ppf(0.975, max(blocks - free, 3)) * deviation
    return float(back(centre - half)), float(back(centre + half))


def _estimates(f: Finished) -> tuple[Estimate, ...]:
    """Head numbers, weights and times of the modes in use."""
    names, p = f.layout.names, int(f.free.sum())
    found = []
    for k, name in enumerate(HEAD):
        is_share = name == "efficacy"
        value = float(_sigmoid(f.theta[k]) if is_share else np.exp(f.theta[k]))
        if f.free[k]:
            draws = _sigmoid(f.draws[:, k]) if is_share else np.exp(f.draws[:, k])
            scale, back = (_logit, _sigmoid) if is_share else (np.log, np.exp)
            low, high = interval(value, draws, f.blocks, p, scale=scale, back=back)
            found.append(Estimate(name, value, UNITS[name], low, high))
        elif name in f.held:
            value = 0.0 if name == "consolidation" and "lower" in f.held[name] else value
            found.append(Estimate(name, value, UNITS[name], status="at bound", note=f.held[name]))
        elif name in f.fixed:
            found.append(Estimate(name, value if value > 1e-29 else 0.0, UNITS[name], status="held", note="given"))
    weights = weights_of(f.theta[f.layout.ratios])
    weight_draws = weights_of(f.draws[:, f.layout.ratios])
    moving_weights = f.free[f.layout.ratios][: f.modes - 1].any()
    for k in range(f.modes):
        if moving_weights:
            low, high = interval(weights[k], weight_draws[:, k], f.blocks, p, scale=_logit, back=_sigmoid)
            found.append(Estimate(f"weight[{k}]", float(weights[k]), "1", low, high))
        else:
            status = "held" if f.modes == 1 else "collapsed"
            found.append(
                Estimate(
                    f"weight[{k}]", float(weights[k]), "1", status=status, note="a single mode" if f.modes == 1 else ""
                )
            )
    for k in range(f.modes):
        i = f.layout.tau.start + k
        value = float(np.exp(f.theta[i]))
        if f.free[i]:
            low, high = interval(value, np.exp(f.draws[:, i]), f.blocks, p)
            found.append(Estimate(f"tau[{k}]", value, "s", low, high))
        else:
            found.append(
                Estimate(
                    f"tau[{k}]",
                    value,
                    "s",
                    status="collapsed" if f.held.get(names[i]) == "collapsed" else "at bound",
                    note=f.held.get(names[i], ""),
                )
            )
    return tuple(found)


def _derived(f: Finished) -> tuple[Estimate, ...]:
    """Transient resistance of one reference pulse, and the non-volatile resistance at rest."""

    def step(theta: np.ndarray) -> np.ndarray:
        g, dg = np.exp(theta[..., 0]), np.exp(theta[..., 1]) * _sigmoid(theta[..., 2]) ** 1.0
        power = np.exp(theta[..., 4])
        dg = np.exp(theta[..., 1]) * _sigmoid(theta[..., 2]) ** power
        return 1.0 / g - 1.0 / (g + dg)

    p = int(f.free.sum())
    r_step, r_rest = float(step(f.theta)), float(np.exp(-f.theta[0]))
    return (
        Estimate(
            "r_step",
            r_step,
            "ohm",
            *interval(r_step, step(f.draws), f.blocks, p),
            note="fall of the resistance by one pulse from rest",
        ),
        Estimate("r_rest", r_rest, "ohm", *interval(r_rest, np.exp(-f.draws[:, 0]), f.blocks, p)),
    )


@jax.jit
def _after_pulses(device: ECRAM, train: PulseTrain):
    """Packed state and conductance after each pulse."""
    states = after_pulses(device, train)
    return states, jax.vmap(reading, in_axes=(None, 0, None))(device, states, 0.0)


def _noise(f: Finished, train: PulseTrain) -> tuple[Estimate, ...]:
    """Read and cycle-to-cycle noise from the residuals."""
    device = device_of(f.theta, f.base, f.layout.modes, f.modes)
    with jax.enable_x64(True):
        states, conductance = (np.asarray(a) for a in _after_pulses(device, train))
        s = np.asarray(device.drive(train.amplitude))
        rate = float(device.loading_rate)
    room = 1.0 - np.abs(states[:, :-1].sum(axis=1))
    lost = -np.expm1(-np.abs(s) * train.width * rate)[train.kind]
    jump = float(device.g_volatile) * room * lost / np.maximum(1.0 - lost, 1e-9)
    return noise_of(f.residual, train.pulse, jump / conductance, f.rows)


def _parameter_set(f: Finished, estimates: tuple[Estimate, ...]) -> ParameterSet:
    by_name = {e.name: e for e in estimates}
    path = f.measurement.path
    stem = "".join(c if c.isalnum() else "_" for c in path.stem)
    where = f"fit of {f.modes} mode(s) to {len(f.rows)} readings"

    def fitted(value: Any, unit: str, low: Any, high: Any, note: str = "") -> Number:
        ends = None if np.any(np.isnan(np.asarray(low, float))) else (low, high)
        return Number(value, unit, "measurement", where, "fitted", note=note, interval=ends)

    def one(name: str) -> Number:
        e = by_name[name]
        if e.status == "held":
            return Number(e.value, e.unit, "measurement", "given to the fit", "assumed", note=e.note)
        return fitted(e.value, e.unit, e.low, e.high, e.note)

    low, span = float(f.base.g_min), float(f.base.g_max) - float(f.base.g_min)
    g_rest = by_name["g_rest"]
    numbers = {
        name: one(name)
        for name in ("g_volatile", "efficacy", "v_0", "exponent", "consolidation", "sigma_read", "sigma_cycle")
        if name in by_name
    }
    numbers["x_0"] = fitted(
        (g_rest.value - low) / span,
        "1",
        (g_rest.low - low) / span,
        (g_rest.high - low) / span,
        f"{engineering(g_rest.value, 'S')} at rest in the window g_min to g_max",
    )
    for field, unit, word in (("weights", "1", "weight"), ("tau", "s", "tau")):
        modes = [by_name[f"{word}[{k}]"] for k in range(f.modes)]
        value = np.asarray([m.value for m in modes])
        value = value / value.sum() if field == "weights" else value
        numbers[field] = fitted(tuple(value.tolist()), unit, tuple(m.low for m in modes), tuple(m.high for m in modes))
    for name, value, unit in (("v_ref", f.reference.v_ref, "V"), ("t_ref", f.reference.t_ref, "s")):
        numbers[name] = Number(value, unit, "measurement", "the most frequent gate pulse", "stated")
    numbers["polarity"] = Number(f.reference.polarity, "1", "measurement", "sign of the response to a pulse", "stated")
    for name in ("g_min", "g_max"):
        value = float(getattr(f.base, name))
        if value != f.start.numbers[name].value:
            numbers[name] = Number(
                value,
                "S",
                "measurement",
                "a window that holds the data",
                "assumed",
                note="the window of the non-volatile state was not measured",
            )
    others = [n for n in f.start.numbers if n not in numbers]
    result = f.start.with_values(
        numbers,
        name=f"{stem}_fit",
        summary=f"ECRAM fitted to {path.name}",
        sources={"measurement": {"text": f"pulse measurement {path.name}", "file": str(path)}},
    )
    note = f"From {f.start.name}, not from this measurement: {listed(others)}, and the spread from device to device (one device was measured)."
    return ParameterSet(
        name=result.name,
        model=result.model,
        summary=result.summary,
        numbers=result.numbers,
        sources=result.sources,
        spread=result.spread,
        valid=result.valid,
        note=note,
        model_class=result.model_class,
    )
