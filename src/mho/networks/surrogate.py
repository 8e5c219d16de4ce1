"""A spike with a derivative: a step forwards, a smooth bump backwards."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SLOPE = 10.0  # of the bump, in units of the distance from rest to threshold; fitted to nothing, a usual choice


@jax.custom_jvp
def spike(excess: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""1 where `excess` is at least 0, else 0; its derivative is taken as :math:`1/(1 + k|x|)^2`, k = 10.

    Args:
        excess: How far the membrane stands above threshold, as a share of threshold minus rest [1].

    Source: fast sigmoid of Zenke and Ganguli, Neural Computation 30 (2018) 1514 (SuperSpike).
    """
    return (excess >= 0).astype(excess.dtype)


@spike.defjvp
def _spike_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (excess,), (direction,) = primals, tangents
    return spike(excess), direction / (1.0 + SLOPE * jnp.abs(excess)) ** 2
