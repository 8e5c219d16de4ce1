"""A spiking network: nodes by name, edges between them, networks within networks."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from mho.core.errors import NetworkError
from mho.networks.graph import Graph, Node, function
from mho.networks.nodes.delay import Delay
from mho.networks.nodes.ends import Input, Output
from mho.networks.nodes.node import AbstractNode
from mho.networks.nodes.plain import Flatten, Pool

Edge = tuple[str, str]


class Notes:
    """What a file says besides the network: metadata of the whole (under ``""``) and of nodes by name."""

    def __init__(self, said: dict[str, dict[str, Any]] | None = None) -> None:
        self.said = said or {}

    def of(self, name: str) -> dict[str, Any]:
        """What is said of a node."""
        return self.said.get(name, {})


_NOTHING = Notes()


class SpikingNetwork(eqx.Module):
    """Nodes and edges. What several edges bring to a node is added.

    Within a step, signals pass from node to node. A cycle needs time: the edge that closes it (met last when one walks
    from the inputs) brings the signal of the step before, unless a :class:`Delay` of a step or more stands in it.

    Args:
        nodes: By name: :class:`Input`, :class:`Output`, nodes with a state, Equinox's layers and other functions of one
            step's signals, and networks (with one input and one output).
        edges: From, to.
        notes: What a file said of them.

    Raises:
        NetworkError: If an edge names no node, leads into an input or out of an output, or stands twice.
    """

    nodes: dict[str, Any]
    edges: tuple[Edge, ...] = eqx.field(static=True)
    notes: Notes = eqx.field(static=True, default=_NOTHING)

    def __check_init__(self) -> None:
        for edge in self.edges:
            for name in edge:
                if name not in self.nodes:
                    raise NetworkError(f"The edge {edge} names {name!r}, which is no node of {', '.join(self.nodes)}.")
            if self.edges.count(edge) > 1:
                raise NetworkError(f"The edge {edge} stands twice. Leave one out.")
            if isinstance(self.nodes[edge[1]], Input) or isinstance(self.nodes[edge[0]], Output):
                raise NetworkError(f"The edge {edge} leads into an input or out of an output. Turn it round.")
        for name, node in self.nodes.items():
            if isinstance(node, SpikingNetwork) and (len(node.inputs), len(node.outputs)) != (1, 1):
                raise NetworkError(
                    f"The network {name!r} within has {len(node.inputs)} inputs and {len(node.outputs)} outputs; edges "
                    "can tell one of each. Take it apart, or join them."
                )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in alphabetical order."""
        return tuple(sorted(n for n, node in self.nodes.items() if isinstance(node, Input)))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in alphabetical order."""
        return tuple(sorted(n for n, node in self.nodes.items() if isinstance(node, Output)))

    def flat(self) -> tuple[dict[str, Any], list[Edge]]:
        """All nodes by path (`inner.lif`), and all edges, of networks within networks too.

        The inputs and outputs of a network within pass signals on, as nodes.
        """
        nodes: dict[str, Any] = {}
        edges: list[Edge] = []
        ends: dict[str, tuple[str, str]] = {}
        count = 0
        for name, node in self.nodes.items():
            if isinstance(node, SpikingNetwork):
                inner, between = node.flat()
                nodes.update({f"{name}.{k}": v for k, v in inner.items()})
                edges.extend((f"{name}.{a}", f"{name}.{b}") for a, b in between)
                ends[name] = (f"{name}.{node.inputs[0]}", f"{name}.{node.outputs[0]}")
                count += len(inner)
            else:
                nodes[name] = node
                ends[name] = (name, name)
                count += 1
        if len(nodes) < count:
            raise NetworkError("A node's name is the path of a node within a network (names with points). Rename one.")
        edges.extend((ends[a][1], ends[b][0]) for a, b in self.edges)
        return nodes, edges

    def moves(self) -> bool:
        """Whether a node has a state, so that the network needs a clock."""
        return any(isinstance(node, AbstractNode) for node in self.flat()[0].values())

    def rounded(self, dt: float) -> SpikingNetwork:
        """The same network with every delay a whole number of steps: the nearest, at least one where it was above 0."""

        def nearest(node: Any) -> Any:
            if not isinstance(node, Delay):
                return node
            steps = np.rint(np.asarray(node.values) / dt)
            steps = np.where(np.asarray(node.values) > 0, np.maximum(steps, 1), steps)
            return Delay(tuple(float(s) * dt for s in steps), node.own, node.dtype)

        nodes = {n: x.rounded(dt) if isinstance(x, SpikingNetwork) else nearest(x) for n, x in self.nodes.items()}
        return SpikingNetwork(nodes, self.edges, self.notes)

    def graph(self) -> Graph:
        """The network as a :class:`mho.networks.Graph` on batches, where none of its nodes has a state.

        Raises:
            NetworkError: If a node has a state, or there is a cycle.
        """
        from mho.networks.nodes.order import plan

        order = plan(self)
        moving = [n for n, node in order.nodes.items() if isinstance(node, AbstractNode)]
        if moving or order.back:
            what = f"{moving[0]!r} has a state" if moving else f"the edge {sorted(order.back)[0]} closes a cycle"
            raise NetworkError(f"{what}; a graph has no time. Run the network on a clock: mho.networks.nodes.simulate.")
        made: list[Node] = []
        for name in order.names:
            node, sources = order.nodes[name], order.sources[name]
            if name in self.inputs:
                continue
            if len(sources) > 1:
                made.append(Node(f"{name}:sum", function("add"), sources))
                sources = (f"{name}:sum",)
            made.append(Node(name, *_batched(node, sources)))
        return Graph(tuple(made), self.inputs, self.outputs)


def _batched(node: Any, sources: tuple[str, ...]) -> tuple[Any, tuple[str, ...], int | None]:
    """Operation, inputs and rank of a node in a graph whose arrays have a batch in front."""
    if isinstance(node, Input | Output):
        return function("identity"), sources, None
    if isinstance(node, eqx.nn.Linear):
        return node, sources, 1
    if isinstance(node, eqx.nn.Conv):
        return node, sources, node.num_spatial_dims + 1
    if isinstance(node, Pool):
        options = {"kernel": node.kernel, "stride": node.stride, "padding": node.padding}
        return function(f"{node.kind}_pool", **options), sources, None
    if isinstance(node, Flatten):
        end = node.end if node.end < 0 else node.end + 1
        start = node.start if node.start < 0 else node.start + 1
        return function("flatten", start=start, end=end), sources, None
    return Batch(node), sources, None


class Batch(eqx.Module):
    """A function of one sample's signals, on a batch.

    Args:
        node: The function.
    """

    node: Any

    def __call__(self, x: Any) -> Any:
        """The batch."""
        return eqx.filter_vmap(self.node)(x)
