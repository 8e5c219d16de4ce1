"""What an argument must be before anything is made of it."""

from __future__ import annotations

from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import InputError, ParameterError


def check_size(what: str, size: Any) -> None:
    """Raise if a number of neurons or sources is no whole number from 1 on."""
    if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < 1:
        raise ParameterError(f"{what} is {size!r}; it must be a whole number from 1 on. Correct it.")


def check_number(what: str, value: Any, unit: str, example: str) -> None:
    """Raise if a value is not one plain number, such as text with a unit."""
    if isinstance(value, bool) or not (isinstance(value, Real) or (np.ndim(value) == 0 and _real(value))):
        raise InputError(f"{what} is {value!r}; give a plain number in {unit}, such as {example}.")


def check_key(what: str, key: Any) -> None:
    """Raise if a value is no JAX random key."""
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ()
    if not typed and not (dtype == np.uint32 and shape is not None and len(shape) == 1):
        raise InputError(f"{what} is {key!r}, which is not a JAX random key. Give jax.random.key(3), or split one.")


def check_precision(dtype: Any) -> np.dtype[Any]:
    """The precision as a NumPy type.

    Raises:
        InputError: If it is neither single nor double.
    """
    try:
        found = None if dtype is None else np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found not in (np.dtype(np.float32), np.dtype(np.float64)):  # None equals float64 to NumPy
        raise InputError(f"dtype is {dtype!r}; a network runs in np.float32 or np.float64. Choose one of them.")
    return found


def numbers(what: str, values: Any, unit: str) -> np.ndarray:
    """Values in double precision.

    Raises:
        ParameterError: If they are no numbers.
    """
    array = np.asarray(values)
    if not _real(array):
        raise ParameterError(f"{what} is {values!r}; give numbers in {unit}, without a unit's name.")
    return array.astype(np.float64)


def whole_numbers(what: str, values: Any) -> np.ndarray:
    """Numbers of neurons or synapses as they are.

    Raises:
        InputError: If one is not whole.
    """
    array = np.asarray(values)
    if array.size == 0:
        return array.astype(np.int64)
    if not _real(array):
        raise InputError(f"{what} are {values!r}; give whole numbers, counted from 0.")
    wrong = array != np.rint(array)
    if np.any(wrong):
        raise InputError(f"{what} hold {array[wrong].flat[0]}; they must be whole numbers, counted from 0. Correct it.")
    return array.astype(np.int64)


def _real(value: Any) -> bool:
    dtype = np.asarray(value).dtype
    return np.issubdtype(dtype, np.integer) or np.issubdtype(dtype, np.floating)
