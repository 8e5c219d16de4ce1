"""A ferroelectric transistor: grains that switch at their own pace towards a Preisach loop, over a channel."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number, Pulse, nothing
from mho.devices.kinetics import arrhenius
from mho.devices.storage.transistor import AbstractStorageTransistor

_SLOWEST = 80.0  # largest exponent of Merz's law: e^-80 is standing still, and finite in float32
_LEAST = 1e-6  # [V] smallest voltage that enters Merz's law as a divisor


class FeFETState(eqx.Module):
    """What moves in a ferroelectric transistor.

    Args:
        p: Remanent polarisation of each class of grains, as a share of P_r, in [-1, 1] [1].
        cycles: Equivalent full reversals, up and down (wear) [1].
        pulses: Gate pulses seen (event face only) [1].
    """

    p: tuple[Number, ...] = quantity("1")
    cycles: Number = quantity("1")
    pulses: Number = quantity("1")


class FeFET(AbstractStorageTransistor):
    r"""A field-effect transistor with a ferroelectric gate of K classes of grains.

    A class sees :math:`v_k = b_k\,[v_g - (v_d+v_s)/2 - v_i]`. It moves only while it lies outside its quasi-static
    loop, up below the rising branch :math:`\gamma_+` and down above the falling one, in a time by Merz's law:

    .. math::
        \gamma_\pm(v) &= \operatorname{clip}\big(\tanh[s(v \mp v_c)]/\tanh(s v_c),\,-1,\,1\big), \qquad
            \tanh(s v_c) = P_r/P_s \\
        \dot p_k &= \frac{\gamma_+(v_k)-p_k}{\tau(v_k)} \text{ if positive}, \quad
            \frac{\gamma_-(v_k)-p_k}{\tau(v_k)} \text{ if negative}, \quad \text{else } 0; \qquad
            \tau(v) = \tau_0\,e^{(v_a/|v|)^\alpha} \\
        P &= P_r\sum_k w_k p_k, \qquad v_T = v_{T0} - \frac{w_m}{2}\frac{P}{P_r}

    Slow drive follows a Preisach loop (each class a generalised play, so a small loop inside a large one closes and a
    large excursion wipes out the small ones before it); fast drive switches a share that grows with amplitude and
    width, and pulses that are each too short add up. The spread of the local fields b_k makes the switching of the
    whole wide in the logarithm of time. Charge follows polarisation: the gate's current is the area times dP/dt.

    Args:
        p_r: Remanent polarisation, P_r [C/m^2].
        p_s: Saturation polarisation of the tanh that the branches follow, P_s [C/m^2].
        v_coercive: Coercive gate voltage of the quasi-static loop, v_c [V].
        v_activation: Activation voltage of Merz's law, v_a [V].
        exponent: Its exponent, alpha [1].
        imprint: Built-in voltage that shifts the loop along the gate voltage, v_i [V].
        tau_0: Its shortest time, tau_0 [s].
        weights: Shares of the classes of grains, w_k; they sum to 1 [1].
        fields: Local field of each class, relative to the mean, b_k; symmetric about 1 for a loop through v_c [1].
        area: Gate area [m^2].
        v_threshold: Threshold voltage at no polarisation, v_T0 [V].
        memory_window: Shift of the threshold from full polarisation down to full up, w_m [V].
        gain: Gain factor of the channel, beta [A/V^2].
        slope: Its subthreshold slope factor, n [1].
        v_gate_read: Gate voltage at which the channel is read [V].
        c_gate: Linear gate capacitance [F].
        tau_retention: Time constant of depolarisation without drive at 300.15 K [s].
        energy_retention: Its activation energy [J].
        sigma_cycle: Relative spread of a pulse's change of polarisation [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, p_r >= p_s, or weights and fields do not match.

    Source: tanh branches, Jiang et al., VLSI Technology 1997; local fields, Jo et al., Phys. Rev. Lett. 99, 267602
    (2007); Merz, Phys. Rev. 95, 690 (1954).
    Limits: growth without nucleation delay (exponent 1 in time), which makes accumulation exact; reversible
    polarisation only as c_gate; no trapping, wake-up or fatigue. `pulse` takes switching and depolarisation
    one after the other (error below the product of the two).
    """

    states: ClassVar[tuple[str, ...]] = ("p", "cycles", "pulses")

    p_r: Number = quantity("C/m^2", positive=True)
    p_s: Number = quantity("C/m^2", positive=True)
    v_coercive: Number = quantity("V", positive=True)
    v_activation: Number = quantity("V", positive=True)
    tau_0: Number = quantity("s", positive=True)
    weights: tuple[Number, ...] = quantity("1", low=0.0, high=1.0)
    fields: tuple[Number, ...] = quantity("1", positive=True)
    area: Number = quantity("m^2", positive=True)
    v_threshold: Number = quantity("V")
    memory_window: Number = quantity("V", positive=True)
    gain: Number = quantity("A/V^2", positive=True)
    v_gate_read: Number = quantity("V")
    c_gate: Number = quantity("F", positive=True)
    exponent: Number = quantity("1", positive=True, default=2.0)
    imprint: Number = quantity("V", default=0.0)
    slope: Number = quantity("1", low=1.0, default=1.3)
    tau_retention: Number = quantity("s", positive=True, default=1e12)
    energy_retention: Number = quantity("J", low=0.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        if len(self.weights) != len(self.fields) or not self.fields:
            raise ParameterError(
                f"FeFET has {len(self.weights)} weights and {len(self.fields)} fields; give one of each per class."
            )
        plain = all(isinstance(x, np.ndarray) and x.ndim == 0 for x in (*self.weights, self.p_r, self.p_s))
        if plain and abs(sum(float(w) for w in self.weights) - 1.0) > 1e-6:
            raise ParameterError(f"FeFET.weights sum to {sum(float(w) for w in self.weights):.6g}; they must sum to 1.")
        if plain and float(self.p_r) >= float(self.p_s):
            raise ParameterError(
                f"FeFET.p_r ({float(self.p_r):.4g} C/m^2) must lie below p_s ({float(self.p_s):.4g} C/m^2). "
                "Were they swapped?"
            )

    # ---- quantities of the model -----------------------------------------------------------------------------------
    def branch(self, v: Number, direction: float) -> Number:
        """The quasi-static branch that rises (`direction` 1) or falls (-1) with the local voltage `v` [1]."""
        square = self.p_r / self.p_s
        steep = jnp.arctanh(square) / self.v_coercive
        return jnp.clip(jnp.tanh(steep * (v - direction * self.v_coercive)) / square, -1.0, 1.0)

    def switching_rate(self, v: Number) -> Number:
        """1/tau at the local voltage `v`, by Merz's law [1/s]."""
        size = jnp.maximum(jnp.abs(v), _LEAST)
        ease = self.exponent * jnp.log(self.v_activation / size)
        return jnp.exp(-jnp.minimum(jnp.exp(jnp.minimum(ease, 10.0)), _SLOWEST)) / self.tau_0

    def polarisation(self, state: FeFETState) -> Number:
        """Remanent polarisation, P [C/m^2]."""
        return self.p_r * self._mean(state.p)

    def threshold(self, state: FeFETState) -> Number:
        """Threshold voltage of the channel, v_T [V]."""
        return self.v_threshold - 0.5 * self.memory_window * self._mean(state.p)

    def _mean(self, p: tuple[Number, ...]) -> Number:
        terms = [w * x for w, x in zip(self.weights, p, strict=True)]
        return sum(terms[1:], start=terms[0])

    def _short_of(self, x: Number, v: Number) -> Number:
        """How far the loop's branch lies from a class outside of it: above 0 to go up, below 0 to go down [1]."""
        rise, fall = self.branch(v, 1.0) - x, self.branch(v, -1.0) - x
        return jnp.where(rise > 0.0, rise, jnp.where(fall < 0.0, fall, 0.0))

    def _forgetting(self, temperature: Number) -> Number:
        return 1.0 / (self.tau_retention * arrhenius(self.energy_retention, temperature))

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> FeFETState:
        """No polarisation; leaves have the batch shape of the device."""
        zero = nothing(self)
        return FeFETState(tuple(zero for _ in self.fields), zero, zero)

    def window(self) -> tuple[Number, Number]:
        """Conductance of the channel at v_gate_read, fully polarised down and up [S]."""
        high, low = (self.v_threshold - 0.5 * self.memory_window * p for p in (-1.0, 1.0))
        return self.conductance_at(high, ROOM), self.conductance_at(low, ROOM)

    # ---- continuous face -------------------------------------------------------------------------------------------
    def rate(self, state: FeFETState, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> FeFETState:
        """Switching and depolarisation of each class [1/s]."""
        gate, drain, source = voltages
        switching = self._switching(state, gate - 0.5 * (drain + source))
        forget = self._forgetting(temperature)
        d_p = tuple(d - x * forget for d, x in zip(switching, state.p, strict=True))
        cycles = 0.25 * self._mean(tuple(jnp.abs(d) for d in switching))
        return FeFETState(d_p, cycles, jnp.zeros_like(cycles))

    def _switching(self, state: FeFETState, v: Number) -> tuple[Number, ...]:
        return tuple(
            self._short_of(x, u) * self.switching_rate(u) for x, u in zip(state.p, self._local(v), strict=True)
        )

    def _local(self, v: Number) -> tuple[Number, ...]:
        """Voltage that each class sees at the voltage `v` from gate to channel [V]."""
        return tuple(b * (v - self.imprint) for b in self.fields)

    def current(
        self, state: FeFETState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each terminal [A]: the channel's, and what switches the gate; they sum to zero."""
        gate, drain, source = voltages
        moved = self._mean(self._switching(state, gate - 0.5 * (drain + source)))
        switching = self.area * self.p_r * moved
        channel = self.channel(state, voltages, temperature)
        return switching, channel - 0.5 * switching, -channel - 0.5 * switching

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(self, state: FeFETState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> FeFETState:
        """State after one gate pulse, in closed form; its change varies from pulse to pulse."""
        change = self._changes(state, pulse)
        noise = random.normal(key, jnp.shape(change[0]), jnp.result_type(change[0]))
        change = [d * (1.0 + self.sigma_cycle * noise) for d in change]
        kept = jnp.exp(-pulse.width * self._forgetting(temperature))
        p = tuple(jnp.clip(x + d, -1.0, 1.0) * kept for x, d in zip(state.p, change, strict=True))
        moved = self._mean(tuple(jnp.abs(d) for d in change))
        return FeFETState(p, state.cycles + 0.25 * moved, state.pulses + 1.0 + jnp.zeros_like(moved))

    def _changes(self, state: FeFETState, pulse: Pulse) -> list[Number]:
        """What the pulse switches in each class, without noise [1]."""
        return [
            -jnp.expm1(-pulse.width * self.switching_rate(u)) * self._short_of(x, u)
            for x, u in zip(state.p, self._local(pulse.amplitude - pulse.channel), strict=True)
        ]

    def energy(self, state: FeFETState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J] from the gate's driver: linear gate capacitance and switched polarisation."""
        v = pulse.amplitude - pulse.channel
        switched = self.area * self.p_r * self._mean(tuple(self._changes(state, pulse)))
        charge = jnp.where(pulse.width > 0.0, self.c_gate * v, 0.0) + switched
        return v * charge

    def relax(self, state: FeFETState, duration: Number, *, temperature: float = ROOM) -> FeFETState:
        """State after `duration` [s] at zero gate voltage: depolarisation."""
        kept = jnp.exp(-duration * self._forgetting(temperature))
        same = jnp.zeros_like(kept)
        return FeFETState(tuple(x * kept for x in state.p), state.cycles + same, state.pulses + same)
