"""A recurrent layer through time, and its derivative written out so that it costs what its products cost.

What a reverse pass through `lax.scan` needs is every step's intermediate numbers. Here only the states are kept: the
steps of neurons and synapses are elementwise and cheap to do again. The gradient of the recurrent weights is one
product over all steps in place of one a step.
"""

from __future__ import annotations

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
        drive: What arrives from outside at each step, (steps, batch, rows).
    """

    neuron: AbstractSteps
    synapse: AbstractReleases
    weight: Any
    drive: Number


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
        return _plain(parts, neurons, keys)[0]
    return _unrolled(parts, neurons)


def product(weight: Any, x: Number) -> Number:
    """Rows of x (..., inputs) times a matrix (outputs, inputs), or what stands for one on a chip."""
    flat = x.reshape(-1, x.shape[-1])
    y = weight.rows(flat) if isinstance(weight, AbstractOperand) else flat @ weight.T
    return y.reshape(*x.shape[:-1], y.shape[-1])


def _start(parts: Recurrent, neurons: int) -> tuple[Any, Any, Number]:
    _, batch, _ = parts.drive.shape
    dtype = parts.drive.dtype
    zero = jnp.zeros((batch, neurons), dtype)
    return parts.neuron.rest(batch, neurons, dtype), parts.synapse.rest((batch, neurons), dtype), zero


def _plain(parts: Recurrent, neurons: int, keys: Any) -> tuple[Ran, Any]:
    def step(carry: Any, item: Any) -> tuple[Any, Any]:
        neuron, synapse, before = carry
        drive, key = item
        after, release, cycles = parts.synapse.step(synapse, before, key)
        moved, fired = parts.neuron.step(neuron, drive + product(parts.weight, release))
        return (moved, after, fired), (Ran(fired, cycles), release)

    _, (ran, released) = lax.scan(step, _start(parts, neurons), (parts.drive, keys))
    return ran, released


@eqx.filter_custom_vjp
def _unrolled(parts: Recurrent, neurons: int) -> Ran:
    return _plain(parts, neurons, None)[0]


@_unrolled.def_fwd
def _forward(perturbed: Any, parts: Recurrent, neurons: int) -> tuple[Ran, Any]:
    del perturbed

    def step(carry: Any, drive: Any) -> tuple[Any, Any]:
        neuron, synapse, before = carry
        after, release, cycles = parts.synapse.step(synapse, before, None)
        total = drive + release @ parts.weight.T
        moved, fired = parts.neuron.step(neuron, total)
        return (moved, after, fired), (Ran(fired, cycles), (neuron, synapse, release, total))

    _, (ran, kept) = lax.scan(step, _start(parts, neurons), parts.drive)
    return ran, (kept, ran.spikes)


@_unrolled.def_bwd
def _backward(kept: Any, slope: Any, perturbed: Any, parts: Recurrent, neurons: int) -> Recurrent:
    del perturbed
    (states, synapses, released, totals), spikes = kept
    steps, batch, _ = parts.drive.shape
    before = jnp.concatenate([jnp.zeros_like(spikes[:1]), spikes[:-1]])
    to_spikes = jnp.zeros_like(spikes) if slope.spikes is None else slope.spikes
    to_cycles = jnp.zeros((steps, batch), spikes.dtype) if slope.cycles is None else slope.cycles
    moving, fixed = eqx.partition((parts.neuron, parts.synapse), eqx.is_inexact_array)

    def neuron_step(numbers: Any, state: Any, total: Any) -> Any:
        return eqx.combine(numbers, fixed[0]).step(state, total)

    def synapse_step(numbers: Any, state: Any, given: Any) -> Any:
        return eqx.combine(numbers, fixed[1]).step(state, given, None)

    def step(carry: Any, item: Any) -> tuple[Any, Number]:
        of_neuron, of_synapse, of_fired, (sum_neuron, sum_synapse) = carry
        state, synapse, given, total, to_fired, to_cycle = item
        _, back = jax.vjp(neuron_step, moving[0], state, total)
        by_neuron, of_neuron, of_total = back((of_neuron, of_fired + to_fired))
        _, back = jax.vjp(synapse_step, moving[1], synapse, given)
        by_synapse, of_synapse, of_fired = back((of_synapse, of_total @ parts.weight, to_cycle))
        sums = jax.tree.map(jnp.add, (sum_neuron, sum_synapse), (by_neuron, by_synapse))
        return (of_neuron, of_synapse, of_fired, sums), of_total

    first = jax.tree.map(lambda x: jnp.zeros_like(x[0]), (states, synapses, spikes))
    zeros = jax.tree.map(lambda x: jnp.zeros_like(x, dtype=spikes.dtype), moving)
    items = (states, synapses, before, totals, to_spikes, to_cycles)
    (_, _, _, sums), of_drive = lax.scan(step, (*first, zeros), items, reverse=True)
    rows = of_drive.shape[-1]
    of_weight = of_drive.reshape(-1, rows).T @ released.reshape(-1, released.shape[-1])
    return Recurrent(sums[0], sums[1], of_weight, of_drive)
