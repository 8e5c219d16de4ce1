"""In which order the nodes of a network are worked out within a step, and which edges bring the step before."""

from __future__ import annotations

import dataclasses
from typing import Any

from mho.core.errors import NetworkError
from mho.networks.nodes.delay import Delay
from mho.networks.nodes.network import Edge, SpikingNetwork


@dataclasses.dataclass(frozen=True)
class Order:
    """A plan of a step.

    Args:
        names: Nodes by path, each behind those that it takes from in the same step.
        nodes: All nodes by path.
        sources: For each node those that it takes from, in the order of the edges.
        back: Edges that bring the signal of the step before.
        late: Delays whose output is known at the start of a step.
    """

    names: tuple[str, ...]
    nodes: dict[str, Any]
    sources: dict[str, tuple[str, ...]]
    back: frozenset[Edge]
    late: frozenset[str]


def plan(network: SpikingNetwork, dt: float | None = None) -> Order:
    """The order of a step of length `dt` (which tells which delays are at least a step long).

    Raises:
        NetworkError: If a node that is no input has nothing to take from.
    """
    nodes, edges = network.flat()
    late = frozenset(
        name for name, node in nodes.items() if isinstance(node, Delay) and dt is not None and node.late(dt).min() >= 1
    )
    sources = {name: tuple(a for a, b in edges if b == name) for name in nodes}
    for name, found in sources.items():
        if not found and name not in network.inputs:
            raise NetworkError(f"Node {name!r} takes from nothing. Add an edge to it, or remove it.")
    follow = {name: [b for a, b in edges if a == name and b not in late] for name in nodes}
    names, back = _walk([*network.inputs, *nodes], follow)
    return Order(tuple(names), nodes, sources, frozenset(back), late)


def _walk(starts: list[str], follow: dict[str, list[str]]) -> tuple[list[str], set[Edge]]:
    """Nodes in topological order, and the edges that close a cycle: they lead to a node that is still followed."""
    done: list[str] = []
    open_: set[str] = set()
    closed: set[str] = set()
    back: set[Edge] = set()
    for start in starts:
        if start in closed:
            continue
        path = [(start, iter(follow[start]))]
        open_.add(start)
        while path:
            name, rest = path[-1]
            step = next(rest, None)
            if step is None:
                path.pop()
                open_.discard(name)
                closed.add(name)
                done.append(name)
            elif step in open_:
                back.add((name, step))
            elif step not in closed:
                open_.add(step)
                path.append((step, iter(follow[step])))
    return done[::-1], back
