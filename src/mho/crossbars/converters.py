"""Analog-to-digital converters: ideal, successive approximation, ramp and pipeline, each with its errors.

All of them turn a number on the scale of codes into a code. What a converter does to a current is `digitise`: it clips
to the range, takes the code, and goes back to amperes; its gradient is that of the clipping alone (straight through).
"""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from mho.core import random
from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import Number

_BITS = (1, 24)


class AbstractConverter(eqx.Module):
    """A converter, or a row of them: errors drawn by `made` have one entry a converter, the last axis of what comes."""

    bits: eqx.AbstractVar[int]

    @abc.abstractmethod
    def code(self, t: Number, *, key: jax.Array) -> Number:
        """Code of `t`, both on the scale of codes, 0 to 2^bits - 1; `key` is for the noise of one conversion."""

    @abc.abstractmethod
    def made(self, n: int, *, key: jax.Array) -> AbstractConverter:
        """`n` converters with the errors that manufacturing gave to each."""

    @abc.abstractmethod
    def steps(self) -> int:
        """Clock periods of one conversion, which its latency is made of."""


def check_bits(bits: Any, name: str) -> None:
    """Raise if `bits` is not a whole number of 1 to 24."""
    if not isinstance(bits, int | np.integer) or not _BITS[0] <= bits <= _BITS[1]:
        raise ChipError(f"{name}.bits is {bits!r}; it must be a whole number from {_BITS[0]} to {_BITS[1]}.")


def _drawn(sigma: Number, shape: tuple[int, ...], key: jax.Array, place: int) -> Number:
    return sigma * random.normal(jax.random.fold_in(key, place), shape)


class Quantiser(AbstractConverter):
    """The ideal converter: the nearest code.

    Args:
        bits: Resolution.
    """

    bits: int = eqx.field(static=True, default=8)

    def __check_init__(self) -> None:
        check_bits(self.bits, "Quantiser")

    def code(self, t: Number, *, key: jax.Array) -> Number:
        """The nearest code."""
        return jnp.round(t)

    def made(self, n: int, *, key: jax.Array) -> Quantiser:
        """Itself: it has no errors."""
        return self

    def steps(self) -> int:
        """One."""
        return 1


class SAR(AbstractConverter):
    r"""Successive approximation: each bit compares the input with a sum of capacitors that mismatch.

    Bit i, from the most significant, is kept where :math:`\sum_{j\ \mathrm{kept}} C_j + C_i \le g\,t + o + \tfrac12`,
    with :math:`C_i = 2^i (1 + \sigma_C 2^{-i/2}\xi_i)`, as units of capacitance that mismatch independently.

    Args:
        bits: Resolution.
        sigma_capacitor: Relative mismatch of one unit of capacitance [1].
        sigma_offset: Standard deviation of the comparator's offset, in codes [1].
        sigma_gain: Relative standard deviation of the gain [1].
        noise: Standard deviation of the comparator's noise at each decision, in codes [1].
        capacitors: Of these converters, most significant last; (bits,) or (bits, n) [1].
        offset: Of these converters, in codes [1].
        gain: Of these converters [1].
    """

    bits: int = eqx.field(static=True, default=8)
    sigma_capacitor: Number = quantity("1", low=0.0, default=0.0)
    sigma_offset: Number = quantity("1", low=0.0, default=0.0)
    sigma_gain: Number = quantity("1", low=0.0, default=0.0)
    noise: Number = quantity("1", low=0.0, default=0.0)
    capacitors: Any = None
    offset: Number = quantity("1", default=0.0)
    gain: Number = quantity("1", default=1.0)

    def __check_init__(self) -> None:
        check_bits(self.bits, "SAR")
        check_ranges(self)

    def code(self, t: Number, *, key: jax.Array) -> Number:
        """The code that the search ends at."""
        weights = 2.0 ** np.arange(self.bits) if self.capacitors is None else self.capacitors
        held = self.gain * t + self.offset + 0.5
        code, sum_ = jnp.zeros_like(held), jnp.zeros_like(held)
        silent = isinstance(self.noise, np.ndarray) and not np.any(self.noise)
        for i in reversed(range(self.bits)):
            seen = held
            if not silent:
                seen = held + self.noise * random.normal(jax.random.fold_in(key, i), jnp.shape(held))
            kept = sum_ + weights[i] <= seen
            sum_ = jnp.where(kept, sum_ + weights[i], sum_)
            code = jnp.where(kept, code + 2.0**i, code)
        return code

    def made(self, n: int, *, key: jax.Array) -> SAR:
        """`n` converters with capacitors, offset and gain of their own."""
        nominal = 2.0 ** np.arange(self.bits)[:, None]
        spread = _drawn(self.sigma_capacitor, (self.bits, n), key, 0)
        weights = jnp.asarray(nominal, jnp.float32) * (1.0 + spread / jnp.asarray(nominal**0.5, jnp.float32))
        offset, gain = _drawn(self.sigma_offset, (n,), key, 1), 1.0 + _drawn(self.sigma_gain, (n,), key, 2)
        kept = (self.sigma_capacitor, self.sigma_offset, self.sigma_gain, self.noise)
        return SAR(self.bits, *kept, weights, offset, gain)

    def steps(self) -> int:
        """One a bit, and one to sample."""
        return self.bits + 1


class Ramp(AbstractConverter):
    r"""A single slope: one ramp for all columns; each comparator stops its counter, with an offset of its own.

    The ramp reaches code k at :math:`T_k = \sum_{j\le k}(1 + \sigma_s\xi_j)`, scaled so that its end is at full scale.

    Args:
        bits: Resolution.
        sigma_step: Relative standard deviation of one step of the ramp [1].
        sigma_offset: Standard deviation of a comparator's offset, in codes [1].
        sigma_gain: Relative standard deviation of a column's gain [1].
        noise: Standard deviation of the comparator's noise, in codes [1].
        thresholds: Between code k and k + 1, of the ramp that all share; None for the ideal ones [1].
        offset: Of these comparators, in codes [1].
        gain: Of these columns [1].
    """

    bits: int = eqx.field(static=True, default=8)
    sigma_step: Number = quantity("1", low=0.0, default=0.0)
    sigma_offset: Number = quantity("1", low=0.0, default=0.0)
    sigma_gain: Number = quantity("1", low=0.0, default=0.0)
    noise: Number = quantity("1", low=0.0, default=0.0)
    thresholds: Any = None
    offset: Number = quantity("1", default=0.0)
    gain: Number = quantity("1", default=1.0)

    def __check_init__(self) -> None:
        check_bits(self.bits, "Ramp")
        check_ranges(self)

    def code(self, t: Number, *, key: jax.Array) -> Number:
        """The counter's reading when the ramp has passed the input."""
        seen = self.gain * t + self.offset
        if not (isinstance(self.noise, np.ndarray) and not np.any(self.noise)):
            seen = seen + self.noise * random.normal(key, jnp.shape(seen))
        if self.thresholds is None:
            return jnp.clip(jnp.round(seen), 0.0, 2.0**self.bits - 1.0)
        return jnp.searchsorted(self.thresholds, seen).astype(seen.dtype)

    def made(self, n: int, *, key: jax.Array) -> Ramp:
        """One ramp, and `n` comparators and columns with offset and gain of their own."""
        steps = jnp.maximum(1.0 + _drawn(self.sigma_step, (2**self.bits - 1,), key, 0), 0.0)
        thresholds = jnp.cumsum(steps) * (steps.size / jnp.sum(steps)) - 0.5
        offset, gain = _drawn(self.sigma_offset, (n,), key, 1), 1.0 + _drawn(self.sigma_gain, (n,), key, 2)
        kept = (self.sigma_step, self.sigma_offset, self.sigma_gain, self.noise)
        return Ramp(self.bits, *kept, thresholds, offset, gain)

    def steps(self) -> int:
        """One a code."""
        return 2**self.bits


class Pipeline(AbstractConverter):
    r"""A pipeline of 1.5-bit stages: each takes a digit of -1, 0, 1 and passes twice the rest on.

    .. math:: d_i = [r_i > \tfrac14 + o_i] - [r_i < -\tfrac14 + o_i'], \qquad r_{i+1} = 2(1+\epsilon_i)\,r_i - d_i

    Comparator offsets below 1/4 are corrected by the digits that follow; errors of the gain are not.

    Args:
        bits: Resolution.
        sigma_gain: Relative standard deviation of a stage's gain [1].
        sigma_comparator: Standard deviation of a comparator's offset, as a share of half the full scale [1].
        noise: Standard deviation of the noise at the input, in codes [1].
        gains: Deviation of each stage's gain, (bits - 1,) or (bits - 1, n) [1].
        comparators: Offsets of both comparators of each stage, (bits - 1, 2) or (bits - 1, 2, n) [1].
    """

    bits: int = eqx.field(static=True, default=8)
    sigma_gain: Number = quantity("1", low=0.0, default=0.0)
    sigma_comparator: Number = quantity("1", low=0.0, default=0.0)
    noise: Number = quantity("1", low=0.0, default=0.0)
    gains: Any = None
    comparators: Any = None

    def __check_init__(self) -> None:
        check_bits(self.bits, "Pipeline")
        check_ranges(self)

    def code(self, t: Number, *, key: jax.Array) -> Number:
        """The digits, added up."""
        stages = self.bits - 1
        gains = np.zeros(stages) if self.gains is None else self.gains
        comparators = np.zeros((stages, 2)) if self.comparators is None else self.comparators
        if not (isinstance(self.noise, np.ndarray) and not np.any(self.noise)):
            t = t + self.noise * random.normal(key, jnp.shape(t))
        middle = 2.0**stages
        rest, code = (t - middle) / middle, jnp.full(jnp.shape(t), middle, jnp.result_type(t))
        for i in range(stages):
            digit = jnp.where(rest > 0.25 + comparators[i][0], 1.0, 0.0)
            digit = digit - jnp.where(rest < -0.25 + comparators[i][1], 1.0, 0.0)
            rest = 2.0 * (1.0 + gains[i]) * rest - digit
            code = code + digit * 2.0 ** (stages - 1 - i)
        return jnp.clip(code + jnp.clip(jnp.round(rest), -1.0, 1.0), 0.0, 2.0**self.bits - 1.0)

    def made(self, n: int, *, key: jax.Array) -> Pipeline:
        """`n` converters with stages of their own."""
        gains = _drawn(self.sigma_gain, (self.bits - 1, n), key, 0)
        comparators = _drawn(self.sigma_comparator, (self.bits - 1, 2, n), key, 1)
        return Pipeline(self.bits, self.sigma_gain, self.sigma_comparator, self.noise, gains, comparators)

    def steps(self) -> int:
        """One: a pipeline gives a code each period."""
        return 1


def check_range(low: Any, high: Any) -> None:
    """Raise if a concrete range of a converter is empty or not finite.

    Raises:
        ChipError: Names the range and the cure.
    """
    if isinstance(low, Tracer) or isinstance(high, Tracer):
        return
    low, high = np.broadcast_arrays(np.asarray(low, np.float64), np.asarray(high, np.float64))
    bad = ~(np.isfinite(low) & np.isfinite(high)) | (high <= low)
    if np.any(bad):
        a, b = float(low[bad].flat[0]), float(high[bad].flat[0])
        raise ChipError(
            f"The range of the ADC is {engineering(a, 'A')} to {engineering(b, 'A')}; it must be finite and wider "
            "than 0. Give a range, or calibrate it on inputs that drive the array."
        )


def digitise(converter: AbstractConverter, x: Number, low: Number, high: Number, *, key: jax.Array) -> Number:
    r"""What a converter makes of `x`: the value of its code.

    Codes are :math:`low + k\,(high-low)/(2^b-1)`; a range symmetric about zero has one code less, so that zero is one.

    Args:
        converter: One converter, or one for each entry of the last axis.
        x: What is converted, in the unit of the range.
        low: Lower end of the range.
        high: Upper end of the range.
        key: For the noise of the conversion.
    """
    top = 2.0**converter.bits - 1.0
    if converter.bits == 1:  # two codes cannot have zero among them
        start, unit, shift = low, (high - low) / top, 0.0
    else:
        symmetric = jnp.abs(low + high) <= 1e-6 * (high - low)
        shift = jnp.where(symmetric, 1.0, 0.0)
        unit = (high - low) / (top - shift)
        start = low - shift * unit  # the lowest code is left out
    clipped = within(x, low, high)
    code = jnp.maximum(converter.code((clipped - start) / unit, key=key), shift)
    return clipped + lax.stop_gradient(start + code * unit - clipped)


def within(x: Number, low: Any, high: Any) -> Number:
    """`x` clipped, with gradient 1 at the ends themselves, where `clip` has a half: scaled vectors touch one."""
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


def rounded(x: Number, levels: float) -> Number:
    """`x` within -1 to 1 on `levels` steps to either side of zero; the gradient passes straight through."""
    clipped = within(x, -1.0, 1.0)
    return clipped + lax.stop_gradient(jnp.round(clipped * levels) / levels - clipped)
