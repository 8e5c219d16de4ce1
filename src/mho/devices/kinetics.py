"""Exact solutions that several devices share: linear relaxation, driven linear systems, Arrhenius factors."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from mho.devices.device import ROOM, Number

BOLTZMANN = 1.380649e-23  # [J/K], exact (SI 2019)
ELEMENTARY_CHARGE = 1.602176634e-19  # [C], exact (SI 2019); also one electronvolt in joules
_DOUBLINGS = 36  # steps are 2^-36 of the duration: the start series holds up to rate times duration = 1e9
_SERIES = 0.05  # below this, eight terms of (1 - exp(-y))/y are exact to double precision
_TINY = 1e-30  # smallest magnitude raised to a power; a normal float32


def known(value: Any, target: float) -> bool:
    """Whether `value` is a plain number (not a traced one) equal to `target` everywhere: work can then be left out."""
    return isinstance(value, np.ndarray | np.number | float | int) and bool(np.all(np.asarray(value) == target))


def arrhenius(energy: Number, temperature: Number) -> Number:
    r"""Factor :math:`e^{\frac{E}{k}(\frac1T - \frac1{T_0})}` of a time constant with activation energy `energy` [J].

    T0 is 300.15 K. A rate takes the inverse.
    """
    if known(energy, 0.0) or known(temperature, ROOM):
        return 1.0  # type: ignore[return-value]
    return jnp.exp(energy / BOLTZMANN * (1.0 / temperature - 1.0 / ROOM))


def onset(v: Number, reference: Number, scale: Number, *, most: float = 40.0) -> Number:
    r"""Exponential drive, :math:`(e^{v/s}-1)/(e^{v_{ref}/s}-1)`: 1 at the reference, 0 at and below no voltage.

    Args:
        v: Voltage [V].
        reference: v_ref [V].
        scale: s [V].
        most: Largest argument of exp; it keeps a Newton iterate finite in single precision [1].
    """
    forward = jnp.clip(v / scale, 0.0, most)
    return jnp.expm1(forward) / jnp.expm1(jnp.clip(reference / scale, 0.0, most))


def relative_decay(y: Number) -> Number:
    """(1 - exp(-y)) / y for y >= 0, to rounding error with its derivatives, also at and near y = 0."""
    small = jnp.abs(y) < _SERIES
    near, far = jnp.where(small, y, 0.0), jnp.where(small, 1.0, y)
    series = jnp.zeros_like(near) + 1.0 / math.factorial(9)
    for n in range(8, 0, -1):
        series = 1.0 / math.factorial(n) - near * series
    return jnp.where(small, series, -jnp.expm1(-far) / far)


def signed_power(q: Number, exponent: Number) -> Number:
    """sign(q)·|q|^exponent, with a finite derivative at q = 0 (1 for exponent 1); free of cost where 1 is known."""
    if known(exponent, 1.0):
        return q
    return q * jnp.exp((exponent - 1.0) * jnp.log(jnp.maximum(jnp.abs(q), _TINY)))


def follow(z: Number, rate: Number, drivers: Sequence[tuple[Number, Number]], duration: Number) -> Number:
    r"""The follower z after `duration` when :math:`\dot z = b\,(\sum_k q_k e^{-a_k t} - z)`.

    Args:
        z: Start value.
        rate: b [1/s].
        drivers: Pairs of amplitude q_k and rate a_k [1/s]; equal rates are no special case.
        duration: Time [s].
    """
    after = z * jnp.exp(-duration * rate)
    for q, a in drivers:
        apart = relative_decay(jnp.abs(a - rate) * duration)
        after = after + q * rate * duration * jnp.exp(-jnp.minimum(a, rate) * duration) * apart
    return after


def integral_of_cube(modes: Sequence[tuple[Number, Number]], duration: Number) -> Number:
    r""":math:`\int_0^D (\sum_k q_k e^{-a_k t})^3 dt` for pairs of amplitude q_k and rate a_k [1/s], in s."""
    total: Any = 0.0
    for triple in triples(len(modes)):
        rate = sum(modes[i][1] for i in triple)
        amplitude = math.prod((modes[i][0] for i in triple), start=1.0)
        total = total + multiplicity(triple) * amplitude * duration * relative_decay(duration * rate)
    return total


def triples(n: int) -> list[tuple[int, ...]]:
    """The distinct monomials of degree three in n variables, as ascending index triples."""
    return list(itertools.combinations_with_replacement(range(n), 3))


def multiplicity(triple: tuple[int, ...]) -> int:
    """How often a monomial occurs when a sum is cubed."""
    return math.factorial(3) // math.prod(math.factorial(triple.count(i)) for i in set(triple))


def _times(a: Array, b: Array) -> Array:
    """Matrix product of arrays (n, m, *batch) and (m, k, *batch): the batch lies last, where a CPU vectorises."""
    return jnp.sum(a[:, :, None] * b[None], axis=1)


def _through(cube: Array, matrix: Array) -> Array:
    """The cubic form `cube` (m, m, m, *batch) of a vector that has passed through `matrix`."""
    for axis in range(3):
        moved = jnp.moveaxis(cube, axis, 0)
        moved = jnp.sum(moved[:, None] * jnp.expand_dims(matrix, (2, 3)), axis=0)
        cube = jnp.moveaxis(moved, 0, axis)
    return cube


def flow(rows: Sequence[Sequence[Number]], duration: Number, cubed: Sequence[float]) -> tuple[Array, Array]:
    r"""The flow of a constant linear system :math:`\dot v = A v`: :math:`e^{AD} - 1` and :math:`\int_0^D (w v)^3 dt`.

    Both are doubled 36 times from a step of :math:`2^{-36} D`: with E for the change, :math:`E_{2h} = 2E_h + E_h^2`,
    and the cubic form gains itself taken through the step. Working with the change keeps the *relative* accuracy of a
    jump by a short pulse, in float32 too; a duration of zero gives exactly no change; nothing divides, so equal rates
    and zero rates are no special case. Error: rounding, while rate times duration stays below 1e9.

    Args:
        rows: A [1/s] as rows of scalars or batches.
        duration: D [s].
        cubed: w; only the first len(w) variables enter, and they must not depend on the others.

    Returns:
        The change, shape (n, n, *batch), and the cubic form's coefficients in the start values [s], (m, m, m, *batch).
    """
    n = len(rows)
    entries = jnp.broadcast_arrays(*(jnp.asarray(x * duration) for row in rows for x in row))
    batch = entries[0].shape
    # One axis holds a batch of any rank: with three and more of them XLA's CPU code has been seen to write elsewhere.
    flat = batch if len(batch) < 2 else (-1,)
    change, form = _by_blocks(jnp.stack(entries).reshape(n, n, *flat), tuple(cubed))
    return change.reshape(*change.shape[:2], *batch), form.reshape(*form.shape[:3], *batch) * duration


_BLOCK = 64  # systems whose doublings stay in a core's cache: fourteen times as fast as 8192 at once


def _by_blocks(matrix: Array, cubed: tuple[float, ...]) -> tuple[Array, Array]:
    """As :func:`_doubled`, a large batch block by block; matrix is (n, n) or (n, n, batch)."""
    size = matrix.size // matrix.shape[0] ** 2
    if matrix.ndim < 3 or size <= _BLOCK:
        return _doubled(matrix, cubed)
    filled = jnp.pad(matrix, ((0, 0), (0, 0), (0, -size % _BLOCK)), mode="edge")
    blocks = jnp.moveaxis(filled.reshape(*filled.shape[:2], -1, _BLOCK), 2, 0)
    found = lax.map(functools.partial(_doubled, cubed=cubed), blocks)
    change, form = (jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], -1)[..., :size] for x in found)
    return change, form


@functools.partial(jax.jit, static_argnames="cubed")
def _doubled(matrix: Array, cubed: tuple[float, ...]) -> tuple[Array, Array]:
    """exp(matrix) - 1, and the cubic form over unit time; matrix is (n, n, *batch)."""
    n, m = matrix.shape[0], len(cubed)
    step = matrix * 2.0**-_DOUBLINGS
    eye = jnp.eye(n, dtype=step.dtype).reshape(n, n, *([1] * (step.ndim - 2)))
    series = eye + step / 4
    for k in (3, 2):
        series = eye + _times(step, series) / k
    change = _times(step, series)
    form = jnp.zeros((m, m, m, *step.shape[2:]), step.dtype)
    weights = jnp.asarray(cubed, step.dtype).reshape(m, *([1] * (step.ndim - 1)))
    inner, unit = step[:m, :m], eye[:m, :m]
    for node, share in zip((0.5 - math.sqrt(0.15), 0.5, 0.5 + math.sqrt(0.15)), (5 / 18, 4 / 9, 5 / 18), strict=True):
        part = unit + _times(node * inner, unit + node * inner / 2)
        row = jnp.sum(weights * part, axis=0)
        form = form + share * row[:, None, None] * row[None, :, None] * row[None, None, :]

    def double(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        change, form = carry
        form = form + _through(form, unit + change[:m, :m])
        return 2.0 * change + _times(change, change), form

    return lax.fori_loop(0, _DOUBLINGS, double, (change, form * 2.0**-_DOUBLINGS))
