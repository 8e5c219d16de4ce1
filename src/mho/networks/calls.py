"""How a network is called: with one sample, in compiled batches, and with an ear for what flows through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from mho.core.errors import ChipError
from mho.networks.graph import Graph
from mho.networks.listening import Heard, heard_of_each
from mho.networks.operand import Ear, bound

Call = Callable[[Any, Any], Any]
"""How a network is called with one sample."""


def plainly(network: Any, x: Any) -> Any:
    """One sample through a network that takes nothing else."""
    return network(x)


def usual(network: Any) -> Call:
    """How a network of this kind is called: a graph takes batches, any other one sample."""
    return _alone if isinstance(network, Graph) else plainly


def _alone(network: Any, x: Any) -> Any:
    """One sample through a network that takes batches."""
    return jax.tree.map(lambda y: y[0], network(x[None]))


@eqx.filter_jit
def outputs(network: Any, products: dict[str, Any], x: Any, keys: Any, call: Call) -> Any:
    """Outputs of a batch, each sample with a key of its own (or None), through a network with slots."""

    def one(x: Any, key: Any) -> Any:
        return call(bound(network, products, key), x)

    return jax.vmap(one, in_axes=(0, None if keys is None else 0))(x, keys)


@eqx.filter_jit
def told(network: Any, products: dict[str, Any], x: Any, keys: Any, ear: Ear, call: Call) -> tuple[Any, list[Heard]]:
    """The same, and what the operands told on the way, the batch first."""

    def one(x: Any, key: Any) -> Any:
        return call(bound(network, products, key, ear), x)

    return heard_of_each(one, x, keys, in_axes=(0, None if keys is None else 0))


def batch(x: Any) -> Any:
    """Samples as one array.

    Raises:
        ChipError: If there are none, or a number in them is not finite.
    """
    shape = np.shape(x)
    if not shape or shape[0] == 0:
        raise ChipError(f"The samples have shape {shape}; give at least one, with the samples along the first axis.")
    if not isinstance(x, Tracer):
        wrong = np.argwhere(~np.isfinite(np.asarray(x)))
        if wrong.size:
            where = ", ".join(str(k) for k in wrong[0])
            raise ChipError(
                f"Sample entry [{where}] is {np.asarray(x)[tuple(wrong[0])]}; {len(wrong)} in all are not finite. "
                "Leave those samples out, or correct them."
            )
    return jnp.asarray(x)
