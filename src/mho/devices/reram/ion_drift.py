"""Linear ion drift: a boundary between doped and undoped oxide that charge pushes along."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import ROOM, Number
from mho.devices.reram.cell import AbstractBareCell, AbstractIntegratedCell, CellState, kept, within
from mho.devices.reram.windows import biolek, joglekar, prodromakis


class AbstractIonDrift(AbstractBareCell):
    r"""Two ohmic regions in series whose boundary drifts in the field of the doped one.

    .. math:: v = [R_{on}x + R_{off}(1-x)]\,i, \qquad \dot x = \frac{\mu R_{on}}{D^2}\,i\,f(x, i)

    for voltages outside :math:`(-v_{down}, v_{up})`; f is the window that a model of this family brings.

    Source: Strukov, Snider, Stewart & Williams, Nature 453, 80 (2008).
    """

    r_on: eqx.AbstractVar[Number]
    r_off: eqx.AbstractVar[Number]
    thickness: eqx.AbstractVar[Number]
    mobility: eqx.AbstractVar[Number]
    v_up: eqx.AbstractVar[Number]
    v_down: eqx.AbstractVar[Number]

    @abc.abstractmethod
    def slowing(self, x: Number, i: Number) -> Number:
        """The window f in [0, 1] or above, at state `x` and current `i`."""

    def __check_init__(self) -> None:
        check_ranges(self)
        if all(isinstance(r, np.ndarray) for r in (self.r_on, self.r_off)) and np.any(self.r_off <= self.r_on):
            raise ParameterError(
                f"{type(self).__name__}.r_off ({engineering(np.min(self.r_off), 'ohm')}) must exceed r_on "
                f"({engineering(np.max(self.r_on), 'ohm')}). Were they swapped?"
            )

    def resistance(self, x: Number) -> Number:
        """Resistance of both regions in series [ohm]."""
        return self.r_off + (self.r_on - self.r_off) * x

    def pushed(self, v: Number) -> Number:
        """Time derivative of x times the resistance [ohm/s]: zero below the thresholds."""
        moves = (v >= self.v_up) | (v <= -self.v_down)
        return jnp.where(moves, self.mobility * self.r_on / (self.thickness * self.thickness) * v, 0.0)

    def window(self) -> tuple[Number, Number]:
        """Conductance with the boundary at either end [S]."""
        return 1.0 / self.r_off, 1.0 / self.r_on

    def conductance(self, state: CellState, *, temperature: float = ROOM) -> Number:
        """Conductance [S], ohmic."""
        return 1.0 / self.resistance(state.x)

    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Current [A]."""
        return v / self.resistance(x)

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Drift of the boundary [1/s]."""
        drift = self.pushed(v) / self.resistance(x)
        return within(x, drift * self.slowing(x, drift))

    def relax(self, state: CellState, duration: Number, *, temperature: float = ROOM) -> CellState:
        """Unchanged: without drive nothing drifts."""
        return kept(state, duration)


class IonDrift(AbstractIonDrift):
    r"""Linear ion drift with hard ends and no window: f = 1 until x reaches 0 or 1.

    At constant voltage :math:`R^2 = R_0^2 - 2(R_{off}-R_{on})\,\mu R_{on}v\,t/D^2` exactly, which is the event face.

    Args:
        r_on: Resistance when all is doped [ohm].
        r_off: Resistance when nothing is doped [ohm].
        thickness: Distance D between the electrodes [m].
        mobility: Mobility of the dopants, mu [m^2/(V*s)].
        v_up: Voltage from which x rises [V].
        v_down: Size of the negative voltage from which x falls [V].
        x_0: State at the start [1].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or r_off <= r_on.

    Source: Strukov et al. 2008.
    Limits: no temperature, no retention loss; drift stays linear in the field, which real oxides at 1 V/nm do not.
    """

    r_on: Number = quantity("ohm", positive=True)
    r_off: Number = quantity("ohm", positive=True)
    thickness: Number = quantity("m", positive=True)
    mobility: Number = quantity("m^2/(V*s)", positive=True)
    v_up: Number = quantity("V", low=0.0, default=0.0)
    v_down: Number = quantity("V", low=0.0, default=0.0)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def slowing(self, x: Number, i: Number) -> Number:
        """No window [1]."""
        return jnp.ones_like(x)

    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State at the end, in closed form."""
        _, before, behind = self._course(x, v, duration)
        # The difference of the squares is known exactly, so that a short pulse's small step keeps its precision.
        step = 2.0 * self.pushed(v) * duration / (before + behind)
        return jnp.clip(x + step, 0.0, 1.0)

    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Joule heat in closed form: while the boundary moves, and after it stopped."""
        moving, before, behind = self._course(x, v, duration)
        return v * v * (2.0 * moving / (before + behind) + (duration - moving) / behind)

    def _course(self, x: Number, v: Number, duration: Number) -> tuple[Number, Number, Number]:
        """Time during which the boundary moves [s], and the resistance before and behind [ohm]."""
        fall = 2.0 * (self.r_off - self.r_on) * self.pushed(v)
        before = self.resistance(x)
        end = jnp.where(fall > 0.0, self.r_on, self.r_off)
        room = before * before - end * end  # signed like fall
        needed = jnp.where(fall == 0.0, duration, room / jnp.where(fall == 0.0, 1.0, fall))
        moving = jnp.clip(needed, 0.0, duration)
        square = jnp.clip(before * before - fall * moving, self.r_on * self.r_on, self.r_off * self.r_off)
        return moving, before, jnp.sqrt(square)


class IonDriftJoglekar(AbstractIonDrift, AbstractIntegratedCell):
    """Linear ion drift with Joglekar's window 1 - (2x-1)^2p.

    Args:
        r_on: Resistance when all is doped [ohm].
        r_off: Resistance when nothing is doped [ohm].
        thickness: Distance D between the electrodes [m].
        mobility: Mobility of the dopants, mu [m^2/(V*s)].
        p: Exponent of the window; a large one is nearly a rectangle [1].
        v_up: Voltage from which x rises [V].
        v_down: Size of the negative voltage from which x falls [V].
        x_0: State at the start; not 0 or 1, from where this window lets nothing return [1].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or r_off <= r_on.

    Source: Strukov et al. 2008; Joglekar & Wolf 2009.
    Limits: a state that has reached an end stays there; no temperature, no retention loss. The event face is
    integrated: differentiable forward only.
    """

    r_on: Number = quantity("ohm", positive=True)
    r_off: Number = quantity("ohm", positive=True)
    thickness: Number = quantity("m", positive=True)
    mobility: Number = quantity("m^2/(V*s)", positive=True)
    p: Number = quantity("1", positive=True)
    v_up: Number = quantity("V", low=0.0, default=0.0)
    v_down: Number = quantity("V", low=0.0, default=0.0)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def slowing(self, x: Number, i: Number) -> Number:
        """Joglekar's window [1]."""
        return joglekar(x, self.p)


class IonDriftBiolek(AbstractIonDrift, AbstractIntegratedCell):
    """Linear ion drift with Biolek's window 1 - (x - step(-i))^2p.

    Args:
        r_on: Resistance when all is doped [ohm].
        r_off: Resistance when nothing is doped [ohm].
        thickness: Distance D between the electrodes [m].
        mobility: Mobility of the dopants, mu [m^2/(V*s)].
        p: Exponent of the window; a large one is nearly a rectangle [1].
        v_up: Voltage from which x rises [V].
        v_down: Size of the negative voltage from which x falls [V].
        x_0: State at the start [1].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or r_off <= r_on.

    Source: Strukov et al. 2008; Biolek et al. 2009.
    Limits: no temperature, no retention loss. The event face is integrated: differentiable forward only.
    """

    r_on: Number = quantity("ohm", positive=True)
    r_off: Number = quantity("ohm", positive=True)
    thickness: Number = quantity("m", positive=True)
    mobility: Number = quantity("m^2/(V*s)", positive=True)
    p: Number = quantity("1", positive=True)
    v_up: Number = quantity("V", low=0.0, default=0.0)
    v_down: Number = quantity("V", low=0.0, default=0.0)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def slowing(self, x: Number, i: Number) -> Number:
        """Biolek's window [1]."""
        return biolek(x, i, self.p)


class IonDriftProdromakis(AbstractIonDrift, AbstractIntegratedCell):
    """Linear ion drift with Prodromakis' window j (1 - [(x-1/2)^2 + 3/4]^p).

    Args:
        r_on: Resistance when all is doped [ohm].
        r_off: Resistance when nothing is doped [ohm].
        thickness: Distance D between the electrodes [m].
        mobility: Mobility of the dopants, mu [m^2/(V*s)].
        p: Exponent of the window [1].
        j: Height of the window [1].
        v_up: Voltage from which x rises [V].
        v_down: Size of the negative voltage from which x falls [V].
        x_0: State at the start; not 0 or 1, from where this window lets nothing return [1].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or r_off <= r_on.

    Source: Strukov et al. 2008; Prodromakis et al. 2011.
    Limits: a state that has reached an end stays there; no temperature, no retention loss. The event face is
    integrated: differentiable forward only.
    """

    r_on: Number = quantity("ohm", positive=True)
    r_off: Number = quantity("ohm", positive=True)
    thickness: Number = quantity("m", positive=True)
    mobility: Number = quantity("m^2/(V*s)", positive=True)
    p: Number = quantity("1", positive=True)
    j: Number = quantity("1", positive=True, default=1.0)
    v_up: Number = quantity("V", low=0.0, default=0.0)
    v_down: Number = quantity("V", low=0.0, default=0.0)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def slowing(self, x: Number, i: Number) -> Number:
        """Prodromakis' window [1]."""
        return prodromakis(x, self.p, self.j)
