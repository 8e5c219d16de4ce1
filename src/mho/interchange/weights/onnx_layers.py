"""ONNX's operations that carry weights, as Equinox's layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.interchange.weights.onnx_assembly import Assembly, Step
from mho.networks.layers import convolution, embedding, layer_norm, linear, transposed_convolution
from mho.networks.normalisation import BatchNorm


def gemm(assembly: Assembly, step: Step) -> None:
    """A linear layer where the second matrix is constant, else a matrix product."""
    a = step.attributes
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    bias = assembly.constants.get(step.given(2) or "")
    if step.inputs[1] not in assembly.constants or (step.given(2) and bias is None) or a.get("transA", 0):
        assembly.refuse(step, "multiplies two results, or a transposed one; write it as MatMul, Transpose and Add.")
    weight = assembly.weight(step, 1, "weights")
    assert weight is not None
    weight = alpha * (weight if a.get("transB", 0) else weight.T)
    if bias is not None and bias.size not in (1, len(weight)):
        assembly.refuse(step, f"adds an array of shape {bias.shape}; one number an output is supported.")
    bias = None if bias is None else beta * np.broadcast_to(np.asarray(bias, assembly.dtype).reshape(-1), len(weight))
    assembly.add(step.outputs[0], linear(weight, bias), step.inputs[:1], 1)


def matmul(assembly: Assembly, step: Step) -> None:
    """A linear layer where the second factor is a constant matrix, else a matrix product."""
    weight = assembly.constants.get(step.inputs[1])
    if weight is None or weight.ndim != 2:
        assembly.call(step, "matmul")
    else:
        assembly.add(step.outputs[0], linear(np.asarray(weight.T, assembly.dtype)), step.inputs[:1], 1)


def add(assembly: Assembly, step: Step) -> None:
    """The bias of the linear layer that it follows, if it is one; else a sum."""
    for value, constant in (step.inputs, step.inputs[::-1]):
        before = assembly.nodes.get(assembly.alias.get(value, value))
        bias = assembly.constants.get(constant)
        if before is not None and bias is not None and assembly.uses[value] == 1 and _is_bias(before.operation, bias):
            layer = linear(before.operation.weight, np.asarray(bias.reshape(-1), assembly.dtype))
            del assembly.nodes[before.name]
            assembly.add(step.outputs[0], layer, before.inputs, 1)
            return
    assembly.call(step, "add")


def _is_bias(layer: Any, array: np.ndarray) -> bool:
    """Whether an array is one number an output of a linear layer that has no bias, and adds no axes."""
    if not isinstance(layer, eqx.nn.Linear) or layer.bias is not None:
        return False
    return array.ndim in (1, 2) and array.shape[-1] == array.size == layer.out_features


def conv(assembly: Assembly, step: Step) -> None:
    """A convolution over one, two or three axes."""
    weight, bias = assembly.weight(step, 1, "weights"), assembly.weight(step, 2, "bias")
    assert weight is not None
    a = step.attributes
    how = step.windows(weight.ndim - 2)
    automatic = a.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        how["padding"] = "SAME" if automatic == "SAME_UPPER" else automatic
    layer = convolution(weight, bias, **how, groups=a.get("group", 1))
    assembly.add(step.outputs[0], layer, step.inputs[:1], weight.ndim - 1)


def transposed(assembly: Assembly, step: Step) -> None:
    """A transposed convolution."""
    weight, bias = assembly.weight(step, 1, "weights"), assembly.weight(step, 2, "bias")
    assert weight is not None
    a = step.attributes
    if a.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or "output_shape" in a:
        assembly.refuse(step, "asks for a shape of its output; give its pads and output_padding in numbers.")
    n = weight.ndim - 2
    layer = transposed_convolution(
        weight,
        bias,
        **step.windows(n),
        output_padding=tuple(a.get("output_padding", [0] * n)),
        groups=a.get("group", 1),
    )
    assembly.add(step.outputs[0], layer, step.inputs[:1], weight.ndim - 1)


def batch_norm(assembly: Assembly, step: Step) -> None:
    """Batch normalisation with the statistics of training."""
    if step.attributes.get("training_mode", 0):
        assembly.refuse(step, "is in training mode. Export the network in inference mode (model.eval()).")
    parts = [assembly.weight(step, i, w) for i, w in enumerate(("scale", "bias", "mean", "variance"), start=1)]
    weight, bias, mean, variance = (jnp.asarray(p) for p in parts)
    norm = BatchNorm(mean, variance, weight, bias, step.attributes.get("epsilon", 1e-5))
    assembly.add(step.outputs[0], norm, step.inputs[:1])


def layer_normalisation(assembly: Assembly, step: Step) -> None:
    """Layer normalisation over the last axes."""
    weight, bias = assembly.weight(step, 1, "scale"), assembly.weight(step, 2, "bias")
    assert weight is not None
    axis = step.attributes.get("axis", -1)
    if axis < 0 and -axis != weight.ndim:
        assembly.refuse(step, f"has axis {axis} and a scale of shape {weight.shape}; give one number a place.")
    if any(len(step.outputs) > i and assembly.uses[step.outputs[i]] for i in (1, 2)):
        assembly.refuse(step, "is asked for its mean or deviation; only its result is supported.")
    norm = layer_norm(weight, bias, epsilon=step.attributes.get("epsilon", 1e-5))
    assembly.add(step.outputs[0], norm, step.inputs[:1], weight.ndim)


def group_normalisation(assembly: Assembly, step: Step) -> None:
    """Group normalisation with one scale a channel, as since opset 21."""
    if assembly.opset < 21:
        assembly.refuse(step, "is of an opset before 21, whose scale is by group. Export with opset 21.")
    a = step.attributes
    assembly.call(step, "group_norm", groups=a["num_groups"], epsilon=a.get("epsilon", 1e-5))


def gather(assembly: Assembly, step: Step) -> None:
    """Rows of a constant table (an embedding), fixed places, or places that are computed."""
    axis = step.attributes.get("axis", 0)
    table, places = (assembly.constants.get(name) for name in step.inputs)
    if table is not None and axis == 0 and table.ndim == 2 and np.issubdtype(table.dtype, np.floating):
        layer = embedding(np.asarray(table, assembly.dtype))
        assembly.add(step.outputs[0], layer, step.inputs[1:], 0)
    elif places is not None:
        at = places.tolist()
        assembly.call(step, "gather", step.inputs[:1], axis=axis, at=_fixed(at))
    else:
        assembly.call(step, "gather", axis=axis)


def _fixed(places: Any) -> Any:
    return tuple(_fixed(p) for p in places) if isinstance(places, list) else places


LAYERS: dict[str, Callable[[Assembly, Step], Any]] = {
    "Add": add,
    "BatchNormalization": batch_norm,
    "Conv": conv,
    "ConvTranspose": transposed,
    "Gather": gather,
    "Gemm": gemm,
    "GroupNormalization": group_normalisation,
    "LayerNormalization": layer_normalisation,
    "MatMul": matmul,
}
