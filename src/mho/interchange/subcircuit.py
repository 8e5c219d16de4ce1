"""Writes a device as a SPICE subcircuit: behavioural sources for currents, a capacitor for each state."""

from __future__ import annotations

import textwrap

from mho import __version__
from mho.interchange.behaviour import TEMPERATURE, Behaviour
from mho.interchange.language import SPICE, Printer, number

# The charge of a state is as large as ngspice's default tolerances (1e-14 C, 1 pA) suit, so that a bench of the user's
# own needs no special options.
_STATE = "1e-6"  # [F]
# A path to ground for the operating point, which would be singular where a state does not move: a memory's never does.
# With the state's capacitance it leaks over 30 years.
_PATH = "1e15"  # [ohm]
# Not shorter: every such node is an unknown that Newton's method may throw far off in its first iterations, where the
# flat expression, clipped by the model, stays finite (a Mott switch then finds no start).
_LENGTH = 120  # moving expressions longer than this stand on a node of their own when used more than once


def subcircuit(behaviour: Behaviour) -> str:
    """The text of a `.subckt` for ngspice with pins, parameters and states documented in comments.

    Raises:
        NetlistError: If an operation has no SPICE form.
    """
    head = documented(behaviour)
    if behaviour.temperature:
        head += [f"{TEMPERATURE}: temperature of the device [K]; give it where .temp is not 27."]
    if behaviour.noises:
        head += ["Its read noise is in the Verilog-A module only: behavioural sources of SPICE are silent."]
    return "\n".join([*(f"* {line}".rstrip() for line in head), *_Writer(behaviour).lines(), ""])


class _Writer:
    """Lines of the subcircuit."""

    def __init__(self, b: Behaviour):
        self.behaviour = b
        self.constants: list[str] = []
        self.sources: list[str] = []
        printer = Printer(SPICE, b.nodes, share=self.share, length=_LENGTH, settle=True, call=_call)
        self.texts = iter(printer.texts())

    def share(self, text: str, fixed: bool) -> str:
        """A parameter of its own for what is fixed, a node of its own for what moves."""
        if fixed:
            self.constants.append(f".param const{len(self.constants)}={{{text}}}")
            return f"const{len(self.constants) - 1}"
        n = len(self.sources)
        self.sources.append(f"Bshared{n} shared{n} 0 V={text}")
        return f"v(shared{n})"

    def lines(self) -> list[str]:
        """From `.subckt` to `.ends`."""
        b = self.behaviour
        body = [f"Bi_{k} {p} {q} I={next(self.texts)}" for k, (p, q, _) in enumerate(b.branches())]
        for state in b.states:
            node = f"x_{state}"
            body += [
                f"Bx_{state} 0 {node} I={_STATE}*{next(self.texts)}",
                f"Cx_{state} {node} 0 {_STATE} ic={{ic_{state}}}",
                f"Rx_{state} {node} 0 {_PATH}",
                f".ic v({node})={{ic_{state}}}",
            ]
        body += [f"{p.kind}p_{k} {p.a} {p.b} {_value(next(self.texts))}" for k, p in enumerate(b.parts)]
        values = [f"{p.name}={number(p.value)}" for p in b.parameters]
        values += [f"ic_{s}={number(v)}" for s, v in b.states.items()]
        values += [f"{TEMPERATURE}=300.15"] if b.temperature else []
        head = [f".subckt {b.name} {' '.join(b.terminals)}", *(f"+ {v}" for v in values)]
        return [*head, *self.constants, *self.sources, *body, f".ends {b.name}"]


def _call(name: str) -> str:
    kind, _, plain = name.rpartition(":")
    return {"pin": f"v({plain})", "state": f"v(x_{plain})", "": plain}[kind]


def _value(text: str) -> str:
    return text[1:-1] if text.startswith("(") else text


def documented(b: Behaviour) -> list[str]:
    """What a reader of the text has to know: pins, parameters with unit and source, states, what is left out."""
    lines = [f"{b.name}: {b.summary}", f"Written by mho {__version__} from the equations of its model {b.model}.", ""]
    lines += [f"Pins: {', '.join(b.terminals)}."]
    if b.parameters:
        lines += ["", "Parameters, SI units:"]
        lines += [
            f"  {p.name} = {p.value:.6g} {p.unit if p.unit != '1' else ''}".ljust(34) + p.origin for p in b.parameters
        ]
    if b.states:
        lines += ["", "States, and their values at the start (ic_<state>):"]
        lines += [f"  {s} = {value:.6g}" for s, value in b.states.items()]
    off = ", ".join(f"{k} = {v:g}" for k, v in b.off.items())
    lines += (
        ["", *textwrap.wrap(f"Held at their defaults, which leave their mechanisms out: {off}.", 110)] if off else []
    )
    unsaid = ", ".join(b.unsaid)
    lines += [f"Effects laid over the device that are left out: {unsaid}."] if unsaid else []
    counters = ", ".join(b.counters)
    lines += textwrap.wrap(f"States left out, because nothing depends on them: {counters}.", 110) if counters else []
    return lines
