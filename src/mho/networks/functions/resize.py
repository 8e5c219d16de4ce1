"""Pictures and signals made larger or smaller: the nearest place, or linear between places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from mho.networks.functions.arrays import whole


def _align(i: np.ndarray, length: int, new: int, scale: float) -> np.ndarray:
    return i * (length - 1) / max(new - 1, 1)


def _half(i: np.ndarray, length: int, new: int, scale: float) -> np.ndarray:
    return (i + 0.5) / scale - 0.5


PLACES: dict[str, Callable[[np.ndarray, int, int, float], np.ndarray]] = {
    "align_corners": _align,
    "asymmetric": lambda i, length, new, scale: i / scale,
    "half_pixel": _half,
    "pytorch_half_pixel": lambda i, length, new, scale: _half(i, length, new, scale) if new > 1 else 0.0 * i,
}
ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ceil": np.ceil,
    "floor": np.floor,
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
}


def resize(
    x: Any,
    sizes: Any = None,
    *,
    scales: tuple[float, ...] | None = None,
    mode: str = "nearest",
    places: str = "half_pixel",
    rounding: str = "round_prefer_floor",
) -> Any:
    """An array with other lengths.

    Args:
        x: The array.
        sizes: New length of every axis; or
        scales: factor of every axis.
        mode: `nearest` or `linear` (along one axis after the other).
        places: Which old place a new one has: a key of `PLACES`.
        rounding: For the nearest place: a key of `ROUNDINGS`.
    """
    if scales is None:
        new = whole(sizes)
        scales = tuple(n / old for n, old in zip(new, x.shape, strict=True))
    else:
        new = tuple(int(np.floor(old * s)) for old, s in zip(x.shape, scales, strict=True))
    for axis, (length, n, scale) in enumerate(zip(x.shape, new, scales, strict=True)):
        if n == length and scale == 1:
            continue
        at = PLACES[places](np.arange(n, dtype=np.float64), length, n, scale)
        x = _nearest(x, axis, ROUNDINGS[rounding](at)) if mode == "nearest" else _linear(x, axis, at)
    return x


def _nearest(x: Any, axis: int, at: np.ndarray) -> Any:
    return jnp.take(x, np.clip(at, 0, x.shape[axis] - 1).astype(np.int32), axis=axis)


def _linear(x: Any, axis: int, at: np.ndarray) -> Any:
    last = x.shape[axis] - 1
    at = np.clip(at, 0, last)
    low = np.floor(at).astype(np.int32)
    share = np.reshape(at - low, (-1,) + (1,) * (x.ndim - axis - 1)).astype(x.dtype)
    share = jnp.broadcast_to(share, (*x.shape[:axis], len(at), *x.shape[axis + 1 :]))
    left, right = (jnp.take(x, i, axis=axis) for i in (low, np.minimum(low + 1, last)))
    return left + share * (right - left)


def count(start: Any, end: Any, step: Any) -> Any:
    """Numbers from `start` to before `end`, all known before the run."""
    return np.arange(*(np.asarray(n).item() for n in (start, end, step)), dtype=np.asarray(start).dtype)


RESIZING: dict[str, Callable[..., Any]] = {"range": count, "resize": resize}
