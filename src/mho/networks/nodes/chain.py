"""Layers on a clock as a network of nodes, in which form they go to other tools."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import NetworkError
from mho.networks.clocked import Layer
from mho.networks.layers import linear
from mho.networks.nodes.delay import Delay
from mho.networks.nodes.ends import Input, Output
from mho.networks.nodes.firing import CubaLIF
from mho.networks.nodes.network import SpikingNetwork
from mho.networks.nodes.synapses import Synapses
from mho.networks.synapse import StaticSynapse, batch_shape


def network_of_layers(layers: Sequence[Layer]) -> SpikingNetwork:
    r"""A chain of layers as nodes: weights, delay and CubaLIF neurons for each.

    A spike of a layer adds its weight to a current at once; a node's input is held for a step. Both bring the same
    charge with :math:`w_{in} = \tau_{syn}/dt`, for steps of the layers' dt. The resistance is :math:`\tau_m/C`, and the
    bias lifts the leak, :math:`v_{leak} = V_{rest} + I_{bias} \tau_m / C`.

    Limits: the threshold is tested at the end of a step, where a layer finds the crossing inside it: a spike may come a
    step later. A population starts at its leak, so that a biased one starts where the bias holds it.

    Raises:
        NetworkError: If layers differ in their step, or two different synapses join the same pair.
    """
    if not layers or len({float(layer.dt) for layer in layers}) > 1:
        raise NetworkError("Give one layer or more, all with one step (dt).")
    nodes: dict[str, Any] = {"input": Input((layers[0].connections.inputs,))}
    chain = ["input"]
    for number, layer in enumerate(layers):
        for name, node in _nodes(layer).items():
            nodes[f"{name}{number}"] = node
            chain.append(f"{name}{number}")
    nodes["output"] = Output((layers[-1].connections.outputs,))
    chain.append("output")
    return SpikingNetwork(nodes, tuple(itertools.pairwise(chain)))


def _nodes(layer: Layer) -> dict[str, Any]:
    found = {"weights": _weights(layer)}
    outputs, dt = layer.connections.outputs, float(layer.dt)
    if layer.delay:
        found["delay"] = Delay.of(np.full(outputs, layer.delay * dt))
    neuron = layer.neuron
    names = ("c", "tau_m", "tau_syn", "t_ref", "v_rest", "v_reset", "v_threshold", "i_bias")
    c, tau_m, tau_syn, t_ref, rest, reset, threshold, bias = (
        np.broadcast_to(np.asarray(getattr(neuron, n)), (outputs,)).copy() for n in names
    )
    found["neurons"] = CubaLIF(
        tau_syn=tau_syn,
        tau_mem=tau_m,
        r=tau_m / c,
        v_leak=rest + bias * tau_m / c,
        v_threshold=threshold,
        v_reset=reset,
        w_in=tau_syn / dt,
        t_ref=t_ref,
    )
    return found


def _weights(layer: Layer) -> Any:
    """A matrix; with the synapses, one for all or one a weight, unless they never change."""
    wires, synapse = layer.connections, layer.synapse
    pre, post, weight = (np.asarray(x) for x in (wires.pre, wires.post, wires.weight))
    own = bool(batch_shape(synapse)) and not isinstance(synapse, StaticSynapse)
    if own and len(set(zip(pre.tolist(), post.tolist(), strict=True))) < len(pre):
        raise NetworkError("Two synapses of their own join the same source and neuron; a matrix has room for one.")
    if isinstance(synapse, StaticSynapse):
        weight = weight * np.broadcast_to(np.asarray(synapse.efficacy), weight.shape)
    matrix = np.zeros((wires.outputs, wires.inputs), weight.dtype)
    np.add.at(matrix, (post, pre), weight)
    if isinstance(synapse, StaticSynapse):
        return linear(matrix)
    if own:  # a place without a connection has weight 0, whatever synapse stands there
        place = np.zeros(matrix.shape, int)
        place[post, pre] = np.arange(len(pre))
        spread = lambda x: jnp.asarray(x)[place.reshape(-1)] if np.ndim(x) else x  # noqa: E731
        synapse = jax.tree.map(spread, synapse)
    return Synapses(linear(matrix), synapse)
