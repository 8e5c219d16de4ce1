"""Writes a circuit as a netlist for ngspice, self-contained: transistors and devices become behavioural sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mho import circuits as mc
from mho.circuits.start import initial_states
from mho.core.errors import InputError
from mho.interchange.language import number
from mho.interchange.spice_charges import GMIN
from mho.interchange.spice_elements import Lines
from mho.interchange.transistors import Foundry


@dataclass(frozen=True)
class SpiceText:
    """A netlist, and how its names read in mho.

    Args:
        text: The netlist.
        stop: End of its transient analysis [s].
        names: mho's name for each of ngspice's vectors.
        behaviour: ngspice's `ngbehavior` under which the netlist reads, empty for its own.
    """

    text: str
    stop: float
    names: Mapping[str, str]
    behaviour: str = ""

    def named(self, vectors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Vectors under mho's names; others as they are."""
        return {self.names.get(name, name): x for name, x in vectors.items()}


@dataclass(frozen=True)
class Block:
    """The part of a circuit that becomes a subcircuit: everything but its independent sources.

    Args:
        name: Of the subcircuit.
        pins: Nodes that are pins in any case, first; nodes that a source outside touches follow.
        about: Lines of explanation, written as comments before it.
    """

    name: str
    pins: tuple[str, ...] = ()
    about: tuple[str, ...] = field(default=())


def spice_text(
    circuit: mc.Circuit,
    stop: float,
    *,
    save: Sequence[str] = (),
    reltol: float = 1e-5,
    max_step: float | None = None,
    start: mc.Start = mc.Start.ZERO,
    foundry: Foundry | None = None,
    block: Block | None = None,
    title: str = "mho circuit",
    method: Literal["trap", "gear"] = "trap",
) -> SpiceText:
    """Write a circuit and a transient analysis as an ngspice netlist.

    Args:
        circuit: A single circuit (not a population).
        stop: End [s].
        save: Nodes, states and inductor currents (``"coil.i"``) to write; all source currents are written.
        reltol: Relative tolerance.
        max_step: Largest step; a 700th of the run if None. Without it ngspice would cap the step at its print step [s].
        start: From zero charge (`uic`), or from the operating point, which takes `initial` voltages as a guess.
        foundry: Whose models stand for the transistors; mho's own EKV equations if None.
        block: Write all but the independent sources as a subcircuit.
        title: First line.
        method: ngspice's integration. The trapezoidal rule is more accurate; Gear's gets past a threshold at which a
            membrane's trapezoids ring until the step is too small.

    Raises:
        InputError: If the circuit is a population, or a name is unknown.
        NetlistError: If a device's equations have no SPICE form.
    """
    if circuit.samples is not None:
        raise InputError(
            f"This is a population of {circuit.samples} circuits; a netlist holds one. Take one sample of it."
        )
    lines = Lines(circuit, foundry, block.name if block else "")
    inside, outside = _parts(circuit) if block else (circuit.names, ())
    inner = [x for name in inside for x in lines.element(name)]
    outer = [x for name in outside for x in lines.element(name)]
    body = inner if block is None else [*_block(block, circuit, lines, inside, outside, inner), *outer]
    vectors = lines.vectors(save)
    celsius = number(round(float(circuit.temperature) - 273.15, 9))
    # The default chgtol of 1e-14 C is larger than the charges of a femtofarad circuit.
    options = f"reltol={reltol:g} abstol=1e-15 vntol=1e-8 chgtol=1e-18 gmin={GMIN:g} method={method}"
    step = number(max_step or stop / 700)
    text = [
        f"* {title}",
        *lines.transistors.definitions(),
        *body,
        *_start(circuit, lines, start),
        f".options {options} temp={celsius} tnom={celsius}",
        *([".save " + " ".join(vectors)] if vectors else []),
        f".tran {step} {number(stop)} 0 {step}{' uic' if start is mc.Start.ZERO else ''}",
        ".end",
        "",
    ]
    return SpiceText("\n".join(text), stop, vectors, "hsa" if foundry is not None and foundry.subcircuits else "")


def _parts(circuit: mc.Circuit) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the elements inside a subcircuit, and of the independent sources outside that control nothing."""
    controls = {e.control for e in circuit.elements if isinstance(e, mc.CCCS | mc.CCVS)}
    out = tuple(
        n for n, e in circuit.items() if isinstance(e, mc.VoltageSource | mc.CurrentSource) and n not in controls
    )
    return tuple(n for n in circuit.names if n not in out), out


def _block(
    block: Block, circuit: mc.Circuit, lines: Lines, inside: Sequence[str], outside: Sequence[str], body: Sequence[str]
) -> list[str]:
    """The subcircuit and its call."""
    known = {node for name in inside for node in circuit[name].nodes}
    unknown = [p for p in block.pins if p not in known]
    if unknown:
        raise InputError(f"The circuit has no node {unknown[0]!r} to be a pin; it has {', '.join(sorted(known))}.")
    touched = (node for name in outside for node in circuit[name].nodes if node in known and node != "0")
    pins = dict.fromkeys((*block.pins, *touched))
    lines.pins.update(pins)
    names = " ".join(lines.node(p) for p in pins)
    return [
        *(f"* {line}".rstrip() for line in block.about),
        f".subckt {block.name} {names}",
        *body,
        f".ends {block.name}",
        f"X{block.name} {names} {block.name}",
    ]


def _start(circuit: mc.Circuit, lines: Lines, start: mc.Start) -> list[str]:
    """Initial voltages and states: held, or as a guess for the operating point."""
    states = {k: v for k, v in initial_states(circuit).items() if not k.endswith(".i")}
    guess = circuit.initial if start is mc.Start.OPERATING_POINT else {}
    return [f".{'nodeset' if name in guess else 'ic'} v({lines.place(name)})={number(v)}" for name, v in states.items()]
