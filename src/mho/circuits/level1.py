"""The MOSFET of SPICE's level 1 (Shichman and Hodges), channel alone."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.circuits.elements import AbstractConductor, NoiseCurrent, power
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM
from mho.devices.kinetics import BOLTZMANN

_OXIDE = 3.9 * 8.854e-12 / 1e-7  # [F/m^2], the oxide of 100 nm that SPICE takes where a card has none


class LevelOne(AbstractConductor):
    r"""Square-law transistor with body effect, symmetric in drain and source.

    With the terminal of lower potential as source (mirrored for p-channel),
    :math:`v_t = v_{to} + \gamma(\sqrt{\phi - v_{bs}} - \sqrt\phi)` and :math:`v_{ov} = v_{gs} - v_t`:

    .. math::
        i = k_p \frac{w}{l} (1 + \lambda v_{ds})\, \left(v_{ov} - \tfrac12 v\right) v, \qquad
        v = \min(v_{ds}, \max(v_{ov}, 0))

    Args:
        drain: Node.
        source: Node.
        gate: Node.
        bulk: Node.
        polarity: +1 for n-channel, -1 for p-channel.
        w: Channel width [m].
        l: Effective channel length [m].
        vto: Threshold voltage without body bias, negative for a p-channel that is off at rest [V].
        kp: Transconductance parameter [A/V^2].
        gamma: Body-effect coefficient [V^0.5].
        phi: Surface potential [V].
        lambda_: Channel-length modulation [1/V].
        cgs, cgd, cgb: Overlap capacitances [F].
        cox: Gate oxide capacitance per area, in flicker noise alone [F/m^2].
        kf: Flicker noise coefficient, of the unit that af makes of it.
        af: Flicker noise exponent [1].
        a_vt: Pelgrom coefficient of the threshold: sigma = a_vt / sqrt(w l) [V m].
        a_beta: Pelgrom coefficient of the relative current factor [m].
        g_min: Conductance beside the channel, which keeps a node between two open channels defined [S].

    Source: Shichman, Hodges, IEEE J. Solid-State Circuits 3, 285 (1968); the body effect in forward bias goes on as
    in SPICE 3 (its square root falls linearly to zero).
    Limits: no gate-to-channel capacitance and no junctions; add them as elements (:class:`mho.circuits.MeyerCharge`,
    :class:`mho.circuits.Junction`).
    """

    drain: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    gate: str = eqx.field(static=True)
    bulk: str = eqx.field(static=True)
    polarity: int = eqx.field(static=True)
    w: Any = quantity("m", positive=True)
    l: Any = quantity("m", positive=True)
    vto: Any = quantity("V", default=0.0)
    kp: Any = quantity("A/V^2", positive=True, default=2e-5)
    gamma: Any = quantity("V^0.5", low=0.0, default=0.0)
    phi: Any = quantity("V", positive=True, default=0.6)
    lambda_: Any = quantity("1/V", low=0.0, default=0.0)
    cgs: Any = quantity("F", low=0.0, default=0.0)
    cgd: Any = quantity("F", low=0.0, default=0.0)
    cgb: Any = quantity("F", low=0.0, default=0.0)
    cox: Any = quantity("F/m^2", positive=True, default=_OXIDE)
    kf: Any = quantity("SI", low=0.0, default=0.0)
    af: Any = quantity("1", positive=True, default=1.0)
    a_vt: Any = quantity("V m", low=0.0, default=0.0)
    a_beta: Any = quantity("m", low=0.0, default=0.0)
    g_min: Any = quantity("S", low=0.0, default=1e-12)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.drain, self.source, self.gate, self.bulk)

    def capacitances(self) -> tuple[tuple[str, str, Any], ...]:
        """Linear capacitances of the element."""
        return (
            (self.gate, self.source, self.cgs),
            (self.gate, self.drain, self.cgd),
            (self.gate, self.bulk, self.cgb),
        )

    def current(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Current from the first node to the second [A]."""
        return self.current_and_slopes(voltages)[0]

    def current_and_slopes(self, voltages: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Current from the first node to the second [A], and its slope by the voltage of each node [S]."""
        d, s, g, b = (self.polarity * v for v in voltages)
        over, vds, by_bulk = overdrive(d, s, g, b, self.polarity * self.vto, self.gamma, self.phi)
        over = jnp.maximum(over, 0.0)
        v = jnp.minimum(vds, over)
        factor, m = self.kp * self.w / self.l, 1.0 + self.lambda_ * vds
        shape = (over - 0.5 * v) * v
        g_m, g_ds = factor * m * v, factor * (self.lambda_ * shape + m * (over - v))
        g_mb = g_m * by_bulk
        i, sign, total = factor * m * shape, jnp.where(d >= s, 1.0, -1.0), g_ds + g_m + g_mb
        by_d, by_s = jnp.where(d >= s, g_ds, total), jnp.where(d >= s, -total, -g_ds)
        slopes = (by_d + self.g_min, by_s - self.g_min, sign * g_m, sign * g_mb)
        return self.polarity * sign * i + self.g_min * (voltages[0] - voltages[1]), slopes

    def noise(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[NoiseCurrent, ...]:
        r"""Noise of the channel as ngspice has it: :math:`\tfrac83 kT|g_m|` and :math:`k_f|i|^{a_f}/(f C_{ox}^2 w l)`.

        Limits: the thermal noise holds in saturation; at small drain voltage it vanishes with the transconductance,
        which Nyquist's law forbids.
        """
        d, s, g, b = voltages

        def by_gate(x: Any) -> Any:
            return self.current((d, s, x, b), temperature=temperature)

        i, slope = jax.jvp(by_gate, (g,), (jnp.ones_like(g),))
        area = self.cox * self.cox * self.w * self.l
        return (
            NoiseCurrent("thermal", self.drain, self.source, 8.0 / 3.0 * BOLTZMANN * temperature * jnp.abs(slope)),
            NoiseCurrent("flicker", self.drain, self.source, self.kf * power(i, self.af) / area, 1.0),
        )


def overdrive(d: Any, s: Any, g: Any, b: Any, vto: Any, gamma: Any, phi: Any) -> tuple[Any, Any, Any]:
    """Gate voltage above threshold against the lower of drain and source [V], and the voltage between these two [V].

    The third number is the first's slope by the bulk's voltage [1].

    Args:
        d: Voltage of the drain, as all mirrored for a p-channel [V].
        s: Of the source [V].
        g: Of the gate [V].
        b: Of the bulk [V].
        vto: Threshold voltage [V].
        gamma: Body-effect coefficient [V^0.5].
        phi: Surface potential [V].
    """
    low, high = jnp.minimum(d, s), jnp.maximum(d, s)
    vbs = b - low
    root_phi = jnp.sqrt(phi)
    reverse = vbs <= 0
    forward = jnp.maximum(root_phi - jnp.where(reverse, 0.0, vbs) / (2.0 * root_phi), 0.0)
    body = jnp.where(reverse, jnp.sqrt(phi - jnp.where(reverse, vbs, 0.0)), forward)
    by_bulk = 0.5 * gamma / jnp.where(reverse, body, root_phi) * (body > 0.0)
    return g - low - (vto + gamma * (body - root_phi)), high - low, by_bulk
