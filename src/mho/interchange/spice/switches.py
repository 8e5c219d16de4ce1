"""Switch cards S and W, with and without hysteresis."""

from __future__ import annotations

from mho import circuits as mc
from mho.interchange.spice.elaboration import Site
from mho.interchange.spice.formulas import between, formula
from mho.interchange.spice.models import Defaults, numbers
from mho.netlists.cards import card
from mho.netlists.expressions import Call, Expression, Number, Probe
from mho.netlists.lines import Line
from mho.netlists.references import named_model

_BY_VOLTAGE = Defaults({"vt": 0.0, "vh": 0.0, "ron": 1.0, "roff": 1e12})
_BY_CURRENT = Defaults({"it": 0.0, "ih": 0.0, "ron": 1.0, "roff": 1e12})
_TRANSITION = 1e-3  # [V] half the control voltage over which a switch moves, where ngspice's jumps
_SHARE = 1e-3  # the same for a current, of its threshold
_LEAST = 1e-9  # [A]
_SETTLING = 1e-3  # of the print step: the time in which a switch with hysteresis changes over


def by_voltage(site: Site, line: Line) -> None:
    """S: a switch controlled by a voltage."""
    words, on = _words(line, 6, "name node node control control model")
    site_nodes = [site.node(x) for x in words[1:5]]
    n = _model(site, line, words[5], "sw", _BY_VOLTAGE)
    control = between(*site_nodes[2:])
    if n["vh"] > 0:
        return _latch(site, line, words[0], control, (n["vt"], n["vh"], _TRANSITION), n, on=on)
    element = mc.Switch(
        *site_nodes, v_on=n["vt"] + _TRANSITION, v_off=n["vt"] - _TRANSITION, r_on=n["ron"], r_off=n["roff"]
    )
    site.put(line, site.name(words[0]), element)


def by_current(site: Site, line: Line) -> None:
    """W: a switch controlled by the current of a voltage source."""
    words, on = _words(line, 5, "name node node source model")
    a, b = site.node(words[1]), site.node(words[2])
    n = _model(site, line, words[4], "csw", _BY_CURRENT)
    control = site.closed(Probe("i", (words[3],)), line)
    half = max(_SHARE * abs(n["it"]), _LEAST)
    if n["ih"] > 0:
        return _latch(site, line, words[0], control, (n["it"], n["ih"], min(half, 0.5 * n["ih"])), n, on=on)
    assert isinstance(control, Probe)  # a node whose voltage is the current
    element = mc.Switch(
        a, b, control.nodes[0], "0", v_on=n["it"] + half, v_off=n["it"] - half, r_on=n["ron"], r_off=n["roff"]
    )
    site.put(line, site.name(words[0]), element)


def _words(line: Line, count: int, form: str) -> tuple[list[str], bool]:
    """Words of the card, and whether it starts closed."""
    c = card(line)
    words = [w for w in c.fields if w not in ("on", "off")]
    if len(words) != count or c.options:
        line.fail(f"a switch is written {form}.")
    return words, "on" in c.fields


def _model(site: Site, line: Line, name: str, kind: str, defaults: Defaults) -> dict[str, float]:
    model = named_model(site.scope, line, name, (kind,))
    n = dict(defaults.values) | numbers(site, model, defaults)
    for key in ("ron", "roff"):
        if n[key] <= 0:
            model.line.fail(f"{key} = {n[key]:g} ohm must be above 0.")
    for key in ("vh", "ih"):
        if n.get(key, 0.0) < 0:
            model.line.fail(f"a negative hysteresis {key} = {n[key]:g} is not supported; mho has none or one above 0.")
    return n


def _latch(
    site: Site,
    line: Line,
    name: str,
    control: Expression,
    edge: tuple[float, float, float],
    n: dict[str, float],
    *,
    on: bool,
) -> None:
    """A switch with memory: a node of 0 or 1 V that follows what it and the control decide.

    It settles from 0 to 1 where the control passes threshold + hysteresis, and back where it passes threshold -
    hysteresis, as the sum of both is compared.
    """
    (threshold, hysteresis, half), tran = edge, site.parts.requests.tran
    flat, own = site.name(name), f"{site.name(name)}#on"
    words = line.text.split()
    state = Probe("v", (own,))
    lead = Call("-", (Call("*", (Number(2.0 * hysteresis), state)), Number(threshold + hysteresis)))
    share = Call("/", (Call("+", (control, lead)), Number(half)))
    settled = Call("u2", (Call("+", (Number(0.5), Call("*", (Number(0.5), share)))),))
    pull = formula(Call("-", (state, settled)))
    site.put(line, f"{flat}.on", mc.BehaviouralCurrent(own, "0", pull.nodes, pull))
    site.put(line, f"{flat}.in", mc.Capacitor(own, "0", _SETTLING * (tran.step if tran else 1e-9)))
    element = mc.Switch(
        site.node(words[1]), site.node(words[2]), own, "0", v_on=0.9, v_off=0.1, r_on=n["ron"], r_off=n["roff"]
    )
    site.put(line, flat, element)
    if on:
        site.parts.latched.append(own)
