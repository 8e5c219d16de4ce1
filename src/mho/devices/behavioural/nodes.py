"""The pulse model whose step is interpolated between nodes over the window."""

from __future__ import annotations

import itertools

import jax.numpy as jnp

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.behavioural.step import AbstractStepDevice, Step, check_window, within
from mho.devices.device import Number


class PiecewiseStep(AbstractStepDevice):
    r"""A step given at equally spaced nodes of the window, linear between them.

    .. math:: w \to w \pm \Delta\,p(s)\,(1 + c\,\xi), \qquad
              s = (w - b_\downarrow)/(b_\uparrow - b_\downarrow) \in [0, 1]

    with p through the nodes from the lower bound to the upper one, and clipped at the bounds.

    Args:
        nodes_up: Upward step at the nodes, relative to that of the device [1].
        nodes_down: Downward step at the nodes, as many, from the lower bound to the upper one [1].
        (and those of `AbstractStepDevice`)

    Raises:
        ParameterError: If the two lists differ in length, or are empty.
    """

    nodes_up: tuple[Number, ...] = quantity("1", kw_only=True)
    nodes_down: tuple[Number, ...] = quantity("1", kw_only=True)

    def __check_init__(self) -> None:
        check_ranges(self)
        check_window(self)
        if len(self.nodes_up) != len(self.nodes_down) or not self.nodes_up:
            raise ParameterError(
                f"PiecewiseStep has {len(self.nodes_up)} nodes_up and {len(self.nodes_down)} nodes_down; give as many "
                "of each, at least one."
            )

    def bounds(self) -> tuple[Number, Number]:
        """Bounds of the weight [1]."""
        return self.reach()

    def step(self, up: Number) -> Step:
        """A step interpolated between nodes, clipped at the bounds."""
        rise, fall = self.steps()
        low, high = self.reach()
        dw = jnp.where(up, rise, -fall)
        nodes = [jnp.where(up, a, b) for a, b in zip(self.nodes_up, self.nodes_down, strict=True)]
        room = high > low
        scale = jnp.where(room, (len(nodes) - 1) / jnp.where(room, high - low, 1.0), 0.0)

        def after(w: Number, noise: Number) -> Number:
            s = jnp.clip((w - low) * scale, 0.0, len(nodes) - 1.0)
            # The first node, and what every piece adds of its height: no table is looked up, so it stays elementwise.
            share = nodes[0]
            for k, (a, b) in enumerate(itertools.pairwise(nodes)):
                share = share + (b - a) * jnp.clip(s - k, 0.0, 1.0)
            return within(w + dw * share * (1.0 + self.sigma_cycle * noise), (low, high))

        return after
