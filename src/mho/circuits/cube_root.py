"""The cube root that decides on steps, without a library call."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

_BITS = 4 / 3 * (1023 - 0.0450466) * 2.0**52  # the exponent of x^(-1/3) in a float64's bits, centred


def inverse_cube_root(x: Any) -> Any:
    """x^(-1/3) for 1e-12 to 1e12 without a library call (pow is scalar on XLA CPU): exponent bits and Newton."""
    bits = lax.bitcast_convert_type(x, jnp.int64).astype(jnp.float64)
    y = lax.bitcast_convert_type((bits * (-1 / 3) + _BITS).astype(jnp.int64), jnp.float64)
    for _ in range(3):
        y = y * (4.0 - x * y * y * y) * (1 / 3)
    return y
