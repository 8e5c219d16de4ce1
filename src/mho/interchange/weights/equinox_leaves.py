"""Equinox's own files: the leaves of a module, one behind the other, without names."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import equinox as eqx

from mho.core.errors import NetworkError, reason_of

Module = TypeVar("Module")
MAGIC = b"\x93NUMPY"


def read_equinox(path: str | Path, like: Module) -> Module:
    """The module with the leaves that `eqx.tree_serialise_leaves` wrote.

    Args:
        path: The file.
        like: A module built as the saved one was (its numbers do not matter).

    Raises:
        NetworkError: If the file is truncated, longer than the module, or its leaves have other shapes or types.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            module = eqx.tree_deserialise_leaves(file, like)
            rest = file.read(1)
    except OSError as error:
        raise NetworkError(f"{path} cannot be read ({error.strerror}). Give the path of an Equinox file.") from error
    except Exception as error:  # NumPy's reader fails in many ways on what is no array
        raise NetworkError(
            f"{path} does not hold the leaves of this {type(like).__name__} ({reason_of(error)}). Build the module "
            "with the sizes that it had when it was saved, or save it again if the file was cut off."
        ) from error
    if rest:
        raise NetworkError(f"{path} holds more leaves than this {type(like).__name__}. Build it as it was when saved.")
    return module
