"""Weibull lifetimes with censored cells: how many cycles, how wide, and when the first of many fails."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

from mho.core.errors import MeasurementError
from mho.fitting.endurance import EnduranceRun
from mho.fitting.model_fit import Axes, ModelFit
from mho.fitting.result import Estimate

_FEWEST = 3  # failures


def fit_endurance(run: EnduranceRun) -> ModelFit:
    r"""Fit a Weibull distribution, :math:`F(N) = 1-\exp[-(N/N_{63})^\beta]`, by maximum likelihood.

    A cell that still worked at the end counts with its chance of having lasted so long. Intervals are those of the
    profile likelihood: asymmetric, and honest for few cells.

    Args:
        run: From :func:`read_endurance`.

    Raises:
        MeasurementError: If fewer than three cells failed, or all at one number of cycles.
    """
    log_n, failed = np.log(run.cycles), run.failed
    if failed.sum() < _FEWEST or np.ptp(log_n[failed]) == 0:
        raise MeasurementError(
            f"{run.path}: {int(failed.sum())} cells failed, at {len(np.unique(log_n[failed]))} different numbers of "
            f"cycles; at least {_FEWEST} failures at two numbers are needed for a slope. Cycle longer, or more cells."
        )

    def misfit(theta: np.ndarray) -> float:
        scale, log_beta = theta
        z = np.exp(log_beta) * (log_n - scale)
        return -float(np.sum(np.where(failed, log_beta + z, 0.0) - np.exp(np.minimum(z, 50.0))))

    start = np.asarray([float(np.mean(log_n[failed])) + 0.3, float(np.log(1.2 / max(np.std(log_n[failed]), 1e-3)))])
    best = optimize.minimize(misfit, start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    theta, least = best.x, float(best.fun)
    ends = [_profile(misfit, theta, least, k) for k in (0, 1)]
    n_63, beta = (float(np.exp(x)) for x in theta)
    first = np.log(1e-2)  # ln of -ln(1 - F) for F = 1 %, nearly

    def early(x: np.ndarray) -> float:
        return float(x[0] + first / np.exp(x[1]))

    (low, high), (flat, steep) = (np.exp(e) for e in ends)
    beyond = ", extrapolated" if early(theta) < log_n.min() else ""
    estimates = (
        Estimate("n_63", n_63, "1", float(low), float(high), note="cycles after which 63 % have failed"),
        Estimate("beta", beta, "1", float(flat), float(steep), note="Weibull slope"),
        Estimate("n_1", float(np.exp(early(theta))), "1", note=f"cycles after which 1 % have failed{beyond}"),
    )
    order = np.argsort(run.cycles)
    share = _kaplan_meier(run.cycles[order], failed[order])
    model = -np.expm1(-((run.cycles[order] / n_63) ** beta))
    y = np.where(failed[order], share, np.nan)
    residual = y - model
    censored = int(np.sum(~failed))
    return ModelFit(
        path=run.path,
        model="Weibull",
        estimates=estimates,
        axes=Axes(("cycles", "1"), ("share failed", "1"), log_x=True, error="of the share failed"),
        x=run.cycles[order],
        y=y,
        y_model=model,
        residual=residual,
        used=failed[order],
        n=len(run.cycles),
        n_effective=float(failed.sum()),
        error_fit=float(np.sqrt(np.nanmean(residual**2))),
        effects={"weibull": ("n_63", "beta")},
        warnings=(
            *run.warnings,
            *([f"{censored} cells still worked when the run ended; they count as censored"] if censored else []),
        ),
    )


def _profile(misfit, theta: np.ndarray, least: float, k: int) -> tuple[float, float]:
    """95 % interval of one number: where the likelihood, best in the other, has fallen by half the chi-square."""
    drop = 0.5 * float(stats.chi2.ppf(0.95, 1))

    def over(x: float) -> float:
        def other(y: float) -> float:
            return misfit(np.asarray([x, y] if k == 0 else [y, x]))

        y = theta[1 - k]
        return float(optimize.minimize_scalar(other, bracket=(y - 0.1, y + 0.1)).fun) - least - drop  # type: ignore[union-attr]

    found = []
    for side in (-1.0, 1.0):
        step = 0.05
        while over(theta[k] + side * step) < 0 and step < 20.0:
            step *= 2.0
        distance = float(optimize.brentq(lambda d, side=side: over(theta[k] + side * d), 0.0, step))  # type: ignore[arg-type]
        found.append(float(theta[k]) + side * distance)
    return found[0], found[1]


def _kaplan_meier(cycles: np.ndarray, failed: np.ndarray) -> np.ndarray:
    """Share of cells failed at each number of cycles, censored ones taken out of those at risk; midpoints of steps."""
    at_risk = np.arange(len(cycles), 0, -1)
    alive = np.cumprod(np.where(failed, 1.0 - 1.0 / at_risk, 1.0))
    before = np.concatenate([[1.0], alive[:-1]])
    return 1.0 - 0.5 * (alive + before)
