"""A recurrent layer through time, and its derivative written out so that it costs what its products cost.

What a reverse pass through `lax.scan` needs is every step's intermediate numbers. Here only the states are kept: the
steps of neurons and synapses are elementwise and cheap to do again. Fresh memory costs as much as arithmetic here, so
that gradients take the place of what they are gradients of.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax

from mho.networks.operand import AbstractOperand
from mho.networks.spiking.neurons import AbstractSteps
from mho.networks.spiking.plasticity import AbstractReleases
from mho.networks.synapse import Number


class Recurrent(NamedTuple):
    """What moves a recurrent layer; all of it has derivatives.

    Args:
        neuron: Over one step.
        synapse: Of the feedback, over one step.
        weight: Of the feedback (rows, neurons).
        given: What comes from outside at each step, as :func:`arriving` takes it.
        feed: Linear layer that it comes through, a step at a time so that it stays in the cache; None for none.
    """

    neuron: AbstractSteps
    synapse: AbstractReleases
    weight: Any
    given: Number
    feed: eqx.nn.Linear | None = None


class Ran(NamedTuple):
    """What a layer did: spikes (steps, batch, neurons), and volatile cycles of its feedback, (steps, batch)."""

    spikes: Number
    cycles: Number


def through_time(parts: Recurrent, neurons: int, keys: jax.Array | None) -> Ran:
    """A recurrent layer from rest, the spikes of each step arriving at the next.

    Args:
        parts: The layer.
        neurons: How many.
        keys: One a step for the feedback's noise, or None.
    """
    if isinstance(parts.weight, AbstractOperand) or keys is not None:
        return _plain(parts, neurons, keys)
    return _unrolled(parts, neurons)


def arriving(feed: eqx.nn.Linear | None, given: Number) -> Number:
    """What arrives at neurons in one step, (batch, rows).

    Args:
        feed: Layer that it comes through; None if `given` is what arrives.
        given: Releases (batch, sources), or whole numbers (batch, most): the sources that fire, filled up with the
            number of sources.
    """
    if feed is None:
        return given
    if _is_list(given):
        columns = feed.weight.T

        def pick(drive: Number, source: Number) -> tuple[Number, None]:  # one at a time: together they leave the cache
            return drive + columns.at[source].get(mode="fill", fill_value=0), None

        drive = lax.scan(pick, jnp.zeros((given.shape[0], columns.shape[1]), columns.dtype), given.T)[0]
    else:
        drive = product(feed.weight, given)
    return drive if feed.bias is None else drive + feed.bias


def _is_list(given: Number) -> bool:
    return bool(jnp.issubdtype(given.dtype, jnp.integer))


def product(weight: Any, x: Number) -> Number:
    """Rows of x (..., inputs) times a matrix (outputs, inputs), or what stands for one on a chip."""
    flat = x.reshape(-1, x.shape[-1])
    y = weight.rows(flat) if isinstance(weight, AbstractOperand) else flat @ weight.T
    return y.reshape(*x.shape[:-1], y.shape[-1])


def _start(parts: Recurrent, neurons: int) -> tuple[Any, Any, Number]:
    floats = parts.feed.weight if parts.feed is not None and _is_list(parts.given) else parts.given
    batch, dtype = parts.given.shape[1], floats.dtype
    zero = jnp.zeros((batch, neurons), dtype)
    return parts.neuron.rest(batch, neurons, dtype), parts.synapse.rest((batch, neurons), dtype), zero


def _plain(parts: Recurrent, neurons: int, keys: Any) -> Ran:
    def step(carry: Any, item: Any) -> tuple[Any, Ran]:
        neuron, synapse, before = carry
        given, key = item
        after, release, cycles = parts.synapse.step(synapse, before, key)
        moved, fired = parts.neuron.step(neuron, arriving(parts.feed, given) + product(parts.weight, release))
        return (moved, after, fired), Ran(fired, cycles)

    return lax.scan(step, _start(parts, neurons), (parts.given, keys))[1]


@eqx.filter_custom_vjp
def _unrolled(parts: Recurrent, neurons: int) -> Ran:
    return _plain(parts, neurons, None)


@_unrolled.def_fwd
def _forward(perturbed: Any, parts: Recurrent, neurons: int) -> tuple[Ran, Any]:
    del perturbed

    def step(carry: Any, given: Any) -> tuple[Any, Any]:
        neuron, synapse, before = carry
        after, release, cycles = parts.synapse.step(synapse, before, None)
        total = arriving(parts.feed, given) + release @ parts.weight.T
        moved, fired = parts.neuron.step(neuron, total)
        return (moved, after, fired), (Ran(fired, cycles), (neuron, synapse, total))

    _, (ran, kept) = lax.scan(step, _start(parts, neurons), parts.given)
    return ran, (*kept, ran.spikes)


@_unrolled.def_bwd
def _backward(kept: Any, slope: Any, perturbed: Any, parts: Recurrent, neurons: int) -> Recurrent:
    del neurons
    states, synapses, totals, spikes = kept
    steps, batch, _ = spikes.shape
    to_cycles = jnp.zeros((steps, batch), spikes.dtype) if slope.cycles is None else slope.cycles
    # Parameters that nobody differentiates by are left out: their gradients are sums over all numbers of every step.
    moving, fixed = eqx.partition((parts.neuron, parts.synapse), (perturbed.neuron, perturbed.synapse))

    def neuron_step(numbers: Any, state: Any, total: Any) -> Any:
        return eqx.combine(numbers, fixed[0]).step(state, total)

    def synapse_step(numbers: Any, state: Any, given: Any) -> Any:
        return eqx.combine(numbers, fixed[1]).step(state, given, None)

    def step(carry: Any, item: Any) -> tuple[Any, None]:
        of_neuron, of_synapse, of_fired, sums, totals = carry  # what is done with turns into its gradient
        k, state, synapse, to_fired, to_cycle = item
        before = jnp.where(k > 0, _at(spikes, jnp.maximum(k - 1, 0)), 0.0)  # a shifted copy of all would cost more
        if to_fired is not None:
            of_fired = of_fired + to_fired
        _, back = jax.vjp(neuron_step, moving[0], state, _at(totals, k))
        by_neuron, of_neuron, of_total = back((of_neuron, of_fired))
        (_, release, _), back = jax.vjp(synapse_step, moving[1], synapse, before)
        by_synapse, of_synapse, of_fired = back((of_synapse, of_total @ parts.weight, to_cycle))
        sums = jax.tree.map(jnp.add, sums, (by_neuron, by_synapse, of_total.T @ release))
        return (of_neuron, of_synapse, of_fired, sums, _put(totals, of_total, k)), None

    first = jax.tree.map(lambda x: jnp.zeros_like(x[0]), (states, synapses, spikes))
    zeros = jax.tree.map(lambda x: jnp.zeros_like(x, dtype=spikes.dtype), (*moving, parts.weight))
    items = (jnp.arange(steps), states, synapses, slope.spikes, to_cycles)
    (*_, sums, of_drive), _ = lax.scan(step, (*first, zeros, totals), items, reverse=True)
    of_given, of_feed = _fed(parts, perturbed, of_drive)
    return Recurrent(sums[0], sums[1], sums[2], of_given, of_feed)


def _fed(parts: Recurrent, perturbed: Any, of_drive: Number) -> tuple[Any, Any]:
    """Gradients of what came from outside and of the layer it came through, each one product over all steps."""
    if parts.feed is None:
        return of_drive, None
    if _is_list(parts.given):
        _, back = jax.vjp(lambda feed: lax.map(partial(arriving, feed), parts.given), parts.feed)
        return None, back(of_drive)[0]
    flat, given = of_drive.reshape(-1, of_drive.shape[-1]), parts.given.reshape(-1, parts.given.shape[-1])
    of_weight, of_bias = flat.T @ given, None if parts.feed.bias is None else jnp.sum(flat, axis=0)
    of_feed = eqx.tree_at(lambda n: (n.weight, n.bias), parts.feed, (of_weight, of_bias), is_leaf=lambda x: x is None)
    return product(parts.feed.weight.T, of_drive) if perturbed.given else None, of_feed


def _at(x: Number, k: Any) -> Number:
    return lax.dynamic_index_in_dim(x, k, keepdims=False, allow_negative_indices=False)


def _put(x: Number, one: Number, k: Any) -> Number:
    return lax.dynamic_update_index_in_dim(x, one, k, 0, allow_negative_indices=False)
