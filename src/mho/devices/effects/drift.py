"""Drift of the conductance with the time since the last write: by a power law, or with the logarithm of time."""

from __future__ import annotations

import abc

import equinox as eqx
import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.devices.kinetics import arrhenius

_TINY = 1e-9  # smallest relative conductance of which a logarithm or a power is taken
_LONG = 1e37  # equivalent age at most [s]: what is hotter or older stays a number in single precision


class AbstractDrift(eqx.Module):
    """What a conductance has become some time after its last write; `draw` is the standard normal of that write."""

    @abc.abstractmethod
    def factor(self, g: Number, age: Number, draw: Number) -> Number:
        """Conductance at `age` [s] relative to the freshly written conductance `g` [S]."""

    @abc.abstractmethod
    def elapsed(self, duration: Number, temperature: Number) -> Number:
        """Time [s] at 300.15 K in which the drift goes as far as in `duration` at `temperature` [K]."""


def equivalent(duration: Number, energy: Number, temperature: Number) -> Number:
    """Time [s] at 300.15 K that does as much as `duration` at `temperature` [K], for an activation energy [J]."""
    return jnp.minimum(duration / arrhenius(energy, temperature), _LONG)


def clipped_log(g: Number, slope: Number, offset: Number, low: Number, high: Number) -> Number:
    """clip(slope·ln g + offset, low, high) for a relative conductance g >= 0 [1], with a finite gradient at 0."""
    return jnp.clip(slope * jnp.log(jnp.maximum(g, _TINY)) + offset, low, high)


def drawn_exponent(mean: Number, sigma: Number, draw: Number) -> Number:
    """Exponent of one device: a normal number folded onto the sign of its mean."""
    return jnp.where(mean < 0.0, -1.0, 1.0) * jnp.abs(mean + sigma * draw)


def power_law(age: Number, t_0: Number, nu: Number) -> Number:
    """((age + t_0)/t_0)^-nu: 1 at age 0, so that durations can be split."""
    return jnp.exp(-nu * jnp.log1p(age / t_0))


class PowerLawDrift(AbstractDrift):
    r"""Structural relaxation: :math:`G(t) = G_0\,[(t+t_0)/t_0]^{-\nu}`, an exponent for each device and write.

    .. math::
        \nu = |\mu_\nu + \sigma_\nu \xi|, \qquad
        \mu_\nu = \operatorname{clip}(a \ln \hat g + \nu_1,\ \nu_{low},\ \nu_{high}), \qquad
        \sigma_\nu = \operatorname{clip}(a_\sigma \ln \hat g + \sigma_1,\ \sigma_{low},\ \sigma_{high})

    with :math:`\hat g` the written conductance over g_scale. A negative mean is a conductance that grows.

    Args:
        nu: Mean exponent at g_scale, before the clip [1].
        sigma_nu: Standard deviation of the exponent at g_scale, before the clip [1].
        t_0: Time from the write to the conductance that the write is said to give [s].
        slope: Change of the mean exponent per e-fold of conductance, a [1].
        nu_low: Smallest mean exponent [1].
        nu_high: Largest mean exponent [1].
        slope_sigma: Change of the standard deviation per e-fold of conductance [1].
        sigma_low: Smallest standard deviation [1].
        sigma_high: Largest standard deviation [1].
        g_scale: Conductance at which the logarithm is zero [S].
        energy: Activation energy of the relaxation, which a temperature speeds up [J].

    Source: the clipped forms are those of Joshi et al., Nat. Commun. 11, 2473 (2020), as coded in IBM's aihwkit.
    Limits: the exponent itself does not depend on temperature.
    """

    nu: Number = quantity("1", low=-1.0, high=2.0)
    sigma_nu: Number = quantity("1", low=-1.0, high=1.0, default=0.0)
    t_0: Number = quantity("s", positive=True, default=1.0)
    slope: Number = quantity("1", default=0.0)
    nu_low: Number = quantity("1", default=-1.0)
    nu_high: Number = quantity("1", default=2.0)
    slope_sigma: Number = quantity("1", default=0.0)
    sigma_low: Number = quantity("1", low=0.0, default=0.0)
    sigma_high: Number = quantity("1", low=0.0, default=1.0)
    g_scale: Number = quantity("S", positive=True, default=1.0)
    energy: Number = quantity("J", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def exponent(self, g: Number, draw: Number) -> Number:
        """Drift exponent of a device written to `g` [S]."""
        relative = g / self.g_scale
        mean = clipped_log(relative, self.slope, self.nu, self.nu_low, self.nu_high)
        sigma = clipped_log(relative, self.slope_sigma, self.sigma_nu, self.sigma_low, self.sigma_high)
        return drawn_exponent(mean, sigma, draw)

    def factor(self, g: Number, age: Number, draw: Number) -> Number:
        """Conductance at `age` [s] relative to the freshly written conductance `g` [S]."""
        return power_law(age, self.t_0, self.exponent(g, draw))

    def elapsed(self, duration: Number, temperature: Number) -> Number:
        """Time [s] at 300.15 K in which the drift goes as far as in `duration` at `temperature` [K]."""
        return equivalent(duration, self.energy, temperature)


class LogTimeDrift(AbstractDrift):
    r"""A change with the logarithm of time, :math:`G(t) = G_0\,\max\{1 + (r + \sigma_r\xi)\ln(1+t/t_0),\ f\}`.

    Args:
        rate: Mean relative change per e-fold of time, negative for a loss, r [1].
        sigma: Standard deviation of the rate from write to write and device to device [1].
        t_0: Time at which the logarithm sets in [s].
        floor: Smallest conductance relative to the written one, f [1].
        energy: Activation energy, by which a temperature speeds the change up [J].
    """

    rate: Number = quantity("1", low=-1.0, high=1.0)
    sigma: Number = quantity("1", low=0.0, default=0.0)
    t_0: Number = quantity("s", positive=True, default=1.0)
    floor: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    energy: Number = quantity("J", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def factor(self, g: Number, age: Number, draw: Number) -> Number:
        """Conductance at `age` [s] relative to the freshly written conductance `g` [S]."""
        change = (self.rate + self.sigma * draw) * jnp.log1p(age / self.t_0)
        return jnp.maximum(1.0 + change, self.floor) + 0.0 * g

    def elapsed(self, duration: Number, temperature: Number) -> Number:
        """Time [s] at 300.15 K in which the drift goes as far as in `duration` at `temperature` [K]."""
        return equivalent(duration, self.energy, temperature)
