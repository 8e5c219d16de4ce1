"""C++ from the operations that JAX records of a function of numbers: the kernel's equations are the reference's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from mho.core.native import KernelError

_INLINE = {
    "pjit": "jaxpr",
    "jit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}
_SAME = {"copy", "copy_p", "stop_gradient", "reduce_precision", "optimization_barrier", "broadcast_in_dim", "reshape"}
_FORMS = {
    "add": "{0} + {1}",
    "add_any": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "rem": "std::fmod({0}, {1})",
    "neg": "-{0}",
    "square": "{0} * {0}",
    "max": "({0} > {1} ? {0} : {1})",
    "min": "({0} < {1} ? {0} : {1})",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "and": "{0} & {1}",
    "or": "{0} | {1}",
    "xor": "{0} ^ {1}",
    "clamp": "({1} < {0} ? {0} : ({1} > {2} ? {2} : {1}))",
    "abs": "std::fabs({0})",
    "sign": "T(({0} > 0) - ({0} < 0))",
    "floor": "std::floor({0})",
    "ceil": "std::ceil({0})",
    "sqrt": "std::sqrt({0})",
    "rsqrt": "T(1) / std::sqrt({0})",
    "pow": "std::pow({0}, {1})",
    "exp": "exp_({0})",
    "exp2": "exp_({0} * T(0.693147180559945309417))",
    "expm1": "expm1_({0})",
    "log": "std::log({0})",
    "log1p": "std::log1p({0})",
    "tanh": "std::tanh({0})",
    "sinh": "std::sinh({0})",
    "cosh": "std::cosh({0})",
    "logistic": "T(1) / (T(1) + exp_(-{0}))",
    "is_finite": "std::isfinite({0})",
}


class Statement(NamedTuple):
    """One line of C++: the name that it defines, the line, and the names that it reads."""

    name: str
    text: str
    reads: tuple[str, ...]


class Text:
    """The statements of a function of scalars, and the names of its outputs.

    Args:
        function: Written in JAX, of scalars in any structure.
        inputs: The structure of its arguments, with example scalars as leaves.
        names: The C++ name of each leaf.
        prefix: Begins the names that are made.

    Raises:
        KernelError: If the function has an operation without a C++ form; it is named.
    """

    def __init__(self, function: Callable, inputs: Sequence[Any], names: Sequence[str], prefix: str):
        self.prefix, self.count = prefix, 0
        self.statements: list[Statement] = []
        closed = jax.make_jaxpr(function)(*inputs)
        found = self._run(closed.jaxpr, closed.consts, list(names))
        self.outputs = jax.tree.unflatten(jax.tree.structure(jax.eval_shape(function, *inputs)), found)

    def needed(self, outputs: Iterable[str]) -> list[Statement]:
        """The statements behind some outputs, in order."""
        wanted, kept = set(outputs), []
        for statement in reversed(self.statements):
            if statement.name in wanted:
                kept.append(statement)
                wanted |= set(statement.reads)
        return kept[::-1]

    def _run(self, jaxpr: Any, consts: Sequence[Any], inputs: list[str]) -> list[str]:
        values = {v: _literal(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}
        values |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(v: Any) -> str:
            return _literal(np.asarray(v.val, v.aval.dtype)) if hasattr(v, "val") else values[v]

        for equation in jaxpr.eqns:
            x = [read(v) for v in equation.invars]
            values |= dict(zip(equation.outvars, self._equation(equation, x), strict=True))
        return [read(v) for v in jaxpr.outvars]

    def _equation(self, equation: Any, x: list[str]) -> list[str]:
        name = equation.primitive.name
        if name in _INLINE:
            inner = equation.params[_INLINE[name]]
            inner, consts = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, ())
            return self._run(inner, consts, x)
        if any(v.aval.size != 1 for v in (*equation.invars, *equation.outvars)):
            raise KernelError(f"The kernel knows no {name!r} on arrays; numbers must be single ones.")
        if name in _SAME:
            return x[:1]
        kind = _kind(equation.outvars[0].aval.dtype)
        return [self._define(kind, self._form(name, equation.params, x, kind), x)]

    def _form(self, name: str, params: Any, x: list[str], kind: str) -> str:
        if name == "convert_element_type":
            return f"{kind}({x[0]})"
        if name == "not":
            return f"!{x[0]}"
        if name == "select_n":
            return f"{x[0]} ? {x[2]} : {x[1]}"
        if name == "integer_pow" and 0 < params["y"] <= 8:
            return " * ".join([x[0]] * params["y"])
        if name == "integer_pow":
            return f"std::pow({x[0]}, {params['y']})"
        if name not in _FORMS:
            raise KernelError(f"The kernel knows no operation {name!r}.")
        return _FORMS[name].format(*x)

    def _define(self, kind: str, form: str, x: list[str]) -> str:
        name = f"{self.prefix}{self.count}"
        self.count += 1
        self.statements.append(Statement(name, f"const {kind} {name} = {form};", tuple(x)))
        return name


def split(statements: Sequence[Statement], varying: Iterable[str]) -> tuple[list[str], list[str]]:
    """Lines that need no name of `varying`, which stand before a loop, and those that stand in it."""
    inside, before, within = set(varying), [], []
    for statement in statements:
        if any(name in inside for name in statement.reads):
            inside.add(statement.name)
            within.append(statement.text)
        else:
            before.append(statement.text)
    return before, within


def _kind(dtype: Any) -> str:
    if dtype == np.bool_:
        return "bool"
    return "T" if np.issubdtype(dtype, np.floating) else "int32_t"


def _literal(value: Any) -> str:
    number = np.asarray(value)
    if number.size != 1:
        raise KernelError("The kernel knows no constant arrays; a synapse's or neuron's numbers are single ones.")
    if number.dtype == np.bool_:
        return "true" if number.item() else "false"
    if np.issubdtype(number.dtype, np.floating):
        one = float(number.reshape(()))
        if not np.isfinite(one):
            return "T(NAN)" if np.isnan(one) else f"T({'-' if one < 0 else ''}INFINITY)"
        return f"T({one!r})"
    return f"int32_t({number.item()})"
