"""A ReRAM array with a linear programming error and a cubic current-voltage curve."""

from __future__ import annotations

import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractProgrammed, Number
from mho.devices.phase_change.statistical import polynomial
from mho.devices.statistics.deviation import ArrayState, at_rest, later, programmed

_LOG10 = math.log(10.0)


class NonlinearArray(AbstractProgrammed):
    r"""A programmed array cell whose error is linear in conductance and whose current is cubic in voltage.

    .. math::
        G = G_T + \max(c_0 + c_1 G_T,\ 0)\,\xi, \qquad
        I = GV + a_2(G)\,V^2 + a_3(G)\,V^3, \qquad a_i = \textstyle\sum_k b_{ik}\,(\log_{10} G/\mathrm{S})^k

    Args:
        g_min: Smallest conductance [S].
        g_max: Largest conductance [S].
        sigma_floor: Standard deviation of programming at zero conductance, c_0 [S].
        sigma_slope: Its change with conductance, c_1 [1].
        quadratic: Coefficients b_2k, constant first, each in A/V^2 [S/V].
        cubic: Coefficients b_3k, constant first, each in A/V^3 [S/V^2].
        g_low: Smallest conductance at which the curve was fitted [S].
        g_high: Largest conductance at which the curve was fitted [S].
        v_high: Largest voltage, of either sign, at which the curve was fitted [V].
        sigma_read: Relative standard deviation of one read [1].

    Source: Milo et al., IRPS 2021 (IGVVA-100), as fitted in Sandia's CrossSim.
    Limits: outside the fitted conductances and voltages the nonlinear part is that of the nearest fitted ones.
    `conductance` is that at small voltage. No drift was published.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")

    g_min: Number = quantity("S", low=0.0)
    g_max: Number = quantity("S", positive=True)
    sigma_floor: Number = quantity("S")
    sigma_slope: Number = quantity("1", default=0.0)
    quadratic: tuple[Number, ...] = quantity("S/V", default=(0.0,))
    cubic: tuple[Number, ...] = quantity("S/V^2", default=(0.0,))
    g_low: Number = quantity("S", positive=True, default=1e-9)
    g_high: Number = quantity("S", positive=True, default=1.0)
    v_high: Number = quantity("V", positive=True, default=0.5)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def rest(self) -> ArrayState:
        """At g_min, as if it had been programmed there without error."""
        return at_rest(self, self.g_min)

    def window(self) -> tuple[Number, Number]:
        """g_min and g_max, the range of targets [S]."""
        return self.g_min, self.g_max

    def spread(self, target: Number) -> Number:
        """Standard deviation [S] of devices programmed to `target` [S]."""
        return jnp.maximum(self.sigma_floor + self.sigma_slope * target, 0.0)

    def conductance(self, state: ArrayState, *, temperature: float = ROOM) -> Number:
        """Conductance at small voltage [S], not below 0, without read noise."""
        return jnp.maximum(state.target + self.spread(state.target) * state.error, 0.0)

    def relax(self, state: ArrayState, duration: Number, *, temperature: float = ROOM) -> ArrayState:
        """State after `duration` [s]: only its age."""
        return later(state, duration)

    def current(self, g: Number, v: Number) -> Number:
        """Current [A] of a cell of small-signal conductance `g` [S] at `v` [V], without noise."""
        decades = jnp.log(jnp.clip(g, self.g_low, self.g_high)) / _LOG10
        bent = jnp.clip(v, -self.v_high, self.v_high)
        return g * v + polynomial(decades, self.quadratic) * bent**2 + polynomial(decades, self.cubic) * bent**3

    def read(self, state: ArrayState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        i = self.current(self.conductance(state), v)
        return i * (1.0 + self.sigma_read * random.normal(key, jnp.shape(i), jnp.result_type(i)))

    def program(self, target: Number, *, key: jax.Array) -> ArrayState:
        """State right after programming to `target` [S], which is clipped to the window."""
        return programmed(self, target, key=key)
