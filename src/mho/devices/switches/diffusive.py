"""A diffusive (silver) threshold switch: a bridge that a voltage builds and that dissolves by itself."""

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
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part, Pulse, nothing
from mho.devices.kinetics import arrhenius
from mho.devices.switches.thresholds import across, switched

_CLAMP = 40.0  # largest v / v_0; keeps a Newton iterate finite in float32


class DiffusiveState(eqx.Module):
    """What moves in a diffusive switch.

    Args:
        x: Share of the gap that is bridged, in [0, 1] [1].
        pulses: Pulses seen (event face only) [1].
    """

    x: Number = quantity("1")
    pulses: Number = quantity("1")


class DiffusiveSwitch(AbstractContinuousDevice):
    r"""A volatile bridge of metal particles: it grows on itself under voltage, and dissolves with one time constant.

    .. math::
        \tau\dot x &= k\,(x+\epsilon)(1-x) - x, \qquad
            k = \frac{\cosh(v/v_0)-1}{\cosh(v_{th}/v_0)-1}\,e^{\lambda x} \\
        G &= g_{off}\,(g_{on}/g_{off})^{x}, \qquad \tau(T) = \tau\,e^{\frac{E}{k_B}(\frac1T-\frac1{T_0})}

    The field over what is left of the gap makes growth favour itself, by :math:`\lambda`: as much as lets the bridge
    last down to v_hold, where :math:`\lambda e^{1-\lambda} = [\cosh(v_h/v_0)-1]/[\cosh(v_{th}/v_0)-1]`.
    Above v_threshold growth outruns release. The delay until the bridge closes is of order
    :math:`\tau\ln(1/\epsilon)/k`: it falls e-fold per v_0 and with temperature, and pulses that come within
    :math:`\tau` of one another add up (paired-pulse facilitation). Both polarities act alike. The threshold of each
    pulse is drawn, and with it its delay.

    Args:
        g_off: Conductance without bridge [S].
        g_on: Conductance with the bridge closed [S].
        v_threshold: Voltage above which the bridge grows from nothing [V].
        v_hold: Voltage below which a closed bridge dissolves [V].
        v_0: Voltage of an e-fold faster growth [V].
        tau: Release time constant at 300.15 K [s].
        seed: Share from which growth starts, epsilon [1].
        energy_release: Activation energy of growth and release [J].
        sigma_cycle: Relative spread of both voltages from pulse to pulse [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, g_on <= g_off, or v_hold >= v_threshold.

    Source: behavioural form; conductance exponential in the gap and release without drive as in Wang et al.,
    Nature Materials 16, 101 (2017), doi 10.1038/nmat4756.
    Limits: no particle positions, no temperature rise by its own current, no depression by overstimulation; noise
    enters once a pulse, not along it. The event face is integrated: differentiable forward only.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("x", "pulses")

    g_off: Number = quantity("S", positive=True)
    g_on: Number = quantity("S", positive=True)
    v_threshold: Number = quantity("V", positive=True)
    v_hold: Number = quantity("V", positive=True)
    v_0: Number = quantity("V", positive=True)
    tau: Number = quantity("s", positive=True)
    seed: Number = quantity("1", positive=True, high=0.1, default=1e-3)
    energy_release: Number = quantity("J", low=0.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        for low, high, unit in (("g_off", "g_on", "S"), ("v_hold", "v_threshold", "V")):
            a, b = getattr(self, low), getattr(self, high)
            if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.any(b <= a):
                raise ParameterError(
                    f"DiffusiveSwitch.{high} ({engineering(np.min(b), unit)}) must exceed {low} "
                    f"({engineering(np.max(a), unit)}). Were they swapped?"
                )

    def feedback(self) -> Number:
        """Lambda, by which a growing bridge favours its growth [1]."""
        fall = 2.0 * (_log_sinh(0.5 * self.v_threshold / self.v_0) - _log_sinh(0.5 * self.v_hold / self.v_0))
        size = 1.0 + fall + jnp.sqrt(2.0 * fall)  # above the solution of size - ln(size) = 1 + fall
        for _ in range(4):  # Newton's steps; what is left is below 1e-12
            size = size - (size - jnp.log(size) - 1.0 - fall) * size / (size - 1.0)
        return size

    def growth(self, x: Number, v: Number) -> Number:
        """Growth over release, k, at a bridge of share `x` and voltage `v` [1]."""
        half = 0.5 * jnp.clip(v / self.v_0, -_CLAMP, _CLAMP)
        ratio = jnp.sinh(half) * jnp.exp(-_log_sinh(0.5 * self.v_threshold / self.v_0))
        return ratio * ratio * jnp.exp(self.feedback() * jnp.clip(x, 0.0, 1.0))

    def release_time(self, temperature: Number = ROOM) -> Number:
        """Time constant of release [s]."""
        return self.tau * arrhenius(self.energy_release, temperature)

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> DiffusiveState:
        """No bridge; leaves have the batch shape of the device."""
        zero = nothing(self)
        return DiffusiveState(zero, zero)

    def window(self) -> tuple[Number, Number]:
        """g_off and g_on [S]."""
        return self.g_off, self.g_on

    def conductance(self, state: DiffusiveState, *, temperature: float = ROOM) -> Number:
        """Conductance [S]; each share of the gap that is bridged multiplies it."""
        return self.g_off * jnp.exp(jnp.clip(state.x, 0.0, 1.0) * jnp.log(self.g_on / self.g_off))

    def read(self, state: DiffusiveState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with relative read noise."""
        g = self.conductance(state)
        return g * (1.0 + self.sigma_read * random.normal(key, jnp.shape(g), jnp.result_type(g))) * v

    # ---- continuous face -------------------------------------------------------------------------------------------
    def parts(self) -> tuple[Part, ...]:
        """None."""
        return ()

    def rate(self, state: DiffusiveState, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> DiffusiveState:
        """Growth less release of the bridge [1/s]."""
        x = state.x
        k = self.growth(x, voltages[0] - voltages[1])
        d_x = (k * (x + self.seed) * (1.0 - x) - x) / self.release_time(temperature)
        return DiffusiveState(d_x, jnp.zeros_like(d_x))

    def current(
        self, state: DiffusiveState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into each end [A]."""
        i = self.conductance(state) * (voltages[0] - voltages[1])
        return i, -i

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(
        self, state: DiffusiveState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM
    ) -> DiffusiveState:
        """State after one pulse, integrated, with thresholds drawn for it."""
        after = switched(self, state, pulse, key=key, temperature=temperature)
        return DiffusiveState(after.x, after.pulses + 1.0)

    def energy(self, state: DiffusiveState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Joule heat [J]."""
        return across(self, state, pulse, temperature)[1]

    def relax(self, state: DiffusiveState, duration: Number, *, temperature: float = ROOM) -> DiffusiveState:
        """State after `duration` [s] without voltage: the bridge dissolves exponentially."""
        x = state.x * jnp.exp(-duration / self.release_time(temperature))
        return DiffusiveState(x, state.pulses + jnp.zeros_like(x))


def _log_sinh(y: Number) -> Number:
    """Logarithm of sinh(y) for y > 0, without overflow."""
    return y + jnp.log(-0.5 * jnp.expm1(-2.0 * y))
