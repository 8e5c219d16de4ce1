"""Exact solutions that several devices share: linear relaxation, driven linear systems, Arrhenius factors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mho.devices.device import ROOM, Number

BOLTZMANN = 1.380649e-23  # [J/K], exact (SI 2019)


def arrhenius(energy: Number, temperature: Number) -> Number:
    r"""Factor :math:`e^{\frac{E}{k}(\frac1T - \frac1{T_0})}` of a time constant with activation energy `energy` [J].

    T0 is 300.15 K. A rate takes the inverse.
    """
    return jnp.exp(energy / BOLTZMANN * (1.0 / temperature - 1.0 / ROOM))


def relative_decay(y: Number) -> Number:
    """(1 - exp(-y)) / y, finite with its derivatives at y = 0."""
    small = jnp.abs(y) < 1e-5
    safe = jnp.where(small, 1.0, y)
    return jnp.where(small, 1.0 - 0.5 * y, -jnp.expm1(-safe) / safe)


def follow(z: Number, tau_z: Number, drivers: Sequence[tuple[Number, Number]], duration: Number) -> Number:
    r"""z after `duration` when :math:`\tau_z \dot z = \sum_k q_k e^{-t/\tau_k} - z`.

    Args:
        z: Start value.
        tau_z: Time constant of z [s].
        drivers: Pairs of amplitude q_k and time constant tau_k [s].
        duration: Time [s].
    """
    b = 1.0 / tau_z
    after = z * jnp.exp(-duration * b)
    for q, tau in drivers:
        a = 1.0 / tau
        after = after + q * b * duration * jnp.exp(-jnp.minimum(a, b) * duration) * relative_decay(jnp.abs(a - b) * duration)
    return after


def integral_of_cube(modes: Sequence[tuple[Number, Number]], duration: Number) -> Number:
    r""":math:`\int_0^D (\sum_k q_k e^{-t/\tau_k})^3 dt` for pairs (q_k, tau_k [s]) [s]."""
    total = 0.0
    for triple in itertools.combinations_with_replacement(range(len(modes)), 3):
        ways = math.factorial(3) // math.prod(math.factorial(triple.count(i)) for i in set(triple))
        rate = sum(1.0 / modes[i][1] for i in triple)
        amplitude = math.prod((modes[i][0] for i in triple), start=1.0)
        total = total - ways * amplitude * jnp.expm1(-duration * rate) / rate
    return total  # type: ignore[return-value]


def transition(matrix: Sequence[Sequence[Number]], duration: Number) -> Float[Array, "... n n"]:
    """exp(matrix * duration) of a small matrix given as rows of scalars or batches."""
    entries = jnp.broadcast_arrays(*(jnp.asarray(x * duration) for row in matrix for x in row))
    n = len(matrix)
    stacked = jnp.stack(entries, axis=-1).reshape(*entries[0].shape, n, n)
    return jax.scipy.linalg.expm(stacked)


def apply(matrix: Float[Array, "... n n"], vector: Sequence[Number]) -> tuple[Number, ...]:
    """Matrix times a vector of scalars or batches, as a tuple."""
    n = len(vector)
    return tuple(sum((matrix[..., i, j] * vector[j] for j in range(n)), start=jnp.zeros(())) for i in range(n))
