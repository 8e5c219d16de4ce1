"""Fields of modules: plain SI numbers whose unit stands in the field's metadata."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.core.errors import ParameterError
from mho.core.quantities import engineering


def _leaf(value: Any) -> Any:
    """Plain numbers become float64 NumPy leaves (kept exactly, whatever JAX's precision); tracers pass through."""
    if isinstance(value, tuple | list):
        return tuple(_leaf(v) for v in value)
    if isinstance(value, int | float | np.number | np.ndarray):
        return np.asarray(value, np.float64)
    return value


def _kept(value: Any) -> Any:
    """As :func:`_leaf`, but arrays keep the type that a file gave them."""
    return value if isinstance(value, np.ndarray | np.number) else _leaf(value)


def quantity(
    unit: str,
    *,
    positive: bool = False,
    low: float | None = None,
    high: float | None = None,
    exact: bool = False,
    **kwargs: Any,
) -> Any:
    """A module field that holds an SI number (or a tuple of them, one per mode).

    Args:
        unit: SI unit of the field.
        positive: The value must be above zero; fitting moves it on a logarithmic scale.
        low: Smallest value allowed.
        high: Largest value allowed.
        exact: Arrays keep their own floating type: numbers of a file that is written back as it was.
        **kwargs: Passed to :func:`equinox.field`, for example `default`.
    """
    metadata = {"unit": unit, "positive": positive, "low": low, "high": high}
    return eqx.field(converter=_kept if exact else _leaf, metadata=metadata, **kwargs)


def described(module: eqx.Module | type[eqx.Module]) -> dict[str, dict[str, Any]]:
    """Metadata of every quantity field of a module or module class, by field name."""
    return {f.name: dict(f.metadata) for f in dataclasses.fields(module) if "unit" in f.metadata}  # type: ignore[arg-type]


def check_ranges(module: eqx.Module) -> None:
    """Raise if a concrete quantity is not finite, or lies outside the range that its field states.

    Called from `__check_init__`; traced values pass (they were checked when they were plain numbers).

    Raises:
        ParameterError: Names the field, its value with unit, and the range.
    """
    for name, about in described(module).items():
        value = getattr(module, name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, np.ndarray | float | np.number):
                _check_number(f"{type(module).__name__}.{name}", np.asarray(number), about)


def _check_number(name: str, number: np.ndarray, about: dict[str, Any]) -> None:
    low, high, unit = about["low"], about["high"], about["unit"]
    bad = ~np.isfinite(number)
    if about["positive"]:
        bad |= number <= 0
        asked = "above 0"
    else:
        asked = "finite"
    if low is not None:
        bad, asked = bad | (number < low), f"at least {engineering(low, unit)}"
    if high is not None:
        bad, asked = bad | (number > high), f"{asked} and at most {engineering(high, unit)}"
    if np.any(bad):
        value = float(number[bad].flat[0]) if number.ndim else float(number)
        raise ParameterError(
            f"{name} is {engineering(value, unit)}; it must be {asked}. Correct the value or its unit."
        )


def cast(module: Any, dtype: Any) -> Any:
    """The same module with every floating-point leaf as a JAX array of `dtype`: the one cast between floors."""
    import jax.numpy as jnp

    return jax.tree.map(lambda x: jnp.asarray(x, dtype) if eqx.is_inexact_array_like(x) else x, module)
