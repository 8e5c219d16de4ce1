"""A netlist that was read: its circuit, what it asks for, and what was left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mho import circuits as mc
from mho.circuits.checks import BRANCHES
from mho.core.errors import MhoError, NetlistError
from mho.interchange.spice.elaboration import TIME, Parts, Site
from mho.interchange.spice.followers import without_followers
from mho.interchange.spice.formulas import Formula
from mho.netlists.analyses import Requests
from mho.netlists.lines import Line
from mho.netlists.outline import Outline, outline, placed
from mho.netlists.parameters import Scope

_LAST = 1e6  # [s] to which a ramp gives formulas their time


@dataclass(frozen=True)
class Netlist:
    """A SPICE netlist as a circuit of mho.

    Nodes and elements have ngspice's names, a subcircuit's after its path: node `xl.h`, element `xl.r1`.

    Args:
        title: First line.
        circuit: The flat circuit, without initial values.
        requests: Analyses, options, signals and measurements.
        charges: Initial node voltages from capacitors' ic=, which count with uic alone [V].
        currents: Initial inductor currents, likewise [A].
        levels: Values that sources have in a DC analysis where their waveform has another [V or A].
        latched: Nodes of switches that start closed.
        fastest: Shortest period among sources that are formulas of time [s].
        phasors: AC phasors of the sources that have one [V or A].
        notes: One sentence for everything that is not used or read otherwise, with its line.
        scope: Parameters at the top, for measurements.
        lines: Line of each element.
        file: Name of its file.
        followers: Voltage sources of formulas that were put into the formulas that read them: node and formula by name.
    """

    title: str
    circuit: mc.Circuit
    requests: Requests
    charges: Mapping[str, float]
    currents: Mapping[str, float]
    levels: Mapping[str, float]
    latched: tuple[str, ...]
    fastest: float
    phasors: Mapping[str, complex]
    notes: tuple[str, ...]
    scope: Scope
    lines: Mapping[str, Line] = field(default_factory=dict)
    file: str = "the netlist"
    followers: Mapping[str, tuple[str, Formula]] = field(default_factory=dict)

    def place(self, message: str) -> str:
        """Where the first element stands at a node that a message names in quotes, as the beginning of a message."""
        named = set(re.findall(r"'([^']+)'", message))
        for name, e in self.circuit.items():
            if name in self.lines and named & set(e.nodes):
                return f"{self.lines[name].place}: "
        return f"{self.file}: "


def read_spice(path: str | Path, *, celsius: float | None = None) -> Netlist:
    """Read a SPICE netlist with the files that it includes.

    Elements R C L K V I E G F H B D M (level 1) S W and X; .param .csparam .func .model .subckt .if .include .lib
    .global .ic .nodeset .options .temp .tran .op .dc .ac .noise .save .print .measure, and of .control its analyses and
    measurements. The EKV transistor as a subcircuit of behavioural sources is recognised by what it computes, and
    becomes the built-in one.

    Args:
        path: The netlist file.
        celsius: Temperature in place of the netlist's own [degree Celsius].

    Raises:
        NetlistError: If the netlist is malformed or asks for what mho has not; names file and line.
    """
    found = outline(path, celsius=celsius)
    with placed(found.path), np.errstate(all="ignore"):
        return _elaborated(found)


def _elaborated(found: Outline) -> Netlist:
    path, title, scope, asked, notes = found.path, found.title, found.scope, found.requests, found.notes
    parts = Parts(asked, notes)
    Site(parts, scope).expand()
    elements = dict(parts.elements)
    for source, line in parts.probed.items():
        if not isinstance(elements.get(source), BRANCHES):
            line.fail(f"i({source}) is the current of no voltage source or inductor. Put a 0 V source in series.")
        elements[f"i({source})"] = mc.CCVS(f"i({source})", "0", source, 1.0)
    if parts.uses_time:
        corners = sorted({0.0, _LAST, *(t for t in parts.corners if 1e-14 < t < _LAST)})
        elements[TIME] = mc.VoltageSource(TIME, "0", mc.PWL(corners, corners))
    try:
        circuit = mc.Circuit(elements, temperature=asked.celsius + 273.15)
    except MhoError as error:
        raise NetlistError(f"{_place(str(error), parts, path)}: {error}") from error
    known = {x for e in circuit.elements for x in e.nodes} | {"0"}
    for word, values in ((".ic", asked.initial), (".nodeset", asked.nodeset)):
        for node in values:
            if node not in known:
                raise NetlistError(f"{path.name}: {word} names v({node}), and there is no such node.")
    charges = _from_charges(parts)
    measured = {e.control for e in elements.values() if isinstance(e, mc.CCCS | mc.CCVS)}
    given = {e.plus for name, e in elements.items() if name in measured}  # type: ignore[union-attr]
    followers: dict[str, tuple[str, Formula]] = {}
    if asked.ac is None and asked.noise is None:  # a phasor of a formula's value is that of its node
        elements, followers = without_followers(elements, {*asked.initial, *asked.nodeset, *charges, *given})
    if followers:
        circuit = mc.Circuit(elements, temperature=circuit.temperature)
    return Netlist(
        title=title,
        circuit=circuit,
        requests=asked,
        charges=charges,
        currents=parts.currents,
        levels=parts.levels,
        phasors=parts.phasors,
        latched=tuple(parts.latched),
        fastest=min(parts.periods, default=float("inf")),
        notes=tuple(notes),
        scope=scope,
        lines=parts.lines,
        file=path.name,
        followers=followers,
    )


def _place(message: str, parts: Parts, path: Path) -> str:
    """Where the first element that a message names stands."""
    for word in re.findall(r"[^\s'\",:;()]+", message):
        line = parts.lines.get(word.rstrip("."))
        if line is not None:
            return f"{line.file}, line {line.number}"
    return path.name


def _from_charges(parts: Parts) -> dict[str, float]:
    """Node voltages that make the capacitors' initial voltages, from ground outwards."""
    uic = parts.requests.tran is not None and parts.requests.tran.uic
    found: dict[str, float] = {"0": 0.0}
    left = [c for c in parts.charges if c[2] != 0.0] if uic else []
    while left:
        ready = [c for c in left if c[0] in found or c[1] in found]
        if not ready:
            left[0][3].fail("an initial voltage between two nodes needs one of them to have one too (ic= or .ic).")
        for a, b, v, line in ready:
            if a in found and b in found and abs(found[a] - found[b] - v) > 1e-9:
                line.fail(f"the initial voltage of {v:g} V contradicts those of other capacitors.")
            if a in found:
                found.setdefault(b, found[a] - v)
            else:
                found[a] = found[b] + v
        left = [c for c in left if c not in ready]
    found.pop("0")
    return found
