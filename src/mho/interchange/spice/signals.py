"""Waveforms under ngspice's names: node voltages, held ones too, and the currents of sources and inductors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from mho import circuits as mc
from mho.circuits.checks import BRANCHES
from mho.circuits.observed import observe
from mho.core.errors import NetlistError
from mho.interchange.spice.elaboration import TIME
from mho.interchange.spice.formulas import Formula
from mho.interchange.spice.netlist import Netlist
from mho.netlists.expressions import Expression, Name, Probe, parse, probes
from mho.netlists.functions import evaluate
from mho.netlists.lines import Line

# What vdb, vm, vp, vr and vi take of a phasor; the phase is in radians, as ngspice has it.
PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "db": mc.decibels,
    "m": np.abs,
    "p": lambda x: np.unwrap(np.angle(x)),
    "r": np.real,
    "i": np.imag,
}


@dataclass(frozen=True)
class Table:
    """Points of one analysis.

    Args:
        axis: Name of what is varied: "time", "frequency", a swept source, or "" for an operating point.
        points: Its values.
        voltages: By node [V]; complex over frequency.
        currents: By element, from its first node through it to the second, likewise [A].
        others: Signals of other kinds, by their name (spectra of noise).
    """

    axis: str
    points: np.ndarray
    voltages: Mapping[str, np.ndarray]
    currents: Mapping[str, np.ndarray]
    others: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def phasors(self) -> bool:
        """Whether signals are complex."""
        return self.axis == "frequency" and not self.others

    def value(self, probe: Probe) -> np.ndarray:
        """A probe's values.

        Raises:
            NetlistError: If there is no such node or current.
        """
        if probe.kind not in ("v", "i"):
            return PARTS[probe.kind[1:]](self.value(Probe(probe.kind[0], probe.nodes)))
        if probe.kind == "i":
            name = plain_source(probe.nodes[0])
            if name not in self.currents:
                raise NetlistError(f"there is no current i({probe.nodes[0]}); there is {_some(self.currents, 'i')}.")
            return self.currents[name]
        zero = np.zeros_like(self.points)
        sides = [zero if n in ("0", "gnd") else self.voltages.get(n) for n in probe.nodes]
        for node, side in zip(probe.nodes, sides, strict=True):
            if side is None:
                raise NetlistError(f"there is no node {node!r}; there is {_some(self.voltages, 'v')}.")
        return sides[0] - sides[1] if len(sides) > 1 else sides[0]  # type: ignore[operator,return-value]

    def evaluate(self, tree: Expression) -> np.ndarray:
        """Values of an expression over the signals."""
        values: dict[Expression, np.ndarray] = {
            p: self.value(p) if isinstance(p, Probe) else self.points for p in probes(tree)
        }
        with np.errstate(all="ignore"):
            return np.broadcast_to(evaluate(tree, values), self.points.shape)

    def with_formulas(self, followers: Mapping[str, tuple[str, Formula]], *, celsius: float) -> Table:
        """The table with nodes that formulas give [V], and the currents of their sources, which carry none."""
        voltages: dict[Expression, np.ndarray] = {Probe("v", (n,)): x for n, x in self.voltages.items()}
        voltages[Name("temper")] = np.asarray(celsius)
        with np.errstate(all="ignore"):
            found = {
                node: np.broadcast_to(evaluate(f.tree, voltages), self.points.shape) for node, f in followers.values()
            }
        still = dict.fromkeys(followers, np.zeros_like(self.points))
        return Table(self.axis, self.points, {**self.voltages, **found}, {**self.currents, **still})


def _some(names: Mapping[str, np.ndarray], kind: str) -> str:
    listed = [f"{kind}({n})" for n in names if not hidden(n)]
    return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "") or "none"


def plain_source(name: str) -> str:
    """Mho's name of an element that ngspice calls `v.x1.vs`."""
    parts = name.split(".")
    return ".".join(parts[1:]) if len(parts) > 2 and len(parts[0]) == 1 and parts[-1][:1] == parts[0] else name


def spice_source(name: str) -> str:
    """Ngspice's name of an element `x1.vs`."""
    return f"{name.rpartition('.')[2][0]}.{name}" if "." in name else name


def hidden(node: str) -> bool:
    """Whether a node is one that reading put in."""
    return node == TIME or "(" in node or "#" in node


def branches(netlist: Netlist) -> Iterator[str]:
    """Elements whose current is a signal."""
    for name, element in netlist.circuit.items():
        if isinstance(element, BRANCHES) and not hidden(name):
            yield name
    yield from (name for name in netlist.followers if not hidden(name))


def wanted(netlist: Netlist, table: Table) -> dict[str, np.ndarray]:
    """The signals that the netlist saves, in its order; all of them if it names none."""
    found: dict[str, np.ndarray] = {}
    if table.others:
        return dict(table.others)
    everything = not netlist.requests.save
    for text, line in netlist.requests.save:
        if text in ("all", "allv", "alli"):
            everything = True
            continue
        found |= {text: _signal(text, line, table)}
    if everything:
        for node, x in table.voltages.items():
            if not hidden(node):
                found.setdefault(f"v({node})", x)
        for name, x in table.currents.items():
            if not hidden(name):
                found.setdefault(f"i({spice_source(name)})", x)
    return found


def _signal(text: str, line: Line, table: Table) -> np.ndarray:
    inner = text
    if text.startswith("par("):
        inner = text[4:-1].strip("'\"")
    elif text.endswith("#branch"):
        inner = f"i({text.removesuffix('#branch')})"
    elif "(" not in text:
        if text.startswith("@"):
            line.fail(f"{text}: currents and numbers inside an element are not kept; use a 0 V source.")
        inner = f"v({text})"
    try:
        return table.evaluate(parse(re.sub(r"\s", "", inner), phasors=table.phasors))
    except NetlistError as error:
        line.fail(f"{text}: {error}")


def observed(netlist: Netlist, axis: str, circuit: mc.Circuit, names: tuple[str, ...], t, u, du) -> Table:
    """All signals of one sample from its unknowns at points, and their slopes there."""
    values, slopes = dict(zip(names, u, strict=True)), dict(zip(names, du, strict=True))
    held, currents = observe(circuit, t, values, slopes)
    inner = {f"{name}.i" for name in circuit.names}
    voltages = {n: x for n, x in values.items() if n not in inner}
    currents |= {
        n.removesuffix(".i"): x for n, x in values.items() if n in inner and n.removesuffix(".i") not in currents
    }
    table = Table(axis, t, voltages | held, currents)
    return table.with_formulas(netlist.followers, celsius=float(circuit.temperature) - 273.15)
