"""From fits of many devices to the spread between them: medians, relative standard deviations and correlations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from mho.core.errors import MeasurementError
from mho.core.parameters import Number, ParameterSet, PublishedSpread
from mho.fitting.model_fit import ModelFit, source_of
from mho.fitting.result import Estimate

_FEWEST = 3
_SEEN = 0.6  # absolute correlation told


@dataclass(frozen=True)
class DeviceSpread:
    """How devices of one kind differ.

    Args:
        devices: How many were fitted.
        median: Median of each number over the devices.
        spread: Relative standard deviation of each number between devices, without the part that the fits' own
            uncertainty makes.
        correlation: Between the logarithms of the numbers, shape (numbers, numbers).
        names: Of its rows.
        parameters: The median device, whose set holds the spreads.
        warnings: What a reader must know.
    """

    devices: int
    median: tuple[Estimate, ...]
    spread: tuple[Estimate, ...]
    correlation: np.ndarray
    names: tuple[str, ...]
    parameters: ParameterSet
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Estimate:
        """The spread of this number."""
        for estimate in self.spread:
            if estimate.name == name:
                return estimate
        raise KeyError(name)

    def save(self, path: str | Path) -> Path:
        """Write the parameter set with its spreads as TOML."""
        return self.parameters.save(path)

    def __str__(self) -> str:
        rows, columns = np.triu_indices(len(self.names), 1)
        pairs = [
            f"  correlated: {self.names[i]} and {self.names[j]} ({self.correlation[i, j]:+.2f})"
            for i, j in zip(rows, columns, strict=True)
            if abs(self.correlation[i, j]) > _SEEN
        ]
        return "\n".join(
            [
                f"{self.parameters.model}: {self.devices} devices",
                *(f"  {m}   spread {100 * s.value:.3g} % ({100 * s.low:.3g} to {100 * s.high:.3g} %)"
                  for m, s in zip(self.median, self.spread, strict=True)),
                *pairs,
                *(f"  ! {w}" for w in self.warnings),
            ]
        )  # fmt: skip


def spread_of(fits: Sequence[ModelFit]) -> DeviceSpread:
    r"""The spread between devices that were each fitted with one model.

    The variance of :math:`\ln x` between the devices is that of the fitted values less the mean variance of the fits
    themselves; its interval is that of a chi-square. Numbers that a fit held, or did not identify, are left out.

    Args:
        fits: One a device.

    Raises:
        MeasurementError: If there are fewer than three, of different models, or without a parameter set.
    """
    models = {f.model for f in fits}
    if len(fits) < _FEWEST or len(models) != 1 or any(f.parameters is None for f in fits):
        raise MeasurementError(
            f"{len(fits)} fits of {', '.join(sorted(models)) or 'no model'}; a spread between devices needs at least "
            f"{_FEWEST} fits of one device model. Repeated sweeps or ramps of one device are no spread between devices."
        )
    base = fits[0].parameters
    assert base is not None
    good = [
        e.name
        for e in fits[0].estimates
        if e.name in base.numbers and all(_sound(f, e.name) for f in fits) and not e.name.startswith("sigma")
    ]
    if not good:
        raise MeasurementError("No number was identified in every fit; measure longer, or hold known numbers.")
    logs = np.asarray([[np.log(abs(f[name].value)) for name in good] for f in fits])
    own = np.asarray([[_own_deviation(f[name]) for name in good] for f in fits])
    n = len(fits)
    total = np.var(logs, axis=0, ddof=1)
    between = np.sqrt(np.maximum(total - np.mean(own**2, axis=0), 0.0))
    own_variance = np.mean(own**2, axis=0)
    low, high = (
        np.sqrt(np.maximum(total * (n - 1) / stats.chi2.ppf(p, n - 1) - own_variance, 0.0)) for p in (0.975, 0.025)
    )
    spread = tuple(Estimate(name, float(between[k]), "1", float(low[k]), float(high[k])) for k, name in enumerate(good))
    half = stats.t.ppf(0.975, n - 1) * np.sqrt(total / n)
    middle = np.mean(logs, axis=0)
    median = []
    for k, name in enumerate(good):
        sign, unit = np.sign(fits[0][name].value), fits[0][name].unit
        value, *ends = (float(sign * np.exp(middle[k] + side * half[k])) for side in (0.0, -1.0, 1.0))
        median.append(Estimate(name, value, unit, min(ends), max(ends)))
    where = f"fits of {n} devices"
    numbers = {
        m.name: Number(m.value, m.unit, "measurement", where, "fitted", note="geometric mean", interval=(m.low, m.high))
        for m in median
    }
    source = source_of(fits[0].path)
    source["text"] = f"measurements of {n} devices, {fits[0].path.name} the first"
    middle_device = base.with_values(
        numbers,
        name=f"{base.model}_population",
        summary=f"{base.model}, {n} devices",
        sources={"measurement": source},
    )
    published = {s.name: PublishedSpread(s.value, "measurement", where, "fitted") for s in spread if s.value > 0}
    parameters = replace(middle_device, spread=published)
    correlation = np.atleast_2d(np.corrcoef(logs, rowvar=False)) if len(good) > 1 else np.ones((1, 1))
    warnings = [] if n >= 10 else [f"{n} devices: a spread is known to {100 / np.sqrt(2 * (n - 1)):.0f} % only"]
    hidden = [s.name for s in spread if s.value == 0]
    if hidden:
        warnings.append(f"no spread of {', '.join(hidden)} is seen beside the fits' own uncertainty")
    if len(good) > 1 and np.max(np.abs(np.triu(correlation, 1))) > _SEEN:
        warnings.append("numbers are correlated between devices: give mho.sample the correlation matrix")
    return DeviceSpread(n, tuple(median), spread, correlation, tuple(good), parameters, tuple(warnings))


def _sound(fit: ModelFit, name: str) -> bool:
    e = fit[name]
    return e.status == "fitted" and e.value != 0 and np.isfinite(e.low) and e.low * e.high > 0


def _own_deviation(e: Estimate) -> float:
    return float(abs(np.log(e.high / e.low))) / (2.0 * 1.96)
