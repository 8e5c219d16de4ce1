"""Signals that come later: NIR's Delay."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from mho.core.errors import NetworkError
from mho.core.quantities import engineering
from mho.networks.nodes.node import AbstractNode, Shape, common

OFF = 1e-3  # how far from a whole number of steps a delay may be, as a share of a step


class Delay(AbstractNode):
    """Every signal by its own time, a whole number of steps: y(t) = x(t - delay). Before that it gives 0.

    Args:
        values: The times, in row-major order; at least 0 [s].
        own: Their shape.
        dtype: Type in which a file holds them.
    """

    values: tuple[float, ...] = eqx.field(static=True)
    own: Shape = eqx.field(static=True)
    dtype: str = eqx.field(static=True, default="float64")

    def __check_init__(self) -> None:
        if not all(np.isfinite(v) and v >= 0 for v in self.values):
            raise NetworkError(f"A delay is {min(self.values):.4g} s; it must be finite and at least 0.")

    @classmethod
    def of(cls, times: Any) -> Delay:
        """Delays from an array of times [s]."""
        times = np.asarray(times)
        return cls(tuple(float(t) for t in times.reshape(-1)), times.shape, times.dtype.name)

    @property
    def times(self) -> np.ndarray:
        """The times [s]."""
        return np.asarray(self.values, self.dtype).reshape(self.own)

    def late(self, dt: float) -> np.ndarray:
        """The times in steps.

        Raises:
            NetworkError: If one is no whole number of steps.
        """
        exact = np.asarray(self.values, np.float64).reshape(self.own) / dt
        whole = np.rint(exact)
        wrong = np.abs(exact - whole) > OFF
        if np.any(wrong):
            worst = float(exact[wrong].flat[0])
            raise NetworkError(
                f"A delay of {engineering(worst * dt, 's')} is {worst:.4g} steps of {engineering(dt, 's')}; it must be "
                "a whole number. Choose a step that divides the delays, or round them: network.rounded(dt)."
            )
        return whole.astype(int)

    def shape(self, given: Shape) -> Shape:
        """The input's."""
        return common("Delay", given, self.times)

    def prepare(self, dt: float, given: Shape) -> np.ndarray:
        """Steps of delay of each signal."""
        steps = self.late(dt)
        return np.broadcast_to(steps.reshape(()) if steps.size == 1 else steps, given)

    def rest(self, prepared: np.ndarray, given: Shape, dtype: Any) -> Array:
        """Nothing on its way: one row a step, the latest first."""
        return jnp.zeros((int(prepared.max(initial=0)), *given), dtype)

    def look(self, prepared: np.ndarray, state: Array) -> Array:
        """What it gives in this step, where every delay is at least one step: the input is not needed for it."""
        return jnp.take_along_axis(state, jnp.asarray(prepared - 1)[None], axis=0)[0]

    def step(self, prepared: np.ndarray, state: Array, x: Array) -> tuple[Array, Array]:
        """The signals of earlier steps."""
        line = jnp.concatenate([x[None], state])
        return line[:-1], jnp.take_along_axis(line, jnp.asarray(prepared)[None], axis=0)[0]
