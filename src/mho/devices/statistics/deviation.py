"""What deviates from a target in a programmed array: an error at programming, and one that grows with time."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import quantity
from mho.devices.device import Number, nothing


class ArrayState(eqx.Module):
    """What moves in a programmed device of an array.

    Args:
        target: Conductance that programming aimed at [S].
        error: Standard normal number of the error at programming [1].
        wander: Standard normal number of the relaxation since [1].
        age: Time since programming [s].
    """

    target: Number = quantity("S")
    error: Number = quantity("1")
    wander: Number = quantity("1")
    age: Number = quantity("s")


def at_rest(module: Any, target: Number) -> ArrayState:
    """A device at its target without any deviation."""
    zero = nothing(module)
    return ArrayState(zero + target, zero, zero, zero)


def programmed(module: Any, target: Number, *, key: jax.Array) -> ArrayState:
    """A device programmed to a target within its window, with drawn deviations."""
    low, high = module.window()
    target = jnp.clip(jnp.asarray(target, jnp.result_type(float)), low, high)
    keys = jax.random.split(key)
    error, wander = (random.normal(k, jnp.shape(target), jnp.result_type(target)) for k in keys)
    return ArrayState(target, error, wander, jnp.zeros_like(target))


def later(state: ArrayState, duration: Number) -> ArrayState:
    """The same device `duration` [s] later."""
    same = jnp.zeros_like(state.age * duration)
    return ArrayState(state.target + same, state.error + same, state.wander + same, state.age + duration)


def deviation(state: ArrayState, sigma_0: Number, sigma: Number) -> Number:
    """Deviation [S] whose standard deviation is `sigma_0` at programming and has become `sigma`.

    The error at programming stays, and an independent relaxation adds the missing variance: each device wanders one
    way. Where `sigma` is below `sigma_0`, the error at programming shrinks to it.
    """
    kept = jnp.minimum(sigma, sigma_0)
    missing = sigma * sigma - kept * kept
    some = missing > 0.0
    added = jnp.where(some, jnp.sqrt(jnp.where(some, missing, 1.0)), 0.0)
    return kept * state.error + added * state.wander
