"""Networks from ONNX give what ONNX's own reference evaluator gives."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
import pytest

from mho.core.errors import NetworkError
from mho.interchange.weights.onnx_file import graph_of_onnx, read_onnx

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed: pip install 'mho[networks]'")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

RANDOM = np.random.default_rng(3)
# Both compute in float32, in another order: a few parts in 1e6 of sums of about a hundred products.
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


def floats(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.asarray(values, np.int64)


class Model:
    """An ONNX model, built a node at a time."""

    def __init__(self, opset: int = 20) -> None:
        self.opset, self.nodes, self.constants, self.count = opset, [], {}, 0

    def const(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return name

    def __call__(self, op: str, *inputs: str | np.ndarray | None, outputs: int = 1, **attributes):
        names = ["" if x is None else x if isinstance(x, str) else self.const(x) for x in inputs]
        found = [f"v{self.count}_{i}" for i in range(outputs)]
        self.count += 1
        self.nodes.append(helper.make_node(op, names, found, **attributes))
        return found[0] if outputs == 1 else found

    def build(self, inputs: dict[str, np.ndarray], *outputs: str):
        kinds = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
        infos = [helper.make_tensor_value_info(n, kinds[x.dtype], [None, *x.shape[1:]]) for n, x in inputs.items()]
        ends = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in outputs]
        for end in ends:
            end.type.tensor_type.elem_type = TensorProto.FLOAT
        weights = [numpy_helper.from_array(v, k) for k, v in self.constants.items()]
        graph = helper.make_graph(self.nodes, "test", infos, ends, weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9)


def check(model, inputs: dict[str, np.ndarray], *, jit: bool = False):
    graph = graph_of_onnx(model)
    call = eqx.filter_jit(graph) if jit else graph
    mine = call(*inputs.values())
    right = ReferenceEvaluator(model).run(None, inputs)
    for a, b in zip(mine if isinstance(mine, tuple) else (mine,), right, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, **CLOSE)
    return graph


PLAIN = "Abs Ceil Erf Exp Floor HardSwish Mish Neg Relu Round Sigmoid Sign Softplus Tanh"
SINGLE = {
    **{op: ((), {}) for op in PLAIN.split()},
    "Celu": ((), {"alpha": 0.7}),
    "Clip": ((np.float32(-0.3), None), {}),
    "Div": ((floats(5, 1),), {}),
    "Elu": ((), {"alpha": 0.3}),
    "Gelu": ((), {"approximate": "tanh"}),
    "HardSigmoid": ((), {}),
    "LeakyRelu": ((), {"alpha": 0.2}),
    "LogSoftmax": ((), {"axis": 1}),
    "Max": ((floats(6), floats(5, 6)), {}),
    "Mean": ((floats(6), floats(5, 6)), {}),
    "Pad": ((ints(0, 1, 0, 0, 2, 3), np.float32(0.5)), {}),
    "Pow": ((ints(2),), {}),
    "PRelu": ((floats(5, 1),), {}),
    "ReduceL2": ((ints(-1),), {}),
    "ReduceMax": ((ints(1, 2),), {"keepdims": 0}),
    "ReduceMean": ((ints(-1),), {}),
    "Selu": ((), {}),
    "Softmax": ((), {}),
    "Squeeze": ((), {}),
    "Slice": ((ints(4, -1), ints(-100, 1), ints(1, 2), ints(-2, -2)), {}),
    "Tile": ((ints(1, 2, 1),), {}),
    "Transpose": ((), {"perm": [0, 2, 1]}),
    "Unsqueeze": ((ints(0, -1),), {}),
    "Where:third": ((floats(3, 5, 6) > 0, floats(6)), {}),
}


def test_single_operations():
    model, x = Model(), floats(3, 5, 6)
    results = []
    for op, (extra, attributes) in SINGLE.items():
        order = (*extra, "x") if ":" in op else ("x", *extra)
        results.append(model(op.split(":")[0], *order, **attributes))
    check(model.build({"x": x}, *results), {"x": x}, jit=True)


def test_older_versions_of_operations():
    model, x = Model(9), floats(3, 5, 6)
    y = model("Unsqueeze", model("Slice", "x", starts=[1], ends=[4], axes=[1]), axes=[1])
    y = model("Clip", model("ReduceSum", y, axes=[3], keepdims=0), min=0.1, max=0.7)
    check(model.build({"x": x}, y), {"x": x})
    # Before opset 13 softmax runs over all axes from 1 on; the reference evaluator takes the last at every opset.
    model = Model(12)
    shares = graph_of_onnx(model.build({"x": x}, model("Softmax", "x")))(x)
    np.testing.assert_allclose(shares, np.exp(x) / np.exp(x).sum((1, 2), keepdims=True), **CLOSE)


def test_a_convolutional_network():
    """Grouped, strided, dilated; norm, residual, all pools; and its norm folds away with the same results."""
    from mho.networks import fold_batch_norm

    model, x = Model(), floats(2, 3, 9, 11)
    y = model("Conv", "x", floats(6, 3, 3, 3), pads=[1, 0, 1, 2], strides=[1, 2])
    norm = [floats(6), floats(6), floats(6), np.abs(floats(6)) + 0.3]
    y = model("Relu", model("BatchNormalization", y, *norm, epsilon=1e-3))
    z = model("Conv", y, floats(6, 2, 3, 3), floats(6), group=3, dilations=[2, 1], auto_pad="SAME_UPPER")
    y = model("Add", y, z)
    window = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0], "ceil_mode": 1}
    parts = [model(op, y, **window) for op in ("MaxPool", "AveragePool")]
    y = model("Concat", *parts, model("AveragePool", y, **window, count_include_pad=1), axis=1)
    ends = [model("Flatten", z) for z in (y, model("GlobalAveragePool", y), model("GlobalMaxPool", y))]
    graph = check(model.build({"x": x}, *ends), {"x": x}, jit=True)
    folded = fold_batch_norm(graph)
    assert len(folded.nodes) == len(graph.nodes) - 1
    for a, b in zip(folded(x), graph(x), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def test_pictures_that_grow():
    """Transposed convolutions in groups, and every way of resizing that exporters use."""
    model, x = Model(), floats(2, 4, 5, 6)
    options = {"strides": [2, 3], "pads": [1, 0, 0, 2], "output_padding": [1, 1], "dilations": [1, 2]}
    weight = floats(4, 3, 3, 2)
    halves = model("Split", "x", axis=1, outputs=2, num_outputs=2)  # the reference evaluator cannot do groups
    parts = [model("ConvTranspose", h, w, **options) for h, w in zip(halves, np.split(weight, 2), strict=True)]
    ends = [model("Concat", *parts, axis=1)]
    scales = np.asarray([1, 1, 2, 1.5], np.float32)
    for mode, places in (("nearest", "asymmetric"), ("linear", "half_pixel"), ("linear", "align_corners")):
        nearest = {"nearest_mode": "floor"} if mode == "nearest" else {}
        ends.append(model("Resize", "x", None, scales, mode=mode, coordinate_transformation_mode=places, **nearest))
    size = model("Concat", model("Slice", model("Shape", "x"), ints(0), ints(2)), ints(3, 9), axis=0)
    ends.append(
        model("Resize", "x", None, None, size, mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    )
    check(model.build({"x": x}, *ends), {"x": x}, jit=True)


def test_a_transformer_block_with_computed_shapes():
    """As PyTorch exports it: shapes from Shape, Gather and Concat; MatMul and Add that are linear layers."""
    model, words = Model(), np.asarray(RANDOM.integers(0, 11, (2, 5)), np.int64)
    x = model("Gather", floats(11, 8), "words")
    normed = model("LayerNormalization", x, floats(8), floats(8), axis=-1, epsilon=1e-4)
    shape = model("Shape", normed)
    batch, steps = (model("Gather", shape, np.asarray(i), axis=0) for i in (0, 1))
    lengths = [model("Unsqueeze", n, ints(0)) for n in (batch, steps)]
    target = model("Concat", *lengths, ints(2), ints(4), axis=0)
    joint = model("Add", floats(24), model("MatMul", normed, floats(8, 24)))
    q, k, v = model("Split", joint, axis=-1, outputs=3, num_outputs=3)
    q, k, v = (model("Transpose", model("Reshape", p, target), perm=[0, 2, 1, 3]) for p in (q, k, v))
    root = model("Sqrt", model("Cast", model("Slice", model("Shape", q), ints(-1), ints(9999)), to=TensorProto.FLOAT))
    scores = model("Div", model("MatMul", q, model("Transpose", k, perm=[0, 1, 3, 2])), root)
    mixed = model("MatMul", model("Softmax", scores, axis=-1), v)
    merged = model("Reshape", model("Transpose", mixed, perm=[0, 2, 1, 3]), ints(0, 0, -1))
    out = model("MatMul", merged, model("Transpose", floats(8, 8)))
    y = model("Add", x, model("Add", out, floats(8)))
    y = model("ReduceMean", y, ints(1), keepdims=0)
    y = model("Gemm", y, floats(3, 8), floats(3), transB=1, alpha=0.5, beta=2.0)
    graph = check(model.build({"words": words}, y), {"words": words}, jit=True)
    layers = [n.operation for n in graph.nodes if isinstance(n.operation, eqx.nn.Linear)]
    assert [(n.in_features, n.out_features, n.bias is not None) for n in layers] == [
        (8, 24, True),
        (8, 8, True),
        (8, 3, True),
    ]


RUNS = ["LSTM forward", "LSTM bidirectional", "GRU reverse", "GRU-after forward", "RNN bidirectional"]


@pytest.mark.parametrize("run", RUNS)
def test_recurrent_networks(run):
    op, direction = run.split()
    model, x = Model(14), floats(4, 2, 3)
    d, gates = 1 + (direction == "bidirectional"), {"LSTM": 4, "RNN": 1}.get(op, 3)
    weights = [floats(d, gates * 5, 3), floats(d, gates * 5, 5), floats(d, gates * 10)]
    start = [None, floats(d, 2, 5)] + [floats(d, 2, 5)] * (op == "LSTM")
    options = {"linear_before_reset": 1} if op == "GRU-after" else {}
    results = model(
        op.split("-")[0],
        "x",
        *weights,
        *start,
        outputs=2 + (op == "LSTM"),
        hidden_size=5,
        direction=direction,
        **options,
    )
    check(model.build({"x": x}, *results), {"x": x})


def test_what_is_not_supported_is_named(tmp_path):
    model, x = Model(), floats(2, 3, 4, 4)
    y = model("GridSample", "x", floats(2, 3, 3, 2), name="grow")
    model.nodes.append(helper.make_node("Attention", [y], ["z"], name="look", domain="com.microsoft"))
    with pytest.raises(NetworkError, match=r"GridSample \(node 'grow'\); com.microsoft.Attention \(node 'look'\)"):
        graph_of_onnx(model.build({"x": x}, "z"))
    model = Model()
    y = model("Conv", "x", model("Relu", "x"), name="late")
    with pytest.raises(NetworkError, match=r"Conv \(node 'late'\) takes its weights from 'v0_0', which is computed"):
        graph_of_onnx(model.build({"x": x}, y))
    model = Model()
    whole = model.build({"x": x}, model("Relu", "x")).SerializeToString()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[:-3])
    with pytest.raises(NetworkError, match="no whole ONNX model"):
        read_onnx(path)
    with pytest.raises(NetworkError, match="is not there"):
        read_onnx(tmp_path / "none.onnx")


def test_precision_is_asked_for(x64):
    model, x = Model(), floats(4, 3)
    y = model("Gemm", "x", floats(3, 5))
    graph = graph_of_onnx(model.build({"x": x}, model("Div", y, np.float32(3))), dtype=np.float64)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(graph)} == {"float64"}
    assert graph(x).dtype == np.float64
