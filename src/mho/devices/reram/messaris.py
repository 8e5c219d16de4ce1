"""Data-driven TiO2 memristors (Messaris): the resistance runs towards a bound that the voltage sets."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import ROOM, Number
from mho.devices.reram.cell import CLAMP, AbstractBareCell, CellState, delivered, kept, within

_STEEP = 80.0  # largest argument of an exponential that stands by itself in single precision


class AbstractMessaris(AbstractBareCell):
    r"""A resistance R that moves one way under each sign of voltage, up to a bound linear in the voltage.

    .. math::
        i = \frac{a_\pm}{R}\sinh(b_\pm v), \qquad \dot R = s_\pm(v)\,h(\rho), \qquad
        \rho = \max\{\operatorname{sign}(s)\,[r_\pm(v)-R],\,0\}, \qquad r_\pm = c_\pm + d_\pm v

    with the amplitude s of one sign for each sign of v, and R confined to [r_low, r_high]. The state is
    :math:`x = (r_{high}-R)/(r_{high}-r_{low})`. At constant voltage R is known in closed form, which is the event face.

    Source: Messaris, Serb, Stathopoulos, Khiat, Nikolaidis & Prodromakis, IEEE Trans. Comput.-Aided Des. 37, 3151
    (2018); arXiv:2012.02267.
    """

    a_up: eqx.AbstractVar[Number]
    a_down: eqx.AbstractVar[Number]
    b_up: eqx.AbstractVar[Number]
    b_down: eqx.AbstractVar[Number]
    c_up: eqx.AbstractVar[Number]
    c_down: eqx.AbstractVar[Number]
    d_up: eqx.AbstractVar[Number]
    d_down: eqx.AbstractVar[Number]
    r_low: eqx.AbstractVar[Number]
    r_high: eqx.AbstractVar[Number]
    v_read: eqx.AbstractVar[Number]

    @abc.abstractmethod
    def amplitude(self, v: Number) -> Number:
        """Amplitude s of the motion, signed like the change of R."""

    @abc.abstractmethod
    def pace(self, s: Number, room: Number) -> Number:
        """Size of dR/dt [ohm/s] with amplitude `s` and `room` [ohm] before the bound."""

    @abc.abstractmethod
    def gone(self, s: Number, room: Number, duration: Number) -> Number:
        """Size of the change of R [ohm] in `duration` [s], at most `room` [ohm]."""

    def __check_init__(self) -> None:
        check_ranges(self)
        if all(isinstance(r, np.ndarray) for r in (self.r_low, self.r_high)) and np.any(self.r_high <= self.r_low):
            raise ParameterError(
                f"{type(self).__name__}.r_high ({engineering(np.min(self.r_high), 'ohm')}) must exceed r_low "
                f"({engineering(np.max(self.r_low), 'ohm')}). Were they swapped?"
            )

    def resistance(self, x: Number) -> Number:
        """R in state `x` [ohm]."""
        return self.r_high - (self.r_high - self.r_low) * x

    def room(self, x: Number, v: Number, s: Number) -> Number:
        """What R may still change before its bound at this voltage [ohm]."""
        bound = jnp.where(v > 0.0, self.c_up + self.d_up * v, self.c_down + self.d_down * v)
        return jnp.maximum(jnp.sign(s) * (bound - self.resistance(x)), 0.0)

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_read with R at either end [S]."""
        return tuple(self.through(x, self.v_read) / self.v_read for x in (0.0, 1.0))  # type: ignore[return-value]

    def conductance(self, state: CellState, *, temperature: float = ROOM) -> Number:
        """Conductance at v_read [S]."""
        return self.through(state.x, self.v_read) / self.v_read

    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Current [A]."""
        a, b = jnp.where(v > 0.0, self.a_up, self.a_down), jnp.where(v > 0.0, self.b_up, self.b_down)
        return a * jnp.sinh(jnp.clip(b * v, -CLAMP, CLAMP)) / self.resistance(x)

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Motion of x [1/s]."""
        s = self.amplitude(v)
        change = jnp.sign(s) * self.pace(s, self.room(x, v, s))
        return within(x, -change / (self.r_high - self.r_low))

    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State at the end, in closed form."""
        s = self.amplitude(v)
        change = jnp.sign(s) * self.gone(s, self.room(x, v, s), duration)
        return jnp.clip(x - change / (self.r_high - self.r_low), 0.0, 1.0)

    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Joule heat, integrated."""
        return delivered(self, x, v, duration, temperature)

    def relax(self, state: CellState, duration: Number, *, temperature: float = ROOM) -> CellState:
        """Unchanged: without voltage R stays."""
        return kept(state, duration)


class Messaris2018(AbstractMessaris):
    r"""The form of 2018, exponential before the bound: :math:`h = e^{k_\pm\rho}-1`, :math:`s = A_\pm(e^{t_\pm|v|}-1)`.

    .. math:: \rho(t) = \rho_0 - \tfrac1k\ln\big[1 + (e^{k\rho_0}-1)(1-e^{-k|s|t})\big]

    Args:
        rate_up: A at positive voltage, signed like the change of R [ohm/s].
        rate_down: A at negative voltage, signed like the change of R [ohm/s].
        t_up: Exponent of the amplitude at positive voltage [1/V].
        t_down: Exponent of the amplitude at negative voltage [1/V].
        k_up: Steepness before the bound at positive voltage [1/ohm].
        k_down: Steepness before the bound at negative voltage [1/ohm].
        c_up: Bound of R at positive voltage, part without voltage [ohm].
        c_down: Bound of R at negative voltage, part without voltage [ohm].
        d_up: Change of that bound with positive voltage [ohm/V].
        d_down: Change of that bound with negative voltage [ohm/V].
        a_up: Amplitude of the current at positive voltage [V].
        a_down: Amplitude of the current at negative voltage [V].
        b_up: Curvature of the current at positive voltage [1/V].
        b_down: Curvature of the current at negative voltage [1/V].
        r_low: Smallest R [ohm].
        r_high: Largest R [ohm].
        x_0: State at the start [1].
        v_read: Voltage at which `conductance` reads [V].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or r_high <= r_low.

    Source: Messaris et al. 2018.
    Limits: no temperature, no retention loss; the energy is integrated: differentiable forward only.
    """

    rate_up: Number = quantity("ohm/s")
    rate_down: Number = quantity("ohm/s")
    t_up: Number = quantity("1/V", positive=True)
    t_down: Number = quantity("1/V", positive=True)
    k_up: Number = quantity("1/ohm", positive=True)
    k_down: Number = quantity("1/ohm", positive=True)
    c_up: Number = quantity("ohm")
    c_down: Number = quantity("ohm")
    d_up: Number = quantity("ohm/V")
    d_down: Number = quantity("ohm/V")
    a_up: Number = quantity("V", positive=True)
    a_down: Number = quantity("V", positive=True)
    b_up: Number = quantity("1/V", positive=True)
    b_down: Number = quantity("1/V", positive=True)
    r_low: Number = quantity("ohm", positive=True)
    r_high: Number = quantity("ohm", positive=True)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def amplitude(self, v: Number) -> Number:
        """Amplitude s, in steepness k [1/ohm] times change of R [ohm/s]: a rate [1/s]."""
        up = self.k_up * self.rate_up * jnp.expm1(jnp.clip(self.t_up * v, 0.0, CLAMP))
        down = self.k_down * self.rate_down * jnp.expm1(jnp.clip(-self.t_down * v, 0.0, CLAMP))
        return jnp.where(v > 0.0, up, down)

    def pace(self, s: Number, room: Number) -> Number:
        """Size of dR/dt [ohm/s]; which steepness holds, the sign of s against that of A says."""
        k = self._steepness(s)
        return jnp.abs(s) / k * jnp.expm1(jnp.minimum(k * room, _STEEP))

    def gone(self, s: Number, room: Number, duration: Number) -> Number:
        """Size of the change of R [ohm]."""
        k = self._steepness(s)
        share = -jnp.expm1(-jnp.abs(s) * duration)
        return jnp.log1p(jnp.expm1(jnp.minimum(k * room, _STEEP)) * share) / k

    def _steepness(self, s: Number) -> Number:
        return jnp.where(s * jnp.sign(self.rate_up) > 0.0, self.k_up, self.k_down)


class Messaris2020(AbstractMessaris):
    r"""The form of 2020, quadratic before the bound: :math:`h = \rho^2`, :math:`s = A_\pm(e^{|v|/t_\pm}-1)`.

    .. math:: \rho(t) = \rho_0/(1 + |s|\rho_0 t)

    Args:
        rate_up: A at positive voltage [1/(ohm*s)].
        rate_down: A at negative voltage [1/(ohm*s)].
        t_up: Voltage scale of the amplitude at positive voltage; below 0 the amplitude saturates at -A [V].
        t_down: Voltage scale of the amplitude at negative voltage [V].
        c_up: Bound of R at positive voltage, part without voltage [ohm].
        c_down: Bound of R at negative voltage, part without voltage [ohm].
        d_up: Change of that bound with positive voltage [ohm/V].
        d_down: Change of that bound with negative voltage [ohm/V].
        a_up: Amplitude of the current at positive voltage [V].
        a_down: Amplitude of the current at negative voltage [V].
        b_up: Curvature of the current at positive voltage [1/V].
        b_down: Curvature of the current at negative voltage [1/V].
        r_low: Smallest R [ohm].
        r_high: Largest R [ohm].
        x_0: State at the start [1].
        v_read: Voltage at which `conductance` reads [V].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, r_high <= r_low, or a voltage scale is 0.

    Source: arXiv:2012.02267.
    Limits: no temperature, no retention loss; the energy is integrated: differentiable forward only.
    """

    rate_up: Number = quantity("1/(ohm*s)")
    rate_down: Number = quantity("1/(ohm*s)")
    t_up: Number = quantity("V")
    t_down: Number = quantity("V")
    c_up: Number = quantity("ohm")
    c_down: Number = quantity("ohm")
    d_up: Number = quantity("ohm/V")
    d_down: Number = quantity("ohm/V")
    a_up: Number = quantity("V", positive=True)
    a_down: Number = quantity("V", positive=True)
    b_up: Number = quantity("1/V", positive=True)
    b_down: Number = quantity("1/V", positive=True)
    r_low: Number = quantity("ohm", positive=True)
    r_high: Number = quantity("ohm", positive=True)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def amplitude(self, v: Number) -> Number:
        """Amplitude s [1/(ohm*s)]."""
        up = self.rate_up * jnp.expm1(jnp.clip(jnp.maximum(v, 0.0) / self.t_up, -CLAMP, CLAMP))
        down = self.rate_down * jnp.expm1(jnp.clip(jnp.maximum(-v, 0.0) / self.t_down, -CLAMP, CLAMP))
        return jnp.where(v > 0.0, up, down)

    def pace(self, s: Number, room: Number) -> Number:
        """Size of dR/dt [ohm/s]."""
        return jnp.abs(s) * room * room

    def gone(self, s: Number, room: Number, duration: Number) -> Number:
        """Size of the change of R [ohm]."""
        share = jnp.abs(s) * room * duration
        return room * share / (1.0 + share)
