"""Figures of a device alone: what a pulse does, how it fades, what repeats leave, what it costs."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.fields import cast
from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.devices import ECRAM, Pulse
from mho.devices.device import ROOM
from mho.metrics.kpi import KPI, provenance_of

_BOUNDARY = "the device alone: channel read at a small voltage, gate pulsed by an ideal source and shorted between"
_KINETICS = ("efficacy", "weights", "tau", "hold", "consolidation", "energy_release", "energy_loading")
_READ_OUT = ("g_min", "g_max", "x_0", "g_volatile", "exponent", "v_ref", "t_ref", "v_0")


def _reference(device: ECRAM, amplitude: float | None = None, width: float | None = None) -> Pulse:
    """The asked pulse, or the reference one in the direction that potentiates."""
    v = float(device.v_ref) * float(np.sign(device.polarity)) if amplitude is None else amplitude
    return Pulse(v, float(device.t_ref) if width is None else width)


@eqx.filter_jit
def _scan(device: ECRAM, state: Any, pulse: Pulse, gaps: Any, temperature: Any) -> tuple[Any, Any, Any]:
    kind = device.prepare(pulse, temperature=temperature)

    def one(state: Any, gap: Any) -> tuple[Any, tuple[Any, Any]]:
        before = device.relax(state, gap, temperature=temperature)
        after = kind(device, before)
        read = functools.partial(device.conductance, temperature=temperature)
        return after, (read(before), read(after))

    state, (before, after) = lax.scan(one, state, gaps)
    return before, after, state


@eqx.filter_jit
def _relaxed(device: ECRAM, state: Any, duration: Any, temperature: Any) -> tuple[Any, Any]:
    later = device.relax(state, duration, temperature=temperature)
    return later.loading, device.conductance(later, temperature=temperature)


def _train(device: ECRAM, pulse: Pulse, gaps: Any, temperature: float, state: Any = None) -> tuple[Any, Any, Any]:
    """Conductance before and after each pulse of a train whose gaps (end to start) are given, and the last state."""
    with jax.enable_x64(True):
        start = device.rest() if state is None else state
        warmth, gaps = jnp.asarray(temperature, jnp.float64), jnp.asarray(gaps, jnp.float64)
        device, start, pulse = (cast(x, jnp.float64) for x in (device, start, pulse))
        return jax.tree.map(np.asarray, _scan(device, start, pulse, gaps, warmth))


def _later(device: ECRAM, state: Any, duration: float, temperature: float) -> tuple[float, float]:
    """Loading and conductance some time after a state."""
    with jax.enable_x64(True):
        numbers = (jnp.asarray(x, jnp.float64) for x in (duration, temperature))
        loading, g = _relaxed(cast(device, jnp.float64), cast(state, jnp.float64), *numbers)
        return float(loading), float(g)


def _times(device: ECRAM, temperature: float) -> list[float]:
    """Relaxation time of each mode, gate shorted [s]."""
    with jax.enable_x64(True):
        return [1.0 / float(r) for r in device.release_rates(temperature)]


def _conditions(device: ECRAM, pulse: Pulse, temperature: float, **more: str) -> dict[str, str]:
    return {
        "temperature": engineering(temperature, "K"),
        "pulse": f"{engineering(float(pulse.amplitude), 'V')}, {engineering(float(pulse.width), 's')}",
        "rest resistance": engineering(1.0 / float(device.g_rest), "ohm"),
        **more,
    }


def transient_resistance_per_spike(
    numbers: ParameterSet, *, amplitude: float | None = None, width: float | None = None, temperature: float = ROOM
) -> KPI:
    """Fall of the channel resistance by one gate pulse from rest, read at once.

    Args:
        numbers: The device as a set of sourced numbers.
        amplitude: Of the pulse; the reference amplitude if not given [V].
        width: Of the pulse; the reference width if not given [s].
        temperature: [K].
    """
    device = numbers.device()
    pulse = _reference(device, amplitude, width)
    before, after, _ = _train(device, pulse, [1.0], temperature)
    asked = {"temperature": temperature, "width": float(pulse.width), "v_gate": float(pulse.amplitude)}
    return KPI(
        name="device.transient_resistance_per_spike",
        value=float(1.0 / before[0] - 1.0 / after[0]),
        unit="ohm",
        definition="R(rest) - R(right after one gate pulse); above 0 if the pulse lowers the resistance",
        boundary=_BOUNDARY,
        conditions=_conditions(device, pulse, temperature),
        provenance=provenance_of(numbers, (*_READ_OUT, *_KINETICS)),
        note=" ".join(numbers.outside(**asked)),
    )


def relaxation_times(numbers: ParameterSet, *, temperature: float = ROOM) -> KPI:
    """Time constants of the volatile modes, gate shorted, at a temperature."""
    device = numbers.device()
    shares = ", ".join(f"{float(w):.3g}" for w in device.weights)
    return KPI(
        name="device.relaxation_times",
        value=_times(device, temperature),
        unit="s",
        definition="tau_k of dq_k/dt = -q_k/tau_k, one a volatile mode, gate shorted to the channel",
        boundary=_BOUNDARY,
        conditions={"temperature": engineering(temperature, "K"), "shares of the modes": shares},
        provenance=provenance_of(numbers, ("tau", "weights", "energy_release")),
        note=" ".join(numbers.outside(temperature=temperature)),
    )


def paired_pulse_ratio(
    numbers: ParameterSet,
    intervals: Sequence[float] = (1e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2),
    *,
    temperature: float = ROOM,
) -> KPI:
    """Second response over first against the interval between two pulses.

    Args:
        numbers: The device as a set of sourced numbers.
        intervals: From the first pulse's end to the second one's start [s].
        temperature: [K].
    """
    device = numbers.device()
    pulse = _reference(device)
    ratios = []
    for interval in intervals:
        before, after, _ = _train(device, pulse, [1.0, interval], temperature)
        ratios.append(float((after[1] - before[0]) / (after[0] - before[0])))
    return KPI(
        name="device.paired_pulse_ratio",
        value=ratios,
        unit="1",
        definition="(G after pulse 2 - G rest) / (G after pulse 1 - G rest); 1 once the first pulse is forgotten",
        boundary=_BOUNDARY,
        conditions=_conditions(
            device, pulse, temperature, intervals=", ".join(engineering(interval, "s") for interval in intervals)
        ),
        provenance=provenance_of(numbers, (*_READ_OUT, *_KINETICS)),
    )


def tsodyks_markram(numbers: ParameterSet, *, temperature: float = ROOM) -> tuple[KPI, KPI]:
    """The Tsodyks-Markram synapse that the device is nearest to: U and tau_f; exact for one mode with held release.

    U is the loading after the first reference pulse. tau_f is the time in which that loading falls to 1/e.
    """
    device = numbers.device()
    pulse = _reference(device)
    _, _, state = _train(device, pulse, [1.0], temperature)
    first = float(state.loading)
    low, high = 0.0, 10.0 * max(_times(device, temperature))
    for _ in range(60):
        middle = 0.5 * (low + high)
        left = _later(device, state, middle, temperature)[0] / first
        low, high = (middle, high) if left > np.exp(-1.0) else (low, middle)
    shared = {
        "boundary": _BOUNDARY,
        "conditions": _conditions(device, pulse, temperature),
        "provenance": provenance_of(numbers, _KINETICS),
        "note": "" if len(device.tau) == 1 else "several modes share their room: the equivalence is approximate",
    }
    return (
        KPI(
            "device.efficacy",
            first,
            "1",
            "U: share of the free volatile room that one pulse loads, from rest",
            **shared,
        ),
        KPI(
            "device.facilitation_time", 0.5 * (low + high), "s", "tau_f: loading falls to 1/e of one pulse's", **shared
        ),
    )


def facilitation(
    numbers: ParameterSet,
    rates: Sequence[float] = (5.0, 20.0, 50.0, 100.0, 200.0),
    *,
    pulses: int = 200,
    temperature: float = ROOM,
) -> KPI:
    """Conductance after many pulses over that after the first, by rate.

    Args:
        numbers: The device as a set of sourced numbers.
        rates: Pulses per second [1/s].
        pulses: Pulses in each train.
        temperature: [K].
    """
    device = numbers.device()
    pulse = _reference(device)
    found = []
    for rate in rates:
        gaps = np.full(pulses, max(1.0 / rate - float(pulse.width), 0.0))
        _, after, _ = _train(device, pulse, gaps, temperature)
        found.append(float(after[-1] / after[0]))
    return KPI(
        name="device.facilitation",
        value=found,
        unit="1",
        definition=f"G after pulse {pulses} / G after pulse 1 of a regular train",
        boundary=_BOUNDARY,
        conditions=_conditions(device, pulse, temperature, rates=", ".join(engineering(rate, "Hz") for rate in rates)),
        provenance=provenance_of(numbers, (*_READ_OUT, *_KINETICS)),
    )


def long_term_share(
    numbers: ParameterSet,
    trains: Sequence[int] = (1, 3, 10),
    *,
    pulses: int = 50,
    interval: float | None = None,
    temperature: float = ROOM,
) -> KPI:
    """What repeated trains leave behind: short-term memory becoming long-term.

    Args:
        numbers: The device as a set of sourced numbers.
        trains: Numbers of trains, each followed by a pause of ten times the slowest mode.
        pulses: Pulses in a train.
        interval: Between pulses; a twentieth of the fastest mode if not given [s].
        temperature: [K].
    """
    device = numbers.device()
    pulse = _reference(device)
    times = _times(device, temperature)
    interval = min(times) / 20.0 if interval is None else interval
    pause = 10.0 * max(times)
    gaps = [pause, *([interval] * (pulses - 1))]
    found, state, rest = [], None, float("nan")
    for count in range(1, max(trains) + 1):
        before, after, state = _train(device, pulse, gaps, temperature, state)
        rest = float(before[0]) if count == 1 else rest
        if count in trains:
            left = _later(device, state, pause, temperature)[1]
            found.append(float((left - rest) / (after[-1] - rest)))
    return KPI(
        name="device.long_term_share",
        value=found,
        unit="1",
        definition="(G after the last pause - G rest) / (G after the last pulse - G rest), one a number of trains",
        boundary=_BOUNDARY,
        conditions=_conditions(
            device, pulse, temperature, trains=", ".join(str(n) for n in trains), pulses=str(pulses),
            interval=engineering(interval, "s"), pause=engineering(pause, "s"),
        ),
        provenance=provenance_of(numbers, (*_READ_OUT, *_KINETICS, "write_share", "tau_retention")),
    )  # fmt: skip


def energy_per_gate_pulse(numbers: ParameterSet, *, temperature: float = ROOM) -> tuple[KPI, Mapping[str, float]]:
    """Energy that the gate's driver gives for one reference pulse, and its parts [J].

    Returns:
        The KPI, and its split into displacement (C V², drawn once a pulse), ions (charge times voltage) and leakage.
    """
    device = numbers.device()
    pulse = _reference(device)
    _, _, state = _train(device, pulse, [1.0], temperature)
    v, width = abs(float(pulse.amplitude)), float(pulse.width)
    parts = {
        "displacement": float(device.c_gate) * v**2,
        "ions": float(device.charge_full) * abs(float(state.loading)) * v,
        "leakage": v**2 / float(device.r_leak) * width,
    }
    kpi = KPI(
        name="device.energy_per_gate_pulse",
        value=sum(parts.values()),
        unit="J",
        definition="c_gate V^2 + Q_ion V + V^2 t / r_leak, given by the source that drives the gate",
        boundary="gate of the device: displacement, ions, leakage; without the driver's own loss and the channel read",
        conditions=_conditions(device, pulse, temperature, **{k: engineering(x, "J") for k, x in parts.items()}),
        provenance=provenance_of(numbers, ("c_gate", "charge_full", "r_leak", "v_ref", "t_ref", "efficacy")),
    )
    return kpi, parts


def temperature_dependence(
    numbers: ParameterSet, temperatures: Sequence[float] = (290.0, 300.15, 310.0, 330.0)
) -> tuple[KPI, KPI]:
    """Fastest relaxation time and transient per spike, by temperature [K]."""
    times = [relaxation_times(numbers, temperature=t) for t in temperatures]
    steps = [transient_resistance_per_spike(numbers, temperature=t) for t in temperatures]
    conditions = {"temperatures": ", ".join(engineering(t, "K") for t in temperatures)}
    sourced = provenance_of(numbers, ("tau", "efficacy", "energy_release", "energy_loading", "energy_conduction"))
    notes = " ".join(sentence for t in temperatures for sentence in numbers.outside(temperature=t))
    fastest = [min(np.atleast_1d(np.asarray(k.value, np.float64))) for k in times]
    return (
        KPI("device.fastest_time_by_temperature", [float(t) for t in fastest], "s", "tau_1 exp[E/k (1/T - 1/T0)]",
            boundary=_BOUNDARY, conditions=conditions, provenance=sourced, note=notes),
        KPI("device.step_by_temperature", [k.value for k in steps], "ohm", "transient per spike at each temperature",  # type: ignore[misc]
            boundary=_BOUNDARY, conditions=conditions, provenance=sourced, note=notes),
    )  # fmt: skip


def datasheet(numbers: ParameterSet) -> list[KPI]:
    """All figures of a device alone."""
    return [
        transient_resistance_per_spike(numbers),
        relaxation_times(numbers),
        paired_pulse_ratio(numbers),
        *tsodyks_markram(numbers),
        facilitation(numbers),
        long_term_share(numbers),
        energy_per_gate_pulse(numbers)[0],
        *temperature_dependence(numbers),
    ]
