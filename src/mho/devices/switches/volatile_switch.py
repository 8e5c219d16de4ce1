"""A volatile threshold switch as a device: on above one voltage, off below another."""

from __future__ import annotations

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part, Pulse, nothing
from mho.devices.switches.thresholds import across

_STEP = 5e-3  # [V] width of the switching threshold
_NO_CURRENT = 1.0 / (1.0 + math.exp(20.0))  # the logistic function of a current, at none


class SwitchState(eqx.Module):
    """State of a volatile switch.

    Args:
        z: 0 off, 1 on [1].
        pulses: Pulses seen (event face only) [1].
    """

    z: Number = quantity("1")
    pulses: Number = quantity("1")


class VolatileSwitch(AbstractContinuousDevice):
    r"""A two-terminal volatile threshold switch (Mott or ovonic): on above a voltage, off below a holding current.

    .. math::
        \dot z &= \frac{1}{t_s}\Big[1 - \frac{1}{(1+e^{(v-v_z)/\delta v})(1+e^{(i-i_h)/\delta i})} - z\Big],
            \qquad v_z = v_{th} - (v_{th} - v_h) z \\
        G &= \frac{1}{R_{off}} + \frac{1/R_{on} - 1/R_{off}}{1+e^{-(z-1/2)/0.05}}, \qquad i = G v

    with :math:`\delta v` = 5 mV and :math:`\delta i = i_h/20`, which keep it differentiable.

    Args:
        v_threshold: Voltage at which it switches on [V].
        v_hold: Threshold once it is on; its fall while z rises makes the switching abrupt [V].
        i_hold: Current below which it lets go, if the voltage is below v_hold [A].
        r_on: Resistance when on [ohm].
        r_off: Resistance when off [ohm].
        t_switch: Switching time [s].

    Raises:
        ParameterError: If a value is out of range, or i_hold r_on is not below v_hold.

    Source: behavioural; values assumed.
    Limits: no forming, no stochastic threshold, no temperature; one polarity. The event face is integrated:
    differentiable forward only.
    """

    terminals: ClassVar[tuple[str, ...]] = ("anode", "cathode")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("z", "pulses")

    v_threshold: Number = quantity("V", positive=True, default=0.8)
    v_hold: Number = quantity("V", positive=True, default=0.2)
    i_hold: Number = quantity("A", positive=True, default=8e-6)
    r_on: Number = quantity("ohm", positive=True, default=12.5e3)
    r_off: Number = quantity("ohm", positive=True, default=200e6)
    t_switch: Number = quantity("s", positive=True, default=1e-9)

    def __check_init__(self) -> None:
        check_ranges(self)
        values = (self.i_hold, self.r_on, self.v_hold)
        if all(isinstance(x, np.ndarray) for x in values) and np.any(self.i_hold * self.r_on >= self.v_hold):
            raise ParameterError(
                "VolatileSwitch: i_hold * r_on must lie below v_hold, or the holding current does not decide when it "
                "lets go. Lower i_hold."
            )

    def rest(self) -> SwitchState:
        """Off."""
        zero = nothing(self)
        return SwitchState(zero, zero)

    def window(self) -> tuple[Number, Number]:
        """Conductance off and on [S]."""
        return 1.0 / self.r_off, 1.0 / self.r_on

    def conductance(self, state: SwitchState, *, temperature: float = ROOM) -> Number:
        """Conductance between the ends [S]."""
        share = jax.nn.sigmoid((state.z - 0.5) / 0.05)
        return 1.0 / self.r_off + (1.0 / self.r_on - 1.0 / self.r_off) * share

    def parts(self) -> tuple[Part, ...]:
        """None: the switch has no linear parts."""
        return ()

    def rate(self, state: SwitchState, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> SwitchState:
        """Rate of z [1/s]."""
        v = voltages[0] - voltages[1]
        d_z = (self._target(state, v) - state.z) / self.t_switch
        return SwitchState(d_z, jnp.zeros_like(d_z))

    def current(
        self, state: SwitchState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each end [A]."""
        i = self.conductance(state) * (voltages[0] - voltages[1])
        return i, -i

    def pulse(self, state: SwitchState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> SwitchState:
        """State after one pulse of constant voltage, integrated."""
        after, _ = across(self, state, pulse, temperature)
        return SwitchState(after.z, after.pulses + 1.0)

    def relax(self, state: SwitchState, duration: Number, *, temperature: float = ROOM) -> SwitchState:
        """State after `duration` without voltage: off within a few switching times."""
        z = state.z * jnp.exp(-duration / self.t_switch)
        return SwitchState(z, state.pulses + jnp.zeros_like(z))

    def energy(self, state: SwitchState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Joule heat, integrated along the pulse [J]."""
        return across(self, state, pulse, temperature)[1]

    def read(self, state: SwitchState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current at voltage `v`, without noise [A]."""
        return self.conductance(state) * v

    def _target(self, state: SwitchState, v: Number) -> Number:
        above = jax.nn.sigmoid(
            jnp.clip((v - self.v_threshold + (self.v_threshold - self.v_hold) * state.z) / _STEP, -60.0, 60.0)
        )
        kept = jax.nn.sigmoid(jnp.clip(20.0 * (self.conductance(state) * v / self.i_hold - 1.0), -60.0, 60.0))
        # Less what is left of the sigmoid at no current, 2e-9, so that a switch at rest stays there.
        return 1.0 - (1.0 - above) * (1.0 - (kept - _NO_CURRENT) / (1.0 - _NO_CURRENT))
