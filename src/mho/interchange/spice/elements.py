"""Element cards R C L V I E G F H B S as elements of a circuit."""

from __future__ import annotations

import re
from collections.abc import Callable

from mho import circuits as mc
from mho.interchange.spice.cards import Card, card
from mho.interchange.spice.elaboration import Site
from mho.interchange.spice.expressions import Call, Number
from mho.interchange.spice.formulas import between
from mho.interchange.spice.lines import Line
from mho.interchange.spice.junctions import diode
from mho.interchange.spice.mosfets import transistor
from mho.interchange.spice.waves import drive

_B = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+([iv])\s*=\s*(.+)", re.DOTALL)
_VALUE = re.compile(r"\b(vol|cur|value)\s*=?\s*((?:\{|').+)", re.DOTALL)
_TRANSITION = 1e-3  # [V] half the control voltage over which a switch moves, where ngspice's jumps


def _options(c: Card, *allowed: str) -> None:
    for name in c.options:
        if name not in allowed:
            c.line.fail(f"{name}= is not supported at {c.fields[0]}.")


def _two(site: Site, c: Card, what: str) -> tuple[str, str]:
    if len(c.fields) < 3:
        c.line.fail(f"{c.fields[0]} has no two nodes; a {what} is written name node node value.")
    return site.node(c.fields[1]), site.node(c.fields[2])


def _value(c: Card, key: str) -> str:
    """Text of an element's one value."""
    words = c.fields[3:]
    if key in c.options and not words:
        return c.options[key]
    if len(words) != 1 or key in c.options:
        c.line.fail(f"{c.fields[0]} takes one value, and has {' '.join(words) or 'none'}.")
    return words[0]


def resistor(site: Site, line: Line) -> None:
    """Resistor; its value may be a formula of voltages."""
    c = card(line)
    a, b = _two(site, c, "resistor")
    _options(c, "r", "m", "tc1", "tc2")
    text, name = _value(c, "r"), site.name(c.fields[0])
    warm = site.parts.requests.celsius - site.parts.requests.nominal
    tc1, tc2 = (site.value(c.options.get(key, "0"), line) for key in ("tc1", "tc2"))
    factor = (1.0 + tc1 * warm + tc2 * warm * warm) / site.value(c.options.get("m", "1"), line)
    tree = site.tree(text, line)
    if not isinstance(tree, Number):
        current = Call("/", (between(a, b), Call("*", (tree, Number(factor)))))
        return site.behave(line, name, a, b, current, voltage=False)
    r = site.value(text, line) * factor
    if r == 0:
        site.parts.notes.append(
            f"{line.file}, line {line.number}: {name} of 0 ohm is taken as 1 mohm, as ngspice does."
        )
        r = 1e-3
    if r < 0:
        return site.put(line, name, mc.VCCS(a, b, a, b, 1.0 / r))
    site.put(line, name, mc.Resistor(a, b, r))


def capacitor(site: Site, line: Line) -> None:
    """Capacitor, with its initial voltage."""
    c = card(line)
    a, b = _two(site, c, "capacitor")
    _options(c, "c", "ic", "m")
    value = site.value(_value(c, "c"), line) * site.value(c.options.get("m", "1"), line)
    name = site.name(c.fields[0])
    if "ic" in c.options:
        site.parts.charges.append((a, b, site.value(c.options["ic"], line), line))
    if value == 0 or a == b:  # it carries no current, here as in ngspice
        return
    site.put(line, name, mc.Capacitor(a, b, value))


def inductor(site: Site, line: Line) -> None:
    """Inductor, with its initial current."""
    c = card(line)
    a, b = _two(site, c, "inductor")
    _options(c, "l", "ic")
    name = site.name(c.fields[0])
    if "ic" in c.options:
        site.parts.currents[f"{name}.i"] = site.value(c.options["ic"], line)
    site.put(line, name, mc.Inductor(a, b, site.value(_value(c, "l"), line)))


def source(site: Site, line: Line) -> None:
    """Independent voltage or current source."""
    c = card(line)
    a, b = _two(site, c, "source")
    name, voltage = site.name(c.fields[0]), line.text[0] == "v"
    found = drive(c, c.fields[3:], site.scope, site.parts.requests.tran)
    if found.level is not None:
        site.parts.levels[name] = found.level
    if found.formula is not None:
        site.parts.corners.update(t for t in found.corners if t > 0)
        site.behave(line, name, a, b, site.closed(found.formula, line), voltage=voltage)
    else:
        assert found.wave is not None
        site.put(line, name, (mc.VoltageSource if voltage else mc.CurrentSource)(a, b, found.wave))


def controlled(site: Site, line: Line) -> None:
    """E and G: linear, or a formula."""
    voltage = line.text[0] == "e"
    by_formula = _VALUE.search(line.text)
    if by_formula:
        words = line.text[: by_formula.start()].split()
        if len(words) != 3:
            line.fail("a controlled source by formula is written name node node value={formula}.")
        tree = site.tree(by_formula.group(2), line)
        name, a, b = words
        return site.behave(line, site.name(name), site.node(a), site.node(b), tree, voltage=voltage)
    c = card(line)
    _options(c, "m")
    if len(c.fields) != 6 or c.fields[3] in ("poly", "table", "laplace", "freq"):
        line.fail(
            f"{c.fields[0]} is written name node node control control gain; POLY, TABLE and LAPLACE are not read."
        )
    a, b, plus, minus = (site.node(x) for x in c.fields[1:5])
    gain = site.value(c.fields[5], line)
    site.put(line, site.name(c.fields[0]), (mc.VCVS if voltage else mc.VCCS)(a, b, plus, minus, gain))


def by_current(site: Site, line: Line) -> None:
    """F and H."""
    c = card(line)
    _options(c)
    if len(c.fields) != 5 or c.fields[3] == "poly":
        line.fail(f"{c.fields[0]} is written name node node source gain; POLY is not read.")
    a, b = site.node(c.fields[1]), site.node(c.fields[2])
    control, gain = site.source(c.fields[3]), site.value(c.fields[4], line)
    site.put(line, site.name(c.fields[0]), (mc.CCCS if line.text[0] == "f" else mc.CCVS)(a, b, control, gain))


def behavioural(site: Site, line: Line) -> None:
    """B: a voltage or a current by formula."""
    found = _B.fullmatch(line.text)
    if found is None:
        line.fail("a behavioural source is written bname node node i=formula or v=formula.")
    name, a, b, kind, text = found.groups()
    tree = site.tree(text, line)
    site.behave(line, site.name(name), site.node(a), site.node(b), tree, voltage=kind == "v")


def switch(site: Site, line: Line) -> None:
    """S: a voltage-controlled switch."""
    c = card(line)
    _options(c)
    words = [w for w in c.fields if w not in ("on", "off")]
    if len(words) != 6:
        line.fail("a switch is written name node node control control model.")
    model = site.scope.model(words[5])
    if model is None or model.kind != "sw":
        line.fail(f"there is no switch model {words[5]!r}; write .model {words[5]} sw(vt=... ron=... roff=...).")
    numbers = {k: site.value(v, model.line) for k, v in model.numbers.items()}
    unknown = set(numbers) - {"vt", "vh", "ron", "roff"}
    if unknown:
        model.line.fail(f"the switch parameter {unknown.pop()!r} is not supported.")
    if numbers.get("vh", 0.0) != 0:
        model.line.fail(
            "a switch with hysteresis (vh) has a memory that mho does not give it; build it from B sources."
        )
    vt = numbers.get("vt", 0.0)
    nodes = [site.node(x) for x in words[1:5]]
    element = mc.Switch(
        *nodes, v_on=vt + _TRANSITION, v_off=vt - _TRANSITION,
        r_on=numbers.get("ron", 1.0), r_off=numbers.get("roff", 1e12),
    )  # fmt: skip
    site.put(line, site.name(words[0]), element)


ELEMENTS: dict[str, Callable[[Site, Line], None]] = {
    "r": resistor,
    "c": capacitor,
    "l": inductor,
    "v": source,
    "i": source,
    "e": controlled,
    "g": controlled,
    "f": by_current,
    "h": by_current,
    "b": behavioural,
    "d": diode,
    "m": transistor,
    "s": switch,
}
