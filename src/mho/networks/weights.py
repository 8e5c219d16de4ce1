"""Where the weight matrices of a network are, whatever Equinox layers it is made of, and what stands in for them.

A layer of Equinox multiplies by ``weight @ x``, so that anything which knows ``@`` can take the place of its weights:
a matrix on a chip, or one with noise. A convolution is rebuilt as the product of a matrix with its patches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.networks.convolution import PatchConv, matrices_of
from mho.networks.folding import FrozenNorm
from mho.networks.graph import Constant, Graph
from mho.networks.normalisation import BatchNorm

Grouped = Literal["block", "separate"]

MULTIPLIED: dict[type, tuple[str, ...]] = {
    eqx.nn.Linear: ("weight",),
    eqx.nn.GRUCell: ("weight_ih", "weight_hh"),
    eqx.nn.LSTMCell: ("weight_ih", "weight_hh"),
}
"""Layers that multiply vectors by matrices, and the fields that hold these. Attention is made of `Linear`."""

BY_ELEMENTS: tuple[type, ...] = (
    eqx.nn.Embedding,
    eqx.nn.LayerNorm,
    eqx.nn.RMSNorm,
    eqx.nn.GroupNorm,
    eqx.nn.BatchNorm,
    eqx.nn.PReLU,
    BatchNorm,
    FrozenNorm,
    Constant,
)
"""Layers with numbers of their own that no matrix multiplies: they stay digital as a matter of course."""

_CURES: dict[type, str] = {
    eqx.nn.ConvTranspose: "write it as an upsampling followed by a Conv",
    eqx.nn.WeightNorm: "put the layer with its normalised weights in its place",
    eqx.nn.SpectralNorm: "put the layer with its normalised weights in its place",
}


Make = Callable[[str, str, Any], Any]
"""Takes name, kind of layer and matrix (outputs, inputs); gives an :class:`mho.networks.operand.AbstractOperand`."""


class Unmapped(NamedTuple):
    """Numbers of a network that no crossbar takes, and what helps."""

    name: str
    kind: str
    cure: str


def rebuilt(
    network: Any,
    make: Make,
    *,
    matrices: Sequence[str] = (),
    digital: Sequence[str] = (),
    grouped: Grouped = "block",
) -> Any:
    """The network with `make(name, kind, matrix)` in the place of each weight matrix.

    Args:
        network: Any tree of Equinox modules.
        make: Gives what stands in for a matrix.
        matrices: Names of further arrays (outputs, inputs) that the network multiplies by ``array @ x``.
        digital: Names that keep their arrays.
        grouped: A convolution in groups is one matrix with a block for each (``"block"``), or a matrix for each.
    """
    leaves, tree = jax.tree.flatten(network, is_leaf=_is_layer)
    made = []
    for name, node in zip(_names(network), leaves, strict=True):
        if name in digital:
            made.append(node)
        elif isinstance(node, eqx.nn.Conv):
            parts = matrices_of(node, grouped)
            several = len(parts) > 1
            kind = type(node).__name__
            operands = [make(f"{name}.{k}" if several else name, kind, w) for k, w in enumerate(parts)]
            made.append(PatchConv.of(node, tuple(operands)))
        elif type(node) in MULTIPLIED:
            made.append(_multiplied(node, name, make))
        elif name in matrices:
            made.append(make(name, "matrix", node))
        else:
            made.append(node)
    return jax.tree_util.tree_unflatten(tree, made)


def adjusted(network: Any, change: Callable[[Any], Any]) -> Any:
    """The network with `change` of the weight arrays of its layers, as the layers hold them."""

    def one(node: Any) -> Any:
        fields = ("weight",) if isinstance(node, eqx.nn.Conv) else MULTIPLIED.get(type(node), ())
        if not fields:
            return node
        new = [change(getattr(node, field)) for field in fields]
        return eqx.tree_at(lambda layer: [getattr(layer, field) for field in fields], node, new)

    return jax.tree.map(one, network, is_leaf=_is_layer)


def weight_matrices(network: Any, **how: Any) -> dict[str, Any]:
    """Every weight matrix (outputs, inputs) by name; `how` is that of :func:`rebuilt`."""
    found: dict[str, Any] = {}

    def keep(name: str, kind: str, w: Any) -> Any:
        found[name] = w
        return w

    rebuilt(network, keep, **how)
    return found


def unmapped(network: Any, *, matrices: Sequence[str] = (), digital: Sequence[str] = ()) -> list[Unmapped]:
    """Arrays of two axes or more whose use nobody can tell, with the cure of each."""
    found = []
    leaves = jax.tree.leaves(network, is_leaf=_is_layer)
    for name, node in zip(_names(network), leaves, strict=True):
        if name in digital or name in matrices:
            continue
        cure = next((cure for kind, cure in _CURES.items() if isinstance(node, kind)), None)
        if cure is not None:
            found.append(Unmapped(name, type(node).__name__, cure))
        elif eqx.is_inexact_array(node) and jnp.ndim(node) >= 2:
            cure = f"name it in matrices=({name!r},) if the network multiplies by it with @"
            found.append(Unmapped(name, f"array {tuple(jnp.shape(node))}", cure))
    return found


def layers_of(network: Any) -> list[str]:
    """Names of the layers with numbers, and of the arrays that stand alone: what can stay digital."""
    return list(dict.fromkeys(_names(network)))


def _names(network: Any) -> list[str]:
    """A name for each layer and leaf: its place, ``layers.0``, ``cell.weight_ih``; in a graph its node's."""
    nodes = network.nodes if isinstance(network, Graph) else ()
    names = []
    for path, _ in jax.tree_util.tree_flatten_with_path(network, is_leaf=_is_layer)[0]:
        if nodes and len(path) > 2:  # nodes, its place, operation, ...
            name, path = nodes[path[1].idx].name, path[3:]
            rest = jax.tree_util.keystr(path, simple=True, separator=".")
            names.append(f"{name}.{rest}" if rest else name)
        else:
            names.append(jax.tree_util.keystr(path, simple=True, separator=".") or "weights")
    return names


def _is_layer(node: Any) -> bool:
    return isinstance(node, (eqx.nn.Conv, *MULTIPLIED, *BY_ELEMENTS, *_CURES))


def _multiplied(node: Any, name: str, make: Make) -> Any:
    fields = MULTIPLIED[type(node)]
    kind = type(node).__name__
    names = [name] if len(fields) == 1 else [f"{name}.{field}" for field in fields]
    operands = [make(full, kind, getattr(node, field)) for full, field in zip(names, fields, strict=True)]
    return eqx.tree_at(lambda layer: [getattr(layer, field) for field in fields], node, operands)
