"""Paired pulses: relaxation times and release, by one or two exponentials and by Tsodyks and Markram's model."""

from __future__ import annotations

import jax
import numpy as np

from mho.fitting.law import Law, between, chosen, law_fit, positive
from mho.fitting.model_fit import Axes, ModelFit, estimates_of
from mho.fitting.paired import PairedPulses
from mho.fitting.regression import Regression
from mho.fitting.result import Estimate
from mho.fitting.vector import in_si


def fit_paired_pulses(pairs: PairedPulses, *, key: jax.Array) -> ModelFit:
    r"""Fit the ratio of the second response to the first against the interval.

    .. math::
        \text{one or two exponentials: } 1+\sum_k c_k e^{-\Delta/\tau_k}, \quad
        \text{Tsodyks-Markram: } (1+(1-U)e^{-\Delta/\tau_f})(1-Ue^{-\Delta/\tau_r})

    The law with the smallest BIC is chosen among those whose numbers the data determine. One exponential is Tsodyks and
    Markram's facilitation alone, with c = 1 - U, or their depression alone, with c = -U.

    Args:
        pairs: From :func:`read_paired_pulses`.
        key: Random key of the starts.

    Source: Tsodyks, Pawelzik and Markram, Neural Comput. 10, 821 (1998).
    """
    d, ratio = pairs.interval, pairs.ratio
    depressing = float(np.mean(ratio - 1.0)) < 0
    low, high = float(d.min()), float(d.max())
    tau = positive("tau", "s", float(np.sqrt(low * high)), low=0.1 * low, high=10.0 * high)
    fast = positive("tau[0]", "s", low * (high / low) ** 0.3, low=0.1 * low, high=10.0 * high)
    slow = positive("tau[1]", "s", low * (high / low) ** 0.7, low=0.1 * low, high=10.0 * high)
    most = max(4.0 * float(np.max(np.abs(ratio - 1.0))), 0.1)
    sign = -1.0 if depressing else 1.0

    def amplitude(name: str, share: float):
        ends = sorted((0.0, sign * (0.999 if depressing else most)))
        return between(name, "1", sign * share * float(np.max(np.abs(ratio - 1.0))), ends[0], ends[1])

    release = between("U", "1", 0.3, 1e-3, 0.999)
    f = positive("tau_f", "s", float(np.sqrt(low * high)), low=0.1 * low, high=10.0 * high)
    r = positive("tau_r", "s", float(np.sqrt(low * high)), low=0.1 * low, high=10.0 * high)

    def falls(rows: np.ndarray, k: int) -> np.ndarray:
        return np.exp(-d / rows[:, k : k + 1])

    def log(ratio: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(ratio, 1e-6))

    two = Law(
        "two exponentials",
        (amplitude("c[0]", 0.6), fast, amplitude("c[1]", 0.3), slow),
        lambda x: log(1.0 + x[:, :1] * falls(x, 1) + x[:, 2:3] * falls(x, 3)),
        {},
    )
    laws = [
        Law("one exponential", (amplitude("c", 0.8), tau), lambda x: log(1.0 + x[:, :1] * falls(x, 1)), {}),
        two,
        Law(
            "Tsodyks-Markram",
            (release, f, r),
            lambda x: log((1.0 + (1.0 - x[:, :1]) * falls(x, 1)) * (1.0 - x[:, :1] * falls(x, 2))),
            {},
        ),
    ]
    law, found, candidates = chosen(laws, np.log(ratio), seed=np.asarray(jax.random.key_data(key)).tolist())
    extra = _release(found, law)
    model = np.exp(law.curve(in_si(law.entries, found.theta[None]))[0])
    return law_fit(
        pairs, law, found, candidates,
        axes=Axes(("interval", "s"), ("second response over first", "1"), log_x=True),
        x=d, y=ratio, y_model=model, extra=extra,
    )  # fmt: skip


def _release(found: Regression, law: Law) -> tuple[Estimate, ...]:
    """The release U that one exponential stands for, where it can be one."""
    e = next((e for e in estimates_of(found, law.entries) if e.name == "c"), None)
    if e is None or e.status != "fitted" or not -1.0 < e.value < 1.0:
        return ()
    if e.value > 0:
        return (Estimate("U", 1.0 - e.value, "1", 1.0 - e.high, 1.0 - e.low, note="if this is facilitation alone"),)
    return (Estimate("U", -e.value, "1", -e.high, -e.low, note="if this is depression alone"),)
