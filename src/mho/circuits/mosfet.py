"""The MOSFET: a clamped, symmetric, bulk-referenced EKV model with linear capacitances."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.circuits.elements import BOLTZMANN_OVER_CHARGE, AbstractElement, NoiseCurrent
from mho.circuits.softplus import softplus_sigmoid
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM
from mho.devices.kinetics import BOLTZMANN


class MOSFETModel(eqx.Module):
    """A model card: what transistors of one kind share.

    Args:
        polarity: +1 for n-channel, -1 for p-channel (voltages and current are mirrored).
        vto: Threshold voltage at the nominal temperature [V].
        kp: Transconductance parameter, mobility times oxide capacitance [A/V^2].
        n: Slope factor [1].
        theta: Mobility reduction per normalised charge [1].
        lambda_: Channel-length modulation at `l_ref` [1/V].
        cox: Gate oxide capacitance per area [F/m^2].
        cgo: Gate overlap capacitance per width [F/m].
        cj: Junction capacitance per width [F/m].
        l_ref: Length at which `lambda_` holds; it falls as 1/l [m].
        t_nominal: Temperature of `vto` and `kp` [K].
        vto_slope: Fall of the threshold with temperature [V/K].
        mobility_exponent: kp grows as (T/t_nominal) to this power [1].
        a_vt: Pelgrom coefficient of the threshold: sigma = a_vt / sqrt(w l) [V m].
        a_beta: Pelgrom coefficient of the relative current factor [m].
        kf: Flicker noise coefficient: the gate sees kf / (cox w l f^af) [V^2 F].
        af: Flicker noise exponent of frequency [1].
    """

    polarity: int = eqx.field(static=True)
    vto: Any = quantity("V")
    kp: Any = quantity("A/V^2", positive=True)
    n: Any = quantity("1", low=1.0)
    theta: Any = quantity("1", low=0.0)
    lambda_: Any = quantity("1/V", low=0.0)
    cox: Any = quantity("F/m^2", low=0.0, default=12e-3)
    cgo: Any = quantity("F/m", low=0.0, default=0.3e-9)
    cj: Any = quantity("F/m", low=0.0, default=0.5e-9)
    l_ref: Any = quantity("m", positive=True, default=0.13e-6)
    t_nominal: Any = quantity("K", positive=True, default=ROOM)
    vto_slope: Any = quantity("V/K", default=1e-3)
    mobility_exponent: Any = quantity("1", default=-1.5)
    a_vt: Any = quantity("V m", low=0.0, default=3.5e-9)
    a_beta: Any = quantity("m", low=0.0, default=1e-8)
    kf: Any = quantity("V^2 F", low=0.0, default=0.0)
    af: Any = quantity("1", positive=True, high=1.9, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        known = isinstance(self.kf, np.ndarray) and isinstance(self.cox, np.ndarray)
        if known and np.any((self.kf > 0) & (self.cox <= 0)):
            raise ParameterError("MOSFETModel.kf (flicker noise) needs a gate oxide; cox is 0. Give cox, or no kf.")


# A generic 130 nm process: all values assumed (round numbers of the right size for such a node, no foundry's data).
# Temperature laws: the defaults of the EKV v2.6 model, TCV 1 mV/K and BEX -1.5 (Bucher et al., EPFL-LEG 1997, table of
# parameters). Pelgrom coefficients: assumed, 3.5 mV um and 1 % um (range of published 130 nm processes). Flicker noise:
# assumed, the size that textbooks give (some 1e-25 to 1e-24 V^2 F), a p-channel quieter than an n-channel.
NMOS = MOSFETModel(polarity=1, vto=0.40, kp=300e-6, n=1.30, theta=0.03, lambda_=0.06, kf=1e-24)
PMOS = MOSFETModel(polarity=-1, vto=0.40, kp=80e-6, n=1.35, theta=0.02, lambda_=0.08, kf=2e-25)


class MOSFET(AbstractElement):
    r"""Metal-oxide-semiconductor transistor (EKV, symmetric in drain and source).

    With bulk-referenced voltages (mirrored for p-channel), :math:`u_t = kT/e` and
    :math:`q_{f,r} = \ln(1 + e^{(v_p - v_{s,d})/2u_t})`, :math:`v_p = (v_g - v_{to})/n`:

    .. math::
        i_D = 2 n k_p \frac{w}{l} u_t^2\, \frac{q_f^2 - q_r^2}{1 + \theta(q_f + q_r)}
              \left(1 + \lambda \frac{l_{ref}}{l} \sqrt{v_{ds}^2 + 10^{-4}}\right)

    Args:
        drain: Node.
        gate: Node.
        source: Node.
        bulk: Node.
        w: Channel width [m].
        l: Channel length [m].
        kind: Model card, :data:`NMOS`, :data:`PMOS` or your own.
        delta_vto: This transistor's threshold minus the card's (mismatch) [V].
        beta_scale: This transistor's current factor over the card's (mismatch) [1].

    Source: Enz, Krummenacher, Vittoz, Analog Integrated Circuits and Signal Processing 8, 83 (1995), for the charges;
    mobility reduction in the sum of charges keeps the drain conductance positive.
    Limits: linear capacitances (gate to source and drain cgo w + cox w l/3 each, gate to bulk cox w l/6, junctions
    cj w); no leakage, no short-channel effect beyond lambda.
    """

    drain: str = eqx.field(static=True)
    gate: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    bulk: str = eqx.field(static=True)
    w: Any = quantity("m", positive=True)
    l: Any = quantity("m", positive=True)
    kind: MOSFETModel = eqx.field()  # pyright: ignore[reportGeneralTypeIssues]  (w and l have no default)
    delta_vto: Any = quantity("V", default=0.0)
    beta_scale: Any = quantity("1", positive=True, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.drain, self.gate, self.source, self.bulk)

    def capacitances(self) -> tuple[tuple[str, str, Any], ...]:
        """Linear capacitances of the element."""
        kind, area = self.kind, self.w * self.l
        gate = kind.cgo * self.w + kind.cox * area / 3
        return (
            (self.gate, self.source, gate),
            (self.gate, self.drain, gate),
            (self.gate, self.bulk, kind.cox * area / 6),
            (self.drain, self.bulk, kind.cj * self.w),
            (self.source, self.bulk, kind.cj * self.w),
        )

    def prepared(self, temperature: Any) -> Channel:
        """The constants that the current needs, at a temperature [K]."""
        kind = self.kind
        ut = BOLTZMANN_OVER_CHARGE * temperature
        warm = temperature - kind.t_nominal
        kp = kind.kp * (temperature / kind.t_nominal) ** kind.mobility_exponent
        return Channel(
            sign=jnp.asarray(float(kind.polarity)),
            vto=kind.vto - kind.vto_slope * warm + self.delta_vto,
            n_inverse=1.0 / kind.n,
            k=0.5 / ut,
            i_s=2.0 * kind.n * kp * self.beta_scale * self.w / self.l * ut * ut,
            theta=kind.theta * 1.0,
            lambda_=kind.lambda_ * kind.l_ref / self.l,
        )

    def noise(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[NoiseCurrent, ...]:
        r"""Thermal noise of the channel's charge, and flicker noise :math:`k_f g_m^2/(C_{ox} w l f^{a_f})`.

        .. math::
            S = 4kT\, n\beta u_t\,
                \frac{\tfrac43(q_s^2 + q_s q_d + q_d^2) + q_s + q_d}{q_s + q_d + 1},
            \qquad q_{s,d} = q_{f,r}\,(1 - e^{-q_{f,r}})

        with beta as the current has it, mobility reduction and channel-length modulation included. The charges are
        those whose conductance is that of this model, so that Nyquist's 4 k T g_ds holds at zero drain voltage, the
        shot noise 2 q i in weak inversion, and 2/3 of the source's conductance in strong inversion.

        Source: Enz, Vittoz, "Charge-based MOS Transistor Modeling" (Wiley, 2006), chapter 6; flicker noise as in EKV
        v2.6 (Bucher et al., EPFL-LEG 1997).
        Limits: no induced gate noise, no velocity saturation, no excess noise of short channels.
        """
        p = self.prepared(temperature)
        d, g, s = (p.sign * (x - voltages[3]) for x in (voltages[0], voltages[1], voltages[2]))
        vp = (g - p.vto) * p.n_inverse
        (a, slope_a), (b, slope_b) = softplus_sigmoid((vp - s) * p.k), softplus_sigmoid((vp - d) * p.k)
        qs, qd, total = a * slope_a, b * slope_b, a + b
        charge = (4.0 / 3.0 * (qs * qs + qs * qd + qd * qd) + qs + qd) / (qs + qd + 1.0)
        specific = p.i_s * p.k / (1.0 + p.theta * total)  # n beta u_t
        longer = 1.0 + p.lambda_ * jnp.sqrt((d - s) * (d - s) + 1e-4)
        _, _, slope, _ = channel_current(p, *voltages)
        area = self.w * self.l * jnp.maximum(self.kind.cox, 1e-12)  # without an oxide there is no kf either
        return (
            NoiseCurrent(
                "thermal", self.drain, self.source, 4.0 * BOLTZMANN * temperature * specific * longer * charge
            ),
            NoiseCurrent("flicker", self.drain, self.source, self.kind.kf * slope * slope / area, self.kind.af),
        )


class Channel(NamedTuple):
    """Constants of a transistor's current at one temperature; leaves may stack many transistors."""

    sign: Any
    vto: Any
    n_inverse: Any
    k: Any
    i_s: Any
    theta: Any
    lambda_: Any


def channel_current(p: Channel, vd: Any, vg: Any, vs: Any, vb: Any) -> tuple[Any, Any, Any, Any]:
    """Drain current [A] and its slopes by drain, gate and source voltage [S]; the bulk's is minus their sum."""
    d, g, s = p.sign * (vd - vb), p.sign * (vg - vb), p.sign * (vs - vb)
    vp = (g - p.vto) * p.n_inverse
    a, slope_a = softplus_sigmoid((vp - s) * p.k)
    b, slope_b = softplus_sigmoid((vp - d) * p.k)
    den = 1.0 / (1.0 + p.theta * (a + b))
    core = p.i_s * (a - b) * (a + b) * den
    vds = d - s
    root = jnp.sqrt(vds * vds + 1e-4)
    m = 1.0 + p.lambda_ * root
    loss = p.theta * core * den
    da = (2.0 * p.i_s * a * den - loss) * m * slope_a * p.k
    db = (-2.0 * p.i_s * b * den - loss) * m * slope_b * p.k
    dm = core * p.lambda_ * vds / root
    return p.sign * core * m, dm - db, (da + db) * p.n_inverse, -da - dm
