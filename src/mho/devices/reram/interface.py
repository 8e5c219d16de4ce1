"""Interface-type memristors (Nb-doped SrTiO3): a Schottky contact whose barrier the state lowers."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number, Part
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE, arrhenius, relative_decay
from mho.devices.reram.cell import CLAMP, AbstractCell, CellState, kept

_NODES, _WEIGHTS = (0.5 * (x + one) for x, one in zip(np.polynomial.legendre.leggauss(16), (1.0, 0.0), strict=True))
_NEWTON = 10  # steps from an upper bound that lies within two e-folds: enough for double precision


class SchottkyInterface(AbstractCell):
    r"""A rectifying contact with a series resistance; the state x (written w here) lowers the barrier.

    With :math:`V_T = kT/q` and the contact's voltage :math:`u = v - R_s i`:

    .. math::
        i &= I_0 e^{w\phi/V_T}\,\big(e^{u/nV_T}-1\big) \quad (u \ge 0) \\
        i &= -I_0 k_r e^{w(\phi+\phi_r)/V_T}
            \Big(\exp\frac{\sqrt{v_b+|u|}-\sqrt{v_b}}{u_r(1+u_w w)}-1\Big) \quad (u<0) \\
        \dot w &= k_s(e^{v/v_s}-1)(1-w)\ \text{for } v>0, \qquad -k_d(e^{|v|/v_d}-1)\,w\ \text{for } v<0

    with v across the whole device, so that at constant voltage w approaches its end exponentially: the event face. In a
    circuit the contact's voltage is an internal node behind the linear part R_s; the event face solves for it by a
    fixed number of Newton steps from an upper bound, where the convex residual lets none overshoot.

    Args:
        i_0: Forward saturation current in state 0 at 300.15 K, I_0 [A].
        lowering: Fall of the barrier from state 0 to 1, phi [V].
        lowering_reverse: Further fall in reverse, phi_r; may be negative [V].
        reverse: Reverse amplitude relative to forward in state 0, k_r [1].
        ideality: Ideality factor of the forward branch, n [1].
        v_b: Built-in voltage of the reverse branch's square root [V].
        u_r: Scale of the reverse branch, as a root of voltage [V^0.5].
        u_w: Growth of that scale with the state [1].
        r_series: Series resistance, R_s [ohm].
        rate_up: Rate at which positive voltage raises the state, k_s [1/s].
        v_up: Voltage in which that rate grows e-fold, v_s [V].
        rate_down: Rate at which negative voltage lowers it, k_d [1/s].
        v_down: Voltage in which that rate grows e-fold, v_d [V].
        energy_barrier: Activation energy of the saturation current [J].
        x_0: State at the start [1].
        v_read: Voltage at which `conductance` reads [V].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range.

    Source: form chosen by mho among those fitted to sweeps of Nb-doped SrTiO3; barrier lowering by trapped charge as in
    the interface-type memristors reviewed by Sawa, Mater. Today 11, 28 (2008).
    Limits: no retention loss, no tunnelling at low temperature.
    """

    internal: ClassVar[tuple[str, ...]] = ("contact",)

    i_0: Number = quantity("A", positive=True)
    lowering: Number = quantity("V", low=0.0)
    lowering_reverse: Number = quantity("V")
    reverse: Number = quantity("1", positive=True)
    ideality: Number = quantity("1", positive=True)
    v_b: Number = quantity("V", positive=True)
    u_r: Number = quantity("V^0.5", positive=True)
    u_w: Number = quantity("1", low=0.0)
    r_series: Number = quantity("ohm", positive=True)
    rate_up: Number = quantity("1/s", positive=True)
    v_up: Number = quantity("V", positive=True)
    rate_down: Number = quantity("1/s", positive=True)
    v_down: Number = quantity("V", positive=True)
    energy_barrier: Number = quantity("J", low=0.0, default=0.0)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    # ---- the contact ------------------------------------------------------------------------------------------------
    def amplitudes(self, x: Number, temperature: Number) -> tuple[Number, Number]:
        """Amplitude of the forward and of the reverse current in state `x` [A]."""
        thermal = BOLTZMANN / ELEMENTARY_CHARGE * temperature
        scale = self.i_0 / arrhenius(self.energy_barrier, temperature)
        forward = scale * jnp.exp(jnp.clip(x * self.lowering / thermal, -CLAMP, CLAMP))
        both = x * (self.lowering + self.lowering_reverse) / thermal
        return forward, scale * self.reverse * jnp.exp(jnp.clip(both, -CLAMP, CLAMP))

    def contact(self, x: Number, u: Number, *, temperature: float = ROOM) -> Number:
        """Current through the contact [A] at its own voltage `u` [V]."""
        forward, backward = self.amplitudes(x, temperature)
        up = forward * jnp.expm1(jnp.clip(jnp.maximum(u, 0.0) / self._slope(temperature), 0.0, CLAMP))
        bend = jnp.sqrt(self.v_b + jnp.maximum(-u, 0.0)) - jnp.sqrt(self.v_b)
        down = backward * jnp.expm1(jnp.clip(bend / self._bend(x), 0.0, CLAMP))
        return jnp.where(u >= 0.0, up, -down)

    def contact_voltage(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Voltage of the contact [V] when the device, series resistance included, has `v` [V]."""
        size, sign = jnp.abs(v), jnp.where(v >= 0.0, 1.0, -1.0)
        # All of v across the resistance gives the largest current, and with it a bound on the contact's voltage.
        most = size / self.r_series
        forward, backward = self.amplitudes(x, temperature)
        up = self._slope(temperature) * jnp.log1p(most / forward)
        root = jnp.sqrt(self.v_b)
        reach = self._bend(x) * jnp.log1p(most / backward)
        bound = jnp.minimum(size, jnp.where(v >= 0.0, up, reach * (reach + 2.0 * root)))
        u = bound
        for _ in range(_NEWTON):
            drop, slope = self._drop(x, u, v, temperature)
            u = jnp.clip(u - (u + drop - size) / (1.0 + slope), 0.0, bound)
        return sign * u

    def _drop(self, x: Number, u: Number, v: Number, temperature: Number) -> tuple[Number, Number]:
        """Voltage across the series resistance [V] for a contact at |u|, and its derivative by |u|."""
        forward, backward = self.amplitudes(x, temperature)
        slope, bend, root = self._slope(temperature), self._bend(x), jnp.sqrt(self.v_b + u)
        up = jnp.clip(u / slope, 0.0, CLAMP)
        down = jnp.clip((root - jnp.sqrt(self.v_b)) / bend, 0.0, CLAMP)
        amplitude, growth = jnp.where(v >= 0.0, forward, backward), jnp.where(v >= 0.0, up, down)
        steep = jnp.where(v >= 0.0, 1.0 / slope, 0.5 / (root * bend))
        voltage = self.r_series * amplitude
        return voltage * jnp.expm1(growth), voltage * jnp.exp(growth) * steep

    def _slope(self, temperature: Number) -> Number:
        return self.ideality * (BOLTZMANN / ELEMENTARY_CHARGE) * temperature

    def _bend(self, x: Number) -> Number:
        return self.u_r * (1.0 + self.u_w * x)

    # ---- the device -------------------------------------------------------------------------------------------------
    def parts(self) -> tuple[Part, ...]:
        """The series resistance."""
        return (Part("R", "plus", "contact", self.r_series),)

    def current(
        self, state: CellState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into plus, minus and the contact [A]: all of it enters at the contact."""
        _, minus, contact = voltages
        i = self.contact(state.x, contact - minus, temperature=temperature)
        return jnp.zeros_like(i), -i, i

    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Current of the contact behind its series resistance [A]."""
        return self.contact(x, self.contact_voltage(x, v, temperature=temperature), temperature=temperature)

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_read in states 0 and 1 [S]."""
        low, high = (self.through(x + 0.0 * self.i_0, self.v_read) / self.v_read for x in (0.0, 1.0))
        return low, high

    def conductance(self, state: CellState, *, temperature: float = ROOM) -> Number:
        """Conductance at v_read [S]."""
        return self.through(state.x, self.v_read, temperature=temperature) / self.v_read

    def rates(self, v: Number) -> tuple[Number, Number]:
        """Rate at which the state goes up and down [1/s]; one of them is 0."""
        up = self.rate_up * jnp.expm1(jnp.clip(v / self.v_up, 0.0, CLAMP))
        down = self.rate_down * jnp.expm1(jnp.clip(-v / self.v_down, 0.0, CLAMP))
        return up, down

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Motion of the state [1/s]."""
        up, down = self.rates(v)
        return up * (1.0 - x) - down * x

    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State at the end, in closed form."""
        up, down = self.rates(v)
        return x + (up * (1.0 - x) - down * x) * duration * relative_decay((up + down) * duration)

    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Energy from the source: the current's excess over its last value, by quadrature over what is left to go."""
        up, down = self.rates(v)
        still = up + down == 0.0
        goal = jnp.where(still, x, up / jnp.where(still, 1.0, up + down))
        moved = (up + down) * duration * relative_decay((up + down) * duration)
        last = self.through(goal, v, temperature=temperature)
        shape = (-1, *(1 for _ in jnp.shape(moved + x)))
        left = 1.0 - moved * jnp.asarray(_NODES.reshape(shape), jnp.result_type(moved))
        excess = (self.through(goal + (x - goal) * left, v, temperature=temperature) - last) / left
        mean = jnp.sum(jnp.asarray(_WEIGHTS.reshape(shape), jnp.result_type(moved)) * excess, axis=0)
        return v * duration * (last + relative_decay((up + down) * duration) * mean)

    def stray(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """None."""
        return 0.0  # type: ignore[return-value]

    def relax(self, state: CellState, duration: Number, *, temperature: float = ROOM) -> CellState:
        """Unchanged: without voltage the state stays."""
        return kept(state, duration)
