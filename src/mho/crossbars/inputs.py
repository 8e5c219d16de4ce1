r"""Numbers between -1 and 1 as drives of the rows: by amplitude, bit by bit, or by the width of a pulse.

A drive is what the rows see in one or more phases: u, relative to the read voltage (or to the longest pulse), and the
number by which each phase counts. What the columns answer to u is the array's (`mho.crossbars.response`).
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.crossbars.converters import rounded, within
from mho.devices.device import Number

Signs = Literal["bipolar", "two phases", "positive"]
_SIGNS = ("bipolar", "two phases", "positive")


class Drive(NamedTuple):
    """What the rows see: u (phases, ..., rows) between -1 and 1, and the count of each phase (phases,)."""

    u: Number
    counts: np.ndarray


class AbstractInput(eqx.Module):
    """How a vector drives the rows.

    `signs` says how negative numbers do: ``"bipolar"``, by a voltage of the other sign in the same phase;
    ``"two phases"``, in a phase of their own, subtracted as numbers; or ``"positive"``, not at all.
    """

    if TYPE_CHECKING:  # no abstract variables, which would come before the other fields
        bits: int | None
        v_read: Number
        signs: Signs

    ohmic: eqx.AbstractClassVar[bool]
    """Whether cells only ever see the read voltage, so that the bend of their current-voltage curve does not matter."""

    @abc.abstractmethod
    def drive(self, x: Number) -> Drive:
        """Phases of the inputs `x` (..., rows), between -1 and 1."""

    @property
    @abc.abstractmethod
    def phases(self) -> int:
        """Number of phases, each with one conversion a line."""

    @property
    @abc.abstractmethod
    def duration(self) -> Number:
        """Time for which the rows are driven in one phase [s]."""

    @property
    def levels(self) -> float:
        """Steps to either side of zero; 0 where the input is not rounded."""
        if self.bits is None:
            return 0.0
        return 2.0**self.bits - 1.0 if self.signs == "positive" else 2.0 ** (self.bits - 1) - 1.0


def _rounded(x: Number, levels: float) -> Number:
    return rounded(x, levels) if levels else within(x, -1.0, 1.0)


def _by_sign(x: Number, signs: Signs) -> tuple[list[Number], list[float]]:
    """Phases by which signed numbers are driven, and their counts."""
    if signs == "two phases":
        return [jnp.where(x >= 0.0, x, 0.0), jnp.where(x < 0.0, -x, 0.0)], [1.0, -1.0]
    return [x], [1.0]


def _check(given: AbstractInput, least: int) -> None:
    check_ranges(given)
    name = type(given).__name__
    if given.signs not in _SIGNS:
        raise ChipError(f"{name}.signs is {given.signs!r}; it must be one of {', '.join(_SIGNS)}.")
    least = least if given.signs != "positive" else 1
    if given.bits is not None and not (isinstance(given.bits, int) and least <= given.bits <= 16):
        raise ChipError(f"{name}.bits is {given.bits!r}; it must be a whole number from {least} to 16.")


class Amplitude(AbstractInput):
    """The number is a voltage, from a DAC: one phase, and the cells' current-voltage curve bends it.

    Args:
        bits: Resolution of the DAC, sign included; None for a continuous voltage.
        v_read: Voltage of the number 1 [V].
        t_read: Time for which it is held, in which the columns integrate [s].
        signs: How negative numbers are driven.
    """

    ohmic: ClassVar[bool] = False

    bits: int | None = eqx.field(static=True, default=8)
    v_read: Number = quantity("V", positive=True, default=0.2)
    t_read: Number = quantity("s", positive=True, default=100e-9)
    signs: Signs = eqx.field(static=True, default="bipolar")

    def __check_init__(self) -> None:
        _check(self, 2)

    def drive(self, x: Number) -> Drive:
        """One phase, or two."""
        phases, counts = _by_sign(_rounded(x, self.levels), self.signs)
        return Drive(jnp.stack(phases), np.asarray(counts))

    @property
    def phases(self) -> int:
        """One, or two."""
        return 2 if self.signs == "two phases" else 1

    @property
    def duration(self) -> Number:
        """t_read [s]."""
        return self.t_read


class PulseWidth(AbstractInput):
    """The number is the width of a pulse at the read voltage; columns integrate charge, linear whatever the cell.

    Args:
        bits: Resolution, sign included.
        v_read: Voltage of all pulses [V].
        t_step: Width of the smallest pulse [s].
        signs: How negative numbers are driven.
    """

    ohmic: ClassVar[bool] = True

    bits: int | None = eqx.field(static=True, default=8)
    v_read: Number = quantity("V", positive=True, default=0.2)
    t_step: Number = quantity("s", positive=True, default=1e-9)
    signs: Signs = eqx.field(static=True, default="bipolar")

    def __check_init__(self) -> None:
        _check(self, 2)
        if self.bits is None:
            raise ChipError("PulseWidth.bits is None; a pulse has a width in whole steps. Give a number of bits.")

    def drive(self, x: Number) -> Drive:
        """One phase, or two; u is the share of the longest pulse."""
        phases, counts = _by_sign(_rounded(x, self.levels), self.signs)
        return Drive(jnp.stack(phases), np.asarray(counts))

    @property
    def phases(self) -> int:
        """One, or two."""
        return 2 if self.signs == "two phases" else 1

    @property
    def duration(self) -> Number:
        """Width of the longest pulse [s]."""
        return self.t_step * self.levels


class BitSerial(AbstractInput):
    """The bits of the number one after the other, least significant first, each at the read voltage or not at all.

    Every phase is converted, and the codes are shifted and added.

    Args:
        bits: Resolution, sign included.
        v_read: Voltage of a one [V].
        t_read: Time of one phase [s].
        signs: How negative numbers are driven.
    """

    ohmic: ClassVar[bool] = True

    bits: int | None = eqx.field(static=True, default=8)
    v_read: Number = quantity("V", positive=True, default=0.2)
    t_read: Number = quantity("s", positive=True, default=10e-9)
    signs: Signs = eqx.field(static=True, default="bipolar")

    def __check_init__(self) -> None:
        _check(self, 2)
        if self.bits is None:
            raise ChipError("BitSerial.bits is None; there must be bits to send. Give a number of bits.")

    @property
    def planes(self) -> int:
        """Bits of the magnitude."""
        assert self.bits is not None
        return self.bits if self.signs == "positive" else self.bits - 1

    def drive(self, x: Number) -> Drive:
        """A phase a bit, or two."""
        top = 2.0**self.planes - 1.0
        bits = np.asarray([2.0**k / top for k in range(self.planes)])
        share = bits / np.sum(bits * bits)
        phases, counts = [], []
        for part, count in zip(*_by_sign(within(x, -1.0, 1.0), self.signs), strict=True):
            rest = jnp.round(jnp.abs(part) * top)
            for k in range(self.planes):
                half = jnp.floor(rest / 2.0)
                smooth = part * jnp.asarray(share[k], jnp.result_type(x))  # together the planes follow the number
                phases.append(smooth + lax.stop_gradient((rest - 2.0 * half) * jnp.sign(part) - smooth))
                counts.append(bits[k] * count)
                rest = half
        return Drive(jnp.stack(phases), np.asarray(counts))

    @property
    def phases(self) -> int:
        """One a bit of the magnitude, or two."""
        return self.planes * (2 if self.signs == "two phases" else 1)

    @property
    def duration(self) -> Number:
        """t_read [s]."""
        return self.t_read
