"""Functions over windows that slide along the places of a picture or a signal: pools."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

Window = int | tuple[int, ...]
Pads = Window | tuple[tuple[int, int], ...] | str


def max_pool(
    x: Any, *, kernel: Window, stride: Window | None = None, padding: Pads = 0, dilation: Window = 1, ceil: bool = False
) -> Any:
    """Largest number of each window, over the axes behind batch and channel.

    Args:
        x: Shape (batch, channels, places...).
        kernel: Length of the window, one number or one an axis.
        stride: Step of the window; default its length.
        padding: Places added before and behind: one number, one an axis, pairs, or `same_upper`, `same_lower`.
        dilation: Distance of the window's places.
        ceil: Count a last window that reaches beyond the end.
    """
    low = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    return _pool(x, lax.max, low, *_windows(x, kernel, stride, padding, dilation, ceil)[0])


def sum_pool(
    x: Any, *, kernel: Window, stride: Window | None = None, padding: Pads = 0, dilation: Window = 1, ceil: bool = False
) -> Any:
    """Sum of each window; see :func:`max_pool`."""
    return _pool(x, lax.add, 0.0, *_windows(x, kernel, stride, padding, dilation, ceil)[0])


def average_pool(
    x: Any,
    *,
    kernel: Window,
    stride: Window | None = None,
    padding: Pads = 0,
    dilation: Window = 1,
    ceil: bool = False,
    count_pads: bool = True,
) -> Any:
    """Mean of each window; see :func:`max_pool`. `count_pads`: added places count as zeros (PyTorch's default)."""
    window, spare = _windows(x, kernel, stride, padding, dilation, ceil)
    # What ceil adds behind the padding never counts; the padding itself only if it is asked to.
    sizes, strides, pads, steps = window
    asked = [(a, b - extra) for (a, b), extra in zip(pads, spare, strict=True)]
    ones = np.ones(x.shape[2:], np.float32)
    ones = np.pad(ones, [(a, max(b, 0)) for a, b in asked], constant_values=1.0 if count_pads else 0.0)
    rest = [(0, extra + min(b, 0)) for (_, b), extra in zip(asked, spare, strict=True)]
    count = _pool(jnp.asarray(ones[None, None], x.dtype), lax.add, 0.0, sizes, strides, rest, steps)
    total = _pool(x, lax.add, 0.0, *window)
    return total / jnp.broadcast_to(count, total.shape)


def global_pool(reduce: Callable[..., Any]) -> Callable[[Any], Any]:
    """One number a channel, over all its places; they keep axes of length 1."""

    def function(x: Any) -> Any:
        return reduce(x, axis=tuple(range(2, x.ndim)), keepdims=True)

    return function


def _pool(x: Any, combine: Any, start: float, sizes, strides, pads, steps) -> Any:
    first = (1, 1)
    return lax.reduce_window(
        x,
        np.asarray(start, x.dtype),
        combine,
        first + tuple(sizes),
        first + tuple(strides),
        [(0, 0), (0, 0), *pads],
        window_dilation=first + tuple(steps),
    )


def _windows(x: Any, kernel: Window, stride: Window | None, padding: Pads, dilation: Window, ceil: bool):
    """Sizes, strides, pads and steps for each axis; and how far each axis was padded beyond what was asked."""
    n = x.ndim - 2
    sizes, steps = _each(kernel, n), _each(dilation, n)
    strides = sizes if stride is None else _each(stride, n)
    pads, spare = [], []
    for axis, length in enumerate(x.shape[2:]):
        reach = (sizes[axis] - 1) * steps[axis] + 1
        before, behind = _pads(padding, axis, length, reach, strides[axis])
        over = (length + before + behind - reach) % strides[axis]
        extra = (strides[axis] - over) % strides[axis] if ceil else 0
        if extra and length + before + behind - reach + extra >= length + before:
            extra = 0  # the window would start behind the data
        pads.append((before, behind + extra))
        spare.append(extra)
    return (sizes, strides, pads, steps), spare


def _pads(padding: Pads, axis: int, length: int, reach: int, stride: int) -> tuple[int, int]:
    if isinstance(padding, str):
        total = max((math.ceil(length / stride) - 1) * stride + reach - length, 0)
        small = total // 2
        return (small, total - small) if padding == "same_upper" else (total - small, small)
    if isinstance(padding, int):
        return padding, padding
    given = padding[axis]
    return (given, given) if isinstance(given, int) else given


def _each(value: Window, n: int) -> tuple[int, ...]:
    return (value,) * n if isinstance(value, int) else tuple(value)


WINDOWS: dict[str, Callable[..., Any]] = {
    "average_pool": average_pool,
    "global_average_pool": global_pool(jnp.mean),
    "global_max_pool": global_pool(jnp.max),
    "max_pool": max_pool,
    "sum_pool": sum_pool,
}
