"""What is refused before any training: samples that do not fit, weights that are none, rules that do not exist."""

from __future__ import annotations

import enum
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from mho.core import engineering
from mho.core.errors import InputError, ParameterError


def concrete(*values: Any) -> bool:
    """Whether all leaves are numbers; what JAX traces has none to look at."""
    return not any(isinstance(x, Tracer) for x in jax.tree.leaves(values))


def check_numbers(name: str, values: Any, unit: str, shape: tuple[int, ...], high: float | None = None) -> None:
    """Refuse numbers of another shape, not finite, or beyond `high` either way; of what is traced, the shape alone.

    Raises:
        InputError: Names the first wrong entry, its value and the range.
    """
    if np.shape(values) != shape:
        raise InputError(
            f"{name} have shape {np.shape(values)}; the cells hold (outputs, inputs) = {shape}. Give one number "
            "a weight."
        )
    if not concrete(values):
        return
    x = np.asarray(values)
    bad = ~np.isfinite(x)
    asked = "finite"
    if high is not None:
        bad, asked = bad | (np.abs(x) > high), f"from {engineering(-high, unit)} to {engineering(high, unit)}"
    if np.any(bad):
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        raise InputError(
            f"{name} are {engineering(float(x[at]), unit)} at {list(at)}, and wrong in {int(bad.sum())} places; they "
            f"must be {asked}. Scale or correct them."
        )


def check_labels(labels: Any, n: int, classes: int) -> None:
    """Refuse labels that are not one a sample, or of no class.

    Raises:
        InputError: Names what is wrong.
    """
    if np.shape(labels) != (n,):
        raise InputError(f"The labels have shape {np.shape(labels)} for {n} samples; give one label a sample: ({n},).")
    if not concrete(labels):
        return
    x = np.asarray(labels)
    bad = ~(np.isfinite(x) & (x == np.round(x)) & (x >= 0) & (x < classes))
    if np.any(bad):
        at = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"Label [{at}] is {x[at]}; labels must be whole numbers from 0 to {classes - 1}, of {classes} classes. "
            "Renumber them, or give more classes."
        )


def check_positive(name: str, value: Any, unit: str, *, zero: bool = False) -> None:
    """Refuse a number that is not finite or not above 0 (or not at least 0).

    Raises:
        InputError: Names it, its value and the range.
    """
    if not concrete(value):
        return
    x = float(value)
    if not np.isfinite(x) or x < 0 or (x == 0 and not zero):
        least = "at least" if zero else "above"
        raise InputError(f"{name} is {engineering(x, unit)}; it must be finite and {least} {engineering(0, unit)}.")


def check_epochs(epochs: int) -> None:
    """Refuse a training without a pass.

    Raises:
        InputError: If there are fewer than 1.
    """
    if epochs < 1:
        raise InputError(f"epochs is {epochs}; a training needs at least 1.")


def check_kind(name: str, value: Any, kinds: type | tuple[type, ...]) -> None:
    """Refuse a choice that is none, with the names of those there are.

    Raises:
        ParameterError: Names it and what is allowed.
    """
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if isinstance(value, kinds):
        return
    if issubclass(kinds[0], enum.Enum):
        allowed = ", ".join(str(k) for k in kinds[0])
    else:
        allowed = ", ".join(k.__name__ for k in kinds)
    raise ParameterError(f"{name} is {value!r}; it must be one of: {allowed}.")
