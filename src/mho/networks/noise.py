r"""Noise on weights while a network is trained, so that it learns to do without exact ones.

Each is a function of a matrix and a key, :math:`\tilde W = f(W, \xi)`, drawn once a batch. Gradients pass straight
through: :math:`\partial\tilde W / \partial W = 1` (or the mask, where connections are dropped).

Source: additive noise relative to the largest weight as Joshi et al., Nat. Commun. 11, 2473 (2020); connections dropped
as Wan et al., ICML 2013.
"""

from __future__ import annotations

import abc
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer

from mho.core import random
from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.crossbars import AbstractEncoding, AbstractScaling, Tile
from mho.devices.device import AbstractProgrammed, Number

Compensated = Literal["none", "global", "output"]


class AbstractWeightNoise(eqx.Module):
    """What happens to a matrix (outputs, inputs) in one forward pass."""

    @abc.abstractmethod
    def __call__(self, w: Any, *, key: jax.Array) -> Any:
        """The matrix that the pass meets."""


class WeightNoise(AbstractWeightNoise):
    r"""Normal noise relative to the largest weight: :math:`\tilde W = W + \sigma\,\max|W|\,\xi`.

    Args:
        sigma: Standard deviation over the largest weight [1].
        per_output: Whether that is each output's own largest weight.
    """

    sigma: Number = quantity("1", low=0.0, default=0.05)
    per_output: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        check_ranges(self)

    def __call__(self, w: Any, *, key: jax.Array) -> Any:
        """Weights with noise."""
        largest = jnp.max(jnp.abs(w), axis=1 if self.per_output else None, keepdims=True)
        xi = random.normal(key, w.shape, w.dtype)
        return w + lax.stop_gradient(jnp.asarray(self.sigma, w.dtype) * largest * xi)


class DropConnect(AbstractWeightNoise):
    r"""Connections that are missing: :math:`\tilde W = W \circ B`, each with probability p; as stuck cells leave them.

    Args:
        p: Share of connections that are missing [1].
    """

    p: Number = quantity("1", low=0.0, high=0.99, default=0.01)

    def __check_init__(self) -> None:
        check_ranges(self)

    def __call__(self, w: Any, *, key: jax.Array) -> Any:
        """Weights with gaps."""
        return w * (random.uniform(key, w.shape, w.dtype) >= jnp.asarray(self.p, w.dtype))


class DeviceNoise(AbstractWeightNoise):
    r"""The errors of a published array, cell by cell, and what time does to them.

    Weights go to cells as the tile's encoding lays them (a differential pair has two), each cell is programmed with the
    error of its device, waits for a time t, and is read back:

    .. math:: \tilde W = s\,\alpha\,v(G(t)), \qquad G(0) = G_T(W / s) + \sigma_p(G_T)\,\xi, \qquad
              \ln t \sim U(\ln t_{low}, \ln t_{high}),

    with the device's own law for G(t). t is drawn once a call: with times, the network learns a range of ages. The gain
    :math:`\alpha` stands for drift compensation: that of the whole matrix, :math:`\sum_j|w_{0j}|/\sum_j|w_{tj}|` with
    norms of the outputs' weights, or each output's least squares, :math:`w_0 \cdot w_t / w_t \cdot w_t`.

    Args:
        device: Whose array statistics are published.
        encoding: How a weight sits on cells.
        scaling: Which weight is a full cell.
        window: Conductances that are used [S].
        t_low: Shortest time since programming [s].
        t_high: Longest [s].
        aged: Whether time passes at all; without it weights are as programmed.
        compensated: Which drift compensation the chip will have.
    """

    device: AbstractProgrammed
    encoding: AbstractEncoding
    scaling: AbstractScaling
    window: tuple[float, float] = eqx.field(static=True)
    t_low: Number = quantity("s", positive=True, default=1.0)
    t_high: Number = quantity("s", positive=True, default=1.0)
    aged: bool = eqx.field(static=True, default=False)
    compensated: Compensated = eqx.field(static=True, default="none")

    @classmethod
    def of(
        cls, tile: Tile, *, times: tuple[float, float] | None = None, compensated: Compensated = "global"
    ) -> DeviceNoise:
        """The noise of a tile's cells.

        Args:
            tile: The design.
            times: Shortest and longest time since programming [s]; None for weights as programmed.
            compensated: Which drift compensation the chip will have, where times are given.

        Raises:
            ChipError: If the device is known by its answer to pulses.
        """
        if not isinstance(tile.device, AbstractProgrammed):
            raise ChipError(
                f"{type(tile.device).__name__} answers to pulses, and has no statistics of programmed arrays to train "
                "with. Use WeightNoise(sigma=...) with the error that its programming leaves."
            )
        low, high = times or (1.0, 1.0)
        aged = times is not None
        how = compensated if aged else "none"
        return cls(tile.device, tile.encoding, tile.scaling, tile.usable, low, high, aged, how)

    def __check_init__(self) -> None:
        check_ranges(self)
        if not isinstance(self.t_high, Tracer) and float(self.t_high) < float(self.t_low):
            raise ChipError(
                f"DeviceNoise.t_high ({float(self.t_high):.4g} s) lies before t_low ({float(self.t_low):.4g} s). "
                "Were they swapped?"
            )

    def __call__(self, w: Any, *, key: jax.Array) -> Any:
        """Weights as cells hold them, programmed anew and aged."""
        of_cells, of_time = jax.random.split(key)
        fixed = lax.stop_gradient(w)
        scale = self.scaling.of(fixed)[:, None]
        target = self.encoding.targets(jnp.clip(fixed / scale, -1.0, 1.0), self.window)
        state = self.device.program(target, key=of_cells)
        first = self._weights(state, scale)
        met = first
        if self.aged:
            share = random.uniform(of_time, (), w.dtype)
            low, high = (jnp.log(jnp.asarray(t, w.dtype)) for t in (self.t_low, self.t_high))
            old = self._weights(self.device.relax(state, jnp.exp(low + share * (high - low))), scale)
            met = old * self._gain(first, old)
        return w + lax.stop_gradient(met.astype(w.dtype) - fixed)

    def _weights(self, state: Any, scale: Any) -> Any:
        return self.encoding.value(self.device.conductance(state), self.window) * scale

    def _gain(self, first: Any, now: Any) -> Any:
        if self.compensated == "global":
            norms = (jnp.sum(jnp.linalg.norm(w, axis=1)) for w in (first, now))
            return next(norms) / jnp.maximum(next(norms), 1e-30)
        if self.compensated == "output":
            own = jnp.sum(first * now, axis=1, keepdims=True)
            return own / jnp.maximum(jnp.sum(now * now, axis=1, keepdims=True), 1e-30)
        return jnp.ones((), now.dtype)
