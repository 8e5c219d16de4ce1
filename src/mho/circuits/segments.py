"""The corners of all sources as one table of segments: steps land on them, and changing them compiles nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from mho.circuits.netlist import Circuit, remembered
from mho.circuits.sources import CurrentSource, VoltageSource
from mho.circuits.waves import DC, PWL, PulseWave, Sin, Tabulated, corners, of_sample
from mho.core.sampling import batch_size

_CLOSEST = 1e-15  # corners nearer than this [s] count as one


class Segments(NamedTuple):
    """Between bounds[s] and bounds[s + 1] a source is value[s] + slope[s] (t - bounds[s]).

    Args:
        bounds: Segment limits, first 0, last the stop, then infinity, shape (segments + 1, samples or 1) [s].
        values: Value of each tabulated source at each segment's start, by element number.
        slopes: Its slope in each segment.
    """

    bounds: Any
    values: tuple[Any, ...]
    slopes: tuple[Any, ...]


def tabulated(circuit: Circuit) -> tuple[int, ...]:
    """Numbers of the elements whose wave has corners."""
    sources = enumerate(circuit.elements)
    return tuple(
        k
        for k, e in sources
        if isinstance(e, VoltageSource | CurrentSource) and isinstance(e.wave, PWL | PulseWave | Tabulated)
    )


@remembered
def without_corners(circuit: Circuit) -> Circuit:
    """The circuit with each cornered wave replaced by a mark, so that its structure does not depend on the corners."""
    which = tabulated(circuit)
    if not which:
        return circuit
    marks = (Tabulated(),) * len(which)
    return eqx.tree_at(lambda c: tuple(c.elements[k].wave for k in which), circuit, marks)


def segments(circuit: Circuit, stop: float) -> Segments:
    """Table of all corners up to `stop`, padded to a power of two so that its shape rarely changes."""
    which = tabulated(circuit)
    waves = [circuit.elements[k].wave for k in which]  # type: ignore[attr-defined]
    starts = [
        e.wave for e in circuit.elements if isinstance(e, VoltageSource | CurrentSource) and isinstance(e.wave, Sin)
    ]
    samples = batch_size(waves + [w.delay for w in starts]) or 1
    lanes = []
    for lane in range(samples):
        cornered = [corners(w, stop, lane) for w in waves]
        delays = [float(of_sample(np.asarray(w.delay), lane)) for w in starts]
        bounds = _union([t for t, _ in cornered] + [np.array(delays)], stop)
        lanes.append(
            (bounds, [_at(bounds[:-1], t, v) for t, v in cornered], [_at(bounds[1:], t, v) for t, v in cornered])
        )
    size = max(8, 1 << int(np.ceil(np.log2(max(len(b) for b, _, _ in lanes)))))
    bounds = np.stack([np.concatenate([b, np.full(size + 1 - len(b), np.inf)]) for b, _, _ in lanes], axis=1)
    values, slopes = [], []
    for s in range(len(which)):
        values.append(_stack([_pad(start[s], size) for _, start, _ in lanes]))
        slopes.append(_stack([_pad((end[s] - start[s]) / np.diff(b), size) for b, start, end in lanes]))
    return Segments(bounds, tuple(values), tuple(slopes))


def _union(times: list[np.ndarray], stop: float) -> np.ndarray:
    """Sorted corner times from 0 to stop, near-equal ones once."""
    inner = np.unique(np.concatenate([np.zeros(0), *times]))
    inner = inner[(inner > _CLOSEST) & (inner < stop - _CLOSEST)]
    keep = np.concatenate([[True], np.diff(inner) > _CLOSEST]) if len(inner) else np.zeros(0, bool)
    return np.concatenate([[0.0], inner[keep], [stop]])


def _at(bounds: np.ndarray, times: np.ndarray, values: list[Any]) -> Any:
    if any(isinstance(v, Tracer) for v in values):
        return jnp.interp(bounds, times, jnp.stack([jnp.asarray(v) for v in values]))
    return np.interp(bounds, times, np.array([float(v) for v in values]))


def _pad(x: Any, size: int) -> Any:
    xp = np if isinstance(x, np.ndarray) else jnp
    return xp.concatenate([x, xp.zeros(size - len(x))])


def _stack(columns: list[Any]) -> Any:
    return np.stack(columns, axis=1) if isinstance(columns[0], np.ndarray) else jnp.stack(columns, axis=1)


class Piece(NamedTuple):
    """The segment that each lane is in."""

    start: Any
    end: Any
    value: tuple[Any, ...]
    slope: tuple[Any, ...]


def piece(table: Segments, number: Any, job: Any, xp: Any = jnp) -> Piece:
    """Segment `number` of sample `job`, per lane."""

    def pick(x: Any, shift: int = 0) -> Any:
        x = xp.asarray(x)
        return x[number + shift, job if x.shape[1] > 1 else xp.zeros_like(job)]

    return Piece(
        pick(table.bounds),
        pick(table.bounds, 1),
        tuple(pick(v) for v in table.values),
        tuple(pick(s) for s in table.slopes),
    )


def source_values(
    waves: Iterable[tuple[int, Any]], which: tuple[int, ...], now: Piece, t: Any
) -> tuple[dict[int, Any], dict[int, Any]]:
    """Value of every independent source at time t, and slope of those that move, by element number.

    Args:
        waves: Element number and wave of each.
        which: Numbers of the tabulated ones.
        now: The segment of the table.
        t: Time [s].
    """
    values: dict[int, Any] = {}
    slopes: dict[int, Any] = {}
    for k, wave in waves:
        if isinstance(wave, DC):
            values[k] = wave.value + jnp.zeros_like(t)
        elif isinstance(wave, Sin):
            on, omega = t >= wave.delay, 2 * np.pi * wave.frequency
            phase = omega * (t - wave.delay)
            values[k] = wave.offset + jnp.where(on, wave.amplitude * jnp.sin(phase), 0.0)
            slopes[k] = jnp.where(on, wave.amplitude * omega * jnp.cos(phase), 0.0)
        else:
            i = which.index(k)
            values[k] = now.value[i] + now.slope[i] * (t - now.start)
            slopes[k] = now.slope[i]
    return values, slopes
