"""Element lines of a circuit in SPICE's words, and the names that its nodes and elements have there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from mho import circuits as mc
from mho.circuits.charges import AbstractCharge
from mho.circuits.elements import AbstractConductor, AbstractElement
from mho.circuits.layout import capacitances, resistances
from mho.core.errors import InputError, NetlistError
from mho.interchange import spice_charges
from mho.interchange.jaxpr import Expressions, number
from mho.interchange.transistors import Foundry, Transistors

_STATE = 1e-12  # [F] capacitor whose voltage is a device state: a size that ngspice's charge tolerance suits
_UNBROKEN = 1e29  # [V] from which a junction has no breakdown
_CARRIERS = {"V": mc.VoltageSource, "E": mc.VCVS, "H": mc.CCVS, "B": mc.BehaviouralVoltage}
_GROUNDS = ("0", "gnd", "gnd!")  # names that mean ground to ngspice


class Lines:
    """Element lines of one circuit.

    Args:
        circuit: A single circuit.
        foundry: Whose transistors; mho's EKV if None.
        block: Name of the subcircuit in which the elements stand, empty at the top.
    """

    def __init__(self, circuit: mc.Circuit, foundry: Foundry | None = None, block: str = ""):
        self.circuit, self.block = circuit, block
        self.transistors = Transistors(float(circuit.temperature), foundry)
        self.hosts = spice_charges.hosts(circuit)
        self.pins: dict[str, None] = {}
        self.nodes: dict[str, str] = {"0": "0"}
        self._taken: set[str] = set(_GROUNDS)
        self._labels: dict[tuple[str, str], str] = {}
        self._lines: list[str] = []

    # ---- names -------------------------------------------------------------------------------------------------------
    def node(self, name: str) -> str:
        """Name of a node in ngspice: lower case, letters, digits and underscores, unique."""
        if name not in self.nodes:
            self.nodes[name] = self._free(_plain(name))
        return self.nodes[name]

    def label(self, kind: str, name: str) -> str:
        """Name of an element line, unique; its first letter is its kind."""
        if (kind, name) not in self._labels:
            self._labels[kind, name] = self._free(f"{kind.lower()}{re.sub(r'[^a-z0-9_]', '_', name.lower())}")
        found = self._labels[kind, name]
        return kind + found[len(kind) :]

    def _free(self, base: str) -> str:
        """The name, or the name with the first number that makes it new."""
        plain, k = base, 2
        while plain in self._taken:
            plain, k = f"{base}_{k}", k + 1
        self._taken.add(plain)
        return plain

    def place(self, name: str) -> str:
        """A node as it is called from the top."""
        inner = self.block and name not in self.pins
        return f"x{self.block.lower()}.{self.node(name)}" if inner else self.node(name)

    def vectors(self, save: Sequence[str]) -> dict[str, str]:
        """Mho's names of the saved vectors and of all sources' currents, by ngspice's names."""
        found: dict[str, str] = {}
        coils = {f"{n}.i": n for n, e in self.circuit.items() if isinstance(e, mc.Inductor)}
        for name in save:
            if name in coils:
                found[f"i({self.branch('L', coils[name])})"] = name
            elif name in self.nodes:
                found[f"v({self.place(name)})"] = name
            else:
                raise InputError(f"The circuit has no node or state {name!r} to save; it has {', '.join(self.nodes)}.")
        sources = (n for n, e in self.circuit.items() if isinstance(e, mc.VoltageSource))
        return found | {f"i({self.branch('V', n)})": f"i({n})" for n in sources}

    def branch(self, kind: str, name: str) -> str:
        """An element with a current, as ngspice calls it from the top."""
        controls = {e.control for e in self.circuit.elements if isinstance(e, mc.CCCS | mc.CCVS)}
        label = self.label(kind, name).lower()
        inner = self.block and (kind == "L" or name in controls)
        return f"{kind.lower()}.x{self.block.lower()}.{label}" if inner else label

    def carrier(self, name: str) -> str:
        """The element whose current controls another, as its line is called; ngspice cannot name a coil."""
        e = self.circuit[name]
        if isinstance(e, mc.Inductor):
            return self.label("V", f"{name}.meter")
        kind = next(letter for letter, of in _CARRIERS.items() if isinstance(e, of))
        return self.label(kind, name)

    # ---- lines -------------------------------------------------------------------------------------------------------
    def element(self, name: str) -> list[str]:
        """Lines of one element.

        Raises:
            NetlistError: If its equations have no SPICE form.
        """
        e, self._lines = self.circuit[name], []
        for kind, write in _WRITERS.items():
            if isinstance(e, kind):
                write(self, name, e)
                break
        else:
            if isinstance(e, AbstractConductor):
                self.formula(
                    "I", name, e.nodes[:2], lambda *v, temperature: e.current(v, temperature=temperature), e.nodes
                )
            elif not isinstance(e, mc.Capacitor):
                raise NetlistError(f"{name} is a {type(e).__name__}, which has no SPICE form here.")
        if not isinstance(e, mc.MOSFET):
            for k, (a, b, c) in enumerate(capacitances(name, e)):
                if a != b and float(c) > 0:
                    whole = isinstance(e, mc.Capacitor)
                    self.put("C", name if whole else f"{name}_{k}", (a, b), f"{number(c)}{self.charged(a, b)}")
        return self._lines

    def put(self, kind: str, name: str, nodes: Sequence[str], rest: str) -> None:
        """One element line."""
        self._lines.append(f"{self.label(kind, name)} {' '.join(self.node(n) for n in nodes)} {rest}")

    def charged(self, a: str, b: str) -> str:
        """The voltage that a capacitance holds at the start, if it holds any."""
        initial = self.circuit.initial
        v = float(initial.get(a, 0.0)) - float(initial.get(b, 0.0))
        return f" ic={number(v)}" if v else ""

    def shared(self, name: str) -> Callable[[str], str]:
        """What puts an expression on a node of its own."""
        count = 0

        def share(expression: str) -> str:
            nonlocal count
            count += 1
            node = self.node(f"{name}.shared{count}")
            self._lines.append(f"{self.label('B', f'{name}.s{count}')} {node} 0 V={expression}")
            return f"v({node})"

        return share

    def expressions(self, name: str, function: Callable[..., Any], nodes: Sequence[str]) -> list[str]:
        """A function of node voltages as expressions."""
        inputs = [f"v({self.node(x)})" if x != "0" else "0" for x in nodes]
        with jax.enable_x64(True):
            return Expressions(function, inputs, self.shared(name)).outputs

    def formula(self, kind: str, name: str, ends: Sequence[str], function: Callable[..., Any], nodes: Sequence[str]):
        """A behavioural source of a function of node voltages and `temperature`."""
        temperature = float(self.circuit.temperature)
        (text,) = self.expressions(name, lambda *v: (function(*v, temperature=temperature),), nodes)
        self.put("B", name, ends, f"{kind}={text}")

    def switch(self, name: str, e: mc.Switch) -> None:
        """A switch, its closing on a node of its own."""
        a, b, p, m = (self.node(x) for x in e.nodes)
        x = self.node(f"{name}.closing")
        way = f"(v({p})-v({m})-({number(e.v_off)}))/({number(e.v_on - e.v_off)})"
        self._lines.append(f"{self.label('B', name + '.x')} {x} 0 V=min(max({way},0),1)")
        s = f"(v({x})*v({x})*(3-2*v({x})))"
        conductance = f"exp(({s}-1)*{number(np.log(e.r_off))}-{s}*{number(np.log(e.r_on))})"
        self._lines.append(f"{self.label('B', name)} {a} {b} I=(v({a})-v({b}))*{conductance}")

    def diode(self, name: str, e: mc.Diode | mc.Junction) -> None:
        """A junction diode with a model card of its own, which carries its charge too."""
        model = self.label("mho_d_", name)
        self.put("D", name, e.nodes, model)
        numbers = {"is": e.i_s, "n": e.n, **spice_charges.of_junction(self.charge_in(name))}
        if float(e.kf) > 0:
            numbers |= {"kf": e.kf, "af": e.af}
        if isinstance(e, mc.Junction):
            if float(e.breakdown) < _UNBROKEN:  # no current is named at it: it is where breakdown carries `is`
                numbers |= {"bv": e.breakdown, "ibv": 0.0, "nbv": e.n_breakdown}
            self.beside(name, e.nodes, float(e.g_min) - spice_charges.GMIN)
        self._lines.append(f".model {model} D({spice_charges.card(numbers)})")

    def level_one(self, name: str, e: mc.LevelOne) -> None:
        """Ngspice's own level 1, its junctions off; the oxide's thickness says Meyer's charge."""
        model = self.label("mho_m_", name)
        self.put("M", name, (e.drain, e.gate, e.source, e.bulk), f"{model} w={number(e.w)} l={number(e.l)}")
        numbers = {"vto": e.vto, "kp": e.kp, "gamma": e.gamma, "phi": e.phi, "lambda": e.lambda_}
        numbers |= spice_charges.of_channel(e, self.charge_in(name))
        if float(e.kf) > 0:
            numbers |= {"kf": e.kf, "af": e.af}
        kind = "nmos" if e.polarity > 0 else "pmos"
        self._lines.append(f".model {model} {kind}(level=1 is=0 {spice_charges.card(numbers)})")
        self.beside(name, (e.drain, e.source), float(e.g_min))

    def charge_in(self, host: str) -> Any:
        """The charge that the card of an element carries, or None."""
        return next((self.circuit[c] for c, h in self.hosts.items() if h == host), None)

    def beside(self, name: str, ends: Sequence[str], conductance: float) -> None:
        """A small conductance beside an element."""
        if conductance > 0 and ends[0] != ends[1]:
            self.put("R", f"{name}.gmin", ends, number(1.0 / np.float64(conductance)))

    def charge(self, name: str, e: AbstractCharge) -> None:
        """A charge that stands in no card."""
        if name not in self.hosts:
            spice_charges.capacitors(self, name, e)

    def coupling(self, name: str, e: mc.Coupling) -> None:
        """Two inductors that share flux."""
        ends = " ".join(self.label("L", coil) for coil in (e.one, e.two))
        self._lines.append(f"{self.label('K', name)} {ends} {number(e.k)}")

    def memristive(self, name: str, e: mc.Memristive) -> None:
        """Currents and state rates from the device's own equations; each state is a capacitor's voltage."""
        inside = (*e.nodes, *(f"{name}.{x}" for x in e.device.internal))
        states = tuple(f"{name}.{s}" for s in e.state_names())

        def flows(*x: Any) -> tuple[Any, ...]:
            currents, rates = e.flows(x, temperature=float(self.circuit.temperature))
            return (*currents, *rates)

        outputs = self.expressions(name, flows, (*inside, *states))
        for k, (node, text) in enumerate(zip(inside, outputs, strict=False)):
            if text not in ("0", "(0)"):
                self.put("B", f"{name}.i{k}", (node, "0"), f"I={text}")
        for node, text, value in zip(states, outputs[len(inside) :], e.initial_values(), strict=True):
            value = self.circuit.initial.get(node, value)
            self.put("B", f"{node}.rate", ("0", node), f"I={number(_STATE)}*({text})")
            self.put("C", node, (node, "0"), f"{number(_STATE)} ic={number(value)}")
        for k, (a, b, r) in enumerate(resistances(name, e)):
            self.put("R", f"{name}_{k}", (a, b), number(r))

    def coil(self, name: str, e: mc.Inductor) -> None:
        """An inductor with the current that it starts with, behind a meter where that controls a source."""
        a, b = e.nodes
        if any(isinstance(x, mc.CCCS | mc.CCVS) and x.control == name for x in self.circuit.elements):
            self.put("V", f"{name}.meter", (a, f"{name}.meter"), "DC 0")
            a = f"{name}.meter"
        self.put("L", name, (a, b), f"{number(e.l)} ic={number(self.circuit.initial.get(f'{name}.i', 0.0))}")


def _plain(name: str) -> str:
    """A node's name in ngspice's letters."""
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower())
    return f"n_{plain}" if plain[0].isdigit() else plain


_WRITERS: dict[type[AbstractElement], Callable[[Lines, str, Any], None]] = {
    mc.Resistor: lambda w, n, e: w.put("R", n, e.nodes, number(e.r)),
    mc.Inductor: Lines.coil,
    mc.VoltageSource: lambda w, n, e: w.put("V", n, e.nodes, wave_text(e.wave)),
    mc.CurrentSource: lambda w, n, e: w.put("I", n, e.nodes, wave_text(e.wave)),
    mc.VCVS: lambda w, n, e: w.put("E", n, e.nodes, number(e.gain)),
    mc.VCCS: lambda w, n, e: w.put("G", n, e.nodes, number(e.g)),
    mc.CCCS: lambda w, n, e: w.put("F", n, e.nodes, f"{w.carrier(e.control)} {number(e.gain)}"),
    mc.CCVS: lambda w, n, e: w.put("H", n, e.nodes, f"{w.carrier(e.control)} {number(e.r)}"),
    mc.BehaviouralCurrent: lambda w, n, e: w.formula("I", n, e.nodes[:2], e.function, e.controls),
    mc.BehaviouralVoltage: lambda w, n, e: w.formula("V", n, e.nodes[:2], e.function, e.controls),
    mc.Diode: Lines.diode,
    mc.Junction: Lines.diode,
    AbstractCharge: Lines.charge,
    mc.Coupling: Lines.coupling,
    mc.Switch: Lines.switch,
    mc.LevelOne: Lines.level_one,
    mc.MOSFET: lambda w, n, e: w.put("X", n, e.nodes, w.transistors.call(e)),
    mc.Memristive: Lines.memristive,
}


def wave_text(wave: Any) -> str:
    """A source's value in SPICE's words."""
    if isinstance(wave, mc.DC):
        return f"DC {number(wave.value)}"
    if isinstance(wave, mc.PulseWave):
        parts = (wave.v1, wave.v2, wave.delay, wave.rise, wave.fall, wave.width, wave.period)
        return f"PULSE({' '.join(number(x) for x in parts)})"
    if isinstance(wave, mc.Sin):
        return f"SIN({' '.join(number(x) for x in (wave.offset, wave.amplitude, wave.frequency, wave.delay))})"
    if isinstance(wave, mc.PWL):
        t, v = np.array([*map(float, wave.times)]), np.array([*map(float, wave.values)])
        # A table begins at time zero; what lies before it is past.
        later = t > 0
        t, v = np.concatenate([[0.0], t[later]]), np.concatenate([[np.interp(0.0, t, v)], v[later]])
        return "PWL(" + "\n+ ".join(f"{number(a)} {number(b)}" for a, b in zip(t, v, strict=True)) + ")"
    raise NetlistError(f"A {type(wave).__name__} has no SPICE form.")
