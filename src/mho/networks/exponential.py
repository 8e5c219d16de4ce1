"""The exponential integrate-and-fire equation over a step, element by element: where the membrane goes, if it fires."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.kinetics import relative_decay
from mho.networks.neurons import check_reset
from mho.networks.synapse import Number

STEEPEST = 1000.0
"""Most slopes between rest and threshold: beyond, a slope is lost in the rounding of single precision."""


class Membrane(NamedTuple):
    r"""Numbers of a membrane with a leak and a threshold of finite slope.

    .. math:: C \dot V = I - I_{leak} - g_{leak}(V - V_{rest}) + I_{spike}\,e^{(V - V_{threshold})/\Delta}

    It does not fall below `floor`, where the transistor that leaks has no voltage left, and fires where it diverges.

    Source: Fourcaud-Trocmé, Hansel, van Vreeswijk and Brunel, J. Neurosci. 23 (2003) 11628, with a constant leak beside
    the linear one.
    """

    c: Any
    i_leak: Any
    g_leak: Any
    v_rest: Any
    v_threshold: Any
    v_slope: Any
    i_spike: Any
    floor: Any


class AbstractExponentialLIF(eqx.Module):
    """Fields that exponential neurons of populations and of trainable layers share; each says what they are."""

    c: Number = quantity("F", positive=True)
    i_leak: Number = quantity("A", low=0.0)
    g_leak: Number = quantity("S", low=0.0)
    v_rest: Number = quantity("V")
    v_reset: Number = quantity("V")
    v_threshold: Number = quantity("V")
    v_slope: Number = quantity("V", positive=True)
    i_spike: Number = quantity("A", positive=True)
    t_ref: Number = quantity("s", positive=True)

    def __check_init__(self) -> None:
        check_ranges(self)
        check_reset(self)
        if not all(isinstance(x, np.ndarray) for x in (self.v_threshold, self.v_slope)):
            return
        steep = (self.v_threshold - np.minimum(self.v_rest, self.v_reset)) / self.v_slope
        if np.any(steep > STEEPEST):
            raise ParameterError(
                f"{type(self).__name__}.v_slope is {np.min(self.v_slope):.4g} V, {np.max(steep):.0f} times smaller "
                f"than threshold less rest or reset; at most {STEEPEST:.0f}. Raise it, or take a CurrentLIF: its "
                "threshold is sharp."
            )

    @property
    def membrane(self) -> Membrane:
        """The membrane; its floor is the lower of rest and reset."""
        numbers = {name: getattr(self, name) for name in Membrane._fields if name != "floor"}
        plain = isinstance(self.v_rest, np.ndarray) and isinstance(self.v_reset, np.ndarray)
        return Membrane(**numbers, floor=(np if plain else jnp).minimum(self.v_rest, self.v_reset))


def net_current(p: Membrane, v: Number, i: Number, t: Number) -> Number:
    """Current that charges the membrane in a step of `t` [s], the leak taken at the step's middle [A]."""
    now = i - p.i_leak - p.g_leak * (v - p.v_rest)
    return now * (1.0 - 0.5 * p.g_leak * t / p.c)


def excess(p: Membrane, v: Number, net: Number, t: Number) -> Number:
    r"""How far a membrane at `v` is above what it needs to fire within `t` under a constant net current [V].

    With :math:`u = e^{-V/\Delta}` the equation is linear, and u reaches 0 within t where

    .. math:: V + \Delta \ln\frac{e^x - 1}{x} + \Delta \ln\frac{I_{spike}\,t}{C\Delta} \ge V_{threshold}, \qquad
        x = \frac{I t}{C \Delta}
    """
    x = net * t / (p.c * p.v_slope)
    gain = jnp.maximum(x, 0.0) + jnp.log(relative_decay(jnp.abs(x)))
    return v - p.v_threshold + p.v_slope * (gain + jnp.log(p.i_spike * t / (p.c * p.v_slope)))


def moved(p: Membrane, v: Number, net: Number, t: Number, above: Number) -> Number:
    """Voltage after `t` of a membrane that does not fire in it; `above` is its :func:`excess` [V]."""
    share = -jnp.expm1(jnp.minimum(above, -_NEAREST * p.v_slope) / p.v_slope)
    return jnp.maximum(v + net * t / p.c - p.v_slope * jnp.log(share), p.floor)


def crossing(p: Membrane, v: Number, net: Number) -> Number:
    r"""Time to the spike of a membrane at `v` under a constant net current that makes it fire [s].

    .. math:: t = \frac{C \Delta}{I} \ln\left(1 + \frac{I}{I_{spike}}\,e^{(V_{threshold} - V)/\Delta}\right)
    """
    far = (p.v_threshold - v) / p.v_slope
    y = jnp.exp(jnp.minimum(far, _LARGEST))
    x = net / p.i_spike * y
    unit, above = p.c * p.v_slope, x > _SERIES
    push = jnp.where(above, net, p.i_spike)
    z = far + jnp.log(push / p.i_spike)
    driven = unit / push * (jnp.maximum(z, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(z))))
    near = jnp.abs(x) <= _SERIES
    against = jnp.where(near | above, -0.5, jnp.maximum(x, -1.0 + _SERIES))
    share = jnp.where(near, 1.0 - 0.5 * x, jnp.log1p(against) / against)
    return jnp.where(above, driven, unit / p.i_spike * y * share)


_NEAREST = 1e-3  # of a slope below the spike: there the logarithm and its derivative end
_SERIES = 1e-3  # share of the spike's current below which two terms of the series do
_LARGEST = 30.0  # exponent at which a membrane is too far below its threshold to fire without current
