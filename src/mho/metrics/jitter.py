"""Jitter: how much the intervals between spikes vary under noise, with its interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import chi2

from mho.core.errors import InputError
from mho.metrics.kpi import KPI


def jitter(intervals: np.ndarray, *, conditions: Mapping[str, str] | None = None) -> KPI:
    r"""Standard deviation of inter-spike intervals, from many runs of the same circuit with different noise.

    The k-th intervals of all runs are compared with each other, so that an interval that drifts from spike to spike (a
    circuit that adapts) is no jitter; the variances of all k are pooled. The 95 % interval is that of a variance with
    as many degrees of freedom, :math:`\sigma\sqrt{\nu/\chi^2_{0.975,0.025}(\nu)}`, for independent normal intervals.

    Args:
        intervals: Times between successive spikes, NaN where there is none, shape (runs, intervals) [s].
        conditions: Temperature, bandwidth and the like.

    Raises:
        InputError: If no interval was seen in two runs.
    """
    x = np.asarray(intervals, np.float64)
    seen = np.sum(np.isfinite(x), axis=0)
    x, seen = x[:, seen > 1], seen[seen > 1]
    freedom = int(np.sum(seen - 1))
    if freedom < 1:
        raise InputError("Jitter needs an interval that at least two runs show. Run more samples, or longer.")
    variance = float(np.sum(np.nanvar(x, axis=0, ddof=1) * (seen - 1)) / freedom)
    low, high = (np.sqrt(variance * freedom / chi2.ppf(p, freedom)) for p in (0.975, 0.025))
    return KPI(
        name="circuit.jitter",
        value=float(np.sqrt(variance)),
        unit="s",
        definition="standard deviation of the k-th inter-spike interval over runs with different noise, pooled over k",
        spread={"low": float(low), "high": float(high), "kind": "95 % interval (chi-square)"},
        n=int(np.sum(seen)),
        conditions=dict(conditions or {}),
        note=f"relative to the mean interval: {np.sqrt(variance) / np.nanmean(x):.3g}",
    )
