"""What a two-terminal model answers to a measured sweep: its state follows the staircase, its current is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.devices import AbstractContinuousDevice
from mho.devices.kinetics import relative_decay
from mho.devices.reram.cell import AbstractCell
from mho.fitting.vector import rebuilt

SERIES, OFFSET = "series_resistance", "offset"
_SUBSTEPS = 2  # of each step of the staircase
_ROOT = 12  # safeguarded Newton steps for the voltage behind the series resistance
_ROWS = 16  # parameter vectors evaluated together
_GROWTH = 30.0  # largest exponent of a growing state in one substep


def able(device: Any) -> str:
    """Why a device cannot be simulated under a sweep, or empty."""
    if not isinstance(device, AbstractContinuousDevice):
        return "it has no continuous face (rate and current), so it has no current-voltage sweep"
    if len(device.terminals) != 2:
        return f"it has {len(device.terminals)} terminals; a sweep is of two-terminal cells"
    if device.internal and not isinstance(device, AbstractCell):
        return "it has internal nodes; fit it in a circuit"
    return ""


def current(device: Any, state: Any, v: Any) -> Any:
    """Current into the cell at `v` across it [A]."""
    if isinstance(device, AbstractCell):
        return device.through(state.x, v)
    return device.current(state, (v, jnp.zeros_like(v)))[0]


def advanced(device: Any, state: Any, v: Any, duration: Any) -> Any:
    """State after `duration` at constant voltage: exponential Euler, exact where a rate is linear in its state."""
    none = tuple(jnp.zeros_like(v) for _ in range(len(device.internal) + 1))
    leaves, tree = jax.tree.flatten(state)

    def slope(y: list[Any]) -> list[Any]:
        return jax.tree.leaves(device.rate(jax.tree.unflatten(tree, y), (v, *none)))

    step = duration / _SUBSTEPS
    for _ in range(_SUBSTEPS):
        rates, new = slope(leaves), []
        for k, (y, f) in enumerate(zip(leaves, rates, strict=True)):
            unit = [jnp.ones_like(x) if j == k else jnp.zeros_like(x) for j, x in enumerate(leaves)]
            curve = jax.jvp(slope, (leaves,), (unit,))[1][k]
            new.append(y + f * step * relative_decay(-jnp.minimum(curve * step, _GROWTH)))
        after = jax.tree.unflatten(tree, new)
        if isinstance(device, AbstractCell):  # a step that runs away ends where the cell does
            after = eqx.tree_at(lambda s: s.x, after, jnp.clip(after.x, 0.0, 1.0))
        leaves = jax.tree.leaves(after)
    return jax.tree.unflatten(tree, leaves)


def behind(device: Any, state: Any, v: Any, r: Any) -> Any:
    """Voltage across the cell behind a series resistance [V]: Newton's steps, halved back into a shrinking bracket."""

    def over(u: Any) -> Any:
        return u + r * current(device, state, u) - v

    low, high = jnp.minimum(v, 0.0), jnp.maximum(v, 0.0)

    def closer(_: Any, at: Any) -> Any:
        low, high, u = at
        f, slope = jax.jvp(over, (u,), (jnp.ones_like(u),))
        low, high = jnp.where(f < 0, u, low), jnp.where(f < 0, high, u)
        newton = u - f / jnp.where(slope > 0, slope, 1.0)
        inside = (newton > low) & (newton < high) & (slope > 0)
        return low, high, jnp.where(inside, newton, 0.5 * (low + high))

    return lax.fori_loop(0, _ROOT, closer, (low, high, v))[2]


def course(device: Any, t: Any, v: Any, r: Any) -> Any:
    """Current at each point of a staircase [A]; a point is read after its step has lasted since the point before."""
    steps = jnp.concatenate([jnp.zeros(1), jnp.diff(t)])

    def step(state: Any, at: Any) -> Any:
        duration, level = at
        state = advanced(device, state, level if r is None else behind(device, state, level, r), duration)
        u = level if r is None else behind(device, state, level, r)
        return state, current(device, state, u)

    start = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(v)) + 0.0, device.rest())
    return lax.scan(step, start, (steps, v))[1]


@eqx.filter_jit
def _rows(values: Any, names: tuple[str, ...], device: Any, t: Any, v: Any) -> Any:
    def one(row: Any) -> Any:
        r = row[names.index(SERIES)] if SERIES in names else None
        return course(rebuilt(device, names, row), t, v, r)

    return jax.vmap(one)(values)


def currents(device: Any, names: tuple[str, ...], t: np.ndarray, v: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Current of each point [A], rows of it, at rows of SI values for `names`; double precision."""

    def evaluate(values: np.ndarray) -> np.ndarray:
        padded = values[np.minimum(np.arange(-(-len(values) // _ROWS) * _ROWS), len(values) - 1)]
        with jax.enable_x64(True):
            there = jnp.asarray(t), jnp.asarray(v)
            parts = [
                np.asarray(_rows(jnp.asarray(padded[k : k + _ROWS]), names, device, *there))
                for k in range(0, len(padded), _ROWS)
            ]
        i = np.concatenate(parts)[: len(values)]
        return i + values[:, [names.index(OFFSET)]] if OFFSET in names else i

    return evaluate
