"""An Equinox module filled with PyTorch's tensors, layer by layer, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import NetworkError
from mho.interchange.weights.recognition import Group, recognise
from mho.interchange.weights.torch_layers import (
    attention_of,
    batch_norm_of,
    cell_of,
    convolution_of,
    linear_of,
    transposed_of,
)
from mho.networks.cells import ElmanCell
from mho.networks.layers import embedding, layer_norm
from mho.networks.normalisation import BatchNorm

_CELLS = (eqx.nn.GRUCell, eqx.nn.LSTMCell, ElmanCell)
_LAYERS = (
    eqx.nn.Linear,
    eqx.nn.Conv,
    eqx.nn.ConvTranspose,
    eqx.nn.BatchNorm,
    eqx.nn.LayerNorm,
    eqx.nn.GroupNorm,
    eqx.nn.Embedding,
    eqx.nn.MultiheadAttention,
    BatchNorm,
    *_CELLS,
)


def filled(
    like: Any, tensors: Mapping[str, np.ndarray], *, names: Mapping[str, str] | None = None, dtype: Any = np.float32
) -> Any:
    """The module with the file's weights.

    A layer at `a.b[0]` takes the tensors called `a.b.0.weight` and so on; the word `layers`, by which Equinox's
    containers call their list, may be missing in the file.

    Args:
        like: The module, or a pair (module, state) where it has `eqx.nn.BatchNorm`.
        tensors: By name, as in the file.
        names: Where they differ: the layer's path in the module, and its name in the file.
        dtype: Precision of the weights.

    Raises:
        NetworkError: If a layer finds no tensors, tensors find no layer, or shapes differ.
    """
    groups = recognise(tensors)
    module, state = like if isinstance(like, tuple) and len(like) == 2 else (like, None)
    found, tree = jax.tree_util.tree_flatten_with_path(module, is_leaf=lambda x: isinstance(x, _LAYERS))
    leaves, used, missing = [], set(), []
    for path, leaf in found:
        place = _place(path)
        if not isinstance(leaf, _LAYERS):
            leaves.append(_number(place, leaf, tensors, used, missing, dtype))
            continue
        group = _group(place, groups, names or {})
        if group is None:
            missing.append(place)
            leaves.append(leaf)
            continue
        used.add(group.name)
        leaf, state = _layer(place, leaf, group, np.dtype(dtype), state)
        leaves.append(leaf)
    spare = [g.name for g in groups.values() if g.name not in used]
    if missing or spare:
        raise NetworkError(
            f"Without tensors in the file: {', '.join(missing) or 'none'}. Without a place in the module: "
            f"{', '.join(spare) or 'none'}. "
            'Say which belong together: names={"LAYER IN MODULE": "NAME IN FILE"}.'
        )
    filled_module = jax.tree_util.tree_unflatten(tree, leaves)
    return (filled_module, state) if isinstance(like, tuple) and len(like) == 2 else filled_module


def _place(path: Any) -> str:
    """A path in a module as words with points between."""
    words = [getattr(k, "name", getattr(k, "idx", getattr(k, "key", None))) for k in path]
    return ".".join(str(w) for w in words)


def _group(place: str, groups: Mapping[str, Group], names: Mapping[str, str]) -> Group | None:
    without = ".".join(w for w in place.split(".") if w != "layers")
    for name in (names.get(place), place, without, place.removesuffix(".cell")):
        if name is not None and name in groups:
            return groups[name]
    return None


def _number(place: str, leaf: Any, tensors: Any, used: set[str], missing: list[str], dtype: Any) -> Any:
    """A free array of the module, by its exact name."""
    if not eqx.is_inexact_array(leaf):
        return leaf
    stem = place.rpartition(".")[0]
    if place not in tensors or tensors[place].shape != leaf.shape:
        missing.append(place)
        return leaf
    used.add(stem)
    return jnp.asarray(tensors[place], dtype)


def _layer(place: str, layer: Any, group: Group, dtype: np.dtype, state: Any) -> tuple[Any, Any]:
    """The layer made anew from its tensors, with the options that it has; and the state with its statistics."""
    if isinstance(layer, eqx.nn.BatchNorm):
        return _with_state(place, layer, batch_norm_of(group, dtype, layer.eps), state)
    made = _made(layer, group, dtype)
    old, new = (jax.tree.map(np.shape, eqx.filter(x, eqx.is_array)) for x in (layer, made))
    if jax.tree.structure(old) != jax.tree.structure(new) or jax.tree.leaves(old) != jax.tree.leaves(new):
        shapes = ", ".join(f"{n} {t.shape}" for n, t in group.tensors.items())
        raise NetworkError(f"{place} has other shapes or biases than {group.name} of the file: {shapes}.")
    return made, state


def _made(layer: Any, group: Group, dtype: np.dtype) -> Any:
    if isinstance(layer, eqx.nn.Linear):
        return linear_of(group, dtype)
    if isinstance(layer, eqx.nn.Conv):
        options = {n: getattr(layer, n) for n in ("stride", "padding", "dilation", "groups", "padding_mode")}
        return convolution_of(group, dtype, **options)
    if isinstance(layer, eqx.nn.ConvTranspose):
        options = {n: getattr(layer, n) for n in ("stride", "padding", "output_padding", "dilation", "groups")}
        return transposed_of(group, dtype, **options)
    if isinstance(layer, BatchNorm):
        return batch_norm_of(group, dtype, layer.epsilon)
    if isinstance(layer, eqx.nn.LayerNorm):
        return layer_norm(group.floats("weight", dtype), group.floats("bias", dtype), epsilon=layer.eps)
    if isinstance(layer, eqx.nn.GroupNorm):
        parts = [jnp.asarray(group.floats(n, dtype)) for n in ("weight", "bias")]
        return eqx.tree_at(lambda x: (x.weight, x.bias), layer, tuple(parts))
    if isinstance(layer, eqx.nn.Embedding):
        return embedding(group.floats("weight", dtype))
    if isinstance(layer, eqx.nn.MultiheadAttention):
        return attention_of(group, dtype, layer.num_heads)
    suffix = "_l0" if "weight_ih_l0" in group.tensors else ""
    return cell_of(group, dtype, suffix, getattr(layer, "activation", "tanh"))


def _with_state(place: str, layer: Any, norm: BatchNorm, state: Any) -> tuple[Any, Any]:
    """Equinox keeps running statistics in a state beside the module."""
    if state is None:
        raise NetworkError(
            f"{place} keeps its statistics outside the module. Give both: like=eqx.nn.make_with_state(Model)(...)."
        )
    if layer.mode == "ema":
        state = state.set(layer.ema_first_time_index, jnp.array(False))
        state = state.set(layer.ema_state_index, (norm.mean, norm.variance))
    else:  # with a count of 0, Equinox takes the statistics as they are
        state = state.set(layer.batch_counter, jnp.array(0))
        state = state.set(layer.batch_state_index, (norm.mean, norm.variance))
    if layer.channelwise_affine:
        layer = eqx.tree_at(lambda x: (x.weight, x.bias), layer, (norm.weight, norm.bias))
    return layer, state
