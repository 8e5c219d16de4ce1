"""From weights to numbers between -1 and 1: the scale, per matrix or per output, and what lies outside it."""

from __future__ import annotations

import abc
from typing import Any, Literal, NamedTuple

import equinox as eqx
import numpy as np

from mho.core.errors import ChipError

Outside = Literal["refuse", "clip"]


class AbstractScaling(eqx.Module):
    """Which weight becomes 1."""

    @abc.abstractmethod
    def of(self, weights: Any) -> Any:
        """Scale of each output of a matrix (outputs, inputs), shape (outputs,), above 0."""


def _above_zero(scale: Any) -> Any:
    """A row of zeros has any scale; 1 keeps it zero."""
    return _kind_of(scale).where(scale > 0.0, scale, 1.0)


def _kind_of(x: Any) -> Any:
    """NumPy or JAX, whichever holds `x`: while a network is trained, scales follow from traced weights."""
    return x.__array_namespace__()


class PerMatrix(AbstractScaling):
    """The largest magnitude of the matrix."""

    def of(self, weights: Any) -> Any:
        """The same for all outputs."""
        xp = _kind_of(weights)
        return _above_zero(xp.full(weights.shape[0], xp.max(xp.abs(weights), initial=0.0)))


class PerOutput(AbstractScaling):
    """The largest magnitude of each output's weights."""

    def of(self, weights: Any) -> Any:
        """One for each output."""
        xp = _kind_of(weights)
        return _above_zero(xp.max(xp.abs(weights), axis=1, initial=0.0))


class Percentile(AbstractScaling):
    """A percentile of the magnitudes; what lies above is clipped, and counted.

    Args:
        percent: Above 0 and at most 100.
    """

    percent: float = eqx.field(static=True, default=99.9)

    def __check_init__(self) -> None:
        if not 0.0 < self.percent <= 100.0:
            raise ChipError(f"Percentile.percent is {self.percent}; it must be above 0 and at most 100.")

    def of(self, weights: Any) -> Any:
        """The same for all outputs."""
        xp = _kind_of(weights)
        scale, largest = xp.percentile(xp.abs(weights), self.percent), xp.max(xp.abs(weights), initial=0.0)
        return _above_zero(xp.full(weights.shape[0], xp.where(scale > 0.0, scale, largest)))


class Fixed(AbstractScaling):
    """A given scale, as training with that scale needs it.

    Args:
        scale: The weight that becomes 1; above 0.
    """

    scale: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0.0):
            raise ChipError(f"Fixed.scale is {self.scale}; it must be finite and above 0.")

    def of(self, weights: Any) -> Any:
        """The same for all outputs."""
        return _kind_of(weights).full(weights.shape[0], self.scale)


class Scaled(NamedTuple):
    """Weights between -1 and 1, the scale of each output, and how many weights were clipped."""

    v: np.ndarray
    scale: np.ndarray
    clipped: int


def scaled(weights: Any, scaling: AbstractScaling, outside: Outside = "refuse") -> Scaled:
    """Weights (outputs, inputs) as numbers between -1 and 1.

    Args:
        weights: Any real matrix.
        scaling: Which weight becomes 1.
        outside: What to do with weights beyond the scale: ``"refuse"`` them, or ``"clip"`` and count them. A
            `Percentile` asks for clipping by itself.

    Raises:
        ChipError: If the weights are no matrix of finite numbers, or lie outside and are not to be clipped.
    """
    weights = np.asarray(weights, np.float64)
    if weights.ndim != 2 or 0 in weights.shape:
        raise ChipError(f"Weights have shape {weights.shape}; give a matrix (outputs, inputs) that is not empty.")
    bad = np.argwhere(~np.isfinite(weights))
    if bad.size:
        i, j = bad[0]
        raise ChipError(
            f"Weight [{i}, {j}] is {weights[i, j]}, and {len(bad)} in all are not finite. Correct them before "
            "programming."
        )
    scale = scaling.of(weights)
    v = weights / scale[:, None]
    beyond = np.abs(v) > 1.0 + 1e-9
    if np.any(beyond) and outside != "clip" and not isinstance(scaling, Percentile):
        worst = np.unravel_index(np.argmax(np.abs(v)), v.shape)
        raise ChipError(
            f"{int(beyond.sum())} weights are larger than the scale; the largest, [{worst[0]}, {worst[1]}], is "
            f"{weights[worst]:.4g} where at most {scale[worst[0]]:.4g} can be held. Use a larger scale, PerMatrix() or "
            'PerOutput(), or ask for clipping with outside="clip".'
        )
    return Scaled(np.clip(v, -1.0, 1.0), scale, int(beyond.sum()))
