"""Yakopcic's generalised memristor: a sinh current and threshold-driven motion."""

from __future__ import annotations

import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number
from mho.devices.reram.cell import CLAMP, AbstractBareCell, AbstractIntegratedCell, CellState, kept


class Yakopcic(AbstractBareCell, AbstractIntegratedCell):
    r"""A memristor with :math:`i = a\,x\sinh(bv)` and exponential motion beyond two thresholds.

    .. math::
        \dot x &= \eta\,g(v) f(x, \eta v), \qquad
        g = A_p(e^{v}-e^{v_p})\ \text{for } v > v_p, \quad -A_n(e^{-v}-e^{v_n})\ \text{for } v < -v_n \\
        f &= e^{-\alpha_p(x-x_p)}\,\frac{1-x}{1-x_p}\ \text{for } x \ge x_p \text{ on the way up} \\
        f &= e^{\alpha_n(x+x_n-1)}\,\frac{x-x_{min}}{1-x_n-x_{min}}\ \text{for } x \le 1-x_n \text{ on the way down}

    and f = 1 elsewhere; voltages in the exponents are in volts. The published form has :math:`x_{min} = 0`.

    Args:
        a_up: Amplitude of the current at positive voltage, a_1 [A].
        a_down: Amplitude of the current at negative voltage, a_2 [A].
        b: Curvature of the current [1/V].
        rate_up: Rate of motion at positive voltage, A_p [1/s].
        rate_down: Rate of motion at negative voltage, A_n [1/s].
        v_up: Positive threshold, v_p [V].
        v_down: Size of the negative threshold, v_n [V].
        x_p: State from which motion upward slows [1].
        x_n: 1 - x_n is the state from which motion downward slows [1].
        alpha_p: Slowing of the motion upward [1].
        alpha_n: Slowing of the motion downward [1].
        eta: +1 if a positive voltage raises x, -1 if it lowers it [1].
        x_min: Smallest state, above which the current at rest never falls [1].
        x_0: State at the start [1].
        v_read: Voltage at which `conductance` reads [V].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range.

    Source: Yakopcic, Taha, Subramanyam, Pino & Rogers, IEEE Electron Device Lett. 32, 1436 (2011), and IJCNN 2013.
    Limits: no temperature, no retention loss. The event face is integrated: differentiable forward only.
    """

    a_up: Number = quantity("A", positive=True)
    a_down: Number = quantity("A", positive=True)
    b: Number = quantity("1/V", positive=True)
    rate_up: Number = quantity("1/s", positive=True)
    rate_down: Number = quantity("1/s", positive=True)
    v_up: Number = quantity("V", low=0.0)
    v_down: Number = quantity("V", low=0.0)
    x_p: Number = quantity("1", low=0.0, high=0.999)
    x_n: Number = quantity("1", low=0.0, high=0.9)
    alpha_p: Number = quantity("1", low=0.0)
    alpha_n: Number = quantity("1", low=0.0)
    eta: Number = quantity("1", low=-1.0, high=1.0, default=1.0)
    x_min: Number = quantity("1", low=0.0, high=0.09, default=0.0)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.1)
    v_read: Number = quantity("V", positive=True, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_read in the smallest state and in state 1 [S]."""
        return tuple(self.through(x, self.v_read) / self.v_read for x in (self.x_min, 1.0))  # type: ignore[return-value]

    def conductance(self, state: CellState, *, temperature: float = ROOM) -> Number:
        """Conductance at v_read [S]."""
        return self.through(state.x, self.v_read) / self.v_read

    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Current [A]."""
        return jnp.where(v < 0.0, self.a_down, self.a_up) * x * jnp.sinh(jnp.clip(self.b * v, -CLAMP, CLAMP))

    def drive(self, v: Number) -> Number:
        """Signed rate g of motion far from the ends, zero between the thresholds [1/s]."""
        up = self.rate_up * (_growth(v) - _growth(self.v_up))
        down = self.rate_down * (_growth(-v) - _growth(self.v_down))
        return self.eta * jnp.where(v > self.v_up, up, jnp.where(v < -self.v_down, -down, 0.0))

    def slowing(self, x: Number, direction: Number) -> Number:
        """The window f for a motion signed like `direction` [1]."""
        above, low = x - self.x_p, 1.0 - self.x_n
        up = jnp.exp(-jnp.clip(self.alpha_p * above, 0.0, CLAMP)) * (1.0 - x) / (1.0 - self.x_p)
        down = jnp.exp(jnp.clip(self.alpha_n * (x - low), -CLAMP, 0.0)) * (x - self.x_min) / (low - self.x_min)
        rising = jnp.where(above >= 0.0, up, 1.0)
        return jnp.where(direction >= 0.0, rising, jnp.where(x <= low, down, 1.0))

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Motion of x [1/s]."""
        drive = self.drive(v)
        return drive * self.slowing(x, drive)

    def relax(self, state: CellState, duration: Number, *, temperature: float = ROOM) -> CellState:
        """Unchanged: between the thresholds nothing moves."""
        return kept(state, duration)


def _growth(v: Number) -> Number:
    """The exponential of a voltage in volts, as the model has it."""
    return jnp.exp(jnp.clip(v, -CLAMP, CLAMP))
