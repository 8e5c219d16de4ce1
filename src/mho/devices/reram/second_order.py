"""A second-order memristor: a fast temperature over a slow conductance, from which timing dependence emerges."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part, Pulse, nothing
from mho.devices.held import held
from mho.devices.kinetics import BOLTZMANN
from mho.devices.reram.cell import CLAMP


class SecondOrderState(eqx.Module):
    """What moves in a second-order memristor.

    Args:
        w: First-order state, 0 off and 1 on [1].
        heat: Second-order state: rise of the internal temperature over the ambient, in units of 100 K [1].
        cycles: Equivalent full cycles of w from off to on and back (wear) [1].
        pulses: Pulses seen (event face only) [1].
    """

    w: Number = quantity("1")
    heat: Number = quantity("1")
    cycles: Number = quantity("1")
    pulses: Number = quantity("1")


class SecondOrder(AbstractContinuousDevice):
    r"""A conductance whose motion is thermally activated, and an internal temperature that remembers the last pulses.

    .. math::
        i &= [g_{min} + (g_{max}-g_{min})w]\,v, \qquad
        \dot T = \frac{1}{\tau_T}\big(T_{amb} + R_{th}\,v\,i - T\big) \\
        \dot w &= k\,\sinh(v/v_0)\,e^{-\frac{E_a}{k_B}(\frac1T-\frac1{T_0})}\,
        \begin{cases}1-w & v>0\\ w & v<0\end{cases}, \qquad T_0 = 300.15\ \mathrm{K}

    A second pulse that comes within :math:`\tau_T` finds the cell warm and moves w further.

    Args:
        g_min: Smallest conductance [S].
        g_max: Largest conductance [S].
        rate_0: Rate of motion at 300.15 K, k [1/s].
        v_0: Voltage in which the motion grows e-fold [V].
        energy_motion: Activation energy of the motion, E_a [J].
        r_thermal: Thermal resistance, R_th [K/W].
        tau_heat: Thermal time constant, tau_T [s].
        x_0: State w at the start [1].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or g_max <= g_min.

    Source: form of Kim, Du, Sheridan, Ma, Choi & Lu, Nano Lett. 15, 2203 (2015).
    Limits: ohmic; w does not relax by itself; one thermal time constant. Without drive the event face is closed, under
    a pulse it is integrated: differentiable forward only.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("w", "heat", "cycles", "pulses")

    g_min: Number = quantity("S", positive=True)
    g_max: Number = quantity("S", positive=True)
    rate_0: Number = quantity("1/s", positive=True)
    v_0: Number = quantity("V", positive=True)
    energy_motion: Number = quantity("J", low=0.0)
    r_thermal: Number = quantity("K/W", low=0.0)
    tau_heat: Number = quantity("s", positive=True)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    unit_of_heat: ClassVar[float] = 100.0  # [K]: only a scale, so that the state is of order 1

    def __check_init__(self) -> None:
        check_ranges(self)
        if all(isinstance(g, np.ndarray) for g in (self.g_min, self.g_max)) and np.any(self.g_max <= self.g_min):
            raise ParameterError(
                f"SecondOrder.g_max ({engineering(np.min(self.g_max), 'S')}) must exceed g_min "
                f"({engineering(np.max(self.g_min), 'S')}). Were they swapped?"
            )

    def rest(self) -> SecondOrderState:
        """State x_0, at the ambient temperature; leaves have the batch shape of the device."""
        zero = nothing(self)
        return SecondOrderState(zero + self.x_0, zero, zero, zero)

    def window(self) -> tuple[Number, Number]:
        """g_min and g_max [S]."""
        return self.g_min, self.g_max

    def conductance(self, state: SecondOrderState, *, temperature: float = ROOM) -> Number:
        """Conductance [S], ohmic."""
        return self.g_min + (self.g_max - self.g_min) * state.w

    def parts(self) -> tuple[Part, ...]:
        """None."""
        return ()

    def rate(self, state, voltages, *, temperature: float = ROOM) -> SecondOrderState:
        """Time derivative of the state at the voltages of plus and minus [V]."""
        v = voltages[0] - voltages[1]
        inside = jnp.maximum(temperature + self.unit_of_heat * state.heat, 1.0)  # a Newton iterate may go below
        thermal = jnp.exp(jnp.clip(-self.energy_motion / BOLTZMANN * (1.0 / inside - 1.0 / ROOM), -CLAMP, CLAMP))
        drive = self.rate_0 * jnp.sinh(jnp.clip(v / self.v_0, -CLAMP, CLAMP)) * thermal
        motion = drive * jnp.where(v > 0.0, 1.0 - state.w, state.w)
        goal = self.r_thermal * self.conductance(state) * v * v / self.unit_of_heat
        heating = (goal - state.heat) / self.tau_heat
        return SecondOrderState(motion, heating, 0.5 * jnp.abs(motion), jnp.zeros_like(motion))

    def current(self, state, voltages, *, temperature: float = ROOM) -> tuple[Number, ...]:
        """Current into plus and minus [A]."""
        i = self.conductance(state) * (voltages[0] - voltages[1])
        return i, -i

    def pulse(
        self, state: SecondOrderState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM
    ) -> SecondOrderState:
        """State after one pulse; cycle-to-cycle noise scales the way that w goes."""
        after, _ = self._held(state, pulse, temperature)
        way = after.w - state.w
        noise = random.normal(key, jnp.shape(way), jnp.result_type(way))
        way = way * (1.0 + self.sigma_cycle * noise)
        w = jnp.where(way == 0.0, state.w + way, jnp.clip(state.w + way, 0.0, 1.0))
        cycles = state.cycles + 0.5 * jnp.abs(w - state.w)
        return SecondOrderState(w, after.heat, cycles, state.pulses + 1.0 + jnp.zeros_like(w))

    def energy(self, state: SecondOrderState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Joule heat of a pulse, integrated [J]."""
        return self._held(state, pulse, temperature)[1]

    def relax(self, state: SecondOrderState, duration: Number, *, temperature: float = ROOM) -> SecondOrderState:
        """The cell cools; w stays."""
        same = jnp.zeros_like(state.w * duration)
        heat = state.heat * jnp.exp(-duration / self.tau_heat)
        return SecondOrderState(state.w + same, heat + same, state.cycles + same, state.pulses + same)

    def read(self, state: SecondOrderState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        g = self.conductance(state)
        return g * (1.0 + self.sigma_read * random.normal(key, jnp.shape(g), jnp.result_type(g))) * v

    def _held(self, state: SecondOrderState, pulse: Pulse, temperature: float) -> tuple[SecondOrderState, Number]:
        v = pulse.amplitude - pulse.channel
        most = self.g_max * v * v * pulse.width
        motion = _Motion(self, jnp.where(most > 0.0, most, 1.0))
        start = (state.w, state.heat, 0.0 * state.w)
        (w, heat, share), _ = held(motion, start, (v,), pulse.width, temperature=temperature)  # type: ignore[arg-type]
        return SecondOrderState(w, heat, state.cycles, state.pulses), share * most


class _Motion(eqx.Module):
    """The cell seen as its two moving states, and the energy delivered as a share of the largest, `most` [J]."""

    cell: SecondOrder
    most: Number

    def rate(self, states: tuple[Number, ...], voltages: tuple[Number, ...], *, temperature: float) -> tuple:
        none = jnp.zeros_like(states[0])
        state = SecondOrderState(states[0], states[1], none, none)
        slope = self.cell.rate(state, (voltages[0], 0.0 * voltages[0]), temperature=temperature)
        power = self.cell.conductance(state) * voltages[0] * voltages[0]
        return slope.w, slope.heat, power / self.most

    def current(self, states: tuple[Number, ...], voltages: tuple[Number, ...], *, temperature: float) -> tuple:
        return (jnp.zeros_like(states[0]),)
