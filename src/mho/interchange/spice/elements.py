"""Element cards R C L K V I E G F H B as elements of a circuit; D, M, S and W have files of their own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from mho import circuits as mc
from mho.interchange.spice import switches
from mho.interchange.spice.elaboration import Site
from mho.interchange.spice.formulas import between, formula
from mho.interchange.spice.junctions import diode
from mho.interchange.spice.models import multiplied
from mho.interchange.spice.mosfets import transistor
from mho.interchange.spice.polynomials import is_polynomial, polynomial, table
from mho.interchange.spice.waves import drive
from mho.netlists.cards import Card, card
from mho.netlists.expressions import Call, Expression, Number
from mho.netlists.lines import Line

_B = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+([iv])\s*=\s*(.+)", re.DOTALL)
_VALUE = re.compile(r"\b(vol|cur|value)\s*=?\s*((?:\{|').+)", re.DOTALL)
_TIGHTEST = 0.999999  # coupling of inductors, beyond which their currents are not independent


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


def _warmed(site: Site, c: Card) -> float:
    """Factor of a value by its temperature coefficients."""
    warm = site.parts.requests.celsius - site.parts.requests.nominal
    tc1, tc2 = (site.value(c.options.get(key, "0"), c.line) for key in ("tc1", "tc2"))
    return 1.0 + tc1 * warm + tc2 * warm * warm


def resistor(site: Site, line: Line) -> None:
    """Resistor; its value may be a formula of voltages."""
    c = card(line)
    a, b = _two(site, c, "resistor")
    _options(c, "r", "m", "tc1", "tc2")
    text, name = _value(c, "r"), site.name(c.fields[0])
    factor = _warmed(site, c) / multiplied(site, c)
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
        site.parts.notes.append(
            f"{line.place}: {name} of {r:g} ohm is negative: it delivers power, and the circuit may run away. It is "
            "simulated as it stands, as in ngspice."
        )
        return site.put(line, name, mc.VCCS(a, b, a, b, 1.0 / r))
    site.put(line, name, mc.Resistor(a, b, r))


def capacitor(site: Site, line: Line) -> None:
    """Capacitor, with its initial voltage; its capacitance or charge may be a formula of voltages."""
    c = card(line)
    a, b = _two(site, c, "capacitor")
    _options(c, "c", "q", "ic", "m", "tc1", "tc2")
    name, scale = site.name(c.fields[0]), _warmed(site, c) * multiplied(site, c)
    if "ic" in c.options:
        site.parts.charges.append((a, b, site.value(c.options["ic"], line), line))
    key = "q" if "q" in c.options else "c"
    tree = site.tree(_value(c, key), line)
    if key == "c" and isinstance(tree, Number):
        value = site.value(_value(c, key), line) * scale
        if value < 0:
            line.fail(
                f"{name} of {value:g} F is negative, which mho does not simulate: a circuit's capacitances must store "
                "energy. Make it positive, or write it as a source: b1 a b i=-1p*ddt(v(a,b))"
            )
        if value != 0 and a != b:  # else it carries no current, here as in ngspice
            site.put(line, name, mc.Capacitor(a, b, value))
        return
    if a == b or isinstance(tree, Number):
        return
    made = formula(site.moving(Call("*", (tree, Number(scale))), line))
    kind = mc.BehaviouralCapacitor if key == "c" else mc.BehaviouralCharge
    site.put(line, name, kind(a, b, made.nodes, made))


def inductor(site: Site, line: Line) -> None:
    """Inductor, with its initial current."""
    c = card(line)
    a, b = _two(site, c, "inductor")
    _options(c, "l", "ic", "m", "tc1", "tc2")
    name = site.name(c.fields[0])
    if "ic" in c.options:
        site.parts.currents[f"{name}.i"] = site.value(c.options["ic"], line)
    site.put(line, name, mc.Inductor(a, b, site.value(_value(c, "l"), line) * _warmed(site, c) / multiplied(site, c)))


def source(site: Site, line: Line) -> None:
    """Independent voltage or current source."""
    c = card(line)
    a, b = _two(site, c, "source")
    name, voltage = site.name(c.fields[0]), line.text[0] == "v"
    found = drive(c, c.fields[3:], site.scope, site.parts.requests.tran)
    if found.level is not None:
        site.parts.levels[name] = found.level
    if found.ac:
        site.parts.phasors[name] = found.ac
    if found.formula is not None:
        site.parts.corners.update(t for t in found.corners if t > 0)
        site.parts.periods += [found.period] if found.period else []
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
    shaped = polynomial(site, line) if is_polynomial(line) else table(site, line)
    if shaped is not None:
        return _shaped(site, line, *shaped, voltage=voltage)
    c = card(line)
    _options(c, "m")
    if len(c.fields) != 6 or c.fields[3] in ("table", "laplace", "freq"):
        line.fail(
            f"{c.fields[0]} is written name node node control control gain, with POLY(n), TABLE {{formula}} = pairs, "
            "or value={formula}; LAPLACE and FREQ are not read."
        )
    a, b, plus, minus = (site.node(x) for x in c.fields[1:5])
    gain = site.value(c.fields[5], line) * (1.0 if voltage else multiplied(site, c))
    site.put(line, site.name(c.fields[0]), (mc.VCVS if voltage else mc.VCCS)(a, b, plus, minus, gain))


def _shaped(site: Site, line: Line, c: Card, tree: Expression, *, voltage: bool) -> None:
    """A controlled source of a formula."""
    _options(c)
    if len(c.fields) != 3:
        line.fail(f"{c.fields[0]} has {len(c.fields) - 1} nodes before its polynomial or table; it takes two.")
    name, a, b = c.fields
    site.behave(line, site.name(name), site.node(a), site.node(b), tree, voltage=voltage)


def by_current(site: Site, line: Line) -> None:
    """F and H."""
    if is_polynomial(line):
        return _shaped(site, line, *polynomial(site, line), voltage=line.text[0] == "h")
    c = card(line)
    _options(c)
    if len(c.fields) != 5:
        line.fail(f"{c.fields[0]} is written name node node source gain, or with POLY(n).")
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


def coupling(site: Site, line: Line) -> None:
    """K: two inductors that share a part of their flux."""
    c = card(line)
    _options(c)
    if len(c.fields) != 4:
        line.fail("a coupling is written name inductor inductor factor; couple more inductors pair by pair.")
    name, one, two, factor = c.fields
    k = site.value(factor, line)
    if abs(k) > 1:
        line.fail(f"the coupling factor {k:g} of {name} must lie between -1 and 1.")
    if abs(k) > _TIGHTEST:
        site.parts.notes.append(f"{line.file}, line {line.number}: {name} = {k:g} is taken as {_TIGHTEST:g}.")
        k = math.copysign(_TIGHTEST, k)
    site.put(line, site.name(name), mc.Coupling(site.name(one), site.name(two), k))


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
    "s": switches.by_voltage,
    "w": switches.by_current,
    "k": coupling,
}
