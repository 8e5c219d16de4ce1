"""From definitions and cards to a flat circuit: subcircuits expanded, every number worked out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from mho import circuits as mc
from mho.circuits.elements import AbstractElement
from mho.core.errors import MhoError, NetlistError
from mho.interchange.spice.ekv import NAMES, transistor
from mho.interchange.spice.formulas import between, formula
from mho.netlists.analyses import Requests
from mho.netlists.expressions import Call, Expression, Name, Number, Probe, parse
from mho.netlists.lines import Line
from mho.netlists.parameters import Scope
from mho.netlists.references import called, letter
from mho.netlists.subcircuits import Body

TIME = "time()"  # a node that a source ramps by 1 V/s: what `time` is in a formula
_DEEPEST, _MOST = 30, 50_000
_COMPARED = ("<", "<=", ">", ">=", "-", "min", "max")


@dataclass
class Parts:
    """What elaboration has found so far.

    Args:
        elements: Elements by name.
        lines: Where each comes from.
        charges: Initial voltages across capacitors: (node, node, volt, line).
        currents: Initial currents of inductors by element.
        corners: Times at which formulas of time have corners [s].
        levels: DC value of sources whose waveform is another thing.
        phasors: AC phasor of sources that have one.
        probed: Nodes whose voltage is a source's current, by source.
        instances: Subcircuits that have been expanded.
        latched: Nodes of switches that start closed.
        periods: Periods of sources that are formulas of time [s].
        notes: What was read in another way than it was written.
    """

    requests: Requests
    notes: list[str]
    elements: dict[str, AbstractElement] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    charges: list[tuple[str, str, float, Line]] = field(default_factory=list)
    currents: dict[str, float] = field(default_factory=dict)
    corners: set[float] = field(default_factory=set)
    levels: dict[str, float] = field(default_factory=dict)
    phasors: dict[str, complex] = field(default_factory=dict)
    probed: dict[str, Line] = field(default_factory=dict)
    instances: int = 0
    latched: list[str] = field(default_factory=list)
    periods: list[float] = field(default_factory=list)
    uses_time: bool = False
    kinds: dict = field(default_factory=dict)


class Site:
    """One body being expanded at one place.

    Args:
        parts: Collects the result.
        scope: Its parameters.
        prefix: Path of the instance, empty at the top.
        pins: Node of each pin.
        depth: How deep it stands.
    """

    def __init__(
        self, parts: Parts, scope: Scope, prefix: str = "", pins: dict[str, str] | None = None, depth: int = 0
    ):
        self.parts, self.scope, self.prefix, self.pins, self.depth = parts, scope, prefix, pins or {}, depth

    def node(self, name: str) -> str:
        """A node's name in the flat circuit."""
        if name in ("0", "gnd"):
            return "0"
        if name in self.pins:
            return self.pins[name]
        return name if name in self.parts.requests.globals_ else self.prefix + name

    def name(self, element: str) -> str:
        """An element's name in the flat circuit."""
        return self.prefix + element

    def put(self, line: Line, name: str, element: AbstractElement) -> None:
        """Add an element under its flat name.

        Raises:
            NetlistError: If the name is taken.
        """
        if name in self.parts.elements:
            before = self.parts.lines[name]
            line.fail(
                f"{name} is there already ({before.file}, line {before.number}). Give every element its own name."
            )
        if len(self.parts.elements) >= _MOST:
            line.fail(f"the circuit has more than {_MOST} elements.")
        self.parts.elements[name], self.parts.lines[name] = element, line

    def value(self, text: str, line: Line) -> float:
        """A number, parameter or constant expression."""
        return self.scope.at(text, line)

    def tree(self, text: str, line: Line) -> Expression:
        """A closed formula over the flat circuit's nodes."""
        try:
            return self.closed(parse(text), line)
        except NetlistError as error:
            if ", line " in str(error):
                raise
            line.fail(str(error))

    def closed(self, tree: Expression, line: Line) -> Expression:
        """A tree with its parameters, functions and probes put in."""
        return self.scope.closed(tree, lambda p: self.probe(p, line))

    def probe(self, probe: Probe, line: Line) -> Expression:
        """A probe in terms of single nodes' voltages."""
        if probe.kind == "v":
            a, b = (*map(self.node, probe.nodes), "0")[:2]
            return between(a, b)
        source = self.source(probe.nodes[0])
        self.parts.probed.setdefault(source, line)
        return Probe("v", (f"i({source})",))

    def source(self, name: str) -> str:
        """Flat name of a source that is named here, also as ngspice's `v.x1.vs`."""
        parts = name.split(".")
        if len(parts) > 2 and len(parts[0]) == 1 and parts[-1].startswith(parts[0]):
            return ".".join(parts[1:])
        return self.name(name)

    def behave(self, line: Line, name: str, a: str, b: str, tree: Expression, *, voltage: bool) -> None:
        """Add a behavioural source of a closed formula."""
        tree = self.moving(tree, line)
        made = formula(tree)
        if isinstance(tree, Number):
            element = mc.VoltageSource(a, b, tree.value) if voltage else mc.CurrentSource(a, b, tree.value)
        elif voltage:
            element = mc.BehaviouralVoltage(a, b, made.nodes, made)
        else:
            # Without a node to depend on there is none to differentiate by: the output's own serves.
            controls = made.nodes or ((a if a != "0" else b),)
            element = mc.BehaviouralCurrent(a, b, controls, made if made.nodes else formula(_beside(tree, controls[0])))
        self.put(line, name, element)

    def moving(self, tree: Expression, line: Line) -> Expression:
        """The tree with `time` as the voltage of a ramp, and each `ddt` as the current of a capacitor."""
        if tree == Name("time"):
            self.parts.uses_time = True
            return Probe("v", (TIME,))
        if not isinstance(tree, Call):
            return tree
        if tree.name in _COMPARED and Name("time") in tree.args:
            # Where a formula compares the time, it may jump or bend: a step ends there.
            self.parts.corners.update(x.value for x in tree.args if isinstance(x, Number) and x.value > 0)
        args = tuple(self.moving(x, line) for x in tree.args)
        return self.derivative(args[0], line) if tree.name == "ddt" else Call(tree.name, args)

    def derivative(self, tree: Expression, line: Line) -> Expression:
        """The slope of a formula: the current of a capacitor that holds it, as a voltage of order 1.

        Limits: the first steps after a source's corner find the slope anew, and are off by some percent for about a
        thousandth of the print step.
        """
        tran, k = self.parts.requests.tran, 1
        while f"ddt{k}()" in self.parts.elements:
            k += 1
        name, farad = f"ddt{k}()", tran.step if tran else 1e-9
        made = formula(tree)
        self.put(line, f"{name}e", mc.BehaviouralVoltage(f"{name}x", "0", made.nodes, made))
        self.put(line, f"{name}c", mc.Capacitor(f"{name}x", f"{name}m", farad))
        self.put(line, f"{name}v", mc.VoltageSource(f"{name}m", "0", 0.0))
        self.put(line, name, mc.CCVS(name, "0", f"{name}v", 1.0))
        return Call("/", (Probe("v", (name,)), Number(farad)))

    # ---- subcircuits -------------------------------------------------------------------------------------------------
    def expand(self) -> None:
        """Elaborate all elements of this body."""
        from mho.interchange.spice.elements import ELEMENTS

        for line in self.scope.body.elements:
            guards = self.scope.body.guards.get(line, ())
            if not all((self.value(text, at) != 0) == wanted for text, wanted, at in guards):
                continue
            try:
                kind = letter(line)
                if kind == "x":
                    self.instance(line)
                else:
                    ELEMENTS[kind](self, line)
            except NetlistError as error:
                if ", line " in str(error):
                    raise
                line.fail(str(error))
            except MhoError as error:
                line.fail(str(error))
            except ArithmeticError as error:
                line.fail(f"its numbers cannot be computed ({error}).")

    def instance(self, line: Line) -> None:
        """Expand a subcircuit's call."""
        call = called(self.scope, line)
        body, nodes = call.body, tuple(self.node(n) for n in call.nodes)
        if self.depth >= _DEEPEST:
            line.fail(f"subcircuits stand inside each other more than {_DEEPEST} deep. Does {body.name!r} call itself?")
        self.parts.instances += 1
        if self.parts.instances > _MOST:
            line.fail(f"more than {_MOST} subcircuits are expanded. Do they call each other?")
        values = {name: self.value(text, line) for name, text in call.given.items()}
        if values.get("m", 1.0) != 1.0 and "m" not in body.defaults:
            line.fail("m= at a subcircuit is not supported; call it several times.")
        inner = Scope(body, call.home, values)
        found = self.transistor(body, inner)
        if found is not None:
            drain, gate, source, bulk = nodes
            made = dataclasses.replace(found, drain=drain, gate=gate, source=source, bulk=bulk)
            self.put(line, self.name(call.name), made)
            return
        pins = dict(zip(body.pins, nodes, strict=True))
        Site(self.parts, inner, f"{self.name(call.name)}.", pins, self.depth + 1).expand()

    def transistor(self, body: Body, scope: Scope) -> mc.MOSFET | None:
        """The built-in transistor that the subcircuit computes at the circuit's temperature, if it does."""
        r = self.parts.requests
        if len(body.pins) != 4 or not all(scope.has(x) for x in NAMES):
            return None
        key = (id(body), tuple(scope.value(x) for x in (*body.defaults, *body.parameters)))
        if key not in self.parts.kinds:
            celsius = 27.0 if r.of_corner else r.celsius  # at a corner it follows the built-in one's own laws
            trial = Parts(dataclasses.replace(r, celsius=celsius), [])
            # The pins get names that no netlist can have, so that no global node is meant.
            pins = {pin: f"pin({pin})" for pin in body.pins}
            Site(trial, scope, "", pins, self.depth + 1).expand()
            simple = not (trial.uses_time or trial.probed or trial.charges)
            names = tuple(pins.values())
            self.parts.kinds[key] = transistor(names, scope, trial.elements, celsius + 273.15) if simple else None
        return self.parts.kinds[key]


def _beside(tree: Expression, node: str) -> Expression:
    return Call("+", (tree, Call("*", (Number(0.0), Probe("v", (node,))))))
