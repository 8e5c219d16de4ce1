"""Functions that move numbers and change none of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from mho.networks.functions.arrays import space, together, whole


def flatten(x: Any, *, start: int = 1, end: int = -1) -> Any:
    """Axes `start` to `end` as one."""
    start, end = start % x.ndim, end % x.ndim
    return x.reshape(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


def matrix(x: Any, *, axis: int = 1) -> Any:
    """Two axes: the product of those before `axis`, and of the rest (ONNX's Flatten)."""
    axis = axis % x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def reshape(x: Any, lengths: Any = None, *, shape: tuple[int, ...] = (), zero_is_none: bool = False) -> Any:
    """The numbers in another shape; -1 is what is left, 0 the length that was there (unless `zero_is_none`)."""
    given = shape if lengths is None else whole(lengths)
    return x.reshape(tuple(x.shape[i] if n == 0 and not zero_is_none else n for i, n in enumerate(given)))


def transpose(x: Any, *, axes: tuple[int, ...] | None = None) -> Any:
    """Axes in another order; with none given, reversed."""
    return x.transpose(axes)


def concat(*arrays: Any, axis: int = 1) -> Any:
    """Arrays one behind the other."""
    return space(*arrays).concatenate(arrays, axis=axis)


def split(x: Any, *, axis: int = 0, sizes: tuple[int, ...] = (), parts: int = 0) -> tuple[Any, ...]:
    """The pieces along an axis, by their sizes or their number (the last may be shorter)."""
    length = x.shape[axis]
    step = -(-length // parts) if parts else 0
    ends = np.cumsum(sizes) if sizes else np.minimum(np.arange(1, parts + 1) * step, length)
    return tuple(space(x).split(x, [int(e) for e in ends[:-1]], axis=axis))


def piece(
    x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None, **given: tuple[int, ...]
) -> Any:
    """From `starts` to before `ends` along `axes` in `steps`, as a Python slice; as arrays or as named numbers."""
    starts = whole(given.get("starts", starts))
    ends = whole(given.get("ends", ends))
    axes = given.get("axes", axes)
    axes = tuple(range(len(starts))) if axes is None else whole(axes)
    steps = given.get("steps", steps)
    steps = (1,) * len(starts) if steps is None else whole(steps)
    index = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        past = step < 0 and end < -x.shape[axis]  # towards the front, past the first
        index[axis] = slice(start, None if past else end, step)
    return x[tuple(index)]


def gather(x: Any, indices: Any = None, *, at: Any = None, axis: int = 0) -> Any:
    """The places `indices` along an axis: an array of them, or one or more fixed ones (`at`)."""
    if indices is None:
        indices = np.asarray(at)
    here = space(x, indices)
    if here is jnp and isinstance(indices, np.ndarray | np.generic):
        indices = jnp.asarray(np.asarray(indices) % x.shape[axis], jnp.int32)
    elif here is jnp:
        indices = jnp.where(indices < 0, indices + x.shape[axis], indices)
    return here.take(x if here is np else jnp.asarray(x), indices, axis=axis)


def squeeze(x: Any, *, axes: tuple[int, ...] | None = None) -> Any:
    """Without the axes of length 1 that are named, or all of them."""
    return space(x).squeeze(x, axis=axes)


def unsqueeze(x: Any, *, axes: tuple[int, ...]) -> Any:
    """With new axes of length 1."""
    return space(x).expand_dims(x, axes)


def expand(x: Any, lengths: Any = None, *, shape: tuple[int, ...] = ()) -> Any:
    """Axes of length 1 repeated to a shape."""
    given = shape if lengths is None else whole(lengths)
    return (
        together(x, np.empty(given, np.int8))[0]
        if space(x) is jnp
        else np.broadcast_to(x, np.broadcast_shapes(x.shape, given))
    )


def tile(x: Any, repeats: Any = None, *, times: tuple[int, ...] = ()) -> Any:
    """The array repeated along each axis."""
    return space(x).tile(x, times if repeats is None else whole(repeats))


def pad(x: Any, *, pads: tuple[int, ...], mode: str = "constant", value: float = 0.0) -> Any:
    """With numbers before and behind each axis: `pads` names all befores, then all behinds; below 0 cuts."""
    half = len(pads) // 2
    widths = list(zip(pads[:half], pads[half:], strict=True))
    x = x[tuple(slice(max(-a, 0), x.shape[i] - max(-b, 0)) for i, (a, b) in enumerate(widths))]
    grown = [(max(a, 0), max(b, 0)) for a, b in widths]
    return jnp.pad(x, grown, mode=mode, **({"constant_values": value} if mode == "constant" else {}))


def shape_of(x: Any, *, start: int = 0, end: int | None = None) -> np.ndarray:
    """Lengths of the axes, known before the run."""
    return np.asarray(x.shape[start:end], np.int64)


def filled(lengths: Any, *, value: float | int = 0.0) -> np.ndarray:
    """An array of one number, in the shape that is given."""
    return np.full(whole(lengths), value, np.int64 if isinstance(value, int) else np.float32)


def item(values: tuple[Any, ...], *, index: int) -> Any:
    """One of several results of a node."""
    return values[index]


SHAPES: dict[str, Callable[..., Any]] = {
    "concat": concat,
    "expand": expand,
    "filled": filled,
    "flatten": flatten,
    "gather": gather,
    "item": item,
    "matrix": matrix,
    "pad": pad,
    "reshape": reshape,
    "shape": shape_of,
    "slice": piece,
    "split": split,
    "squeeze": squeeze,
    "stack": lambda *arrays, axis=0: jnp.stack(arrays, axis=axis),
    "tile": tile,
    "transpose": transpose,
    "unsqueeze": unsqueeze,
}
