"""Wear: sudden death after a Weibull number of cycles, and a window that closes gradually."""

from __future__ import annotations

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number


class AbstractWear(eqx.Module):
    """What a number of cycles has made of a conductance."""

    @abc.abstractmethod
    def worn(self, g: Number, window: tuple[Number, Number], cycles: Number, temperature: Number) -> Number:
        """Conductance [S] after `cycles` of one that would be `g` in the fresh `window` [S]."""


class WeibullEndurance(AbstractWear):
    r"""Sudden death: the device fails after :math:`N = N_{63}\,[-\ln(1-u)]^{1/\beta}` cycles and is stuck from then on.

    Args:
        n_63: Cycles after which 63.2 % of the devices have failed [1].
        beta: Weibull slope [1].
        quantile: Place of this device in the population, u; :func:`mho.devices.effects.fated` draws it [1].
        level: Where it is stuck, from 0, the low end of its window, to 1, the high end [1].
    """

    n_63: Number = quantity("1", positive=True)
    beta: Number = quantity("1", positive=True)
    quantile: Number = quantity("1", low=0.0, high=1.0, default=1.0 - float(np.exp(-1.0)))
    level: Number = quantity("1", low=0.0, high=1.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def lifetime(self) -> Number:
        """Cycles after which this device fails [1]."""
        survivors = jnp.clip(1.0 - self.quantile, 1e-30, 1.0)
        hazard = jnp.maximum(-jnp.log(survivors), 1e-30)
        return self.n_63 * jnp.exp(jnp.log(hazard) / self.beta)

    def worn(self, g: Number, window: tuple[Number, Number], cycles: Number, temperature: Number) -> Number:
        """The conductance itself until the device fails; then the level at which it is stuck [S]."""
        low, high = window
        return jnp.where(cycles > self.lifetime(), low + self.level * (high - low), g)


def _moved(g: Number, fresh: tuple[Number, Number], low: Number, high: Number) -> Number:
    """The conductance at the same place in a window that has become (low, high)."""
    place = (g - fresh[0]) / (fresh[1] - fresh[0])
    return low + place * (high - low)


class PowerAging(AbstractWear):
    r"""Both ends of the window move by a power of the cycles beyond a threshold, until they meet.

    .. math:: G_{high}(N) = G_{high}\,n^{-a_h}, \quad G_{low}(N) = G_{low}\,n^{a_l}, \quad
              n = \max(N/N_0, 1), \quad a = a_{300} + a_T\,(T - 300.15\,\mathrm{K})

    Args:
        threshold: Cycles after which the window begins to close, N_0 [1].
        slope_high: Decades that the high end falls per decade of cycles, a_h [1].
        slope_low: Decades that the low end rises per decade of cycles, a_l [1].
        slope_temperature: Change of both slopes with temperature, a_T [1/K].

    Source: the form (a straight line of log resistance over log cycles, with a slope linear in temperature and cell
    size, beyond a threshold) is that of Lammie et al. (2021), as coded in MemTorch.
    """

    threshold: Number = quantity("1", positive=True)
    slope_high: Number = quantity("1", low=0.0, default=0.0)
    slope_low: Number = quantity("1", low=0.0, default=0.0)
    slope_temperature: Number = quantity("1/K", default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def worn(self, g: Number, window: tuple[Number, Number], cycles: Number, temperature: Number) -> Number:
        """Conductance [S] at the same place in the closed window."""
        decades = jnp.log(jnp.maximum(cycles / self.threshold, 1.0))
        more = self.slope_temperature * (temperature - ROOM)
        high = window[1] * jnp.exp(-jnp.maximum(self.slope_high + more, 0.0) * decades)
        low = window[0] * jnp.exp(jnp.maximum(self.slope_low + more, 0.0) * decades)
        middle = 0.5 * (low + high)
        crossed = low > high
        return _moved(g, window, jnp.where(crossed, middle, low), jnp.where(crossed, middle, high))


class LogAging(AbstractWear):
    r"""The window closes by a share :math:`c = \min\{k\log_{10}(1+N/N_0),\ 1\}` of its width.

    Args:
        threshold: Cycles at which the closing sets in, N_0 [1].
        per_decade: Share of the window that is lost per decade of cycles, k [1].
        from_high: Share of the loss that the high end bears; the rest is the low end's [1].
    """

    threshold: Number = quantity("1", positive=True)
    per_decade: Number = quantity("1", low=0.0, high=1.0)
    from_high: Number = quantity("1", low=0.0, high=1.0, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def worn(self, g: Number, window: tuple[Number, Number], cycles: Number, temperature: Number) -> Number:
        """Conductance [S] at the same place in the closed window."""
        lost = jnp.minimum(self.per_decade * jnp.log1p(cycles / self.threshold) / float(np.log(10.0)), 1.0)
        lost = lost * (window[1] - window[0])
        low, high = window[0] + (1.0 - self.from_high) * lost, window[1] - self.from_high * lost
        return _moved(g, window, low, high)
