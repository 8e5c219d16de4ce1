"""A graph put together from ONNX's nodes, one by one, with what is known before the run worked out at once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from importlib import import_module
from typing import Any, NoReturn

import jax.numpy as jnp
import numpy as np

from mho.core.errors import NetworkError
from mho.networks.graph import Constant, Graph, Node, Whole, function

_DRAWING = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
LARGEST = 1 << 27  # numbers that are worked out before the run; more would fill the memory


@dataclasses.dataclass(frozen=True)
class Step:
    """One node of an ONNX graph, its attributes as plain values."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    def given(self, index: int) -> str | None:
        """Name of an input, or None where it is left out."""
        return (self.inputs[index] or None) if index < len(self.inputs) else None

    def windows(self, axes: int) -> dict[str, Any]:
        """Strides, dilations and pads (before and after) along so many axes."""
        pads = self.attributes.get("pads", [0] * 2 * axes)
        return {
            "stride": tuple(self.attributes.get("strides", [1] * axes)),
            "dilation": tuple(self.attributes.get("dilations", [1] * axes)),
            "padding": tuple(zip(pads[:axes], pads[axes:], strict=True)),
        }


class Assembly:
    """What is known of an ONNX graph so far: constants, nodes of the new graph, who stands for which value."""

    def __init__(self, onnx: Any, graph: Any, opset: int, name: str, dtype: np.dtype) -> None:
        self.onnx, self.opset, self.name, self.dtype = onnx, opset, name, dtype
        self.constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
        self.inputs = tuple(i.name for i in graph.input if i.name not in self.constants)
        self.outputs = tuple(o.name for o in graph.output)
        self.uses = Counter(name for node in graph.node for name in node.input) + Counter(self.outputs)
        self.nodes: dict[str, Node] = {}
        self.alias: dict[str, str] = {}

    def read(self, node: Any) -> Step:
        """A node of the file."""
        values = {a.name: self.onnx.helper.get_attribute_value(a) for a in node.attribute}
        values = {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}
        return Step(node.op_type, node.name or node.output[0], tuple(node.input), tuple(node.output), values)

    def refuse(self, step: Step, reason: str) -> NoReturn:
        """Name the node, and why it cannot be used."""
        raise NetworkError(f"{self.name}: {step.op} (node {step.name!r}) {reason}")

    def fold(self, node: Any) -> bool:
        """Work a node out at once if all its inputs are constants; whether that was so."""
        known = all(name in self.constants for name in node.input if name)
        if not known or node.op_type in _DRAWING:
            return False
        step = self.read(node)
        if node.op_type == "ConstantOfShape" and np.prod(self.constants[node.input[0]], dtype=float) > LARGEST:
            self.refuse(step, "makes an array that is too large to hold.")
        values = self._worked_out(node)
        self.constants.update({name: np.asarray(v) for name, v in zip(node.output, values, strict=True) if name})
        return True

    def _worked_out(self, node: Any) -> list[Any]:
        helper, reference = self.onnx.helper, import_module("onnx.reference")
        info = [helper.make_tensor_value_info(n, 1, None) for n in dict.fromkeys(node.input) if n]
        outputs = [helper.make_tensor_value_info(n, 1, None) for n in node.output if n]
        graph = helper.make_graph([node], "one", info, outputs)
        opset = [helper.make_opsetid("", self.opset)]
        evaluator = reference.ReferenceEvaluator(helper.make_model(graph, opset_imports=opset))
        given = {n: self.constants[n] for n in node.input if n}
        found = iter(evaluator.run(None, given))
        return [next(found) if n else None for n in node.output]

    def constant(self, step: Step, index: int, what: str) -> np.ndarray | None:
        """A constant input, or None where it is left out.

        Raises:
            NetworkError: If it is computed during the run.
        """
        name = step.given(index)
        if name is None:
            return None
        if name not in self.constants:
            self.refuse(step, f"takes its {what} from {name!r}, which is computed; only constants are supported here.")
        return self.constants[name]

    def weight(self, step: Step, index: int, what: str) -> np.ndarray | None:
        """A constant input in the network's precision."""
        value = self.constant(step, index, what)
        return None if value is None else np.asarray(value, self.dtype)

    def add(self, name: str, operation: Any, inputs: list[str] | tuple[str, ...], rank: int | None = None) -> str:
        """A node under the name of the value that it gives, its inputs named as in the file."""
        self.nodes[name] = Node(name, operation, tuple(self.value(n) for n in inputs), rank)
        return name

    def call(self, step: Step, name: str, inputs: Any = None, **attributes: Any) -> str:
        """A node that is a plain function, of all of the step's inputs unless told otherwise."""
        inputs = [n for n in step.inputs if n] if inputs is None else inputs
        return self.add(step.outputs[0], function(name, **attributes), inputs)

    def value(self, name: str) -> str:
        """The node that stands for a value; constants become nodes when they are first taken."""
        name = self.alias.get(name, name)
        if name in self.constants and name not in self.nodes:
            array = self.constants[name]
            if np.issubdtype(array.dtype, np.integer) or array.dtype == bool:
                numbers = Whole(tuple(array.reshape(-1).tolist()), array.shape, bool(array.dtype == bool))
            else:
                numbers = Constant(jnp.asarray(array, self.dtype))
            self.nodes[name] = Node(name, numbers, ())
        return name

    def rename(self, new: str, old: str) -> None:
        """Let a value be another one."""
        self.alias[new] = self.alias.get(old, old)

    def graph(self) -> Graph:
        """The whole, without what nothing takes."""
        outputs = tuple(self.value(name) for name in self.outputs)
        needed = set(outputs)
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs)
        kept = [n for n in self.nodes.values() if n.name in needed]
        return Graph(tuple(kept), self.inputs, outputs)
