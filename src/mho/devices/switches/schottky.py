"""Schottky junctions: the current over a barrier, and a selector made of one or of two back to back."""

import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE, relative_decay
from mho.devices.switches.memoryless import AbstractSelector

_CLAMP = 40.0  # largest argument of exp; beyond it the series resistance carries the voltage


def junction(
    v: Number, i_s: Number, *, forward: Number, reverse: Number, r_series: Number, temperature: Number
) -> Number:
    r"""Current over voltage of a Schottky junction with a series resistance [S]; finite at no voltage.

    .. math:: i_j = i_s\,(e^{v/n_fU_T} - e^{-v/n_rU_T}), \qquad g = \frac{1}{R_s + v/i_j}

    Args:
        v: Voltage across junction and series resistance [V].
        i_s: Saturation current at `temperature` [A].
        forward: Ideality n_f [1].
        reverse: n_r; large where the barrier hardly bends under reverse bias, near n_f for two junctions in
            opposition [1].
        r_series: R_s [ohm]; the junction's resistance is taken at the full voltage, so that the current is explicit.
        temperature: [K].
    """
    thermal = BOLTZMANN * temperature / ELEMENTARY_CHARGE
    a, b = 1.0 / (forward * thermal), 1.0 / (reverse * thermal)
    chord = i_s * (a * _growth(a * v) + b * _growth(-b * v))
    return chord / (1.0 + r_series * chord)


def saturation(i_s: Number, barrier: Number, temperature: Number) -> Number:
    """Thermionic saturation current [A] over `barrier` [J] at `temperature`, from its value at 300.15 K."""
    ratio = temperature / ROOM
    return i_s * ratio * ratio * jnp.exp(barrier / BOLTZMANN * (1.0 / ROOM - 1.0 / temperature))


def _growth(y: Number) -> Number:
    """(exp(y) - 1) / y, smooth through y = 0."""
    y = jnp.clip(y, -_CLAMP, _CLAMP)
    return jnp.exp(jnp.maximum(y, 0.0)) * relative_decay(jnp.abs(y))


class SchottkySelector(AbstractSelector):
    r"""A selector of one Schottky junction, or of two in opposition, in series with its electrodes.

    .. math::
        i_j = i_s(T)\,(e^{v/n_fU_T} - e^{-v/n_rU_T}), \qquad i = \frac{v}{R_s + v/i_j}, \qquad
        i_s(T) = i_s\Big(\frac{T}{T_0}\Big)^2 e^{\frac{\phi}{k_B}(\frac1{T_0}-\frac1T)}

    Args:
        i_s: Saturation current at 300.15 K [A].
        forward: Ideality under forward bias, n_f [1].
        reverse: The same under reverse bias, n_r: large for one junction, near n_f for two in opposition [1].
        r_series: Resistance of the electrodes, R_s [ohm].
        barrier: Height of the barrier, phi [J].
        v_read: Voltage at which `conductance` is taken [V].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range.

    Source: thermionic emission, Sze and Ng, Physics of Semiconductor Devices, chapter 3 (textbook).
    Limits: the exponent n_r stands for every lowering of the barrier; the junction sees the full voltage (see
    `junction`); no switching time, no wear.
    """

    i_s: Number = quantity("A", positive=True)
    forward: Number = quantity("1", low=1.0)
    reverse: Number = quantity("1", low=1.0)
    r_series: Number = quantity("ohm", positive=True, default=1e3)
    barrier: Number = quantity("J", low=0.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=1.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def chord(self, v: Number, *, temperature: Number = ROOM) -> Number:
        """Current over voltage [S] at voltage `v` [V]: that of the junction and its electrodes."""
        return junction(
            v,
            saturation(self.i_s, self.barrier, temperature),
            forward=self.forward,
            reverse=self.reverse,
            r_series=self.r_series,
            temperature=temperature,
        )
