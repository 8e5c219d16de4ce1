"""Networks read from NIR: every node type of NIR 1.0.8, networks within networks, metadata kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from mho.core.errors import MhoError, NetworkError, reason_of
from mho.interchange.nir.plastic import MARK, firing_of, synapse_of
from mho.networks import nodes
from mho.networks.layers import convolution, linear
from mho.networks.nodes import Notes, SpikingNetwork

NEEDED = "pip install 'mho[networks]'"


def read_nir(path: str | Path) -> SpikingNetwork:
    """The network of a NIR file. It runs on a clock (`mho.networks.nodes.simulate`); one without state has `.graph()`.

    Raises:
        NetworkError: If the package nir is missing, the file is truncated or no NIR file, or holds a node that NIR
            1.0.8 does not know; each is named.
    """
    nir = package()
    path = Path(path)
    _refuse_unknown(path)
    try:
        graph = nir.read(path, type_check=False)
    except Exception as error:  # NIR's reader asserts, and its nodes raise what their arrays do
        raise NetworkError(f"{path} is no whole NIR file ({reason_of(error)}). Write it again.") from error
    return network_of_nir(graph, name=str(path))


def network_of_nir(graph: Any, *, name: str = "network") -> SpikingNetwork:
    """The network of a graph that is in memory already; see :func:`read_nir`."""
    found: dict[str, Any] = {}
    said = {"": _plain(graph.metadata)} if graph.metadata else {}
    for key, node in graph.nodes.items():
        kind = type(node).__name__
        if kind not in READERS:
            raise NetworkError(f"{name}: node {key!r} is a {kind}; supported: {', '.join(READERS)}.")
        try:
            _refuse_nan(node)
            found[key] = READERS[kind](node)
        except NetworkError as error:
            raise NetworkError(f"{name}: node {key!r} ({kind}): {error}") from error
        except (MhoError, TypeError, ValueError, IndexError) as error:
            raise NetworkError(f"{name}: node {key!r} ({kind}) cannot be used: {error}") from error
        if node.metadata and kind != "NIRGraph":
            said[key] = _plain(node.metadata)
    edges = tuple((str(a), str(b)) for a, b in graph.edges)
    return SpikingNetwork(found, edges, Notes(said))


def package() -> Any:
    """The package nir.

    Raises:
        NetworkError: If it is not installed.
    """
    try:
        import nir
    except ImportError as error:
        raise NetworkError(f"The package nir, which reads and writes NIR files, is not installed: {NEEDED}.") from error
    return nir


def _refuse_unknown(path: Path) -> None:
    """Name node types that NIR does not know; its own reader fails on them without a word."""
    import h5py

    unknown: list[str] = []

    def look(place: str, item: Any) -> None:
        if place.rpartition("/")[2] == "type" and isinstance(item, h5py.Dataset) and "metadata/" not in place:
            value = item[()]
            kind = value.decode() if isinstance(value, bytes) else str(value)
            if kind not in READERS:
                unknown.append(f"{kind} (node {place.removesuffix('/type').rpartition('nodes/')[2]!r})")

    try:
        with h5py.File(path, "r") as file:
            if "node" not in file:
                raise NetworkError(f"{path} is HDF5 and has no network of NIR in it (no group 'node').")
            file.visititems(look)
    except NetworkError:
        raise
    except Exception as error:  # what is damaged fails in HDF5 in as many ways as it has bytes
        raise NetworkError(f"{path} cannot be read as NIR, or is truncated ({reason_of(error)}).") from error
    if unknown:
        raise NetworkError(
            f"{path} has nodes that NIR 1.0.8 does not know: {', '.join(unknown)}. Supported: {', '.join(READERS)}."
        )


def _refuse_nan(node: Any) -> None:
    for name, value in vars(node).items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.all(np.isfinite(value)):
            at = tuple(int(k) for k in np.argwhere(~np.isfinite(value))[0])
            raise NetworkError(f"{name} holds {value[at]} at {at}; every number must be finite. Correct it.")


def _plain(metadata: Any) -> dict[str, Any]:
    """Metadata as plain values; what mho itself wrote is read into the nodes."""
    kept = {}
    for key, value in metadata.items():
        if key != MARK:
            value = value.decode() if isinstance(value, bytes) else value
            kept[key] = _plain(value) if isinstance(value, dict) else value
    return kept


def _shape(kinds: Any, key: str) -> tuple[int, ...] | None:
    value = None if kinds is None else kinds.get(key)
    return None if value is None else tuple(int(n) for n in np.asarray(value).reshape(-1))


def _weights(node: Any) -> Any:
    """A linear layer, with synapses where mho wrote some; the arrays stay as the file has them."""
    weight, bias = np.asarray(node.weight), getattr(node, "bias", None)
    if weight.ndim != 2:
        return nodes.Matrix(weight, bias)
    layer = _as_stored(linear(weight, bias), weight, bias)
    synapse = synapse_of(node.metadata)
    return layer if synapse is None else nodes.Synapses(layer, synapse)


def _convolution(node: Any) -> Any:
    axes = np.ndim(node.weight) - 2
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    if isinstance(padding, str):
        if padding == "same" and np.any(np.asarray(node.stride) != 1):
            raise NetworkError("padding 'same' has no meaning with a stride; give the padding in numbers.")
        padding = padding.upper()
    else:
        padding = _each(padding, axes)
    stride, dilation = (_each(getattr(node, n), axes) for n in ("stride", "dilation"))
    options: dict[str, Any] = {"stride": stride, "dilation": dilation, "groups": int(np.asarray(node.groups))}
    layer = convolution(node.weight, node.bias, padding=padding, **options)
    return _as_stored(layer, node.weight, node.bias)


def _as_stored(layer: Any, weight: Any, bias: Any) -> Any:
    """The layer with the file's own arrays: JAX would round double precision where it is not switched on."""
    layer = eqx.tree_at(lambda x: x.weight, layer, np.asarray(weight))
    if bias is None:
        return layer
    return eqx.tree_at(lambda x: x.bias, layer, np.asarray(bias).reshape(layer.bias.shape))


def _each(value: Any, axes: int) -> tuple[int, ...]:
    numbers = [int(n) for n in np.asarray(value).reshape(-1)]
    return tuple(numbers * axes if len(numbers) == 1 else numbers)


def _pool(kind: str) -> Callable[[Any], nodes.Pool]:
    def reader(node: Any) -> nodes.Pool:
        sizes = (node.kernel_size, node.stride, node.padding)
        return nodes.Pool(kind, *(_number_or_pair(s) for s in sizes))

    return reader


def _number_or_pair(value: Any) -> Any:
    numbers = np.asarray(value)
    return int(numbers) if numbers.ndim == 0 else tuple(int(n) for n in numbers)


def _same(kind: type, *names: str, fires: bool = False) -> Callable[[Any], Any]:
    """A node whose numbers have the same names here and there."""

    def reader(node: Any) -> Any:
        values = {n: np.asarray(getattr(node, n)) for n in names}
        return kind(**values, **(firing_of(node.metadata) if fires else {}))

    return reader


READERS: dict[str, Callable[[Any], Any]] = {
    "Affine": _weights,
    "AvgPool2d": _pool("average"),
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "CubaLI": _same(nodes.CubaLI, "tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    "CubaLIF": _same(nodes.CubaLIF, "tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in", fires=True),
    "Delay": lambda node: nodes.Delay.of(node.delay),
    "Flatten": lambda node: nodes.Flatten(int(node.start_dim), int(node.end_dim)),
    "I": _same(nodes.Integrator, "r"),
    "IF": _same(nodes.IF, "r", "v_threshold", "v_reset", fires=True),
    "Input": lambda node: nodes.Input(_shape(node.input_type, "input")),
    "LI": _same(nodes.LI, "tau", "r", "v_leak"),
    "LIF": _same(nodes.LIF, "tau", "r", "v_leak", "v_threshold", "v_reset", fires=True),
    "Linear": _weights,
    "NIRGraph": lambda node: network_of_nir(node, name="network within"),
    "Output": lambda node: nodes.Output(_shape(node.output_type, "output")),
    "Scale": _same(nodes.Scale, "scale"),
    "SumPool2d": _pool("sum"),
    "Threshold": _same(nodes.Threshold, "threshold"),
}
