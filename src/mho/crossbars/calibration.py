r"""What a chip learns about itself from products: the converters' range, the inputs' range, and what drift has done.

* Ranges: the largest current seen, a percentile of them, or the smallest range whose code is a whole number (a power of
  two) of the smallest step of current, as an arithmetic of bit slices wants it (*granular*).
* Drift: with reference vectors multiplied at first and again now,

  .. math:: \alpha = \sum |y_0| / \sum |y_t| \quad \text{(global)}, \qquad
            \alpha_j = \sum y_{0j}\,y_{tj} / \sum y_{tj}^2 \quad \text{(each output)},

  or gain and shift of each output by least squares against the products of the exact weights (*affine*), which takes
  what programming did wrong into account as well.

Source: global compensation as Joshi et al., Nat. Commun. 11, 2473 (2020); affine scales as Le Gallo et al., Nat.
Electron. 6, 680 (2023).
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ChipError
from mho.crossbars.converters import check_range
from mho.crossbars.inputs import BitSerial, PulseWidth
from mho.crossbars.matrix import Matrix
from mho.crossbars.product import checked_vectors
from mho.devices.device import Number

Drift = Literal["global", "output", "affine"]
DRIFTS: tuple[Drift, ...] = get_args(Drift)


class AbstractRange(eqx.Module):
    """How the range of the converters follows from currents."""

    if TYPE_CHECKING:
        per_line: bool  # whether each line has a range of its own; no abstract variable, which would come first

    @abc.abstractmethod
    def largest(self, magnitudes: np.ndarray, matrix: Matrix) -> np.ndarray:
        """Upper end [A] for magnitudes of currents (samples, ...) [A]; the range is symmetric, or starts at zero."""


class Largest(AbstractRange):
    """The largest current seen, and a margin.

    Args:
        margin: Share by which the range is wider [1].
        per_line: Whether each line has a range of its own.
    """

    margin: float = eqx.field(static=True, default=0.0)
    per_line: bool = eqx.field(static=True, default=False)

    def largest(self, magnitudes: np.ndarray, matrix: Matrix) -> np.ndarray:
        """The maximum over the samples."""
        return magnitudes.max(axis=0) * (1.0 + self.margin)


class CurrentPercentile(AbstractRange):
    """A percentile of the currents; what lies above is clipped.

    Args:
        percent: Above 0 and at most 100.
        per_line: Whether each line has a range of its own.
    """

    percent: float = eqx.field(static=True, default=99.9)
    per_line: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        if not 0.0 < self.percent <= 100.0:
            raise ChipError(f"CurrentPercentile.percent is {self.percent}; it must be above 0 and at most 100.")

    def largest(self, magnitudes: np.ndarray, matrix: Matrix) -> np.ndarray:
        """The percentile over the samples."""
        return np.percentile(magnitudes, self.percent, axis=0)


class Granular(AbstractRange):
    """The smallest range that holds a percentile and whose code is a power of two times the smallest step of current.

    Args:
        percent: Above 0 and at most 100.
        levels: Levels of one device.
        per_line: Always False: one step is that of all lines.
    """

    percent: float = eqx.field(static=True, default=100.0)
    levels: int = eqx.field(static=True, default=2)
    per_line: bool = eqx.field(static=True, default=False)

    def largest(self, magnitudes: np.ndarray, matrix: Matrix) -> np.ndarray:
        """So many codes of so many steps."""
        drive = matrix.tile.inputs
        if not isinstance(drive, BitSerial | PulseWidth):
            raise ChipError(
                "A granular range needs steps of current, and a drive by amplitude has none. Use BitSerial() or "
                "PulseWidth(), or another range."
            )
        wanted = np.percentile(magnitudes, self.percent, axis=0)
        unit = float(matrix.product.unit)
        share = 1.0 / drive.levels if isinstance(drive, PulseWidth) else 1.0
        step = unit * share / (self.levels - 1.0) / matrix.tile.encoding.copies
        codes = 2.0**matrix.tile.adc.bits - 2.0
        power = np.maximum(np.ceil(np.log2(np.maximum(wanted, 1e-30) / (0.5 * codes * step))), 0.0)
        return 0.5 * codes * step * 2.0**power


def ranged(matrix: Matrix, x: Any, how: AbstractRange, *, key: jax.Array, input_percent: float | None = None) -> Matrix:
    """The matrix with ranges of its converters, and where asked of its inputs, from vectors that it will see.

    Args:
        matrix: The matrix.
        x: Vectors (n, inputs).
        how: How the range follows from currents.
        key: For the read noise.
        input_percent: Percentile of the inputs' magnitude that drives fully from now on; None leaves each vector scaled
            by its own largest.

    Raises:
        ChipError: If the vectors do not fit, or drive no current.
    """
    x, _ = checked_vectors(x, matrix.grid.inputs, matrix.tile.inputs.signs)
    if input_percent is not None:
        full = float(np.percentile(np.abs(np.asarray(x)), input_percent))
        if not full > 0.0:
            raise ChipError(f"The {input_percent} % percentile of the inputs is 0; give inputs that are not all zero.")
        matrix = eqx.tree_at(
            lambda m: m.product.input_range, matrix, jnp.asarray(full, x.dtype), is_leaf=lambda n: n is None
        )
    i = np.asarray(_currents(matrix, x, key), np.float64)
    magnitude = np.abs(i.reshape(i.shape[0], i.shape[1] * i.shape[2], -1))
    if how.per_line:
        high = how.largest(np.moveaxis(magnitude, 0, 1), matrix)
        high = np.maximum(high, 1e-3 * high.max())  # a line that never carried a current
    else:
        high = how.largest(magnitude.reshape(-1), matrix)
    low = -high if np.any(i < 0.0) else 0.0 * high
    check_range(low, high)
    return matrix.with_range(low, high)


@eqx.filter_jit
def _currents(matrix: Matrix, x: Number, key: jax.Array) -> Number:
    numbers, _ = matrix.product.scaled(x)
    return matrix.product.currents(matrix.product.driven(numbers), key=key)


def probes(n: int, inputs: int, *, key: jax.Array) -> Number:
    """Reference vectors: uniform between -1 and 1, (n, inputs)."""
    return jax.random.uniform(key, (n, inputs), minval=-1.0, maxval=1.0)


def corrected(matrix: Matrix, how: Drift, x: Number, first: Number, *, key: jax.Array, repeats: int = 1) -> Matrix:
    """The matrix with gains (and shifts) of its outputs set by products of reference vectors.

    Args:
        matrix: The matrix as it is now.
        how: ``"global"``, ``"output"`` or ``"affine"``.
        x: Reference vectors (n, inputs).
        first: Their products right after programming, (n, outputs); for ``"affine"`` those of the exact weights.
        key: For the read noise of the products now.
        repeats: Products that are averaged.
    """
    if how not in DRIFTS:
        raise ChipError(f"The compensation is {how!r}; it must be one of {', '.join(DRIFTS)}.")
    product = matrix.product
    plain = eqx.tree_at(
        lambda p: (p.gain, p.shift), product, (jnp.ones_like(product.gain), jnp.zeros_like(product.shift))
    )
    now = averaged(plain, x, key=key, repeats=repeats)
    if how == "global":
        gain = jnp.broadcast_to(jnp.sum(jnp.abs(first)) / jnp.maximum(jnp.sum(jnp.abs(now)), 1e-30), product.gain.shape)
        shift = jnp.zeros_like(product.shift)
    elif how == "output":
        gain = jnp.sum(first * now, axis=0) / jnp.maximum(jnp.sum(now * now, axis=0), 1e-30)
        shift = jnp.zeros_like(product.shift)
    else:
        size = product.scaled(x)[1][:, None] * product.scale  # the shift belongs to numbers without their scales
        now, first = now / size, first / size
        mean_now, mean_first = jnp.mean(now, axis=0), jnp.mean(first, axis=0)
        covariance = jnp.sum((now - mean_now) * (first - mean_first), axis=0)
        gain = covariance / jnp.maximum(jnp.sum((now - mean_now) ** 2, axis=0), 1e-30)
        shift = mean_first - gain * mean_now
    fits = jnp.isfinite(gain) & (gain > 0.0)  # an output that carries nothing is left alone
    gain, shift = jnp.where(fits, gain, 1.0), jnp.where(fits, shift, 0.0)
    return eqx.tree_at(lambda m: (m.product.gain, m.product.shift), matrix, (gain, shift))


def averaged(product: Any, x: Number, *, key: jax.Array, repeats: int) -> Number:
    """Mean of so many products."""
    total = jnp.zeros((x.shape[0], product.grid.outputs), x.dtype)
    for k in range(repeats):
        total = total + formed(product, x, jax.random.fold_in(key, k)).y
    return total / repeats


@eqx.filter_jit
def formed(product: Any, x: Number, key: jax.Array) -> Any:
    """A product, compiled."""
    return product(x, key=key)
