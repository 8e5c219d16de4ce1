"""What every node of a spiking network is: state, and one step of a clock."""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from mho.core.errors import NetworkError

Shape = tuple[int, ...]


class AbstractNode(eqx.Module):
    """A node with a state. Its input is held for the length of a step; its law is followed exactly over that time.

    Nodes without a state are plain functions of an array: Equinox's layers, and those of `plain`.
    """

    @abc.abstractmethod
    def shape(self, given: Shape) -> Shape:
        """Shape of what it gives, for an input of a shape."""

    @abc.abstractmethod
    def prepare(self, dt: float, given: Shape) -> Any:
        """What of its law depends on the length of a step [s] alone, worked out once a run."""

    @abc.abstractmethod
    def rest(self, prepared: Any, given: Shape, dtype: Any) -> Any:
        """State before the first step."""

    @abc.abstractmethod
    def step(self, prepared: Any, state: Any, x: Array) -> tuple[Any, Array]:
        """State behind a step in which the input is `x`, and what the node gives in it."""


def common(name: str, given: Shape, *parameters: Any) -> Shape:
    """Shape of a population: that of its parameters, or the input's where they are single numbers.

    Raises:
        NetworkError: If the input does not fit.
    """
    own = np.broadcast_shapes(*(np.shape(p) for p in parameters))
    if int(np.prod(own)) == 1:
        return given
    try:
        fits = np.broadcast_shapes(own, given) == given
    except ValueError:
        fits = False
    if not fits:
        raise NetworkError(
            f"{name} has parameters of shape {own}, and its input has the shape {given}. Make them equal."
        )
    return given


def spread(parameter: Any, shape: Shape) -> Array:
    """A parameter for each member of a population."""
    value = jnp.asarray(parameter)
    return jnp.broadcast_to(value.reshape(()) if value.size == 1 else value, shape)
