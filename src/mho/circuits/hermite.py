"""The cubic between two points of a waveform with given slopes."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax


def hermite(x: Any, y0: Any, y1: Any, d0: Any, d1: Any) -> Any:
    """Cubic through y0 and y1 with end slopes d0 and d1 (per unit of x), at x in [0, 1]."""
    return y0 + x * (d0 + x * (3 * (y1 - y0) - 2 * d0 - d1 + x * (2 * (y0 - y1) + d0 + d1)))


def crossing_fraction(y0: Any, y1: Any, d0: Any, d1: Any) -> Any:
    """Where in [0, 1] the Hermite cubic from y0 to y1 of opposite signs is zero."""
    x = jnp.clip(y0 / jnp.where(y0 == y1, 1.0, y0 - y1), 0.0, 1.0)
    c2, c3 = 3 * (y1 - y0) - 2 * d0 - d1, 2 * (y0 - y1) + d0 + d1
    for _ in range(5):
        slope = d0 + x * (2 * c2 + 3 * x * c3)
        value = y0 + x * (d0 + x * (c2 + x * c3))
        x = jnp.clip(x - value / lax.stop_gradient(jnp.where(slope == 0, 1.0, slope)), 0.0, 1.0)
    return x
