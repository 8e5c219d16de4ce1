"""Arrays of phase-change cells by their statistics: programming error, drift, read noise."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractProgrammed, Number, nothing
from mho.devices.effects.drift import clipped_log, drawn_exponent, equivalent, power_law
from mho.devices.effects.read_noise import flicker, flicker_amplitude


class PCMArrayState(eqx.Module):
    """What moves: programmed conductance, its drift exponent, and the (equivalent) time since programming was read.

    Args:
        g: Conductance at t_0 [S].
        nu: Drift exponent of this device since this programming [1].
        age: Time since t_0 [s].
        drift_age: The same, as long as the drift would have taken at 300.15 K [s].
    """

    g: Number = quantity("S")
    nu: Number = quantity("1")
    age: Number = quantity("s")
    drift_age: Number = quantity("s")


def polynomial(x: Number, coefficients: tuple[Number, ...]) -> Number:
    """Sum of c_k x^k."""
    total = jnp.zeros_like(x) + coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


class PCMArray(AbstractProgrammed):
    r"""Programmed phase-change cells: error at programming, drift by a power law, 1/f noise that grows with time.

    With :math:`\hat g = G/g_{max}` and t counted from t_0 after programming,

    .. math::
        G_0 &= \max(G_T + \sigma_p(\hat g_T)\,\xi,\ 0), \qquad \sigma_p = \textstyle\sum_k c_k \hat g_T^k \\
        G(t) &= G_0\,[(t+t_0)/t_0]^{-\nu}, \qquad \nu = |\mu_\nu(\hat g_T) + \sigma_\nu(\hat g_T)\,\xi'| \\
        G_{read} &= \max\{G(t)\,(1 + Q(\hat g_0)\sqrt{\ln[(t+t_0+t_r)/(2t_r)]}\;\xi''),\ 0\}

    Each of mu, sigma and Q is a clipped logarithm, :math:`\operatorname{clip}(a\ln\hat g + b)`, below its break, and a
    polynomial from the break on; Q is multiplied by :math:`\hat g^{-p}` and limited to q_max.

    Args:
        g_max: Largest conductance, to which the relative ones refer [S].
        sigma_program: Coefficients of the programming error, c_0 first [S].
        t_0: Time from programming to the first reading [s].
        t_read: Integration time of a read [s].
        nu_slope: a of the mean exponent [1].
        nu_offset: b of the mean exponent [1].
        nu_low: Smallest mean exponent below the break [1].
        nu_high: Largest mean exponent below the break [1].
        nu_break: Relative conductance from which the polynomial holds; above 1, never [1].
        nu_polynomial: Its coefficients, constant first [1].
        sigma_nu_slope: a of the exponent's standard deviation [1].
        sigma_nu_offset: b of the exponent's standard deviation [1].
        sigma_nu_low: Smallest standard deviation below the break [1].
        sigma_nu_high: Largest standard deviation below the break [1].
        sigma_nu_break: Relative conductance from which the polynomial holds [1].
        sigma_nu_polynomial: Its coefficients, constant first [1].
        q_slope: a of the noise amplitude [1].
        q_offset: b of the noise amplitude [1].
        q_low: Smallest amplitude below the break [1].
        q_high: Largest amplitude below the break [1].
        q_break: Relative conductance from which the polynomial holds [1].
        q_polynomial: Its coefficients, constant first [1].
        q_exponent: p, the fall of the amplitude with conductance [1].
        q_max: Largest amplitude [1].
        energy: Activation energy by which a temperature speeds the drift up [J].

    Source: the forms of Joshi et al., Nat. Commun. 11, 2473 (2020), Nandakumar et al., ICECS 2019, and, for the HERMES
    project chip, Le Gallo et al., Nat. Electron. 6, 680 (2023), as IBM's aihwkit codes them.
    Limits: reads are independent, though 1/f noise is correlated. CrossSim fits another quadratic to the error of the
    same measurement (0.286 + 0.0759 G - 0.00179 G^2 uS): 0.30 against 0.26 uS at 0, 0.97 against 0.95 uS at 12.5 uS.
    The two-device HERMES model drifts more than the chip does with its own mapping.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")

    g_max: Number = quantity("S", positive=True)
    sigma_program: tuple[Number, ...] = quantity("S")
    t_0: Number = quantity("s", positive=True)
    t_read: Number = quantity("s", positive=True)
    nu_slope: Number = quantity("1", default=0.0)
    nu_offset: Number = quantity("1", default=0.0)
    nu_low: Number = quantity("1", default=0.0)
    nu_high: Number = quantity("1", default=2.0)
    nu_break: Number = quantity("1", low=0.0, default=2.0)
    nu_polynomial: tuple[Number, ...] = quantity("1", default=(0.0,))
    sigma_nu_slope: Number = quantity("1", default=0.0)
    sigma_nu_offset: Number = quantity("1", default=0.0)
    sigma_nu_low: Number = quantity("1", low=0.0, default=0.0)
    sigma_nu_high: Number = quantity("1", low=0.0, default=1.0)
    sigma_nu_break: Number = quantity("1", low=0.0, default=2.0)
    sigma_nu_polynomial: tuple[Number, ...] = quantity("1", default=(0.0,))
    q_slope: Number = quantity("1", default=0.0)
    q_offset: Number = quantity("1", default=0.0)
    q_low: Number = quantity("1", low=0.0, default=0.0)
    q_high: Number = quantity("1", low=0.0, default=1.0)
    q_break: Number = quantity("1", low=0.0, default=2.0)
    q_polynomial: tuple[Number, ...] = quantity("1", default=(0.0,))
    q_exponent: Number = quantity("1", low=0.0, default=0.0)
    q_max: Number = quantity("1", positive=True, default=1.0)
    energy: Number = quantity("J", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def rest(self) -> PCMArrayState:
        """The amorphous device, as measured t_0 after its RESET, with the mean exponent."""
        zero = nothing(self)
        return PCMArrayState(zero, zero + self._mean(zero), zero, zero)

    def window(self) -> tuple[Number, Number]:
        """0 and g_max [S]."""
        return 0.0 * self.g_max, self.g_max

    def conductance(self, state: PCMArrayState, *, temperature: float = ROOM) -> Number:
        """Drifted conductance [S], without read noise."""
        return state.g * power_law(state.drift_age, self.t_0, state.nu)

    def relax(self, state: PCMArrayState, duration: Number, *, temperature: float = ROOM) -> PCMArrayState:
        """State after `duration` [s]; durations can be split."""
        same = jnp.zeros_like(state.age * duration)
        drift = equivalent(duration, self.energy, temperature)
        return PCMArrayState(state.g + same, state.nu + same, state.age + duration, state.drift_age + drift + same)

    def read(self, state: PCMArrayState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with 1/f noise."""
        g = self.conductance(state, temperature=temperature)
        sigma = self.read_amplitude(state.g / self.g_max) * flicker(state.age + self.t_0, self.t_read)
        noise = random.normal(key, jnp.shape(g), jnp.result_type(g))
        return jnp.maximum(g * (1.0 + sigma * noise), 0.0) * v

    def program(self, target: Number, *, key: jax.Array) -> PCMArrayState:
        """State t_0 after programming to `target` [S], which is clipped to the window."""
        target = jnp.clip(jnp.asarray(target, jnp.result_type(float)), 0.0, self.g_max)
        relative = target / self.g_max
        of_error, of_drift = jax.random.split(key)
        error, draw = (random.normal(k, jnp.shape(relative), jnp.result_type(relative)) for k in (of_error, of_drift))
        g = jnp.maximum(target + self.programming_error(relative) * error, 0.0)
        zero = jnp.zeros_like(g)
        nu = drawn_exponent(self._mean(relative), self._deviation(relative), draw)
        return PCMArrayState(g, nu, zero, zero)

    def programming_error(self, relative: Number) -> Number:
        """Standard deviation [S] of the programmed conductance for a relative target [1]."""
        return jnp.maximum(polynomial(relative, self.sigma_program), 0.0)

    def read_amplitude(self, relative: Number) -> Number:
        """Q, the relative amplitude of 1/f noise, of a relative programmed conductance [1]."""
        low = clipped_log(relative, self.q_slope, self.q_offset, self.q_low, self.q_high)
        q = jnp.where(relative < self.q_break, low, polynomial(relative, self.q_polynomial))
        return flicker_amplitude(relative, q, self.q_exponent, self.q_max)

    def _mean(self, relative: Number) -> Number:
        low = clipped_log(relative, self.nu_slope, self.nu_offset, self.nu_low, self.nu_high)
        return jnp.where(relative < self.nu_break, low, polynomial(relative, self.nu_polynomial))

    def _deviation(self, relative: Number) -> Number:
        low = clipped_log(relative, self.sigma_nu_slope, self.sigma_nu_offset, self.sigma_nu_low, self.sigma_nu_high)
        return jnp.where(relative < self.sigma_nu_break, low, polynomial(relative, self.sigma_nu_polynomial))
