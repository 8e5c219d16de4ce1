"""Batch normalisation with the statistics that training left, and its fold into the layer before it."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mho.networks.functions.arrays import together
from mho.networks.graph import Graph
from mho.networks.layers import convolution, linear

Layer = eqx.nn.Linear | eqx.nn.Conv


class BatchNorm(eqx.Module):
    r"""Channels shifted and scaled by fixed statistics, :math:`y = (x - m)/\sqrt{s^2 + \epsilon}\; w + b`.

    Args:
        mean: Running mean m, shape (channels,).
        variance: Running variance s², shape (channels,).
        weight: w, shape (channels,).
        bias: b, shape (channels,).
        epsilon: Keeps the root away from 0.
    """

    mean: Float[Array, " c"]
    variance: Float[Array, " c"]
    weight: Float[Array, " c"]
    bias: Float[Array, " c"]
    epsilon: float = eqx.field(static=True, default=1e-5)

    def scale(self) -> Float[Array, " c"]:
        """Factor of each channel."""
        return self.weight / jnp.sqrt(self.variance + self.epsilon)

    def __call__(self, x: Float[Array, "batch c ..."], *, key: Any = None) -> Float[Array, "batch c ..."]:
        """A batch, channels on axis 1."""
        column = (1, -1) + (1,) * (x.ndim - 2)
        factor = self.scale()
        x, factor, shift = together(x, factor.reshape(column), (self.bias - self.mean * factor).reshape(column))
        return x * factor + shift


def fold_batch_norm(graph: Graph) -> Graph:
    """The same network with every batch normalisation that directly follows a linear or convolutional layer in it.

    Weights of a channel are multiplied by its factor, and the shift becomes the bias. A normalisation stays where the
    layer's result is used elsewhere too, or where another node stands before it.
    """
    nodes = {node.name: node for node in graph.nodes}
    gone: dict[str, str] = {}
    for node in graph.nodes:
        before = nodes.get(gone.get(node.inputs[0], node.inputs[0])) if node.inputs else None
        if before is None or not isinstance(node.operation, BatchNorm) or not isinstance(before.operation, Layer):
            continue
        if graph.uses(node.inputs[0]) == 1:
            nodes[before.name] = eqx.tree_at(lambda n: n.operation, before, folded(before.operation, node.operation))
            gone[node.name] = before.name
            del nodes[node.name]
    return graph.without(nodes, gone)


def folded(layer: Layer, norm: BatchNorm) -> Layer:
    """The layer that does what `layer` and then `norm` do."""
    factor = norm.scale()
    before = 0.0 if layer.bias is None else layer.bias.reshape(-1)
    weight = layer.weight * factor.reshape((-1,) + (1,) * (layer.weight.ndim - 1))
    bias = (before - norm.mean) * factor + norm.bias
    if isinstance(layer, eqx.nn.Linear):
        return linear(weight, bias)
    options = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups", "padding_mode")}
    return convolution(weight, bias, **options)
