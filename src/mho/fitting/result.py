"""What a fit found: estimates with intervals, the models it chose among, its errors, and what it could not tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.fitting.measurement import PulseMeasurement


@dataclass(frozen=True)
class Estimate:
    """One number of a fit.

    Args:
        name: For example ``g_volatile`` or ``tau[0]``.
        value: SI value.
        unit: SI unit.
        low: Lower end of the 95 % interval; NaN where the number was held.
        high: Upper end.
        status: ``fitted``, ``held``, ``at bound`` or ``collapsed``.
        note: Why it was held, or what it goes with.
    """

    name: str
    value: float
    unit: str
    low: float = float("nan")
    high: float = float("nan")
    status: str = "fitted"
    note: str = ""

    def __str__(self) -> str:
        text = f"{self.name:<16} {engineering(self.value, self.unit):>12}"
        if np.isfinite(self.low):
            text += f"   {engineering(self.low, self.unit)} to {engineering(self.high, self.unit)}"
        return (
            f"{text}   {self.status}" * (self.status != "fitted")
            + text * (self.status == "fitted")
            + (f"   {self.note}" if self.note else "")
        )

    def covers(self, value: float) -> bool:
        """Whether the interval holds `value`."""
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Candidate:
    """One of the models that a fit chose among.

    Args:
        model: For example ``2 modes``.
        parameters: Number of free parameters.
        bic: Bayesian information criterion on the effective sample size, smaller is better.
        error_fit: Relative rms error on the fitted readings.
        error_held_out: The same on the readings held out; NaN if there are none.
        remark: Why it could not be chosen, or empty.
    """

    model: str
    parameters: int
    bic: float
    error_fit: float
    error_held_out: float
    remark: str = ""


@dataclass(frozen=True)
class Fit:
    """A device fitted to a measurement. Immutable; `print(fit)` tells it, `fit.parameters` is the sourced set.

    Args:
        measurement: The data.
        estimates: Fitted and held numbers.
        derived: Numbers that follow from them, with intervals.
        parameters: The device as a parameter set, whose fitted numbers say so, with interval and file.
        candidates: The models compared.
        correlation: Correlation matrix of the fitted (transformed) parameters.
        correlated: Names of its rows.
        t: Time of the readings [s].
        g: Measured conductance [S], NaN where missing.
        g_model: Model conductance [S].
        residual: Relative residual, data over model minus 1; NaN where missing.
        held_out: True where a reading was kept out of the fit.
        error_fit: Relative rms error on the fitted readings.
        error_held_out: The same on the held-out readings; NaN if there are none.
        n: Number of fitted readings.
        n_effective: Number of independent ones among them.
        blocks: Blocks of the bootstrap.
        warnings: What a reader must know.
        error_of: What residuals and errors are shares of.
    """

    measurement: PulseMeasurement
    estimates: tuple[Estimate, ...]
    derived: tuple[Estimate, ...]
    parameters: ParameterSet
    candidates: tuple[Candidate, ...]
    correlation: np.ndarray
    correlated: tuple[str, ...]
    t: np.ndarray
    g: np.ndarray
    g_model: np.ndarray
    residual: np.ndarray
    held_out: np.ndarray
    error_fit: float
    error_held_out: float
    n: int
    n_effective: float
    blocks: int
    warnings: tuple[str, ...] = ()
    error_of: str = "relative"

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of this name, for example ``fit["tau[0]"]``."""
        for estimate in (*self.estimates, *self.derived):
            if estimate.name == name:
                return estimate
        raise KeyError(
            f"{name!r} is not an estimate of this fit; it has "
            f"{', '.join(e.name for e in (*self.estimates, *self.derived))}"
        )

    @property
    def device(self) -> Any:
        """The fitted device."""
        return self.parameters.device()

    @property
    def modes(self) -> int:
        """Number of volatile modes."""
        return len(self.device.tau)

    def correlations(self, above: float = 0.9) -> list[tuple[str, str, float]]:
        """Pairs of fitted parameters whose correlation exceeds `above` in magnitude."""
        return pairs_above(above, self.correlated, self.correlation)

    def __str__(self) -> str:
        held = "" if np.isnan(self.error_held_out) else f", held out {100 * self.error_held_out:.3g} %"
        lines = [
            f"ECRAM fitted to {self.measurement.path.name} ({self.n} readings, about {self.n_effective:.0f} "
            "independent)",
            *(f"  {e}" for e in self.estimates),
            *(f"  {e}   (derived)" for e in self.derived),
            f"  rms error ({self.error_of}): fit {100 * self.error_fit:.3g} %{held}",
            f"  intervals: 95 %, bootstrap over {self.blocks} blocks",
            *(f"  correlated: {a} and {b} ({r:+.2f})" for a, b, r in self.correlations()),
            "  model          parameters        BIC   fit error   held out",
            *(
                f"  {c.model:<14} {c.parameters:>10} {c.bic:>10.1f} {100 * c.error_fit:>9.3f} % "
                + (f"{100 * c.error_held_out:>8.3f} %" if np.isfinite(c.error_held_out) else "       -  ")
                + (f"   {c.remark}" if c.remark else "")
                for c in self.candidates
            ),
            *(f"  ! {w}" for w in self.warnings),
        ]
        return "\n".join(lines)

    def plot(self, path: str | Path) -> Path:
        """Draw data, model and residuals into a file (the suffix chooses the format: .svg, .png, .pdf)."""
        from mho.fitting.figure import draw_fit

        return draw_fit(self, path)

    def save(self, path: str | Path) -> Path:
        """Write the parameter set as TOML."""
        return self.parameters.save(path)


def pairs_above(above: float, names: tuple[str, ...], correlation: np.ndarray) -> list[tuple[str, str, float]]:
    """Pairs of names whose correlation exceeds `above` in magnitude."""
    upper = np.argwhere(np.triu(np.ones((len(names), len(names))), 1)).tolist()
    pairs = [(names[i], names[j], float(correlation[i, j])) for i, j in upper]
    return [p for p in pairs if abs(p[2]) > above]
