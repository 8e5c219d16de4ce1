"""Fit of the ECRAM to a slow transistor whose gate is switched on and off while its channel is sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy import stats

from mho.core.errors import MeasurementError
from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.devices import ECRAM, ECRAMState, parameters
from mho.devices.kinetics import follow, relative_decay
from mho.fitting import edges
from mho.fitting.estimate import Problem, at_bounds, descend, effective_size, refine, weights_of_blocks
from mho.fitting.measurement import PulseMeasurement
from mho.fitting.result import Candidate, Estimate, Fit
from mho.fitting.sourced import parameter_set

_FEWEST_CYCLES = 3
_HELD_SHARE = 0.4  # of the cycles, the last ones
_STARTS = 6
_ROWS = 12  # parameter vectors evaluated together
_HOLD = 1e9  # [s]: no release while the gate drives
_UNITS = {
    "tau_on": "s", "tau[0]": "s", "exponent": "1", "tau_order_on": "s", "tau_order_off": "s", "g_volatile": "S",
    "aging_conductance": "1", "aging_rate": "1", "lead_on": "s", "lead_off": "s",
}  # fmt: skip
_NAMES = tuple(_UNITS)
_LEADS = slice(8, 10)


class Cycles(NamedTuple):
    """Gate cycles and samples, as the event face takes them.

    Args:
        on: First sample after each switching on [s].
        off: First sample after each switching off [s].
        amplitude: Gate voltage while on [V].
        t: Time of each sample [s].
        cycle: Number of cycles begun before each sample.
        driven: Whether the gate was on at each sample.
    """

    on: Any
    off: Any
    amplitude: Any
    t: Any
    cycle: Any
    driven: Any


def gate_cycles(measurement: PulseMeasurement) -> Cycles:
    """The cycles of a waveform measurement; edges are taken from the gate current where it was measured.

    Raises:
        MeasurementError: If the gate was not sampled, or there are too few cycles.
    """
    if measurement.form != "waveform":
        raise MeasurementError(
            f"{measurement.path}: pulses are given as events; gate cycles need a sampled gate. Use mho.fit."
        )
    t, v = measurement.t, measurement.v_gate
    on, off = edges.first_changed(t, v, measurement.i_gate)
    off = np.asarray([k for k in off if k > on[0]]) if len(on) else off
    on = on[: len(off)]
    if len(on) < _FEWEST_CYCLES:
        raise MeasurementError(
            f"{measurement.path}: too few gate cycles, {len(on)} found and at least {_FEWEST_CYCLES} needed. Measure "
            "more cycles."
        )
    rows = np.arange(len(t))
    cycle = np.searchsorted(on, rows, side="right")
    driven = (cycle > 0) & (rows < off[np.maximum(cycle - 1, 0)])
    amplitude = np.asarray([np.median(v[a:b]) for a, b in zip(on, off, strict=True)])
    return Cycles(t[on], t[off], amplitude, t, cycle, driven)


def _device(theta: Any, base: ECRAM) -> ECRAM:
    tau_on, tau, exponent, order_on, order_off, g_volatile, fade, slow = (jnp.exp(theta[k]) for k in range(8))
    return replace(
        base,
        g_volatile=g_volatile,
        efficacy=-jnp.expm1(-base.t_ref / tau_on),
        tau=(tau,),
        exponent=exponent,
        tau_order_on=order_on,
        tau_order_off=order_off,
        aging_conductance=fade,
        aging_rate=slow,
    )


class _State(NamedTuple):
    """Loading, order and age of a device with one mode."""

    q: Any
    z: Any
    age: Any


def _driven(device: ECRAM, state: _State, amplitude: Any, duration: Any) -> _State:
    """:meth:`ECRAM.pulse` for one mode that does not release while driven, in closed form: aging is a warp of time."""
    s = jnp.abs(device.drive(amplitude))
    slow = device.slowing(state.age) * relative_decay(device.aging_rate * s * duration / device.aging_time)
    rate = slow * device.loading_rate * s
    lacking = state.q - 1.0
    z = follow(state.z, slow / device.tau_order_on, [(1.0, 0.0), (lacking, rate)], duration)
    return _State(1.0 + lacking * jnp.exp(-rate * duration), z, state.age + s * duration)


def _idle(device: ECRAM, state: _State, duration: Any) -> _State:
    """:meth:`ECRAM.relax` for one mode."""
    rate = 1.0 / device.tau[0]
    z = follow(state.z, 1.0 / device.tau_order_off, [(state.q, rate)], duration)
    return _State(state.q * jnp.exp(-rate * duration), z, state.age + 0.0 * duration)


def _conductance(device: ECRAM, state: _State) -> Any:
    none = jnp.zeros_like(state.q)
    return device.conductance(ECRAMState((state.q,), state.z, none + device.x_0, state.age, none, none, none))


def _samples(theta: Any, cycles: Cycles, base: ECRAM) -> Any:
    """Channel conductance at each sample [S]: closed forms from edge to edge, and from edge to sample."""
    device = _device(theta, base)
    on, off = cycles.on - jnp.exp(theta[8]), cycles.off - jnp.exp(theta[9])

    def step(carry: Any, event: Any):
        state, last = carry
        start, end, amplitude = event
        before = _idle(device, state, start - last)
        after = _driven(device, before, amplitude, end - start)
        return (after, end), (before, after)

    rest = _State(*(jnp.zeros((), on.dtype) for _ in range(3)))
    _, (before, after) = lax.scan(step, (rest, cycles.t[0]), (on, off, cycles.amplitude))
    after = jax.tree.map(lambda r, a: jnp.concatenate([r[None], a]), rest, after)
    k = jnp.maximum(cycles.cycle - 1, 0)
    since_on = jnp.maximum(cycles.t - on[k], 0.0)
    loading = _driven(device, jax.tree.map(lambda x: x[k], before), cycles.amplitude[k], since_on)
    ended = jnp.where(cycles.driven, k, cycles.cycle)
    since_off = cycles.t - jnp.where(ended > 0, off[jnp.maximum(ended - 1, 0)], cycles.t[0])
    idle = _idle(device, jax.tree.map(lambda x: x[ended], after), jnp.maximum(since_off, 0.0))
    state = jax.tree.map(lambda a, b: jnp.where(cycles.driven, a, b), loading, idle)
    return _conductance(device, state)


@eqx.filter_jit
def _rows(theta: Any, cycles: Cycles, base: ECRAM):
    return jax.vmap(lambda x: _samples(x, cycles, base))(theta)


def _curve(cycles: Cycles, base: ECRAM, peak: float) -> Callable[[np.ndarray], np.ndarray]:
    def evaluate(theta: np.ndarray) -> np.ndarray:
        padded = theta[np.minimum(np.arange(-(-len(theta) // _ROWS) * _ROWS), len(theta) - 1)]
        with jax.enable_x64(True):
            ready = Cycles(*(jnp.asarray(a) for a in cycles))
            parts = [
                np.asarray(_rows(jnp.asarray(padded[k : k + _ROWS]), ready, base)) for k in range(0, len(padded), _ROWS)
            ]
        return np.concatenate(parts)[: len(theta)] / peak

    return evaluate


def fit_gate_cycles(
    measurement: PulseMeasurement,
    start: ParameterSet | None = None,
    *,
    key: jax.Array,
    hold_out: int | None = None,
    replicates: int = 24,
    progress: Callable[[float, str], None] | None = None,
) -> Fit:
    r"""Fit an ECRAM to gate cycles: slow sigmoidal loading, fast release, slow order, power-law read-out, aging.

    One mode with :math:`h \to \infty` (no release while driven), :math:`G = g_{min} + g_v g_a Q^m z`, and the time from
    each true edge to the first sample after it as a nuisance. The residual is a share of the largest conductance.
    Intervals come from a bootstrap over whole cycles in which no cycle is ever absent.

    Limits: one time from edge to sample for all cycles, as instruments have that step their gate and then sample; edges
    that fall anywhere between samples are not followed, and the residual shows it.

    Args:
        measurement: A waveform measurement, from :func:`read_pulses`.
        start: Parameter set for the numbers that this measurement cannot give; by default ``ecram_stp_ref``.
        key: Random key of the starts and the bootstrap.
        hold_out: Number of last cycles kept out of the fit and predicted; by default four tenths of them.
        replicates: Refits behind the intervals.
        progress: Called with the share done and what is being done.

    Raises:
        MeasurementError: If the gate was not sampled, or there are too few cycles.
    """
    say = progress or (lambda share, text: None)
    start = start or parameters("ecram_stp_ref")
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key), np.uint32).tolist())
    cycles = gate_cycles(measurement)
    total = len(cycles.on)
    hold_out = round(_HELD_SHARE * total) if hold_out is None else hold_out
    if not 0 <= hold_out <= total - 2:
        raise MeasurementError(f"hold_out is {hold_out} cycles; of {total} cycles 0 to {total - 2} can be held out.")
    g, share = _without_gate_current(measurement, cycles)
    peak = float(np.nanmax(g))
    base = _base(start, measurement, cycles, g)
    last = cycles.on[total - hold_out] if hold_out else np.inf
    held_out = np.isfinite(g) & (cycles.t >= last)
    rows = np.flatnonzero(np.isfinite(g) & ~held_out)
    weight = np.zeros(len(g))
    weight[rows] = 1.0
    low, high, first = _box(cycles, peak)
    problem = Problem(_NAMES, low, high, g / peak, weight, _curve(cycles, base, peak))
    free = np.ones(len(_NAMES), bool)
    scatter = 0.5 * generator.normal(size=(_STARTS, len(_NAMES)))
    scatter[0], scatter[:, 5] = 0.0, 0.0
    say(0.05, f"{_STARTS} starts")
    theta, cost = descend(problem, first + scatter, free, iterations=40, tolerance=1e-5)
    say(0.5, "refining")
    theta, cost, residual = refine(problem, theta[np.argmin(cost)], free)
    held = [i for i in at_bounds(problem, theta, free) if i in range(len(_NAMES))[_LEADS]]
    if held:
        free[held] = False
        theta, cost, residual = refine(problem, theta, free)
    say(0.65, f"bootstrap over cycles, {replicates} refits")
    block = np.maximum(cycles.cycle[rows] - 1, 0)
    weights = weights_of_blocks(rows, block, len(g), replicates, generator)
    draws, _ = descend(problem, np.tile(theta, (replicates, 1)), free, weights=weights, iterations=8, tolerance=1e-4)
    say(1.0, "done")
    return _result(
        measurement, start, base, cycles, g, peak, problem, theta, free, draws, residual, held_out, rows, share, held
    )


def _without_gate_current(measurement: PulseMeasurement, cycles: Cycles) -> tuple[np.ndarray, Estimate | None]:
    """Conductance without the share of the gate's current that leaves by the drain.

    The share is found where the channel has long been off and both currents have decayed together: the slope of one
    on the other.
    """
    if measurement.i_gate is None or measurement.v_read is None:
        return np.array(measurement.g), None
    drain = measurement.g * measurement.v_read
    slopes = []
    for k, end in enumerate(cycles.off):
        until = cycles.on[k + 1] if k + 1 < len(cycles.on) else cycles.t[-1] + 1.0
        tail = (cycles.t > end + 0.3 * (until - end)) & (cycles.t < until) & np.isfinite(drain)
        if np.sum(tail) >= 5 and np.ptp(measurement.i_gate[tail]) > 0:
            slopes.append(-np.polyfit(measurement.i_gate[tail], drain[tail], 1)[0])
    if len(slopes) < _FEWEST_CYCLES or not 0.0 < np.median(slopes) < 1.0:
        return np.array(measurement.g), None
    share, half = float(np.mean(slopes)), float(stats.t.ppf(0.975, len(slopes) - 1) * stats.sem(slopes))
    estimate = Estimate("drain_share", share, "1", share - half, share + half, note="from the tails of both currents")
    return (drain + share * measurement.i_gate) / measurement.v_read, estimate


def _base(start: ParameterSet, measurement: PulseMeasurement, cycles: Cycles, g: np.ndarray) -> ECRAM:
    device = start.device()
    amplitude = float(np.median(cycles.amplitude))
    floor = max(float(np.nanmedian(g[~cycles.driven & np.isfinite(g)])), 1e-6 * float(np.nanmax(g)))
    rises = np.nanmax(g[cycles.driven]) > floor
    return replace(
        device,
        g_min=floor,
        g_max=10.0 * float(np.nanmax(g)),
        x_0=0.0,
        v_ref=abs(amplitude),
        t_ref=float(np.median(np.diff(measurement.t))),
        polarity=np.sign(amplitude) * (1.0 if rises else -1.0),
        weights=(1.0,),
        tau=(1.0,),
        hold=_HOLD,
        order_floor=0.0,
        consolidation=0.0,
    )


def _box(cycles: Cycles, peak: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower bounds, upper bounds and the first start, from the cycle's times alone."""
    on = float(np.median(cycles.off - cycles.on))
    off = float(np.median(cycles.on[1:] - cycles.off[:-1]))
    step = float(np.median(np.diff(cycles.t)))
    first = [0.1 * on, 0.05 * off, 3.0, 0.25 * on, off, 1.2 * peak, 0.1, 0.2, 0.1 * step, 0.1 * step]
    low = [step / 10, step / 10, 0.3, step / 10, step / 10, 0.3 * peak, 1e-4, 1e-4, 1e-3 * step, 1e-3 * step]
    high = [100 * on, 10 * off, 20.0, 100 * on, 1000 * off, 30 * peak, 10.0, 10.0, step, step]
    return np.log(low), np.log(high), np.log(first)


def _result(
    measurement, start, base, cycles, g, peak, problem, theta, free, draws, residual, held_out, rows, share, held
) -> Fit:
    trained = int(cycles.cycle[rows].max())
    quantile = stats.t.ppf(0.975, max(trained - 1, 2))
    estimates = []
    for k, name in enumerate(_NAMES):
        value = float(np.exp(theta[k]))
        if free[k]:
            half = quantile * float(np.sqrt(np.mean((draws[:, k] - theta[k]) ** 2)))
            estimates.append(
                Estimate(name, value, _UNITS[name], float(value * np.exp(-half)), float(value * np.exp(half)))
            )
        else:
            estimates.append(Estimate(name, value, _UNITS[name], status="at bound", note="rests at its bound"))
    by_name = {e.name: e for e in estimates}
    loading = by_name["tau_on"]
    efficacy = [float(-np.expm1(-float(base.t_ref) / x)) for x in (loading.value, loading.high, loading.low)]
    numbers = [
        *(e for e in estimates if e.name not in ("tau_on", "lead_on", "lead_off")),
        Estimate("efficacy", efficacy[0], "1", efficacy[1], efficacy[2]),
        Estimate("weight[0]", 1.0, "1", status="held"),
        Estimate("g_rest", float(base.g_min), "S", float(base.g_min), float(base.g_min)),
        *([share] if share else []),
    ]
    inside, outside = residual[rows], residual[held_out]
    n_effective = effective_size(inside)
    error, error_out = (
        float(np.sqrt(np.mean(inside**2))),
        float(np.sqrt(np.mean(outside**2))) if outside.size else float("nan"),
    )
    moving = np.flatnonzero(free)
    name = f"{trained} cycles"
    bic = float(n_effective * np.log(error**2) + len(moving) * np.log(n_effective))
    return Fit(
        measurement=measurement,
        estimates=(*estimates, *([share] if share else [])),
        derived=(Estimate("r_on", 1.0 / peak, "ohm", note="smallest resistance seen"),),
        parameters=parameter_set(measurement, start, base, tuple(numbers), where=f"fit to {name} of the gate"),
        candidates=(Candidate(name, len(moving), bic, error, error_out),),
        correlation=np.atleast_2d(np.corrcoef(draws[:, moving], rowvar=False)),
        correlated=tuple(_NAMES[i] for i in moving),
        t=cycles.t,
        g=g,
        g_model=(residual + g / peak) * peak,
        residual=-residual,
        held_out=held_out,
        error_fit=error,
        error_held_out=error_out,
        n=len(rows),
        n_effective=n_effective,
        blocks=trained,
        warnings=(*measurement.warnings, *_structure(inside, n_effective, cycles, rows, [_NAMES[i] for i in held])),
        error_of="of the largest conductance",
    )


def _structure(inside: np.ndarray, n_effective: float, cycles: Cycles, rows: np.ndarray, held: list[str]) -> list[str]:
    """What the residuals still hold, said plainly."""
    noise = 1.4826 * float(np.median(np.abs(np.diff(inside[cycles.driven[rows]])))) / np.sqrt(2.0)
    rms = float(np.sqrt(np.mean(inside**2)))
    largest = int(np.argmax(np.abs(inside)))
    found = [
        f"{name} rests at its bound: the edge lies within a thousandth of a step of the sample after it; held"
        for name in held
    ]
    found.append(
        f"the residual is not noise: {100 * rms:.2g} % against {100 * noise:.2g} % from sample to sample; "
        f"about {n_effective:.0f} of {len(inside)} residuals are independent"
    )
    found.append(
        f"largest residual {-100 * inside[largest]:+.2g} % in cycle {cycles.cycle[rows[largest]]}, "
        f"{engineering(cycles.t[rows[largest]] - cycles.on[max(cycles.cycle[rows[largest]] - 1, 0)], 's', 3)} after "
        "switching on"
    )
    found.append(
        "one gate amplitude, one duty cycle, one device: voltage, temperature and device dependence were not measured"
    )
    return found
