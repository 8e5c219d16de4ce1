"""Spiking layers stepped by a clock: for inputs that are not known beforehand, feedback, and training.

Synapses still move only at spikes: each keeps the step of its last one, and relaxes exactly over the time since.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from mho.core.fields import quantity
from mho.networks.connections import Connections
from mho.networks.neurons import LIF, Fired, LIFState
from mho.networks.synapse import AbstractSynapse, Number, select


class LayerState(eqx.Module):
    """What moves in a layer.

    Args:
        neurons: State of the neurons, leaves (outputs,).
        synapses: State of the synapses, leaves (n,).
        last: Step of each synapse's last spike; negative before the first, shape (n,).
        pending: Currents on their way, one row a step of delay, (steps, outputs) [A].
        step: Steps taken.
    """

    neurons: LIFState
    synapses: Any
    last: Int[Array, " n"]
    pending: Number = quantity("A")
    step: Int[Array, ""] = eqx.field()  # pyright: ignore[reportGeneralTypeIssues]


class Layer(eqx.Module):
    """Neurons with the synapses that feed them, on a clock.

    Args:
        neuron: One neuron that all are alike to, or a batch of `connections.outputs`.
        synapse: One synapse that all are alike to, or a batch of n.
        connections: The n connections.
        dt: Time step, at most the refractory time and at least the width of a synapse's spike [s].
        delay: Delay in steps; it takes the place of `connections.delay`, which a clock cannot keep.
    """

    neuron: LIF
    synapse: AbstractSynapse
    connections: Connections
    dt: Number = quantity("s", positive=True)
    delay: int = eqx.field(static=True, default=0)

    def rest(self) -> LayerState:
        """State before the first step."""
        n = self.connections.pre.shape[0]
        synapses = jax.tree.map(lambda x: jnp.broadcast_to(x, (n,)), self.synapse.rest())
        neurons = self.neuron.rest(self.connections.outputs)
        pending = jnp.zeros((self.delay, self.connections.outputs), neurons.v.dtype)
        return LayerState(neurons, synapses, jnp.full(n, -1, jnp.int32), pending, jnp.zeros((), jnp.int32))

    def step(
        self, state: LayerState, spikes: Float[Array, " inputs"], *, refinements: int = 1
    ) -> tuple[LayerState, Fired]:
        """One step: `spikes` (1 or 0 a source, with surrogate derivatives) arrive at its start, or `delay` steps later.

        Args:
            state: State before the step.
            spikes: Shape (inputs,).
            refinements: See :meth:`LIF.advance`; 1 where only counts matter.

        Returns:
            State after it, and the neurons' spikes in it.
        """
        wires = self.connections
        given = spikes[wires.pre]
        active = given > 0.5
        since = jnp.where(state.last < 0, 0, state.step - state.last).astype(state.neurons.v.dtype) * self.dt
        after, efficacy = self.synapse.spike(state.synapses, since)
        synapses = select(active, after, state.synapses)
        jump = jax.ops.segment_sum(given * wires.weight * jnp.where(active, efficacy, 0.0), wires.post, wires.outputs)
        line = jnp.concatenate([state.pending, jump[None]])
        neurons = eqx.tree_at(lambda s: s.i, state.neurons, state.neurons.i + line[0])
        neurons, fired = self.neuron.advance(neurons, self.dt, refinements=refinements)
        last = jnp.where(active, state.step, state.last)
        return LayerState(neurons, synapses, last, line[1:], state.step + 1), fired


@eqx.filter_jit
def run_layers(
    layers: tuple[Layer, ...], spikes: Float[Array, "steps inputs"], *, refinements: int = 1
) -> tuple[Fired, ...]:
    """A chain of layers on one clock: spikes of a layer reach the next in the same step, or after its delay.

    Args:
        layers: In order, leaves cast to one precision.
        spikes: Input of the first layer, 1 or 0, shape (steps, inputs).
        refinements: See :meth:`LIF.advance`.

    Returns:
        For each layer its spikes and their times within the step [s], shapes (steps, outputs).
    """

    def step(states: tuple[LayerState, ...], given: Array) -> tuple[tuple[LayerState, ...], tuple[Fired, ...]]:
        moved, outputs = [], []
        for layer, state in zip(layers, states, strict=True):
            state, fired = layer.step(state, given, refinements=refinements)
            moved.append(state)
            outputs.append(fired)
            given = fired.spikes
        return tuple(moved), tuple(outputs)

    return lax.scan(step, tuple(layer.rest() for layer in layers), spikes)[1]
