"""How a junction's numbers move with temperature, and the diode cards."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mho import circuits as mc
from mho.interchange.spice.elaboration import Site
from mho.interchange.spice.models import Defaults, multiplied, numbers
from mho.netlists.cards import card
from mho.netlists.lines import Line
from mho.netlists.references import named_model

# SPICE's own constants, so that its numbers come out [J/K, C].
BOLTZMANN, CHARGE = 1.38064852e-23, 1.6021766208e-19
REFERENCE = 300.15  # [K]
ZERO_CELSIUS = 273.15  # [K]
_DIODE = Defaults(
    {
        "is": 1e-14, "n": 1.0, "rs": 0.0, "eg": 1.11, "xti": 3.0, "cjo": 0.0, "vj": 1.0, "m": 0.5, "fc": 0.5, "tt": 0.0,
        "bv": 0.0, "ibv": 1e-3, "nbv": 0.0, "tcv": 0.0, "trs": 0.0, "trs2": 0.0, "tnom": 0.0, "level": 1.0,
        "kf": 0.0, "af": 1.0,
    },
    {"cj0": "cjo", "cj": "cjo", "js": "is", "pb": "vj", "mj": "m", "trs1": "trs"},
    ("fv_max", "bv_max", "id_max", "te_max", "pd_max"),
    dict.fromkeys(
        ("jsw", "cjp", "cjsw", "ikf", "ikr", "isr", "jtun", "jtunsw", "cta", "ctp", "tm1", "tm2", "ttt1", "ttt2",
         "tlev", "tlevc", "rth0"), "",
    ),
)  # fmt: skip


def gap(t: float) -> float:
    """Band gap of silicon at t [K] in eV. Source: as in Berkeley SPICE 3 (Varshni's law)."""
    return 1.16 - 7.02e-4 * t * t / (t + 1108.0)


def thermal(t: float) -> float:
    """Thermal voltage at t [K] in V."""
    return BOLTZMANN * t / CHARGE


def _drop(t: float) -> float:
    """What a potential at 300.15 K, scaled to t, differs by from its value at t [V]."""
    exponent = -gap(t) / (2.0 * thermal(t)) + 1.1150877 / (2.0 * thermal(REFERENCE))
    return -2.0 * thermal(t) * (1.5 * math.log(t / REFERENCE) + exponent)


def potential_of(v: float, nominal: float, t: float) -> tuple[float, float]:
    """A junction's (or surface) potential given at `nominal` [K]: at 300.15 K and at t."""
    reference = (v - _drop(nominal)) / (nominal / REFERENCE)
    return reference, t / REFERENCE * reference + _drop(t)


@dataclass(frozen=True)
class Depletion:
    """Potential [V] of a depletion region, and the factor of its capacitance, by temperature.

    Args:
        given: Potential in the model card [V].
        nominal: Temperature of the card [K].
        t: Temperature of the circuit [K].
    """

    given: float
    nominal: float
    t: float

    @property
    def potential(self) -> float:
        """Built-in potential at t [V]."""
        return potential_of(self.given, self.nominal, self.t)[1]

    def factor(self, grading: float) -> float:
        """Capacitance at t over that of the card."""
        reference, now = potential_of(self.given, self.nominal, self.t)
        old = 1.0 + grading * (4e-4 * (self.nominal - REFERENCE) - (self.given - reference) / reference)
        new = 1.0 + grading * (4e-4 * (self.t - REFERENCE) - (now - reference) / reference)
        return new / old


def temperatures(site: Site, given: float | None) -> tuple[float, float]:
    """Temperature of a model card and of the circuit [K]."""
    r = site.parts.requests
    return (r.nominal if given is None else given) + ZERO_CELSIUS, r.celsius + ZERO_CELSIUS


def diode(site: Site, line: Line) -> None:
    """Junction diode: series resistance, current with breakdown, charge."""
    c = card(line)
    words = [w for w in c.fields if w != "off"]
    if not 4 <= len(words) <= 5 or set(c.options) - {"area", "m", "ic"}:
        line.fail("a diode is written name anode cathode model [area].")
    model = named_model(site.scope, line, words[3], ("d",))
    found = numbers(site, model, _DIODE)
    n = dict(_DIODE.values) | found
    for name in ("is", "n", "vj"):
        if n[name] <= 0:
            model.line.fail(f"{name} = {n[name]:g} must be above 0.")
    nominal, t = temperatures(site, found.get("tnom"))
    area = site.value(words[4] if len(words) == 5 else c.options.get("area", "1"), line)
    times = multiplied(site, c)
    if area <= 0:
        line.fail(f"the area {area:g} of {words[0]} must be above 0.")
    area *= times
    name, anode, cathode = site.name(words[0]), site.node(words[1]), site.node(words[2])
    warm = t - nominal
    if n["rs"] > 0:
        inner = f"{name}#anode"
        r = n["rs"] / area * (1.0 + n["trs"] * warm + n["trs2"] * warm * warm)
        site.put(line, f"{name}.rs", mc.Resistor(anode, inner, r))
        anode = inner
    if anode == cathode:
        return
    u = n["n"] * thermal(t)
    i_s = n["is"] * area * math.exp((t / nominal - 1.0) * n["eg"] / u + n["xti"] / n["n"] * math.log(t / nominal))
    own = {}
    if n["bv"] > 0:
        ideality = n["nbv"] or n["n"]
        knee = _knee(n["bv"] - n["tcv"] * warm, n["ibv"] * times, i_s, ideality * thermal(t), thermal(t))
        own = {"breakdown": knee, "n_breakdown": ideality}
    site.put(
        line,
        name,
        mc.Junction(anode, cathode, i_s=i_s, n=n["n"], g_min=site.parts.requests.gmin, kf=n["kf"], af=n["af"], **own),
    )
    if n["cjo"] > 0 or n["tt"] > 0:
        depletion = Depletion(n["vj"], nominal, t)
        charge = mc.JunctionCharge(
            anode, cathode, c=n["cjo"] * area * depletion.factor(n["m"]), vj=depletion.potential, m=n["m"],
            fc=min(n["fc"], 0.95), transit=n["tt"], i_s=i_s, n=n["n"],
        )  # fmt: skip
        site.put(line, f"{name}.c", charge)


def _knee(bv: float, ibv: float, i_s: float, u: float, ut: float) -> float:
    """Voltage from which breakdown's exponential carries i_s, so that `ibv` flows at `bv` [V]."""
    if ibv < i_s * bv / ut:
        return bv
    x = bv - u * math.log(1.0 + ibv / i_s)
    for _ in range(25):
        x = bv - u * math.log(ibv / i_s + 1.0 - x / ut)
    return x
