"""Derivatives of the sources by parameters, at fixed times, with the jumps where a corner moves."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from mho.circuits.layout import Layout
from mho.circuits.netlist import Circuit
from mho.circuits.segments import Segments, tabulated
from mho.circuits.sources import CurrentSource, VoltageSource
from mho.circuits.waves import DC, Sin, corner_points, corners, of_sample


class Moving(NamedTuple):
    """Derivatives of the sources at a fixed time, in each segment or in the one that each lane is in.

    Args:
        values: Of each tabulated source at the segment's start, (parameters, segments, samples) or (parameters, lanes);
            None for a source that no parameter changes.
        slopes: Of its slope.
        jumps: Jump of the derivative of each held node's voltage on entering the segment: a corner that moves with a
            parameter changes the voltage on one of its sides alone. None for nodes without, empty if there are none.
    """

    values: tuple[Any, ...]
    slopes: tuple[Any, ...]
    jumps: tuple[Any, ...]


class _Source(NamedTuple):
    """Derivatives of one source: at the segments' starts, of its slopes, jumps there, and at time zero."""

    values: np.ndarray
    slopes: np.ndarray
    jumps: np.ndarray
    start: np.ndarray


def moving(circuit: Circuit, slopes: Circuit, layout: Layout, table: Segments, stop: float) -> Moving:
    """Derivatives of all sources.

    Args:
        circuit: The circuit.
        slopes: Its derivatives: leaves with a leading axis over parameters.
        layout: Its numbering.
        table: Its sources' segments.
        stop: End of the run [s].
    """
    found = {k: _source(circuit.elements[k], slopes.elements[k], table, stop) for k in _driven(circuit)}
    which = tabulated(circuit)
    moves = {k: bool(np.any(x.values) or np.any(x.slopes)) for k, x in found.items()}
    jumps: list[Any] = []
    for h in layout.held:
        own = h.sign * found[h.source].jumps if h.source in found and np.any(found[h.source].jumps) else None
        base = jumps[h.base - layout.n] if h.base >= 0 else None
        jumps.append(own if base is None else (base if own is None else own + base))
    return Moving(
        tuple(found[k].values if moves[k] else None for k in which),
        tuple(found[k].slopes if moves[k] else None for k in which),
        tuple(jumps) if any(j is not None for j in jumps) else (),
    )


def at_start(
    circuit: Circuit, slopes: Circuit, layout: Layout, table: Segments, stop: float
) -> tuple[Circuit, Circuit]:
    """The circuit and its derivatives with every source a constant, as it is at time zero."""
    import equinox as eqx

    from mho.circuits.start import source_value

    samples = circuit.samples or 1
    for k in _driven(circuit):
        source = circuit.elements[k]
        assert isinstance(source, VoltageSource | CurrentSource)
        found = _source(source, slopes.elements[k], table, stop).start
        value = np.asarray(source_value(source.wave, 0.0, samples), np.float64)
        rate = found if value.ndim else found[:, 0]
        circuit = eqx.tree_at(lambda c, k=k: c.elements[k].wave, circuit, DC(value))
        slopes = eqx.tree_at(lambda c, k=k: c.elements[k].wave, slopes, eqx.tree_at(lambda w: w.value, DC(0.0), rate))
    return circuit, slopes


def _driven(circuit: Circuit) -> tuple[int, ...]:
    """Numbers of the sources that change with time."""
    return tuple(
        k
        for k, e in enumerate(circuit.elements)
        if isinstance(e, VoltageSource | CurrentSource) and not isinstance(e.wave, DC)
    )


def _source(source: Any, slopes: Any, table: Segments, stop: float) -> _Source:
    wave, count = source.wave, len(jax.tree.leaves(slopes.wave)[0])
    one = _sine if isinstance(wave, Sin) else _cornered
    bounds = np.asarray(table.bounds)
    lanes = bounds.shape[1]
    rows = [
        [
            one(wave, jax.tree.map(lambda x, p=p: x[p], slopes.wave), bounds[:, lane], lane, stop)
            for lane in range(lanes)
        ]
        for p in range(count)
    ]
    values, rates, jumps, start = (np.array([[lane[f] for lane in row] for row in rows]) for f in range(4))
    return _Source(np.moveaxis(values, 1, -1), np.moveaxis(rates, 1, -1), np.moveaxis(jumps, 1, -1), start)


def _sine(wave: Sin, slope: Any, bounds: np.ndarray, lane: int, stop: float) -> tuple[Any, ...]:
    """A sine's derivative is that of its formula; where it sets in its slope jumps, and with a delay its derivative."""
    delay, amplitude, frequency = (
        float(of_sample(np.asarray(x), lane)) for x in (wave.delay, wave.amplitude, wave.frequency)
    )
    nothing = np.zeros(len(bounds) - 1)
    jumps = nothing.copy()
    first = int(np.argmin(np.abs(bounds[:-1] - delay)))
    jumps[first] = -amplitude * 2 * np.pi * frequency * float(of_sample(np.asarray(slope.delay), lane)) * (delay < stop)
    return nothing, nothing, jumps, float(of_sample(np.asarray(slope.offset), lane))


def _cornered(wave: Any, slope: Any, bounds: np.ndarray, lane: int, stop: float) -> tuple[Any, ...]:
    """Between corners v = v_j + m (t - t_j), so dv = dv_j - m dt_j + dm (t - t_j) at a fixed t."""
    times, values = corners(wave, stop, lane)
    d_times, d_values = (np.asarray(x, np.float64) for x in corner_points(slope, len(times), lane))
    values = np.asarray(values, np.float64)
    finite = np.isfinite(bounds[1:])
    starts = np.where(np.isfinite(bounds[:-1]), bounds[:-1], 0.0)
    ends = np.where(finite, bounds[1:], starts)
    j = np.searchsorted(times, 0.5 * (starts + ends)) - 1
    inside = (j >= 0) & (j < len(times) - 1) & finite
    a, b = np.clip(j, 0, len(times) - 1), np.clip(j + 1, 0, len(times) - 1)
    span = np.where(inside, times[b] - times[a], 1.0)
    m = np.where(inside, (values[b] - values[a]) / span, 0.0)
    dm = np.where(inside, (d_values[b] - d_values[a] - m * (d_times[b] - d_times[a])) / span, 0.0)
    at = d_values[a] - m * d_times[a] + dm * (starts - times[a])
    at = np.where(finite, at, 0.0)
    before = (at + dm * np.where(finite, ends - starts, 0.0))[:-1]
    begins = d_values[0] if times[0] >= 0 else at[0]
    jumps = np.where(finite, np.concatenate([[at[0] - begins], at[1:] - before]), 0.0)
    return at, dm, np.where(np.abs(jumps) > 1e-12 * np.max(np.abs(at), initial=1e-300), jumps, 0.0), begins
