"""A network as a graph: layers and plain functions by name, each told where its inputs come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from mho.core.errors import NetworkError
from mho.networks.functions import FUNCTIONS


class Function(eqx.Module):
    """A function without weights, by its name in :data:`mho.networks.functions.FUNCTIONS`.

    Args:
        name: Key of the table.
        attributes: Its keyword arguments, as pairs in alphabetical order.

    Raises:
        NetworkError: If the table has no such function.
    """

    name: str = eqx.field(static=True)
    attributes: tuple[tuple[str, Any], ...] = eqx.field(static=True, default=())

    def __check_init__(self) -> None:
        if self.name not in FUNCTIONS:
            raise NetworkError(f"There is no function {self.name!r}. Known: {', '.join(sorted(FUNCTIONS))}.")

    def __call__(self, *arrays: Any) -> Any:
        """The function of whole arrays, batch included."""
        return FUNCTIONS[self.name](*arrays, **dict(self.attributes))


def function(name: str, **attributes: Any) -> Function:
    """A :class:`Function` with its keyword arguments."""
    return Function(name, tuple(sorted(attributes.items())))


class Constant(eqx.Module):
    """Numbers that a node gives at every call.

    Args:
        value: Floating numbers; they can be trained.
    """

    value: Array

    def __call__(self) -> Array:
        """The numbers."""
        return jnp.asarray(self.value)


class Whole(eqx.Module):
    """Whole numbers that a node gives at every call: shapes, places, choices. They are known before a run.

    Args:
        values: In row-major order.
        shape: Shape.
        truth: They are true and false.
    """

    values: tuple[int, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    truth: bool = eqx.field(static=True, default=False)

    def __call__(self) -> np.ndarray:
        """The numbers, in NumPy."""
        return np.asarray(self.values, bool if self.truth else np.int64).reshape(self.shape)


class Node(eqx.Module):
    """One step of a graph.

    Args:
        name: Unique in the graph.
        operation: An Equinox layer, or a :class:`Function`, :class:`Constant` or :class:`Whole`.
        inputs: Names of nodes or of the graph's inputs, in the operation's order.
        rank: Axes of one sample, for a layer that takes one sample; leading axes are mapped over. None: it takes
            whole arrays.
    """

    name: str = eqx.field(static=True)
    operation: Any
    inputs: tuple[str, ...] = eqx.field(static=True)
    rank: int | None = eqx.field(static=True, default=None)

    def __call__(self, *arrays: Any, key: Any = None) -> Any:
        """The operation, sample by sample where it wants that."""
        if self.rank is None:
            return self.operation(*arrays)
        lead = arrays[0].shape[: arrays[0].ndim - self.rank]
        call = lambda xs, key: self.operation(*xs, key=key)  # noqa: E731
        if not lead:
            return call(arrays, key)
        flat = tuple(x.reshape(-1, *x.shape[len(lead) :]) for x in arrays)
        keys = None if key is None else jax.random.split(key, math.prod(lead))
        return jax.tree.map(lambda y: y.reshape(*lead, *y.shape[1:]), jax.vmap(call)(flat, keys))


class Graph(eqx.Module):
    """A network, called on a batch: axis 0 of every input is the sample.

    Layers stand in `nodes[i].operation` as Equinox made them (`eqx.nn.Linear`, `Conv2d`, ...), so that whatever walks
    a tree of Equinox modules finds them. Numbers run in the precision of the weights.

    Args:
        nodes: In an order in which every node comes behind those that it takes from.
        inputs: Names of the inputs.
        outputs: Names of the nodes whose results are the network's.

    Raises:
        NetworkError: If a name is given twice, or is used before it is there.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...] = eqx.field(static=True)
    outputs: tuple[str, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        known = set(self.inputs)
        for node in self.nodes:
            missing = [name for name in node.inputs if name not in known]
            if missing:
                raise NetworkError(f"Node {node.name!r} takes {missing[0]!r}, which no node before it gives.")
            if node.name in known:
                raise NetworkError(f"Two nodes or inputs are called {node.name!r}. Give each a name of its own.")
            known.add(node.name)
        lost = [name for name in self.outputs if name not in known]
        if lost:
            raise NetworkError(f"The output {lost[0]!r} is no node. Nodes: {', '.join(sorted(known))}.")

    def __call__(self, *arrays: Any, key: Any = None) -> Any:
        """Results for a batch: one array, or a tuple where there are several outputs.

        Args:
            *arrays: One an input, shape (batch, ...).
            key: For layers that draw (read noise); a layer's share is its own.
        """
        found = self.values(*arrays, key=key)
        results = tuple(found[name] for name in self.outputs)
        return results[0] if len(results) == 1 else results

    def values(self, *arrays: Any, key: Any = None) -> dict[str, Any]:
        """What every input and node gives for a batch, by name.

        Raises:
            NetworkError: If the number of arrays is not that of the inputs.
        """
        if len(arrays) != len(self.inputs):
            raise NetworkError(
                f"The network has {len(self.inputs)} inputs ({', '.join(self.inputs)}), and {len(arrays)} arrays "
                "were given."
            )
        found: dict[str, Any] = {n: _typed(x, self.dtype) for n, x in zip(self.inputs, arrays, strict=True)}
        keys = [None] * len(self.nodes) if key is None else jax.random.split(key, len(self.nodes))
        for node, one in zip(self.nodes, keys, strict=True):
            found[node.name] = node(*(found[name] for name in node.inputs), key=one)
        return found

    @property
    def dtype(self) -> np.dtype:
        """Precision of the weights."""
        kinds = [x.dtype for x in jax.tree.leaves(self) if eqx.is_inexact_array(x)]
        return np.dtype(kinds[0]) if kinds else np.dtype(np.float32)

    def node(self, name: str) -> Node:
        """The node of a name."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise NetworkError(f"The network has no node {name!r}. Nodes: {', '.join(n.name for n in self.nodes)}.")

    def uses(self, name: str) -> int:
        """How often a node's result is taken, by nodes and as an output."""
        return sum(node.inputs.count(name) for node in self.nodes) + self.outputs.count(name)

    def without(self, nodes: Mapping[str, Node], gone: Mapping[str, str]) -> Graph:
        """The graph with the nodes that are kept, and what took from one that is gone takes from its stand-in."""

        def name(old: str) -> str:
            while old in gone:
                old = gone[old]
            return old

        kept = []
        for old in self.nodes:
            if old.name in nodes:
                new = nodes[old.name]
                kept.append(Node(new.name, new.operation, tuple(name(n) for n in new.inputs), new.rank))
        return Graph(tuple(kept), self.inputs, tuple(name(n) for n in self.outputs))


def sequential(nodes: list[tuple[str, Any, int | None]], *, source: str = "input") -> Graph:
    """A chain: each node takes what the one before gives.

    Args:
        nodes: Name, operation and rank (see :class:`Node`) of each.
        source: Name of the input.
    """
    made: list[Node] = []
    for name, operation, rank in nodes:
        made.append(Node(name, operation, (made[-1].name if made else source,), rank))
    return Graph(tuple(made), (source,), (made[-1].name if made else source,))


def _typed(array: Any, dtype: np.dtype) -> Array:
    array = jnp.asarray(array)
    return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array
