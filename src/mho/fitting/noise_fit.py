"""What read noise is made of: its size, 1/f and white parts, and a telegraph signal's levels and dwell times."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import optimize, stats

from mho.fitting import edges
from mho.fitting.estimate import effective_size
from mho.fitting.model_fit import Axes, ModelFit
from mho.fitting.noise import NoiseTrace
from mho.fitting.result import Estimate

_APART = 5.0  # distance of two levels, in standard deviations within a level, above which they are a telegraph signal
_OCCUPIED = 0.02  # share of the samples that each level must have
_FEWEST_EXITS = 5  # from each level
_BINS = 60  # of the spectrum, evenly spread over its logarithm, for the figure


def fit_noise(trace: NoiseTrace) -> ModelFit:
    r"""Read noise of one device left alone.

    In order: the relative standard deviation; a telegraph signal, where the samples have two levels further apart than
    five standard deviations within a level; and the spectrum of what is left, relative to the mean,
    :math:`S(f) = A f^{-\gamma} + W`, by Whittle's likelihood of the periodogram.

    The dwell times are those of the continuous chain whose samples are seen: transitions between samples are counted
    for, :math:`p_{01}+p_{10} = 1-e^{-\Delta t/\tau}`.

    Args:
        trace: From :func:`read_noise`.

    Returns:
        Estimates ``sigma``, ``flicker`` (A at 1 Hz), ``gamma``, ``white`` (W) and, for a telegraph signal,
        ``amplitude``, ``tau_high``, ``tau_low``. Flicker and telegraph noise are effects of a device:
        :meth:`ModelFit.onto`.
    """
    mean = float(trace.x.mean())
    relative = trace.x / mean - 1.0
    notes = list(trace.warnings)
    n = effective_size(relative**2)
    sigma = float(np.std(relative, ddof=1))
    low, high = (sigma * float(np.sqrt((n - 1) / stats.chi2.ppf(p, max(n - 1, 1)))) for p in (0.975, 0.025))
    estimates = [Estimate("sigma", sigma, "1", low, high, note="relative standard deviation of a read")]
    effects: dict[str, tuple[str, ...]] = {}
    telegraph, rest = _telegraph(trace, relative)
    if telegraph:
        estimates += telegraph
        effects["telegraph_noise"] = ("amplitude", "tau_capture", "tau_emission")
    else:
        notes.append("no telegraph signal: the samples do not have two levels far enough apart")
    f, power = _periodogram(rest, trace.step)
    spectrum, model, told = _spectrum(f, power)
    estimates += spectrum
    notes += told
    if spectrum[0].status == "fitted" and 0.7 < spectrum[1].value < 1.3:
        root = [float(np.sqrt(x)) for x in (spectrum[0].value, spectrum[0].low, spectrum[0].high)]
        estimates.append(Estimate("q", root[0], "1", root[1], root[2], note="root of the 1/f amplitude"))
        estimates.append(Estimate("t_read", trace.step, "s", status="held", note="one sample"))
        effects["flicker_noise"] = ("q", "t_read")
    bins = np.unique(np.geomspace(1, len(f), _BINS).astype(int)) - 1
    centre = np.asarray([np.exp(np.mean(np.log(f[a:b]))) for a, b in itertools.pairwise(bins)])
    seen, drawn = (np.asarray([np.mean(y[a:b]) for a, b in itertools.pairwise(bins)]) for y in (power, model))
    residual = np.log10(seen / drawn)
    return ModelFit(
        path=trace.path,
        model="read noise",
        estimates=tuple(estimates),
        axes=Axes(("frequency", "Hz"), ("relative noise power", "1/Hz"), log_x=True, log_y=True, error="decades"),
        x=centre,
        y=seen,
        y_model=drawn,
        residual=residual,
        used=np.ones(len(seen), bool),
        n=len(trace.x),
        n_effective=n,
        error_fit=float(np.sqrt(np.mean(residual**2))),
        effects=effects,
        warnings=tuple(notes),
    )


def _telegraph(trace: NoiseTrace, relative: np.ndarray) -> tuple[list[Estimate], np.ndarray]:
    """The numbers of a telegraph signal and the trace without it; no numbers where there is none."""
    shifted = relative - relative.min()
    upper = edges.levels(trace.t, shifted, debounce=0.0)
    share = float(np.mean(upper))
    if not _OCCUPIED < share < 1.0 - _OCCUPIED:
        return [], relative
    high, low = float(np.mean(relative[upper])), float(np.mean(relative[~upper]))
    within = relative - np.where(upper, high, low)
    # Tails cut by the threshold would make the levels look narrow: the half of a level away from the other is whole.
    outer = np.concatenate([within[upper & (relative > high)], within[~upper & (relative < low)]])
    deviation = float(np.sqrt(np.mean(outer**2))) if outer.size else 0.0
    exits = [int(np.sum(upper[:-1] & ~upper[1:])), int(np.sum(~upper[:-1] & upper[1:]))]
    if high - low < _APART * deviation or min(exits) < _FEWEST_EXITS:
        return [], relative
    stays = [int(np.sum(upper[:-1])), int(np.sum(~upper[:-1]))]
    both = sum(k / m for k, m in zip(exits, stays, strict=True))
    rate = -np.log1p(-min(both, 0.999)) / trace.step
    found = []
    for name, k, m, word in (("tau_high", exits[0], stays[0], "upper"), ("tau_low", exits[1], stays[1], "lower")):
        tau = both / (k / m) / rate
        low_end, high_end = sorted(
            tau * (k / m) / float(p) for p in (stats.beta.ppf(0.025, k, m - k + 1), stats.beta.ppf(0.975, k + 1, m - k))
        )
        found.append(
            Estimate(name, float(tau), "s", low_end, high_end, note=f"mean dwell time in the {word} level, {k} exits")
        )
    step = (high - low) / (1.0 + high)
    error = float(deviation * np.sqrt(1.0 / stays[0] + 1.0 / stays[1])) / (1.0 + high)
    amplitude = Estimate(
        "amplitude", step, "1", step - 1.96 * error, step + 1.96 * error, note="relative to the upper level"
    )
    # The conductance is lower while the trap is filled: it is empty in the upper level, and captures there.
    named = [
        Estimate(name, e.value, "s", e.low, e.high, note=note)
        for name, e, note in (
            ("tau_capture", found[0], "as tau_high, if a filled trap lowers the current"),
            ("tau_emission", found[1], "as tau_low, likewise"),
        )
    ]
    return [amplitude, *found, *named], within


def _periodogram(x: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """One-sided periodogram [1/Hz] without the ends, of a trace whose linear trend is taken out."""
    k = np.arange(len(x))
    x = x - np.polyval(np.polyfit(k, x, 1), k)
    power = 2.0 * step / len(x) * np.abs(np.fft.rfft(x)) ** 2
    f = np.fft.rfftfreq(len(x), step)
    inside = slice(1, -1)
    return f[inside], np.maximum(power[inside], 1e-300)


def _spectrum(f: np.ndarray, power: np.ndarray) -> tuple[list[Estimate], np.ndarray, list[str]]:
    """1/f and white parts by Whittle's likelihood, with intervals from its information."""
    white = float(np.median(power[len(power) // 2 :])) / np.log(2.0)
    flicker = max(
        float(np.exp(np.mean(np.log(power[: max(len(power) // 20, 3)] * f[: max(len(power) // 20, 3)])))) * 1.78, 1e-300
    )

    def density(theta: np.ndarray) -> np.ndarray:
        return np.exp(theta[0] - theta[1] * np.log(f)) + np.exp(theta[2])

    def misfit(theta: np.ndarray) -> float:
        s = density(theta)
        return float(np.sum(np.log(s) + power / s))

    start = np.asarray([np.log(flicker), 1.0, np.log(white)])
    box = [(start[0] - 25.0, start[0] + 25.0), (0.2, 2.5), (start[2] - 25.0, start[2] + 5.0)]
    best = min(
        (
            optimize.minimize(misfit, [start[0], gamma, start[2] + shift], method="L-BFGS-B", bounds=box)
            for gamma in (0.8, 1.2)
            for shift in (0.0, -3.0)
        ),
        key=lambda b: b.fun,
    )
    alone = float(np.sum(np.log(np.mean(power)) + power / np.mean(power)))
    if alone - best.fun < 0.5 * 2.0 * np.log(len(f)):  # two more numbers are not worth it, by BIC
        level = float(np.mean(power))
        half = 1.96 / np.sqrt(len(f))
        found = [
            Estimate("flicker", 0.0, "1", status="held", note="no 1/f part beside the white one"),
            Estimate("gamma", 1.0, "1", status="held", note="no 1/f part"),
            Estimate("white", level, "1/Hz", level * float(np.exp(-half)), level * float(np.exp(half))),
        ]
        return found, np.full(len(f), level), ["the spectrum is white: no 1/f part is seen"]
    theta = best.x
    s = density(theta)
    part = np.exp(theta[0] - theta[1] * np.log(f)) / s
    gradient = np.stack([part, -part * np.log(f), 1.0 - part], axis=1)
    notes = []
    seen = np.sum(gradient[:, 2] ** 2) > 1.0
    kept = slice(0, 3 if seen else 2)
    half = 1.96 * np.sqrt(np.diag(np.linalg.inv(gradient[:, kept].T @ gradient[:, kept])))
    ends = [[float(np.exp(theta[0] + side * half[0])) for side in (-1, 1)], [theta[1] - half[1], theta[1] + half[1]]]
    found = [
        Estimate(
            "flicker", float(np.exp(theta[0])), "1", ends[0][0], ends[0][1], note="relative power at 1 Hz, times 1 Hz"
        ),
        Estimate("gamma", float(theta[1]), "1", float(ends[1][0]), float(ends[1][1])),
    ]
    if seen:
        value = float(np.exp(theta[2]))
        found.append(Estimate("white", value, "1/Hz", value * float(np.exp(-half[2])), value * float(np.exp(half[2]))))
    else:
        notes.append("no white floor is seen within the band")
    return found, s, notes
