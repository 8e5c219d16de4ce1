"""MOSFET cards of level 1: channel, Meyer and overlap capacitances, junctions, series resistances."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mho import circuits as mc
from mho.interchange.spice.elaboration import Site
from mho.interchange.spice.junctions import (
    CHARGE,
    Depletion,
    gap,
    potential_of,
    temperatures,
    thermal,
)
from mho.interchange.spice.models import Defaults, multiplied, numbers
from mho.interchange.spice_charges import OXIDE, VACUUM
from mho.netlists.cards import Card, card
from mho.netlists.lines import Line
from mho.netlists.references import named_model

_SILICON = 11.7  # relative permittivity
# ngspice has nothing beside the channel: a femtosiemens there decides which way a cell wakes up on charged lines.
_BESIDE = 1e-21  # [S]
_INTRINSIC = 1.45e16  # [1/m^3] carriers of silicon at 300.15 K, as SPICE has it
_LEVEL1 = Defaults(
    {
        "vto": 0.0, "kp": 2e-5, "gamma": 0.0, "phi": 0.6, "lambda": 0.0, "is": 1e-14, "js": 0.0, "rd": 0.0, "rs": 0.0,
        "rsh": 0.0, "cgso": 0.0, "cgdo": 0.0, "cgbo": 0.0, "cbd": 0.0, "cbs": 0.0, "cj": 0.0, "mj": 0.5, "cjsw": 0.0,
        "mjsw": 0.5, "pb": 0.8, "fc": 0.5, "tox": 0.0, "ld": 0.0, "uo": 600.0, "nsub": 0.0, "nss": 0.0, "tpg": 1.0,
        "tnom": 27.0, "level": 1.0, "kf": 0.0, "af": 1.0, "avt": 0.0, "abeta": 0.0,
    },
    {"vt0": "vto", "u0": "uo"},
    ("nlev", "gdsnoi"),
)  # fmt: skip


@dataclass(frozen=True)
class _Channel:
    """A model card's channel at the circuit's temperature: oxide [F/m^2], kp [A/V^2], vto, phi [V], gamma [V^0.5]."""

    oxide: float
    kp: float
    vto: float
    phi: float
    gamma: float


def transistor(site: Site, line: Line) -> None:
    """MOSFET of level 1."""
    c = card(line)
    words = [w for w in c.fields if w != "off"]
    unused = set(c.options) - {"w", "l", "m", "ad", "as", "pd", "ps", "nrd", "nrs", "ic", "temp"}
    if len(words) != 6 or unused:
        line.fail("a MOSFET is written name drain gate source bulk model w=... l=...")
    if "temp" in c.options:
        line.fail("temp= at one element is not supported; .temp is that of the whole circuit.")
    model = named_model(site.scope, line, words[5], ("nmos", "pmos"))
    found = numbers(site, model, _LEVEL1)
    _Transistor(site, c, words, found, 1 if model.kind == "nmos" else -1).put()


class _Transistor:
    """One card with the numbers of its model."""

    def __init__(self, site: Site, c: Card, words: list[str], given: dict[str, float], polarity: int):
        self.site, self.line, self.given, self.polarity = site, c.line, given, polarity
        self.n = dict(_LEVEL1.values) | given
        self.o = {k: site.value(v, c.line) for k, v in c.options.items() if k not in ("ic", "m")}
        self.m = multiplied(site, c)
        self.name = site.name(words[0])
        self.d, self.g, self.s, self.b = (site.node(x) for x in words[1:5])
        self.nominal, self.t = temperatures(site, given.get("tnom"))
        self.w, self.l = self.o.get("w", 1e-4), self.o.get("l", 1e-4)
        if min(self.w, self.l) <= 0:
            self.line.fail(f"w = {self.w:g} m and l = {self.l:g} m of {self.name} must be above 0.")
        for name in ("pb", "phi", "kp"):
            if self.n[name] <= 0:
                self.line.fail(f"{name} = {self.n[name]:g} in the model of {self.name} must be above 0.")

    def put(self) -> None:
        """All parts of the transistor, as elements of the circuit."""
        n, w, m = self.n, self.w, self.m
        length = self.l - 2 * n["ld"]
        if length <= 0:
            self.line.fail(f"the effective length l - 2 ld = {length:g} m of {self.name} is not above 0.")
        d, s = self.terminal("d", self.d), self.terminal("s", self.s)
        channel = self.channel()
        own = {"vto": channel.vto, "gamma": channel.gamma, "phi": channel.phi}
        overlaps = {"cgs": n["cgso"] * w * m, "cgd": n["cgdo"] * w * m, "cgb": n["cgbo"] * length * m}
        spread = {"a_vt": n["avt"], "a_beta": n["abeta"]}
        flicker = {"kf": n["kf"], "af": n["af"]} | ({"cox": channel.oxide} if channel.oxide > 0 else {})
        element = mc.LevelOne(
            d, s, self.g, self.b, self.polarity, w=w * m, l=length, kp=channel.kp, lambda_=n["lambda"],
            g_min=_BESIDE, **own, **overlaps, **flicker, **spread,
        )  # fmt: skip
        self.site.put(self.line, self.name, element)
        if channel.oxide > 0:
            oxide = channel.oxide * length * w * m
            gate = mc.MeyerCharge(d, s, self.g, self.b, self.polarity, c=oxide, **own)
            self.site.put(self.line, f"{self.name}.cg", gate)
        self.junction("d", d)
        self.junction("s", s)

    def terminal(self, end: str, node: str) -> str:
        """Node of drain or source behind its series resistance."""
        n = self.n
        r = n[f"r{end}"] if f"r{end}" in self.given else n["rsh"] * self.o.get(f"nr{end}", 1.0)
        if r <= 0:
            return node
        inner = f"{self.name}#{end}"
        self.site.put(self.line, f"{self.name}.r{end}", mc.Resistor(node, inner, r / self.m))
        return inner

    def channel(self) -> _Channel:
        """Numbers of the channel: given, or derived from oxide and doping; then at the circuit's temperature."""
        n, given, sign = dict(self.n), self.given, self.polarity
        oxide = OXIDE * VACUUM / n["tox"] if n["tox"] > 0 else 0.0
        ut, band = thermal(self.nominal), gap(self.nominal)
        if oxide and "kp" not in given:
            n["kp"] = n["uo"] * 1e-4 * oxide
        doping = n["nsub"] * 1e6
        if oxide and doping:
            if doping <= _INTRINSIC:
                self.line.fail(f"nsub = {n['nsub']:g} in the model of {self.name} must exceed 1.45e10 per cm3.")
            if "phi" not in given:
                n["phi"] = max(2 * ut * math.log(doping / _INTRINSIC), 0.1)
            # Work functions against the silicon's conduction band: gate (aluminium, or silicon of type tpg), bulk.
            metal = 3.2 if n["tpg"] == 0 else 3.25 + 0.5 * band - 0.5 * sign * n["tpg"] * band
            difference = metal - (3.25 + 0.5 * band + 0.5 * sign * n["phi"])
            if "gamma" not in given:
                n["gamma"] = math.sqrt(2 * _SILICON * VACUUM * CHARGE * doping) / oxide
            if "vto" not in given:
                flat = difference - n["nss"] * 1e4 * CHARGE / oxide
                n["vto"] = flat + sign * (n["gamma"] * math.sqrt(n["phi"]) + n["phi"])
        return self.warmed(oxide, n)

    def warmed(self, oxide: float, n: dict[str, float]) -> _Channel:
        sign, phi = self.polarity, potential_of(n["phi"], self.nominal, self.t)[1]
        if phi <= 0:
            self.line.fail(f"at {self.t - 273.15:g} C the surface potential of {self.name} is {phi:g} V, not above 0.")
        kp = n["kp"] / (self.t / self.nominal) ** 1.5
        built_in = n["vto"] - sign * n["gamma"] * math.sqrt(n["phi"]) + 0.5 * (gap(self.nominal) - gap(self.t))
        built_in += sign * 0.5 * (phi - n["phi"])
        return _Channel(oxide, kp, built_in + sign * n["gamma"] * math.sqrt(phi), phi, n["gamma"])

    def junction(self, end: str, node: str) -> None:
        """Junction of drain or source to the bulk."""
        if node == self.b:
            return
        n, area, edge = self.n, self.o.get(f"a{end}", 0.0), self.o.get(f"p{end}", 0.0)
        warm = math.exp(-gap(self.t) / thermal(self.t) + gap(self.nominal) / thermal(self.nominal))
        dense = n["js"] * warm > 0 and self.o.get("ad", 0.0) > 0 and self.o.get("as", 0.0) > 0
        i_s = (n["js"] * area if dense else n["is"]) * warm * self.m
        ends = (self.b, node) if self.polarity > 0 else (node, self.b)
        if i_s > 0:
            self.site.put(
                self.line, f"{self.name}.b{end}", mc.Junction(*ends, i_s=i_s, g_min=self.site.parts.requests.gmin)
            )
        own = f"cb{end}"
        bottom = n[own] if own in self.given else n["cj"] * area
        side = n["cjsw"] * edge
        if bottom <= 0 and side <= 0:
            return
        depletion = Depletion(n["pb"], self.nominal, self.t)
        charge = mc.JunctionCharge(
            *ends, c=bottom * self.m * depletion.factor(n["mj"]), vj=depletion.potential, m=n["mj"],
            c_side=side * self.m * depletion.factor(n["mjsw"]), m_side=n["mjsw"], fc=n["fc"],
        )  # fmt: skip
        self.site.put(self.line, f"{self.name}.cb{end}", charge)
