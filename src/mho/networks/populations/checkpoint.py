"""Keeping a network's state in a file, and going on from it to the bit."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError
from mho.networks.populations.network import SpikingNetwork
from mho.networks.populations.plan import NetworkState, plan


def save_state(state: NetworkState, path: str | Path) -> Path:
    """Write a state to a NumPy archive (.npz).

    Raises:
        InputError: If what is given is no state, or the file cannot be written.
    """
    path = Path(path)
    if not isinstance(state, NetworkState):
        raise InputError(f"A {type(state).__name__} is no state of a network; give the `state` of a result.")
    leaves = jax.tree_util.tree_flatten_with_path(state)[0]
    try:
        with path.open("wb") as file:
            np.savez(file, **{jax.tree_util.keystr(where)[1:]: np.asarray(leaf) for where, leaf in leaves})  # type: ignore[arg-type]
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}. Name a file in a folder that exists.") from error
    return path


def load_state(network: SpikingNetwork, path: str | Path, *, dtype: Any = np.float32) -> NetworkState:
    """Read a state that :func:`save_state` wrote of the same network.

    Args:
        network: The network.
        path: The file.
        dtype: Precision of the run.

    Raises:
        InputError: If the file is missing or cut off, or holds the state of another network, step or precision.
    """
    rest = plan(network, dtype).rest
    leaves, structure = jax.tree_util.tree_flatten_with_path(rest)
    try:
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as a state: {error}. Was it cut off? Name a whole file that save_state wrote."
        ) from error
    if "dt" not in found:
        raise InputError(f"{path} does not tell the step of its clock; it holds no whole state. Save the state again.")
    check_step(str(path), float(found["dt"]), network.dt)
    kept = []
    for where, leaf in leaves:
        name, own = jax.tree_util.keystr(where)[1:], np.asarray(leaf)
        value = found.pop(name, None)
        if value is None or value.shape != own.shape or value.dtype != own.dtype:
            there = "missing" if value is None else f"{value.dtype} of shape {value.shape}"
            raise InputError(
                f"{path} holds the state of another network: {name} is {there}, and {own.dtype} of shape {own.shape} "
                "here. Use the network, with its sizes and delays, and the precision that it was saved with."
            )
        kept.append({"step": int, "dt": float}.get(name, np.asarray)(value))
    if found:
        raise InputError(f"{path} holds the state of another network: it has {', '.join(sorted(found))} besides.")
    return jax.tree.unflatten(structure, kept)


def check_step(what: str, was: float, dt: float) -> None:
    """Raise if a state was made on a clock of another step: its delays and times would change their length."""
    if abs(was - dt) > 1e-9 * dt:
        raise InputError(
            f"{what} was made in steps of {engineering(was, 's')}, and the network runs in steps of "
            f"{engineering(dt, 's')}. Use the dt that it was made with."
        )
