r"""Numbers between -1 and 1 onto conductances of one or more cells, and back.

Every encoding is linear in the conductances of a weight's cells: with :math:`G_s` those of digit s (a difference, where
it is held by a pair), and :math:`G_{s0}` what the weight zero has,

.. math:: v = \sum_s c_s\,(G_s - G_{s0}) / (G_{high} - G_{low}).

So the weight zero, where it is not zero conductance, is subtracted: as the current of a column that holds zeros, or as
a number times the sum of the inputs.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ChipError
from mho.core.quantities import engineering
from mho.crossbars.converters import within
from mho.crossbars.slices import AbstractDigits, Analog, unsigned
from mho.devices.device import Number

Window = tuple[float, float]
"""Lowest and highest conductance [S] that an encoding uses."""


class AbstractEncoding(eqx.Module):
    """How a weight sits on cells. Cells of a weight are ordered by digit, copy and side (plus, minus)."""

    if TYPE_CHECKING:
        copies: int  # devices that hold the same, in one column line; no abstract variable, which would come first

    sides: eqx.AbstractClassVar[int]
    """2 where a digit is the difference of two cells, else 1."""

    @abc.abstractmethod
    def coefficients(self) -> np.ndarray:
        """What each digit's conductance counts, c, shape (digits,)."""

    @abc.abstractmethod
    def targets(self, v: Number, window: Window) -> Number:
        """Conductance [S] of each cell of `v`, along a new last axis."""

    @property
    def digits_per_weight(self) -> int:
        """Number of digits."""
        return len(self.coefficients())

    @property
    def cells(self) -> int:
        """Cells of one weight."""
        return self.digits_per_weight * self.copies * self.sides

    @property
    def subtracts_lines(self) -> bool:
        """Whether the two lines of a pair are converted one by one, and subtracted as numbers."""
        return getattr(self, "subtraction", "analog") == "digital" and self.sides == 2

    @property
    def lines(self) -> int:
        """Lines that are converted for one weight: one a digit, or two where a pair is subtracted as numbers."""
        return self.digits_per_weight * (2 if self.subtracts_lines else 1)

    @property
    def reference(self) -> Literal["", "column", "digital"]:
        """How the weight zero is subtracted: not at all, as a column of cells, or as a number."""
        return ""

    def folded(self, per_cell: Number, *, squared: bool = False) -> Number:
        """Sum over the cells of each line, the minus side with its sign unless `squared`: (..., cells) to lines."""
        shape = jnp.shape(per_cell)[:-1]
        by_side = jnp.sum(per_cell.reshape(*shape, self.digits_per_weight, self.copies, self.sides), axis=-2)
        if self.sides == 1:
            return by_side[..., 0]
        if self.subtracts_lines:
            return by_side.reshape(*shape, -1)
        return by_side[..., 0] + by_side[..., 1] if squared else by_side[..., 0] - by_side[..., 1]

    def line_coefficients(self) -> np.ndarray:
        """What each line counts, over span and copies, shape (lines,)."""
        c = self.coefficients() / self.copies
        return np.stack([c, -c], axis=-1).ravel() if self.subtracts_lines else c

    def zero(self, window: Window) -> Number:
        """Conductance [S] of each line of the weight zero."""
        return self.folded(self.targets(jnp.zeros(()), window))

    def value(self, g: Number, window: Window) -> Number:
        """The numbers that conductances (..., cells) [S] stand for: the inverse of `targets`."""
        span = window[1] - window[0]
        c = jnp.asarray(self.line_coefficients(), jnp.result_type(g))
        return jnp.sum((self.folded(g) - self.zero(window)) / span * c, axis=-1)


class DifferentialPair(AbstractEncoding):
    r"""Each digit is the difference of two cells: :math:`G^+ - G^- = d\,(G_{high} - G_{low})`.

    Args:
        digits: How the number is spread over devices.
        copies: Devices that hold the same.
        rest: Where both cells of the digit 0 are: ``"low"``, so that one cell holds the number and the other stays
            (least current; for devices that only ever rise, too), or ``"middle"``, so that both move, in opposite
            directions by half.
        subtraction: ``"analog"``, before the converter, or ``"digital"``, after one conversion for each side.
    """

    sides: ClassVar[int] = 2

    digits: AbstractDigits = Analog()
    copies: int = eqx.field(static=True, default=1)
    rest: Literal["low", "middle"] = eqx.field(static=True, default="low")
    subtraction: Literal["analog", "digital"] = eqx.field(static=True, default="analog")

    def __check_init__(self) -> None:
        _check_copies(self.copies)
        _check_choice("DifferentialPair.rest", self.rest, ("low", "middle"))
        _check_choice("DifferentialPair.subtraction", self.subtraction, ("analog", "digital"))

    def coefficients(self) -> np.ndarray:
        """Those of the digits."""
        return self.digits.coefficients()

    def targets(self, v: Number, window: Window) -> Number:
        """Conductance [S] of each cell."""
        return self.cells_of(self.digits.of(v), window)

    def cells_of(self, d: Number, window: Window) -> Number:
        """Conductance [S] of the cells of signed digits (..., digits)."""
        low, span = window[0], window[1] - window[0]
        if self.rest == "low":
            sides = [low + span * jnp.maximum(d, 0.0), low + span * jnp.maximum(-d, 0.0)]
        else:
            sides = [low + 0.5 * span * (1.0 + d), low + 0.5 * span * (1.0 - d)]
        pair = jnp.stack(sides, axis=-1)[..., None, :]
        copied = jnp.broadcast_to(pair, (*jnp.shape(d), self.copies, 2))
        return copied.reshape(*jnp.shape(d)[:-1], self.cells)


class SingleCell(AbstractEncoding):
    r"""Each number is one conductance about that of zero, :math:`G = G_{low} + (z + r\,v)(G_{high} - G_{low})`.

    With levels it is a whole number about a zero point, in slices of base L:
    :math:`\sum_s D_s L^{S-1-s} = H + \mathrm{round}(H v)`, :math:`H = \lfloor (L^S - 1)/2 \rfloor`.

    Args:
        zero_at: Where in the window the weight zero is, z; r is the smaller of z and 1 - z. A device whose steps up and
            down are equal elsewhere than in the middle has its zero there. Without levels only.
        slices: Number of slices, S.
        levels: Levels of one device, L; None for a device without levels.
        copies: Devices that hold the same.
        correction: How zero is subtracted: ``"column"``, a unit column of cells that hold zero, by its current, or
            ``"digital"``, the sum of the inputs times the conductance that zero should have.
    """

    sides: ClassVar[int] = 1

    zero_at: float = eqx.field(static=True, default=0.5)
    slices: int = eqx.field(static=True, default=1)
    levels: int | None = eqx.field(static=True, default=None)
    copies: int = eqx.field(static=True, default=1)
    correction: Literal["column", "digital"] = eqx.field(static=True, default="column")

    def __check_init__(self) -> None:
        _check_copies(self.copies)
        _check_choice("SingleCell.correction", self.correction, ("column", "digital"))
        if not 0.0 < self.zero_at < 1.0:
            raise ChipError(f"SingleCell.zero_at is {self.zero_at}; it must lie between 0 and 1.")
        if self.levels is None and self.slices != 1:
            raise ChipError(f"SingleCell has {self.slices} slices without levels; give the levels of one device.")
        if self.levels is not None and (self.levels < 2 or self._half() < 1.0):
            raise ChipError(
                f"SingleCell has {self.slices} slice of {self.levels} levels, which cannot hold a sign. Give three "
                "levels or two slices at least, or use a DifferentialPair."
            )

    @property
    def reference(self) -> Literal["", "column", "digital"]:
        """How the weight zero is subtracted."""
        return self.correction

    def _half(self) -> float:
        assert self.levels is not None
        return float((self.levels**self.slices - 1) // 2)

    def coefficients(self) -> np.ndarray:
        """1/r, or the place values over H."""
        if self.levels is None:
            return np.asarray([1.0 / min(self.zero_at, 1.0 - self.zero_at)])
        return float(self.levels) ** np.arange(self.slices)[::-1] * (self.levels - 1.0) / self._half()

    def targets(self, v: Number, window: Window) -> Number:
        """Conductance [S] of each cell."""
        low, span = window[0], window[1] - window[0]
        v = within(v, -1.0, 1.0)
        if self.levels is None:
            share = (self.zero_at + v / self.coefficients()[0])[..., None]
        else:
            half, c = self._half(), self.coefficients()
            digits = unsigned(half + jnp.round(half * v), self.levels, self.slices)
            smooth = v[..., None] * jnp.asarray(c / np.sum(c**2), jnp.result_type(v))
            share = smooth + lax.stop_gradient(digits - smooth)
        g = low + span * share
        copied = jnp.broadcast_to(g[..., None], (*jnp.shape(g), self.copies))
        return copied.reshape(*jnp.shape(v), self.cells)


def _check_copies(copies: int) -> None:
    if not isinstance(copies, int) or copies < 1:
        raise ChipError(f"copies is {copies!r}; a weight has at least 1 device.")


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ChipError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")


def check_window(window: Window, held: Window) -> Window:
    """The window [S] that an encoding uses, after a look at what the cells can hold.

    Raises:
        ChipError: If the window is empty, negative, or wider than the cells'.
    """
    low, high = (float(x) for x in window)
    if not (np.isfinite(low) and np.isfinite(high) and 0.0 <= low < high):
        raise ChipError(
            f"The window is {engineering(low, 'S')} to {engineering(high, 'S')}; it must be finite, not negative, and "
            "wider than 0."
        )
    slack = 1e-6 * (held[1] - held[0])
    if low < held[0] - slack or high > held[1] + slack:
        raise ChipError(
            f"The window is {engineering(low, 'S')} to {engineering(high, 'S')}, but the cells hold "
            f"{engineering(held[0], 'S')} to {engineering(held[1], 'S')}. Choose a window within it."
        )
    return low, high
