"""Gate capacitances of a MOSFET after Meyer, as SPICE's levels 1 to 3 have them."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from mho.circuits.charges import AbstractCharge
from mho.circuits.level1 import overdrive
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM

_SATURATED = 0.025  # [V] least saturation voltage, which rounds the capacitances' jump at zero drain voltage
_FLOOR = 1e-6  # of the oxide's capacitance, which keeps the slope of a node defined that has no other


class MeyerCharge(AbstractCharge):
    r"""Gate-source, gate-drain and gate-bulk capacitances of a channel with the oxide capacitance :math:`c`.

    With the overdrive :math:`o`, and :math:`s = \max(o, 25\,\mathrm{mV})`, the source being the lower terminal:

    * :math:`o \le -\phi`: all of it to the bulk, :math:`c_{gb} = c`;
    * :math:`o \le 0`: :math:`c_{gb} = -c\,o/\phi`, and from :math:`-\phi/2` on
      :math:`a = c(\tfrac43 o/\phi + \tfrac23)` to the channel's ends;
    * above: :math:`a = \tfrac23 c` to its ends, none to the bulk;

    of which the source has :math:`a(1 - ((s - v_{ds})/(2s - v_{ds}))^2)` and the drain
    :math:`a(1 - (s/(2s - v_{ds}))^2)` while :math:`v_{ds} < s`, and the source all of it beyond.

    Args:
        drain: Node.
        source: Node.
        gate: Node.
        bulk: Node.
        polarity: +1 for n-channel, -1 for p-channel.
        c: Capacitance of the gate's oxide over the channel [F].
        vto: Threshold voltage without body bias [V].
        gamma: Body-effect coefficient [V^0.5].
        phi: Surface potential [V].

    Source: Meyer, RCA Review 32, 42 (1971); regions and rounding of Berkeley SPICE 3 and ngspice 39.
    Limits: these capacitances are no derivative of a charge: around a cycle of voltages they need not return what they
    took. A simulator that multiplies them by differences of voltages differs from this in the order of a percent of a
    gate's delay on coarse steps.
    """

    drain: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    gate: str = eqx.field(static=True)
    bulk: str = eqx.field(static=True)
    polarity: int = eqx.field(static=True)
    c: Any = quantity("F", positive=True)
    vto: Any = quantity("V", default=0.0)
    gamma: Any = quantity("V^0.5", low=0.0, default=0.0)
    phi: Any = quantity("V", positive=True, default=0.6)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.drain, self.source, self.gate, self.bulk)

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """Gate to source, to drain and to bulk."""
        return ((self.gate, self.source), (self.gate, self.drain), (self.gate, self.bulk))

    def capacitance(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[tuple[Any, ...], ...]:
        """Current per slope of each node [F]."""
        d, s, g, b = (self.polarity * v for v in voltages)
        over, vds, _ = overdrive(d, s, g, b, self.polarity * self.vto, self.gamma, self.phi)
        x = jnp.clip(over / self.phi, -1.0, 0.0)
        bulk = -x * self.c
        ends = self.c * jnp.maximum(2.0 + 4.0 * x, 0.0) / 3.0
        edge = jnp.maximum(over, _SATURATED)
        span = 2.0 * edge - jnp.minimum(vds, edge)
        low_part, high_part = (span - edge) / span, edge / span
        low, high = ends * (1.0 - low_part * low_part), ends * (1.0 - high_part * high_part)
        source, drain = jnp.where(d >= s, low, high), jnp.where(d >= s, high, low)
        least = _FLOOR * self.c
        source, drain, bulk = source + least, drain + least, bulk + least
        return (
            (0.0, -source, source, 0.0),
            (-drain, 0.0, drain, 0.0),
            (0.0, 0.0, bulk, -bulk),
        )
