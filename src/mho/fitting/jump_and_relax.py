"""Fit of the ECRAM's event face to a pulse measurement: each pulse a jump, then relaxation in one to four modes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import jax
import numpy as np

from mho.core.errors import MeasurementError
from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering, si
from mho.devices import ECRAM, parameters
from mho.fitting import event_face
from mho.fitting.assembly import Finished, assemble
from mho.fitting.estimate import Problem, block_weights, descend, effective_size
from mho.fitting.event_face import Layout
from mho.fitting.measurement import PulseMeasurement
from mho.fitting.result import Fit
from mho.fitting.scatter import noise_of, simulated
from mho.fitting.selection import Solution, candidate, choose, settle, solve
from mho.fitting.train import during_pulse, pulse_train

MOST_MODES = 4
_STARTS = 8
_LAST_SHARE = 0.2  # of the readings, held out where a measurement has one sweep
_FEWEST_READINGS = 5  # for each free parameter
_UNKNOWN = 1e3  # an interval that spans more than this factor is no determination

Progress = Callable[[float, str], None]


def fit(
    measurement: PulseMeasurement,
    start: ParameterSet | None = None,
    *,
    key: jax.Array,
    modes: int | str = "auto",
    hold_out: str | None = "last sweep",
    optional: tuple[str, ...] = ("consolidation",),
    fixed: Mapping[str, float | str] | None = None,
    replicates: int = 160,
    progress: Progress | None = None,
) -> Fit:
    r"""Fit an ECRAM to a pulse measurement.

    The residual is the relative one, :math:`\ln(g_{model}/g)`, because a read's noise is a share of it. For each number
    of modes the fit starts from values read off the data and from seven vectors scattered about them, descends from all
    at once, and refines the best. The number of modes minimises :math:`\mathrm{BIC} = n_{eff}\ln(S/n) + p\ln n_{eff}`,
    with n_eff the number of independent residuals of the richest model: residuals are correlated, because a pulse's
    random excess stays in the state. Each interval is the wider of two: a block bootstrap with refits, which holds for
    any misfit, and refits to simulated repetitions with the read and cycle-to-cycle noise found in the residuals, which
    holds for excess that stays. A parameter that rests on a bound is named, frozen there, and the rest refitted.

    Args:
        measurement: The data, from :func:`read_pulses`.
        start: Parameter set that gives the numbers which this measurement cannot (window of the non-volatile state,
            gate network, temperature laws); by default ``ecram_stp_ref``.
        key: Random key, for the scatter of the starts and the bootstrap; one key gives one result.
        modes: ``"auto"``, or a number from 1 to 4.
        hold_out: ``"last sweep"`` (the last fifth of the readings if there is one sweep) or None.
        optional: Numbers fitted besides g_rest, g_volatile, efficacy, weights and tau: ``consolidation``, ``exponent``.
            `v_0` is added by itself where pulses of several amplitudes were applied.
        fixed: Numbers held at a known value, for example ``{"efficacy": 0.08}``.
        replicates: Refits behind the intervals.
        progress: Called with the share done and what is being done.

    Raises:
        MeasurementError: If an option is out of range, or the data cannot identify a parameter; names it and says why.
    """
    say = progress or (lambda share, text: None)
    start = start or parameters("ecram_stp_ref")
    _check(modes, hold_out, optional, fixed or {}, measurement)
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key), np.uint32).tolist())
    train = pulse_train(measurement)
    usable = np.isfinite(measurement.reads.g) & (measurement.reads.g > 0) & ~during_pulse(measurement)
    held_out = _held_out(measurement, hold_out) & usable
    rows = np.flatnonzero(usable & ~held_out)
    reference = event_face.reference(measurement, train, usable & ~held_out)
    base = _base(start, reference, measurement.reads.g[usable])
    optional_set = set(optional) | (
        {"v_0"} if len(np.unique(np.round(np.abs(measurement.pulses.amplitude), 4))) > 1 else set()
    )
    layout = Layout(MOST_MODES if modes == "auto" else int(modes))
    data = np.log(np.where(usable, measurement.reads.g, 1.0))
    weight = np.zeros(len(data))
    weight[rows] = 1.0
    given = _given(fixed or {}, layout)

    say(0.02, "compiling the device's event face")
    solutions = []
    counts = range(1, layout.modes + 1)
    model = event_face.curve(train, base, layout.modes)
    problems = {}
    for k in counts:
        low, high = (np.where(np.isfinite(given), given, b) for b in event_face.bounds(layout, reference, k))
        problems[k] = Problem(layout.names, low, high, np.where(usable, data, np.nan), weight, model)
    frees = {k: layout.free(k, optional_set, set(fixed or {})) for k in counts}
    _enough(measurement, len(rows), int(frees[1 if modes == "auto" else layout.modes].sum()))
    scattered = {
        k: np.where(np.isfinite(given), given, event_face.starts(layout, reference, base, k, _STARTS, generator))
        for k in counts
    }
    found = _search(problems, scattered, frees, say)
    for n, k in enumerate(counts):
        say(0.5 + 0.2 * n / len(counts), f"refining {k} mode(s)")
        solutions.append(solve(problems[k], k, found[k], frees[k], layout, optional_set))
    n_effective = effective_size(solutions[-1].residual[rows])
    candidates = tuple(candidate(s, layout, rows, held_out, n_effective) for s in solutions)
    best = solutions[choose(solutions, candidates)]
    solution = best if modes == "auto" else solutions[-1]
    problem = problems[solution.modes]
    solution, warnings = settle(problem, solution, layout)
    if best.modes < solution.modes:
        warnings.append(f"{solution.modes} modes were asked for; the information criterion prefers {best.modes}")
    n_effective = effective_size(solution.residual[rows])
    length = int(max(np.ceil(3.0 * len(rows) / n_effective), np.ceil(len(rows) ** (1 / 3))))
    device = event_face.device_of(solution.theta, base, layout.modes, solution.modes)
    noise = noise_of(device, train, solution.residual, rows)
    half = replicates // 2
    say(0.75, f"block bootstrap, {half} refits")
    resampled = _resampled(problem, solution, rows, length, half, generator)
    say(0.85, f"simulated repetitions, {half} refits")
    repetitions = simulated(model, solution.theta, train, {e.name: e.value for e in noise}, half, generator)
    repeated = _repeated(problem, solution, repetitions)
    say(0.97, "collecting")
    finished = Finished(
        measurement=measurement,
        start=start,
        base=base,
        reference=reference,
        layout=layout,
        solution=solution,
        resampled=resampled,
        repeated=repeated,
        noise=noise,
        usable=usable,
        held_out=held_out,
        rows=rows,
        n_effective=n_effective,
        blocks=len(rows) // length,
        candidates=candidates,
        warnings=tuple(warnings),
        fixed=frozenset(fixed or {}),
        model=model,
    )
    result = assemble(finished)
    _identified(result)
    say(1.0, "done")
    return result


def _check(
    modes: int | str, hold_out: str | None, optional: tuple[str, ...], fixed: Mapping, measurement: PulseMeasurement
) -> None:
    if modes != "auto" and not (isinstance(modes, int) and 1 <= modes <= MOST_MODES):
        raise MeasurementError(f"modes is {modes!r}; it must be 'auto' or a whole number from 1 to {MOST_MODES}.")
    if hold_out not in (None, "last sweep"):
        raise MeasurementError(f"hold_out is {hold_out!r}; it must be 'last sweep' or None.")
    unknown = [o for o in optional if o not in ("consolidation", "exponent", "v_0")]
    if unknown:
        raise MeasurementError(
            f"{unknown[0]!r} cannot be fitted to pulses and readings; optional may name consolidation, exponent and "
            "v_0."
        )
    unknown = [f for f in fixed if f not in event_face.HEAD]
    if unknown:
        raise MeasurementError(f"{unknown[0]!r} cannot be fixed; fixed may name {', '.join(event_face.HEAD)}.")
    levels = np.unique(np.round(np.abs(measurement.pulses.amplitude), 4))
    if "v_0" in optional and len(levels) < 2:
        raise MeasurementError(
            f"{measurement.path}: v_0 cannot be identified, all pulses have {engineering(levels[0], 'V')}; at least "
            "two amplitudes are needed. "
            "Add a sweep at another amplitude, or leave v_0 out of 'optional'."
        )


def _enough(measurement: PulseMeasurement, readings: int, free: int) -> None:
    if readings < _FEWEST_READINGS * free:
        raise MeasurementError(
            f"{measurement.path}: {readings} readings are left for {free} free parameters; at least "
            f"{_FEWEST_READINGS * free} are needed. "
            "Measure more, fit fewer modes, fix known numbers, or set hold_out to none."
        )


def _held_out(measurement: PulseMeasurement, hold_out: str | None) -> np.ndarray:
    reads = measurement.reads
    if hold_out is None:
        return np.zeros(reads.t.shape, bool)
    if len(np.unique(reads.sweep)) > 1:
        return reads.sweep == reads.sweep[-1]
    return np.arange(len(reads.t)) >= (1.0 - _LAST_SHARE) * len(reads.t)


def _base(start: ParameterSet, reference: event_face.Reference, g: np.ndarray) -> ECRAM:
    """The start's device with the measurement's pulse and polarity, and a window that holds the data."""
    device = start.device()
    if not isinstance(device, ECRAM):
        raise MeasurementError(
            f"{start.name} is a set for {start.model!r}; the fit needs one of model 'ecram'. See 'mho device list'."
        )
    low, high = float(device.g_min), float(device.g_max)
    if g.min() <= low or reference.g_rest >= high:
        low, high = 0.25 * float(g.min()), 4.0 * float(g.max())
    x_0 = (reference.g_rest - low) / (high - low)
    return replace(
        device,
        g_min=low,
        g_max=high,
        x_0=x_0,
        v_ref=reference.v_ref,
        t_ref=reference.t_ref,
        polarity=reference.polarity,
    )


def _given(fixed: Mapping[str, float | str], layout: Layout) -> np.ndarray:
    """Fixed values on the fit's scale, NaN where free."""
    given = np.full(len(layout.names), np.nan)
    for name, raw in fixed.items():
        value = si(raw, event_face.UNITS[name])
        if value < 0 or (name == "efficacy" and value >= 1) or (value == 0 and name != "consolidation"):
            raise MeasurementError(
                f"fixed {name} is {engineering(value, event_face.UNITS[name])}; it must be above "
                f"0{' and below 1' * (name == 'efficacy')}."
            )
        value = max(value, 1e-30)
        given[layout.names.index(name)] = np.log(value / (1 - value)) if name == "efficacy" else np.log(value)
    return given


def _search(problems, scattered, frees, say) -> dict[int, np.ndarray]:
    """Best vector of each number of modes, from all starts of all of them in the lanes of one descent."""
    counts = list(problems)
    lanes = np.concatenate([scattered[k] for k in counts])
    free = np.concatenate([np.tile(frees[k], (_STARTS, 1)) for k in counts])
    low, high = (
        np.concatenate([np.tile(getattr(problems[k], side), (_STARTS, 1)) for k in counts]) for side in ("low", "high")
    )
    together = replace(problems[counts[0]], low=low, high=high)
    say(0.25, f"{len(lanes)} starts")
    theta, cost = descend(together, lanes, free, iterations=25, tolerance=1e-5)
    return {
        k: theta[n * _STARTS : (n + 1) * _STARTS][np.argmin(cost[n * _STARTS : (n + 1) * _STARTS])]
        for n, k in enumerate(counts)
    }


def _resampled(problem: Problem, solution: Solution, rows, length: int, replicates: int, generator) -> np.ndarray:
    """Parameter vectors refitted to resampled blocks, spread wider for the parameters that the fit used up."""
    weights = block_weights(rows, len(problem.data), length, replicates, generator)
    starts = np.tile(solution.theta, (replicates, 1))
    theta, _ = descend(problem, starts, solution.free, weights=weights, iterations=6, tolerance=1e-4)
    blocks, p = max(len(rows) // length, 2), int(solution.free.sum())
    widen = np.sqrt(blocks / max(blocks - p, 1))
    return solution.theta + widen * (theta - solution.theta)


def _repeated(problem: Problem, solution: Solution, repetitions: np.ndarray) -> np.ndarray:
    """Parameter vectors refitted to simulated repetitions of the measurement (missing samples stay missing)."""
    data = np.where(np.isfinite(problem.data), repetitions, np.nan)
    starts = np.tile(solution.theta, (len(data), 1))
    return descend(replace(problem, data=data), starts, solution.free, iterations=6, tolerance=1e-4)[0]


def _identified(result: Fit) -> None:
    """Raise if an interval is so wide that the data say nothing about a parameter."""
    for e in result.estimates:
        if e.status == "fitted" and e.name in ("g_volatile", "efficacy", "g_rest") and not e.high < _UNKNOWN * e.low:
            partner = max(result.correlations(0.0), key=lambda p: abs(p[2]) * (e.name in p[:2]), default=None)
            other = (
                ""
                if partner is None
                else f" apart from {partner[0] if partner[1] == e.name else partner[1]} (correlation {partner[2]:+.2f})"
            )
            raise MeasurementError(
                f"{result.measurement.path}: {e.name} cannot be identified{other}: its 95 % interval is "
                f"{engineering(e.low, e.unit, 2)} to {engineering(e.high, e.unit, 2)}. "
                f"Add a fast train that saturates the device, or hold it: fixed={{'{e.name}': ...}}."
            )
