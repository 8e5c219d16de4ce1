"""What is made of each of ONNX's operations. One line an operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mho.interchange.weights.onnx_assembly import Assembly, Step
from mho.interchange.weights.onnx_layers import LAYERS
from mho.interchange.weights.onnx_recurrent import RECURRENT
from mho.networks.functions.resize import PLACES
from mho.networks.graph import function

Operation = Callable[[Assembly, Step], Any]


def plain(name: str, **renamed: tuple[str, Any]) -> Operation:
    """A function of all inputs, whose keywords are attributes: keyword = (attribute, ONNX's default)."""

    def operation(assembly: Assembly, step: Step) -> None:
        values = {k: step.attributes.get(attribute, default) for k, (attribute, default) in renamed.items()}
        assembly.call(step, name, **values)

    return operation


def given(assembly: Assembly, step: Step, attribute: str, index: int) -> tuple[int, ...] | None:
    """Whole numbers that older versions give as an attribute and newer ones as an input."""
    value = step.attributes.get(attribute)
    if value is None:
        value = assembly.constant(step, index, attribute)
    return None if value is None else tuple(int(v) for v in np.asarray(value).reshape(-1))


def identity(assembly: Assembly, step: Step) -> None:
    """Dropout and Identity: the value itself."""
    if any(assembly.uses[name] for name in step.outputs[1:] if name):
        assembly.refuse(step, "is asked for its mask, which there is none of in inference.")
    assembly.rename(step.outputs[0], step.inputs[0])


def softmax(name: str) -> Operation:
    """Softmax over one axis, before opset 13 over it and all that follow."""

    def operation(assembly: Assembly, step: Step) -> None:
        old = assembly.opset < 13
        assembly.call(step, name, axis=step.attributes.get("axis", 1 if old else -1), trailing=old)

    return operation


def reduce(name: str) -> Operation:
    """A reduction along axes."""

    def operation(assembly: Assembly, step: Step) -> None:
        axes = given(assembly, step, "axes", 1)
        if not axes and step.attributes.get("noop_with_empty_axes", 0):
            assembly.rename(step.outputs[0], step.inputs[0])
            return
        keep = bool(step.attributes.get("keepdims", 1))
        assembly.call(step, name, step.inputs[:1], axes=axes or None, keep=keep)

    return operation


def clip(assembly: Assembly, step: Step) -> None:
    """Clip with constant bounds."""
    bounds = {}
    for index, (keyword, attribute) in enumerate((("low", "min"), ("high", "max")), start=1):
        value = step.attributes.get(attribute)
        value = assembly.constant(step, index, attribute) if value is None else value
        bounds[keyword] = None if value is None else np.asarray(value).item()
    assembly.call(step, "clip", step.inputs[:1], **bounds)


def cast(assembly: Assembly, step: Step) -> None:
    """Cast between floating, whole and true."""
    kind = np.dtype(assembly.onnx.helper.tensor_dtype_to_np_dtype(step.attributes["to"]))
    kinds = {"f": "float", "V": "float", "i": "int", "u": "int", "b": "bool"}
    if kind.kind not in kinds:
        assembly.refuse(step, f"casts to {kind}, which a network has no use for.")
    assembly.call(step, "cast", dtype=kinds[kind.kind])


def reshape(assembly: Assembly, step: Step) -> None:
    """Reshape to a constant or computed shape."""
    none = bool(step.attributes.get("allowzero", 0))
    shape = step.attributes.get("shape")
    if shape is None and step.inputs[1] in assembly.constants:
        shape = assembly.constants[step.inputs[1]].tolist()
    if shape is None:
        assembly.call(step, "reshape", zero_is_none=none)
    else:
        assembly.call(step, "reshape", step.inputs[:1], shape=tuple(shape), zero_is_none=none)


def transpose(assembly: Assembly, step: Step) -> None:
    """Axes in another order."""
    order = step.attributes.get("perm")
    assembly.call(step, "transpose", axes=None if order is None else tuple(order))


def squeeze(name: str) -> Operation:
    """Axes of length 1 taken away or added."""

    def operation(assembly: Assembly, step: Step) -> None:
        assembly.call(step, name, step.inputs[:1], axes=given(assembly, step, "axes", 1))

    return operation


def split(assembly: Assembly, step: Step) -> None:
    """Pieces along an axis, each a node."""
    sizes = given(assembly, step, "split", 1) or ()
    parts = 0 if sizes else step.attributes.get("num_outputs", len(step.outputs))
    whole = f"{step.outputs[0]}:pieces"
    assembly.add(
        whole, function("split", axis=step.attributes.get("axis", 0), sizes=sizes, parts=parts), step.inputs[:1]
    )
    for index, name in enumerate(step.outputs):
        assembly.add(name, function("item", index=index), [whole])


def piece(assembly: Assembly, step: Step) -> None:
    """A slice, by attributes, constants, or what is computed from shapes."""
    names = ("starts", "ends", "axes", "steps")
    if assembly.opset < 10:
        found = {n: tuple(step.attributes[n]) for n in names if n in step.attributes}
        assembly.call(step, "slice", **found)
        return
    constant = all(step.given(i) is None or step.given(i) in assembly.constants for i in range(1, 5))
    if constant:
        found = {n: given(assembly, step, n, i) for i, n in enumerate(names, start=1) if step.given(i)}
        assembly.call(step, "slice", step.inputs[:1], **found)
        return
    if any(not n for n in step.inputs):
        assembly.refuse(step, "leaves out its axes and gives steps; name the axes.")
    assembly.call(step, "slice")


def pad(assembly: Assembly, step: Step) -> None:
    """Padding by constants."""
    modes = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    pads = given(assembly, step, "pads", 1)
    if pads is None or step.given(3):
        assembly.refuse(step, "names axes or no pads; give pads for every axis.")
    value = step.attributes.get("value")
    value = assembly.constant(step, 2, "value") if value is None else value
    number = 0.0 if value is None else float(np.asarray(value).reshape(()))
    mode = modes[step.attributes.get("mode", "constant")]
    assembly.call(step, "pad", step.inputs[:1], pads=pads, mode=mode, value=number)


def filled(assembly: Assembly, step: Step) -> None:
    """An array of one number in a shape that is computed."""
    tensor = step.attributes.get("value")
    value = 0.0 if tensor is None else assembly.onnx.numpy_helper.to_array(tensor).reshape(-1)[0].item()
    assembly.call(step, "filled", value=value)


def resize(assembly: Assembly, step: Step) -> None:
    """Resize, and Upsample of older versions, by constant scales or by sizes that are constant or computed."""
    a, old = step.attributes, step.op == "Upsample" or assembly.opset < 11
    mode = a.get("mode", "nearest")
    places = "asymmetric" if old else a.get("coordinate_transformation_mode", "half_pixel")
    whole_image = a.get("keep_aspect_ratio_policy", "stretch") == "stretch" and not a.get("antialias", 0)
    if mode not in ("nearest", "linear") or places not in PLACES or not whole_image or "axes" in a:
        assembly.refuse(
            step, f"is of mode {mode} with {places}; supported: nearest and linear, of {', '.join(PLACES)}."
        )
    options = {"mode": mode, "places": places}
    options["rounding"] = "floor" if old else a.get("nearest_mode", "round_prefer_floor")
    scales = a.get("scales")
    scales = assembly.constant(step, 1 if old else 2, "scales") if scales is None else scales
    if scales is not None and np.size(scales):
        assembly.call(step, "resize", step.inputs[:1], scales=tuple(float(s) for s in scales), **options)
    else:
        sizes = step.given(3)
        if sizes is None:
            assembly.refuse(step, "gives neither scales nor sizes.")
        assembly.call(step, "resize", [step.inputs[0], sizes], **options)


def windows(name: str) -> Operation:
    """A pool: pads, strides and dilations as ONNX gives them."""

    def operation(assembly: Assembly, step: Step) -> None:
        if len(step.outputs) > 1 and assembly.uses[step.outputs[1]]:
            assembly.refuse(step, "is asked for the places of the largest numbers; only the numbers are supported.")
        a = step.attributes
        kernel = tuple(a["kernel_shape"])
        automatic = a.get("auto_pad", "NOTSET")
        how = step.windows(len(kernel))
        if automatic in ("SAME_UPPER", "SAME_LOWER"):
            how["padding"] = automatic.lower()
        options = {"count_pads": bool(a.get("count_include_pad", 0))} if name == "average_pool" else {}
        assembly.call(step, name, kernel=kernel, **how, ceil=bool(a.get("ceil_mode", 0)), **options)

    return operation


_SAME_NAME = (
    "Abs Add Ceil Cos Equal Erf Exp Expand Floor Greater GreaterOrEqual:greater_equal HardSwish:hard_swish Less "
    "LessOrEqual:less_equal Log And:logical_and Not:logical_not Or:logical_or MatMul Max:maximum Mean:average "
    "Min:minimum Mish Mul:multiply Neg:negative Pow:power PRelu:prelu Reciprocal Relu Round Sigmoid Sign Sin Softsign "
    "Softplus Sqrt Sub:subtract Sum:add Tanh Tile Div:divide Where GlobalAveragePool:global_average_pool "
    "GlobalMaxPool:global_max_pool"
)

OPERATIONS: dict[str, Operation] = {
    **{word.split(":")[0]: plain(word.split(":")[-1].lower()) for word in _SAME_NAME.split()},
    "ArgMax": plain("argmax", axis=("axis", 0), keep=("keepdims", 1)),
    "AveragePool": windows("average_pool"),
    "Cast": cast,
    "Celu": plain("celu", alpha=("alpha", 1.0)),
    "Clip": clip,
    "Concat": plain("concat", axis=("axis", 1)),
    "Constant": plain("identity"),  # worked out before the run
    "ConstantOfShape": filled,
    "Dropout": identity,
    "Einsum": plain("einsum", equation=("equation", "")),
    "Elu": plain("elu", alpha=("alpha", 1.0)),
    "Flatten": plain("matrix", axis=("axis", 1)),
    "Gelu": lambda assembly, step: assembly.call(
        step, "gelu", approximate=step.attributes.get("approximate", "none") == "tanh"
    ),
    "HardSigmoid": plain("hard_sigmoid", alpha=("alpha", 0.2), beta=("beta", 0.5)),
    "Identity": identity,
    "InstanceNormalization": plain("instance_norm", epsilon=("epsilon", 1e-5)),
    "LeakyRelu": plain("leaky_relu", slope=("alpha", 0.01)),
    "LogSoftmax": softmax("log_softmax"),
    "MaxPool": windows("max_pool"),
    "Pad": pad,
    "ReduceL2": reduce("norm"),
    "ReduceMax": reduce("reduce_max"),
    "ReduceMean": reduce("reduce_mean"),
    "ReduceMin": reduce("reduce_min"),
    "ReduceProd": reduce("reduce_product"),
    "ReduceSum": reduce("reduce_sum"),
    "Reshape": reshape,
    "Range": plain("range"),
    "Resize": resize,
    "Selu": plain("selu", alpha=("alpha", 1.6732632), gamma=("gamma", 1.0507010)),
    "Shape": plain("shape", start=("start", 0), end=("end", None)),
    "Slice": piece,
    "Softmax": softmax("softmax"),
    "Split": split,
    "Squeeze": squeeze("squeeze"),
    "Transpose": transpose,
    "Unsqueeze": squeeze("unsqueeze"),
    "Upsample": resize,
    **LAYERS,
    **RECURRENT,
}
