"""A Mott threshold switch whose metallic core is heated by its own current."""

from __future__ import annotations

import math
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
from mho.devices.kinetics import known
from mho.devices.switches.thresholds import across

_EDGE = 1e-5  # distance of x from 1 at which it stops: 1/ln(1/x) has its pole there
_SERIES = 0.1  # below this the difference in the heat capacity's factor cancels, and six terms are exact to 1e-11
_COLDEST = 1.0  # [K] least distance to the transition; the model has no insulator to switch above it


class MottState(eqx.Module):
    """What moves in a Mott switch.

    Args:
        x: Radius of the metallic core, as a share of the channel's [1].
        pulses: Pulses seen (event face only) [1].
    """

    x: Number = quantity("1")
    pulses: Number = quantity("1")


class MottSwitch(AbstractContinuousDevice):
    r"""A cylindrical channel with a metallic core at the transition temperature, in an insulating shell.

    The core grows by the heat that the current leaves over, after conduction through the shell; x is the source's u.

    .. math::
        R &= \frac{\rho_i L}{\pi r^2}\Big[1+\Big(\frac{\rho_i}{\rho_m}-1\Big)x^2\Big]^{-1}, \qquad i = \frac{v}{R+R_s}\\
        \dot x &= \frac{i^2R - \Gamma\,\Delta T\,(1-x_0/x)}{dH/dx}, \qquad \Gamma = \frac{2\pi\kappa L}{\ln(1/x)}\\
        \frac{dH}{dx} &= \pi L r^2\Big[c_p\Delta T\,\frac{1-x^2+2x^2\ln x}{2x\ln^2x} + 2\,\Delta h\,x\Big],
            \qquad \Delta T = T_c - T

    The branch :math:`v(x)` of zero rate has a maximum, the threshold, and falls beyond it: the S-shaped negative
    differential resistance. It has a minimum, the holding voltage, where the core fills the channel or r_series
    takes over.

    Args:
        rho_insulating: Resistivity of the shell [ohm m].
        rho_metallic: Resistivity of the core [ohm m].
        length: Length of the channel, L [m].
        radius: Radius of the channel, r [m].
        thermal_conductivity: Of the shell, kappa [W/(m K)].
        heat_capacity: Per volume, c_p [J/(m^3 K)].
        latent_heat: Enthalpy of the transition per volume, Delta h [J/m^3].
        t_transition: Transition temperature, T_c [K].
        r_series: Electrodes and contacts, R_s [ohm].
        nucleus: Core left at rest, x_0 [1]: the source's equations have no way back from a core of radius zero.
        sigma_cycle: Spread of ln(T_c - T) from pulse to pulse; the threshold voltage moves by half of it [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or the core does not conduct better than the shell.

    Source: Pickett and Williams, Nature Materials 12, 114 (2013), doi 10.1038/nmat3510; nucleus and R_s are additions.
    Limits: ohmic shell (no Poole-Frenkel), one core, no hysteresis of the transition itself. T above T_c - 1 K counts
    as T_c - 1 K. The event face is integrated: differentiable forward only.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("x", "pulses")

    rho_insulating: Number = quantity("ohm m", positive=True)
    rho_metallic: Number = quantity("ohm m", positive=True)
    length: Number = quantity("m", positive=True)
    radius: Number = quantity("m", positive=True)
    thermal_conductivity: Number = quantity("W/(m K)", positive=True)
    heat_capacity: Number = quantity("J/(m^3 K)", positive=True)
    latent_heat: Number = quantity("J/m^3", low=0.0)
    t_transition: Number = quantity("K", positive=True)
    r_series: Number = quantity("ohm", low=0.0, default=0.0)
    nucleus: Number = quantity("1", positive=True, high=0.1, default=1e-4)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        inside, outside = self.rho_metallic, self.rho_insulating
        if isinstance(inside, np.ndarray) and isinstance(outside, np.ndarray) and np.any(inside >= outside):
            raise ParameterError(
                f"MottSwitch.rho_metallic ({engineering(np.max(inside), 'ohm m')}) must lie below rho_insulating "
                f"({engineering(np.min(outside), 'ohm m')}). Were they swapped?"
            )

    # ---- quantities of the model -----------------------------------------------------------------------------------
    def resistance(self, x: Number) -> Number:
        """Resistance of channel and contacts at a core of share `x` [ohm]."""
        return self._channel(x) + self.r_series

    def excess(self, temperature: Number) -> Number:
        """Delta T, from the ambient to the transition [K]."""
        return jnp.maximum(self.t_transition - temperature, _COLDEST)

    def loss(self, x: Number, *, temperature: Number = ROOM) -> Number:
        """Heat conducted away through the shell [W]."""
        inside = self._inside(x)
        conductance = 2.0 * math.pi * self.thermal_conductivity * self.length / -jnp.log(inside)
        return conductance * self.excess(temperature) * (1.0 - self.nucleus / inside)

    def enthalpy_slope(self, x: Number, *, temperature: Number = ROOM) -> Number:
        """dH/dx, the heat that widens the core [J]."""
        inside = self._inside(x)
        warming = self.heat_capacity * self.excess(temperature) * _warming(-2.0 * jnp.log(inside)) / inside
        return math.pi * self.length * self.radius**2 * (warming + 2.0 * self.latent_heat * inside)

    def static_voltage(self, x: Number, *, temperature: Number = ROOM) -> Number:
        """Voltage across the device at which a core of share `x` neither grows nor shrinks [V]."""
        channel = self._channel(x)
        return jnp.sqrt(self.loss(x, temperature=temperature) / channel) * (channel + self.r_series)

    def _channel(self, x: Number) -> Number:
        inside = self._inside(x)
        shell = self.rho_insulating * self.length / (math.pi * self.radius**2)
        return shell / (1.0 + (self.rho_insulating / self.rho_metallic - 1.0) * inside**2)

    def _inside(self, x: Number) -> Number:
        return jnp.clip(x, self.nucleus, 1.0 - _EDGE)

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> MottState:
        """Insulating; leaves have the batch shape of the device."""
        zero = nothing(self)
        return MottState(zero + self.nucleus, zero)

    def window(self) -> tuple[Number, Number]:
        """Conductance insulating and metallic [S]."""
        return 1.0 / self.resistance(self.nucleus), 1.0 / self.resistance(1.0)

    def conductance(self, state: MottState, *, temperature: float = ROOM) -> Number:
        """Conductance of channel and contacts in series [S]."""
        return 1.0 / self.resistance(state.x)

    def read(self, state: MottState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        g = self.conductance(state)
        return g * (1.0 + self.sigma_read * random.normal(key, jnp.shape(g), jnp.result_type(g))) * v

    # ---- continuous face -------------------------------------------------------------------------------------------
    def parts(self) -> tuple[Part, ...]:
        """None: the contacts are in the current."""
        return ()

    def rate(self, state: MottState, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> MottState:
        """Growth of the core [1/s]."""
        channel = self._channel(state.x)
        i = (voltages[0] - voltages[1]) / (channel + self.r_series)
        left = i * i * channel - self.loss(state.x, temperature=temperature)
        grows = left / self.enthalpy_slope(state.x, temperature=temperature)
        stops = ((state.x >= 1.0 - _EDGE) & (grows > 0.0)) | ((state.x <= self.nucleus) & (grows < 0.0))
        return MottState(jnp.where(stops, 0.0, grows), jnp.zeros_like(grows))

    def current(
        self, state: MottState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each end [A]."""
        i = (voltages[0] - voltages[1]) / self.resistance(state.x)
        return i, -i

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(self, state: MottState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> MottState:
        """State after one pulse, integrated; the distance to the transition varies from pulse to pulse."""
        device = self
        if not known(self.sigma_cycle, 0.0):
            noise = random.normal(key, jnp.shape(state.x), jnp.result_type(state.x))
            excess = self.excess(temperature) * jnp.exp(self.sigma_cycle * noise)
            device = eqx.tree_at(lambda d: d.t_transition, self, temperature + excess)
        after, _ = held(device, state, (pulse.amplitude - pulse.channel, 0.0), pulse.width, temperature=temperature)
        return MottState(after.x, after.pulses + 1.0)

    def energy(self, state: MottState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Joule heat of channel and contacts [J]."""
        return across(self, state, pulse, temperature)[1]

    def relax(self, state: MottState, duration: Number, *, temperature: float = ROOM) -> MottState:
        """State after `duration` [s] of cooling, integrated."""
        return held(self, state, (0.0, 0.0), duration, temperature=temperature)[0]


def _warming(y: Number) -> Number:
    """2 (1 - (1 + y) exp(-y)) / y^2 for y = -2 ln x: the factor of the heat capacity, 1 at y = 0."""
    small = y < _SERIES
    near, far = jnp.where(small, y, 0.0), jnp.where(small, 1.0, y)
    series = jnp.zeros_like(near)
    for k in range(7, -1, -1):
        series = (-1.0) ** k * 2.0 / (math.factorial(k) * (k + 2)) + near * series
    return jnp.where(small, series, 2.0 * (1.0 - (1.0 + far) * jnp.exp(-far)) / far**2)
