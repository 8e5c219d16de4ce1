"""Equinox's own layers, made from weights that exist already."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import NetworkError

_CONVOLUTIONS = {3: eqx.nn.Conv1d, 4: eqx.nn.Conv2d, 5: eqx.nn.Conv3d}
_TRANSPOSED = {3: eqx.nn.ConvTranspose1d, 4: eqx.nn.ConvTranspose2d, 5: eqx.nn.ConvTranspose3d}


def linear(weight: Any, bias: Any = None) -> eqx.nn.Linear:
    """A linear layer.

    Args:
        weight: Shape (outputs, inputs).
        bias: Shape (outputs,), or none.

    Raises:
        NetworkError: If the shapes do not fit.
    """
    outputs, inputs = _shape("linear", weight, 2)
    layer = _made(eqx.nn.Linear, inputs, outputs, use_bias=bias is not None)
    return _filled(layer, weight=weight, bias=bias)


def convolution(
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "ZEROS",
) -> eqx.nn.Conv:
    """A convolution over one, two or three axes.

    Args:
        weight: Shape (outputs, inputs / groups, kernel...).
        bias: Shape (outputs,), or none.
        stride: One number or one an axis.
        padding: One number, one an axis, or pairs (before, behind) an axis.
        dilation: One number or one an axis.
        groups: Parts into which channels are divided.
        padding_mode: What stands in the padding: ZEROS, REFLECT, REPLICATE or CIRCULAR.

    Raises:
        NetworkError: If the shapes do not fit.
    """
    if np.ndim(weight) not in _CONVOLUTIONS:
        raise NetworkError(f"A convolution's weight has the shape {np.shape(weight)}; it needs 3, 4 or 5 axes.")
    outputs, inputs, *kernel = np.shape(weight)
    if outputs % groups:
        raise NetworkError(f"A convolution's {outputs} output channels cannot be divided into {groups} groups.")
    kind = _CONVOLUTIONS[np.ndim(weight)]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "padding_mode": padding_mode}
    layer = _made(kind, inputs * groups, outputs, tuple(kernel), use_bias=bias is not None, groups=groups, **options)
    bias = None if bias is None else jnp.asarray(bias).reshape(outputs, *(1,) * len(kernel))
    return _filled(layer, weight=weight, bias=bias)


def transposed_convolution(
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> eqx.nn.ConvTranspose:
    """The transpose of a convolution.

    Args:
        weight: Shape (inputs, outputs / groups, kernel...), as PyTorch and ONNX keep it.
        bias: Shape (outputs,), or none.
        stride: Step of the convolution that it is the transpose of, as are the following.
        padding: One number, one an axis, or pairs an axis.
        output_padding: Places more at the end.
        dilation: One number or one an axis.
        groups: Parts into which channels are divided.

    Raises:
        NetworkError: If the shapes do not fit.
    """
    if np.ndim(weight) not in _TRANSPOSED:
        raise NetworkError(f"A transposed convolution's weight has {np.ndim(weight)} axes; it needs 3, 4 or 5.")
    inputs, per_group, *kernel = np.shape(weight)
    if inputs % groups:
        raise NetworkError(f"A convolution's {inputs} input channels cannot be divided into {groups} groups.")
    # Equinox keeps (outputs, inputs / groups, kernel...), and the kernel the other way round.
    parts = np.asarray(weight).reshape(groups, inputs // groups, per_group, *kernel).swapaxes(1, 2)
    turned = np.flip(parts.reshape(groups * per_group, inputs // groups, *kernel), tuple(range(2, np.ndim(weight))))
    options = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    sizes = (inputs, groups * per_group, tuple(kernel))
    layer = _made(_TRANSPOSED[np.ndim(weight)], *sizes, use_bias=bias is not None, groups=groups, **options)
    bias = None if bias is None else jnp.asarray(bias).reshape(-1, *(1,) * len(kernel))
    return _filled(layer, weight=turned, bias=bias)


def embedding(weight: Any) -> eqx.nn.Embedding:
    """A table of vectors, shape (words, length)."""
    words, length = _shape("embedding", weight, 2)
    return _filled(_made(eqx.nn.Embedding, words, length), weight=weight)


def layer_norm(weight: Any, bias: Any = None, *, epsilon: float = 1e-5) -> eqx.nn.LayerNorm:
    """Mean 0 and variance 1 over the last axes (those of `weight`), then scaled and shifted."""
    layer = _made(eqx.nn.LayerNorm, np.shape(weight), eps=epsilon, use_bias=bias is not None)
    return _filled(layer, weight=weight, bias=bias)


def lstm_cell(weight_ih: Any, weight_hh: Any, bias: Any = None) -> eqx.nn.LSTMCell:
    """An LSTM's cell, rows in the order input, forget, cell, output (PyTorch's), both biases added."""
    rows, inputs = _shape("LSTM", weight_ih, 2)
    layer = _made(eqx.nn.LSTMCell, inputs, rows // 4, use_bias=bias is not None)
    return _filled(layer, weight_ih=weight_ih, weight_hh=weight_hh, bias=bias)


def gru_cell(weight_ih: Any, weight_hh: Any, bias: Any = None, bias_n: Any = None) -> eqx.nn.GRUCell:
    """A GRU's cell, rows in the order reset, update, new (PyTorch's).

    Args:
        weight_ih: Shape (3 hidden, inputs).
        weight_hh: Shape (3 hidden, hidden).
        bias: Shape (3 hidden,): both biases of reset and update, the input's of new.
        bias_n: The state's bias of new, shape (hidden,).
    """
    rows, inputs = _shape("GRU", weight_ih, 2)
    layer = _made(eqx.nn.GRUCell, inputs, rows // 3, use_bias=bias is not None)
    return _filled(layer, weight_ih=weight_ih, weight_hh=weight_hh, bias=bias, bias_n=bias_n)


def attention(projections: dict[str, eqx.nn.Linear], heads: int) -> eqx.nn.MultiheadAttention:
    """Attention of several heads, from its linear layers `query`, `key`, `value` and `output`."""
    query, key, value, output = (projections[n] for n in ("query", "key", "value", "output"))
    layer = _made(
        eqx.nn.MultiheadAttention,
        heads,
        query.in_features,
        key.in_features,
        value.in_features,
        output.out_features,
        int(query.out_features) // heads,
        int(value.out_features) // heads,
        inference=True,
        **{f"use_{name}_bias": layer.use_bias for name, layer in projections.items()},
    )
    places = lambda x: (x.query_proj, x.key_proj, x.value_proj, x.output_proj)  # noqa: E731
    return eqx.tree_at(places, layer, (query, key, value, output))


def _made(kind: Any, *sizes: Any, **options: Any) -> Any:
    """The layer without numbers: no random ones are drawn only to be thrown away."""
    key = jax.eval_shape(lambda: jax.random.key(0))
    build = lambda key: kind(*sizes, **options, key=key)  # noqa: E731
    if kind is eqx.nn.LayerNorm:
        build = lambda _: kind(*sizes, **options)  # noqa: E731
    return eqx.filter_eval_shape(build, key)


def _filled(layer: Any, **arrays: Any) -> Any:
    for name, array in arrays.items():
        place = getattr(layer, name)
        if (place is None) != (array is None) or (place is not None and tuple(place.shape) != np.shape(array)):
            wanted = "none" if place is None else tuple(place.shape)
            given = "none" if array is None else np.shape(array)
            raise NetworkError(f"{type(layer).__name__}.{name} must have the shape {wanted}, and is given {given}.")
        if array is not None:
            layer = eqx.tree_at(lambda x, n=name: getattr(x, n), layer, jnp.asarray(array))
    return layer


def _shape(name: str, weight: Any, axes: int) -> tuple[int, ...]:
    if np.ndim(weight) != axes:
        raise NetworkError(f"The weight of a layer ({name}) has the shape {np.shape(weight)}; it needs {axes} axes.")
    return tuple(np.shape(weight))
