"""What selectors without memory share: a static current through two terminals, and nothing that moves."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import quantity
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part, Pulse, nothing


class SelectorState(eqx.Module):
    """State of a selector without memory.

    Args:
        pulses: Pulses seen (event face only) [1].
    """

    pulses: Number = quantity("1")


class AbstractSelector(AbstractContinuousDevice):
    """A two-terminal device whose current follows the voltage at once; a model says only what conductance it has."""

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("pulses",)

    v_read: eqx.AbstractVar[Number]
    sigma_read: eqx.AbstractVar[Number]

    @abc.abstractmethod
    def chord(self, v: Number, *, temperature: Number = ROOM) -> Number:
        """Current over voltage [S] at voltage `v` [V], finite at no voltage."""

    def static_current(self, v: Number, *, temperature: Number = ROOM) -> Number:
        """Current at voltage `v` [A]."""
        return v * self.chord(v, temperature=temperature)

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> SelectorState:
        """Nothing but the count of pulses; it has the batch shape of the device."""
        return SelectorState(nothing(self))

    def window(self) -> tuple[Number, Number]:
        """The conductance at v_read, twice: no state changes it [S]."""
        g = self.chord(self.v_read)
        return g, g

    def conductance(self, state: SelectorState, *, temperature: float = ROOM) -> Number:
        """Current over voltage at v_read [S]."""
        return self.chord(self.v_read, temperature=temperature) + jnp.zeros_like(state.pulses)

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
