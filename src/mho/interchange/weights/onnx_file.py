"""Networks in ONNX: the file read and checked, its operations put together as a graph."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import NetworkError, reason_of
from mho.interchange.weights.onnx_assembly import Assembly
from mho.interchange.weights.onnx_operations import OPERATIONS
from mho.networks.graph import Graph

NEEDED = "pip install 'mho[networks]'"


def read_onnx(path: str | Path, *, dtype: Any = np.float32) -> Graph:
    """The network of an ONNX file: feed-forward, convolutional, recurrent and attention networks.

    Args:
        path: The file; external weights stand beside it.
        dtype: Precision of the weights.

    Raises:
        NetworkError: If the package onnx is missing, the file is no whole ONNX model, or it asks for an operation or
            an option that is not supported; each is named.
    """
    onnx = _package()
    path = Path(path)
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except FileNotFoundError as error:
        raise NetworkError(f"{error.filename or path} is not there. Give the path of an ONNX file.") from error
    except Exception as error:  # protobuf, the checker and missing external data each have errors of their own
        raise NetworkError(f"{path} is no whole ONNX model ({reason_of(error)}). Export it again.") from error
    _refuse_misfits(onnx, model, path)
    return graph_of_onnx(model, name=str(path), dtype=dtype)


def _refuse_misfits(onnx: Any, model: Any, path: Path) -> None:
    """Refuse layers whose sizes do not fit; what ONNX cannot infer is left to the run."""
    try:
        onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except Exception as error:  # the inference, and protobuf above two gigabytes, each have errors of their own
        found = re.search(r"\((op_type:[^)]*)\): *(?:\[ShapeInferenceError\] *)?(.*)", str(error))
        if found and re.search(r"between \d+ and \d+|[Ii]ncompatible dimensions", found[2]):
            raise NetworkError(
                f"{path}: sizes of layers do not fit ({found[1]}): {found[2]}. Export the network again."
            ) from error


def graph_of_onnx(model: Any, *, name: str = "model", dtype: Any = np.float32) -> Graph:
    """The graph of an ONNX model that is loaded already; see :func:`read_onnx`."""
    onnx = _package()
    if model.functions:
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    if not model.graph.output:
        raise NetworkError(f"{name} has no output. Export the network with its outputs.")
    _refuse_unknown(model.graph, name)
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
    assembly = Assembly(onnx, model.graph, opset, name, np.dtype(dtype))
    for node in model.graph.node:
        if not assembly.fold(node):
            OPERATIONS[node.op_type](assembly, assembly.read(node))
    return assembly.graph()


def _refuse_unknown(graph: Any, name: str) -> None:
    unknown: dict[str, list[str]] = {}
    for node in graph.node:
        if node.op_type not in OPERATIONS or node.domain not in ("", "ai.onnx"):
            op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
            unknown.setdefault(op, []).append(repr(node.name or node.output[0]))
    if unknown:
        found = unknown.items()
        listed = "; ".join(f"{op} (node {', '.join(nodes[:3])}{', ...' * (len(nodes) > 3)})" for op, nodes in found)
        raise NetworkError(
            f"{name} uses operations that are not supported: {listed}. Export the network without them (in inference "
            "mode, unquantised), or keep them outside; docs/import-networks.md lists what is supported."
        )


def _package() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise NetworkError(f"The package onnx, which reads ONNX files, is not installed: {NEEDED}.") from error
    return onnx
