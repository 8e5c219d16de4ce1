"""Formulas of behavioural sources as hashable JAX callables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from mho.devices.device import ROOM
from mho.netlists.expressions import Call, Expression, Name, Number, Probe
from mho.netlists.functions import evaluate

_ZERO_CELSIUS = 273.15  # [K]


@dataclass(frozen=True)
class Formula:
    """A closed tree over the voltages of nodes.

    Args:
        tree: Its probes are `Probe("v", (node,))` alone.
        nodes: Node of each argument.
    """

    tree: Expression
    nodes: tuple[str, ...]

    def __call__(self, *voltages: Any, temperature: Any = ROOM) -> Any:
        """The value at voltages [V] of `nodes` and a temperature [K]."""
        values: dict[Expression, Any] = {Probe("v", (node,)): v for node, v in zip(self.nodes, voltages, strict=True)}
        values[Name("temper")] = temperature - _ZERO_CELSIUS
        return evaluate(self.tree, values, jnp)


def formula(tree: Expression) -> Formula:
    """The formula of a tree whose probes are voltages of single nodes."""
    found: dict[str, None] = {}
    waiting = [tree]
    while waiting:
        x = waiting.pop()
        if isinstance(x, Probe):
            found.setdefault(x.nodes[0])
        elif isinstance(x, Call):
            waiting.extend(reversed(x.args))
    return Formula(tree, tuple(found))


def between(a: str, b: str) -> Expression:
    """The voltage of one node against another, as a tree over single nodes."""
    if b == "0":
        return Number(0.0) if a == "0" else Probe("v", (a,))
    if a == "0":
        return Call("neg", (Probe("v", (b,)),))
    return Call("-", (Probe("v", (a,)), Probe("v", (b,))))
