"""A SONOS flash array in subthreshold: error, drift and read noise of the cell current, by the day."""

from __future__ import annotations

import itertools
from typing import ClassVar

import jax
import jax.numpy as jnp

from mho.core import random
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractProgrammed, Number
from mho.devices.phase_change.statistical import polynomial
from mho.devices.statistics.deviation import ArrayState, at_rest, deviation, later, programmed

DAY = 86_400.0  # [s]


class SONOSArray(AbstractProgrammed):
    r"""A programmed charge-trap cell: the cell current is known by mean and spread on the days after programming.

    .. math::
        I_0 = G_T v_{read}, \qquad \bar I(d) = I_0 + \textstyle\sum_k p_{dk}\,(2I_0/i_{max}-1)^k, \qquad
        \sigma_I(d) = A_d\,(1 - e^{-\bar I/B_d})

    on day d = 0, 1, ..., 5; between the days p, A and B are interpolated linearly in time, after the last they stay.

    Args:
        i_max: Largest cell current at v_read [A].
        on_off: Ratio of largest to smallest current [1].
        v_read: Read voltage between drain and source [V].
        amplitude: A_d, one per day from day 0 [A].
        scale: B_d, one per day from day 0 [A].
        drift_1: Coefficients p_1k of the mean drift on day 1, constant first [A].
        drift_2: The same on day 2 [A].
        drift_3: The same on day 3 [A].
        drift_4: The same on day 4 [A].
        drift_5: The same on day 5 [A].
        noise_amplitude: A of the read noise [A].
        noise_scale: B of the read noise [A].

    Raises:
        ParameterError: If a value is out of range, or amplitude and scale do not have one entry for each of six days.

    Source: Agrawal et al., IEDM 2022, 21.7 (Figs. 10 and 11), as fitted in Sandia's CrossSim.
    Limits: the current is taken as proportional to voltage. CrossSim draws the deviation anew on each day and
    extrapolates beyond day 5; here the error at programming stays, each device wanders one way, and nothing is
    extrapolated.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")

    i_max: Number = quantity("A", positive=True)
    on_off: Number = quantity("1", positive=True)
    v_read: Number = quantity("V", positive=True)
    amplitude: tuple[Number, ...] = quantity("A", low=0.0)
    scale: tuple[Number, ...] = quantity("A", positive=True)
    drift_1: tuple[Number, ...] = quantity("A", default=(0.0,))
    drift_2: tuple[Number, ...] = quantity("A", default=(0.0,))
    drift_3: tuple[Number, ...] = quantity("A", default=(0.0,))
    drift_4: tuple[Number, ...] = quantity("A", default=(0.0,))
    drift_5: tuple[Number, ...] = quantity("A", default=(0.0,))
    noise_amplitude: Number = quantity("A", low=0.0, default=0.0)
    noise_scale: Number = quantity("A", positive=True, default=1e-6)

    def __check_init__(self) -> None:
        check_ranges(self)
        if len(self.amplitude) != 6 or len(self.scale) != 6:
            raise ParameterError(
                f"SONOSArray.amplitude has {len(self.amplitude)} and scale {len(self.scale)} entries; "
                "give one for each of the days 0 to 5."
            )

    def rest(self) -> ArrayState:
        """The erased cell, off, as if it had been programmed so without error."""
        return at_rest(self, self.window()[0])

    def window(self) -> tuple[Number, Number]:
        """Smallest and largest conductance at v_read, the range of targets [S]."""
        high = self.i_max / self.v_read
        return high / self.on_off, high

    def mean(self, target: Number, age: Number) -> Number:
        """Mean current [A] at v_read of cells programmed to `target` [S], `age` [s] after programming."""
        i = target * self.v_read
        drifts = (self.drift_1, self.drift_2, self.drift_3, self.drift_4, self.drift_5)
        by_day = (jnp.zeros_like(i), *(polynomial(2.0 * i / self.i_max - 1.0, p) for p in drifts))
        return i + _on_day(age, by_day)

    def spread(self, target: Number, age: Number) -> Number:
        """Standard deviation [A] of the current of cells programmed to `target` [S], `age` [s] after programming."""
        mean = jnp.maximum(self.mean(target, age), 0.0)
        return _on_day(age, self.amplitude) * -jnp.expm1(-mean / _on_day(age, self.scale))

    def conductance(self, state: ArrayState, *, temperature: float = ROOM) -> Number:
        """Conductance at v_read [S], not below 0, without read noise."""
        moved = deviation(state, self.spread(state.target, 0.0), self.spread(state.target, state.age))
        return jnp.maximum(self.mean(state.target, state.age) + moved, 0.0) / self.v_read

    def relax(self, state: ArrayState, duration: Number, *, temperature: float = ROOM) -> ArrayState:
        """State after `duration` [s]; temperature was not measured and does not matter here."""
        return later(state, duration)

    def read(self, state: ArrayState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with read noise; not below 0 at v_read."""
        i = self.conductance(state) * self.v_read
        sigma = self.noise_amplitude * -jnp.expm1(-i / self.noise_scale)
        noisy = i + sigma * random.normal(key, jnp.shape(i), jnp.result_type(i))
        return jnp.maximum(noisy, 0.0) / self.v_read * v

    def program(self, target: Number, *, key: jax.Array) -> ArrayState:
        """State right after programming to `target` [S], which is clipped to the window."""
        return programmed(self, target, key=key)


def _on_day(age: Number, by_day: tuple[Number, ...]) -> Number:
    """Linear interpolation in time between values on days 0, 1, ...; the last one stays."""
    value = by_day[0]
    for day, (a, b) in enumerate(itertools.pairwise(by_day)):
        value = value + (b - a) * jnp.clip(age / DAY - day, 0.0, 1.0)
    return value
