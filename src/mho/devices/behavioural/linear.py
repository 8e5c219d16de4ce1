"""Pulse models whose step is linear in the weight: constant step, linear step, soft bounds."""

from __future__ import annotations

import enum
import math

import equinox as eqx
import jax.numpy as jnp

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.behavioural.step import AbstractStepDevice, Step, check_window, within
from mho.devices.device import Number
from mho.devices.kinetics import known


class ConstantStep(AbstractStepDevice):
    r"""Every pulse the same step, up to the bounds: :math:`w \to w + \Delta_\uparrow (1 + c\,\xi)`.

    Args: those of `AbstractStepDevice`.
    """

    def __check_init__(self) -> None:
        check_ranges(self)
        check_window(self)

    def bounds(self) -> tuple[Number, Number]:
        """Bounds of the weight [1]."""
        return self.reach()

    def step(self, up: Number) -> Step:
        """A step of one size, clipped at the bounds."""
        rise, fall = self.steps()
        dw = jnp.where(up, rise, -fall)
        low, high = self.reach()
        return lambda w, noise: within(w + dw * (1.0 + self.sigma_cycle * noise), (low, high))


class Anchor(enum.Enum):
    """The bound at which a linear step has shrunk by its slope."""

    NOMINAL = "nominal"  # the same for all devices
    OWN = "own"  # each device's own
    NOMINAL_OTHER = "nominal, of the other direction"
    OWN_OTHER = "own, of the other direction"


class LinearStep(AbstractStepDevice):
    r"""A step that changes linearly with the weight, up to the bounds.

    .. math::
        w \to w + \Delta_\uparrow[(1 - \gamma_\uparrow w/b_\uparrow)(1 + c\,\xi) + c_a\xi], \qquad
        w \to w - \Delta_\downarrow[(1 - \gamma_\downarrow w/b_\downarrow)(1 + c\,\xi) + c_a\xi]

    With b the nominal bounds (`Anchor.NOMINAL`) or this device's own; the anchors *of the other direction* make a step
    that is largest at the bound it moves to, with b beyond that bound by `offset`. Noise is relative to the step that
    is left (c), or to the step at weight 0 (c_a).

    Args:
        gamma_up: Share of the upward step that is lost at the upper bound [1].
        gamma_down: Share of the downward step that is lost at the lower bound [1].
        sigma_additive: Standard deviation of a step, relative to that at weight 0, where that is additive [1].
        offset: How far an anchor of the other direction lies beyond its bound [1].
        anchor_up: Bound that the upward slope refers to.
        anchor_down: Bound that the downward slope refers to.
        (and those of `AbstractStepDevice`)
    """

    gamma_up: Number = quantity("1", kw_only=True)
    gamma_down: Number = quantity("1", kw_only=True)
    sigma_additive: Number = quantity("1", low=0.0, default=0.0, kw_only=True)
    offset: Number = quantity("1", low=0.0, default=0.01, kw_only=True)
    anchor_up: Anchor = eqx.field(static=True, default=Anchor.NOMINAL, kw_only=True)
    anchor_down: Anchor = eqx.field(static=True, default=Anchor.NOMINAL, kw_only=True)

    def __check_init__(self) -> None:
        check_ranges(self)
        check_window(self)

    def bounds(self) -> tuple[Number, Number]:
        """Bounds of the weight [1]."""
        return self.reach()

    def anchors(self) -> tuple[Number, Number]:
        """The weights b that the two slopes refer to [1]."""
        own = (Anchor.OWN, Anchor.OWN_OTHER)
        low_up, high_up = self.reach() if self.anchor_up in own else (self.w_min, self.w_max)
        low_down, high_down = self.reach() if self.anchor_down in own else (self.w_min, self.w_max)
        up = low_up - self.offset if self.anchor_up in (Anchor.NOMINAL_OTHER, Anchor.OWN_OTHER) else high_up
        down = high_down + self.offset if self.anchor_down in (Anchor.NOMINAL_OTHER, Anchor.OWN_OTHER) else low_down
        return up, down

    def step(self, up: Number) -> Step:
        """A step linear in the weight, clipped at the bounds."""
        rise, fall = self.steps()
        anchor_up, anchor_down = self.anchors()
        slope = jnp.where(up, _share(self.gamma_up, anchor_up), _share(self.gamma_down, anchor_down))
        dw = jnp.where(up, rise, -fall)
        return _linear(self, dw, dw * slope, dw, self.reach())


class SoftBounds(AbstractStepDevice):
    r"""A step that vanishes at the device's own bounds, with a reference that may be its symmetry point.

    With :math:`v = w + r` and bounds of v:

    .. math::
        v \to v + \Delta_\uparrow[(1 - v/b_\uparrow)(1 + c\,\xi) + c_a\xi], \qquad
        v \to v - \Delta_\downarrow[(1 - v/b_\downarrow)(1 + c\,\xi) + c_a\xi], \qquad
        r = r_0 + s\,\frac{\Delta_\uparrow-\Delta_\downarrow}
                          {\Delta_\uparrow/b_\uparrow-\Delta_\downarrow/b_\downarrow}

    A slope that differs from device to device (`slope_up`, `slope_down`) moves the bound, not the step at weight 0.

    Args:
        reference: Reference that is subtracted, r_0 [1].
        symmetry_share: Share s of the device's symmetry point that is subtracted too: 0 none, 1 all of it [1].
        slope_up: Upward slope relative to that of the bound [1].
        slope_down: Downward slope relative to that of the bound [1].
        sigma_additive: Standard deviation of a step, relative to that at weight 0, where that is additive [1].
        (and those of `AbstractStepDevice`)
    """

    reference: Number = quantity("1", default=0.0, kw_only=True)
    symmetry_share: Number = quantity("1", low=0.0, high=1.0, default=0.0, kw_only=True)
    slope_up: Number = quantity("1", default=1.0, kw_only=True)
    slope_down: Number = quantity("1", default=1.0, kw_only=True)
    sigma_additive: Number = quantity("1", low=0.0, default=0.0, kw_only=True)

    def __check_init__(self) -> None:
        check_ranges(self)
        check_window(self)

    def bounds(self) -> tuple[Number, Number]:
        """Bounds of the hidden weight, the reference subtracted [1]."""
        low, high = self._soft()
        r = self._reference()
        return low - r, high - r

    def step(self, up: Number) -> Step:
        """A soft-bound step of the weight with its reference."""
        rise, fall = self.steps()
        low, high = self._soft()
        r = self._reference()
        slope = jnp.where(up, _share(1.0, high), _share(1.0, low))
        # Written for the weight itself, the reference multiplied out: nothing to add and take away at each pulse.
        dw = jnp.where(up, rise, -fall)
        return _linear(self, dw * (1.0 - slope * r), dw * slope, dw, (low - r, high - r))

    def _soft(self) -> tuple[Number, Number]:
        """Bounds before the reference is subtracted: where the two lines of the step meet zero."""
        low, high = self.reach()
        both = (low < 0.0) & (high > 0.0)
        return (
            jnp.where(both, low / jnp.where(both, self.slope_down, 1.0), low),
            jnp.where(both, high / jnp.where(both, self.slope_up, 1.0), high),
        )

    def _reference(self) -> Number:
        low, high = self._soft()
        rise, fall = self.steps()
        both = (low < 0.0) & (high > 0.0) & (rise + fall > 0.0)
        slope = jnp.where(both, rise * _share(1.0, high) - fall * _share(1.0, low), 1.0)
        return self.reference + jnp.where(both, self.symmetry_share * (rise - fall) / slope, 0.0)


def _share(gamma: Number, anchor: Number) -> Number:
    """Slope gamma / anchor; 0 where a device has no room on that side."""
    room = anchor != 0.0
    return jnp.where(room, gamma / jnp.where(room, anchor, 1.0), 0.0)


def _linear(
    device: LinearStep | SoftBounds, start: Number, slope: Number, dw: Number, bounds: tuple[Number, Number]
) -> Step:
    """A step `start - slope w` with its relative noise, and noise relative to `dw`."""
    additive = None if known(device.sigma_additive, 0.0) else dw * device.sigma_additive

    def after(w: Number, noise: Number) -> Number:
        w = w + (start - slope * w) * (1.0 + device.sigma_cycle * noise)
        return within(w if additive is None else w + additive * noise, bounds)

    return after


def soft_bounds_pmax(*, p_max: float, alpha: float, range_min: float, range_max: float, **numbers: float) -> SoftBounds:
    r"""Soft bounds from a measured ramp of `p_max` pulses, as the toolkit derives and runs them.

    With :math:`B = (range_{max} - range_{min})/(1 - e^{-\alpha p_{max}})`: `w_min` is `range_min`, `w_max` is
    `range_min` + B, `dw_min` is Bα and `up_down` is 1 + 2 `range_min`/B. The two ramps meant by this,
    :math:`w(n) = range_{min} + B(1 - e^{-\alpha n})` and its mirror, would need both steps scaled by the asymmetry; as
    only the weaker one is, both run faster than that.

    Args:
        p_max: Pulses of the ramp [1].
        alpha: Rate of the exponential per pulse [1].
        range_min: Weight at the start of the ramp, below 0 [1].
        range_max: Weight at its end, above 0 [1].
        **numbers: Further fields of `SoftBounds`, in SI.

    Raises:
        ParameterError: If the range does not lie on both sides of 0, or `p_max` or `alpha` is not above 0.
    """
    if not (range_min < 0.0 < range_max and p_max > 0 and alpha > 0):
        raise ParameterError(
            f"soft_bounds_pmax needs range_min < 0 < range_max, p_max > 0 and alpha > 0; it was given {range_min}, "
            f"{range_max}, {p_max} and {alpha}."
        )
    b = (range_max - range_min) / -math.expm1(-p_max * alpha)
    return SoftBounds(
        w_min=range_min, w_max=range_min + b, dw_min=b * alpha, up_down=1.0 + 2.0 * range_min / b, **numbers
    )
