"""Populations run exactly from event to event, for spikes that are known beforehand."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core import engineering
from mho.core.errors import InputError
from mho.networks.connections import Arrivals, Connections, arrivals
from mho.networks.neurons import LIF
from mho.networks.synapse import AbstractSynapse, Number, dtype_of, precision


def run_events(
    neuron: LIF, connections: Connections, synapse: AbstractSynapse, times: Any, *, stop: float, refinements: int = 60
) -> np.ndarray:
    """Spikes of a layer, exact to rounding: no time grid.

    Args:
        neuron: The layer's neurons, one for all or a batch of `connections.outputs`.
        connections: Its synapses.
        synapse: One synapse that all are alike to, or a batch.
        times: Spikes of each source, shape (inputs, m), rows padded with NaN [s].
        stop: End of the run [s].
        refinements: See :meth:`LIF.advance`.

    Returns:
        Spike times of each neuron, shape (outputs, most), rows padded with NaN [s].
    """
    come = arrivals(connections, synapse, times)
    starts, jumps = _grid_of_events(come, connections.outputs, stop, 0.999 * float(np.min(np.asarray(neuron.t_ref))))
    return run_steps(neuron, starts, np.append(np.diff(starts), stop - starts[-1]), jumps, refinements=refinements)


def run_grid(
    neuron: LIF,
    connections: Connections,
    synapse: AbstractSynapse,
    times: Any,
    *,
    stop: float,
    dt: float,
    refinements: int = 4,
) -> np.ndarray:
    """The same on a time grid: arrivals move to the nearest grid point, spikes are still placed inside a step.

    Args:
        neuron: The layer's neurons.
        connections: Its synapses.
        synapse: One synapse that all are alike to, or a batch.
        times: Spikes of each source, shape (inputs, m), rows padded with NaN [s].
        stop: End of the run [s].
        dt: Time step, at most the refractory time [s].
        refinements: See :meth:`LIF.advance`.

    Returns:
        Spike times of each neuron, shape (outputs, most), rows padded with NaN [s].

    Raises:
        InputError: If the step is longer than the refractory time.
    """
    come = arrivals(connections, synapse, times)
    return run_arrivals(neuron, come, outputs=connections.outputs, stop=stop, dt=dt, refinements=refinements)


def run_arrivals(
    neuron: LIF, come: Arrivals, *, outputs: int, stop: float, dt: float, refinements: int = 4
) -> np.ndarray:
    """As :func:`run_grid`, for jumps of current that are already known."""
    starts, durations, jumps = _clock(neuron, come, outputs, stop, dt)
    return run_steps(neuron, starts, durations, jumps, refinements=refinements)


def count_spikes(neuron: LIF, come: Arrivals, *, outputs: int, stop: float, dt: float) -> np.ndarray:
    """Number of spikes of each neuron on a time grid, shape (outputs,), for jumps of current that are already known."""
    _, durations, jumps = _clock(neuron, come, outputs, stop, dt)
    with precision(neuron):
        dtype = dtype_of(neuron)
        return np.asarray(_count(neuron, jnp.asarray(durations, dtype), jnp.asarray(jumps, dtype)))


def _clock(
    neuron: LIF, come: Arrivals, outputs: int, stop: float, dt: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts and durations of the steps of a grid, and the jumps at each start, (steps, outputs)."""
    check_step(neuron, dt)
    count = round(stop / dt)
    at = np.rint(come.times / dt).astype(np.int64)
    inside = at < count
    jumps = np.bincount(at[inside] * outputs + come.post[inside], come.jumps[inside], count * outputs)
    return np.arange(count) * dt, np.full(count, dt), jumps.reshape(count, outputs)


def check_step(neuron: LIF, dt: float) -> None:
    """Raise if a step could hold two spikes of one neuron."""
    shortest = float(np.min(np.asarray(neuron.t_ref)))
    if not 0 < dt <= shortest * (1 + 1e-6):
        raise InputError(
            f"dt is {engineering(dt, 's')}; it must be above 0 and at most the refractory time, "
            f"{engineering(shortest, 's')}. Shorten the step."
        )


def _grid_of_events(come: Arrivals, outputs: int, stop: float, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts of the stretches without input, none longer than `longest`, and the jumps there, (stretches, outputs)."""
    inside = come.times < stop
    instants, which = np.unique(come.times[inside], return_inverse=True)
    edges = np.concatenate([[0.0], instants, [stop]])
    parts = np.maximum(np.ceil(np.diff(edges) / longest), 1).astype(int)
    starts = np.concatenate([edges[k] + (edges[k + 1] - edges[k]) * np.arange(n) / n for k, n in enumerate(parts)])
    first = np.concatenate([[0], np.cumsum(parts)])[1:-1]  # where the stretch that begins at an instant stands
    jumps = np.zeros((starts.size, outputs))
    np.add.at(jumps, (first[which], come.post[inside]), come.jumps[inside])
    return starts, jumps


def run_steps(
    neuron: LIF, starts: np.ndarray, durations: np.ndarray, jumps: np.ndarray, *, refinements: int
) -> np.ndarray:
    """Spike times, shape (outputs, most), NaN-padded, of neurons whose currents jump at the start of each step [s]."""
    with precision(neuron):
        dtype = dtype_of(neuron)
        after = np.asarray(
            _run(neuron, jnp.asarray(durations, dtype), jnp.asarray(jumps, dtype), refinements), np.float64
        )
    spikes = starts[:, None] + after
    count = np.sum(np.isfinite(spikes), axis=0)
    ordered = np.sort(spikes, axis=0)  # NaN last
    return ordered[: max(int(count.max(initial=0)), 1)].T


@eqx.filter_jit
def _run(neuron: LIF, durations: Number, jumps: Number, refinements: int) -> Number:
    def step(state: Any, item: tuple[Number, Number]) -> tuple[Any, Number]:
        duration, jump = item
        state, fired = neuron.advance(
            eqx.tree_at(lambda s: s.i, state, state.i + jump), duration, refinements=refinements
        )
        return state, fired.after

    return lax.scan(step, neuron.rest(jumps.shape[1]), (durations, jumps))[1]


@eqx.filter_jit
def _count(neuron: LIF, durations: Number, jumps: Number) -> Number:
    def step(carry: Any, item: tuple[Number, Number]) -> tuple[Any, None]:
        (state, total), (duration, jump) = carry, item
        state, fired = neuron.advance(eqx.tree_at(lambda s: s.i, state, state.i + jump), duration, refinements=1)
        return (state, total + fired.spikes), None

    start = (neuron.rest(jumps.shape[1]), jnp.zeros(jumps.shape[1], jumps.dtype))
    return lax.scan(step, start, (durations, jumps))[0][1]
