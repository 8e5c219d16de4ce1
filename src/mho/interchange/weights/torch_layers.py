"""PyTorch's layers from their tensors, each as one or several nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from mho.core.errors import NetworkError
from mho.interchange.weights.recognition import Group
from mho.networks.cells import ElmanCell, Sequence
from mho.networks.graph import Constant, Node, function
from mho.networks.layers import (
    attention,
    convolution,
    embedding,
    gru_cell,
    layer_norm,
    linear,
    lstm_cell,
    transposed_convolution,
)
from mho.networks.normalisation import BatchNorm

Options = dict[str, Any]
Builder = Callable[[str, Group, tuple[str, ...], Options, np.dtype], list[Node]]


def linear_of(group: Group, dtype: np.dtype) -> Any:
    """A linear layer."""
    return linear(group.floats("weight", dtype), group.floats("bias", dtype))


def convolution_of(group: Group, dtype: np.dtype, **options: Any) -> Any:
    """A convolution; PyTorch's names of its options."""
    padding = options.get("padding", 0)
    options["padding"] = padding.upper() if isinstance(padding, str) else padding
    mode = options.pop("padding_mode", "zeros").upper()
    return convolution(group.floats("weight", dtype), group.floats("bias", dtype), padding_mode=mode, **options)


def transposed_of(group: Group, dtype: np.dtype, **options: Any) -> Any:
    """A transposed convolution; PyTorch's names of its options."""
    return transposed_convolution(group.floats("weight", dtype), group.floats("bias", dtype), **options)


def batch_norm_of(group: Group, dtype: np.dtype, epsilon: float) -> BatchNorm:
    """Batch normalisation; without scale and shift where it has none."""
    mean, variance = group.floats("running_mean", dtype), group.floats("running_var", dtype)
    if mean is None or variance is None:
        raise NetworkError(f"{group.name}: running_mean or running_var is missing. Save the whole state dict.")
    weight, bias = group.floats("weight", dtype), group.floats("bias", dtype)
    weight = np.ones_like(mean) if weight is None else weight
    bias = np.zeros_like(mean) if bias is None else bias
    return BatchNorm(jnp.asarray(mean), jnp.asarray(variance), jnp.asarray(weight), jnp.asarray(bias), epsilon)


def cell_of(group: Group, dtype: np.dtype, suffix: str = "", activation: str = "tanh") -> Any:
    """A recurrent cell from the tensors of one layer and direction (`_l0`, `_l0_reverse`, or none)."""
    w, r, b, b_r = (group.floats(f"{n}{suffix}", dtype) for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    if w is None or r is None:
        raise NetworkError(f"{group.name}: weight_ih{suffix} or weight_hh{suffix} is missing.")
    both = None if b is None or b_r is None else b + b_r
    if group.kind == "lstm":
        return lstm_cell(w, r, both)
    if group.kind == "rnn":
        return ElmanCell(linear(w, both), linear(r), activation)
    if both is None or b is None or b_r is None:
        return gru_cell(w, r)
    h = r.shape[1]
    return gru_cell(w, r, np.concatenate([both[: 2 * h], b[2 * h :]]), b_r[2 * h :])


def attention_of(group: Group, dtype: np.dtype, heads: int) -> Any:
    """Attention whose three inputs share one length."""
    joint, bias = group.floats("in_proj_weight", dtype), group.floats("in_proj_bias", dtype)
    out = group.floats("out_proj.weight", dtype)
    if joint is None or out is None:
        raise NetworkError(f"{group.name}: in_proj_weight or out_proj.weight is missing. Save the whole state dict.")
    if len(out) % heads:
        raise NetworkError(f"{group.name}: its length {len(out)} cannot be divided into {heads} heads.")
    biases = [None] * 3 if bias is None else np.split(bias, 3)
    parts = {n: linear(w, b) for n, w, b in zip(("query", "key", "value"), np.split(joint, 3), biases, strict=True)}
    return attention({**parts, "output": linear(out, group.floats("out_proj.bias", dtype))}, heads)


def _single(build: Callable[..., Any], rank: Callable[[Group], int | None], *names: str) -> Builder:
    """A layer that is one node; `names` are the options that it knows."""

    def builder(name: str, group: Group, inputs: tuple[str, ...], options: Options, dtype: np.dtype) -> list[Node]:
        _known(name, options, names)
        return [Node(name, build(group, dtype, **options), inputs, rank(group))]

    return builder


def _attention(name: str, group: Group, inputs: tuple[str, ...], options: Options, dtype: np.dtype) -> list[Node]:
    _known(name, options, ("heads",))
    if "heads" not in options:
        raise NetworkError(f"{name}: weights do not say how many heads there are. Add heads=NUMBER to its line.")
    layer = attention_of(group, dtype, int(options["heads"]))
    return [Node(name, layer, inputs * 3 if len(inputs) == 1 else inputs, 2)]


def _recurrent(name: str, group: Group, inputs: tuple[str, ...], options: Options, dtype: np.dtype) -> list[Node]:
    """All layers and directions of nn.LSTM, GRU or RNN, batch first; `result` is the sequence or the last state."""
    _known(name, options, ("result", "activation"))
    result = options.get("result", "sequence")
    if result not in ("sequence", "last"):
        raise NetworkError(f"{name}: result is {result!r}; it can be sequence or last.")
    layers = 1 + max(int(n.split("_l")[-1].split("_")[0]) if "_l" in n else 0 for n in group.tensors)
    both = any(n.endswith("_reverse") for n in group.tensors)
    nodes: list[Node] = []
    taken = inputs
    for layer in range(layers):
        ends = []
        for reverse in (False, True)[: 1 + both]:
            suffix = f"_l{layer}{'_reverse' * reverse}" if f"weight_ih_l{layer}" in group.tensors else ""
            cell = cell_of(group, dtype, suffix, options.get("activation", "tanh"))
            run = f"{name}:{layer}{'r' * reverse}"
            last = layer == layers - 1 and result == "last"
            nodes.append(Node(run, Sequence(cell, reverse, group.kind == "lstm"), taken, 2))
            nodes.append(Node(f"{run}:h", function("item", index=int(last)), (run,)))
            ends.append(f"{run}:h")
        taken = (f"{name}:{layer}:both" if layer < layers - 1 else name,)
        nodes.append(Node(taken[0], function("concat", axis=-1), tuple(ends)))
    return nodes


def _norm(name: str, group: Group, inputs: tuple[str, ...], options: Options, dtype: np.dtype) -> list[Node]:
    raise NetworkError(
        f"{name}: one number a channel fits several layers. Say which it is: kind=layer_norm, kind=group_norm "
        "groups=NUMBER, or kind=prelu."
    )


def _layer_norm(name: str, group: Group, inputs: tuple[str, ...], options: Options, dtype: np.dtype) -> list[Node]:
    _known(name, options, ("epsilon",))
    weight = group.floats("weight", dtype)
    layer = layer_norm(weight, group.floats("bias", dtype), **options)
    return [Node(name, layer, inputs, len(layer.shape))]


def _group_norm(name: str, group: Group, inputs: tuple[str, ...], options: Options, dtype: np.dtype) -> list[Node]:
    _known(name, options, ("epsilon", "groups"))
    if "groups" not in options:
        raise NetworkError(f"{name}: weights do not say how many groups there are. Add groups=NUMBER to its line.")
    parts = [(f"{name}:{n}", group.floats(n, dtype)) for n in ("weight", "bias")]
    nodes = [Node(n, Constant(jnp.asarray(value)), ()) for n, value in parts]
    return [*nodes, Node(name, function("group_norm", **options), (*inputs, *(n for n, _ in parts)))]


def _prelu(name: str, group: Group, inputs: tuple[str, ...], options: Options, dtype: np.dtype) -> list[Node]:
    _known(name, options, ())
    slope = Node(f"{name}:slope", Constant(jnp.asarray(group.floats("weight", dtype))), ())
    return [slope, Node(name, function("prelu", channels=True), (*inputs, slope.name))]


def _known(name: str, options: Options, names: tuple[str, ...]) -> None:
    strange = [n for n in options if n not in names]
    if strange:
        raise NetworkError(f"{name}: there is no option {strange[0]!r} for it. Options: {', '.join(names) or 'none'}.")


_CONVOLUTION = ("stride", "padding", "dilation", "groups", "padding_mode")
BUILDERS: dict[str, Builder] = {
    "attention": _attention,
    "batch_norm": _single(lambda g, d, epsilon=1e-5: batch_norm_of(g, d, epsilon), lambda _: None, "epsilon"),
    **{
        name: _single(convolution_of, lambda g: g.tensors["weight"].ndim - 1, *_CONVOLUTION)
        for name in ("conv1d", "conv2d", "conv3d")
    },
    "conv_transpose": _single(
        transposed_of,
        lambda g: g.tensors["weight"].ndim - 1,
        *("stride", "padding", "output_padding", "dilation", "groups"),
    ),
    "embedding": _single(lambda g, d: embedding(g.floats("weight", d)), lambda _: 0),
    "group_norm": _group_norm,
    "gru": _recurrent,
    "layer_norm": _layer_norm,
    "linear": _single(linear_of, lambda _: 1),
    "lstm": _recurrent,
    "norm": _norm,
    "prelu": _prelu,
    "rnn": _recurrent,
}
