"""The whole of a chip as named arrays, in memory or in a file, and back."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.core.errors import ChipError

_FORM = 1
_HEAD = "head"


@dataclass(frozen=True)
class Snapshot:
    """Numbers of a chip by their place in it, and what is needed to build it again.

    Args:
        numbers: Arrays by name.
        head: Plain values: the matrices with their grids, and how they were prepared.
    """

    numbers: dict[str, np.ndarray]
    head: dict[str, Any]

    def save(self, path: str | Path) -> Path:
        """Write to a file (NumPy's ``.npz``), whole or not at all."""
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        with temporary.open("wb") as file:
            np.savez(file, **{_HEAD: np.asarray(json.dumps(self.head))}, **self.numbers)  # pyright: ignore
        temporary.replace(path)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Snapshot:
        """Read from a file.

        Raises:
            ChipError: If there is no such file, or it is no snapshot.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                head = json.loads(str(file[_HEAD]))
                numbers = {name: file[name] for name in file.files if name != _HEAD}
        except FileNotFoundError as error:
            raise ChipError(f"{path} does not exist. Save a snapshot there first.") from error
        except (KeyError, ValueError, OSError, EOFError) as error:
            raise ChipError(f"{path} is no snapshot of a chip: {error}") from error
        if head.get("form") != _FORM:
            raise ChipError(f"{path} is a snapshot of form {head.get('form')}; this version reads form {_FORM}.")
        return cls(numbers, head)


def taken(tree: Any, head: dict[str, Any]) -> Snapshot:
    """The numbers of a tree, copied."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    numbers = {
        jax.tree_util.keystr(path): np.array(leaf)
        for path, leaf in leaves
        if eqx.is_array_like(leaf) and not isinstance(leaf, bool)
    }
    return Snapshot(numbers, {"form": _FORM, **head})


def put(tree: Any, snapshot: Snapshot) -> Any:
    """The tree with the numbers of a snapshot.

    Raises:
        ChipError: Names the first number that is missing.
    """

    def one(path: Any, leaf: Any) -> Any:
        if not eqx.is_array_like(leaf) or isinstance(leaf, bool):
            return leaf
        name = jax.tree_util.keystr(path)
        found = snapshot.numbers.get(name)
        if found is None:
            raise ChipError(f"The snapshot has no number {name}; it is that of a chip of another design.")
        return found[()] if np.ndim(found) == 0 else found

    return jax.tree_util.tree_map_with_path(one, tree)
