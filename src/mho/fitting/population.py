"""What many potentiation ramps of one device say: trend before spread, offset and slope, noise, and jumps."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import optimize, stats

from mho.core.errors import MeasurementError
from mho.core.quantities import engineering
from mho.fitting.ramps import RampTable
from mho.fitting.result import Estimate
from mho.fitting.table import listed

_FEWEST_RAMPS = 2
_JUMP = 5.0  # robust standard deviations beyond which a step is a jump
_DEGREE = 3  # of the polynomial that is each ramp's own smooth course, in steps
_TREND = 0.8  # rank correlation with the ramp's number above which starts are a trend, not a scatter


@dataclass(frozen=True)
class Jump:
    """A step far outside the noise: ramp name, pulse (from 0), and excess over the smooth course [S]."""

    ramp: str
    pulse: int
    size: float


@dataclass(frozen=True)
class RampPopulation:
    """Statistics of repeated ramps of one device. Nothing here is a spread from device to device.

    Args:
        path: The table's file.
        ramps: Number of ramps.
        readings: Number of readings.
        trend: Whether the starts follow the ramp's number (conditioning), and with what rank correlation.
        start: Mean start, trend's end, depth and ramp constant, and scatter about the trend.
        curve: Mean course A[(k + k0)^m - k0^m]: exponent, k0, and rms misfit.
        spread: Ramp-to-ramp offset and slope about the mean course, their correlation, and the slope's part that the
            walk of write noise does not explain.
        noise: Write noise per square root of a pulse, read noise, step correlation.
        jumps: Steps far outside the noise.
        outliers: Ramps that hold more than their share of them.
        warnings: What a reader must know.
    """

    path: Path
    ramps: int
    readings: int
    trend: float
    start: tuple[Estimate, ...]
    curve: tuple[Estimate, ...]
    spread: tuple[Estimate, ...]
    noise: tuple[Estimate, ...]
    jumps: tuple[Jump, ...]
    outliers: tuple[str, ...]
    warnings: tuple[str, ...]

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of this name, for example ``population["read_noise"]``."""
        for estimate in (*self.start, *self.curve, *self.spread, *self.noise):
            if estimate.name == name:
                return estimate
        raise KeyError(name)

    @property
    def jump_rate(self) -> float:
        """Share of the steps that are jumps."""
        return len(self.jumps) / (self.readings - self.ramps)

    def __str__(self) -> str:
        groups = (
            ("start", self.start),
            ("mean course", self.curve),
            ("ramp to ramp", self.spread),
            ("noise", self.noise),
        )
        worst = sorted(self.jumps, key=lambda j: -abs(j.size))[:6]
        lines = [f"{self.path.name}: {self.ramps} ramps, {self.readings} readings of one device"]
        for title, group in groups:
            lines += [f"  {title}", *(f"    {e}" for e in group)]
        lines += [
            f"  jumps: {len(self.jumps)} of {self.readings - self.ramps} steps ({100 * self.jump_rate:.2g} %)"
            + "".join(f"; {j.ramp} pulse {j.pulse} {engineering(j.size, 'S', 3)}" for j in worst),
            f"  outlying ramps: {listed(self.outliers)}",
            *(f"  ! {w}" for w in self.warnings),
        ]
        return "\n".join(lines)


def ramp_population(table: RampTable) -> RampPopulation:
    r"""Statistics of a table of potentiation ramps.

    In order: the starts' trend with the ramp's number; the mean course, a power law in the pulse count; each ramp's
    offset and slope about it, after the trend; and the steps' noise. About a ramp's own smooth course, a step's noise
    is write noise, which accumulates, plus the difference of two read noises, so that neighbouring steps are
    anticorrelated: :math:`\operatorname{cov}(e_k, e_{k+1}) = -\sigma_{read}^2`, :math:`\operatorname{var} e =
    \sigma_{write}^2 + 2\sigma_{read}^2`.

    Args:
        table: From :func:`read_ramp`.

    Raises:
        MeasurementError: If there is one ramp only.
    """
    if len(table.names) < _FEWEST_RAMPS:
        raise MeasurementError(
            f"{table.path}: {len(table.names)} ramp found and at least {_FEWEST_RAMPS} needed for a spread. Put one "
            "ramp in each column."
        )
    g = np.asarray(table.g)
    shared = int(table.lengths.min())
    noise_steps, jumps = _steps(table, g)
    noise = _noise(noise_steps)
    start, trend, offset_residual = _start(g)
    mean = np.nanmean(g[:, :shared] - g[:, :1], axis=0)
    notes = []
    curve = _course(mean, notes)
    counts = {name: sum(j.ramp == name for j in jumps) for name in table.names}
    large = {j.ramp for j in jumps if abs(j.size) > 0.5 * float(np.max(np.abs([j.size for j in jumps])))}
    outliers = tuple(n for n in table.names if counts[n] >= 2 or (counts[n] and n in large))
    regular = np.asarray([n not in outliers for n in table.names])
    spread = _spread(
        g[regular, :shared],
        mean,
        offset_residual[regular],
        3 if abs(trend) > _TREND else 1,
        {e.name: e.value for e in noise},
    )
    if abs(trend) > _TREND:
        notes.append(
            f"the starts follow the ramp's number (rank correlation {trend:.3f}): a conditioning trend, not a scatter; "
            "ramp-to-ramp figures are taken after it"
        )
    if outliers:
        notes.append(f"ramps that jumped ({listed(outliers)}) are left out of the ramp-to-ramp figures")
    notes.append("one device: these figures are not a spread from device to device")
    return RampPopulation(
        table.path, len(g), int(table.lengths.sum()), trend, start, curve, spread, noise, tuple(jumps), outliers,
        (*table.warnings, *notes),
    )  # fmt: skip


def _steps(table: RampTable, g: np.ndarray) -> tuple[list[np.ndarray], list[Jump]]:
    """Each ramp's steps about its own smooth course, with jumps cut out (NaN), and the jumps."""
    excess = []
    for row in g:
        step = np.diff(row)
        k = np.flatnonzero(np.isfinite(step))
        smooth = np.polynomial.Polynomial.fit(k, step[k], _DEGREE)
        excess.append(step - smooth(np.arange(len(step))))
    flat = np.concatenate(excess)
    flat = flat[np.isfinite(flat)]
    limit = _JUMP * 1.4826 * float(np.median(np.abs(flat - np.median(flat))))
    jumps = [
        Jump(name, int(k), float(e[k]))
        for name, e in zip(table.names, excess, strict=True)
        for k in np.flatnonzero(np.abs(e) > limit)
    ]
    return [np.where(np.abs(e) > limit, np.nan, e) for e in excess], jumps


def _noise(steps: list[np.ndarray]) -> tuple[Estimate, ...]:
    """Read noise from the anticorrelation of neighbouring steps, write noise from what is left of their variance."""

    def split(chosen: list[np.ndarray]) -> tuple[float, float, float, float]:
        whole = np.concatenate(chosen)
        variance = float(np.nanvar(whole))
        covariance = float(np.nanmean(np.concatenate([e[:-1] * e[1:] for e in chosen])))
        # Each coefficient of the smooth course has taken slow power, all of it write noise, from both.
        taken = (_DEGREE + 1) * len(chosen) / float(np.sum(np.isfinite(whole)))
        written = (variance + 2.0 * covariance) / (1.0 - 3.0 * taken)
        variance, covariance = variance + taken * written, covariance + taken * written
        read = np.sqrt(max(-covariance, 0.0))
        return (
            read,
            float(np.sqrt(max(variance + 2.0 * covariance, 0.0))),
            covariance / variance,
            float(np.sqrt(variance)),
        )

    values = split(steps)
    leave_one_out = np.asarray([split(steps[:k] + steps[k + 1 :]) for k in range(len(steps))])
    n = len(steps)
    error = np.sqrt((n - 1) / n * np.sum((leave_one_out - leave_one_out.mean(axis=0)) ** 2, axis=0))
    half = stats.t.ppf(0.975, n - 1) * error
    names = (("read_noise", "S"), ("write_noise", "S"), ("step_correlation", "1"), ("step_noise", "S"))
    notes = (
        "white",
        "per square root of a pulse, accumulates",
        "of neighbouring steps",
        "both together, jumps cut out",
    )
    return tuple(
        Estimate(name, float(v), unit, float(v - h), float(v + h), note=note)
        for (name, unit), v, h, note in zip(names, values, half, notes, strict=True)
    )


def _start(g: np.ndarray) -> tuple[tuple[Estimate, ...], float, np.ndarray]:
    """Mean and trend of the ramps' starts, the rank correlation, and what is left after the trend."""
    start, number = g[:, 0], np.arange(len(g))
    mean = Estimate(
        "start_mean",
        float(start.mean()),
        "S",
        note=f"sd {engineering(float(start.std(ddof=1)), 'S', 3)}, trend included",
    )
    trend = float(stats.spearmanr(number, start).statistic)  # pyright: ignore[reportAttributeAccessIssue]
    if abs(trend) <= _TREND:
        left = start - start.mean()
        return (mean, _deviation("start_scatter", left, 1)), trend, left

    def settling(n, end, depth, constant):
        return end - depth * np.exp(-n / constant)

    guess = (start[-1], start[-1] - start[0], len(g) / 3)
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", optimize.OptimizeWarning)
        scale = float(np.abs(start).max())
        values, covariance = optimize.curve_fit(
            lambda n, a, b, c: settling(n, a, b, c) / scale, number, start / scale, p0=guess,
            x_scale=[scale, scale, len(g)],
            bounds=([-np.inf, -np.inf, 0.1], [np.inf, np.inf, 100.0 * len(g)]),
        )  # fmt: skip
    half = stats.t.ppf(0.975, len(g) - 3) * np.sqrt(np.diag(covariance))
    left = start - settling(number, *values)
    names = (("start_end", "S"), ("start_depth", "S"), ("start_ramps", "1"))
    found = [
        Estimate(n, float(v), u, float(v - h), float(v + h)) for (n, u), v, h in zip(names, values, half, strict=True)
    ]
    return (mean, *found, _deviation("start_scatter", left, 3)), trend, left


def _deviation(name: str, values: np.ndarray, used: int, unit: str = "S", note: str = "") -> Estimate:
    """A standard deviation with its chi-square interval."""
    freedom = len(values) - used
    value = float(np.sqrt(np.sum((values - values.mean()) ** 2) / freedom))
    low, high = (value * float(np.sqrt(freedom / stats.chi2.ppf(p, freedom))) for p in (0.975, 0.025))
    return Estimate(name, value, unit, low, high, note=note)


def _course(mean: np.ndarray, notes: list[str]) -> tuple[Estimate, ...]:
    """Power law of the mean course in the number of pulses."""
    k, top = np.arange(len(mean)), float(mean[-1])

    def power(x, amplitude, log_k0, m):
        k0 = np.exp(log_k0)
        return amplitude * ((x + k0) ** m - k0**m) / ((k[-1] + k0) ** m - k0**m)

    guess, box = (1.0, np.log(0.1 * len(mean)), 1.5), ([0.5, -3.0, 0.1], [2.0, 12.0, 10.0])
    (amplitude, log_k0, m), _ = optimize.curve_fit(power, k, mean / top, p0=guess, bounds=box)
    rms = top * float(np.sqrt(np.mean((mean / top - power(k, amplitude, log_k0, m)) ** 2)))
    if log_k0 > 11.9 or abs(m - 1) < 1e-3:
        notes.append("the mean course is straight: its exponent is not identified")
    return (
        Estimate("exponent", float(m), "1", note="of the mean course in the pulse count"),
        Estimate("k_0", float(np.exp(log_k0)), "1", note="pulses before the first"),
        Estimate("course_rms", rms, "S", note="misfit of the mean course"),
    )


def _spread(
    g: np.ndarray, mean: np.ndarray, residual: np.ndarray, used: int, noise: dict[str, float]
) -> tuple[Estimate, ...]:
    """Each ramp as offset + slope times the mean course; the walk's part of the slope's variance is taken off."""
    rows = np.all(np.isfinite(g), axis=1)
    design = np.stack([np.ones(len(mean)), mean], axis=1)
    inverse = np.linalg.pinv(design)
    offset, slope = inverse @ g[rows].T
    k = np.arange(len(mean))
    walk = noise["write_noise"] ** 2 * np.minimum(k[:, None], k[None]) + noise["read_noise"] ** 2 * np.eye(len(k))
    explained = float((inverse @ walk @ inverse.T)[1, 1])
    total = _deviation("slope_total", slope, 1, "1", "standard deviation of the ramps' slopes about the mean course")
    own = float(np.sqrt(max(total.value**2 - explained, 0.0)))
    correlation = float(np.corrcoef(offset, slope)[0, 1])
    half = 1.96 / np.sqrt(max(int(rows.sum()) - 3, 1))
    low, high = np.tanh(np.arctanh(correlation) - half), np.tanh(np.arctanh(correlation) + half)
    return (
        _deviation("offset", residual[rows], used, note="of the ramps' starts after the trend"),
        total,
        Estimate(
            "slope", own, "1", note=f"the slopes' own, without the walk of write noise ({100 * explained**0.5:.2g} %)"
        ),
        Estimate("offset_slope_correlation", correlation, "1", float(low), float(high), note="trend included"),
    )
