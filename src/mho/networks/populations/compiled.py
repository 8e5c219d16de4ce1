"""The compiled kernel inside JAX: the same network, the same state, in C++ generated from the same equations."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.native import FLAGS, Kernel, KernelError, in_jax, register
from mho.networks.populations.clocked import Volley
from mho.networks.populations.plan import NetworkState, Plan, ProjectionState
from mho.networks.populations.source import arguments, source

HEADER = Path(__file__).with_name("populations.h")
# No sum is reordered: the kernel adds in its twin's order where the twin has one.
_IN_ORDER = ("-fno-math-errno",)
_SPARE = 65536  # spikes for which a call has room beyond one volley of all


def kernel(plan: Plan) -> Kernel:
    """The kernel of a network's structure and precision.

    Raises:
        KernelError: If a neuron or a synapse has an operation without a C++ form.
    """
    with jax.enable_x64(plan.dtype == np.float64):
        return Kernel("populations", source(plan), (HEADER,), (*FLAGS, *_IN_ORDER))


def chosen(plan: Plan, engine: str, *, noisy: bool) -> Path | None:
    """The library of an engine asked for by name; None where that is JAX's.

    Raises:
        InputError: If there is no such engine.
        KernelError: If the kernel is asked for and cannot be had: it has no noise, and no compiler may be there.
    """
    if in_jax(engine) or (engine == "auto" and noisy):
        return None
    if noisy:
        raise KernelError("The kernel draws no noise. Leave `noise` out, or take engine 'jax'.")
    if engine == "auto":
        try:
            return kernel(plan).built()
        except KernelError:
            return None
    return kernel(plan).build()


class Compiled:
    """A network laid out for the kernel.

    Args:
        plan: The network.
        where: Its library.
        watched: Neurons of each population whose voltage and current are recorded.
    """

    engine = "kernel"

    def __init__(self, plan: Plan, where: Path, watched: Sequence[np.ndarray]):
        self.plan = plan
        self.target = f"mho_{where.stem}"
        register(str(where), "MhoPopulations", self.target)
        self.watched = [np.asarray(w, np.int32) for w in watched]
        with jax.enable_x64(True):  # rows begin at 64-bit places, in single precision too
            self.fixed = [jnp.asarray(x) for x in _wide(arguments(plan, self.watched))]

    def enter(self, state: NetworkState) -> Any:
        """A state as one list of arrays, which the kernel moves where they lie."""
        leaves: list[Any] = []
        for cells, line in zip(state.neurons, state.lines, strict=True):
            leaves += [*jax.tree.leaves(cells), line]
        for synapse in state.synapses:
            leaves += [synapse.last, *synapse.leaves]
        return state.step, [jnp.array(x, copy=True) for x in (*leaves, *state.recent)]

    def leave(self, state: Any) -> NetworkState:
        """The state that both engines share."""
        step, leaves = state
        rest, values = self.plan.rest, iter([np.asarray(x) for x in leaves])
        neurons, lines = [], []
        for cells in rest.neurons:
            structure = jax.tree.structure(cells)
            neurons.append(jax.tree.unflatten(structure, [next(values) for _ in range(structure.num_leaves)]))
            lines.append(next(values))
        synapses = [ProjectionState(next(values), tuple(next(values) for _ in s.leaves)) for s in rest.synapses]
        return NetworkState(step, tuple(neurons), tuple(lines), tuple(values), tuple(synapses), rest.dt)

    def run(self, state: Any, inputs: Sequence[np.ndarray], steps: int, key: Any = None) -> tuple[Any, Volley]:
        """Some steps.

        Args:
            state: From :meth:`enter` or the last run; it is used up.
            inputs: For each source, who fires, shape (steps, most), the source's size where none does.
            steps: How many.
            key: None: the kernel draws no noise.
        """
        step, leaves = state
        sizes = tuple(cells.size for cells in self.plan.cells)
        seen = tuple(len(w) for w in self.watched)
        given = [jnp.asarray(x) for x in inputs]
        parts, done, energy = [], 0, np.zeros(len(self.plan.rows))
        while done < steps:
            with jax.enable_x64(True):
                clock = jnp.asarray([step + done, done, steps], jnp.int64)
                leaves, count, results, spent = _called(
                    clock, given, self.fixed, leaves, self.target, steps, sizes, seen, len(self.plan.rows)
                )
            parts.append((done, int(count), results))
            done += int(count)
            energy += np.asarray([np.asarray(x)[0] for x in spent])
        return (step + steps, leaves), _volley(parts, sizes, steps, energy, self.plan)


@functools.partial(jax.jit, static_argnums=(4, 5, 6, 7, 8), donate_argnums=3)
def _called(
    clock: Any,
    inputs: list[Any],
    fixed: list[Any],
    leaves: list[Any],
    target: str,
    steps: int,
    sizes: tuple[int, ...],
    seen: tuple[int, ...],
    projections: int,
) -> tuple[Any, Any, Any, Any]:
    """One call: the state, how many steps were done, spikes and traces of each population, energies."""
    dtype = leaves[0].dtype
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves]
    shapes.append(jax.ShapeDtypeStruct((1,), jnp.int64))
    for n, w in zip(sizes, seen, strict=True):
        room = (n + _SPARE,)
        shapes += [jax.ShapeDtypeStruct(room, t) for t in (jnp.int32, jnp.int32, dtype)]
        shapes += [jax.ShapeDtypeStruct((1,), jnp.int64), *[jax.ShapeDtypeStruct((steps, w), dtype)] * 2]
    shapes += [jax.ShapeDtypeStruct((1,), jnp.float64)] * projections
    begin = 1 + len(inputs) + len(fixed)
    call = jax.ffi.ffi_call(target, shapes, input_output_aliases={begin + k: k for k in range(len(leaves))})
    found = call(clock, *inputs, *fixed, *leaves)
    count = len(leaves)
    end = len(found) - projections
    return found[:count], found[count][0], found[count + 1 : end], found[end:]


def _wide(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Single numbers as arrays of one, which have an address."""
    return [np.atleast_1d(x) for x in arrays]


def _volley(parts: list[Any], sizes: tuple[int, ...], steps: int, energy: np.ndarray, plan: Plan) -> Volley:
    spikes, traces = [], []
    for k in range(len(sizes)):
        own = [(done, count, [np.asarray(x) for x in results[6 * k : 6 * k + 6]]) for done, count, results in parts]
        at, ids, after = (np.concatenate([r[j][: int(r[3][0])] for _, _, r in own]) for j in range(3))
        spikes.append((at, ids, after))
        traces.append(tuple(np.concatenate([r[j][d : d + c] for d, c, r in own]) for j in (4, 5)))
    measured = [rows.rule.measured for rows in plan.rows]
    sums = tuple(e if m else None for e, m in zip(energy, measured, strict=True))
    return Volley(tuple(spikes), tuple(traces), sums, None)
