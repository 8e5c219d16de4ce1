"""Fit of the pulse models to potentiation and depression ramps: the step law, and the noise of a step and a read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import MeasurementError, ParameterError
from mho.core.fields import described
from mho.core.parameters import Number, ParameterSet
from mho.devices.behavioural import AbstractStepDevice, PiecewiseStep, SaturatingStep, SoftBounds
from mho.fitting.estimate import Problem
from mho.fitting.model_fit import Axes, ModelFit, estimates_of, findings_of, fitted_set, starting_set
from mho.fitting.operated import of_ramps
from mho.fitting.ramps import RampTable
from mho.fitting.regression import regress
from mho.fitting.result import Candidate, Estimate
from mho.fitting.vector import Entry, box, entries, in_si, rebuilt

_STARTS = 10
_TRIALS = 480  # vectors scattered about the first, of which the best are the starts
_ROWS = 16  # parameter vectors evaluated together
_MARGIN = 0.02  # of the range: how far the bounds of a law without bounds lie outside the data
_JUMP = 5.0  # robust standard deviations beyond which a step is a jump
_DEGREE = 3  # of the polynomial that is each ramp's own smooth course, in steps
_BLIND = 1e-9  # of the range: a number that moves no reading by more has no influence
_CONVENTIONS = ("w_min", "w_max", "w_0", "gain", "imbalance", "reach_up", "reach_down", "decay_rate", "gamma_gain",
                "gamma_imbalance", "symmetry_share", "reference", "pulses_up", "pulses_down",
                "slope_up", "slope_down",  # move soft bounds, as the conductances of the window do
                "a", "b")  # scale and shift of an exponent: as its gammas and amplitudes do  # fmt: skip
_LAW = ("gamma_up", "gamma_down", "gamma_up_down", "alpha_up", "alpha_down")
_ASYMMETRIES = ("up_down", "gamma_up_down")  # beyond -1 and 1 the same steps come back
_BOUNDED = (SoftBounds, SaturatingStep)  # laws in which the bounds shape every step, so that a ramp shows them


def fit_ramp(
    model: str | Path | ParameterSet | Any,
    ramps: RampTable,
    *,
    key: jax.Array,
    hold: Collection[str] = (),
    starts: int = _STARTS,
) -> ModelFit:
    r"""Fit a pulse model to ramps.

    All ramps of one direction are averaged (their scatter is :func:`ramp_population`'s and :func:`spread_of`'s); each
    course starts where the data do, at a conductance that is fitted. The residual is a share of the measured range.
    The law's step law is fitted; normalisation is convention: the weight runs over its nominal bounds, and laws that
    bounds do not shape take the data's range for their window, unless `hold` keeps the start's (`g_min`, `g_max`).
    Numbers that only rename others stay: soft bounds' slopes, scale and shift of the exponential step's exponent. For
    the saturating law (NeuroSim's) the number of pulses across the window is that of the ramp, and the nonlinearity
    comes out as it is published.

    About the fitted course a step's noise is write noise, which accumulates, plus the difference of two read noises:
    :math:`\operatorname{var} e = \sigma_w^2+2\sigma_r^2`, neighbours' covariance :math:`-\sigma_r^2`. They are
    `sigma_cycle`, relative to the mean step (to the window in the saturating law), and `sigma_read`.

    Args:
        model: A parameter set, the name of a set or a model, or a device.
        ramps: From :func:`read_ramp`.
        key: Random key of the starts.
        hold: Fields that are not fitted.
        starts: Number of starts.

    Raises:
        MeasurementError: If the model is no pulse model.
    """
    start = starting_set(model)
    device = start.device(bare=True)
    if not isinstance(device, AbstractStepDevice):
        raise MeasurementError(
            f"{start.name} is a set of model {start.model!r}, which is no pulse model of one weight. Choose "
            "constant_step, linear_step, soft_bounds, exp_step, power_step, piecewise_step or saturating_step."
        )
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key), np.uint32).tolist())
    directions, courses = _courses(ramps)
    low, high = (float(f(courses)) for f in (np.nanmin, np.nanmax))
    span = high - low
    device, chosen = _prepared(device, low - _MARGIN * span, high + _MARGIN * span, directions, courses, hold)
    asked = [n for n in (*_LAW, *(["up_down"] if len(directions) > 1 else [])) if n in described(device)]
    kept = {*_CONVENTIONS, *hold, *([] if isinstance(device, _BOUNDED) else ["g_min", "g_max"])}
    if len(directions) == 1:  # they scale the steps of one direction, as dw_min and gamma do
        kept |= set(_ASYMMETRIES)
    if isinstance(device, SaturatingStep | PiecewiseStep):
        kept |= {"dw_min", "up_down"}
    numbers = entries(device, [n for n in kept if n in described(device)], [n for n in asked if n not in kept])
    numbers = tuple(
        replace(e, low=-1.0, high=1.0) if e.name in _ASYMMETRIES and abs(e.value) < 1.0 else e for e in numbers
    )
    begins = tuple(
        Entry(f"start[{k}]", "S", float(c[0]), "linear", low - 0.2 * span, high + 0.2 * span)
        for k, c in enumerate(courses)
    )
    whole = (*numbers, *begins)
    names = tuple(e.name for e in numbers)
    respond = _responses(device, names, directions, courses.shape[1])
    data = courses.ravel() / span
    lower, upper, first = box(whole)
    problem = Problem(
        tuple(e.name for e in whole), lower, upper, data, np.isfinite(data).astype(float),
        lambda theta: np.nan_to_num(respond(in_si(whole, theta)) / span, nan=1e3, posinf=1e3, neginf=-1e3),
    )  # fmt: skip
    scatter = first + generator.choice((0.5, 1.5), size=(_TRIALS, 1)) * generator.normal(size=(_TRIALS, len(first)))
    scatter[:, len(numbers) :] = first[len(numbers) :]
    scatter[0] = first
    scatter = np.clip(scatter, lower, upper)
    cost = np.nansum((problem.curve(scatter) - data) ** 2, axis=1)
    scatter = scatter[np.argsort(cost)[:starts]]
    jacobian = problem.jacobian(scatter[:4], problem.curve(scatter[:4]), np.ones(len(whole), bool))
    seen = np.max(np.abs(jacobian), axis=(0, 1)) > _BLIND
    scatter[:, ~seen] = first[~seen]
    found = regress(problem, scatter, seen, iterations=60)
    blind = {e.name: "without influence on these ramps" for e, s in zip(whole, seen, strict=True) if not s}
    found = replace(found, held={**found.held, **blind})
    model_g = respond(in_si(whole, found.theta[None]))[0].reshape(courses.shape)
    noise = _noise(ramps, device, directions, courses)
    estimates = (*estimates_of(found, whole), *noise)
    parameters = fitted_set(
        start, ramps.path, estimates, where=f"fit to ramps, {found.n} readings", operation=of_ramps(ramps), given=chosen
    )
    warnings = [*ramps.warnings, *_remarks(ramps, found.error_fit, courses, span, parameters)]
    return ModelFit(
        path=ramps.path, model=start.model, estimates=estimates,
        axes=Axes(("reading, ramps one after another", "1"), ("conductance", "S"), error="of the range"),
        x=np.arange(data.size), y=courses.ravel(), y_model=model_g.ravel(), residual=found.residual,
        used=np.isfinite(data), **findings_of(found), parameters=parameters, warnings=tuple(warnings),
    )  # fmt: skip


def _courses(ramps: RampTable) -> tuple[tuple[int, ...], np.ndarray]:
    """Direction and mean course of the ramps up and of those down, (directions, pulses)."""
    found = tuple(d for d in (1, -1) if np.any(ramps.direction == d))
    courses = []
    for d in found:
        g = ramps.g[ramps.direction == d]
        count = np.sum(np.isfinite(g), axis=0)
        # Where ramps end at different pulses, the mean of the few that are left would jump.
        mean = np.where(count == count.max(), np.nansum(g, axis=0) / np.maximum(count, 1), np.nan)
        courses.append(mean)
    return found, np.asarray(courses)


def _prepared(
    device: AbstractStepDevice,
    low: float,
    high: float,
    directions: tuple[int, ...],
    courses: np.ndarray,
    hold: Collection[str],
) -> tuple[AbstractStepDevice, dict[str, Number]]:
    """The device with the window and the number of pulses of the data, and those numbers with their grounds."""
    lengths = {d: max(int(np.isfinite(c).sum()) - 1, 1) for d, c in zip(directions, courses, strict=True)}
    pulses = float(max(lengths.values()))
    values: dict[str, tuple[float, str]] = {
        "g_min": (max(low, 1e-3 * high), "the data's range"),
        "g_max": (high, "the data's range"),
    }
    for name, d in (("pulses_up", 1), ("pulses_down", -1)):
        if hasattr(device, name):
            values[name] = (float(lengths.get(d, pulses)), "the ramp's length")
    if not isinstance(device, SaturatingStep | PiecewiseStep):
        ends = (float(device.g_min), float(device.g_max)) if "g_max" in hold else (low, high)
        share = float(np.nanmax(courses) - np.nanmin(courses)) / (ends[1] - ends[0])
        values["dw_min"] = (share * float(device.w_max - device.w_min) / pulses, "the way over the ramp's length")
    values = {k: v for k, v in values.items() if k not in hold}
    prepared = replace(device, **{k: v for k, (v, _) in values.items()})
    about = described(device)
    fixed = {
        k: Number(v, about[k]["unit"], "measurement", why, "stated")
        for k, (v, why) in values.items()
        if k.startswith("pulses") or (k.startswith("g_m") and not isinstance(device, _BOUNDED))
    }
    return prepared, fixed


@eqx.filter_jit
def _rows(values: Any, begins: Any, names: tuple[str, ...], device: Any, up: Any, count: int) -> Any:
    def one(row: Any, begin: Any) -> Any:
        mine = rebuilt(device, names, row)
        low, high = mine.bounds()
        scale = (mine.g_max - mine.g_min) / (mine.w_max - mine.w_min)

        def ramp(g: Any, upward: Any) -> Any:
            step = mine.step(upward)
            w = jnp.clip(mine.w_min + (g - mine.g_min) / scale, low, high)
            # The first reading is where the fit says, in or out of the window: a misfit there must have a slope.
            after = lax.scan(lambda w, _: (step(w, 0.0),) * 2, w, length=count - 1)[1]
            return jnp.concatenate([g[None], mine.conductance_of(jnp.clip(after, low, high))])

        return jnp.concatenate([ramp(begin[k], up[k]) for k in range(len(up))])

    return jax.vmap(one)(values, begins)


def _responses(device: Any, names: tuple[str, ...], directions: tuple[int, ...], count: int) -> Callable:
    """Conductances after each pulse of each course [S], rows of them, at rows of SI values."""
    up = np.asarray([d > 0 for d in directions])

    def evaluate(values: np.ndarray) -> np.ndarray:
        padded = values[np.minimum(np.arange(-(-len(values) // _ROWS) * _ROWS), len(values) - 1)]
        k = len(names)
        with jax.enable_x64(True):
            parts = [
                np.asarray(_rows(jnp.asarray(p[:, :k]), jnp.asarray(p[:, k:]), names, device, jnp.asarray(up), count))
                for p in np.split(padded, len(padded) // _ROWS)
            ]
        return np.concatenate(parts)[: len(values)]

    return evaluate


def _noise(
    ramps: RampTable, device: AbstractStepDevice, directions: tuple[int, ...], courses: np.ndarray
) -> tuple[Estimate, ...]:
    """Write and read noise from the steps of each ramp about its own smooth course (a cubic in the pulse)."""
    errors, products = [], []
    for g in ramps.g:
        step, k = np.diff(g), np.arange(g.size - 1)
        there = np.isfinite(step)
        own = step - np.polyval(np.polyfit(k[there], step[there], _DEGREE), k)
        spread = 1.4826 * float(np.nanmedian(np.abs(own)))
        own = np.where(np.abs(own) < _JUMP * spread, own, np.nan)  # rare jumps are no noise
        own = own * np.sqrt(there.sum() / max(there.sum() - _DEGREE - 1, 1))
        product = own[1:] * own[:-1]
        errors.append(own[np.isfinite(own)])
        products.append(product[np.isfinite(product)])
    error, product = np.concatenate(errors), np.concatenate(products)
    total, shared = float(np.mean(error**2)), float(np.mean(product))
    read = max(-shared, 0.0)
    write = max(total - 2.0 * read, 0.0)
    step = float(np.nanmean(np.abs(np.diff(courses, axis=1))))
    window = isinstance(device, SaturatingStep)
    scale = float(device.g_max - device.g_min) if window else step
    # A product of neighbours has variance total^2 + shared^2; the combination, whose terms share readings, thrice that.
    deviation = float(np.sqrt((total**2 + shared**2) / len(product)))
    note = "relative to the window" if window else "relative to the mean step"
    found = []
    for name, variance, half, unit, about in (
        ("sigma_cycle", write, 3.0 * deviation, scale, note),
        ("sigma_read", read, deviation, float(np.nanmean(courses)), "relative"),
    ):
        low, high = (float(np.sqrt(max(variance + side * 1.96 * half, 0.0))) / unit for side in (-1, 1))
        found.append(Estimate(name, float(np.sqrt(variance)) / unit, "1", low, high, note=about))
    return tuple(found)


def _remarks(ramps: RampTable, error: float, courses: np.ndarray, span: float, parameters: ParameterSet) -> list[str]:
    notes = []
    noise = 1.4826 * float(np.nanmedian(np.abs(np.diff(courses, 2, axis=1)))) / np.sqrt(6.0) / span
    if error > 3.0 * noise > 0.0:
        notes.append(
            f"the law misses the mean course by {100 * error:.2g} % of the range, against {100 * noise:.2g} % from "
            "reading to reading: its shape is another"
        )
    if len(np.unique(ramps.direction)) == 1:
        notes.append("ramps of one direction: what the law says of the other was not measured")
    try:
        parameters.device()
    except ParameterError as failure:
        notes.append(f"the fitted numbers are no device: {failure}")
    return notes


def compare_ramps(ramps: RampTable, models: Sequence[str | Path | ParameterSet | Any], *, key: jax.Array) -> ModelFit:
    """The pulse model with the smallest BIC, with the table of all.

    Raises:
        MeasurementError: If one of them is no pulse model.
    """
    fits = [fit_ramp(m, ramps, key=jax.random.fold_in(key, k)) for k, m in enumerate(models)]
    n = min(fits, key=lambda f: f.error_fit).n_effective

    def criterion(fit: ModelFit) -> float:
        return float(n * np.log(fit.error_fit**2) + len(fit.correlated) * np.log(n))

    fits.sort(key=criterion)
    table = tuple(
        Candidate(f.model, len(f.correlated), criterion(f), f.error_fit, f.error_held_out, "; ".join(f.loose[:1]))
        for f in fits
    )
    return replace(fits[0], candidates=table)
