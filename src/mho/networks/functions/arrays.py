"""Arrays that functions share: whole numbers known before the run stay in NumPy, everything else goes through JAX.

Shapes that a network computes (the batch, a product of axes) are then plain numbers when a program is compiled.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np


def space(*arrays: Any) -> ModuleType:
    """NumPy if all arrays are known before the run, else JAX's twin of it."""
    return np if all(isinstance(x, np.ndarray | np.generic) for x in arrays) else jnp


def together(*arrays: Any) -> tuple[Any, ...]:
    """The arrays broadcast to one shape, and those known before the run in the type of the others."""
    where = space(*arrays)
    shape = np.broadcast_shapes(*(np.shape(x) for x in arrays))
    lead = next((x.dtype for x in arrays if not isinstance(x, np.ndarray | np.generic)), None)
    return tuple(where.broadcast_to(_typed(x, lead), shape) for x in arrays)


def _typed(array: Any, lead: Any) -> Any:
    """A known number in the run's type, unless whole numbers run and it is none."""
    if lead is None or not isinstance(array, np.ndarray | np.generic):
        return array
    number = np.dtype(lead).kind != "b" and array.dtype.kind != "b"
    fits = number and (jnp.issubdtype(lead, np.floating) or np.issubdtype(array.dtype, np.integer))
    return jnp.asarray(array, lead if fits else None)


def whole(values: Any) -> tuple[int, ...]:
    """A list of axes or lengths as plain numbers."""
    return tuple(int(v) for v in np.asarray(values).reshape(-1))
