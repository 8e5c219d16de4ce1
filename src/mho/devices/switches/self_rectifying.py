"""A self-rectifying memory cell: vacancies move a Schottky barrier, which passes current in one direction only."""

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
from mho.devices.kinetics import arrhenius, onset, relative_decay
from mho.devices.switches.schottky import junction, saturation
from mho.devices.switches.thresholds import across

_CLAMP = 40.0  # largest argument of exp; keeps a Newton iterate finite


class SelfRectifyingState(eqx.Module):
    """What moves in a self-rectifying cell.

    Args:
        x: Share of the range through which the barrier is lowered, in [0, 1] [1].
        pulses: Pulses seen (event face only) [1].
    """

    x: Number = quantity("1")
    pulses: Number = quantity("1")


class SelfRectifyingCell(AbstractContinuousDevice):
    r"""A resistive memory whose state is the height of a Schottky barrier: selector and memory in one layer.

    .. math::
        i &= \frac{v}{R_s + v/i_j}, \qquad i_j = i_s(T)\,(e^{v/n_fU_T} - e^{-v/n_rU_T}), \qquad
            i_s = i_{off}\,(i_{on}/i_{off})^{x} \\
        \dot x &= k_{up}(1-x) - k_{down}\,x - (x-x_0)/\tau_x, \qquad
            k_{up} = \frac{e^{v/v_u}-1}{\tau_u(e^{v_{up}/v_u}-1)}\ (v > 0)

    and :math:`k_{down}` the same of :math:`-v` with its own numbers (v < 0). Positive voltage lowers the barrier, and
    is the direction that conducts. At constant voltage the state is exponential in time, which is the event face.

    Args:
        i_off: Saturation current at x = 0 and 300.15 K [A].
        i_on: Saturation current at x = 1 and 300.15 K [A].
        forward: Ideality under forward bias, n_f [1].
        reverse: n_r; the rectification grows with it [1].
        r_series: Series resistance, R_s [ohm].
        barrier: Height of the barrier, for the temperature dependence of the current [J].
        v_up: Voltage at which the state rises with tau_up [V].
        tau_up: Its time constant there [s].
        v_e_up: Voltage of an e-fold faster rise, v_u [V].
        v_down: Size of the negative voltage at which the state falls with tau_down [V].
        tau_down: Its time constant there [s].
        v_e_down: Voltage of an e-fold faster fall [V].
        x_0: State that the cell is left in and forgets towards [1].
        tau_retention: Time constant of forgetting at 300.15 K, tau_x [s].
        energy_retention: Activation energy of forgetting [J].
        v_read: Voltage at which `conductance` is taken [V].
        sigma_cycle: Relative spread of a pulse's change of x [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or i_on <= i_off.

    Source: form of this library; the current as in `SchottkySelector`.
    Limits: the saturation current shows the moving barrier, its activation energy does not. Energy is integrated:
    differentiable forward only.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("x", "pulses")

    i_off: Number = quantity("A", positive=True)
    i_on: Number = quantity("A", positive=True)
    forward: Number = quantity("1", low=1.0)
    reverse: Number = quantity("1", low=1.0)
    r_series: Number = quantity("ohm", positive=True)
    v_up: Number = quantity("V", positive=True)
    tau_up: Number = quantity("s", positive=True)
    v_e_up: Number = quantity("V", positive=True)
    v_down: Number = quantity("V", positive=True)
    tau_down: Number = quantity("s", positive=True)
    v_e_down: Number = quantity("V", positive=True)
    barrier: Number = quantity("J", low=0.0, default=0.0)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    tau_retention: Number = quantity("s", positive=True, default=1e9)
    energy_retention: Number = quantity("J", low=0.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=1.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        low, high = self.i_off, self.i_on
        if isinstance(low, np.ndarray) and isinstance(high, np.ndarray) and np.any(high <= low):
            raise ParameterError(
                f"SelfRectifyingCell.i_on ({engineering(np.min(high), 'A')}) must exceed i_off "
                f"({engineering(np.max(low), 'A')}). Were they swapped?"
            )

    def static_current(self, x: Number, v: Number, *, temperature: Number = ROOM) -> Number:
        """Current at state `x` and voltage `v` [A]."""
        return v * self._chord(x, v, temperature)

    def _chord(self, x: Number, v: Number, temperature: Number) -> Number:
        i_s = self.i_off * jnp.exp(jnp.clip(x, 0.0, 1.0) * jnp.log(self.i_on / self.i_off))
        return junction(
            v,
            saturation(i_s, self.barrier, temperature),
            forward=self.forward,
            reverse=self.reverse,
            r_series=self.r_series,
            temperature=temperature,
        )

    def _rates(self, v: Number, temperature: Number) -> tuple[Number, Number]:
        """Inflow and decay of x: its rate is inflow - decay x [1/s]."""
        up = onset(v, self.v_up, self.v_e_up) / self.tau_up
        down = onset(-v, self.v_down, self.v_e_down) / self.tau_down
        forget = 1.0 / (self.tau_retention * arrhenius(self.energy_retention, temperature))
        return up + forget * self.x_0, up + down + forget

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> SelfRectifyingState:
        """At x_0; leaves have the batch shape of the device."""
        zero = nothing(self)
        return SelfRectifyingState(zero + self.x_0, zero)

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_read of the highest and of the lowest barrier [S]."""
        return self._chord(0.0, self.v_read, ROOM), self._chord(1.0, self.v_read, ROOM)

    def conductance(self, state: SelfRectifyingState, *, temperature: float = ROOM) -> Number:
        """Current over voltage at v_read [S]."""
        return self._chord(state.x, self.v_read, temperature)

    def read(self, state: SelfRectifyingState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        i = self.static_current(state.x, v, temperature=temperature)
        return i * (1.0 + self.sigma_read * random.normal(key, jnp.shape(i), jnp.result_type(i)))

    # ---- continuous face -------------------------------------------------------------------------------------------
    def parts(self) -> tuple[Part, ...]:
        """None: the series resistance is in the current."""
        return ()

    def rate(
        self, state: SelfRectifyingState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> SelfRectifyingState:
        """Rise and fall of the state [1/s]."""
        inflow, decay = self._rates(voltages[0] - voltages[1], temperature)
        d_x = inflow - decay * state.x
        return SelfRectifyingState(d_x, jnp.zeros_like(d_x))

    def current(
        self, state: SelfRectifyingState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each end [A]."""
        i = self.static_current(state.x, voltages[0] - voltages[1], temperature=temperature)
        return i, -i

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(
        self, state: SelfRectifyingState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM
    ) -> SelfRectifyingState:
        """State after one pulse, in closed form; its change varies from pulse to pulse."""
        change = self._change(state.x, pulse.amplitude - pulse.channel, pulse.width, temperature)
        noise = random.normal(key, jnp.shape(change), jnp.result_type(change))
        x = jnp.clip(state.x + change * (1.0 + self.sigma_cycle * noise), 0.0, 1.0)
        return SelfRectifyingState(x, state.pulses + 1.0 + jnp.zeros_like(x))

    def energy(self, state: SelfRectifyingState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Joule heat, integrated along the pulse [J]."""
        return across(self, state, pulse, temperature)[1]

    def relax(self, state: SelfRectifyingState, duration: Number, *, temperature: float = ROOM) -> SelfRectifyingState:
        """State after `duration` [s] without voltage."""
        x = state.x + self._change(state.x, 0.0, duration, temperature)
        return SelfRectifyingState(x, state.pulses + jnp.zeros_like(x))

    def _change(self, x: Number, v: Number, duration: Number, temperature: Number) -> Number:
        inflow, decay = self._rates(v, temperature)
        return (inflow - decay * x) * duration * relative_decay(decay * duration)
