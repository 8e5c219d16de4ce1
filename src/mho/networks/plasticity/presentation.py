"""The order in which samples are presented to a network that learns."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def presented(n: int, epochs: int, *, key: jax.Array) -> jax.Array:
    """Which sample comes when: all `n` in every epoch, in an order of its own, shape (epochs * n,).

    Args:
        n: Samples.
        epochs: Passes.
        key: JAX random key. Its folds from epochs * n on are taken; those below are left for the presentations.
    """

    def order(epoch: jax.Array) -> jax.Array:
        return jax.random.permutation(jax.random.fold_in(key, epochs * n + epoch), n)

    return jax.vmap(order)(jnp.arange(epochs)).ravel()
