"""Walks the equations that JAX records of a function and writes them as SPICE expressions: physics is written once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from mho.core.errors import NetlistError

_BINARY = {
    "add": "({}+{})",
    "sub": "({}-{})",
    "mul": "({}*{})",
    "div": "({}/{})",
    "max": "max({},{})",
    "min": "min({},{})",
}
_UNARY = {
    "neg": "(-{})",
    "exp": "exp({})",
    "log": "ln({})",
    "sqrt": "sqrt({})",
    "abs": "abs({})",
    "sign": "sgn({})",
    "sinh": "sinh({})",
    "cosh": "cosh({})",
    "tanh": "tanh({})",
    "sin": "sin({})",
    "cos": "cos({})",
    "log1p": "ln(1+{})",
    "expm1": "(exp({})-1)",
    "logistic": "(1/(1+exp(-({}))))",
}
_COMPARE = {"lt": "({}<{})", "gt": "({}>{})", "le": "({}<={})", "ge": "({}>={})", "eq": "({}=={})", "ne": "({}!={})"}
_SAME = {
    "convert_element_type",
    "copy",
    "copy_p",
    "stop_gradient",
    "broadcast_in_dim",
    "reshape",
    "squeeze",
    "reduce_precision",
}
_INLINE = {
    "pjit": "jaxpr",
    "jit": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "closed_call": "call_jaxpr",
    "remat": "jaxpr",
}

Value = str | float | bool


def number(x: Any) -> str:
    """A number as SPICE reads it, to full precision."""
    return f"{float(x):.17g}"


class Expressions:
    """Expressions for the outputs of a function of scalars.

    Args:
        function: Function of scalars that returns a tuple of scalars, written in JAX.
        inputs: Expression of each argument, for example ``"v(gate)"``.
        share: Called with an expression that is used more than once; returns what stands for it.
        length: Expressions shorter than this are repeated rather than shared.

    Raises:
        NetlistError: If the function uses an operation that has no SPICE form.
    """

    def __init__(self, function: Callable, inputs: Sequence[str], share: Callable[[str], str], length: int = 60):
        closed = jax.make_jaxpr(function)(*(np.float64(0.5) for _ in inputs))
        self._share, self._length = share, length
        self.outputs = [_text(x) for x in self._walk(closed.jaxpr, closed.consts, list(inputs))]

    def _walk(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Value]) -> list[Value]:
        values: dict[Any, Value] = {}
        values |= {v: _scalar(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}
        values |= dict(zip(jaxpr.invars, inputs, strict=True))
        uses: dict[Any, int] = {}
        for equation in jaxpr.eqns:
            for v in equation.invars:
                if not hasattr(v, "val"):
                    uses[v] = uses.get(v, 0) + 1

        def read(v: Any) -> Value:
            return _scalar(v.val) if hasattr(v, "val") else values[v]

        for equation in jaxpr.eqns:
            results = self._equation(equation, [read(v) for v in equation.invars])
            for v, result in zip(equation.outvars, results, strict=True):
                again = uses.get(v, 0) > 1 and isinstance(result, str) and len(result) > self._length
                comparison = getattr(v.aval, "dtype", None) == np.bool_
                values[v] = self._share(result) if again and not comparison else result  # type: ignore[arg-type]
        return [read(v) for v in jaxpr.outvars]

    def _equation(self, equation: Any, x: list[Value]) -> list[Value]:
        name = equation.primitive.name
        if name in _INLINE:
            inner = equation.params[_INLINE[name]]
            inner, consts = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, ())
            return self._walk(inner, consts, x)
        if not any(isinstance(value, str) for value in x):
            out = equation.primitive.bind(
                *(np.asarray(v, i.aval.dtype) for v, i in zip(x, equation.invars, strict=True)), **equation.params
            )
            return [_scalar(o) for o in (out if equation.primitive.multiple_results else [out])]
        if name in _SAME:
            return [x[0]]
        if (simple := _simpler(name, x)) is not None:
            return [simple]
        if name in _BINARY or name in _COMPARE:
            return [(_BINARY | _COMPARE)[name].format(*map(_text, x))]
        if name in _UNARY:
            return [_UNARY[name].format(_text(x[0]))]
        if name == "integer_pow":
            power = equation.params["y"]
            product = "*".join([_text(x[0])] * abs(power)) or "1"
            return [f"({product})" if power >= 0 else f"(1/({product}))"]
        if name == "square":
            return [f"({_text(x[0])}*{_text(x[0])})"]
        if name == "pow":
            return [_text(x[0]) if x[1] == 1.0 else f"pwr({_text(x[0])},{_text(x[1])})"]
        if name == "select_n":
            chosen, no, yes = map(_text, x)
            return [f"({chosen}?{yes}:{no})"]
        if name == "clamp":
            low, middle, high = map(_text, x)
            return [f"min(max({middle},{low}),{high})"]
        if name in ("and", "or"):
            return [f"({_text(x[0])}{'&&' if name == 'and' else '||'}{_text(x[1])})"]
        raise NetlistError(
            f"The device's equations use {name!r}, which has no SPICE form. Write the model with elementary functions."
        )


def _simpler(name: str, x: list[Value]) -> Value | None:
    """What a sum with 0 or a product with 0 or 1 leaves, so that mechanisms that are switched off are not written."""
    a, b = (x[0], x[1]) if len(x) == 2 else (None, None)
    if name == "mul" and 0.0 in (a, b):
        return 0.0
    if (name == "mul" and a == 1.0) or (name == "add" and a == 0.0):
        return b
    if (name in ("mul", "div") and b == 1.0) or (name in ("add", "sub") and b == 0.0):
        return a
    return 0.0 if name == "div" and a == 0.0 else None


def _scalar(x: Any) -> float | bool:
    value = np.asarray(x)
    return bool(value) if value.dtype == np.bool_ else float(value.reshape(-1)[0])


def _text(x: Value) -> str:
    if isinstance(x, bool):
        return "1" if x else "0"
    return x if isinstance(x, str) else (number(x) if x >= 0 else f"({number(x)})")
