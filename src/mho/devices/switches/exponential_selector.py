"""An exponential selector: no memory, a current that rises exponentially with voltage in either direction."""

import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number
from mho.devices.kinetics import arrhenius, relative_decay
from mho.devices.switches.memoryless import AbstractSelector

_CLAMP = 40.0  # largest argument of sinh; beyond it the series resistance carries the voltage


class ExponentialSelector(AbstractSelector):
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

    i_0: Number = quantity("A", positive=True)
    v_0: Number = quantity("V", positive=True)
    r_series: Number = quantity("ohm", positive=True, default=1e3)
    activation: Number = quantity("J", low=0.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=1.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def chord(self, v: Number, *, temperature: Number = ROOM) -> Number:
        """Current over voltage [S] at voltage `v` [V], finite at no voltage."""
        y = jnp.clip(v / self.v_0, -_CLAMP, _CLAMP)
        # sinh(y)/y from (1 - exp(-2|y|))/(2|y|), which is smooth through y = 0.
        ratio = jnp.exp(jnp.abs(y)) * relative_decay(2.0 * jnp.abs(y))
        junction = self.i_0 / (self.v_0 * arrhenius(self.activation, temperature)) * ratio
        return junction / (1.0 + self.r_series * junction)
