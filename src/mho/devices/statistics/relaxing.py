"""Filamentary ReRAM arrays whose spread was measured at a few times after programming."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractProgrammed, Number
from mho.devices.phase_change.statistical import polynomial
from mho.devices.statistics.deviation import ArrayState, at_rest, deviation, later, programmed


class RelaxingArray(AbstractProgrammed):
    r"""A programmed array cell with :math:`\sigma_G(\hat g)` known at three times: after programming and twice later.

    .. math:: G(t) = G_T + \sigma_1\xi_1 + \sqrt{\sigma(t)^2-\sigma_1^2}\;\xi_2, \qquad
              \sigma_i = \textstyle\sum_k c_{ik}\,\hat g_T^k, \qquad \hat g = G/g_{max}

    Each time has the published distribution. Between the times, sigma is interpolated linearly in log time; before
    the first and after the last it is that of the first and the last. `measured` says which it is.

    Args:
        g_min: Smallest conductance [S].
        g_max: Largest conductance, to which the polynomials refer [S].
        times: When the spread was measured: first, second, third [s].
        sigma_first: Coefficients of the standard deviation at the first time, constant first [S].
        sigma_second: The same at the second time [S].
        sigma_third: The same at the third time [S].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or `times` are not three in ascending order.

    Source: Wan et al., Nature 608, 504 (2022), as fitted in IBM's aihwkit.
    Limits: the way from one time to the next is ours: aihwkit draws all deviations anew at each time and accepts only
    the three. aihwkit also forgets to scale the error with a g_max other than 40 uS (a wrong attribute name); here it
    scales with the coefficients. CrossSim's cubic for the same data at 1 s, 1.053 + 0.2374 G - 0.01167 G^2 +
    1.536e-4 G^3 in uS, is 0.1 to 0.7 uS above.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")

    g_min: Number = quantity("S", low=0.0)
    g_max: Number = quantity("S", positive=True)
    times: tuple[Number, ...] = quantity("s", positive=True)
    sigma_first: tuple[Number, ...] = quantity("S")
    sigma_second: tuple[Number, ...] = quantity("S")
    sigma_third: tuple[Number, ...] = quantity("S")
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        if len(self.times) != 3:
            raise ParameterError(f"RelaxingArray.times has {len(self.times)} entries; give three times.")
        plain = all(isinstance(t, np.ndarray) and t.ndim == 0 for t in self.times)
        if plain and not float(self.times[0]) < float(self.times[1]) < float(self.times[2]):
            raise ParameterError("RelaxingArray.times must ascend. Put the earliest first, with its coefficients.")

    def rest(self) -> ArrayState:
        """At g_min, as if it had been programmed there without error."""
        return at_rest(self, self.g_min)

    def window(self) -> tuple[Number, Number]:
        """g_min and g_max, the range of targets [S]."""
        return self.g_min, self.g_max

    def spread(self, target: Number, age: Number) -> Number:
        """Standard deviation [S] of devices programmed to `target` [S], `age` [s] after programming."""
        relative = target / self.g_max
        sigmas = (self.sigma_first, self.sigma_second, self.sigma_third)
        first, second, third = (jnp.maximum(polynomial(relative, c), 0.0) for c in sigmas)
        t = jnp.clip(age, self.times[0], self.times[2])
        one, two, three = (jnp.log(x) for x in self.times)
        early = jnp.clip((jnp.log(t) - one) / (two - one), 0.0, 1.0)
        late = jnp.clip((jnp.log(t) - two) / (three - two), 0.0, 1.0)
        return first + (second - first) * early + (third - second) * late

    def measured(self, age: Number) -> Number:
        """Whether the spread at `age` [s] was measured (to 1 % in time); else it is interpolated or held."""
        near = [jnp.abs(age / t - 1.0) < 0.01 for t in self.times]
        return near[0] | near[1] | near[2]

    def conductance(self, state: ArrayState, *, temperature: float = ROOM) -> Number:
        """Conductance [S], not below 0, without read noise."""
        moved = deviation(state, self.spread(state.target, self.times[0]), self.spread(state.target, state.age))
        return jnp.maximum(state.target + moved, 0.0)

    def relax(self, state: ArrayState, duration: Number, *, temperature: float = ROOM) -> ArrayState:
        """State after `duration` [s]; temperature was not measured and does not matter here."""
        return later(state, duration)

    def read(self, state: ArrayState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        g = self.conductance(state)
        return g * (1.0 + self.sigma_read * random.normal(key, jnp.shape(g), jnp.result_type(g))) * v

    def program(self, target: Number, *, key: jax.Array) -> ArrayState:
        """State right after programming to `target` [S], which is clipped to the window."""
        return programmed(self, target, key=key)
