"""The pulse model whose step is a power of the room that is left."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from mho.core.fields import check_ranges, quantity
from mho.devices.behavioural.step import AbstractStepDevice, Step, check_window, within
from mho.devices.device import Number
from mho.devices.kinetics import known

_BISECTIONS = 50  # halvings of the window: to rounding in double precision
_TINY = 1e-30


class PowerStep(AbstractStepDevice):
    r"""A step that falls with a power of the room to the bound, with a reference that may be its symmetry point.

    With :math:`v = w + r` and :math:`\omega = (b_\uparrow - v)/(b_\uparrow - b_\downarrow)`:

    .. math::
        v \to v + \Delta_\uparrow\,\omega^{\gamma_\uparrow}(1 + c\,\xi), \qquad
        v \to v - \Delta_\downarrow\,(1-\omega)^{\gamma_\downarrow}(1 + c\,\xi)

    (clipped at the bounds). The exponents differ like the steps do:
    :math:`\gamma_\uparrow = |\min(d_\gamma, 0) + k_\gamma + r_\gamma|\,\gamma` and mirrored.

    Args:
        gamma: Nominal exponent [1].
        gamma_up_down: Asymmetry of the exponents, d_γ [1].
        gamma_gain: This device's exponent relative to the nominal one, k_γ [1].
        gamma_imbalance: What its upward exponent has more than its downward one, relative, r_γ [1].
        reference: Reference that is subtracted from the weight [1].
        symmetry_share: Share of the weight at which both steps are equal that is subtracted too: 0 none, 1 all [1].
        (and those of `AbstractStepDevice`)
    """

    gamma: Number = quantity("1", low=0.0, kw_only=True)
    gamma_up_down: Number = quantity("1", default=0.0, kw_only=True)
    gamma_gain: Number = quantity("1", default=1.0, kw_only=True)
    gamma_imbalance: Number = quantity("1", default=0.0, kw_only=True)
    reference: Number = quantity("1", default=0.0, kw_only=True)
    symmetry_share: Number = quantity("1", low=0.0, high=1.0, default=0.0, kw_only=True)

    def __check_init__(self) -> None:
        check_ranges(self)
        check_window(self)

    def exponents(self) -> tuple[Number, Number]:
        """This device's exponents up and down [1]."""
        up = jnp.abs(jnp.minimum(self.gamma_up_down, 0.0) + self.gamma_gain + self.gamma_imbalance)
        down = jnp.abs(self.gamma_gain - self.gamma_imbalance - jnp.maximum(self.gamma_up_down, 0.0))
        return up * self.gamma, down * self.gamma

    def bounds(self) -> tuple[Number, Number]:
        """Bounds of the hidden weight, the reference subtracted [1]."""
        low, high = self.reach()
        r = self._reference()
        return low - r, high - r

    def step(self, up: Number) -> Step:
        """A power-law step of the weight with its reference."""
        rise, fall = self.steps()
        low, high = self.reach()
        exponent = jnp.where(up, *self.exponents())
        room = high > low
        dw = jnp.where(room, jnp.where(up, rise, -fall), 0.0)
        width = jnp.where(room, high - low, 1.0)
        end = jnp.where(up, high, low)
        r = self._reference()

        def after(w: Number, noise: Number) -> Number:
            v = w + r
            share = _power(jnp.abs(end - v) / width, exponent)
            return within(v + dw * share * (1.0 + self.sigma_cycle * noise), (low, high)) - r

        return after

    def symmetry_point(self) -> Number:
        """Weight, before the reference, at which both steps are equal [1]."""
        rise, fall = self.steps()
        low, high = self.reach()
        up, down = self.exponents()

        def excess(share: Number) -> Number:
            return rise * _power(1.0 - share, up) - fall * _power(share, down)

        def halve(_: int, ends: tuple[Number, Number]) -> tuple[Number, Number]:
            a, b = ends
            middle = 0.5 * (a + b)
            above = excess(middle) > 0.0
            return jnp.where(above, middle, a), jnp.where(above, b, middle)

        zero = jnp.zeros_like(excess(jnp.asarray(0.5)))
        a, b = lax.fori_loop(0, _BISECTIONS, halve, (zero, zero + 1.0))
        # One step of Newton's method, whose derivative is that of the solution.
        share = lax.stop_gradient(0.5 * (a + b))
        value, slope = jax.jvp(excess, (share,), (jnp.ones_like(share),))
        share = share - value / jnp.where(slope < 0.0, slope, -1.0)
        return low + (high - low) * jnp.clip(share, 0.0, 1.0)

    def _reference(self) -> Number:
        if known(self.symmetry_share, 0.0):
            return self.reference
        low, high = self.reach()
        both = (low < 0.0) & (high > 0.0)
        return self.reference + jnp.where(both, self.symmetry_share * self.symmetry_point(), 0.0)


def _power(share: Number, exponent: Number) -> Number:
    """share^exponent for share >= 0, with finite derivatives at 0, and 0^0 = 1."""
    inside = share > _TINY
    power = jnp.exp(exponent * jnp.log(jnp.where(inside, share, 1.0)))
    return jnp.where(inside, power, jnp.where(exponent == 0.0, 1.0, 0.0))
