"""The walk from JAX's equations to text, held against JAX itself by evaluating the text."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import NetlistError
from mho.interchange.graph import Graph, inputs
from mho.interchange.jaxpr import Expressions, walked
from mho.interchange.language import VERILOG_A, Printer, number, real

MATHS = ("exp", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")
WORDS = {
    **{f: getattr(math, f) for f in (*MATHS, "floor", "ceil")},
    **{"ln": math.log, "abs": abs, "min": min, "max": max, "sgn": np.sign},
    "pwr": lambda x, y: np.sign(x) * abs(x) ** y,
}


def end(text, k, step, mark):
    """Where from k on, by `step`, `mark` stands outside of any pair of parentheses."""
    depth = 0
    while depth or text[k] != mark:
        depth += {"(": 1, ")": -1}.get(text[k], 0)
        k += step
    return k


def evaluated(text, **values):
    """The value of a SPICE expression, by Python's operators and `WORDS`; each c ? a : b stands in parentheses."""
    text = text.replace("&&", " and ").replace("||", " or ")
    while (k := text.find("?")) > 0:
        start, colon = end(text, k - 1, -1, "("), end(text, k + 1, 1, ":")
        stop = end(text, colon + 1, 1, ")")
        condition, yes, no = text[start + 1 : k], text[k + 1 : colon], text[colon + 1 : stop]
        text = f"{text[:start]}(({yes}) if ({condition}) else ({no})){text[stop + 1 :]}"
    return float(eval(text, {"__builtins__": {}}, WORDS | values))


def piecewise(x, y):
    inside = (x > -0.5) & (x < 0.5) | (y >= 2.0)
    return jnp.where(inside, jnp.clip(x, -0.2, 0.2), jnp.sign(x) * jnp.abs(y))


FUNCTIONS = {
    "arithmetic": lambda x, y: (x + y) * (x - y) / (2.0 + x * x) - (-x),
    "powers": lambda x, y: x**3 + (y * y + 1.0) ** -2 + (y * y + 1.0) ** 0.7 + jnp.square(x) + x**5,
    "exponentials": lambda x, y: jnp.exp(x) + jnp.log(1.0 + y * y) + jnp.expm1(x) + jnp.log1p(y * y),
    "logistic": lambda x, y: jax.nn.sigmoid(5.0 * x) + jax.nn.softplus(y) + jax.nn.sigmoid(-900.0 + x),
    "hyperbolic": lambda x, y: jnp.sinh(x) + jnp.cosh(y) + jnp.tanh(x) + jnp.arctanh(0.1 * x) + jnp.arcsinh(y),
    "roots": lambda x, y: jnp.sqrt(1.0 + x * x) + jax.lax.rsqrt(1.0 + y * y) + jnp.hypot(1.0, x),
    "piecewise": piecewise,
    "inlined": jax.jit(lambda x, y: jax.jit(lambda z: jnp.maximum(z, 0.1))(x) + jax.nn.relu(y)),
    "table": lambda x, y: jnp.interp(x, jnp.array([-1.0, -0.5, 0.1, 0.8]), jnp.array([2.0, 0.5, 0.7, -1.0])),
    "moving table": lambda x, y: jnp.interp(x, jnp.stack([-1.0 + 0 * y, 0.2, 1.0 + y * y]), jnp.stack([y, 1.0, x])),
    "arrays": lambda x, y: jnp.sum(jnp.array([1.0, 2.0, -3.0]) * jnp.tanh(jnp.stack([x, y, x * y])[::-1])),
    "extremes": lambda x, y: jnp.max(jnp.stack([x, y, 0.2])) - jnp.min(jnp.stack([x, y]) * jnp.arange(2.0)),
    "several ways": lambda x, y: jax.lax.select_n(jnp.int32(x > 0) + jnp.int32(y > 0), x, y, x * y),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_text_has_the_value_of_the_function(name, x64):
    function = FUNCTIONS[name]
    text = Expressions(lambda x, y: (function(x, y),), ["x", "y"], share=lambda e: f"({e})").outputs[0]
    for x, y in ((0.3, -0.7), (-0.4, 2.2), (0.9, 0.6), (-1.1, -1.3)):
        assert evaluated(text, x=x, y=y) == pytest.approx(float(function(x, y)), rel=1e-12, abs=1e-15), text


def test_expm1_keeps_its_digits_at_rest(x64):
    text = Expressions(lambda x: (jnp.expm1(x),), ["x"], share=str).outputs[0]
    assert evaluated(text, x=1e-12) == pytest.approx(1e-12, rel=1e-11)


def test_what_has_no_form_is_named():
    graph = Graph()
    with pytest.raises(NetlistError, match="'erf'"):
        walked(jax.scipy.special.erf, [graph.input("x")], graph)
    with pytest.raises(NetlistError, match="array"):
        walked(lambda x: jnp.stack([x, x]), [graph.input("x")], graph)


def test_equal_expressions_are_one_node_and_zero_is_not_written(x64):
    graph = Graph()
    x, p = graph.input("x"), graph.input("p", fixed=True)
    a, b = walked(lambda x, p: (jnp.exp(x) * p + 0.0 * jnp.sinh(x), p * 1.0 * jnp.exp(x) + 0.0), [x, p], graph)
    assert inputs([a]) == {"x", "p"}
    assert "sinh" not in str(Printer(VERILOG_A, [a], share=lambda text, fixed: text).texts())
    assert {n.op for n in (a, b)} == {"mul"}


def test_what_is_fixed_is_computed_once(x64):
    graph, shared = Graph(), []
    x, p = graph.input("x"), graph.input("p", fixed=True)

    def share(text, fixed):
        shared.append((text, fixed))
        return f"k{len(shared)}"

    nodes = walked(lambda x, p: (x / jnp.sinh(p), x * jnp.sinh(p)), [x, p], graph)
    assert Printer(VERILOG_A, nodes, share=share, settle=True).texts() == ["(x/k1)", "(x*k1)"]
    assert shared == [("sinh(p)", True)]


def test_numbers_come_back_exactly_and_verilog_a_takes_them_as_real():
    for x in (0.1, 1 / 3, 1e-300, 12345678901234567.0, -0.0):
        assert float(number(x)) == x
        assert float(real(x)) == x
    assert real(1) == "1.0"
    assert number(-math.inf) == "-1e+308"
    with pytest.raises(NetlistError, match="NaN"):
        number(math.nan)
