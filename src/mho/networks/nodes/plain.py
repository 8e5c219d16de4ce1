"""Nodes without a state that Equinox has no layer for: Scale, stacked matrices, Flatten, pools."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from mho.core.fields import check_ranges, quantity
from mho.networks.functions.shapes import flatten
from mho.networks.functions.windows import Window, average_pool, sum_pool
from mho.networks.nodes.node import common, spread
from mho.networks.synapse import Number


class Scale(eqx.Module):
    """Each signal times a number.

    Args:
        scale: [1].
    """

    scale: Number = quantity("1", exact=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def __call__(self, x: Array, *, key: Any = None) -> Array:
        """The product."""
        return x * spread(self.scale, common("Scale", x.shape, self.scale))


class Matrix(eqx.Module):
    """Stacked matrices on stacked vectors, as NIR allows them; a single matrix is an `eqx.nn.Linear`.

    Args:
        weight: Shape (..., outputs, inputs) [1].
        bias: Shape (..., outputs), or none [1].
    """

    weight: Number = quantity("1", exact=True)
    bias: Number | None = quantity("1", exact=True, default=None)

    def __call__(self, x: Array, *, key: Any = None) -> Array:
        """The product, and the bias."""
        y = jnp.matmul(self.weight, x[..., None])[..., 0]
        return y if self.bias is None else y + jnp.broadcast_to(jnp.asarray(self.bias), y.shape)


class Flatten(eqx.Module):
    """Axes `start` to `end` of one step's signals as one.

    Args:
        start: First axis.
        end: Last axis.
    """

    start: int = eqx.field(static=True, default=0)
    end: int = eqx.field(static=True, default=-1)

    def __call__(self, x: Array) -> Array:
        """The signals, in another shape."""
        return flatten(x, start=self.start, end=self.end)


class Pool(eqx.Module):
    """Sum or mean of windows over the last two axes (padding counts as zeros).

    Args:
        kind: `sum` or `average`.
        kernel: Length of the window, one number or two.
        stride: Step of the window.
        padding: Places added at each end.
    """

    kind: str = eqx.field(static=True)
    kernel: Window = eqx.field(static=True)
    stride: Window = eqx.field(static=True)
    padding: Window = eqx.field(static=True, default=0)

    def __call__(self, x: Array) -> Array:
        """One step's signals, shape (channels, height, width)."""
        pool = sum_pool if self.kind == "sum" else average_pool
        return pool(x[None], kernel=self.kernel, stride=self.stride, padding=self.padding)[0]
