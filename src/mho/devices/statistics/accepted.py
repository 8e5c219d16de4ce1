"""A ReRAM array programmed within an acceptance range, whose conductance then falls and spreads with log time."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractProgrammed, Number
from mho.devices.effects.read_noise import flicker
from mho.devices.statistics.deviation import ArrayState, at_rest, deviation, later, programmed


class AcceptedArray(AbstractProgrammed):
    r"""A programmed array cell with a linear programming error, and log-time decay that does not depend on the state.

    .. math::
        \sigma_p = c_0 + c_1 G_T, \qquad \bar G(t) = G_T + m\ln(t/t_1), \qquad \sigma(t) = s_0 + s_1\ln(t/t_1),
        \qquad \sigma_{read} = n\,\log_{10}(G/\mu\mathrm S)\sqrt{\ln[(t+t_r)/(2t_r)]}

    from t_1 on. Up to t_1 the mean stays and sigma goes in proportion to time from sigma_p to s_0.

    Args:
        g_min: Smallest conductance [S].
        g_max: Largest conductance [S].
        sigma_floor: Standard deviation of programming at zero conductance, c_0 [S].
        sigma_slope: Its change with conductance, c_1 [1].
        decay: Change of the mean per e-fold of time, m [S].
        spread_floor: Standard deviation at t_1, s_0 [S].
        spread_growth: Its growth per e-fold of time, s_1 [S].
        t_1: Time from which the logarithms hold [s].
        noise: Amplitude of the read noise at 10 uS, n [S].
        t_read: Integration time of a read [s].

    Source: Falcone et al., arXiv:2502.04524, as coded in IBM's aihwkit.
    Limits: what happens up to t_1 is a form of ours. aihwkit forgets the programming error once time has passed and
    draws the spread anew; here it is part of the spread, and each device wanders one way. aihwkit's default acceptance,
    2e-2, is no key of its table (0.2 and 2), so that it silently takes the 0.2 % range; here the range is a set's name.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")

    g_min: Number = quantity("S", positive=True)
    g_max: Number = quantity("S", positive=True)
    sigma_floor: Number = quantity("S", low=0.0)
    sigma_slope: Number = quantity("1", low=0.0)
    decay: Number = quantity("S", default=0.0)
    spread_floor: Number = quantity("S", low=0.0, default=0.0)
    spread_growth: Number = quantity("S", low=0.0, default=0.0)
    t_1: Number = quantity("s", positive=True, default=1.0)
    noise: Number = quantity("S", low=0.0, default=0.0)
    t_read: Number = quantity("s", positive=True, default=1e-6)

    def __check_init__(self) -> None:
        check_ranges(self)

    def rest(self) -> ArrayState:
        """At g_min, as if it had been programmed there without error."""
        return at_rest(self, self.g_min)

    def window(self) -> tuple[Number, Number]:
        """g_min and g_max, the range of targets [S]."""
        return self.g_min, self.g_max

    def spread(self, target: Number, age: Number) -> Number:
        """Standard deviation [S] of devices programmed to `target` [S], `age` [s] after programming."""
        error = self.sigma_floor + self.sigma_slope * target
        share = jnp.minimum(age / self.t_1, 1.0)
        grown = self.spread_floor + self.spread_growth * self._logarithm(age)
        return error + (grown - error) * share

    def _logarithm(self, age: Number) -> Number:
        return jnp.log(jnp.maximum(age / self.t_1, 1.0))

    def conductance(self, state: ArrayState, *, temperature: float = ROOM) -> Number:
        """Conductance [S], not below 0, without read noise."""
        mean = state.target + self.decay * self._logarithm(state.age)
        moved = deviation(state, self.spread(state.target, 0.0), self.spread(state.target, state.age))
        return jnp.maximum(mean + moved, 0.0)

    def relax(self, state: ArrayState, duration: Number, *, temperature: float = ROOM) -> ArrayState:
        """State after `duration` [s]; temperature was not measured and does not matter here."""
        return later(state, duration)

    def read(self, state: ArrayState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with 1/f noise that grows with the time since programming."""
        g = self.conductance(state)
        decades = jnp.log(jnp.maximum(g * 1e6, 1.0)) / jnp.log(jnp.asarray(10.0, jnp.result_type(g)))
        sigma = self.noise * decades * flicker(state.age, self.t_read)
        return (g + sigma * random.normal(key, jnp.shape(g), jnp.result_type(g))) * v

    def program(self, target: Number, *, key: jax.Array) -> ArrayState:
        """State right after programming to `target` [S], which is clipped to the window."""
        return programmed(self, target, key=key)
