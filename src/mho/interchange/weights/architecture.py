"""What a file of weights does not say: the order of layers, what stands between them, strides and paddings.

Written as lines, each a layer by the name that its weights have in the file, or a function, with options:

.. code-block:: text

    conv1 stride=2 padding=1
    relu
    max_pool kernel=2
    flatten
    fc1

A line takes what the line before gives, or what `inputs=a,b` names; `name=a` gives a line a name.
"""

from __future__ import annotations

import ast
import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import NetworkError
from mho.interchange.weights.recognition import CONVOLUTIONS, Group
from mho.interchange.weights.torch_layers import BUILDERS
from mho.networks.functions import FUNCTIONS
from mho.networks.functions.elementwise import ELEMENTWISE
from mho.networks.functions.windows import WINDOWS
from mho.networks.graph import Graph, Node, function

INPUT = "input"


@dataclasses.dataclass(frozen=True)
class Line:
    """One layer or function.

    Args:
        what: Name of a layer's weights, or of a function.
        name: Name of the node; default `what`, with a number where that is taken.
        inputs: Nodes that it takes from; default the line before.
        kind: What a layer is, where its weights do not tell.
        options: Strides, paddings, axes.
    """

    what: str
    name: str | None = None
    inputs: tuple[str, ...] | None = None
    kind: str | None = None
    options: tuple[tuple[str, Any], ...] = ()


def lines_of(architecture: str | Path | Sequence[Any]) -> list[Line]:
    """Lines from text (parted by line ends or semicolons), a list of texts or tables, or a TOML file with `layers`.

    Raises:
        NetworkError: If a line cannot be read.
    """
    if isinstance(architecture, Path) or (isinstance(architecture, str) and architecture.endswith(".toml")):
        architecture = _toml(Path(architecture))
    if isinstance(architecture, str):
        architecture = [part for part in architecture.replace(";", "\n").splitlines() if part.split("#")[0].strip()]
    return [_line(item) for item in architecture]


def _toml(path: Path) -> Sequence[Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NetworkError(f"{path} cannot be read as TOML ({error}).") from error
    layers = table.get("layers")
    if not isinstance(layers, list) or set(table) != {"layers"}:
        raise NetworkError(f'{path} needs one list, layers = ["conv1 padding=1", "relu", ...], and nothing else.')
    return layers


def _line(item: Any) -> Line:
    if isinstance(item, Line):
        return item
    if isinstance(item, Mapping):
        words = {str(k): tuple(v) if isinstance(v, list) else v for k, v in item.items()}
        what = words.pop("layer", None)
    else:
        what, *rest = str(item).split("#")[0].split()
        words = {}
        for word in rest:
            key, sign, value = word.partition("=")
            if not sign:
                raise NetworkError(f"{item!r}: {word!r} is no option; write it as NAME=VALUE.")
            words[key] = _value(value)
    if not isinstance(what, str):
        raise NetworkError(f'{item!r} does not say which layer or function it is. Write layer = "NAME".')
    inputs = words.pop("inputs", None)
    inputs = tuple(inputs.split(",")) if isinstance(inputs, str) else inputs
    name, kind = (None if words.get(w) is None else str(words[w]) for w in ("name", "kind"))
    words = {k: v for k, v in words.items() if k not in ("name", "kind")}
    return Line(what, name, inputs, kind, tuple(sorted(words.items())))


def _value(text: str) -> Any:
    try:
        value = ast.literal_eval(text.capitalize() if text in ("true", "false") else text)
    except (ValueError, SyntaxError):
        return text
    return tuple(value) if isinstance(value, list) else value


def assemble(lines: Sequence[Line], groups: Mapping[str, Group], *, dtype: Any = np.float32) -> Graph:
    """The graph of an architecture with its weights.

    Raises:
        NetworkError: If a line names neither layer nor function, a layer of the file is left out, or shapes do not fit.
    """
    nodes: list[Node] = []
    used: set[str] = set()
    channels: dict[str, int | None] = {INPUT: None}
    for line in lines:
        inputs = line.inputs or ((nodes[-1].name,) if nodes else (INPUT,))
        name = line.name or _free(line.what, {n.name for n in nodes})
        if line.what in groups:
            used.add(line.what)
            made = _layer(line, name, groups[line.what], inputs, np.dtype(dtype), channels)
        elif line.what in FUNCTIONS:
            made = [Node(name, function(line.what, **dict(line.options)), inputs)]
        else:
            raise NetworkError(
                f"{line.what!r} is neither a layer of the file ({', '.join(groups)}) nor a function "
                f"({', '.join(sorted(FUNCTIONS))})."
            )
        nodes.extend(made)
        channels[name] = _channels(line.what, made[-1], channels)
    left = [name for name in groups if name not in used]
    if left:
        raise NetworkError(
            f"The architecture leaves out {', '.join(left)}. Add a line for each, or remove their weights."
        )
    return Graph(tuple(nodes), (INPUT,), (nodes[-1].name if nodes else INPUT,))


def _layer(
    line: Line, name: str, group: Group, inputs: Any, dtype: np.dtype, channels: Mapping[str, Any]
) -> list[Node]:
    kind = line.kind or group.kind
    if kind not in BUILDERS:
        held = ", ".join(group.tensors)
        raise NetworkError(f"{name}: no layer is known with the tensors {held}. Known: {', '.join(BUILDERS)}.")
    options = dict(line.options)
    before = channels.get(inputs[0])
    if kind in CONVOLUTIONS.values() and "groups" not in options and before is not None:
        takes = group.tensors["weight"].shape[1]
        if before != takes and before % takes == 0:
            raise NetworkError(
                f"{name} takes {takes} channels a group, and {inputs[0]} gives {before}. Add groups={before // takes}."
            )
    try:
        return BUILDERS[kind](name, group, tuple(inputs), options, dtype)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"{name}: {error}") from error


def _channels(what: str, node: Node, known: Mapping[str, int | None]) -> int | None:
    """Channels that a node gives, where they can be told."""
    layer = node.operation
    if hasattr(layer, "out_channels"):
        return int(layer.out_channels)
    keeps = what in ELEMENTWISE or what in WINDOWS or type(layer).__name__ == "BatchNorm"
    return known.get(node.inputs[0]) if keeps and node.inputs else None


def _free(name: str, taken: set[str]) -> str:
    if name not in taken and name != INPUT:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
