"""Element cards D and M (level 1) with their model cards."""

from __future__ import annotations

import math

from mho import circuits as mc
from mho.circuits.elements import BOLTZMANN_OVER_CHARGE
from mho.interchange.spice.cards import card
from mho.interchange.spice.elaboration import Site
from mho.interchange.spice.lines import Line
from mho.interchange.spice.subcircuits import Model

_ZERO_CELSIUS = 273.15  # [K]
_DIODE = {"is": 1e-14, "n": 1.0, "rs": 0.0, "eg": 1.11, "xti": 3.0}
_LEVEL1 = {
    "vto": 0.0, "kp": 2e-5, "gamma": 0.0, "phi": 0.6, "lambda": 0.0, "is": 1e-14, "js": 0.0, "rd": 0.0, "rs": 0.0,
    "cgso": 0.0, "cgdo": 0.0, "cgbo": 0.0, "ld": 0.0, "level": 1.0,
}  # fmt: skip
# What has no effect in a transient of the channel and of linear capacitances (noise, or numbers that need TOX).
_IDLE = ("kf", "af", "fc", "pb", "mj", "mjsw", "m", "vj", "tnom", "uo", "nsub", "nss", "tpg", "nfs")
_CHARGE = {
    "d": ("cjo", "cj0", "cj", "tt", "cjp"),
    "m": ("tox", "cbd", "cbs", "cj", "cjsw"),
}


def _numbers(site: Site, model: Model, defaults: dict[str, float], letter: str) -> dict[str, float]:
    """Numbers of a model card over its defaults.

    Raises:
        NetlistError: If one of them asks for what mho does not compute.
    """
    found = {name: site.value(text, model.line) for name, text in model.numbers.items()}
    found = {{"vt0": "vto", "cj0": "cjo"}.get(name, name): x for name, x in found.items()}
    for name, x in found.items():
        if name in _CHARGE[letter] and x != 0:
            model.line.fail(
                f"{name} = {x:g} asks for a charge that depends on voltage, which mho does not compute yet. "
                f"Leave {name} out and add linear capacitors."
            )
        if name not in defaults and name not in _IDLE and name not in _CHARGE[letter]:
            model.line.fail(f"the model parameter {name!r} is not supported; mho knows {', '.join(defaults)}.")
    return defaults | found


def _named_model(site: Site, line: Line, name: str, kinds: tuple[str, ...]) -> Model:
    model = site.scope.model(name)
    if model is None:
        line.fail(f"there is no .model {name!r}.")
    if model.kind not in kinds:
        line.fail(f"the model {name!r} is a {model.kind}, not a {' or '.join(kinds)}.")
    return model


def diode(site: Site, line: Line) -> None:
    """Junction diode with series resistance."""
    c = card(line)
    words = [w for w in c.fields if w != "off"]
    if not 4 <= len(words) <= 5 or set(c.options) - {"area", "m"}:
        line.fail("a diode is written name anode cathode model [area].")
    model = _named_model(site, line, words[3], ("d",))
    n = _numbers(site, model, _DIODE, "d")
    area = site.value(words[4] if len(words) == 5 else c.options.get("area", "1"), line)
    area *= site.value(c.options.get("m", "1"), line)
    r = site.parts.requests
    t, t0 = r.celsius + _ZERO_CELSIUS, r.nominal + _ZERO_CELSIUS
    warmer = (t / t0 - 1.0) * n["eg"] / (n["n"] * BOLTZMANN_OVER_CHARGE * t) + n["xti"] / n["n"] * math.log(t / t0)
    name, anode = site.name(words[0]), site.node(words[1])
    if n["rs"] > 0:
        inner = f"{name}#anode"
        site.put(line, f"{name}.rs", mc.Resistor(anode, inner, n["rs"] / area))
        anode = inner
    element = mc.Diode(anode, site.node(words[2]), i_s=n["is"] * area * math.exp(warmer), n=n["n"])
    site.put(line, name, element)


def transistor(site: Site, line: Line) -> None:
    """MOSFET of level 1: channel, overlap capacitances, junctions, series resistances."""
    c = card(line)
    words = [w for w in c.fields if w != "off"]
    unused = set(c.options) - {"w", "l", "m", "ad", "as", "pd", "ps", "nrd", "nrs", "ic"}
    if len(words) != 6 or unused:
        line.fail("a MOSFET is written name drain gate source bulk model w=... l=...")
    model = _named_model(site, line, words[5], ("nmos", "pmos"))
    level = site.value(model.numbers.get("level", "1"), model.line)
    if level != 1:
        model.line.fail(f"MOSFET level {level:g} is not supported; mho has level 1, and the EKV subcircuits.")
    n = _numbers(site, model, _LEVEL1, "m")
    r = site.parts.requests
    if r.celsius != r.nominal:
        line.fail(f"a level-1 MOSFET is computed at the temperature of its card, {r.nominal:g} C, not {r.celsius:g} C.")
    o = {k: site.value(v, line) for k, v in c.options.items() if k != "ic"}
    w, l = o.get("w", 1e-4), o.get("l", 1e-4)
    m = o.get("m", 1.0)
    polarity = 1 if model.kind == "nmos" else -1
    name = site.name(words[0])
    d, g, s, b = (site.node(x) for x in words[1:5])
    ends = {}
    for end, node in (("d", d), ("s", s)):
        ends[end] = node
        if n[f"r{end}"] > 0:
            ends[end] = f"{name}#{end}"
            site.put(line, f"{name}.r{end}", mc.Resistor(node, ends[end], n[f"r{end}"] / m))
    length = l - 2 * n["ld"]
    if length <= 0:
        line.fail(f"the effective length l - 2 ld = {length:g} m of {name} is not above 0.")
    channel = mc.LevelOne(
        ends["d"], ends["s"], g, b, polarity, w=w * m, l=length, vto=n["vto"], kp=n["kp"], gamma=n["gamma"],
        phi=n["phi"], lambda_=n["lambda"], cgs=n["cgso"] * w * m, cgd=n["cgdo"] * w * m, cgb=n["cgbo"] * l * m,
    )  # fmt: skip
    site.put(line, name, channel)
    for end in ("d", "s"):
        node, area = ends[end], o.get(f"a{end}", 0.0)
        i_s = (n["js"] * area if n["js"] > 0 and area > 0 else n["is"]) * m
        if node != b and i_s > 0:
            junction = (b, node) if polarity > 0 else (node, b)
            site.put(line, f"{name}.b{end}", mc.Diode(*junction, i_s=i_s))
