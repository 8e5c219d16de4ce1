"""The pulse model whose step depends exponentially on the weight."""

from __future__ import annotations

import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.behavioural.step import AbstractStepDevice, Step, check_window, within
from mho.devices.device import Number

_CLAMP = 60.0  # largest exponent: e^60 is finite in float32, and no step survives it


class ExpStep(AbstractStepDevice):
    r"""A step that shrinks exponentially towards the bounds.

    With :math:`z = 2 a w/(b_\uparrow - b_\downarrow) + b` and this device's own bounds:

    .. math::
        y_\uparrow = \max(1 - A_\uparrow e^{\gamma_\uparrow z}, 0), \quad
        y_\downarrow = \max(1 - A_\downarrow e^{-\gamma_\downarrow z}, 0), \quad
        w \to w \pm \Delta y + \sigma\,\xi

    (clipped at the bounds), where the noise of one step is relative to it or, with the two further terms, as it was
    measured on phase-change cells:

    .. math:: \sigma = c\,(\Delta y + c_0 + c_1 |w|)

    Args:
        amplitude_up: A of the upward step [1].
        amplitude_down: A of the downward step [1].
        gamma_up: γ of the upward step [1].
        gamma_down: γ of the downward step [1].
        a: Scale of the weight in the exponent [1].
        b: Shift of the exponent [1].
        sigma_floor: Noise that does not depend on the step, c₀, relative to `sigma_cycle` [1].
        sigma_slope: Noise proportional to the weight, c₁, relative to `sigma_cycle` [1].
        (and those of `AbstractStepDevice`)

    Source: Gong et al., Nat. Commun. 9, 2102 (2018); noise terms: Nandakumar et al., Front. Neurosci. 14, 406 (2020).
    """

    amplitude_up: Number = quantity("1", kw_only=True)
    amplitude_down: Number = quantity("1", kw_only=True)
    gamma_up: Number = quantity("1", kw_only=True)
    gamma_down: Number = quantity("1", kw_only=True)
    a: Number = quantity("1", kw_only=True)
    b: Number = quantity("1", kw_only=True)
    sigma_floor: Number = quantity("1", low=0.0, default=0.0, kw_only=True)
    sigma_slope: Number = quantity("1", low=0.0, default=0.0, kw_only=True)

    def __check_init__(self) -> None:
        check_ranges(self)
        check_window(self)

    def bounds(self) -> tuple[Number, Number]:
        """Bounds of the weight [1]."""
        return self.reach()

    def step(self, up: Number) -> Step:
        """An exponential step, clipped at the bounds."""
        rise, fall = self.steps()
        low, high = self.reach()
        room = high > low
        scale = 2.0 * self.a / jnp.where(room, high - low, 1.0)
        dw = jnp.where(room, jnp.where(up, rise, -fall), 0.0)
        amplitude = jnp.where(up, self.amplitude_up, self.amplitude_down)
        gamma = jnp.where(up, self.gamma_up, -self.gamma_down)

        def after(w: Number, noise: Number) -> Number:
            exponent = jnp.clip(gamma * (scale * w + self.b), -_CLAMP, _CLAMP)
            mean = dw * jnp.maximum(1.0 - amplitude * jnp.exp(exponent), 0.0)
            # Relative noise turns with the step's sign; the floor and slope of a cell are symmetric.
            spread = mean + jnp.where(up, 1.0, -1.0) * (self.sigma_floor + self.sigma_slope * jnp.abs(w))
            return within(w + mean + jnp.where(room, self.sigma_cycle * spread * noise, 0.0), (low, high))

        return after
