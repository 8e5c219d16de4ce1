"""A phase-change cell under pulses: crystallisation adds up from pulse to pulse, melting undoes it at once."""

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
from mho.devices.device import ROOM, AbstractDevice, Number, Pulse, nothing
from mho.devices.kinetics import arrhenius


class PCMState(eqx.Module):
    """What moves: the crystalline share of the active volume, in [0, 1], and the pulses seen."""

    x: Number = quantity("1")
    pulses: Number = quantity("1")


class PCM(AbstractDevice):
    r"""A two-terminal phase-change cell: partial SET one way, melt and quench (RESET) the other way.

    :math:`G = g_{min} + (g_{max}-g_{min})\,x`. A pulse between v_crystal and v_melt crystallises: with
    :math:`n = \frac{t}{t_{set}}\min\{\frac{|V|-v_{crystal}}{v_{set}-v_{crystal}}, 1\}` reference pulses,

    .. math:: x \to x + n\,\delta\,(1 + A e^{-kx}) \quad (n \le 1), \qquad
              \frac{dx}{dn} = \delta\,(1 + A e^{-kx}) \quad (n > 1, \text{after the first})

    A pulse above v_melt melts the share :math:`m = \min\{\frac{|V|-v_{melt}}{v_{reset}-v_{melt}}, 1\}`:
    :math:`x \to x - [x - \min(x, 1-m)]\,(1-e^{-t/t_{melt}})`. The sign of the voltage does not matter.

    Args:
        g_min: Conductance of the fully amorphous cell [S].
        g_max: Conductance of the fully crystalline cell [S].
        step: Growth per reference pulse near full crystallisation, delta [1].
        boost: Excess of the growth of the amorphous cell over that, A [1].
        decay: Fall of the excess with crystallisation, k [1].
        v_crystal: Amplitude at which crystallisation sets in [V].
        v_set: Amplitude of the reference SET pulse [V].
        t_set: Width of the reference SET pulse [s].
        v_melt: Amplitude at which the hottest place melts [V].
        v_reset: Amplitude that melts all of the active volume [V].
        t_melt: Time constant of melting [s].
        r_on: Resistance while a pulse heats the cell, amorphous or not [ohm].
        energy_growth: Activation energy of crystal growth, against the ambient temperature [J].
        sigma_cycle: Cycle-to-cycle standard deviation of a SET pulse, relative to the sum of its three causes [1].
        noise_floor: The first cause: a constant change of x [1].
        noise_slope: The third cause: it grows with x, the second being the step itself [1].
        sigma_reset: Standard deviation of x left by a full RESET [1].

    Raises:
        ParameterError: If a value is out of range, or the window or the amplitudes are not in ascending order.

    Source: the growth is the exponential step by which IBM's aihwkit fits the pulses of Nandakumar et al.,
    Front. Neurosci. 14:406 (2020); at the reference pulse it is that step exactly.
    Limits: drift and 1/f noise are effects, laid over the cell. Threshold switching has no delay; the amplitude's
    effect on growth, and melting, are forms, not measured here.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()

    g_min: Number = quantity("S", positive=True)
    g_max: Number = quantity("S", positive=True)
    step: Number = quantity("1", positive=True, high=1.0)
    boost: Number = quantity("1", low=0.0)
    decay: Number = quantity("1", positive=True)
    v_crystal: Number = quantity("V", positive=True)
    v_set: Number = quantity("V", positive=True)
    t_set: Number = quantity("s", positive=True)
    v_melt: Number = quantity("V", positive=True)
    v_reset: Number = quantity("V", positive=True)
    t_melt: Number = quantity("s", positive=True)
    r_on: Number = quantity("ohm", positive=True)
    energy_growth: Number = quantity("J", low=0.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    noise_floor: Number = quantity("1", low=0.0, default=0.0)
    noise_slope: Number = quantity("1", low=0.0, default=0.0)
    sigma_reset: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        for low, high, unit in (
            ("g_min", "g_max", "S"),
            ("v_crystal", "v_set", "V"),
            ("v_set", "v_melt", "V"),
            ("v_melt", "v_reset", "V"),
        ):
            a, b = getattr(self, low), getattr(self, high)
            plain = all(isinstance(x, np.ndarray) and x.ndim == 0 for x in (a, b))
            if plain and float(b) <= float(a):
                raise ParameterError(
                    f"PCM.{high} ({engineering(float(b), unit)}) must exceed {low} "
                    f"({engineering(float(a), unit)}). Were they swapped?"
                )

    def rest(self) -> PCMState:
        """The amorphous cell."""
        zero = nothing(self)
        return PCMState(zero, zero)

    def window(self) -> tuple[Number, Number]:
        """g_min and g_max [S]."""
        return self.g_min, self.g_max

    def conductance(self, state: PCMState, *, temperature: float = ROOM) -> Number:
        """Conductance at low voltage [S], without drift."""
        return self.g_min + (self.g_max - self.g_min) * state.x

    def relax(self, state: PCMState, duration: Number, *, temperature: float = ROOM) -> PCMState:
        """The same state: crystallisation at storage temperature is the retention effect's."""
        same = jnp.zeros_like(state.x * duration)
        return PCMState(state.x + same, state.pulses + same)

    def read(self, state: PCMState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V]; its noise is an effect."""
        return self.conductance(state) * v

    def pulse(self, state: PCMState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> PCMState:
        """State after one pulse, with cycle-to-cycle noise."""
        amplitude = jnp.abs(pulse.amplitude - pulse.channel)
        n = self._reference_pulses(amplitude, pulse.width, temperature)
        grown = self._grown(state.x, n)
        noise = random.normal(key, jnp.shape(grown), jnp.result_type(grown))
        causes = self.noise_floor + (grown - state.x) + self.noise_slope * state.x
        grown = grown + self.sigma_cycle * causes * jnp.minimum(n, 1.0) * noise
        melted = jnp.clip((amplitude - self.v_melt) / (self.v_reset - self.v_melt), 0.0, 1.0)
        done = -jnp.expm1(-pulse.width / self.t_melt)
        left = state.x - (state.x - jnp.minimum(state.x, 1.0 - melted)) * done
        left = left + self.sigma_reset * melted * done * jnp.abs(noise)
        x = jnp.where(amplitude > self.v_melt, left, grown)
        return PCMState(jnp.clip(x, 0.0, 1.0), state.pulses + jnp.ones_like(x))

    def energy(self, state: PCMState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J]: through r_on where the pulse heats the cell, through its low-voltage conductance below that."""
        across = pulse.amplitude - pulse.channel
        heats = jnp.abs(across) > self.v_crystal
        return across * across * pulse.width * jnp.where(heats, 1.0 / self.r_on, self.conductance(state))

    def _reference_pulses(self, amplitude: Number, width: Number, temperature: Number) -> Number:
        """How many reference SET pulses this one is worth."""
        reach = jnp.clip((amplitude - self.v_crystal) / (self.v_set - self.v_crystal), 0.0, 1.0)
        return reach * width / (self.t_set * arrhenius(self.energy_growth, temperature))

    def _grown(self, x: Number, n: Number) -> Number:
        """Crystalline share after n reference pulses: the first by its step, the rest in closed form."""
        first = jnp.minimum(n, 1.0)
        x = jnp.minimum(x + first * self.step * (1.0 + self.boost * jnp.exp(-self.decay * x)), 1.0)
        more = jnp.minimum(self.decay * self.step * (n - first), 50.0)
        # exp(k x) of the growth: u -> (u + A) exp(k delta n) - A, written so that nothing large cancels.
        growth = jnp.log1p(self.boost * jnp.exp(-self.decay * x) * -jnp.expm1(-more)) + more
        return jnp.minimum(x + growth / self.decay, 1.0)
