"""Stanford-PKU: a conductive filament whose gap to the electrode grows and shrinks, with its own heat."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import ROOM, Number, Part
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE
from mho.devices.reram.cell import CLAMP, AbstractIntegratedCell, CellState, kept, within

_NANOMETRE = 1e-9  # [m], the length in which the model counts the gap in the field enhancement


class StanfordPKU(AbstractIntegratedCell):
    r"""A tunnelling gap g between filament and electrode, moved by field and heat.

    .. math::
        i &= I_0\,e^{-g/g_0}\sinh(v/V_0), \qquad T = T_{amb} + R_{th}|v\,i| \\
        \dot g &= -\nu_0\,e^{-E_a/kT}\sinh\frac{\gamma\,a_0\,q\,v}{t_{ox}\,kT}, \qquad
        \gamma = \gamma_0 - \beta\,(g/1\,\mathrm{nm})^3, \quad
        \gamma = 0\ \text{where}\ \gamma|v|/t_{ox} < F_{min} \\
        \sigma_g &= \delta_g\sqrt{t}\,\big/\,\big(1+e^{(T_c-T)/T_s}\big)

    The state is :math:`x = (g_{max}-g)/(g_{max}-g_{min})`. :math:`\sigma_g` is the standard deviation that a pulse of
    width t adds to the gap, with T at the end of the pulse: the source's noise term, drawn anew at each of its time
    steps, summed over a pulse.

    Args:
        i_0: Amplitude of the current, I_0 [A].
        g_0: Tunnelling length, g_0 [m].
        v_0: Curvature of the current, V_0 [V].
        gap_min: Smallest gap [m].
        gap_max: Largest gap [m].
        velocity: Attempt velocity, nu_0 [m/s].
        energy_migration: Activation energy of migration, E_a [J].
        enhancement: Field enhancement at no gap, gamma_0 [1].
        beta: Fall of the enhancement with the cube of the gap in nm [1].
        hop: Distance between sites, a_0 [m].
        thickness: Oxide thickness, t_ox [m].
        field_min: Enhanced field below which nothing moves, F_min [V/m].
        r_thermal: Thermal resistance, R_th [K/W].
        sigma_gap: Standard deviation of the gap per root of the pulse's time, far above t_critical, delta_g [m/s^0.5].
        t_critical: Temperature at which half of sigma_gap is reached, T_c [K].
        t_smooth: Range of temperature over which it sets in, T_s [K].
        x_0: State at the start [1].
        v_read: Voltage at which `conductance` reads [V].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect, besides sigma_gap [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, or gap_max <= gap_min.

    Source: Jiang et al., SISPAD 2014 and IEEE Trans. Electron Devices 63, 1884 (2016).
    Limits: no retention loss (nothing moves below field_min); the heat follows at once; no compliance current. The
    event face is integrated: differentiable forward only.
    """

    internal: ClassVar[tuple[str, ...]] = ()

    i_0: Number = quantity("A", positive=True)
    g_0: Number = quantity("m", positive=True)
    v_0: Number = quantity("V", positive=True)
    gap_min: Number = quantity("m", positive=True)
    gap_max: Number = quantity("m", positive=True)
    velocity: Number = quantity("m/s", positive=True)
    energy_migration: Number = quantity("J", positive=True)
    enhancement: Number = quantity("1", positive=True)
    beta: Number = quantity("1", low=0.0)
    hop: Number = quantity("m", positive=True)
    thickness: Number = quantity("m", positive=True)
    field_min: Number = quantity("V/m", low=0.0)
    r_thermal: Number = quantity("K/W", low=0.0)
    sigma_gap: Number = quantity("m/s^0.5", low=0.0, default=0.0)
    t_critical: Number = quantity("K", positive=True, default=450.0)
    t_smooth: Number = quantity("K", positive=True, default=500.0)
    x_0: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        if all(isinstance(g, np.ndarray) for g in (self.gap_min, self.gap_max)) and np.any(
            self.gap_max <= self.gap_min
        ):
            raise ParameterError(
                f"StanfordPKU.gap_max ({engineering(np.min(self.gap_max), 'm')}) must exceed gap_min "
                f"({engineering(np.max(self.gap_min), 'm')}). Were they swapped?"
            )

    def gap(self, x: Number) -> Number:
        """Gap in state `x` [m]."""
        return self.gap_max - (self.gap_max - self.gap_min) * x

    def heated(self, x: Number, v: Number, temperature: Number) -> Number:
        """Temperature of the filament [K]."""
        return temperature + self.r_thermal * jnp.abs(v * self.through(x, v))

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_read with the largest and the smallest gap [S]."""
        return tuple(self.through(x, self.v_read) / self.v_read for x in (0.0, 1.0))  # type: ignore[return-value]

    def conductance(self, state: CellState, *, temperature: float = ROOM) -> Number:
        """Conductance at v_read [S]."""
        return self.through(state.x, self.v_read) / self.v_read

    def parts(self) -> tuple[Part, ...]:
        """None."""
        return ()

    def current(
        self, state: CellState, voltages: tuple[Number, ...], *, temperature: float = ROOM
    ) -> tuple[Number, ...]:
        """Current into plus and minus [A]."""
        i = self.through(state.x, voltages[0] - voltages[1])
        return i, -i

    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Tunnelling current [A]."""
        return self.i_0 * jnp.exp(-self.gap(x) / self.g_0) * jnp.sinh(jnp.clip(v / self.v_0, -CLAMP, CLAMP))

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Motion of the filament's tip, as a share of the largest way [1/s]."""
        thermal = self.heated(x, v, temperature) * (BOLTZMANN / ELEMENTARY_CHARGE)  # [V]
        gap = self.gap(x) / _NANOMETRE
        enhancement = self.enhancement - self.beta * gap * gap * gap
        moves = enhancement * jnp.abs(v) >= self.field_min * self.thickness
        pull = jnp.where(moves, enhancement * (self.hop / self.thickness) * v / thermal, 0.0)
        barrier = jnp.exp(-(self.energy_migration / ELEMENTARY_CHARGE) / thermal)
        closing = self.velocity * barrier * jnp.sinh(jnp.clip(pull, -CLAMP, CLAMP))
        return within(x, closing / (self.gap_max - self.gap_min))

    def stray(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """What the stochastic term of the gap adds to x [1]."""
        hot = jax.nn.sigmoid((self.heated(x, v, temperature) - self.t_critical) / self.t_smooth)
        root = jnp.where(duration > 0.0, jnp.sqrt(jnp.where(duration > 0.0, duration, 1.0)), 0.0)
        return self.sigma_gap * root * hot / (self.gap_max - self.gap_min)

    def relax(self, state: CellState, duration: Number, *, temperature: float = ROOM) -> CellState:
        """Unchanged: without field nothing moves."""
        return kept(state, duration)
