"""Writes a circuit as a netlist for ngspice, self-contained: transistors and devices become behavioural sources."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mho import circuits as mc
from mho.circuits.elements import AbstractElement
from mho.circuits.layout import capacitances, resistances
from mho.circuits.start import initial_states
from mho.core.errors import InputError, NetlistError
from mho.interchange.jaxpr import Expressions, number

_STATE = 1e-12  # [F] capacitor whose voltage is a device state: a size that ngspice's charge tolerance suits

# The charges q_f and q_r sit on nodes of their own, because one flat expression is four times slower; they are clamped
# where they are used, because Newton's method throws such nodes far off in its first iterations. No parameter is named
# like a function of ngspice (ln, for example).
_EKV = """\
.func mho_sp(x) {ln(1+exp(-min(abs(x),80)))+max(min(x,80),0)}
.func mho_cl(x) {max(min(x,80),0)}
.func mho_fc(a,b,th) {(a-b)*(a+b)/(1+th*(a+b))}
.subckt mho_ekvn d g s b isp=1 vto=1 nsl=1 kut=1 th=0 lam=0
Bf qf 0 V=mho_sp(((v(g,b)-{vto})/{nsl}-v(s,b))*{kut})
Br qr 0 V=mho_sp(((v(g,b)-{vto})/{nsl}-v(d,b))*{kut})
Bi d s I={isp}*mho_fc(mho_cl(v(qf)),mho_cl(v(qr)),{th})*(1+{lam}*sqrt(v(d,s)*v(d,s)+1e-4))
.ends
.subckt mho_ekvp d g s b isp=1 vto=1 nsl=1 kut=1 th=0 lam=0
Bf qf 0 V=mho_sp(((v(b,g)-{vto})/{nsl}-v(b,s))*{kut})
Br qr 0 V=mho_sp(((v(b,g)-{vto})/{nsl}-v(b,d))*{kut})
Bi s d I={isp}*mho_fc(mho_cl(v(qf)),mho_cl(v(qr)),{th})*(1+{lam}*sqrt(v(d,s)*v(d,s)+1e-4))
.ends
"""


@dataclass(frozen=True)
class SpiceText:
    """A netlist, and how its names read in mho.

    Args:
        text: The netlist.
        stop: End of its transient analysis [s].
        names: mho's name for each of ngspice's vectors.
    """

    text: str
    stop: float
    names: Mapping[str, str]

    def named(self, vectors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Vectors under mho's names; others as they are."""
        return {self.names.get(name, name): x for name, x in vectors.items()}


def spice_text(
    circuit: mc.Circuit,
    stop: float,
    *,
    save: Sequence[str] = (),
    reltol: float = 1e-5,
    max_step: float | None = None,
    title: str = "mho circuit",
) -> SpiceText:
    """Write a circuit and a transient analysis from zero charge as an ngspice netlist.

    Args:
        circuit: A single circuit (not a population).
        stop: End [s].
        save: Nodes and states to write; all source currents are written.
        reltol: Relative tolerance.
        max_step: Largest step; a 700th of the run if None. Without it ngspice would cap the step at its print step [s].
        title: First line.

    Raises:
        InputError: If the circuit is a population, or a name is unknown.
        NetlistError: If a device's equations have no SPICE form.
    """
    if circuit.samples is not None:
        raise InputError(
            f"This is a population of {circuit.samples} circuits; a netlist holds one. Take one sample of it."
        )
    return _Writer(circuit).write(stop, save, reltol, max_step or stop / 700, title)


class _Writer:
    """Names of nodes and lines of text."""

    def __init__(self, circuit: mc.Circuit):
        self.circuit, self.lines = circuit, []
        self.nodes: dict[str, str] = {"0": "0"}
        self.taken: set[str] = {"0"}
        self.labels: dict[str, str] = {}

    def node(self, name: str) -> str:
        """Name of a node in ngspice: lower case, letters, digits and underscores, unique."""
        if name not in self.nodes:
            plain = base = re.sub(r"\W", "_", name.lower())
            plain, k = (f"n_{plain}" if plain[0].isdigit() else plain), 2
            while plain in self.taken:
                plain, k = f"{base}_{k}", k + 1
            self.taken.add(plain)
            self.nodes[name] = plain
        return self.nodes[name]

    def label(self, kind: str, name: str) -> str:
        """Name of an element line."""
        return f"{kind}{re.sub(r'[^a-z0-9_]', '_', name.lower())}"

    def put(self, kind: str, name: str, nodes: Sequence[str], rest: str) -> None:
        """One element line."""
        self.lines.append(f"{self.label(kind, name)} {' '.join(self.node(n) for n in nodes)} {rest}")

    def write(self, stop: float, save: Sequence[str], reltol: float, max_step: float, title: str) -> SpiceText:
        sources = []
        for name, element in self.circuit.items():
            self.element(name, element)
            if isinstance(element, mc.VoltageSource):
                sources.append(name)
        unknown = [s for s in save if s not in self.nodes]
        if unknown:
            raise InputError(
                f"The circuit has no node or state {unknown[0]!r} to save; it has {', '.join(self.nodes)}."
            )
        start = [f".ic v({self.node(k)})={number(v)}" for k, v in initial_states(self.circuit).items()]
        vectors = {f"v({self.nodes[s]})": s for s in save}
        currents = {f"i({self.label('v', name)})": f"i({name})" for name in sources}
        celsius = number(float(self.circuit.temperature) - 273.15)
        # The default chgtol of 1e-14 C is larger than the charges of a femtofarad circuit.
        options = f"reltol={reltol:g} abstol=1e-15 vntol=1e-8 chgtol=1e-18 gmin=1e-15 method=trap"
        text = "\n".join(
            [
                f"* {title}",
                _EKV + "\n".join(self.lines),
                *start,
                f".options {options} temp={celsius} tnom={celsius}",
                ".save " + " ".join([*vectors, *currents]),
                f".tran {number(max_step)} {number(stop)} 0 {number(max_step)} uic",
                ".end",
                "",
            ]
        )
        return SpiceText(text, stop, vectors | currents)

    def element(self, name: str, e: AbstractElement) -> None:
        """Lines of one element."""
        if isinstance(e, mc.Resistor):
            self.put("R", name, e.nodes, number(e.r))
        elif isinstance(e, mc.Inductor):
            self.put("L", name, e.nodes, f"{number(e.l)} ic=0")
        elif isinstance(e, mc.VoltageSource | mc.CurrentSource):
            self.put("V" if isinstance(e, mc.VoltageSource) else "I", name, e.nodes, _wave(e.wave))
        elif isinstance(e, mc.VCVS):
            self.put("E", name, e.nodes, number(e.gain))
        elif isinstance(e, mc.VCCS):
            self.put("G", name, e.nodes, number(e.g))
        elif isinstance(e, mc.CCCS):
            self.put("F", name, e.nodes, f"{self.label('V', e.control)} {number(e.gain)}")
        elif isinstance(e, mc.CCVS):
            self.put("H", name, e.nodes, f"{self.label('V', e.control)} {number(e.r)}")
        elif isinstance(e, mc.Diode):
            model = self.label("mho_d_", name)
            self.put("D", name, e.nodes, model)
            self.lines.append(f".model {model} D(is={number(e.i_s)} n={number(e.n)})")
        elif isinstance(e, mc.Switch):
            self.switch(name, e)
        elif isinstance(e, mc.MOSFET):
            self.mosfet(name, e)
        elif isinstance(e, mc.Memristive):
            self.memristive(name, e)
        elif not isinstance(e, mc.Capacitor):
            raise NetlistError(f"{name} is a {type(e).__name__}, which has no SPICE form here.")
        for k, (a, b, c) in enumerate(capacitances(name, e)):
            if a != b and float(c) > 0:
                self.put("C", f"{name}_{k}", (a, b), f"{number(c)} ic={self.precharge(a, b)}")

    def precharge(self, a: str, b: str) -> str:
        """Voltage that a capacitance holds at the start."""
        initial = self.circuit.initial
        return number(float(initial.get(a, 0.0)) - float(initial.get(b, 0.0)))

    def switch(self, name: str, e: mc.Switch) -> None:
        a, b, p, m = (self.node(x) for x in e.nodes)
        x = self.node(f"{name}.closing")
        way = f"(v({p})-v({m})-({number(e.v_off)}))/({number(e.v_on - e.v_off)})"
        self.lines.append(f"{self.label('B', name + '_x')} {x} 0 V=min(max({way},0),1)")
        s = f"(v({x})*v({x})*(3-2*v({x})))"
        conductance = f"exp(({s}-1)*{number(np.log(e.r_off))}-{s}*{number(np.log(e.r_on))})"
        self.lines.append(f"{self.label('B', name)} {a} {b} I=(v({a})-v({b}))*{conductance}")

    def mosfet(self, name: str, e: mc.MOSFET) -> None:
        with jax.enable_x64(True):
            c = e.prepared(self.circuit.temperature)
            values = {
                "isp": c.i_s,
                "vto": c.vto,
                "nsl": 1.0 / c.n_inverse,
                "kut": c.k,
                "th": c.theta,
                "lam": c.lambda_,
            }
            text = " ".join(f"{k}={number(v)}" for k, v in values.items())
        self.put("X", name, e.nodes, f"mho_ekv{'n' if e.kind.polarity > 0 else 'p'} {text}")

    def memristive(self, name: str, e: mc.Memristive) -> None:
        """Currents and state rates from the device's own equations; each state is a capacitor's voltage."""
        inside = (*e.nodes, *(f"{name}.{x}" for x in e.device.internal))
        states = tuple(f"{name}.{s}" for s in e.state_names())
        inputs = [f"v({self.node(x)})" if x != "0" else "0" for x in (*inside, *states)]
        shared = 0

        def share(expression: str) -> str:
            nonlocal shared
            shared += 1
            node = self.node(f"{name}.shared{shared}")
            self.lines.append(f"{self.label('B', f'{name}_s{shared}')} {node} 0 V={expression}")
            return f"v({node})"

        def flows(*x: Any) -> tuple[Any, ...]:
            currents, rates = e.flows(x, temperature=float(self.circuit.temperature))
            return (*currents, *rates)

        with jax.enable_x64(True):
            outputs = Expressions(flows, inputs, share).outputs
        for k, (node, text) in enumerate(zip(inside, outputs, strict=False)):
            if text not in ("0", "(0)"):
                self.put("B", f"{name}_i{k}", (node, "0"), f"I={text}")
        for node, text, value in zip(states, outputs[len(inside) :], e.initial_values(), strict=True):
            self.put("B", f"{node}_rate", ("0", node), f"I={number(_STATE)}*({text})")
            self.put("C", node, (node, "0"), f"{number(_STATE)} ic={number(value)}")
        for k, (a, b, r) in enumerate(resistances(name, e)):
            self.put("R", f"{name}_{k}", (a, b), number(r))


def _wave(wave: Any) -> str:
    """A source's value in SPICE's words."""
    if isinstance(wave, mc.DC):
        return f"DC {number(wave.value)}"
    if isinstance(wave, mc.PulseWave):
        parts = (wave.v1, wave.v2, wave.delay, wave.rise, wave.fall, wave.width, wave.period)
        return f"PULSE({' '.join(number(x) for x in parts)})"
    if isinstance(wave, mc.Sin):
        return f"SIN({' '.join(number(x) for x in (wave.offset, wave.amplitude, wave.frequency, wave.delay))})"
    if isinstance(wave, mc.PWL):
        corners = [f"{number(t)} {number(v)}" for t, v in zip(wave.times, wave.values, strict=True)]
        return "PWL(" + "\n+ ".join(corners) + ")"
    raise NetlistError(f"A {type(wave).__name__} has no SPICE form.")
