"""An exponential selector: no memory, a current that rises exponentially with voltage in either direction."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part, Pulse
from mho.devices.kinetics import arrhenius, relative_decay

_CLAMP = 40.0  # largest argument of sinh; beyond it the series resistance carries the voltage


class SelectorState(eqx.Module):
    """State of a selector without memory.

    Args:
        pulses: Pulses seen (event face only) [1].
    """

    pulses: Number = quantity("1")


class ExponentialSelector(AbstractContinuousDevice):
    r"""A selector of mixed ionic-electronic conduction or tunnelling, in series with its electrodes.

    .. math:: i = \frac{v}{R_s + v/i_j(v)}, \qquad
              i_j = i_0\,e^{-\frac{E}{k_B}(\frac1T-\frac1{T_0})}\,\sinh(v/v_0)

    The resistance of the junction is taken at the full voltage, so that the current stays explicit: right where either
    of the two carries the voltage, low by at most the factor that r_series would explain in between.

    Args:
        i_0: Current scale [A].
        v_0: Voltage of an e-fold higher current; ln(10) v_0 per decade [V].
        r_series: Resistance of the electrodes, R_s [ohm].
        activation: Activation energy of the current [J].
        v_read: Voltage at which `conductance` is taken [V].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range.

    Source: textbook form of a nonlinear selector; no published fit.
    Limits: symmetric; no switching time, no wear.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("pulses",)

    i_0: Number = quantity("A", positive=True)
    v_0: Number = quantity("V", positive=True)
    r_series: Number = quantity("ohm", positive=True, default=1e3)
    activation: Number = quantity("J", low=0.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=1.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def static_current(self, v: Number, *, temperature: Number = ROOM) -> Number:
        """Current at voltage `v` [A]."""
        return v * self._chord(v, temperature)

    def _chord(self, v: Number, temperature: Number) -> Number:
        """Current over voltage, finite at no voltage [S]."""
        y = jnp.clip(v / self.v_0, -_CLAMP, _CLAMP)
        # sinh(y)/y from (1 - exp(-2|y|))/(2|y|), which is smooth through y = 0.
        ratio = jnp.exp(jnp.abs(y)) * relative_decay(2.0 * jnp.abs(y))
        junction = self.i_0 / (self.v_0 * arrhenius(self.activation, temperature)) * ratio
        return junction / (1.0 + self.r_series * junction)

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> SelectorState:
        """Nothing but the count of pulses; it has the batch shape of the device."""
        shape = jnp.broadcast_shapes(*(jnp.shape(leaf) for leaf in jax.tree.leaves(self)))
        return SelectorState(jnp.zeros(shape, jnp.result_type(float)))

    def window(self) -> tuple[Number, Number]:
        """The conductance at v_read, twice: no state changes it [S]."""
        g = self._chord(self.v_read, ROOM)
        return g, g

    def conductance(self, state: SelectorState, *, temperature: float = ROOM) -> Number:
        """Current over voltage at v_read [S]."""
        return self._chord(self.v_read, temperature) + jnp.zeros_like(state.pulses)

    def read(self, state: SelectorState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        i = self.static_current(v, temperature=temperature) + jnp.zeros_like(state.pulses)
        return i * (1.0 + self.sigma_read * random.normal(key, jnp.shape(i), jnp.result_type(i)))

    # ---- both faces ------------------------------------------------------------------------------------------------
    def parts(self) -> tuple[Part, ...]:
        """None: the series resistance is in the current."""
        return ()

    def rate(self, state: SelectorState, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> SelectorState:
        """Nothing moves."""
        return SelectorState(jnp.zeros_like(state.pulses + voltages[0]))

    def current(
        self, state: SelectorState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each end [A]."""
        i = self.static_current(voltages[0] - voltages[1], temperature=temperature) + jnp.zeros_like(state.pulses)
        return i, -i

    def pulse(self, state: SelectorState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> SelectorState:
        """The count of pulses, one higher."""
        return SelectorState(state.pulses + 1.0 + jnp.zeros_like(pulse.amplitude * pulse.width))

    def energy(self, state: SelectorState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Joule heat of a pulse [J]."""
        v = pulse.amplitude - pulse.channel
        return v * self.static_current(v, temperature=temperature) * pulse.width + jnp.zeros_like(state.pulses)

    def relax(self, state: SelectorState, duration: Number, *, temperature: float = ROOM) -> SelectorState:
        """Nothing moves."""
        return SelectorState(state.pulses + jnp.zeros_like(duration))
