"""A threshold selector: hysteretic, of either polarity, with an exponential leakage when off."""

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
from mho.devices.kinetics import arrhenius, relative_decay
from mho.devices.switches.thresholds import across, switched

_CLAMP = 40.0  # largest argument of exp; keeps a Newton iterate finite


class ThresholdState(eqx.Module):
    """What moves in a threshold selector.

    Args:
        x: 0 off, 1 on [1].
        pulses: Pulses seen (event face only) [1].
    """

    x: Number = quantity("1")
    pulses: Number = quantity("1")


class ThresholdSelector(AbstractContinuousDevice):
    r"""An ovonic (OTS) or insulator-metal-transition selector: on above one voltage, off below a lower one.

    .. math::
        t_s\,\dot x &= S(v, x) - x, \qquad S = \frac{\sigma(\frac{|v|-v_x}{\delta}) - \sigma(\frac{-v_x}{\delta})}
            {1-\sigma(\frac{-v_x}{\delta})}, \qquad v_x = [v_{th}-(v_{th}-v_h)\,h(x)]\,[1-\alpha(T-T_0)] \\
        i &= \frac{v}{(1-x)\,r_{off}(v) + x\,r_{on}}, \qquad
            \frac1{r_{off}} = \frac{i_0}{v}\sinh\frac{v}{v_0}\,e^{-\frac{E}{k_B}(\frac1T-\frac1{T_0})}

    with :math:`\sigma` the logistic function and h rising smoothly from 0 below x = 1/4 to 1 above 3/4; r_on is in
    series with the leakage too. Off it is an exponential selector whose half-voltage leakage decides the size of an
    array; on it is a resistor.

    Args:
        i_0: Leakage scale when off [A].
        v_0: Voltage of an e-fold higher leakage [V].
        r_on: Resistance when on [ohm].
        v_threshold: Voltage above which it switches on [V].
        v_hold: Voltage below which it lets go [V].
        width: Width of the two thresholds, delta [V].
        t_switch: Switching time, t_s [s].
        energy_leakage: Activation energy of the leakage [J].
        temperature_coefficient: Relative fall of both thresholds per kelvin, alpha [1/K].
        v_read: Voltage at which `conductance` is taken [V].
        sigma_cycle: Relative spread of both thresholds from pulse to pulse [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or v_hold >= v_threshold.

    Source: behavioural form.
    Limits: no delay that depends on the overvoltage, no drift of the threshold, no forming. The event face is
    integrated: differentiable forward only.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("x", "pulses")

    i_0: Number = quantity("A", positive=True)
    v_0: Number = quantity("V", positive=True)
    r_on: Number = quantity("ohm", positive=True)
    v_threshold: Number = quantity("V", positive=True)
    v_hold: Number = quantity("V", positive=True)
    width: Number = quantity("V", positive=True, default=10e-3)
    t_switch: Number = quantity("s", positive=True, default=1e-9)
    energy_leakage: Number = quantity("J", low=0.0, default=0.0)
    temperature_coefficient: Number = quantity("1/K", low=0.0, high=0.01, default=0.0)
    v_read: Number = quantity("V", positive=True, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        low, high = self.v_hold, self.v_threshold
        if isinstance(low, np.ndarray) and isinstance(high, np.ndarray) and np.any(high <= low):
            raise ParameterError(
                f"ThresholdSelector.v_threshold ({engineering(np.min(high), 'V')}) must exceed v_hold "
                f"({engineering(np.max(low), 'V')}). Were they swapped?"
            )

    def static_current(self, x: Number, v: Number, *, temperature: Number = ROOM) -> Number:
        """Current at state `x` and voltage `v` [A]."""
        return v * self._chord(x, v, temperature)

    def _chord(self, x: Number, v: Number, temperature: Number) -> Number:
        """Current over voltage [S]."""
        y = jnp.abs(jnp.clip(v / self.v_0, -_CLAMP, _CLAMP))
        leak = self.i_0 / (self.v_0 * arrhenius(self.energy_leakage, temperature))
        off = self.r_on + 1.0 / (leak * jnp.exp(y) * relative_decay(2.0 * y))
        return 1.0 / (off + (self.r_on - off) * jnp.clip(x, 0.0, 1.0))

    def _target(self, x: Number, v: Number, temperature: Number) -> Number:
        """Where the state goes, S [1]."""
        colder = 1.0 - self.temperature_coefficient * (temperature - ROOM)
        way = jnp.clip(2.0 * x - 0.5, 0.0, 1.0)
        lowered = way * way * (3.0 - 2.0 * way)  # flat at both ends, so that the smear moves neither threshold
        threshold = (self.v_threshold - (self.v_threshold - self.v_hold) * lowered) * colder
        size = jnp.sqrt(v * v + self.width**2) - self.width
        above = jax.nn.sigmoid(jnp.clip((size - threshold) / self.width, -_CLAMP, _CLAMP))
        none = jax.nn.sigmoid(jnp.clip(-threshold / self.width, -_CLAMP, 0.0))
        return (above - none) / (1.0 - none)

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> ThresholdState:
        """Off; leaves have the batch shape of the device."""
        zero = nothing(self)
        return ThresholdState(zero, zero)

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_read, off and on [S]."""
        return self._chord(0.0, self.v_read, ROOM), self._chord(1.0, self.v_read, ROOM)

    def conductance(self, state: ThresholdState, *, temperature: float = ROOM) -> Number:
        """Current over voltage at v_read [S]."""
        return self._chord(state.x, self.v_read, temperature)

    def read(self, state: ThresholdState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        i = self.static_current(state.x, v, temperature=temperature)
        return i * (1.0 + self.sigma_read * random.normal(key, jnp.shape(i), jnp.result_type(i)))

    # ---- continuous face -------------------------------------------------------------------------------------------
    def parts(self) -> tuple[Part, ...]:
        """None."""
        return ()

    def rate(self, state: ThresholdState, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> ThresholdState:
        """Towards on or off [1/s]."""
        d_x = (self._target(state.x, voltages[0] - voltages[1], temperature) - state.x) / self.t_switch
        return ThresholdState(d_x, jnp.zeros_like(d_x))

    def current(
        self, state: ThresholdState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each end [A]."""
        i = self.static_current(state.x, voltages[0] - voltages[1], temperature=temperature)
        return i, -i

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(
        self, state: ThresholdState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM
    ) -> ThresholdState:
        """State after one pulse, integrated, with thresholds drawn for it."""
        after = switched(self, state, pulse, key=key, temperature=temperature)
        return ThresholdState(after.x, after.pulses + 1.0)

    def energy(self, state: ThresholdState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Joule heat, integrated along the pulse [J]."""
        return across(self, state, pulse, temperature)[1]

    def relax(self, state: ThresholdState, duration: Number, *, temperature: float = ROOM) -> ThresholdState:
        """State after `duration` [s] without voltage: off within a few switching times."""
        x = state.x * jnp.exp(-duration / self.t_switch)
        return ThresholdState(x, state.pulses + jnp.zeros_like(x))
