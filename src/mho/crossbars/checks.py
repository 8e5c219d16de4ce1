"""What goes into an array is looked at once, where it comes in; traced values pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.core import Tracer

from mho.core.errors import InputError
from mho.core.quantities import engineering
from mho.crossbars.bias import Bias


def checked_conductance(conductance: Any, name: str = "conductance") -> tuple[int, int]:
    """Rows and columns of an array of conductances.

    Raises:
        InputError: If it is not a matrix with cells, or a conductance is negative, not a number, or infinite.
    """
    shape = np.shape(conductance)
    if len(shape) != 2 or 0 in shape:
        raise InputError(f"The {name} has shape {shape}; it must be a matrix (rows, columns) of at least one cell.")
    if isinstance(conductance, Tracer):
        return shape
    g = np.asarray(conductance)
    if g.min() >= 0.0 and np.isfinite(g.max()):  # NaN fails the first
        return shape
    bad = ~(np.isfinite(g) & (g >= 0))
    i, j = (int(k) for k in np.argwhere(bad)[0])
    raise InputError(
        f"The {name} of row {i}, column {j} is {engineering(float(g[i, j]), 'S')} ({int(bad.sum())} such cells); "
        "it must be finite and at least 0 S. An open cell has 0 S; a short has "
        "what its own resistance gives, such as 1 kS."
    )


def checked_bias(bias: Bias, shape: tuple[int, int]) -> None:
    """Look at what is connected.

    Raises:
        InputError: If nothing is, or a number of voltages is not that of the lines, or one is infinite.
    """
    sides = (
        ("left", "row", shape[0]),
        ("right", "row", shape[0]),
        ("top", "column", shape[1]),
        ("bottom", "column", shape[1]),
    )
    batches = set()
    connected = 0
    for (side, line, count), v in zip(sides, bias, strict=True):
        if v is None:
            continue
        connected += 1
        size = np.shape(v)
        if len(size) not in (1, 2) or size[-1] != count:
            raise InputError(
                f"The voltages at the {side} have shape {size}; they must be one a {line}, ({count},) "
                f"or (batch, {count})."
            )
        batches.update(size[:-1])
        if not isinstance(v, Tracer):
            _checked_voltages(np.asarray(v), side, line)
    if not connected:
        raise InputError("Nothing is connected to the array. Give voltages for at least one end of rows or columns.")
    if len(batches) > 1:
        raise InputError(f"The voltages come in batches of {sorted(batches)}; all ends must have the same number.")


def _checked_voltages(v: np.ndarray, side: str, line: str) -> None:
    if np.isinf(v).any():
        raise InputError(f"A voltage at the {side} is infinite; it must be finite, or NaN where a {line} is left open.")
    if v.ndim == 2 and len(v) > 1:
        open_ = np.isnan(v)
        if (open_ != open_[0]).any():
            raise InputError(
                f"The {line}s left open at the {side} differ within the batch; they must be the same in all. Solve the "
                "groups apart, or use jax.vmap."
            )


def checked_tolerance(tolerance: float, iterations: int) -> None:
    """Look at the asked accuracy.

    Raises:
        InputError: If double precision cannot reach it, or it is no accuracy; or there are no iterations.
    """
    if not 1e-13 <= tolerance <= 1e-2:
        raise InputError(f"The tolerance is {tolerance:.3g}; it must lie in 1e-13 to 1e-2. 1e-10 is usual.")
    if iterations < 1:
        raise InputError(f"max_iterations is {iterations}; it must be at least 1.")
