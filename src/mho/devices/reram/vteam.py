"""VTEAM, the voltage-threshold adaptive memristor: power-law motion beyond two thresholds."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import ROOM, Number
from mho.devices.kinetics import relative_decay
from mho.devices.reram.cell import CLAMP, AbstractBareCell, AbstractIntegratedCell, CellState, kept, within

_TINY = 1e-30  # smallest base of a power; a normal float32


class AbstractVTEAM(AbstractBareCell):
    r"""A barrier of width w between w_on and w_off = w_on + d that moves only beyond two thresholds.

    .. math::
        \dot w = k_{off}\left(\frac{v}{v_{off}}-1\right)^{\alpha_{off}} f_{off}\ \text{for } v > v_{off}, \qquad
        \dot w = k_{on}\left(\frac{v}{v_{on}}-1\right)^{\alpha_{on}} f_{on}\ \text{for } v < v_{on}

    and 0 between. The state is :math:`x = (w_{off}-w)/d`: 1 on, 0 off.

    Source: Kvatinsky, Ramadan, Friedman & Kolodny, IEEE Trans. Circuits Syst. II 62, 786 (2015).
    """

    r_on: eqx.AbstractVar[Number]
    r_off: eqx.AbstractVar[Number]
    thickness: eqx.AbstractVar[Number]
    k_on: eqx.AbstractVar[Number]
    k_off: eqx.AbstractVar[Number]
    alpha_on: eqx.AbstractVar[Number]
    alpha_off: eqx.AbstractVar[Number]
    v_on: eqx.AbstractVar[Number]
    v_off: eqx.AbstractVar[Number]

    @abc.abstractmethod
    def at(self, x: Number) -> Number:
        """Conductance in state `x` [S]."""

    def __check_init__(self) -> None:
        check_ranges(self)
        for name in ("v_on", "k_on"):
            value = getattr(self, name)
            if isinstance(value, np.ndarray) and np.any(value >= 0.0):
                unit = "V" if name == "v_on" else "m/s"
                raise ParameterError(
                    f"{type(self).__name__}.{name} is {engineering(np.max(value), unit)}; it must lie below 0: in this "
                    "model the negative voltage switches on. Give it a minus sign."
                )
        if all(isinstance(r, np.ndarray) for r in (self.r_on, self.r_off)) and np.any(self.r_off <= self.r_on):
            raise ParameterError(
                f"{type(self).__name__}.r_off ({engineering(np.min(self.r_off), 'ohm')}) must exceed r_on "
                f"({engineering(np.max(self.r_on), 'ohm')}). Were they swapped?"
            )

    def drive(self, v: Number) -> Number:
        """Speed of x without window [1/s]: positive switches on."""
        opens = jnp.minimum(jnp.maximum(v / self.v_off - 1.0, _TINY), 1e4) ** self.alpha_off
        closes = jnp.minimum(jnp.maximum(v / self.v_on - 1.0, _TINY), 1e4) ** self.alpha_on
        w = jnp.where(v > self.v_off, self.k_off * opens, jnp.where(v < self.v_on, self.k_on * closes, 0.0))
        return -w / self.thickness

    def window(self) -> tuple[Number, Number]:
        """Conductance off and on [S]."""
        return 1.0 / self.r_off, 1.0 / self.r_on

    def conductance(self, state: CellState, *, temperature: float = ROOM) -> Number:
        """Conductance [S], ohmic in every state."""
        return self.at(state.x)

    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Current [A]."""
        return self.at(x) * v

    def relax(self, state: CellState, duration: Number, *, temperature: float = ROOM) -> CellState:
        """Unchanged: between the thresholds nothing moves."""
        return kept(state, duration)


class VTEAM(AbstractVTEAM):
    r"""VTEAM with a resistance linear in the state and hard ends: :math:`R = R_{on} + (R_{off}-R_{on})(1-x)`.

    At constant voltage x moves at constant speed until it stops, which is the event face.

    Args:
        r_on: Resistance on [ohm].
        r_off: Resistance off [ohm].
        thickness: Way d of the barrier from w_on to w_off [m].
        k_on: Speed of switching on, below 0 [m/s].
        k_off: Speed of switching off [m/s].
        alpha_on: Exponent of switching on [1].
        alpha_off: Exponent of switching off [1].
        v_on: Threshold of switching on, below 0 [V].
        v_off: Threshold of switching off [V].
        x_0: State at the start [1].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, r_off <= r_on, or the signs of v_on and k_on are not negative.

    Source: Kvatinsky et al. 2015.
    Limits: no temperature, no retention loss, ohmic in every state.
    """

    r_on: Number = quantity("ohm", positive=True)
    r_off: Number = quantity("ohm", positive=True)
    thickness: Number = quantity("m", positive=True)
    k_on: Number = quantity("m/s")
    k_off: Number = quantity("m/s", positive=True)
    alpha_on: Number = quantity("1", positive=True)
    alpha_off: Number = quantity("1", positive=True)
    v_on: Number = quantity("V")
    v_off: Number = quantity("V", positive=True)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def at(self, x: Number) -> Number:
        """Conductance in state `x` [S]."""
        return 1.0 / (self.r_on + (self.r_off - self.r_on) * (1.0 - x))

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Motion of x [1/s]."""
        return within(x, self.drive(v))

    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State at the end, in closed form."""
        return jnp.clip(x + self.drive(v) * duration, 0.0, 1.0)

    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Joule heat in closed form."""
        end = self.after(x, v, duration)
        moving = _moving(x, self.drive(v), duration)
        g_0, g_1 = self.at(x), self.at(end)
        # The mean of 1/R along a straight R is ln(R0/R1)/(R0-R1), written so that R0 = R1 is no special case.
        mean = jnp.minimum(g_0, g_1) / relative_decay(jnp.abs(jnp.log(g_0 / g_1)))
        return v * v * (mean * moving + g_1 * (duration - moving))


class VTEAMExponential(AbstractVTEAM):
    r"""VTEAM with a resistance exponential in the state and hard ends: :math:`R = R_{on}(R_{off}/R_{on})^{1-x}`.

    Args:
        r_on: Resistance on [ohm].
        r_off: Resistance off [ohm].
        thickness: Way d of the barrier from w_on to w_off [m].
        k_on: Speed of switching on, below 0 [m/s].
        k_off: Speed of switching off [m/s].
        alpha_on: Exponent of switching on [1].
        alpha_off: Exponent of switching off [1].
        v_on: Threshold of switching on, below 0 [V].
        v_off: Threshold of switching off [V].
        x_0: State at the start [1].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, r_off <= r_on, or the signs of v_on and k_on are not negative.

    Source: Kvatinsky et al. 2015, with lambda = ln(r_off/r_on).
    Limits: no temperature, no retention loss, ohmic in every state.
    """

    r_on: Number = quantity("ohm", positive=True)
    r_off: Number = quantity("ohm", positive=True)
    thickness: Number = quantity("m", positive=True)
    k_on: Number = quantity("m/s")
    k_off: Number = quantity("m/s", positive=True)
    alpha_on: Number = quantity("1", positive=True)
    alpha_off: Number = quantity("1", positive=True)
    v_on: Number = quantity("V")
    v_off: Number = quantity("V", positive=True)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def at(self, x: Number) -> Number:
        """Conductance in state `x` [S]."""
        return jnp.exp(-jnp.log(self.r_off / self.r_on) * (1.0 - x)) / self.r_on

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Motion of x [1/s]."""
        return within(x, self.drive(v))

    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State at the end, in closed form."""
        return jnp.clip(x + self.drive(v) * duration, 0.0, 1.0)

    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Joule heat in closed form."""
        end = self.after(x, v, duration)
        moving = _moving(x, self.drive(v), duration)
        g_0, g_1 = self.at(x), self.at(end)
        mean = jnp.maximum(g_0, g_1) * relative_decay(jnp.abs(jnp.log(g_0 / g_1)))
        return v * v * (mean * moving + g_1 * (duration - moving))


class VTEAMWindowed(AbstractVTEAM, AbstractIntegratedCell):
    r"""VTEAM with the soft windows of its forerunner TEAM, and a resistance linear in the state.

    .. math:: f_{off} = e^{-e^{(w-a_{off})/w_c}}, \qquad f_{on} = e^{-e^{-(w-a_{on})/w_c}}, \qquad w = d(1-x)

    Args:
        r_on: Resistance on [ohm].
        r_off: Resistance off [ohm].
        thickness: Way d of the barrier from w_on = 0 to w_off [m].
        k_on: Speed of switching on, below 0 [m/s].
        k_off: Speed of switching off [m/s].
        alpha_on: Exponent of switching on [1].
        alpha_off: Exponent of switching off [1].
        v_on: Threshold of switching on, below 0 [V].
        v_off: Threshold of switching off [V].
        a_on: Width of the barrier at which switching on is 1/e of its speed [m].
        a_off: Width of the barrier at which switching off is 1/e of its speed [m].
        w_c: Length over which the windows fall [m].
        x_0: State at the start [1].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, r_off <= r_on, or the signs of v_on and k_on are not negative.

    Source: Kvatinsky et al. 2015; windows: Kvatinsky, Friedman, Kolodny & Weiser, IEEE Trans. Circuits Syst. I 60, 211
    (2013).
    Limits: no temperature, no retention loss. The event face is integrated: differentiable forward only.
    """

    r_on: Number = quantity("ohm", positive=True)
    r_off: Number = quantity("ohm", positive=True)
    thickness: Number = quantity("m", positive=True)
    k_on: Number = quantity("m/s")
    k_off: Number = quantity("m/s", positive=True)
    alpha_on: Number = quantity("1", positive=True)
    alpha_off: Number = quantity("1", positive=True)
    v_on: Number = quantity("V")
    v_off: Number = quantity("V", positive=True)
    a_on: Number = quantity("m", low=0.0)
    a_off: Number = quantity("m", low=0.0)
    w_c: Number = quantity("m", positive=True)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def at(self, x: Number) -> Number:
        """Conductance in state `x` [S]."""
        return 1.0 / (self.r_on + (self.r_off - self.r_on) * (1.0 - x))

    def slowing(self, x: Number, direction: Number) -> Number:
        """The window for a motion of x signed like `direction` [1]."""
        w = self.thickness * (1.0 - x)
        steep = jnp.where(direction > 0.0, self.a_on - w, w - self.a_off) / self.w_c
        return jnp.exp(-jnp.exp(jnp.clip(steep, -CLAMP, 4.0)))

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Motion of x [1/s]."""
        drive = self.drive(v)
        return within(x, drive * self.slowing(x, drive))


def _moving(x: Number, speed: Number, duration: Number) -> Number:
    """Time [s] for which a state of constant speed moves before it stops at 0 or 1."""
    room = jnp.where(speed > 0.0, 1.0 - x, -x)
    needed = jnp.where(speed == 0.0, duration, room / jnp.where(speed == 0.0, 1.0, speed))
    return jnp.clip(needed, 0.0, duration)
