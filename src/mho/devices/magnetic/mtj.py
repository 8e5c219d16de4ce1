"""A magnetic tunnel junction switched by spin-transfer torque: two states, and chance between them."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part, Pulse, nothing
from mho.devices.kinetics import relative_decay

_CLAMP = 80.0  # largest exponent of a rate: e^-80 is standing still, and finite in float32


class MTJState(eqx.Module):
    """What moves in a magnetic tunnel junction.

    Args:
        x: 1 parallel, 0 antiparallel; between them the probability of parallel [1].
        cycles: Reversals there and back, expected ones where x is a probability (wear) [1].
        pulses: Pulses seen (event face only) [1].
    """

    x: Number = quantity("1")
    cycles: Number = quantity("1")
    pulses: Number = quantity("1")


class MTJ(AbstractContinuousDevice):
    r"""A perpendicular or in-plane junction; positive current drives it to the parallel, conducting state.

    .. math::
        G_P &= 1/R_P, \qquad G_{AP}(v) = \frac{G_P}{1+\mathrm{TMR}(v)}, \qquad
            \mathrm{TMR}(v) = \frac{\mathrm{TMR}_0}{1+v^2/v_h^2} \\
        \Gamma(j) &= \frac1{\tau_0}\,e^{-\Delta\frac{T_0}{T}\max(1-j,\,0)}\,[1 + \pi\max(j-1,\,0)] \\
        \dot x &= \Gamma(vG_{AP}/I_{c0})\,(1-x) - \Gamma(-vG_P/I_{c0})\,x

    Below the critical current switching is thermally activated, :math:`P = 1-e^{-t\Gamma}`; above it is precessional,
    and its rate grows with the excess. A pulse *draws*: from a state 0 or 1 comes a state 0 or 1. The continuous face,
    `relax` and `energy` hold the mean: x is then the probability of parallel, the current that of the mean conductance.

    Args:
        r_parallel: Resistance in the parallel state, R_P [ohm].
        tmr: Tunnel magnetoresistance at no voltage, TMR_0 [1].
        v_half: Voltage at which it has fallen to half, v_h [V].
        i_critical: Critical current at no temperature, I_c0 [A].
        stability: Thermal stability at 300.15 K, Delta = E/(k T0) [1].
        tau_0: Attempt time [s].
        precession: Growth of the rate with the excess current above critical, pi [1].
        v_read: Voltage at which `conductance` is taken [V].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range.

    Source: thermal activation, Li and Zhang, Phys. Rev. B 69, 134416 (2004); the roll-off of TMR is the usual form.
    Limits: one exponential waiting time in the precessional regime too (a real one has an incubation delay and is
    narrower); equal critical currents both ways; no back-hopping, no voltage control of anisotropy, no field.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("x", "cycles", "pulses")

    r_parallel: Number = quantity("ohm", positive=True)
    tmr: Number = quantity("1", positive=True)
    v_half: Number = quantity("V", positive=True)
    i_critical: Number = quantity("A", positive=True)
    stability: Number = quantity("1", positive=True)
    tau_0: Number = quantity("s", positive=True)
    precession: Number = quantity("1", low=0.0, default=1.0)
    v_read: Number = quantity("V", positive=True, default=0.1)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    # ---- quantities of the model -----------------------------------------------------------------------------------
    def magnetoresistance(self, v: Number) -> Number:
        """TMR at voltage `v` [1]."""
        ratio = v / self.v_half
        return self.tmr / (1.0 + ratio * ratio)

    def switching_rate(self, i: Number, *, temperature: Number = ROOM) -> Number:
        """Rate of leaving a state under a current `i` [A] that favours the other one [1/s]."""
        excess = i / self.i_critical - 1.0
        barrier = self.stability * ROOM / temperature * jnp.maximum(-excess, 0.0)
        return jnp.exp(-jnp.minimum(barrier, _CLAMP)) * (1.0 + self.precession * jnp.maximum(excess, 0.0)) / self.tau_0

    def _conductances(self, v: Number) -> tuple[Number, Number]:
        """Antiparallel and parallel [S]."""
        return 1.0 / (self.r_parallel * (1.0 + self.magnetoresistance(v))), 1.0 / self.r_parallel

    def _rates(self, v: Number, temperature: Number) -> tuple[Number, Number]:
        """To parallel and to antiparallel [1/s]."""
        low, high = self._conductances(v)
        up = self.switching_rate(v * low, temperature=temperature)
        return up, self.switching_rate(-v * high, temperature=temperature)

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> MTJState:
        """Antiparallel; leaves have the batch shape of the device."""
        zero = nothing(self)
        return MTJState(zero, zero, zero)

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_read, antiparallel and parallel [S]."""
        return self._conductances(self.v_read)

    def conductance(self, state: MTJState, *, temperature: float = ROOM) -> Number:
        """Current over voltage at v_read [S]."""
        return self._chord(state.x, self.v_read)

    def _chord(self, x: Number, v: Number) -> Number:
        low, high = self._conductances(v)
        return low + (high - low) * x

    def read(self, state: MTJState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        i = v * self._chord(state.x, v)
        return i * (1.0 + self.sigma_read * random.normal(key, jnp.shape(i), jnp.result_type(i)))

    # ---- continuous face -------------------------------------------------------------------------------------------
    def parts(self) -> tuple[Part, ...]:
        """None."""
        return ()

    def rate(self, state: MTJState, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> MTJState:
        """Rate of the probability of parallel [1/s]."""
        up, down = self._rates(voltages[0] - voltages[1], temperature)
        rise, fall = up * (1.0 - state.x), down * state.x
        return MTJState(rise - fall, 0.5 * (rise + fall), jnp.zeros_like(rise))

    def current(
        self, state: MTJState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each end, that of the mean conductance [A]."""
        v = voltages[0] - voltages[1]
        i = v * self._chord(state.x, v)
        return i, -i

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(self, state: MTJState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> MTJState:
        """State after one pulse: parallel or antiparallel, drawn with the probability that `switched` gives."""
        chance = self.switched(state, pulse, temperature=temperature)
        drawn = random.uniform(key, jnp.shape(chance), jnp.result_type(chance))
        x = jnp.where(drawn < chance, 1.0, 0.0)
        x = jnp.where(pulse.width > 0.0, x, state.x)
        return MTJState(x, state.cycles + 0.5 * jnp.abs(x - state.x), state.pulses + 1.0 + jnp.zeros_like(x))

    def switched(self, state: MTJState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Probability of parallel after a pulse [1]: of switching, from the antiparallel state."""
        return self._after(state.x, pulse.amplitude - pulse.channel, pulse.width, temperature)[0]

    def energy(self, state: MTJState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Joule heat, the mean over what chance does [J]."""
        v = pulse.amplitude - pulse.channel
        low, high = self._conductances(v)
        mean = self._after(state.x, v, pulse.width, temperature)[1]
        return v * v * pulse.width * (low + (high - low) * mean)

    def relax(self, state: MTJState, duration: Number, *, temperature: float = ROOM) -> MTJState:
        """State after `duration` [s] without current: x becomes the probability of parallel."""
        x, mean = self._after(state.x, 0.0, duration, temperature)
        up, down = self._rates(0.0, temperature)
        reversals = 0.5 * duration * (up * (1.0 - mean) + down * mean)
        return MTJState(x, state.cycles + reversals, state.pulses + jnp.zeros_like(x))

    def _after(self, x: Number, v: Number, duration: Number, temperature: Number) -> tuple[Number, Number]:
        """Probability of parallel at the end and its mean over the time, exact at constant voltage."""
        up, down = self._rates(v, temperature)
        total = up + down
        decay = relative_decay(total * duration)
        start = up * (1.0 - x) - down * x
        change = start * duration * decay
        late = start * duration * _late(total * duration)
        return jnp.clip(x + change, 0.0, 1.0), jnp.clip(x + late, 0.0, 1.0)


def _late(y: Number) -> Number:
    """(y - 1 + exp(-y)) / y^2, the mean of a relaxation; 1/2 at y = 0."""
    small = y < 0.5
    near, far = jnp.where(small, y, 0.0), jnp.where(small, 1.0, y)
    series = jnp.zeros_like(near)
    for n in range(12, 1, -1):
        series = 1.0 - near * series / (n + 1.0)
    return jnp.where(small, 0.5 * series, (1.0 - relative_decay(far)) / far)
