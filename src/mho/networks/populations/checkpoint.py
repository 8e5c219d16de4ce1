"""Keeping a network's state in a file, and going on from it to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np

from mho.core.errors import InputError
from mho.networks.populations.network import SpikingNetwork
from mho.networks.populations.plan import NetworkState, plan


def save_state(state: NetworkState, path: str | Path) -> Path:
    """Write a state to a NumPy archive (.npz)."""
    path = Path(path)
    leaves = jax.tree_util.tree_flatten_with_path(state)[0]
    with path.open("wb") as file:
        np.savez(file, **{jax.tree_util.keystr(where)[1:]: np.asarray(leaf) for where, leaf in leaves})  # type: ignore[arg-type]
    return path


def load_state(network: SpikingNetwork, path: str | Path, *, dtype: Any = np.float32) -> NetworkState:
    """Read a state that :func:`save_state` wrote of the same network.

    Args:
        network: The network.
        path: The file.
        dtype: Precision of the run.

    Raises:
        InputError: If the file is missing, or holds the state of another network or precision.
    """
    rest = plan(network, dtype).rest
    leaves, structure = jax.tree_util.tree_flatten_with_path(rest)
    try:
        with np.load(path) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a state: {error}. Name a file that save_state wrote.") from error
    kept = []
    for where, leaf in leaves:
        name, own = jax.tree_util.keystr(where)[1:], np.asarray(leaf)
        value = found.pop(name, None)
        if value is None or value.shape != own.shape or value.dtype != own.dtype:
            there = "missing" if value is None else f"{value.dtype} of shape {value.shape}"
            raise InputError(
                f"{path} holds the state of another network: {name} is {there}, and {own.dtype} of shape {own.shape} "
                "here. Use the network and the precision that it was saved with."
            )
        kept.append(int(value) if name == "step" else value)
    if found:
        raise InputError(f"{path} holds the state of another network: it has {', '.join(sorted(found))} besides.")
    return jax.tree.unflatten(structure, kept)
