"""The pulse model of NeuroSim: exponential saturation over a number of pulses, by the published nonlinearity."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from mho.core.fields import check_ranges, quantity
from mho.devices.behavioural.step import AbstractStepDevice, Step, check_window, within
from mho.devices.device import Number

_DEVIATION = 0.98995 / 10.0  # largest deviation from the straight line per unit of nonlinearity
_SMALL = 0.05  # below this bend, series: the closed form cancels
_BISECTIONS = 40


class SaturatingStep(AbstractStepDevice):
    r"""A window that is crossed in so many pulses, along an exponential of given nonlinearity.

    With x the weight on [0, 1] between the bounds and the bend z of the direction:

    .. math::
        x_\uparrow(p) = \frac{1-e^{-z_\uparrow p/P_\uparrow}}{1-e^{-z_\uparrow}}, \qquad
        x \to x + k\,\Bigl(\frac{1}{1-e^{-z}} - x\Bigr)(1-e^{-z/P}) + c\,\xi

    (downwards the same with -z, backwards). The nonlinearity α is the curve's largest deviation from the straight line
    in units of 0.099: z solves :math:`D(z) = 0.098995\,|\alpha|` with

    .. math:: D(z) = \frac{1}{1-e^{-z}} - \frac1z - \frac1z\ln\frac{z}{1-e^{-z}}

    The signs are the tool's: above 0 a ramp is steep at low conductance. So a device whose both ramps are steep at
    their start has `alpha_up` > 0 and `alpha_down` < 0, and with two equal signs the ramps lie on one another. Here
    `dw_min` has no say (the step is the window's share); the noise c (`sigma_cycle`) is relative to the window.

    Args:
        pulses_up: Pulses from the lower bound to the upper one [1].
        pulses_down: Pulses back [1].
        alpha_up: Nonlinearity of the way up [1].
        alpha_down: Nonlinearity of the way down, above 0 where steep at low conductance [1].
        (and those of `AbstractStepDevice`)

    Source: Chen, Peng, Yu, IEEE TCAD 37, 3067 (2018), equations of the weight update; the relation of bend and
    nonlinearity is ours, within 5e-5 of the tool's.
    """

    pulses_up: Number = quantity("1", positive=True, kw_only=True)
    pulses_down: Number = quantity("1", positive=True, kw_only=True)
    alpha_up: Number = quantity("1", low=-9.0, high=9.0, kw_only=True)
    alpha_down: Number = quantity("1", low=-9.0, high=9.0, kw_only=True)

    def __check_init__(self) -> None:
        check_ranges(self)
        check_window(self)

    def bounds(self) -> tuple[Number, Number]:
        """Bounds of the weight [1]."""
        return self.reach()

    def step(self, up: Number) -> Step:
        """A step along the curve of the direction, clipped at the bounds."""
        low, high = self.reach()
        width = high - low
        bend = jnp.where(up, bend_of(self.alpha_up), -bend_of(self.alpha_down))
        bend = jnp.where(jnp.abs(bend) < 1e-4, jnp.where(bend < 0.0, -1e-4, 1e-4), bend)
        share = -jnp.expm1(-bend / jnp.where(up, self.pulses_up, self.pulses_down))
        rise, fall = (dw / self.dw_min for dw in self.steps())
        share = share * jnp.where(up, rise, fall)
        sign = jnp.where(up, 1.0, -1.0)
        start = jnp.where(up, low, high)
        end = width / -jnp.expm1(-bend)
        sigma = self.sigma_cycle * width

        def after(w: Number, noise: Number) -> Number:
            travelled = sign * (w - start)
            return within(w + sign * (end - travelled) * share + sigma * noise, (low, high))

        return after


def deviation(bend: Number) -> Number:
    """D(z): the largest deviation of the normalised curve of bend z >= 0 from the straight line [1]."""
    small = bend < _SMALL
    z = jnp.where(small, 1.0, bend)
    whole = -jnp.expm1(-z)
    far = 1.0 / whole - 1.0 / z - jnp.log(z / whole) / z
    near = bend * (0.125 - bend * bend / 576.0)
    return jnp.where(small, near, far)


def bend_of(alpha: Number) -> Number:
    """The bend z of a nonlinearity alpha, with its sign: D(|z|) = 0.098995 |alpha| [1]."""
    target = _DEVIATION * jnp.abs(alpha)

    def halve(_: int, ends: tuple[Number, Number]) -> tuple[Number, Number]:
        low, high = ends
        middle = 0.5 * (low + high)
        below = deviation(jnp.exp(middle)) < target
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    none = jnp.zeros_like(target)
    low, high = lax.fori_loop(0, _BISECTIONS, halve, (none - 12.0, none + 5.0))
    # One step of Newton's method, whose derivative is that of the solution.
    z = lax.stop_gradient(jnp.exp(0.5 * (low + high)))
    value, slope = jax.jvp(deviation, (z,), (jnp.ones_like(z),))
    return jnp.sign(alpha) * (z - (value - target) / slope)
