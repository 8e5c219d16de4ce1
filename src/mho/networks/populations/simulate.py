"""Running a network, by either engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError, ParameterError, SolverError
from mho.networks.populations.checkpoint import check_step
from mho.networks.populations.checks import check_key, check_number, check_precision, numbers, whole_numbers
from mho.networks.populations.clocked import Clocked, Volley
from mho.networks.populations.compiled import Compiled, chosen
from mho.networks.populations.inputs import Inputs
from mho.networks.populations.network import SpikingNetwork
from mho.networks.populations.neurons import AbstractNeuron
from mho.networks.populations.plan import NetworkState, Plan, plan
from mho.networks.populations.progress import watching
from mho.networks.populations.result import Spikes, SpikingResult, Traces

_CHUNK = 1000  # steps between two looks at progress and capacity


def rest(network: SpikingNetwork, *, dtype: Any = np.float32, v: Mapping[str, Any] | None = None) -> NetworkState:
    """The state of a network before its first step.

    Args:
        network: The network.
        dtype: Precision of the run.
        v: Membrane voltages of populations, one or one a neuron; those not named are at rest [V].

    Raises:
        ParameterError: If a population is not there, or its voltages have another shape.
    """
    state = plan(network, dtype).rest
    neurons = list(state.neurons)
    names = [p.name for p in network.populations]
    for name, volts in (v or {}).items():
        size, k = network.part(name).size, names.index(name)
        given = numbers(f"v of {name}", volts, "V").astype(dtype)
        if given.shape not in ((), (size,)):
            raise ParameterError(f"v of {name} has shape {given.shape}; give one voltage, or {size}.")
        neurons[k] = neurons[k]._replace(v=np.array(np.broadcast_to(given, (size,))))
    return state._replace(neurons=tuple(neurons))


def simulate(
    network: SpikingNetwork,
    duration: float,
    *,
    spikes: Mapping[str, Any] | None = None,
    key: jax.Array | None = None,
    noise: jax.Array | None = None,
    state: NetworkState | None = None,
    record: Mapping[str, Sequence[int]] | None = None,
    engine: str = "auto",
    dtype: Any = np.float32,
    capacity: int | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> SpikingResult:
    """Run a network.

    Args:
        network: The description.
        duration: Rounded to whole steps [s].
        spikes: Times of each :class:`SpikeSource`, since the first step of all: (times, ids), or rows padded with NaN
            [s].
        key: For Poisson sources. The same key gives the same spikes, wherever a run is cut.
        noise: Key for cycle-to-cycle and read noise of the synapses; None for none.
        state: Where to go on; default at rest.
        record: Neurons of populations whose voltage and current are kept at every step.
        engine: "jax", the reference; "kernel", which is built at its first use where a C++ compiler is; or "auto", the
            kernel where it was built for this network before, else JAX.
        dtype: np.float32, or np.float64 for comparisons.
        capacity: Spikes of a population in one step for which the JAX engine makes room to begin with; default one for
            128 neurons, at least 16. It makes more where they do not suffice, which takes some seconds of compiling.
        progress: True for a bar, or a function of steps done and all steps.

    Returns:
        Spikes, traces, events, energy, and the state at the end.

    Raises:
        InputError: If the inputs do not fit the network.
        KernelError: If the kernel was asked for by name and cannot be had.
        SolverError: If a membrane left the range of numbers.

    Warns:
        UserWarning: If spikes of a source are given and none of them falls inside the run.
    """
    check_number("duration", duration, "s", "0.1")
    dtype = check_precision(dtype)
    for what, given in (("key", key), ("noise", noise)):
        if given is not None:
            check_key(what, given)
    steps = round(duration / network.dt) if np.isfinite(duration) else 0
    if steps < 1:
        raise InputError(
            f"The run is {engineering(duration, 's')}; it must be finite and at least one step, "
            f"{engineering(network.dt, 's')}. Lengthen it."
        )
    with jax.enable_x64(dtype == np.float64):
        laid = plan(network, dtype)
        watched = _watched(laid, record or {})
        state = laid.rest if state is None else _fitting(state, laid)
        first = state.step
        inputs = Inputs(laid, spikes or {}, key)
        inputs.warn_if_outside(first, first + steps)
        if first == 0:
            state = _with_inputs_at_zero(state, inputs, len(laid.cells))
        library = chosen(laid, engine, noisy=noise is not None)
        runner = Clocked(laid, watched, capacity) if library is None else Compiled(laid, library, watched)
        moving, volleys = runner.enter(state), []
        with watching(progress, steps) as tell:
            done = 0
            while done < steps:
                count = min(_CHUNK, steps - done)
                # What a source does at a grid point is taken up in the step before, as a neuron's spike is.
                moving, volley = runner.run(moving, inputs.grid(first + done + 1, count), count, noise)
                volleys.append((first + done, jax.tree.map(np.asarray, volley)))
                done += count
                tell(done)
        end = runner.leave(moving)
    _check_membranes(laid, end)
    return _result(laid, state, end, volleys, inputs, watched, runner.engine, noise is not None)


def _watched(laid: Plan, record: Mapping[str, Sequence[int]]) -> list[np.ndarray]:
    for name in record:
        laid.network.part(name)
    found = []
    for population in laid.network.populations:
        index = np.atleast_1d(
            whole_numbers(f"Neurons of {population.name} in `record`", record.get(population.name, ()))
        )
        if index.size and (index.min() < 0 or index.max() >= population.size):
            raise ParameterError(f"record of {population.name} asks for {index}; it has 0 to {population.size - 1}.")
        found.append(index.astype(np.int32))
    return found


def _fitting(state: NetworkState, laid: Plan) -> NetworkState:
    if not isinstance(state, NetworkState):
        raise InputError(
            f"state is {state!r:.60}, no state of a network. Give the `state` of a result; read a file with load_state."
        )
    check_step("The state", float(state.dt), laid.network.dt)
    shapes = [
        [(np.shape(x), np.asarray(x).dtype) for x in jax.tree.leaves(s._replace(step=0))] for s in (state, laid.rest)
    ]
    if shapes[0] != shapes[1]:
        raise InputError(
            "The state is that of another network, of other delays, or of another precision. Begin at rest, or set "
            "dtype."
        )
    return state


def _check_membranes(laid: Plan, end: NetworkState) -> None:
    for population, cells in zip(laid.network.populations, end.neurons, strict=True):
        lost = np.flatnonzero(~np.isfinite(cells.v))
        if lost.size:
            raise SolverError(
                f"The membrane of neuron {lost[0]} of {population.name} is {cells.v[lost[0]]} V at the end of the run "
                f"({lost.size} of {population.size} are not finite). Check the weights and the neuron's numbers (in A, "
                "S, F, V and s), or shorten dt."
            )


def _with_inputs_at_zero(state: NetworkState, inputs: Inputs, populations: int) -> NetworkState:
    """Spikes of sources at time 0, which belong to the step before the first."""
    recent = list(state.recent)
    for k, (_, who) in enumerate(inputs.spikes(0, 1)):
        flags = recent[populations + k].copy()
        flags[0, who] = 1
        recent[populations + k] = flags
    return state._replace(recent=tuple(recent))


def _result(
    laid: Plan,
    start: NetworkState,
    end: NetworkState,
    volleys: list[tuple[int, Volley]],
    inputs: Inputs,
    watched: list[np.ndarray],
    engine: str,
    noisy: bool,
) -> SpikingResult:
    network, dt = laid.network, laid.network.dt
    spikes, grid, traces = {}, {}, {}
    for k, population in enumerate(network.populations):
        at, ids, after = _gathered([(first, *v.spikes[k]) for first, v in volleys], population.size)
        times = at * dt + after
        order = np.argsort(times, kind="stable")
        spikes[population.name] = Spikes(times[order], ids[order])
        grid[population.name] = (at + 1, ids)
        if watched[k].size:
            v, i = (np.concatenate([x.traces[k][part] for _, x in volleys]) for part in (0, 1))
            when = (start.step + 1 + np.arange(len(v))) * dt
            traces[population.name] = Traces(when, watched[k], v, i)
    for source, found in zip(network.sources, inputs.spikes(start.step, end.step), strict=True):
        grid[source.name] = found
    energy = {}
    for j, projection in enumerate(network.projections):
        sums = [np.sum(v.energy[j], dtype=np.float64) for _, v in volleys if v.energy[j] is not None]
        energy[projection.name] = float(np.sum(sums)) if sums else float("nan")
    return SpikingResult(
        network=network,
        start=start.step * dt,
        duration=(end.step - start.step) * dt,
        spikes=spikes,
        grid=grid,
        traces=traces,
        events=_events(laid, start, end, grid),
        energy=energy,
        neurons={
            p.name: _spent(p.model, end.neurons[k]) - _spent(p.model, start.neurons[k])
            for k, p in enumerate(network.populations)
        },
        state=end,
        fields={p.name: f for p, f in zip(network.projections, laid.fields, strict=True)},
        engine=engine,
        noisy=noisy,
        dtype=laid.dtype,
    )


def _spent(model: AbstractNeuron, cells: Any) -> float:
    """What the neurons of a population have taken until a state; NaN where it is not known [J]."""
    parts = model.spent(cells)
    return float(sum(np.sum(x, dtype=np.float64) for x in parts)) if parts else float("nan")


def _gathered(parts: list[Any], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, neurons and times in the step of all spikes of a population."""
    steps, ids, after = [], [], []
    for first, *found in parts:
        at, who, when = _listed(found, size) if len(found) == 2 else found
        steps.append(first + at.astype(np.int64))
        ids.append(who)
        after.append(when.astype(np.float64))
    return np.concatenate(steps), np.concatenate(ids), np.concatenate(after)


def _listed(found: list[Any], size: int) -> tuple[Any, Any, Any]:
    """Steps, neurons and times of what the clocked engine gives as rows, the population's size where none fires."""
    who, when = found
    row, column = np.nonzero(who < size)
    return row, who[row, column], when[row, column]


def _events(laid: Plan, start: NetworkState, end: NetworkState, grid: Mapping[str, Any]) -> dict[str, int]:
    """Synaptic events of each projection: spikes that passed it within the run, times the synapses of their rows."""
    parts = [*laid.network.populations, *laid.network.sources]
    found = {}
    for projection, rows in zip(laid.network.projections, laid.rows, strict=True):
        degree = projection.connectivity.out_degree
        at, who = grid[parts[rows.pre].name]
        passed = (at - 1 + rows.wait < end.step) & (at > start.step)
        waiting = start.recent[rows.pre][: rows.wait].astype(bool)
        found[projection.name] = int(degree[who[passed]].sum() + (waiting * degree).sum())
    return found
