"""Walks the equations that JAX records of a function into a graph of expressions: physics is written once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    out = _Walk(graph).run(closed.jaxpr, closed.consts, [_boxed(x) for x in inputs])
    if any(values.size != 1 for values in out):
        raise NetlistError(
            "The device's equations give an array where a circuit needs a number for each node and state."
        )
    return [values.flat[0] for values in out]


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
    """Goes through equations and those within them; a value is an array of nodes, of the shape that JAX gives it."""

    def __init__(self, graph: Graph):
        self.graph = graph

    def run(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Nodes of the outputs of a jaxpr."""
        values: dict[Any, np.ndarray] = {v: self.array(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}
        values |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(v: Any) -> np.ndarray:
            return self.array(v.val) if hasattr(v, "val") else values[v]

        for equation in jaxpr.eqns:
            results = self.equation(equation, [read(v) for v in equation.invars])
            values |= dict(zip(equation.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def equation(self, equation: Any, x: list[np.ndarray]) -> list[np.ndarray]:
        """Nodes of the results of one equation."""
        name = equation.primitive.name
        if name in _INLINE:
            if equation.params.get("name") == "_interp" and len(x) == 3:
                return [_each(lambda at: self.looked_up(at, x[1], x[2]), x[0])]
            inner = equation.params[_INLINE[name]]
            inner, consts = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, ())
            return self.run(inner, consts, x)
        if all(node.constant for values in x for node in values.flat):
            pairs = zip(x, equation.invars, strict=True)
            out = equation.primitive.bind(*(_numbers(values, v.aval) for values, v in pairs), **equation.params)
            return [self.array(o) for o in (out if equation.primitive.multiple_results else [out])]
        if name in _SAME:
            return list(x)
        if name in _SHAPING:
            return [_SHAPING[name](equation.params, *x)]
        if name in _REDUCING:
            return [self.reduced(_REDUCING[name], x[0], equation.params["axes"])]
        if len({v.aval.shape for v in (*equation.invars, *equation.outvars) if v.aval.shape}) > 1:
            raise NetlistError(f"The device's equations use {name!r} on an array, which has no SPICE form.")
        return [_each(lambda *nodes: self.elementary(name, equation.params, nodes), *x)]

    def elementary(self, name: str, params: Mapping[str, Any], x: Sequence[Node]) -> Node:
        """Node of an operation on scalars that gives one result."""
        g = self.graph
        if name in BINARY or name in UNARY:
            return g.node(name, *x)
        if name == "integer_pow":
            return g.power(x[0], params["y"])
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

    def selected(self, x: Sequence[Node]) -> Node:
        """The case of `x[1:]` that `x[0]`, a truth or a whole number, names."""
        g = self.graph
        if x[0].truth:
            return g.node("select", x[0], x[2], x[1])
        chosen = x[-1]
        for k in range(len(x) - 3, -1, -1):
            chosen = g.node("select", g.node("le", x[0], g.constant(float(k))), x[k + 1], chosen)
        return chosen

    def looked_up(self, x: Node, places: np.ndarray, values: np.ndarray) -> Node:
        """A table read with straight lines between its places, as `jnp.interp`: a sum of ramps, each of one piece."""
        g = self.graph
        total, zero = values.flat[0], g.constant(0.0)
        for k in range(places.size - 1):
            a, b, y, z = places.flat[k], places.flat[k + 1], values.flat[k], values.flat[k + 1]
            run, rise = self.folded("sub", b, a), self.folded("sub", z, y)
            along = g.node("min", g.node("max", g.node("sub", x, a), zero), run)
            total = g.node("add", total, g.node("mul", self.folded("div", rise, run), along))
        return total

    def folded(self, op: str, a: Node, b: Node) -> Node:
        """A difference or quotient, done now if both are numbers."""
        if not (a.constant and b.constant):
            return self.graph.node(op, a, b)
        u, v = float(a.value), float(b.value)  # type: ignore[arg-type]
        return self.graph.constant(u - v if op == "sub" else u / v)

    def reduced(self, op: str, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        """Sum, product, or largest or smallest along some axes."""
        rest = [k for k in range(x.ndim) if k not in axes]
        rows = np.transpose(x, [*rest, *axes]).reshape(*(x.shape[k] for k in rest), -1)
        out = rows[..., 0]
        for k in range(1, rows.shape[-1]):
            out = _each(lambda a, b: self.graph.node(op, a, b), out, rows[..., k])
        return _boxed(out)

    def array(self, x: Any) -> np.ndarray:
        """Nodes of a number or an array of them."""
        value = np.asarray(x)
        truth = value.dtype == np.bool_
        return _each(lambda one: self.graph.constant(bool(one) if truth else float(one)), value)


def _boxed(x: Any) -> np.ndarray:
    """An array of objects, also of one that numpy has unpacked."""
    if isinstance(x, np.ndarray):
        return x
    box = np.empty((), object)
    box[()] = x
    return box


def _each(function: Callable[..., Node], *x: np.ndarray) -> np.ndarray:
    """What a function of nodes gives for each element of arrays of one shape (a scalar goes with any)."""
    shape = np.broadcast_shapes(*(np.shape(values) for values in x))
    out = np.empty(shape, object)
    wide = [np.broadcast_to(values, shape) for values in x]
    for index in np.ndindex(shape):
        out[index] = function(*(values[index] for values in wide))
    return out


def _numbers(nodes: np.ndarray, aval: Any) -> np.ndarray:
    return np.array([n.value for n in nodes.flat], aval.dtype).reshape(aval.shape)


def _spread(params: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    shape = params["shape"]
    kept = [1] * len(shape)
    for axis, size in zip(params["broadcast_dimensions"], x.shape, strict=True):
        kept[axis] = size
    return np.broadcast_to(x.reshape(kept), shape)


def _sliced(params: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    strides = params["strides"] or (1,) * x.ndim
    return x[tuple(map(slice, params["start_indices"], params["limit_indices"], strides))]


_SHAPING: dict[str, Callable[..., np.ndarray]] = {
    "broadcast_in_dim": _spread,
    "reshape": lambda params, x: x.reshape(params["new_sizes"]),
    "squeeze": lambda params, x: np.squeeze(x, params["dimensions"]),
    "expand_dims": lambda params, x: np.expand_dims(x, params["dimensions"]),
    "transpose": lambda params, x: np.transpose(x, params["permutation"]),
    "stack": lambda params, *x: np.stack(x, params["axis"]),
    "concatenate": lambda params, *x: np.concatenate(x, params["dimension"]),
    "rev": lambda params, x: np.flip(x, params["dimensions"]),
    "slice": _sliced,
}
_REDUCING = {"reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "max", "reduce_min": "min"}
