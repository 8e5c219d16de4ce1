"""What a fit of any model found: estimates with intervals, the sourced set, errors, and what it could not tell."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import MeasurementError, ParameterError
from mho.core.parameters import Number, ParameterSet
from mho.devices import MODELS, parameter_sets, parameters
from mho.fitting.laying import laid
from mho.fitting.operated import told
from mho.fitting.regression import Regression
from mho.fitting.result import Candidate, Estimate, pairs_above
from mho.fitting.table import listed
from mho.fitting.vector import Entry

UNSURE = "unidentified"
_IN_JUMPS = "acts in jumps: with the others at rest, every value of the interval fits alike"


@dataclass(frozen=True)
class Axes:
    """What a fit's figure shows.

    Args:
        x: Name and unit of the abscissa.
        y: Name and unit of the ordinate.
        log_x: Whether the abscissa is logarithmic.
        log_y: Whether the ordinate is: of its magnitude.
        error: What residuals and errors are in, for example ``decades``.
    """

    x: tuple[str, str]
    y: tuple[str, str]
    log_x: bool = False
    log_y: bool = False
    error: str = "relative"


@dataclass(frozen=True)
class ModelFit:
    """A model fitted to a measurement. Immutable; `print(fit)` tells it, `fit.plot` draws it.

    Args:
        path: The measurement's file.
        model: Name of the model or law.
        estimates: Fitted and held numbers, with 95 % intervals.
        axes: What the figure shows.
        x: Abscissa of each value.
        y: Measured values; NaN where missing.
        y_model: The model's.
        residual: On the scale of the fit.
        used: True where a value was fitted.
        n: Number of fitted values.
        n_effective: Number of independent ones among them.
        error_fit: Root mean square residual.
        error_held_out: The same of blocks that the fit had not seen; NaN if there were none.
        bic: Bayesian information criterion on the effective sample size.
        aic: Akaike's, likewise.
        parameters: The device as a parameter set whose fitted numbers say so; None for a law that is no device.
        candidates: Models or laws compared, where there were several.
        correlation: Correlation matrix of the fitted (transformed) parameters.
        correlated: Names of its rows.
        loose: Directions that the data leave undetermined.
        effects: What the fit says about effects laid over a device, by effect.
        warnings: What a reader must know.
    """

    path: Path
    model: str
    estimates: tuple[Estimate, ...]
    axes: Axes
    x: np.ndarray
    y: np.ndarray
    y_model: np.ndarray
    residual: np.ndarray
    used: np.ndarray
    n: int
    n_effective: float
    error_fit: float
    error_held_out: float = float("nan")
    bic: float = float("nan")
    aic: float = float("nan")
    parameters: ParameterSet | None = None
    candidates: tuple[Candidate, ...] = ()
    correlation: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    correlated: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    effects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of this name."""
        for estimate in self.estimates:
            if estimate.name == name:
                return estimate
        raise KeyError(f"{name!r} is not an estimate of this fit; it has {listed(e.name for e in self.estimates)}")

    @property
    def device(self) -> Any:
        """The fitted device.

        Raises:
            ParameterError: If a law was fitted, which is no device.
        """
        return self._set().device()

    def _set(self) -> ParameterSet:
        if self.parameters is None:
            raise ParameterError(
                f"{self.model} is a law, not a device. Lay it over one: fit.onto(mho.parameters('NAME'))."
            )
        return self.parameters

    def onto(self, base: ParameterSet) -> ParameterSet:
        """A device's parameter set with this law's effects in place of its own of the same kind, every number fitted.

        Raises:
            ParameterError: If this law is no effect, or the set's model itself has such an effect.
        """
        if not self.effects:
            raise ParameterError(
                f"{self.model} gives no effect that could be laid over a device. Its numbers stand above; effects are "
                "power-law drift, flicker and telegraph noise, and Weibull wear."
            )
        by_name = {e.name: e for e in self.estimates}
        numbers = {
            effect: {n: fitted_number(by_name[n], f"fit of {self.model}") for n in names}
            for effect, names in self.effects.items()
        }
        return laid(base, self.path, numbers, source_of(self.path))

    def save(self, path: str | Path) -> Path:
        """Write the parameter set as TOML."""
        return self._set().save(path)

    def plot(self, path: str | Path) -> Path:
        """Draw data, model and residuals into a file (the suffix chooses the format: .svg, .png, .pdf)."""
        from mho.fitting.figure import draw_model_fit

        return draw_model_fit(self, path)

    def correlations(self, above: float = 0.95) -> list[tuple[str, str, float]]:
        """Pairs of fitted parameters whose correlation exceeds `above` in magnitude."""
        return pairs_above(above, self.correlated, self.correlation)

    def __str__(self) -> str:
        held = "" if np.isnan(self.error_held_out) else f", held-out blocks {self.error_held_out:.3g}"
        lines = [
            f"{self.model} fitted to {self.path.name} ({self.n} values, about {self.n_effective:.0f} independent)",
            *(f"  {e}" for e in self.estimates),
            f"  rms error ({self.axes.error}): fit {self.error_fit:.3g}{held}",
            *(f"  correlated: {a} and {b} ({r:+.3f})" for a, b, r in self.correlations()),
            *(f"  undetermined: {text}" for text in self.loose),
        ]
        if self.candidates:
            lines += table_of(self.candidates)
        return "\n".join([*lines, *(f"  ! {w}" for w in self.warnings)])


def table_of(candidates: tuple[Candidate, ...]) -> list[str]:
    """Models compared, as lines of text; without the held-out error where none was taken."""
    width = max(16, *(len(c.model) for c in candidates))
    held = any(np.isfinite(c.error_held_out) for c in candidates)
    return [
        f"  {'model':<{width}} parameters        BIC   fit error" + "   held out" * held,
        *(
            f"  {c.model:<{width}} {c.parameters:>10} {c.bic:>10.1f} {c.error_fit:>11.4g}"
            + f" {c.error_held_out:>10.4g}" * held
            + (f"   {c.remark}" if c.remark else "")
            for c in candidates
        ),
    ]


def starting_set(model: str | Path | ParameterSet | Any) -> ParameterSet:
    """The parameter set that a fit starts from: a set, the name of one, of a model, or a device.

    Raises:
        MeasurementError: If there is no such set or model.
    """
    if isinstance(model, ParameterSet):
        return model
    if isinstance(model, str | Path):
        text = str(model)
        if text in parameter_sets() or text.endswith(".toml"):
            return parameters(model)
        for name in parameter_sets():
            found = parameters(name)
            if found.model == text:
                return found
        known = sorted({*MODELS, *parameter_sets()})
        raise MeasurementError(
            f"There is no model or parameter set {text!r} to start from. Give one of {listed(known)}, or a path ending "
            "in .toml."
        )
    name = next((k for k, kind in MODELS.items() if isinstance(model, kind)), None)
    if name is None:
        raise MeasurementError(f"{type(model).__name__} is no registered model. See 'mho device list'.")
    from mho.core.fields import described

    numbers = {
        k: Number(
            tuple(float(x) for x in v) if isinstance(v := getattr(model, k), tuple) else float(v),
            about["unit"], "given", "the device that the fit started from", "assumed",
        )
        for k, about in described(model).items()
    }  # fmt: skip
    sources = {"given": {"text": "the numbers that the fit started from"}}
    return ParameterSet(name, name, f"start of a fit of {name}", numbers, sources, model_class=type(model))


def source_of(path: Path) -> dict[str, str]:
    """A measurement as a source: its name and the SHA-256 of its file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return {"text": f"measurement {path.name}", "sha256": digest}


def fitted_number(e: Estimate, where: str) -> Number:
    """An estimate as a sourced number."""
    if e.status == "held":
        return Number(e.value, e.unit, "measurement", where, "assumed", note=e.note)
    known = e.status == "fitted" and np.isfinite(e.low)
    note = "; ".join(filter(None, [e.status if e.status != "fitted" else "", e.note]))
    ends = (e.low, e.high) if known else None
    return Number(e.value, e.unit, "measurement", where, "fitted", note=note, interval=ends)


def findings_of(found: Regression) -> dict[str, Any]:
    """What every fit says of its regression, by the names of a ModelFit's fields."""
    correlation, names = found.correlation()
    return {
        "n": found.n,
        "n_effective": found.n_effective,
        "error_fit": found.error_fit,
        "error_held_out": found.error_held_out,
        "bic": found.bic(),
        "aic": found.aic(),
        "correlation": correlation,
        "correlated": names,
        "loose": found.loose,
    }


def estimates_of(found: Regression, entries: tuple[Entry, ...]) -> tuple[Estimate, ...]:
    """The numbers of a regression over a device's vector, with intervals."""
    estimates = []
    for k, entry in enumerate(entries):
        value = float(entry.back(found.theta[k]))
        low, high = (float(end[k]) for end in (found.ends.low, found.ends.high))
        about = {"name": entry.name, "value": value, "unit": entry.unit}
        if entry.name in found.jumps and found.loose:
            note = "acts in jumps, and together with numbers that are not determined"
            estimates.append(Estimate(**about, status=UNSURE, note=note))
        elif entry.name in found.jumps:
            low, high = sorted(_end(entry, end) for end in found.jumps[entry.name])
            estimates.append(Estimate(**about, low=low, high=high, note=_IN_JUMPS))
        elif entry.name in found.held:
            status = "held" if "influence" in found.held[entry.name] else "at bound"
            estimates.append(Estimate(**about, status=status, note=found.held[entry.name]))
        elif not found.free[k]:
            estimates.append(Estimate(**about, status="held", note="given"))
        elif entry.name in found.unidentified:
            estimates.append(Estimate(**about, status=UNSURE, note="known to no factor of ten"))
        elif not np.isfinite(low + high):
            why = "known to no factor of ten: no value in reach is worse"
            if np.isfinite(low) or np.isfinite(high):
                upward = np.isfinite(low) != (entry.kind == "log" and value < 0)
                why = f"bounded on one side only: {'larger' if upward else 'smaller'} values fit as well"
            estimates.append(Estimate(**about, status=UNSURE, note=why))
        else:
            low, high = sorted(float(entry.back(np.clip(end, *entry.bounds))) for end in (low, high))
            estimates.append(Estimate(**about, low=low, high=high))
    return tuple(estimates)


def _end(entry: Entry, theta: float) -> float:
    """An end of an interval in SI: a bound where the data set none."""
    if np.isfinite(theta):
        return float(entry.back(theta))
    return entry.low if (theta < 0) != (entry.kind == "log" and entry.value < 0) else entry.high


def fitted_set(
    start: ParameterSet,
    path: Path,
    estimates: tuple[Estimate, ...],
    *,
    where: str,
    operation: dict[str, Number],
    given: dict[str, Number] | None = None,
    note: str = "",
) -> ParameterSet:
    """The start's set in which every fitted number stands with its interval and the measurement's fingerprint.

    Of the start only numbers of the model stay, and the note lists them: what it says of technology, operation,
    effects, spread and range of validity is of another device.

    Args:
        start: The set that the fit started from.
        path: The measurement's file.
        estimates: The fit's numbers.
        where: What was fitted, in words.
        operation: Pulses and readings of the measurement.
        given: Other numbers that the measurement tells.
        note: What a reader must know besides.
    """
    numbers: dict[str, Number] = {}
    grouped: dict[str, list[Estimate]] = {}
    for e in estimates:
        grouped.setdefault(e.name.partition("[")[0], []).append(e)
    for name, group in grouped.items():
        if name not in start.numbers and not hasattr(start.model_class, "__dataclass_fields__"):
            continue
        if name not in getattr(start.model_class, "__dataclass_fields__", {}):
            continue  # a number of the measurement, not of the device
        each = [fitted_number(e, where) for e in group]
        if all(e.status == "held" for e in group):
            continue
        if "[" not in group[0].name:
            numbers[name] = each[0]
            continue
        known = [n.interval for n in each if n.interval is not None]
        ends = (tuple(i[0] for i in known), tuple(i[1] for i in known)) if len(known) == len(each) else None
        numbers[name] = replace(each[0], value=tuple(float(n.value) for n in each), interval=ends)  # type: ignore[arg-type]
    numbers |= given or {}
    stem = "".join(c if c.isalnum() else "_" for c in path.stem)
    result = start.with_values(
        numbers,
        name=f"{stem}_{start.model}_fit",
        summary=f"{start.model} fitted to {path.name}",
        sources={"measurement": source_of(path)},
    )
    others = [n for n in start.numbers if n not in numbers]
    from_start = f"From {start.name}, not from this measurement: {listed(others)}." if others else ""
    return replace(
        result,
        note=" ".join(filter(None, [note, told(operation), from_start])),
        technology="",
        operation=operation,
        effects={},
        spread={},
        reported={},
        valid={},
        correlations=(),
    )
