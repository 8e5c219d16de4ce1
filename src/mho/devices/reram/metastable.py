"""Metastable switches (Knowm): many two-way switches that voltage and temperature throw."""

from __future__ import annotations

import jax
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import ROOM, Number
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE, relative_decay
from mho.devices.reram.cell import AbstractBareCell, CellState, relaxed


class MetastableSwitch(AbstractBareCell):
    r"""A collection of two-way switches in the mean: :math:`G = x/R_{on} + (1-x)/R_{off}`.

    .. math::
        \dot x = \frac1\tau\Big[\frac{1-x}{1+e^{-(v-v_{on})/V_T}} - \frac{x}{1+e^{(v+v_{off})/V_T}}\Big],
        \qquad V_T = kT/q

    Linear in x, so the event face is closed. Without voltage x goes to its thermal equilibrium, which is its rest.

    Args:
        r_on: Resistance when all switches are on [ohm].
        r_off: Resistance when all are off [ohm].
        v_on: Voltage at which half of the switches that are off go on within tau [V].
        v_off: Size of the negative voltage at which half of those that are on go off [V].
        tau: Time of a switch [s].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or r_off <= r_on.

    Source: Molter & Nugent, "The generalized metastable switch memristor model", CNNA 2016.
    Limits: the mean of many switches; the Schottky path of the generalised form is left out.
    """

    r_on: Number = quantity("ohm", positive=True)
    r_off: Number = quantity("ohm", positive=True)
    v_on: Number = quantity("V", positive=True)
    v_off: Number = quantity("V", positive=True)
    tau: Number = quantity("s", positive=True)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        if all(isinstance(r, np.ndarray) for r in (self.r_on, self.r_off)) and np.any(self.r_off <= self.r_on):
            raise ParameterError(
                f"MetastableSwitch.r_off ({engineering(np.min(self.r_off), 'ohm')}) must exceed r_on "
                f"({engineering(np.max(self.r_on), 'ohm')}). Were they swapped?"
            )

    @property
    def x_0(self) -> Number:
        """Thermal equilibrium without voltage, at 27 degrees Celsius [1]."""
        on, off = self.rates(0.0, ROOM)
        return on / (on + off)

    def rates(self, v: Number, temperature: Number) -> tuple[Number, Number]:
        """Rate at which a switch goes on, and off [1/s]."""
        thermal = BOLTZMANN / ELEMENTARY_CHARGE * temperature
        return (
            jax.nn.sigmoid((v - self.v_on) / thermal) / self.tau,
            jax.nn.sigmoid(-(v + self.v_off) / thermal) / self.tau,
        )

    def at(self, x: Number) -> Number:
        """Conductance with a share `x` of the switches on [S]."""
        return 1.0 / self.r_off + (1.0 / self.r_on - 1.0 / self.r_off) * x

    def window(self) -> tuple[Number, Number]:
        """Conductance with all off and all on [S]."""
        return 1.0 / self.r_off, 1.0 / self.r_on

    def conductance(self, state: CellState, *, temperature: float = ROOM) -> Number:
        """Conductance [S], ohmic."""
        return self.at(state.x)

    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Current [A]."""
        return self.at(x) * v

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Change of the share that is on [1/s]."""
        on, off = self.rates(v, temperature)
        return on * (1.0 - x) - off * x

    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State at the end, in closed form."""
        on, off = self.rates(v, temperature)
        return x + (on * (1.0 - x) - off * x) * duration * relative_decay((on + off) * duration)

    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Joule heat in closed form: the conductance is linear in x, which approaches its goal exponentially."""
        on, off = self.rates(v, temperature)
        goal = on / (on + off)
        area = goal * duration + (x - goal) * duration * relative_decay((on + off) * duration)
        return v * v * (self.at(0.0) * (duration - area) + self.at(1.0) * area)

    def relax(self, state: CellState, duration: Number, *, temperature: float = ROOM) -> CellState:
        """The switches return to thermal equilibrium."""
        return relaxed(state, self.after(state.x, 0.0, duration, temperature=temperature))
