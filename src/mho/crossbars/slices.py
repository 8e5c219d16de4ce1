"""How one number becomes digits, each for devices of its own: a single one, slices of bits, or corrections.

A number v from -1 to 1 is the sum of :math:`c_s d_s` over its digits, each from -1 to 1 (`c` are the coefficients).
"""

from __future__ import annotations

import abc
import itertools
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ChipError
from mho.crossbars.converters import within
from mho.devices.device import Number

_MOST = 24  # bits that single precision can hold


class AbstractDigits(eqx.Module):
    """A signed number as signed digits; two-sided encodings hold such digits."""

    @abc.abstractmethod
    def coefficients(self) -> np.ndarray:
        """What each digit counts, most significant first, shape (digits,)."""

    @abc.abstractmethod
    def of(self, v: Number) -> Number:
        """Digits of `v`, along a new last axis. The gradient is that of a number without rounding."""

    @property
    def count(self) -> int:
        """Number of digits."""
        return len(self.coefficients())

    def value(self, digits: Number) -> Number:
        """The number that digits stand for; the last axis is theirs."""
        return jnp.sum(digits * jnp.asarray(self.coefficients(), jnp.result_type(digits)), axis=-1)


class Analog(AbstractDigits):
    """One digit without levels: the device holds what it is given."""

    def coefficients(self) -> np.ndarray:
        """One."""
        return np.ones(1)

    def of(self, v: Number) -> Number:
        """The number itself."""
        return within(v, -1.0, 1.0)[..., None]


def _check(count: Any, levels: Any, base: int, name: str) -> None:
    if not isinstance(count, int) or not isinstance(levels, int) or count < 1 or levels < 2:
        raise ChipError(
            f"{name} has {count!r} slices of {levels!r} levels; there must be at least 1 slice of at least 2 levels."
        )
    if count * np.log2(base) > _MOST:
        raise ChipError(
            f"{name} has {count} slices of {levels} levels, more than the {_MOST} bits that single precision holds. "
            "Use fewer slices or fewer levels."
        )


def _through(v: Number, rounded: Number, coefficients: np.ndarray) -> Number:
    """Rounded digits, with the gradient by which all digits together follow `v`."""
    share = jnp.asarray(coefficients / np.sum(coefficients**2), jnp.result_type(v))
    smooth = within(v, -1.0, 1.0)[..., None] * share
    return smooth + lax.stop_gradient(rounded - smooth)


class Unbalanced(AbstractDigits):
    r"""Slices of the magnitude: digits of base L, all with the sign of the number.

    .. math:: |v|\,(L^S-1) \approx \textstyle\sum_s D_s L^{S-1-s}, \quad D_s \in 0 \dots L-1, \quad d_s = \pm D_s/(L-1)

    Args:
        slices: Number of slices, S.
        levels: Levels of one device, L.
    """

    slices: int = eqx.field(static=True, default=1)
    levels: int = eqx.field(static=True, default=2)

    def __check_init__(self) -> None:
        _check(self.slices, self.levels, self.levels, "Unbalanced")

    def coefficients(self) -> np.ndarray:
        """The place values of base L, such that all digits at one are one."""
        places = float(self.levels) ** np.arange(self.slices)[::-1]
        return places / np.sum(places)

    def of(self, v: Number) -> Number:
        """Digits of the magnitude with the sign of the number."""
        top = float(self.levels) ** self.slices - 1.0
        rest = jnp.round(jnp.abs(within(v, -1.0, 1.0)) * top)
        digits = unsigned(rest, self.levels, self.slices) * jnp.sign(v)[..., None]
        return _through(v, digits, self.coefficients())


class Balanced(AbstractDigits):
    r"""Slices with digits of either sign, -(L-1) to L - 1 in base 2L - 1, as a pair of cells with L levels can hold.

    The same devices carry more numbers than with `Unbalanced` slices, and small numbers need small currents.

    Args:
        slices: Number of slices, S.
        levels: Levels of one device, L.
    """

    slices: int = eqx.field(static=True, default=1)
    levels: int = eqx.field(static=True, default=2)

    def __check_init__(self) -> None:
        _check(self.slices, self.levels, 2 * self.levels - 1, "Balanced")

    def coefficients(self) -> np.ndarray:
        """The place values of base 2L - 1, such that all digits at one are one."""
        places = float(2 * self.levels - 1) ** np.arange(self.slices)[::-1]
        return places / np.sum(places)

    def of(self, v: Number) -> Number:
        """Balanced digits."""
        base, half = 2.0 * self.levels - 1.0, self.levels - 1.0
        rest = jnp.round(within(v, -1.0, 1.0) * (base**self.slices - 1.0) / 2.0)
        digits = []
        for _ in range(self.slices):
            digit = rest - base * jnp.round(rest / base)
            digits.append(digit / half)
            rest = jnp.round((rest - digit) / base)
        return _through(v, jnp.stack(digits[::-1], axis=-1), self.coefficients())


class Corrected(AbstractDigits):
    r"""Devices of falling significance: the first holds the number, each next one what programming left of it.

    Before programming all but the first digit are 0. Programming a chip then reads what the devices hold and gives the
    difference to those of the next digit, scaled up by its significance.

    Args:
        significance: Of each digit against the first, which is 1; falling.

    Source: the scheme of Song et al., Science 383, 903 (2024), and of Le Gallo et al., Neuromorph. Comput. Eng. 2,
    014009 (2022), where it is called residual slicing.
    """

    significance: tuple[float, ...] = eqx.field(static=True, default=(1.0, 0.125))

    def __check_init__(self) -> None:
        given = tuple(self.significance)
        if not given or given[0] != 1.0 or any(not 0.0 < b < a for a, b in itertools.pairwise(given)):
            raise ChipError(
                f"Corrected.significance is {given}; it must begin with 1 and fall, all above 0, as (1.0, 0.125)."
            )

    def coefficients(self) -> np.ndarray:
        """The significances."""
        return np.asarray(self.significance, np.float64)

    def of(self, v: Number) -> Number:
        """The number in the first digit, and 0 in all others."""
        first = within(v, -1.0, 1.0)[..., None]
        rest = jnp.zeros((*jnp.shape(v), len(self.significance) - 1), jnp.result_type(v))
        return jnp.concatenate([first, rest], axis=-1)


def unsigned(whole: Number, levels: int, slices: int) -> Number:
    """Digits of base `levels` of whole numbers, most significant first along a new last axis, each from 0 to 1."""
    rest, digits = whole, []
    for _ in range(slices):
        over = jnp.floor((rest + 0.5) / levels)
        digits.append((rest - over * levels) / (levels - 1.0))
        rest = over
    return jnp.stack(digits[::-1], axis=-1)
