"""Networks written to NIR, so that every tool that reads NIR can read them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from mho.core.errors import NetworkError
from mho.interchange.nir.plastic import metadata_of
from mho.interchange.nir.reading import package
from mho.networks import nodes
from mho.networks.nodes import SpikingNetwork
from mho.networks.nodes.order import plan
from mho.networks.nodes.run import shapes_of

Shapes = dict[str, tuple[int, ...]]


def write_nir(path: str | Path, network: SpikingNetwork) -> None:
    """Write a network to a NIR file; nothing is left behind if that fails.

    Raises:
        NetworkError: If the package nir is missing, an input has no shape, or a node has no counterpart in NIR.
    """
    nir = package()
    graph = nir_of_network(network)
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    try:
        nir.write(part, graph)
        os.replace(part, path)
    except (OSError, TypeError) as error:
        raise NetworkError(
            f"{path} cannot be written ({error}). Metadata may hold numbers, arrays, texts and tables."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def nir_of_network(network: SpikingNetwork) -> Any:
    """The network as a graph of the package nir; see :func:`write_nir`."""
    missing = [n for n in network.inputs if network.nodes[n].shape is None]
    if missing:
        raise NetworkError(
            f"Input {missing[0]!r} has no shape, and NIR needs one: nodes.Input((channels, height, width))."
        )
    order = plan(network)
    shapes = shapes_of(order, {n: network.nodes[n].shape for n in network.inputs}, np.float32)
    takes = {name: shapes[found[0]] if found else shapes[name] for name, found in order.sources.items()}
    return _graph(package(), network, "", takes)


def _graph(nir: Any, network: SpikingNetwork, place: str, takes: Shapes) -> Any:
    found = {}
    for name, node in network.nodes.items():
        path = f"{place}{name}"
        if isinstance(node, SpikingNetwork):
            found[name] = _graph(nir, node, f"{path}.", takes)
            continue
        made = _written(nir, path, node, takes[path])
        made.metadata = {**network.notes.of(name), **metadata_of(node)}
        found[name] = made
    return nir.NIRGraph(found, list(network.edges), metadata=dict(network.notes.of("")), type_check=False)


def _written(nir: Any, path: str, node: Any, given: tuple[int, ...]) -> Any:
    for kind, writer in WRITERS.items():
        if isinstance(node, kind):
            return writer(nir, node, given)
    raise NetworkError(
        f"Node {path!r} is a {type(node).__name__}, which NIR has no node for; it has linear layers, convolutions, "
        "pools, Flatten, Scale, Delay, Threshold and I, LI, LIF, IF, CubaLI, CubaLIF."
    )


def _same(name: str, *fields: str) -> Callable[..., Any]:
    """A node whose numbers have the same names here and there, each of the population's shape, as NIR wants them."""

    def writer(nir: Any, node: Any, given: tuple[int, ...]) -> Any:
        values = {f: np.asarray(getattr(node, f)) for f in fields}
        shapes = {v.shape for f, v in values.items() if f != "w_in"}
        if len(shapes) > 1:
            whole = np.broadcast_shapes(*shapes)
            values = {f: np.broadcast_to(v, whole).copy() for f, v in values.items()}
        return getattr(nir, name)(**{f: v[()] for f, v in values.items()})  # single numbers as such, not as arrays

    return writer


def _linear(nir: Any, node: Any, given: tuple[int, ...]) -> Any:
    layer = node.layer if isinstance(node, nodes.Synapses) else node
    weight = np.asarray(layer.weight)
    return nir.Linear(weight) if layer.bias is None else nir.Affine(weight, np.asarray(layer.bias))


def _convolution(nir: Any, layer: Any, given: tuple[int, ...]) -> Any:
    axes = layer.num_spatial_dims
    if axes not in (1, 2) or layer.padding_mode != "ZEROS":
        raise NetworkError(f"A convolution over {axes} axes with {layer.padding_mode} padding has no node in NIR.")
    padding = layer.padding
    if isinstance(padding, str):
        padding = {"SAME": "same", "VALID": "valid"}.get(padding)
    elif all(before == behind for before, behind in padding):
        padding = tuple(before for before, _ in padding)
    else:
        padding = None
    if padding is None:
        raise NetworkError("A convolution with unequal padding before and behind has no node in NIR. Pad it equally.")
    weight = np.asarray(layer.weight)
    bias = np.zeros(len(weight), weight.dtype) if layer.bias is None else np.asarray(layer.bias).reshape(-1)
    sizes = {"stride": layer.stride, "padding": padding, "dilation": layer.dilation}
    if axes == 1:
        sizes = {k: v if isinstance(v, str) else int(v[0]) for k, v in sizes.items()}
    places = int(given[1]) if axes == 1 else tuple(int(n) for n in given[1:])
    kind = nir.Conv1d if axes == 1 else nir.Conv2d
    return kind(input_shape=places, weight=weight, bias=bias, groups=layer.groups, **sizes)


def _pool(nir: Any, node: nodes.Pool, given: tuple[int, ...]) -> Any:
    kind = nir.SumPool2d if node.kind == "sum" else nir.AvgPool2d
    return kind(np.asarray(node.kernel), np.asarray(node.stride), np.asarray(node.padding))


def _flatten(nir: Any, node: nodes.Flatten, given: tuple[int, ...]) -> Any:
    return nir.Flatten({"input": np.asarray(given)}, node.start, node.end)


def _input(nir: Any, node: nodes.Input, given: tuple[int, ...]) -> Any:
    return nir.Input({"input": np.asarray(given if node.shape is None else node.shape)})


def _output(nir: Any, node: nodes.Output, given: tuple[int, ...]) -> Any:
    return nir.Output({"output": np.asarray(given if node.shape is None else node.shape)})


WRITERS: dict[type, Callable[..., Any]] = {
    eqx.nn.Conv: _convolution,
    eqx.nn.Linear: _linear,
    nodes.CubaLI: _same("CubaLI", "tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    nodes.CubaLIF: _same("CubaLIF", "tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
    nodes.Delay: lambda nir, node, given: nir.Delay(node.times[()]),
    nodes.Flatten: _flatten,
    nodes.IF: _same("IF", "r", "v_threshold", "v_reset"),
    nodes.Input: _input,
    nodes.Integrator: _same("I", "r"),
    nodes.LI: _same("LI", "tau", "r", "v_leak"),
    nodes.LIF: _same("LIF", "tau", "r", "v_leak", "v_threshold", "v_reset"),
    nodes.Matrix: _linear,
    nodes.Output: _output,
    nodes.Pool: _pool,
    nodes.Scale: _same("Scale", "scale"),
    nodes.Synapses: _linear,
    nodes.Threshold: _same("Threshold", "threshold"),
}
