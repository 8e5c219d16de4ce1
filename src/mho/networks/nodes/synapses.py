"""Weights whose synapses are devices, or plastic: static matrix times an efficacy that moves at every spike."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from mho.core.errors import NetworkError
from mho.networks.nodes.node import AbstractNode, Shape
from mho.networks.synapse import AbstractSynapse, batch_shape, select


class Moving(NamedTuple):
    """State of the synapses, the step of each one's last spike (negative before the first), and steps taken."""

    synapses: Any
    last: Array
    step: Array


class Synapses(AbstractNode):
    """A linear layer each of whose weights is multiplied by its synapse's efficacy at the spike that comes.

    Args:
        layer: Weights (and bias) of unit efficacy.
        synapse: One that all inputs are alike to, a batch of one an input, or of one a weight in row-major order.
    """

    layer: eqx.nn.Linear
    synapse: AbstractSynapse

    def __check_init__(self) -> None:
        batch, weights = batch_shape(self.synapse), np.shape(self.layer.weight)
        if batch not in ((), weights[1:], (int(np.prod(weights)),)):
            raise NetworkError(
                f"Synapses come as {batch}, and the weights as {weights}: give one synapse, {weights[1]} (one an "
                f"input), or {int(np.prod(weights))} (one a weight)."
            )

    def shape(self, given: Shape) -> Shape:
        """One number an output."""
        if given != np.shape(self.layer.weight)[1:]:
            raise NetworkError(f"Synapses with {np.shape(self.layer.weight)[1]} inputs are given the shape {given}.")
        return np.shape(self.layer.weight)[:1]

    def prepare(self, dt: float, given: Shape) -> float:
        """Length of a step."""
        return dt

    def rest(self, prepared: float, given: Shape, dtype: Any) -> Moving:
        """Synapses at rest, before their first spike."""
        batch = batch_shape(self.synapse) or given
        state = jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x), batch), self.synapse.rest())
        return Moving(state, jnp.full(batch, -1, jnp.int32), jnp.zeros((), jnp.int32))

    def step(self, prepared: float, state: Moving, x: Array) -> tuple[Moving, Array]:
        """Currents of this step's spikes (1 or 0 an input)."""
        outputs = self.layer.weight.shape[0]
        each = state.last.shape != x.shape  # one synapse a weight
        given = jnp.tile(x, outputs) if each else x
        active = given > 0.5
        since = jnp.where(state.last < 0, 0, state.step - state.last).astype(x.dtype) * prepared
        after, efficacy = self.synapse.spike(state.synapses, since)
        sent = given * jnp.where(active, efficacy, 0.0)
        if each:
            y = jnp.sum(self.layer.weight * sent.reshape(self.layer.weight.shape), axis=1)
            y = y if self.layer.bias is None else y + self.layer.bias
        else:
            y = self.layer(sent)
        last = jnp.where(active, state.step, state.last)
        return Moving(select(active, after, state.synapses), last, state.step + 1), y
