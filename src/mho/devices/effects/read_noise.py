"""Noise of a read: thermal, shot, 1/f, and random telegraph noise of a trap."""

from __future__ import annotations

import abc
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE, arrhenius

_TINY = 1e-9  # smallest relative conductance of which a power is taken


class Seen(NamedTuple):
    """What a read finds: written and present conductance [S], read voltage [V], age [s], temperature [K], trap [1]."""

    g_written: Number
    g: Number
    v: Number
    age: Number
    temperature: Number
    occupancy: Number


class AbstractReadNoise(eqx.Module):
    """Adds to the current of a read; independent from read to read."""

    @abc.abstractmethod
    def deviation(self, seen: Seen, *, key: jax.Array) -> Number:
        """Deviation of the current [A] from its mean in one read."""


def _root(x: Number) -> Number:
    """The square root of x where x > 0, else 0, with a finite gradient at 0."""
    positive = x > 0.0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def _normal(key: jax.Array, like: Number) -> Number:
    return random.normal(key, jnp.shape(like), jnp.result_type(like))


class ThermalNoise(AbstractReadNoise):
    r"""Johnson-Nyquist noise, :math:`\sigma_I^2 = 4kTGB` with :math:`B = 1/(2t_{read})`.

    Args:
        t_read: Integration time of the read [s].
    """

    t_read: Number = quantity("s", positive=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def deviation(self, seen: Seen, *, key: jax.Array) -> Number:
        """Deviation of the current [A] from its mean in one read."""
        g = seen.g + 0.0 * seen.v
        # Roots one by one: the product is below the smallest normal float32.
        root = (2.0 * BOLTZMANN) ** 0.5 * _root(seen.temperature * g / self.t_read)
        return root * _normal(key, g)


class ShotNoise(AbstractReadNoise):
    r"""Shot noise, :math:`\sigma_I^2 = 2q|I|B\,F` with :math:`B = 1/(2t_{read})`.

    Args:
        t_read: Integration time of the read [s].
        fano: Fano factor F: 1 for a barrier, below it where scattering correlates the carriers [1].
    """

    t_read: Number = quantity("s", positive=True)
    fano: Number = quantity("1", low=0.0, high=10.0, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def deviation(self, seen: Seen, *, key: jax.Array) -> Number:
        """Deviation of the current [A] from its mean in one read."""
        current = jnp.abs(seen.g * seen.v)
        return ELEMENTARY_CHARGE**0.5 * _root(self.fano * current / self.t_read) * _normal(key, current)


def flicker(age: Number, t_read: Number) -> Number:
    r"""Relative growth of 1/f noise, :math:`\sqrt{\ln[(t+t_r)/(2t_r)]}`, and 0 where the logarithm is not positive."""
    return _root(jnp.log((age + t_read) / (2.0 * t_read)))


def flicker_amplitude(g: Number, q: Number, exponent: Number, q_max: Number) -> Number:
    """min(q·g^-exponent, q_max) for a relative conductance g >= 0 [1]."""
    return jnp.minimum(q * jnp.exp(-exponent * jnp.log(jnp.maximum(g, _TINY))), q_max)


class FlickerNoise(AbstractReadNoise):
    r"""1/f noise that grows with the time since the write.

    .. math::
        \sigma_G = G\,Q\sqrt{\ln\frac{t + t_0 + t_{read}}{2 t_{read}}}, \qquad Q = \min(q\,\hat g^{-p},\ q_{max})

    with :math:`\hat g` the written conductance over g_scale.

    Args:
        q: Amplitude at g_scale [1].
        t_read: Integration time of the read [s].
        t_0: Time from the write to age 0 [s].
        exponent: Fall of the amplitude with conductance, p [1].
        q_max: Largest amplitude [1].
        g_scale: Conductance at which the amplitude is q [S].

    Source: Joshi et al., Nat. Commun. 11, 2473 (2020), as coded in IBM's aihwkit.
    """

    q: Number = quantity("1", low=0.0, high=10.0)
    t_read: Number = quantity("s", positive=True)
    t_0: Number = quantity("s", low=0.0, default=0.0)
    exponent: Number = quantity("1", default=0.0)
    q_max: Number = quantity("1", positive=True, default=1.0)
    g_scale: Number = quantity("S", positive=True, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def deviation(self, seen: Seen, *, key: jax.Array) -> Number:
        """Deviation of the current [A] from its mean in one read."""
        amplitude = flicker_amplitude(seen.g_written / self.g_scale, self.q, self.exponent, self.q_max)
        sigma = seen.g * seen.v * amplitude * flicker(seen.age + self.t_0, self.t_read)
        return sigma * _normal(key, sigma)


class TelegraphNoise(AbstractReadNoise):
    r"""A trap that is filled or empty: the current is lower by `amplitude` while it is filled.

    The probability p that it is filled follows a two-state Markov chain, exactly over any duration:

    .. math:: p(t) = p_\infty + (p_0-p_\infty)\,e^{-t/\tau}, \quad p_\infty = \frac{\tau_e}{\tau_c+\tau_e}, \quad
              \frac1\tau = \frac1{\tau_c}+\frac1{\tau_e}

    A read draws the trap from p and does not change it; `observe` of a specimen settles it to 0 or 1, so that a trace
    of observe, relax, observe, ... is the chain itself. The mean over time is the conductance without noise.

    Args:
        amplitude: Relative step of the current [1].
        tau_capture: Mean time that the empty trap waits [s].
        tau_emission: Mean time that the filled trap waits [s].
        energy: Activation energy of both times [J].
    """

    amplitude: Number = quantity("1", low=0.0, high=1.0)
    tau_capture: Number = quantity("s", positive=True)
    tau_emission: Number = quantity("s", positive=True)
    energy: Number = quantity("J", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def filled_share(self) -> Number:
        """Share of the time in which the trap is filled, p_inf [1]."""
        return self.tau_emission / (self.tau_capture + self.tau_emission)

    def later(self, occupancy: Number, duration: Number, temperature: Number) -> Number:
        """Probability that the trap is filled `duration` [s] later."""
        rate = (1.0 / self.tau_capture + 1.0 / self.tau_emission) / arrhenius(self.energy, temperature)
        return self.filled_share + (occupancy - self.filled_share) * jnp.exp(-duration * rate)

    def deviation(self, seen: Seen, *, key: jax.Array) -> Number:
        """Deviation of the current [A] from its mean in one read."""
        current = seen.g * seen.v
        filled = drawn_trap(current * 0.0 + seen.occupancy, key=key)
        return -current * self.amplitude * (filled - self.filled_share)


def drawn_trap(occupancy: Number, *, key: jax.Array) -> Number:
    """1 with probability `occupancy`, else 0."""
    dtype = jnp.result_type(occupancy, float)
    return (random.uniform(key, jnp.shape(occupancy), dtype) < occupancy).astype(dtype)
