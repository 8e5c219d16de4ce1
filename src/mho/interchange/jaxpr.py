"""Walks the equations that JAX records of a function into a graph of expressions: physics is written once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from mho.core.errors import NetlistError
from mho.interchange.graph import BINARY, UNARY, Graph, Node
from mho.interchange.language import SPICE, Printer
from mho.interchange.language import number as number

_SAME = {
    "convert_element_type",
    "copy",
    "copy_p",
    "stop_gradient",
    "broadcast_in_dim",
    "reshape",
    "squeeze",
    "reduce_precision",
    "optimization_barrier",
}
_INLINE = {
    "pjit": "jaxpr",
    "jit": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "checkpoint": "jaxpr",
}
_EXPONENT = 80.0  # largest argument of exp where a logistic function overflows harmlessly in JAX but not in SPICE


def walked(function: Callable, inputs: Sequence[Node], graph: Graph) -> list[Node]:
    """Nodes of the outputs of a function of scalars.

    Args:
        function: Function of scalars that returns scalars in any structure, written in JAX.
        inputs: Node of each argument.
        graph: Where the nodes are made.

    Raises:
        NetlistError: If the function uses an operation that has no elementary form.
    """
    closed = jax.make_jaxpr(function)(*(np.float64(0.5) for _ in inputs))
    return _Walk(graph).run(closed.jaxpr, closed.consts, list(inputs))


class Expressions:
    """SPICE expressions for the outputs of a function of scalars.

    Args:
        function: Function of scalars that returns a tuple of scalars, written in JAX.
        inputs: Expression of each argument, for example ``"v(gate)"``.
        share: Called with an expression that is used more than once; returns what stands for it.
        length: Expressions shorter than this are repeated rather than shared.

    Raises:
        NetlistError: If the function uses an operation that has no SPICE form.
    """

    def __init__(self, function: Callable, inputs: Sequence[str], share: Callable[[str], str], length: int = 60):
        graph = Graph()
        nodes = walked(function, [graph.input(text) for text in inputs], graph)
        self.outputs = Printer(SPICE, nodes, share=lambda text, _: share(text), length=length).texts()


class _Walk:
    """Goes through equations and those within them."""

    def __init__(self, graph: Graph):
        self.graph = graph

    def run(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Node]) -> list[Node]:
        """Nodes of the outputs of a jaxpr."""
        values: dict[Any, Node] = {v: self.scalar(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}
        values |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(v: Any) -> Node:
            return self.scalar(v.val) if hasattr(v, "val") else values[v]

        for equation in jaxpr.eqns:
            results = self.equation(equation, [read(v) for v in equation.invars])
            values |= dict(zip(equation.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def equation(self, equation: Any, x: list[Node]) -> list[Node]:
        """Nodes of the results of one equation."""
        name = equation.primitive.name
        if name in _INLINE:
            inner = equation.params[_INLINE[name]]
            inner, consts = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, ())
            return self.run(inner, consts, x)
        if any(np.prod(v.aval.shape, dtype=int) != 1 for v in (*equation.invars, *equation.outvars)):
            raise NetlistError(
                f"The device's equations use {name!r} on an array; only scalars have a form in SPICE and Verilog-A. "
                "Keep modes in tuples, one number each."
            )
        if all(node.constant for node in x):
            pairs = zip(x, equation.invars, strict=True)
            numbers = [np.asarray(n.value, v.aval.dtype).reshape(v.aval.shape) for n, v in pairs]
            out = equation.primitive.bind(*numbers, **equation.params)
            return [self.scalar(o) for o in (out if equation.primitive.multiple_results else [out])]
        if name in _SAME:
            return list(x)
        return [self.elementary(name, equation, x)]

    def elementary(self, name: str, equation: Any, x: list[Node]) -> Node:
        """Node of an operation that gives one result."""
        g = self.graph
        if name in BINARY or name in UNARY:
            return g.node(name, *x)
        if name == "integer_pow":
            return g.power(x[0], equation.params["y"])
        if name == "square":
            return g.power(x[0], 2)
        if name == "rsqrt":
            return g.node("div", g.constant(1.0), g.node("sqrt", x[0]))
        if name == "exp2":
            return g.node("exp", g.node("mul", g.constant(float(np.log(2.0))), x[0]))
        if name == "logistic":
            opposite = g.node("exp", g.node("min", g.node("neg", x[0]), g.constant(_EXPONENT)))
            return g.node("div", g.constant(1.0), g.node("add", g.constant(1.0), opposite))
        if name == "clamp":
            return g.node("min", g.node("max", x[1], x[0]), x[2])
        if name == "select_n":
            return self.selected(x)
        raise NetlistError(
            f"The device's equations use {name!r}, which has no SPICE form. Write the model with elementary functions."
        )

    def selected(self, x: list[Node]) -> Node:
        """The case of `x[1:]` that `x[0]`, a truth or a whole number, names."""
        g = self.graph
        if x[0].truth:
            return g.node("select", x[0], x[2], x[1])
        chosen = x[-1]
        for k in range(len(x) - 3, -1, -1):
            chosen = g.node("select", g.node("le", x[0], g.constant(float(k))), x[k + 1], chosen)
        return chosen

    def scalar(self, x: Any) -> Node:
        """The node of a number, or of an array of one."""
        value = np.asarray(x)
        if value.size != 1:
            raise NetlistError("The device's equations hold an array of numbers; only scalars can be written.")
        one = value.reshape(-1)[0]
        return self.graph.constant(bool(one) if value.dtype == np.bool_ else float(one))
