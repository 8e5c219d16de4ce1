"""How a conductance is lost with time: power law, logarithm, exponential and stretched, with temperature and state."""

from __future__ import annotations

import jax
import numpy as np
from scipy import stats

from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE
from mho.fitting.law import Law, between, chosen, law_fit, positive
from mho.fitting.model_fit import Axes, ModelFit
from mho.fitting.result import Estimate
from mho.fitting.retention import Retention
from mho.fitting.vector import in_si

_FEWEST_STATES = 4  # from which the exponent's dependence on the state is told


def fit_retention(retention: Retention, *, key: jax.Array) -> ModelFit:
    r"""Fit the laws of retention and drift, and choose among them.

    Each trace has its own conductance at the first time; what is common is how it is lost:

    .. math::
        \text{power law: } (t/t_1)^{-\nu}, \quad \text{log time: } 1-a\log_{10}(t/t_1), \quad
        \text{stretched: } r+(1-r)e^{-(t/\tau)^\beta}

    and the last with :math:`\beta = 1`. Where several temperatures were measured, :math:`\ln\nu`, :math:`\ln a` and
    :math:`-\ln\tau` grow as :math:`-E_a/kT`. The residual is relative. With four traces or more, the power law's
    exponent is also told trace by trace, and how it changes with the logarithm of the conductance.

    Args:
        retention: From :func:`read_retention`.
        key: Random key of the starts.

    Returns:
        The law with the smallest BIC. A power law, and a stretched one towards nothing, are effects of a device:
        :meth:`ModelFit.onto`.
    """
    used = np.isfinite(retention.g)
    data = np.where(used, np.log(np.where(used, retention.g, 1.0)), np.nan)
    centred = data - _means(data, retention, used)
    laws = _laws(retention, used)
    law, found, candidates = chosen(laws, centred, seed=np.asarray(jax.random.key_data(key)).tolist())
    shape = law.curve(in_si(law.entries, found.theta[None]))[0]
    model = np.exp(shape + _means(data, retention, used))
    extra, notes = _of_state(retention, used)
    if law.name == "power law":
        first = float(retention.t[used].min())
        extra = (Estimate("t_0", first, "s", status="held", note="time of the first reading"), *extra)
    return law_fit(
        retention, law, found, candidates,
        axes=Axes(("time since programming", "s"), ("conductance", "S"), log_x=True),
        x=retention.t, y=retention.g, y_model=model, extra=extra, warnings=notes,
    )  # fmt: skip


def _means(data: np.ndarray, retention: Retention, used: np.ndarray) -> np.ndarray:
    """Mean of each trace over its readings, at every reading."""
    count = np.bincount(retention.trace, used, retention.traces)
    total = np.bincount(retention.trace, np.where(used, np.nan_to_num(data), 0.0), retention.traces)
    return (total / np.maximum(count, 1))[retention.trace]


def _laws(retention: Retention, used: np.ndarray) -> list[Law]:
    t, temperature = retention.t, retention.temperature
    first, last = float(t[used].min()), float(t[used].max())
    reference = float(np.median(temperature))
    warm = len(np.unique(temperature)) > 1
    cold = (1.0 / temperature - 1.0 / reference) / BOLTZMANN  # [1/J]
    energy = (
        (between("energy", "J", 0.5 * ELEMENTARY_CHARGE, -0.5 * ELEMENTARY_CHARGE, 3.0 * ELEMENTARY_CHARGE),)
        if warm
        else ()
    )
    falls = _falls(retention, used)
    sign = 1.0 if falls >= 0 else -1.0
    decades = np.log10(t / first)

    def faster(rows: np.ndarray) -> np.ndarray:
        """Factor by which temperature hastens the loss, (rows, readings)."""
        return np.exp(-rows[:, -1:] * cold) if warm else np.ones((len(rows), 1))

    def centred(h: np.ndarray) -> np.ndarray:
        return np.stack([row - _means(row, retention, used) for row in h])

    def power(rows: np.ndarray) -> np.ndarray:
        return centred(-rows[:, :1] * faster(rows) * np.log(t / first))

    def log_time(rows: np.ndarray) -> np.ndarray:
        return centred(np.log(np.maximum(1.0 - rows[:, :1] * faster(rows) * decades, 1e-9)))

    def stretched(rows: np.ndarray, beta: bool = True) -> np.ndarray:
        exponent = rows[:, 2:3] if beta else 1.0
        left = np.exp(-np.minimum((t * faster(rows) / rows[:, :1]) ** exponent, 700.0))
        rest = rows[:, 1:2]
        return centred(np.log(np.maximum(rest + (1.0 - rest) * left, 1e-9)))

    span = float(np.log(last / first))
    nu = sign * max(abs(falls) / max(span, 1e-9), 1e-5)
    a = sign * max(abs(falls) / max(span / np.log(10.0), 1e-9), 1e-5)
    ends = sorted((nu * 1e-4, nu * 1e3))
    ends_a = sorted((a * 1e-4, a * 1e3))
    tau = positive("tau", "s", float(np.sqrt(first * last)), low=1e-3 * first, high=1e6 * last)
    rest = between("rest", "1", 0.3, 0.0, 0.999) if sign > 0 else positive("rest", "1", 2.0, low=1.001, high=1e3)
    beta = between("beta", "1", 0.7, 0.05, 1.0)
    exponent = positive("nu", "1", nu, low=ends[0] if nu > 0 else ends[1], high=ends[1] if nu > 0 else ends[0])
    slope = positive("a", "1", a, low=ends_a[0] if a > 0 else ends_a[1], high=ends_a[1] if a > 0 else ends_a[0])
    return [
        Law("power law", (exponent, *energy), power, {"power_law_drift": ("nu", "t_0")}),
        Law("log time", (slope, *energy), log_time, {}),
        Law("exponential", (tau, rest, *energy), lambda rows: stretched(rows, beta=False), {}),
        Law("stretched exponential", (tau, rest, beta, *energy), stretched, {}),
    ]


def _falls(retention: Retention, used: np.ndarray) -> float:
    """Mean fall of ln g over the traces, from the first fifth of the readings to the last."""
    falls = []
    for k in range(retention.traces):
        g = retention.g[used & (retention.trace == k)][np.argsort(retention.t[used & (retention.trace == k)])]
        part = max(len(g) // 5, 1)
        falls.append(np.log(np.median(g[:part]) / np.median(g[-part:])))
    return float(np.mean(falls))


def _of_state(retention: Retention, used: np.ndarray) -> tuple[tuple[Estimate, ...], list[str]]:
    """The power law's exponent over the traces: its spread, and its slope with the logarithm of the conductance."""
    nus, starts = [], []
    for k in range(retention.traces):
        rows = used & (retention.trace == k)
        slope, start = np.polyfit(np.log(retention.t[rows]), np.log(retention.g[rows]), 1)
        nus.append(-slope)
        starts.append(start + slope * np.log(retention.t[rows].min()))
    if len(nus) < _FEWEST_STATES:
        return (), []
    nu, level = np.asarray(nus), np.asarray(starts)
    freedom = len(nu) - 1
    deviation = float(np.std(nu, ddof=1))
    low, high = (deviation * float(np.sqrt(freedom / stats.chi2.ppf(p, freedom))) for p in (0.975, 0.025))
    found = [Estimate("nu_spread", deviation, "1", low, high, note="of the exponent over the traces")]
    notes = []
    if np.ptp(level) > 0.1:
        line = stats.linregress(level, nu)
        half = float(stats.t.ppf(0.975, len(nu) - 2) * line.stderr)  # type: ignore[attr-defined]
        slope = float(line.slope)  # type: ignore[attr-defined]
        note = "of the exponent per e-fold of conductance"
        found.append(Estimate("nu_slope", slope, "1", slope - half, slope + half, note=note))
        if not found[-1].covers(0.0):
            notes.append("the exponent depends on the state: one exponent for all is an average")
    return tuple(found), notes
