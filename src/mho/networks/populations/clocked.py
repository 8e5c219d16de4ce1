"""The clocked engine: one step of the whole network after the other, in JAX. It is the reference of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from mho.networks.populations.event_rule import EventRule
from mho.networks.populations.neurons import AbstractNeuron
from mho.networks.populations.plan import NetworkState, Plan, ProjectionState, Rows


class Volley(NamedTuple):
    """What some steps gave.

    Args:
        spikes: Of each population: which neurons fired, and when in the step [s], shape (steps, most); the population's
            size where none did.
        traces: Of each population: voltages [V] and currents [A] of the neurons watched, shape (steps, watched).
        energy: Of each projection: energy of the events of each step [J]; None where it is not measured.
        most: Of each population: the largest number of neurons that had to be looked at in one step.
    """

    spikes: tuple[tuple[Any, Any], ...]
    traces: tuple[tuple[Any, Any], ...]
    energy: tuple[Any, ...]
    most: Any


class Padded(eqx.Module):
    """A projection in rows of equal length, so that a source's synapses are one contiguous piece."""

    target: Array
    weight: Array
    length: Array
    each: tuple[Array, ...]
    rule: EventRule
    pre: int = eqx.field(static=True)
    post: int = eqx.field(static=True)
    wait: int = eqx.field(static=True)


class Program(eqx.Module):
    """What stays the same while the network runs; `room` is the length of the list of those that fire in a step."""

    models: tuple[AbstractNeuron, ...]
    prepared: tuple[Any, ...]
    padded: tuple[Padded, ...]
    watched: tuple[Array, ...]
    room: tuple[int, ...] = eqx.field(static=True)


class Clocked:
    """A network laid out for the clocked engine.

    Args:
        plan: The network.
        watched: Neurons of each population whose voltage and current are recorded.
        capacity: How many neurons of a population may be looked at closely in one step to begin with; default one of
            128, at least 16. Where more may have fired, the stretch is run again with room for them: none is lost.
    """

    engine = "jax"

    def __init__(self, plan: Plan, watched: Sequence[np.ndarray], capacity: int | None = None):
        self.plan = plan
        self.places = [_places(rows) for rows in plan.rows]
        usual = [_power(max(cells.size // 128, 16)) for cells in plan.cells]
        self.capacity = [min(capacity or n, cells.size) for n, cells in zip(usual, plan.cells, strict=True)]
        self.watched = tuple(jnp.asarray(w, jnp.int32) for w in watched)
        self.padded = tuple(_padded(rows, where) for rows, where in zip(plan.rows, self.places, strict=True))

    def enter(self, state: NetworkState) -> Any:
        """A state with its synapses in rows of equal length."""
        synapses = tuple(
            ProjectionState(jnp.asarray(s.last), tuple(jnp.asarray(leaf[where]) for leaf in s.leaves))
            for s, (where, _) in zip(state.synapses, self.places, strict=True)
        )
        return jax.tree.map(jnp.asarray, state._replace(step=np.int32(state.step), synapses=(), dt=())), synapses

    def leave(self, state: Any) -> NetworkState:
        """The state that both engines share."""
        rest, synapses = state
        back = tuple(
            ProjectionState(np.asarray(s.last), tuple(np.asarray(leaf)[there] for leaf in s.leaves))
            for s, (_, there) in zip(synapses, self.places, strict=True)
        )
        rest = jax.tree.map(np.asarray, rest)
        return rest._replace(step=int(rest.step), synapses=back, dt=self.plan.rest.dt)

    def run(self, state: Any, inputs: Sequence[np.ndarray], steps: int, key: Any = None) -> tuple[Any, Volley]:
        """Some steps, with room enough.

        Args:
            state: From :meth:`enter` or the last run.
            inputs: For each source, who fires, shape (steps, most), the source's size where none does.
            steps: How many.
            key: For the noise of the synapses.
        """
        count = len(self.plan.cells)
        recent = [int(np.asarray(flags).sum(axis=1).max()) for flags in state[0].recent]
        for k, needed in enumerate(recent[:count]):
            self._make_room(k, needed)
        widths = [_power(max(x.shape[1], n, 4)) for x, n in zip(inputs, recent[count:], strict=True)]
        given = tuple(_widened(x, w, n) for x, w, n in zip(inputs, widths, self.plan.sizes[count:], strict=True))
        models = tuple(c.model for c in self.plan.cells)
        prepared = tuple(c.prepared for c in self.plan.cells)
        while True:
            room = (*self.capacity, *widths)
            program = Program(models, prepared, self.padded, self.watched, room)
            after, volley = _run(program, state, given, key, steps)
            most = np.asarray(volley.most)
            if np.all(most <= self.capacity):
                return after, volley
            for k, needed in enumerate(most):
                self._make_room(k, int(needed))

    def _make_room(self, k: int, needed: int) -> None:
        if needed > self.capacity[k]:
            self.capacity[k] = min(self.plan.cells[k].size, _power(needed + needed // 2))


def _power(n: int) -> int:
    """The next power of two: programs are compiled for few lengths."""
    return 1 << (n - 1).bit_length()


def _widened(who: np.ndarray, width: int, size: int) -> Array:
    return jnp.asarray(np.pad(who, ((0, 0), (0, width - who.shape[1])), constant_values=size))


def _places(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """For rows of equal length: which synapse stands at each place, and at which places there is one."""
    length = np.diff(rows.starts)
    column = np.arange(max(int(length.max(initial=0)), 1))
    where = np.minimum(rows.starts[:-1, None] + column, max(len(rows.target) - 1, 0))
    return where, column < length[:, None]


def _padded(rows: Rows, places: tuple[np.ndarray, np.ndarray]) -> Padded:
    where, there = places
    return Padded(
        target=jnp.asarray(rows.target[where]),
        weight=jnp.asarray(np.where(there, rows.weight[where], 0.0).astype(rows.weight.dtype)),
        length=jnp.asarray(np.diff(rows.starts).astype(np.int32)),
        each=tuple(jnp.asarray(x[where]) for x in rows.rule.each),
        rule=eqx.tree_at(lambda r: r.each, rows.rule, ()),
        pre=rows.pre,
        post=rows.post,
        wait=rows.wait,
    )


@eqx.filter_jit
def _run(program: Program, state: Any, inputs: tuple[Array, ...], key: Any, steps: int) -> tuple[Any, Volley]:
    start, synapses = state
    sizes = tuple(flags.shape[1] for flags in start.recent)
    # Within the run the last volleys are lists; flags would have to be searched again and again.
    old = tuple(
        jax.vmap(lambda row, k=k: _first(row > 0, k)[0])(flags)
        for flags, k in zip(start.recent, program.room, strict=True)
    )

    def step(carry: Any, given: tuple[Array, ...]) -> tuple[Any, Any]:
        at, neurons, lines, recent, synapses, most = carry
        found = [_neurons(program, k, neurons[k], lines[k][0], at) for k in range(len(neurons))]
        lines = [_passed(line) for line in lines]
        volleys = [*(one.who for one in found), *given]
        # A list is delivered below before it is forgotten.
        recent = [jnp.concatenate([now[None], past]) for now, past in zip(volleys, recent, strict=True)]
        updated, energies = [], []
        for j, (rows, synapse) in enumerate(zip(program.padded, synapses, strict=True)):
            noise = None if key is None else jax.random.fold_in(jax.random.fold_in(key, at), j)
            dt = program.prepared[rows.post].dt
            line, synapse, energy = _delivered(rows, synapse, recent[rows.pre][rows.wait], at, dt, noise, lines)
            lines[rows.post] = line
            updated.append(synapse)
            energies.append(energy)
        most = jnp.maximum(most, jnp.stack([one.looked for one in found]))
        carry = (
            at + 1,
            tuple(x.cells for x in found),
            tuple(lines),
            tuple(r[:-1] for r in recent),
            tuple(updated),
            most,
        )
        return carry, (tuple((x.who, x.after) for x in found), tuple(x.seen for x in found), tuple(energies))

    most = jnp.zeros(len(start.neurons), jnp.int32)
    carry = (start.step, start.neurons, start.lines, old, synapses, most)
    carry, (spikes, traces, energy) = lax.scan(step, carry, inputs, length=steps)
    at, neurons, lines, recent, synapses, most = carry
    flags = tuple(
        jax.vmap(lambda who, n=n: jnp.zeros(n, jnp.uint8).at[who].set(1, mode="drop"))(lists)
        for lists, n in zip(recent, sizes, strict=True)
    )
    after = start._replace(step=at, neurons=neurons, lines=lines, recent=flags)
    return (after, synapses), Volley(spikes, traces, energy, most)


class _Found(NamedTuple):
    """Neurons after a step: their cells, who fired and when in the step, what is watched, how many were looked at."""

    cells: Any
    who: Array
    after: Array
    seen: tuple[Array, Array]
    looked: Array


def _neurons(program: Program, k: int, cells: Any, arriving: Array, step: Array) -> _Found:
    """All neurons of a population through one step."""
    model, prepared = program.models[k], program.prepared[k]
    jumps = tuple(arriving.reshape(len(model.receptors), -1))
    n = jumps[0].shape[0]
    moved, maybe = model.advance(prepared, cells, jumps, step)
    near, looked = _first(maybe, program.room[k])
    here = jnp.minimum(near, n - 1)
    before, after = _taken(cells, here), _taken(moved, here)
    spike = model.fire(_taken(prepared, here), before, _taken(jumps, here), after, step)
    who = jnp.where(spike.fired, near, n)

    def written(whole: Array, fired: Array, missed: Array, old: Array) -> Array:
        if missed is not old:
            return whole.at[near].set(jnp.where(spike.fired, fired, missed).astype(whole.dtype), mode="drop")
        return whole if fired is old else whole.at[who].set(fired.astype(whole.dtype), mode="drop")

    cells = jax.tree.map(written, moved, spike.state, spike.missed, after)
    seen = model.seen(_taken(prepared, program.watched[k]), _taken(cells, program.watched[k]))
    return _Found(cells, who, spike.after, seen, looked)


def _taken(tree: Any, index: Array) -> Any:
    """Entries of what is a number for each neuron; numbers for all stay."""
    return jax.tree.map(lambda x: x[index] if jnp.ndim(x) else x, tree)


def _passed(line: Array) -> Array:
    """A delay line one step on: its first row is used up."""
    return jnp.zeros_like(line) if len(line) == 1 else jnp.concatenate([line[1:], jnp.zeros_like(line[:1])])


def _delivered(
    rows: Padded, synapse: ProjectionState, who: Array, step: Array, dt: Array, key: Any, lines: list[Array]
) -> tuple[Array, ProjectionState, Any]:
    """Spikes of the sources `who` through their synapses and onto the delay line of those that they feed."""
    line = lines[rows.post]
    size = rows.length.shape[0]
    here = jnp.minimum(who, size - 1)
    last = synapse.last[here]
    since = jnp.where(last < 0, 0, step - last).astype(line.dtype) * dt
    shape = (who.shape[0], rows.target.shape[1])
    kept = tuple(leaf[here] for leaf in synapse.leaves)
    each = tuple(x[here] for x in rows.each)
    interval = jnp.broadcast_to(since[:, None], shape)
    after, efficacy, energy = rows.rule(kept, interval, rows.rule.shared, each, key)
    jump = jnp.where((who < size)[:, None], rows.weight[here] * efficacy, 0.0)
    flat = _scattered(line.reshape(-1), rows.target[here], jump, who < size)
    # Two empty places of the list may name the same row: only real ones are written.
    leaves = tuple(
        leaf.at[who].set(jnp.broadcast_to(new, shape), mode="drop")
        for leaf, new in zip(synapse.leaves, after, strict=True)
    )
    state = ProjectionState(synapse.last.at[who].set(step, mode="drop"), leaves)
    if energy is not None:
        real = (jnp.arange(shape[1]) < rows.length[here][:, None]) & (who < size)[:, None]
        energy = jnp.sum(jnp.where(real, energy, 0.0))
    return flat.reshape(line.shape), state, energy


def _scattered(line: Array, target: Array, jump: Array, real: Array) -> Array:
    """Jumps added at their places. Most steps fill but a few rows of the list, and adding is what costs most."""
    few = real.shape[0] // 4

    def adding(rows: int) -> Any:
        return lambda flat: flat.at[target[:rows]].add(jump[:rows], mode="promise_in_bounds")

    if few == 0:
        return adding(real.shape[0])(line)
    return lax.cond(jnp.any(real[few:]), adding(real.shape[0]), adding(few), line)


def _first(flags: Array, most: int) -> tuple[Array, Array]:
    """The first `most` places that are true, ascending, and the length of `flags` for the rest; and how many are true.

    In words of 32 flags: sums over words and counts within a word are less work than a running sum over all flags.
    """
    n = flags.shape[0]
    if most >= n:
        places = jnp.where(flags, jnp.arange(n, dtype=jnp.int32), n)
        return jnp.pad(places, (0, most - n), constant_values=n), jnp.sum(flags, dtype=jnp.int32)
    bit = jnp.arange(32, dtype=jnp.uint32)
    words = jnp.sum(jnp.pad(flags, (0, -n % 32)).reshape(-1, 32).astype(jnp.uint32) << bit, axis=1, dtype=jnp.uint32)
    count = lax.population_count(words).astype(jnp.int32)
    upto = _running(count)
    k = jnp.arange(most, dtype=jnp.int32)
    word = jnp.minimum(jnp.sum(upto <= k[:, None], axis=1, dtype=jnp.int32), words.shape[0] - 1)
    rank = k - (upto[word] - count[word])
    below = words[word][:, None] & (jnp.uint32(0xFFFFFFFF) >> (31 - bit))  # a word's bits up to each place
    place = jnp.sum(lax.population_count(below).astype(jnp.int32) <= rank[:, None], axis=1, dtype=jnp.int32)
    return jnp.where(k < upto[-1], word * 32 + place, n), upto[-1]


def _running(count: Array) -> Array:
    """Running sum; of few numbers by a square of them, which is one pass for XLA."""
    n = count.shape[0]
    if n > 512:
        return jnp.cumsum(count)
    index = jnp.arange(n)
    return jnp.sum(jnp.where(index <= index[:, None], count, 0), axis=1, dtype=jnp.int32)
