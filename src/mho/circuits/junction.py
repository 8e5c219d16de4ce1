"""The p-n junction: its current with breakdown, and its depletion and diffusion charge."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.circuits.charges import AbstractCharge
from mho.circuits.elements import BOLTZMANN_OVER_CHARGE, AbstractConductor, NoiseCurrent, junction_noise
from mho.core.errors import NetlistError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM

_STEEPEST = 80.0  # exponent above which the exponential goes on as its tangent


def _exponential(x: Any) -> Any:
    """e^x, continued by its tangent."""
    return jnp.exp(jnp.minimum(x, _STEEPEST)) * (1.0 + jnp.maximum(x - _STEEPEST, 0.0))


class Junction(AbstractConductor):
    r"""Junction diode of SPICE: forward exponential, reverse leakage, breakdown.

    With :math:`u = n\,u_t`, for :math:`v \ge -3u`, :math:`i = i_s(e^{v/u} - 1)`; below,
    :math:`i = -i_s(1 + (3u/(e\,v))^3)`; from breakdown on, :math:`v < -v_b`, :math:`i = -i_s e^{-(v_b + v)/u_b}`.
    A conductance `g_min` lies beside it all.

    Args:
        anode: Node.
        cathode: Node.
        i_s: Saturation current at the circuit's temperature [A].
        n: Ideality factor [1].
        breakdown: Reverse voltage at which breakdown carries i_s, at the circuit's temperature; infinite for none [V].
        n_breakdown: Ideality factor of breakdown [1].
        g_min: Conductance beside the junction, SPICE's gmin [S].
        kf: Flicker noise coefficient, of the unit that af makes of it [A^(2 - af)].
        af: Flicker noise exponent [1].

    Source: the diode of Berkeley SPICE 3 and ngspice 39 (manual, chapter on diodes).
    Limits: no high injection, no recombination current, no tunnelling. Series resistance and charge are elements of
    their own (:class:`mho.circuits.JunctionCharge`).
    """

    anode: str = eqx.field(static=True)
    cathode: str = eqx.field(static=True)
    i_s: Any = quantity("A", positive=True, default=1e-14)
    n: Any = quantity("1", positive=True, default=1.0)
    breakdown: Any = quantity("V", positive=True, default=1e30)
    n_breakdown: Any = quantity("1", positive=True, default=1.0)
    g_min: Any = quantity("S", low=0.0, default=1e-12)
    kf: Any = quantity("SI", low=0.0, default=0.0)
    af: Any = quantity("1", positive=True, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.anode, self.cathode)

    def current(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Current from the first node to the second [A]."""
        thermal = BOLTZMANN_OVER_CHARGE * temperature
        v, u = voltages[0] - voltages[1], self.n * thermal
        forward = v >= -3.0 * u
        ahead = _exponential(jnp.where(forward, v, 0.0) / u) - 1.0
        ratio = 3.0 * u / (np.e * jnp.where(forward, -3.0 * u, v))
        behind = -(1.0 + ratio * ratio * ratio)
        broken = v < -self.breakdown
        beyond = -_exponential(-jnp.where(broken, self.breakdown + v, 0.0) / (self.n_breakdown * thermal))
        shape = jnp.where(forward, ahead, jnp.where(broken, beyond, behind))
        return self.i_s * shape + self.g_min * v

    def noise(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[NoiseCurrent, ...]:
        """Shot noise of both directions' currents, and flicker noise."""
        i = self.current(voltages, temperature=temperature) - self.g_min * (voltages[0] - voltages[1])
        return junction_noise(self, i)


class JunctionCharge(AbstractCharge):
    r"""Depletion and diffusion charge of a junction.

    Below :math:`v = f_c v_j`, :math:`c = \sum_k c_k (1 - v/v_j)^{-m_k}` over bottom and side wall; above, each goes on
    along its tangent. The diffusion charge :math:`\tau i(v)` adds :math:`\tau\,di/dv`.

    Args:
        anode: Node.
        cathode: Node.
        c: Depletion capacitance of the bottom without bias, at the circuit's temperature [F].
        vj: Built-in potential [V].
        m: Grading coefficient of the bottom, below 1 [1].
        fc: Share of `vj` from which the capacitance is linear, below 1 [1].
        c_side: Depletion capacitance of the side wall without bias [F].
        m_side: Grading coefficient of the side wall, below 1 [1].
        transit: Transit time [s].
        i_s: Saturation current of the diffusion charge [A].
        n: Its ideality factor [1].

    Source: the diode and MOSFET junctions of Berkeley SPICE 3 and ngspice 39.
    """

    anode: str = eqx.field(static=True)
    cathode: str = eqx.field(static=True)
    c: Any = quantity("F", low=0.0, default=0.0)
    vj: Any = quantity("V", positive=True, default=1.0)
    m: Any = quantity("1", low=0.0, default=0.5)
    fc: Any = quantity("1", low=0.0, default=0.5)
    c_side: Any = quantity("F", low=0.0, default=0.0)
    m_side: Any = quantity("1", low=0.0, default=0.5)
    transit: Any = quantity("s", low=0.0, default=0.0)
    i_s: Any = quantity("A", positive=True, default=1e-14)
    n: Any = quantity("1", positive=True, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        for name in ("m", "fc", "m_side"):
            value = getattr(self, name)
            if isinstance(value, np.ndarray) and np.any(value >= 1):
                raise NetlistError(
                    f"JunctionCharge.{name} between {self.anode!r} and {self.cathode!r} is {float(np.max(value)):.4g}; "
                    "it must be below 1."
                )

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.anode, self.cathode)

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """The junction."""
        return ((self.anode, self.cathode),)

    def capacitance(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[tuple[Any, ...], ...]:
        """Current per slope of each node [F]."""
        v, edge = voltages[0] - voltages[1], 1.0 - self.fc
        beyond = v >= self.fc * self.vj
        left = jnp.log(jnp.where(beyond, edge, 1.0 - v / self.vj))
        more = jnp.where(beyond, v / self.vj - self.fc, 0.0) / edge
        depletion = sum(
            c * jnp.exp(-m * left) * (1.0 + m * more) for c, m in ((self.c, self.m), (self.c_side, self.m_side))
        )
        u = self.n * BOLTZMANN_OVER_CHARGE * temperature
        x = v / u
        steep = jnp.exp(jnp.clip(x, -_STEEPEST, _STEEPEST))
        c = depletion + self.transit * self.i_s / u * steep
        return ((c, -c),)
