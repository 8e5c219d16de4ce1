"""A charge-trap transistor (SONOS, flash): a field injects and ejects electrons that shift the threshold."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number, Pulse, nothing
from mho.devices.kinetics import arrhenius, onset
from mho.devices.storage.transistor import AbstractStorageTransistor

_CLAMP = 40.0  # largest argument of exp; keeps a Newton iterate finite in float32


class ChargeTrapState(eqx.Module):
    """What moves in a charge-trap transistor.

    Args:
        x: Trapped electrons as a share of the memory window, in [0, 1] [1].
        cycles: Equivalent full programmings and erasures (wear) [1].
        pulses: Gate pulses seen (event face only) [1].
    """

    x: Number = quantity("1")
    cycles: Number = quantity("1")
    pulses: Number = quantity("1")


class ChargeTrap(AbstractStorageTransistor):
    r"""A transistor whose threshold the trapped charge x shifts: :math:`v_T = v_{T0} + w_m x`.

    With the gate's voltage against the channel, v:

    .. math::
        \dot x &= \frac{e^{v/v_p}-1}{\tau_p(e^{v_{prog}/v_p}-1)}\,e^{-a x}\ (v>0) \qquad
            \dot x = -\frac{e^{-v/v_e}-1}{\tau_e(e^{v_{erase}/v_e}-1)}\,e^{-a(1-x)}\ (v<0) \\
        \dot x_{loss} &= -\frac{\lambda}{\tau_l}\sinh\frac{x-x_n}{\lambda}, \qquad
            \tau_l(T) = \tau_l\,e^{\frac{E}{k_B}(\frac1T-\frac1{T_0})}

    (x stops at 0 and 1). Trapped charge weakens the field that brings more, by a: programming goes with the logarithm
    of time, and so does the loss of charge towards the neutral :math:`x_n`. Positive pulses raise the threshold and
    lower the conductance.

    Args:
        v_threshold: Threshold voltage without trapped electrons, v_T0 [V].
        memory_window: Its shift at x = 1, w_m [V].
        gain: Gain factor of the channel, beta [A/V^2].
        slope: Subthreshold slope factor, n [1].
        v_gate_read: Gate voltage at which the channel is read [V].
        v_program: Gate voltage at which tau_program holds [V].
        tau_program: One over the initial rate of programming there [s].
        v_e_program: Voltage of an e-fold faster programming, v_p [V].
        v_erase: Size of the negative gate voltage at which tau_erase holds [V].
        tau_erase: One over the initial rate of erasure there [s].
        v_e_erase: Voltage of an e-fold faster erasure, v_e [V].
        feedback: Fall of ln(rate) from empty to full traps, a [1].
        x_neutral: Trapped charge that nothing drives out, x_n [1].
        loss_width: Change of x that slows the loss e-fold, lambda [1].
        tau_loss: Time scale of the loss at 300.15 K, tau_l [s].
        energy_loss: Its activation energy, E [J].
        c_gate: Gate capacitance [F].
        charge_window: Charge trapped at x = 1 [C].
        sigma_cycle: Relative spread of a pulse's change of x [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range.

    Source: exponential field dependence in place of Fowler and Nordheim, Proc. R. Soc. A 119, 173 (1928); subthreshold
    channel as in Enz et al. (1995).
    Limits: one kind of trap; no spread of charge along the channel, no wear of the oxide. `pulse` takes injection and
    loss one after the other (error below the product of the two).
    """

    states: ClassVar[tuple[str, ...]] = ("x", "cycles", "pulses")

    v_threshold: Number = quantity("V")
    memory_window: Number = quantity("V", positive=True)
    gain: Number = quantity("A/V^2", positive=True)
    v_gate_read: Number = quantity("V")
    v_program: Number = quantity("V", positive=True)
    tau_program: Number = quantity("s", positive=True)
    v_e_program: Number = quantity("V", positive=True)
    v_erase: Number = quantity("V", positive=True)
    tau_erase: Number = quantity("s", positive=True)
    v_e_erase: Number = quantity("V", positive=True)
    feedback: Number = quantity("1", positive=True, high=20.0)
    c_gate: Number = quantity("F", positive=True)
    charge_window: Number = quantity("C", positive=True)
    slope: Number = quantity("1", low=1.0, default=1.5)
    x_neutral: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    loss_width: Number = quantity("1", low=0.03, default=0.1)
    tau_loss: Number = quantity("s", positive=True, default=1e12)
    energy_loss: Number = quantity("J", low=0.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    # ---- quantities of the model -----------------------------------------------------------------------------------
    def threshold(self, state: ChargeTrapState) -> Number:
        """Threshold voltage, v_T [V]."""
        return self.v_threshold + self.memory_window * state.x

    def _injection(self, v: Number) -> tuple[Number, Number]:
        """Rates of programming into empty and of erasing from full traps at gate voltage `v` [1/s]."""
        program = onset(v, self.v_program, self.v_e_program) / self.tau_program
        erase = onset(-v, self.v_erase, self.v_e_erase) / self.tau_erase
        return program, erase

    def _loss_rate(self, temperature: Number) -> Number:
        return 1.0 / (self.tau_loss * arrhenius(self.energy_loss, temperature))

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> ChargeTrapState:
        """Neutral; leaves have the batch shape of the device."""
        zero = nothing(self)
        return ChargeTrapState(zero + self.x_neutral, zero, zero)

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_gate_read of the programmed and of the erased transistor [S]."""
        high, low = (self.v_threshold + self.memory_window * x for x in (1.0, 0.0))
        return self.conductance_at(high, ROOM), self.conductance_at(low, ROOM)

    # ---- continuous face -------------------------------------------------------------------------------------------
    def rate(
        self, state: ChargeTrapState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> ChargeTrapState:
        """Injection and loss of charge [1/s]."""
        injected = self._injected(state.x, voltages)
        away = jnp.clip((state.x - self.x_neutral) / self.loss_width, -_CLAMP, _CLAMP)
        loss = self.loss_width * self._loss_rate(temperature) * jnp.sinh(away)
        return ChargeTrapState(injected - loss, 0.5 * jnp.abs(injected), jnp.zeros_like(injected))

    def _injected(self, x: Number, voltages: tuple[Number, ...]) -> Number:
        gate, drain, source = voltages
        program, erase = self._injection(gate - 0.5 * (drain + source))
        inside = jnp.clip(x, 0.0, 1.0)
        up = jnp.where(x < 1.0, program * jnp.exp(-self.feedback * inside), 0.0)
        down = jnp.where(x > 0.0, erase * jnp.exp(-self.feedback * (1.0 - inside)), 0.0)
        return up - down

    def current(
        self, state: ChargeTrapState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each terminal [A]: the channel's, and the tunnelling current; they sum to zero."""
        tunnel = self.charge_window * self._injected(state.x, voltages)
        channel = self.channel(state, voltages, temperature)
        return tunnel, channel - 0.5 * tunnel, -channel - 0.5 * tunnel

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(
        self, state: ChargeTrapState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM
    ) -> ChargeTrapState:
        """State after one gate pulse, in closed form; its change varies from pulse to pulse."""
        change = self._change(state.x, pulse)
        noise = random.normal(key, jnp.shape(change), jnp.result_type(change))
        x = jnp.clip(state.x + change * (1.0 + self.sigma_cycle * noise), 0.0, 1.0)
        x = self._lost(x, pulse.width, temperature)
        return ChargeTrapState(x, state.cycles + 0.5 * jnp.abs(change), state.pulses + 1.0 + jnp.zeros_like(x))

    def _change(self, x: Number, pulse: Pulse) -> Number:
        """What the pulse injects, without noise: the logarithm of time, up to full or empty traps [1]."""
        a = self.feedback
        program, erase = self._injection(pulse.amplitude - pulse.channel)
        up = jnp.log1p(a * program * pulse.width * jnp.exp(-a * x)) / a
        down = jnp.log1p(a * erase * pulse.width * jnp.exp(-a * (1.0 - x))) / a
        return jnp.minimum(up, 1.0 - x) - jnp.minimum(down, x)

    def energy(self, state: ChargeTrapState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J] from the gate's driver: gate capacitance and tunnelling charge."""
        v = pulse.amplitude - pulse.channel
        charge = jnp.where(pulse.width > 0.0, self.c_gate * v, 0.0)
        return v * (charge + self.charge_window * self._change(state.x, pulse))

    def relax(self, state: ChargeTrapState, duration: Number, *, temperature: float = ROOM) -> ChargeTrapState:
        """State after `duration` [s] at zero gate voltage: charge is lost with the logarithm of time."""
        x = self._lost(state.x, duration, temperature)
        same = jnp.zeros_like(x)
        return ChargeTrapState(x, state.cycles + same, state.pulses + same)

    def _lost(self, x: Number, duration: Number, temperature: Number) -> Number:
        r"""Exact: :math:`\tanh(y/2)` of the distance :math:`y=(x-x_n)/\lambda` decays exponentially."""
        away = (x - self.x_neutral) / self.loss_width
        t = duration * self._loss_rate(temperature)
        m, kept, gone = jnp.exp(-jnp.abs(away)), jnp.exp(-t), -jnp.expm1(-t)
        # The ratio of 1 + q to 1 - q, q being the decayed tanh, from positive terms alone: no cancellation.
        left = jnp.log((1.0 + kept + m * gone) / (gone + m * (1.0 + kept)))
        x_after = self.x_neutral + self.loss_width * jnp.sign(away) * left
        return jnp.where(t > 0.0, x_after, x)
