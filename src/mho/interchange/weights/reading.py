"""One door for trained networks: what a file is, is told by its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import NetworkError
from mho.core.fields import cast
from mho.interchange.nir import read_nir
from mho.interchange.weights.architecture import assemble, lines_of
from mho.interchange.weights.equinox_leaves import MAGIC, read_equinox
from mho.interchange.weights.filling import filled
from mho.interchange.weights.inference import inferred
from mho.interchange.weights.onnx_file import read_onnx
from mho.interchange.weights.recognition import recognise
from mho.interchange.weights.safetensors_file import read_safetensors
from mho.interchange.weights.torch_file import OLD, read_torch

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_network(
    path: str | Path,
    *,
    architecture: str | Path | Sequence[Any] | None = None,
    activation: str | None = None,
    like: Any = None,
    names: Mapping[str, str] | None = None,
    dtype: Any = np.float32,
) -> Any:
    """A trained network from a file: ONNX, PyTorch (`.pt`, `.pth`, safetensors), NIR or Equinox.

    PyTorch's files hold weights without a network. Say which it is: by `architecture`, by `activation` where it is a
    chain of linear layers, or by an Equinox module to fill.

    Args:
        path: The file; its content decides what it is, not its name.
        architecture: For weights alone: lines such as `"conv1 padding=1; relu; flatten; fc1"`, a list of them, or a
            TOML file with `layers = [...]`.
        activation: Name of the function between linear layers.
        like: An Equinox module to fill, or a pair (module, state).
        names: With `like`: the layer's path in the module, and its name in the file, where they differ.
        dtype: Precision of the weights.

    Returns:
        A :class:`mho.networks.Graph`; the module given as `like`, filled; of NIR, a
        :class:`mho.networks.nodes.SpikingNetwork` where a node has a state.

    Raises:
        NetworkError: If the file is truncated or of no known kind, or what it lacks was not given; says the cure.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "ONNX":
        _refuse(path, kind, architecture=architecture, activation=activation, like=like, names=names)
        return read_onnx(path, dtype=dtype)
    if kind == "Equinox":
        _refuse(path, kind, architecture=architecture, activation=activation, names=names)
        if like is None:
            raise NetworkError(f"{path} holds an Equinox module's leaves without names. Give the module: like=module.")
        return read_equinox(path, like)
    if kind == "NIR":
        _refuse(path, kind, architecture=architecture, activation=activation, like=like, names=names)
        network = read_nir(path)
        return network if network.moves() else cast(network.graph(), dtype)
    tensors = read_torch(path) if kind == "PyTorch" else read_safetensors(path)
    if like is not None:
        _refuse(path, "filling a module", architecture=architecture, activation=activation)
        return filled(like, tensors, names=names, dtype=dtype)
    groups = recognise(tensors)
    if architecture is not None:
        _refuse(path, "an architecture", activation=activation, names=names)
        return assemble(lines_of(architecture), groups, dtype=dtype)
    return assemble(inferred(groups, activation), groups, dtype=dtype)


def kind_of(path: Path) -> str:
    """PyTorch, safetensors, ONNX, NIR or Equinox, by the first bytes.

    Raises:
        NetworkError: If there is no such file, or it is none of these.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise NetworkError(f"{path} cannot be read ({error.strerror}). Give the path of a network's file.") from error
    if start.startswith(b"PK\x03\x04") or start.startswith(OLD):
        return "PyTorch"
    if start.startswith(MAGIC):
        return "Equinox"
    if len(start) > 8 and start[8:9] == b"{" and start[7:8] == b"\0":
        return "safetensors"
    if start.startswith(_HDF5):
        return "NIR"
    if start[:1] == b"\x08" or path.suffix == ".onnx":  # the first field of a model is its version
        return "ONNX"
    raise NetworkError(
        f"{path} is no network that is known: it is empty, or its beginning is none of ONNX's, PyTorch's (a zip "
        "archive), safetensors', NIR's (HDF5) or Equinox's. Export the network in one of these."
    )


def _refuse(path: Path, kind: str, **given: Any) -> None:
    extra = [name for name, value in given.items() if value is not None]
    if extra:
        raise NetworkError(f"{path}: {' and '.join(extra)} cannot be used with {kind}. Leave it out.")
