"""What an ECRAM's event face answers to a whole pulse train: one scan over the pulses, all readings at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.devices import ECRAM, ECRAMState, Pulse
from mho.devices.kinetics import multiplicity, triples
from mho.fitting.measurement import PulseMeasurement


class PulseTrain(NamedTuple):
    """A pulse train and its readings, as the event face takes them.

    Every sweep that starts from rest begins with a pulse of no amplitude, so that each reading follows some pulse; the
    volatile state relaxes until the last row of the sweep before, and is then gone.

    Args:
        gap: Time from the end of the pulse before (or the start of the sweep) to this pulse's start [s].
        rested: 1 where the volatile state is lost before this pulse.
        kind: Which of the kinds of pulse it is.
        amplitude: Of each kind [V].
        width: Of each kind [s].
        pulse: Of each reading, the pulse that came before it.
        elapsed: Of each reading, the time since that pulse's end [s].
    """

    gap: Any
    rested: Any
    kind: Any
    amplitude: Any
    width: Any
    pulse: Any
    elapsed: Any


def pulse_train(measurement: PulseMeasurement) -> PulseTrain:
    """The train of a measurement, readings in the order of :attr:`PulseMeasurement.reads`.

    A reading taken during a pulse is given the pulse's end; the caller masks it (see :func:`during_pulse`).
    """
    pulses, reads = measurement.pulses, measurement.reads
    first = {int(s): k for k, s in reversed(list(enumerate(measurement.sweep)))}
    starts = {s: float(measurement.t[k]) for s, k in first.items()}
    ends = {s: float(measurement.t[measurement.sweep == s][-1]) for s in starts}
    order = sorted(starts)
    fresh = [s for n, s in enumerate(order) if n == 0 or starts[s] < ends[order[n - 1]]]
    kinds = [(0.0, 0.0)]
    gap, rested, kind, index_of = [], [], [], []
    end, nulls = 0.0, {}
    k = 0
    for n, s in enumerate(order):
        if s in fresh:
            nulls[s] = len(gap)
            gap.append(max(ends[order[n - 1]] - end, 0.0) if n else 0.0)
            rested.append(1.0)
            kind.append(0)
            end = starts[s]
        while k < len(pulses.t) and pulses.sweep[k] == s:
            pair = (float(pulses.amplitude[k]), float(pulses.width[k]))
            if pair not in kinds:
                kinds.append(pair)
            index_of.append(len(gap))
            gap.append(max(float(pulses.t[k]) - end, 0.0))
            rested.append(0.0)
            kind.append(kinds.index(pair))
            end = float(pulses.t[k] + pulses.width[k])
            k += 1
    before = np.asarray([-1, *index_of])[reads.after]
    latest_null = np.asarray([max(n for f, n in nulls.items() if f <= s) for s in reads.sweep])
    pulse = np.maximum(before, latest_null)
    stops = np.zeros(len(gap))
    for s, n in nulls.items():
        stops[n] = starts[s]
    stops[index_of] = pulses.t + pulses.width
    elapsed = np.maximum(reads.t - stops[pulse], 0.0)
    amplitude, width = np.asarray(kinds).T
    return PulseTrain(np.asarray(gap), np.asarray(rested), np.asarray(kind), amplitude, width, pulse, elapsed)


def during_pulse(measurement: PulseMeasurement) -> np.ndarray:
    """True for readings taken while a pulse lasted (they see the gate's displacement current, and are masked)."""
    pulses, reads = measurement.pulses, measurement.reads
    k = np.maximum(reads.after - 1, 0)
    tolerance = 1e-9 * np.abs(reads.t)
    return (reads.after > 0) & (reads.sweep == pulses.sweep[k]) & (reads.t < pulses.t[k] + pulses.width[k] - tolerance)


class Kinds(NamedTuple):
    """What each kind of pulse does to the packed state (q_1 .. q_K, x): :class:`ECRAMPulse` with its tuples stacked.

    Args:
        modes: Change of the modes by (q, 1), shape (kinds, K, K + 1).
        cube: Integral of the cubed loading, by monomial of (q, 1), shape (kinds, monomials) [s].
        write: Non-volatile write without consolidation [1].
        discharge: Self-discharge during the pulse [1].
    """

    modes: Any
    cube: Any
    write: Any
    discharge: Any


def kinds_of(device: ECRAM, amplitude: Any, width: Any) -> Kinds:
    """The device's prepared pulses with the modes in one array instead of a tuple; the device does not age meanwhile.

    A scan over tuples of up to four modes takes many times as long to compile as one over arrays. A test holds the
    two together.
    """
    pulse = device.prepare(Pulse(amplitude, width))

    def stacked(leaves: Any) -> Any:
        return jnp.stack([jnp.broadcast_to(x, jnp.shape(width)) for x in leaves], axis=-1)

    modes = jnp.stack([stacked(row) for row in pulse.modes], axis=-2)
    write = jnp.broadcast_to(pulse.write, jnp.shape(width))
    return Kinds(modes, stacked(pulse.cube), write, width / device.tau_retention)


def relaxed(device: ECRAM, state: Any, duration: Any) -> Any:
    """Packed state after `duration` without drive: :meth:`ECRAM.relax` on an array."""
    q, x = state[:-1], state[-1]
    rate = 1.0 / jnp.stack(device.tau)
    monomials = triples(len(device.tau))
    a, b, c = np.asarray(monomials).T
    ways = np.asarray([multiplicity(m) for m in monomials], np.float64)
    left = jnp.exp(-duration * rate)
    lost = 1.0 - left[a] * left[b] * left[c]
    cube = jnp.sum(ways * q[a] * q[b] * q[c] * lost / (rate[a] + rate[b] + rate[c]))
    x = device.written(x, device.consolidation * cube, 0.0)
    x = device.x_0 + (x - device.x_0) * jnp.exp(-duration / device.tau_retention)
    return jnp.append(q * left, x)


def advanced(device: ECRAM, kinds: Kinds, state: Any, gap: Any, rested: Any, kind: Any, excess: Any = 0.0) -> Any:
    """Packed state after a gap and one pulse, whose effect is larger by the share `excess`."""
    state = relaxed(device, state, gap)
    v = jnp.append(state[:-1] * (1.0 - rested), 1.0)
    a, b, c = np.asarray(triples(len(device.tau) + 1)).T
    amount = kinds.write[kind] + device.consolidation * jnp.dot(kinds.cube[kind], v[a] * v[b] * v[c])
    x = device.written(state[-1], amount, kinds.discharge[kind])
    change = jnp.append(kinds.modes[kind] @ v, x - state[-1])
    return jnp.append(v[:-1], state[-1]) + change * (1.0 + excess)


def start_of(device: ECRAM) -> Any:
    """Packed state at rest."""
    return jnp.append(jnp.zeros(len(device.tau)), device.x_0 * 1.0)


def reading(device: ECRAM, state: Any, elapsed: Any) -> Any:
    """Channel conductance `elapsed` after a packed state, without noise [S]."""
    state = relaxed(device, state, elapsed)
    total = jnp.sum(state[:-1])
    none = jnp.zeros_like(total)
    return device.conductance(ECRAMState((total,), none, state[-1], none, none, none, none))


def after_pulses(device: ECRAM, train: PulseTrain, excess: Any = None) -> Any:
    """Packed state after each pulse of the train, shape (pulses, K + 1).

    Args:
        device: The ECRAM.
        train: The train.
        excess: Relative excess of each pulse's effect (cycle-to-cycle noise); None for no noise.
    """
    train = jax.tree.map(jnp.asarray, train)
    kinds = kinds_of(device, train.amplitude, train.width)

    def step(state: Any, event: tuple[Any, ...]):
        state = advanced(device, kinds, state, *event)
        return state, state

    events = (train.gap, train.rested, train.kind) + (() if excess is None else (excess,))
    return lax.scan(step, start_of(device), events)[1]


def readings(device: ECRAM, train: PulseTrain, excess: Any = None) -> Any:
    """Channel conductance at each reading of the train, without read noise [S]."""
    states = after_pulses(device, train, excess)[train.pulse]
    return jax.vmap(reading, in_axes=(None, 0, 0))(device, states, train.elapsed)
