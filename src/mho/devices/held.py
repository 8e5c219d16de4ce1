"""A device held at constant voltages for a time, integrated from its own rate: the event face where none is closed."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.devices.device import ROOM, AbstractContinuousDevice, Number

# Rodas3 (Sandu et al., Atmos. Environ. 31, 3459, 1997): stiffly accurate Rosenbrock method of order 3 with order 2.
_GAMMA = 0.5
_PLACES = ((), (0.0,), (2.0, 0.0), (2.0, 0.0, 1.0))
_SLOPES = ((), (4.0,), (1.0, -1.0), (1.0, -1.0, -8.0 / 3.0))
_STEPS = 20_000
_ENERGY = 1e-4  # relative error of the energy per step
_NOTHING = 1e-300  # [J] keeps the relative error of no energy defined
_FIRST = 1e-6  # first step, as a share of the duration; the controller takes it from there


class _Course(NamedTuple):
    """Where the integration stands: time and step as shares of the duration, states and energy, steps tried."""

    t: Any
    step: Any
    y: tuple[Any, ...]
    tried: Any


def held(
    device: AbstractContinuousDevice,
    state: Any,
    voltages: tuple[Number, ...],
    duration: Number,
    *,
    temperature: Number = ROOM,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> tuple[Any, Number]:
    r"""State after `duration` at constant node voltages, and the energy delivered, :math:`\int \sum_k v_k i_k\,dt`.

    A stiffly accurate Rosenbrock method with error control, in double precision whatever the dtype of `state`; each
    member of a batch has steps of its own. Differentiable forward (`jax.jvp`, `jax.jacfwd`), not in reverse.

    Args:
        device: The device; batches of device, state, voltages and duration are broadcast together.
        state: At the start. States are expected of order 1.
        voltages: Of terminals and internal nodes [V].
        duration: [s]; 0 returns the state as it is.
        temperature: [K].
        rtol: Relative error of a state per step.
        atol: Absolute error of a state per step, in the state's unit.

    Returns:
        The state, and the energy [J]. What does not converge is NaN, which every floor above counts as failed.
    """
    leaves, tree = jax.tree.flatten(state)
    dtype = jnp.result_type(*leaves)
    with jax.enable_x64(True):
        device, leaves, voltages, duration, temperature = jax.tree.map(
            _double, (device, leaves, tuple(voltages), duration, temperature)
        )
        shapes = (jnp.shape(x) for x in jax.tree.leaves((device, leaves, voltages, duration, temperature)))
        zero = jnp.zeros(jnp.broadcast_shapes(*shapes))

        def slope(y: tuple[Any, ...]) -> tuple[Any, ...]:
            now = jax.tree.unflatten(tree, y[:-1])
            rates = jax.tree.leaves(device.rate(now, voltages, temperature=temperature))
            currents = device.current(now, voltages, temperature=temperature)
            power = sum((v * i for v, i in zip(voltages, currents, strict=True)), start=zero)
            return tuple((r + zero) * duration for r in (*rates, power))

        y = _integrate(slope, (*(x + zero for x in leaves), zero), rtol, atol)
        y = tuple(jnp.where(duration == 0, old, new) for old, new in zip((*leaves, zero), y, strict=True))
        *after, energy = (x.astype(dtype) for x in y)
    return jax.tree.unflatten(tree, after), energy


def _double(x: Any) -> Any:
    """In double precision. A plain number is copied: as a constant of one trace it cannot have two precisions."""
    return jnp.asarray(np.array(x, np.float64) if isinstance(x, np.ndarray | np.number | float) else x, jnp.float64)


def _integrate(slope: Any, y: tuple[Any, ...], rtol: float, atol: float) -> tuple[Any, ...]:
    """y(1) of y' = slope(y); the last component is the energy, a quadrature that is held to its own relative error."""
    none = jnp.zeros_like(y[-1])

    def busy(course: _Course) -> Any:
        return jnp.any((course.t < 1.0) & (course.tried < _STEPS))

    def go(course: _Course) -> _Course:
        step = jnp.minimum(course.step, 1.0 - course.t)
        new, error = _rodas3(slope, course.y, step)
        floors = (*(atol for _ in error[:-1]), _NOTHING)
        shares = (*(rtol for _ in error[:-1]), _ENERGY)
        sizes = [
            floor + share * jnp.maximum(jnp.abs(a), jnp.abs(b))
            for floor, share, a, b in zip(floors, shares, course.y, new, strict=True)
        ]
        worst = none
        for e, size in zip(error, sizes, strict=True):
            worst = jnp.maximum(worst, jnp.abs(e) / size)
        worst = jnp.where(jnp.isfinite(worst + sum(new)), worst, 1e6)
        runs = course.t < 1.0
        good = runs & (worst <= 1.0)
        scale = jnp.clip(0.9 * jnp.maximum(worst, 1e-9) ** (-1.0 / 3.0), 0.1, 6.0)
        kept = tuple(jnp.where(good, b, a) for a, b in zip(course.y, new, strict=True))
        ends = good & (step >= 1.0 - course.t)
        t = jnp.where(good, jnp.where(ends, 1.0, course.t + step), course.t)
        return _Course(t, jnp.where(runs, step * scale, course.step), kept, course.tried + 1)

    course = lax.while_loop(busy, go, _Course(none, none + _FIRST, y, jnp.zeros((), jnp.int32)))
    return tuple(jnp.where(course.t < 1.0, jnp.nan, x) for x in course.y)


def _rodas3(slope: Any, y: tuple[Any, ...], step: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """One step: the new y, and its error estimate."""
    n = len(y)
    columns = []
    for j in range(n - 1):  # nothing depends on the quadrature
        unit = tuple(jnp.ones_like(x) if i == j else jnp.zeros_like(x) for i, x in enumerate(y))
        columns.append(jax.jvp(slope, (y,), (unit,))[1])
    columns.append(tuple(jnp.zeros_like(x) for x in y))
    diagonal = 1.0 / (_GAMMA * step)
    matrix = [[(diagonal if i == j else 0.0) - columns[j][i] for j in range(n)] for i in range(n)]
    factors = _factored(matrix)
    stages: list[list[Any]] = []
    for places, slopes in zip(_PLACES, _SLOPES, strict=True):
        at = tuple(x + sum(a * k[i] for a, k in zip(places, stages, strict=True)) for i, x in enumerate(y))
        right = [f + sum(c / step * k[i] for c, k in zip(slopes, stages, strict=True)) for i, f in enumerate(slope(at))]
        stages.append(_solved(factors, right))
    first, _, third, fourth = stages
    return tuple(x + 2.0 * a + c + d for x, a, c, d in zip(y, first, third, fourth, strict=True)), tuple(fourth)


def _factored(matrix: list[list[Any]]) -> list[list[Any]]:
    """LU factors of a small matrix of batches, without pivoting: 1/step dominates its diagonal where it must."""
    lu = [list(row) for row in matrix]
    for k in range(len(lu)):
        for i in range(k + 1, len(lu)):
            lu[i][k] = lu[i][k] / lu[k][k]
            for j in range(k + 1, len(lu)):
                lu[i][j] = lu[i][j] - lu[i][k] * lu[k][j]
    return lu


def _solved(lu: list[list[Any]], right: list[Any]) -> list[Any]:
    x = list(right)
    for i in range(len(lu)):
        for j in range(i):
            x[i] = x[i] - lu[i][j] * x[j]
    for i in reversed(range(len(lu))):
        for j in range(i + 1, len(lu)):
            x[i] = x[i] - lu[i][j] * x[j]
        x[i] = x[i] / lu[i][i]
    return x
