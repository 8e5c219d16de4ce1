"""Fit of any two-terminal model to current-voltage sweeps, and the comparison of several."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mho.core.errors import MeasurementError, ParameterError
from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.fitting.estimate import Problem
from mho.fitting.model_fit import Axes, ModelFit, estimates_of, findings_of, fitted_set, starting_set, table_of
from mho.fitting.operated import of_sweep
from mho.fitting.profile import costs
from mho.fitting.regression import Regression, regress
from mho.fitting.result import Candidate, Estimate
from mho.fitting.scaling import read_off, scaled
from mho.fitting.sweep import Sweep
from mho.fitting.sweep_response import OFFSET, SERIES, able, currents
from mho.fitting.table import listed
from mho.fitting.vector import SPAN, Entry, box, entries, in_si

STARTS = 8
_OWN_SERIES = ("r_series", "r_s")
_BLIND = 1e-7  # decades: a number that moves no current by more has no influence
_BAD = 0.3  # decades: a fit this far off is no description of the sweep
_FAR = 10.0  # decades counted for a current that is not finite


def fit_sweep(
    model: str | Path | ParameterSet | Any,
    sweep: Sweep,
    *,
    key: jax.Array,
    hold: Collection[str] = (),
    free: Collection[str] = (),
    series: bool = True,
    offset: bool = True,
    starts: int = STARTS,
    iterations: int = 30,
    progress: Callable[[float, str], None] | None = None,
) -> ModelFit:
    r"""Fit a two-terminal model to a current-voltage sweep.

    The model follows the measured staircase of voltage in real time, and its current is compared on a scale that is
    linear below the instrument's floor :math:`I_s` and logarithmic above, :math:`\operatorname{asinh}(I/I_s)/\ln 10`,
    so that the residual is in decades. Besides the model's own numbers an offset of the instrument is fitted, and a
    series resistance where the model has none of its own; the model's state then feels the voltage behind it.

    Starts are the model's numbers brought to the sweep's current, voltage and time, and the best of many vectors
    scattered about that. Positive numbers move as logarithms, within four decades of the start. A number without
    influence on this sweep is held; one that rests on a bound is frozen and the rest refitted; what the data leave
    undetermined is named, and its interval is not printed.

    Args:
        model: A parameter set, the name of a set or a model, or a device.
        sweep: From :func:`read_sweep`.
        key: Random key of the starts; one key gives one result.
        hold: Fields that are not fitted.
        free: Fields that are, though they would be held by themselves (zeros, spreads, signs).
        series: Fit a series resistance, if the model has none.
        offset: Fit the instrument's offset.
        starts: Number of starts.
        iterations: Of the descent from all starts.
        progress: Called with the share done and what is being done.

    Raises:
        MeasurementError: If the model cannot be swept, or there are too few points for its numbers.
    """
    say = progress or (lambda share, text: None)
    start = starting_set(model)
    device = start.device(bare=True)
    why = able(device)
    if why:
        raise MeasurementError(f"{start.name} is a set of model {start.model!r}: {why}. Choose a two-terminal model.")
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key), np.uint32).tolist())
    numbers = entries(device, hold, free)
    own = any(hasattr(device, name) for name in _OWN_SERIES)
    usable = np.flatnonzero(sweep.usable)
    if usable.size == 0 or not np.any(sweep.i[usable]):
        raise MeasurementError(
            f"{sweep.path}: no usable point has a current other than 0 A. Check the column and its unit."
        )
    measured = _of_measurement(sweep, series and not own, offset)
    if len(usable) < 3 * (len(numbers) + len(measured)):
        raise MeasurementError(
            f"{sweep.path}: {len(usable)} usable points for {len(numbers) + len(measured)} parameters of "
            f"{start.model}; at least {3 * (len(numbers) + len(measured))} are needed. Measure more points, or hold "
            "known numbers."
        )
    say(0.05, f"{start.model}: scaling the starts")
    setup = _setup(sweep, device, numbers, measured, starts, generator)
    say(0.3, f"{start.model}: {starts} starts")
    silent = [k for k, e in enumerate(setup.entries) if e.name in setup.blind]
    found = regress(setup.problem, setup.starts, setup.free, iterations=iterations, jumping=silent)
    found = _given_back(found, setup, {e.name: e.value for e in numbers})
    say(1.0, "done")
    return _result(sweep, start, setup, found)


@dataclass(frozen=True)
class _Setup:
    """A sweep's problem for one model."""

    problem: Problem
    entries: tuple[Entry, ...]
    free: np.ndarray
    starts: np.ndarray
    blind: tuple[str, ...]
    respond: Callable[[np.ndarray], np.ndarray]


def _of_measurement(sweep: Sweep, series: bool, offset: bool) -> tuple[Entry, ...]:
    """The numbers that belong to the instrument and the contacts."""
    found = []
    if series:
        largest = float(np.max(np.abs(sweep.i[sweep.usable])))
        shown = max(read_off(sweep).get("r_series", 0.0), 1e-3 * float(np.max(np.abs(sweep.v))) / largest)
        found.append(Entry(SERIES, "ohm", shown, "log", 1e-3 * shown, 1e2 * shown))
    if offset:
        found.append(Entry(OFFSET, "A", 0.0, "linear", -10.0 * sweep.floor, 10.0 * sweep.floor))
    return tuple(found)


def _setup(
    sweep: Sweep, device: Any, numbers: tuple[Entry, ...], measured: tuple[Entry, ...], count: int, generator: Any
) -> _Setup:
    floor = sweep.floor
    usable = sweep.usable
    data = np.where(usable, np.arcsinh(np.nan_to_num(sweep.i) / floor) / np.log(10.0), np.nan)
    names = tuple(e.name for e in (*numbers, *measured))
    respond = currents(device, names, sweep.t, sweep.v)
    extra = np.asarray([e.value for e in measured])

    def decades(i: np.ndarray) -> np.ndarray:
        y = np.arcsinh(i / floor) / np.log(10.0)
        return np.where(np.isfinite(y), y, _FAR)

    def miss(i: np.ndarray) -> np.ndarray:
        return np.nanmean((decades(i) - data) ** 2, axis=1)

    def with_measured(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([rows, np.tile(extra, (len(rows), 1))], axis=1)

    first = scaled(numbers, sweep, device, lambda rows: respond(with_measured(rows)), miss, count, generator)
    moved = tuple(_about(e, x) for e, x in zip(numbers, first.T, strict=True))
    whole = (*moved, *measured)
    low, high, _ = box(whole)
    problem = Problem(
        names=names,
        low=low,
        high=high,
        data=data,
        weight=usable.astype(float),
        curve=lambda theta: decades(respond(in_si(whole, theta))),
    )
    with np.errstate(all="ignore"):
        vectors = np.stack([e.to(with_measured(first)[:, k]) for k, e in enumerate(whole)], axis=1)
    vectors = np.clip(np.nan_to_num(vectors), low, high)
    jacobian = problem.jacobian(vectors[:3], problem.curve(vectors[:3]), np.ones(len(whole), bool))
    seen = np.max(np.abs(jacobian[:, usable]), axis=(0, 1)) > _BLIND
    return _Setup(
        problem=problem,
        entries=whole,
        free=seen,
        starts=vectors,
        blind=tuple(n for n, s in zip(names, seen, strict=True) if not s),
        respond=respond,
    )


def _given_back(found: Regression, setup: _Setup, given: dict[str, float]) -> Regression:
    """The solution in which a number without influence is the one that was given, not that of a start."""
    theta = found.theta.copy()
    for k, entry in enumerate(setup.entries):
        if entry.name in setup.blind and entry.name not in found.jumps and entry.name in given:
            trial = theta.copy()
            trial[k] = entry.to(given[entry.name])
            before, after = costs(setup.problem, np.stack([theta, trial]))
            theta = trial if after <= (1.0 + 1e-6) * before else theta
    return replace(found, theta=theta)


def _about(entry: Entry, values: np.ndarray) -> Entry:
    """The entry from the first of its starts, with bounds about all of them and the given one; a field's own stay."""
    value = float(values[0])
    if entry.kind == "linear" or not np.isfinite(value) or value * entry.value <= 0:
        return entry
    ratios = values[np.isfinite(values) & (values * entry.value > 0)] / entry.value
    least, largest = min(ratios.min(), 1.0), max(ratios.max(), 1.0)
    ends = []
    for end in (entry.low, entry.high):
        natural = np.isclose(max(end / entry.value, entry.value / end), np.exp(SPAN), rtol=1e-6)
        outward = largest if abs(end) > abs(entry.value) else least
        ends.append(end * outward if natural else end)
    inside = min(ends) <= value <= max(ends)
    return replace(entry, value=value, low=min(ends), high=max(ends)) if inside else entry


def _result(sweep: Sweep, start: ParameterSet, setup: _Setup, found: Regression) -> ModelFit:
    found = replace(found, held={**found.held, **dict.fromkeys(setup.blind, "without influence on this sweep")})
    estimates = estimates_of(found, setup.entries)
    model = setup.respond(in_si(setup.entries, found.theta[None]))[0]
    warnings = [*sweep.warnings, *_remarks(sweep, found)]
    by_name = {e.name: e for e in estimates}
    note = "; ".join(
        f"{what} {engineering(by_name[name].value, unit, 3)} belongs to the measurement, not to the device"
        for name, what, unit in ((SERIES, "a series resistance of", "ohm"), (OFFSET, "an offset of", "A"))
        if name in by_name
    )
    where = f"fit to {found.n} points of the sweep, {found.error_fit:.3g} decades"
    parameters = fitted_set(
        start,
        sweep.path,
        estimates,
        where=where,
        operation=of_sweep(sweep),
        note=note and f"{note[0].upper()}{note[1:]}.",
    )
    try:
        parameters.device()
    except ParameterError as error:
        warnings.append(f"the fitted numbers are no device: {error}")
    return ModelFit(
        path=sweep.path,
        model=start.model,
        estimates=estimates,
        axes=Axes(("voltage", "V"), ("current", "A"), log_y=True, error="decades"),
        x=sweep.v,
        y=sweep.i,
        y_model=model,
        residual=np.where(sweep.usable, found.residual, np.nan),
        used=sweep.usable,
        **findings_of(found),
        parameters=parameters,
        warnings=tuple(warnings),
    )


def _remarks(sweep: Sweep, found: Regression) -> list[str]:
    notes = []
    if found.error_fit > _BAD:
        notes.append(
            f"the model misses the sweep by {found.error_fit:.2g} decades: it does not describe this device, and its "
            "numbers mean little"
        )
    residual = found.residual[sweep.usable]
    noise = 1.4826 * float(np.median(np.abs(np.diff(residual)))) / np.sqrt(2.0)
    if noise > 0 and found.error_fit > 3.0 * noise:
        notes.append(
            f"the residual is not noise: {found.error_fit:.2g} decades against {noise:.2g} from point to point; "
            f"intervals are inflated for about {found.n_effective:.0f} independent points of {found.n}"
        )
    if found.reached < 0.3:
        notes.append(f"only {100 * found.reached:.0f} % of the starts reached this minimum; try more starts")
    return notes


@dataclass(frozen=True)
class Comparison:
    """Models fitted to one sweep, the best first; `print` tells the table.

    Args:
        fits: Those that could be fitted, by rising BIC.
        candidates: The table, with what is wrong with each.
        refused: Models that could not be fitted, and why.
    """

    fits: tuple[ModelFit, ...]
    candidates: tuple[Candidate, ...]
    refused: tuple[str, ...] = ()

    @property
    def best(self) -> ModelFit:
        """The fit with the smallest BIC."""
        return self.fits[0]

    def __str__(self) -> str:
        n = self.best.n_effective
        return "\n".join(
            [
                f"{len(self.fits)} models fitted to {self.best.path.name}; errors in {self.best.axes.error}, BIC on "
                f"{n:.0f} independent values",
                *table_of(self.candidates),
                *(f"  cannot: {why}" for why in self.refused),
            ]
        )


def compare(
    sweep: Sweep,
    models: Sequence[str | Path | ParameterSet | Any],
    *,
    key: jax.Array,
    progress: Callable[[float, str], None] | None = None,
    **options: Any,
) -> Comparison:
    """Fit several models to one sweep and rank them by BIC, with the held-out error beside it.

    All criteria are taken on the number of independent residuals of the model that fits best. A model that leaves more
    than 0.3 decades, or whose held-out error is twice its fit's, is said to be none that can.

    Args:
        sweep: From :func:`read_sweep`.
        models: Parameter sets, or names of sets or models.
        key: Random key; each model has its own part of it.
        progress: Called with the share done and what is being done.
        **options: Of :func:`fit_sweep`.

    Raises:
        MeasurementError: If no model could be fitted.
    """
    fits, refused = [], []
    for k, model in enumerate(models):
        if progress:
            progress(k / len(models), f"model {k + 1} of {len(models)}")
        try:
            fits.append(fit_sweep(model, sweep, key=jax.random.fold_in(key, k), **options))
        except (MeasurementError, ParameterError) as error:
            refused.append(str(error))
    if not fits:
        raise MeasurementError(f"{sweep.path}: none of the models can be fitted. {' '.join(refused)}")
    n = min(fits, key=lambda f: f.error_fit).n_effective

    def criterion(fit: ModelFit) -> float:
        return float(n * np.log(fit.error_fit**2) + len(fit.correlated) * np.log(n))

    fits.sort(key=criterion)
    candidates = tuple(
        Candidate(f.model, len(f.correlated), criterion(f), f.error_fit, f.error_held_out, _verdict(f)) for f in fits
    )
    return Comparison(tuple(replace(f, candidates=candidates) for f in fits), candidates, tuple(refused))


def _verdict(fit: ModelFit) -> str:
    found = []
    if fit.error_fit > _BAD:
        found.append("cannot describe this sweep")
    if fit.error_held_out > 2.0 * fit.error_fit:
        found.append("does not carry over to what it has not seen")
    resting = [e.name for e in fit.estimates if e.status == "at bound"]
    if resting:
        found.append(f"{listed(resting)} at a bound")
    unsure: list[Estimate] = [e for e in fit.estimates if e.status == "unidentified"]
    if unsure:
        found.append(f"{listed(e.name for e in unsure)} undetermined")
    return "; ".join(found)
