"""Delays that can be learnt: trains moved in time by any number of steps, between two of them by interpolation."""

from __future__ import annotations

import jax.numpy as jnp

from mho.networks.synapse import Number


def delayed(signal: Number, delay: Number, *, longest: int) -> Number:
    r"""A signal as it arrives, each source after its own delay.

    .. math:: y_t = (1-f)\,x_{t-k} + f\,x_{t-k-1}, \qquad k = \lfloor d \rfloor, \quad f = d - k

    The derivative by d is the difference of two neighbouring steps, exact except where d is whole.

    Args:
        signal: (steps, batch, sources).
        delay: d of each source, in steps, shape (sources,) or (); cut to between 0 and `longest`.
        longest: Longest delay, in steps.
    """
    steps, _, sources = signal.shape
    d = jnp.broadcast_to(jnp.clip(delay, 0.0, float(longest)), (sources,)).astype(signal.dtype)
    whole = jnp.floor(d)
    share = d - whole
    padded = jnp.concatenate([jnp.zeros((longest + 1, *signal.shape[1:]), signal.dtype), signal])
    at = jnp.arange(steps)[:, None] + longest + 1 - whole.astype(jnp.int32)[None, :]
    here = jnp.take_along_axis(padded, at[:, None, :], axis=0)
    earlier = jnp.take_along_axis(padded, at[:, None, :] - 1, axis=0)
    return (1.0 - share) * here + share * earlier
