"""Expressions as a graph in which equal subexpressions are one node: what JAX's equations become, before any language.

A node is a leaf (a named input), a constant, or an operation on nodes. A node is *fixed* if no input below it moves
during a simulation: parameters and temperature are fixed, voltages and states are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

UNARY = frozenset(
    (
        "neg", "exp", "log", "log1p", "expm1", "sqrt", "abs", "sign", "sin", "cos", "tan", "asin", "acos", "atan",
        "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "floor", "ceil", "not",
    )
)  # fmt: skip
COMPARE = frozenset(("lt", "gt", "le", "ge", "eq", "ne"))
BINARY = frozenset(("add", "sub", "mul", "div", "max", "min", "pow", "atan2", "and", "or")) | COMPARE
_TRUTH = COMPARE | {"and", "or", "not"}


@dataclass(frozen=True, eq=False)
class Node:
    """A leaf (`op` "input", `value` its name), a constant ("constant", a number or truth), or an operation.

    Args:
        op: "input", "constant", "select" (condition, value if true, value if false), or one of `UNARY` or `BINARY`.
        args: Nodes that it works on.
        value: Name of an input, value of a constant.
        fixed: Whether it stays the same during a simulation.
        truth: Whether it is a truth value rather than a number.
    """

    op: str
    args: tuple[Node, ...] = ()
    value: str | float | bool | None = None
    fixed: bool = True
    truth: bool = False

    @property
    def constant(self) -> bool:
        """Whether this is a number known now."""
        return self.op == "constant"


class Graph:
    """Makes nodes; the same operation on the same nodes is made once."""

    def __init__(self) -> None:
        self._nodes: dict[tuple, Node] = {}

    def input(self, name: str, *, fixed: bool = False) -> Node:
        """The leaf of this name."""
        return self._once(("input", name), lambda: Node("input", value=name, fixed=fixed))

    def constant(self, value: float | bool) -> Node:
        """A number, or a truth value."""
        truth = isinstance(value, bool)
        return self._once((truth, repr(value)), lambda: Node("constant", value=value, truth=truth))

    def node(self, op: str, *args: Node) -> Node:
        """An operation, or what it comes to: products with 0 and 1 and sums with 0 are never written."""
        simple = self._simpler(op, args)
        if simple is not None:
            return simple
        truth = op in _TRUTH or (op == "select" and args[1].truth)
        made = lambda: Node(op, args, None, all(a.fixed for a in args), truth)  # noqa: E731
        return self._once((op, *map(id, args)), made)

    def power(self, x: Node, n: int) -> Node:
        """X to an integer power, by squaring."""
        if n < 0:
            return self.node("div", self.constant(1.0), self.power(x, -n))
        if n == 0:
            return self.constant(1.0)
        half = self.power(x, n // 2)
        square = half if n == 1 else self.node("mul", half, half)
        return x if n == 1 else (self.node("mul", square, x) if n % 2 else square)

    def _once(self, key: tuple, make: Callable[[], Node]) -> Node:
        if key not in self._nodes:
            self._nodes[key] = make()
        return self._nodes[key]

    def _simpler(self, op: str, args: Sequence[Node]) -> Node | None:
        a = args[0].value if args[0].constant else None
        b = args[1].value if len(args) > 1 and args[1].constant else None
        if op == "select" and (a is not None or args[1] is args[2]):
            return args[1] if a else args[2]
        if op == "mul" and (_is(a, 0) or _is(b, 0)):
            return self.constant(0.0)
        if (op == "mul" and _is(a, 1)) or (op == "add" and _is(a, 0)):
            return args[1]
        if (op in ("mul", "div", "pow") and _is(b, 1)) or (op in ("add", "sub") and _is(b, 0)):
            return args[0]
        if op == "sub" and _is(a, 0):
            return self.node("neg", args[1])
        if op == "neg" and args[0].op == "neg":
            return args[0].args[0]
        return self.constant(0.0) if op == "div" and _is(a, 0) else None


def _is(value: object, number: int) -> bool:
    return value is not None and not isinstance(value, bool) and value == number


def reached(nodes: Iterable[Node]) -> dict[int, tuple[Node, int]]:
    """Every node that these need, arguments first, by its `id`, with the number of places that use it."""
    found: dict[int, list] = {}

    def visit(node: Node) -> None:
        if id(node) in found:
            found[id(node)][1] += 1
            return
        mine = [node, 1]
        found[id(node)] = mine
        for a in node.args:
            visit(a)
        found[id(node)] = found.pop(id(node))  # after its arguments

    for node in nodes:
        visit(node)
    return {k: (node, uses) for k, (node, uses) in found.items()}


def inputs(nodes: Iterable[Node]) -> set[str]:
    """Names of the inputs that these depend on."""
    return {str(node.value) for node, _ in reached(nodes).values() if node.op == "input"}
