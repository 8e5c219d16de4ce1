"""Functions that sum over axes: means, softmax, matrix products, normalisations without a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from mho.networks.functions.arrays import space, together


def softmax(x: Any, *, axis: int = -1, trailing: bool = False) -> Any:
    """exp(x) over its sum along `axis`, or along it and all behind it (`trailing`, as ONNX before opset 13)."""
    return jax.nn.softmax(x, axis=_axes(x, axis, trailing))


def log_softmax(x: Any, *, axis: int = -1, trailing: bool = False) -> Any:
    """Logarithm of :func:`softmax`."""
    return jax.nn.log_softmax(x, axis=_axes(x, axis, trailing))


def _axes(x: Any, axis: int, trailing: bool) -> int | tuple[int, ...]:
    return tuple(range(axis % x.ndim, x.ndim)) if trailing else axis


def reduction(name: str) -> Callable[..., Any]:
    """One of NumPy's reductions along axes; with none, along all."""

    def function(x: Any, *, axes: tuple[int, ...] | None = None, keep: bool = False) -> Any:
        return getattr(space(x), name)(x, axis=axes, keepdims=keep)

    return function


def norm(x: Any, *, axes: tuple[int, ...] | None = None, keep: bool = False) -> Any:
    """Root of the sum of squares along axes."""
    return jnp.sqrt(jnp.sum(x * x, axis=axes, keepdims=keep))


def matmul(a: Any, b: Any) -> Any:
    """Matrix product over the last two axes, the ones before broadcast."""
    if a.ndim > 2 and b.ndim > 2:
        lead = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = jnp.broadcast_to(a, lead + a.shape[-2:]), jnp.broadcast_to(b, lead + b.shape[-2:])
    return space(a, b).matmul(a, b)


def einsum(*arrays: Any, equation: str) -> Any:
    """Einstein's sum."""
    return jnp.einsum(equation, *arrays)


def argmax(x: Any, *, axis: int = 0, keep: bool = False) -> Any:
    """Place of the largest number along an axis."""
    return jnp.argmax(x, axis=axis, keepdims=keep)


def group_norm(x: Any, weight: Any, bias: Any, *, groups: int, epsilon: float = 1e-5) -> Any:
    """Channels (axis 1) in groups, each with mean 0 and variance 1 over its channels and places, then scaled."""
    parts = x.reshape(x.shape[0], groups, -1)
    mean = jnp.mean(parts, axis=-1, keepdims=True)
    parts = (parts - mean) / jnp.sqrt(jnp.var(parts, axis=-1, keepdims=True) + epsilon)
    column = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    x, weight, bias = together(parts.reshape(x.shape), weight.reshape(column), bias.reshape(column))
    return x * weight + bias


def instance_norm(x: Any, weight: Any, bias: Any, *, epsilon: float = 1e-5) -> Any:
    """:func:`group_norm` with each channel for itself."""
    return group_norm(x, weight, bias, groups=x.shape[1], epsilon=epsilon)


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "argmax": argmax,
    "einsum": einsum,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "log_softmax": log_softmax,
    "matmul": matmul,
    "norm": norm,
    "reduce_max": reduction("max"),
    "reduce_mean": reduction("mean"),
    "reduce_min": reduction("min"),
    "reduce_product": reduction("prod"),
    "reduce_sum": reduction("sum"),
    "softmax": softmax,
}
