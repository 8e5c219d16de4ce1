"""Functions of each number by itself, or of numbers at the same place in several arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.networks.functions.arrays import space, together


def gelu(x: Any, *, approximate: bool = False) -> Any:
    """Argument times the normal distribution's share below it; `approximate` takes its tanh form."""
    return jax.nn.gelu(x, approximate=approximate)


def leaky_relu(x: Any, *, slope: float = 0.01) -> Any:
    """Unchanged above 0, times `slope` below."""
    return jnp.where(x >= 0, x, slope * x)


def elu(x: Any, *, alpha: float = 1.0) -> Any:
    """Unchanged above 0, alpha (exp(x) - 1) below."""
    return jnp.where(x > 0, x, alpha * jnp.expm1(jnp.minimum(x, 0)))


def selu(x: Any, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Any:
    """The factor gamma times the exponential linear unit."""
    return gamma * elu(x, alpha=alpha)


def celu(x: Any, *, alpha: float = 1.0) -> Any:
    """Unchanged above 0, alpha (exp(x/alpha) - 1) below."""
    return jnp.where(x > 0, x, alpha * jnp.expm1(jnp.minimum(x, 0) / alpha))


def hard_sigmoid(x: Any, *, alpha: float = 1 / 6, beta: float = 0.5) -> Any:
    """The line alpha x + beta, held in [0, 1]; PyTorch's is 1/6 and 0.5, ONNX's default 0.2 and 0.5."""
    return jnp.clip(alpha * x + beta, 0.0, 1.0)


def hard_tanh(x: Any, *, low: float = -1.0, high: float = 1.0) -> Any:
    """Held in [low, high]."""
    return jnp.clip(x, low, high)


def clip(x: Any, *bounds: Any, low: float | None = None, high: float | None = None) -> Any:
    """Held between two bounds, given as numbers or as further arrays."""
    given = list(bounds) + [low, high][len(bounds) :]
    for bound, choose in zip(given, ("maximum", "minimum"), strict=True):
        x = x if bound is None else getattr(space(x), choose)(x, _same_kind(bound, x))
    return x


def prelu(x: Any, slope: Any, *, channels: bool = False) -> Any:
    """Unchanged above 0, times a slope below, with one for each place, or for each channel (axis 1)."""
    if channels:
        slope = slope.reshape(-1, *(1,) * (x.ndim - 2))
    x, slope = together(x, slope)
    return jnp.where(x >= 0, x, slope * x)


def softplus(x: Any, *, beta: float = 1.0) -> Any:
    """log(1 + exp(beta x)) / beta."""
    return jax.nn.softplus(beta * x) / beta


def cast(x: Any, *, dtype: str) -> Any:
    """Another type: `float` is the precision that the network runs in."""
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x, {"float": np.float32, "int": np.int64, "bool": bool}[dtype])
    return x.astype(jnp.result_type({"float": float, "int": int, "bool": bool}[dtype]))


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, else `no`."""
    yes, no = together(yes, no)
    condition = jnp.asarray(condition) if space(yes) is jnp else condition
    shape = np.broadcast_shapes(condition.shape, yes.shape)
    here = space(condition, yes)
    return here.where(*(here.broadcast_to(x, shape) for x in (condition, yes, no)))


def _same_kind(bound: Any, x: Any) -> Any:
    here = space(x)
    return here.broadcast_to(here.asarray(bound, x.dtype), x.shape)


def _single(name: str) -> Callable[[Any], Any]:
    """One of NumPy's functions of one array, in the array's own space."""

    def function(x: Any) -> Any:
        return getattr(space(x), name)(x)

    return function


def _joint(name: str) -> Callable[..., Any]:
    """One of NumPy's functions of two arrays, applied from left to right to any number of them."""

    def function(first: Any, *others: Any) -> Any:
        for other in others:
            pair = together(first, other)
            first = getattr(space(*pair), name)(*pair)
        return first

    return function


def divide(a: Any, b: Any) -> Any:
    """Quotient; between whole numbers, rounded towards 0."""
    a, b = together(a, b)
    here = space(a, b)
    if not here.issubdtype(a.dtype, here.integer):
        return a / b
    return here.sign(a) * here.sign(b) * (here.abs(a) // here.abs(b))


def average(*arrays: Any) -> Any:
    """Mean of several arrays."""
    return _joint("add")(*arrays) / len(arrays)


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "abs": _single("abs"),
    "add": _joint("add"),
    "average": average,
    "cast": cast,
    "ceil": _single("ceil"),
    "celu": celu,
    "clip": clip,
    "cos": _single("cos"),
    "divide": divide,
    "elu": elu,
    "equal": _joint("equal"),
    "erf": lambda x: lax.erf(x),
    "exp": _single("exp"),
    "floor": _single("floor"),
    "gelu": gelu,
    "greater": _joint("greater"),
    "greater_equal": _joint("greater_equal"),
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": lambda x: x * hard_sigmoid(x),
    "hard_tanh": hard_tanh,
    "identity": lambda x: x,
    "leaky_relu": leaky_relu,
    "less": _joint("less"),
    "less_equal": _joint("less_equal"),
    "log": _single("log"),
    "logical_and": _joint("logical_and"),
    "logical_not": _single("logical_not"),
    "logical_or": _joint("logical_or"),
    "maximum": _joint("maximum"),
    "minimum": _joint("minimum"),
    "mish": lambda x: x * jnp.tanh(jax.nn.softplus(x)),
    "multiply": _joint("multiply"),
    "negative": _single("negative"),
    "power": _joint("power"),
    "prelu": prelu,
    "reciprocal": lambda x: 1.0 / x,
    "relu": lambda x: space(x).maximum(x, space(x).zeros_like(x)),
    "relu6": lambda x: jnp.clip(x, 0.0, 6.0),
    "round": _single("round"),
    "selu": selu,
    "sigmoid": jax.nn.sigmoid,
    "sign": _single("sign"),
    "silu": jax.nn.silu,
    "sin": _single("sin"),
    "softplus": softplus,
    "softsign": lambda x: x / (1.0 + jnp.abs(x)),
    "sqrt": _single("sqrt"),
    "subtract": _joint("subtract"),
    "tanh": _single("tanh"),
    "where": where,
}
