"""Writes a device as a Verilog-A module: the same equations as its subcircuit, for the simulators of a design flow."""

from __future__ import annotations

from mho.interchange.behaviour import TEMPERATURE, Behaviour, Parameter
from mho.interchange.language import VERILOG_A, Printer, number, real
from mho.interchange.subcircuit import documented

_STATE = "1e-6"  # [F], as in the subcircuit
_HOLD = "1.0"  # [S] holds a state at its initial value in the operating point, which has no time to move it
_LENGTH = 40  # moving expressions longer than this become a variable when used more than once


def verilog_a(behaviour: Behaviour) -> str:
    """The text of a module: parameters with ranges, states by `ddt()`, no events.

    Each current and each rate is a variable of its own (`i_<pin>`, `rate_<state>`), so that a reader finds them, and a
    tool can look at them. In the operating point the states stand at their initial values (`analysis("static")`).

    Raises:
        NetlistError: If an operation has no form in Verilog-A.
    """
    return "\n".join([*(f"// {line}".rstrip() for line in documented(behaviour)), *_Writer(behaviour).lines(), ""])


class _Writer:
    """Lines of the module."""

    def __init__(self, b: Behaviour):
        self.behaviour = b
        self.variables: list[str] = []
        self.work: list[str] = []
        nodes = [*b.nodes, *(n.density for n in b.noises)]
        printer = Printer(VERILOG_A, nodes, share=self.share, length=_LENGTH, settle=True, call=_call)
        self.texts = iter(printer.texts())

    def share(self, text: str, fixed: bool) -> str:
        """A variable, assigned in order."""
        name = f"{'const' if fixed else 'shared'}{len(self.variables)}"
        return self.assign(name, text)

    def assign(self, name: str, text: str) -> str:
        """Assign a variable in the analog block."""
        self.variables.append(name)
        self.work.append(f"{name} = {text};")
        return name

    def lines(self) -> list[str]:
        """From the includes to `endmodule`."""
        b = self.behaviour
        flows = []
        for p, q, _ in b.branches():
            between = p if q == "0" else f"{p}, {q}"
            flows.append(f"I({between}) <+ {self.assign(f'i_{p}', next(self.texts))};")
        for s in b.states:
            rate, node = self.assign(f"rate_{s}", next(self.texts)), f"x_{s}"
            still = f"{_HOLD}*(ic_{s} - V({node}))"
            flows.append(f'I({node}) <+ {_STATE}*ddt(V({node})) - (analysis("static") ? {still} : {_STATE}*{rate});')
        for p in b.parts:
            value = next(self.texts)
            linear = f"V({p.a}, {p.b})/{value}" if p.kind == "R" else f"{value}*ddt(V({p.a}, {p.b}))"
            flows.append(f"I({p.a}, {p.b}) <+ {linear};")
        for k, n in enumerate(b.noises):
            density = self.assign(f"density{k}", next(self.texts))
            source = f"white_noise({density}" if n.kind == "white" else f"flicker_noise({density}, 1.0"
            flows.append(f'I({", ".join(b.terminals[-2:])}) <+ {source}, "{n.name}");')
        pins = ", ".join(b.terminals)
        inside = [*b.internal, *(f"x_{s}" for s in b.states)]
        if b.temperature:
            self.variables.insert(0, TEMPERATURE)
            self.work.insert(0, f"{TEMPERATURE} = $temperature;")
        head = ['`include "disciplines.vams"', "", f"module {b.name}({pins});", f"  inout {pins};"]
        head += [f"  electrical {pins};", *([f"  electrical {', '.join(inside)};"] if inside else [])]
        body = [*(_parameter(p) for p in b.parameters), *(_initial(s, v) for s, v in b.states.items())]
        body += [f"  real {v};" for v in self.variables]
        return [*head, *body, "", "  analog begin", *(f"    {x}" for x in (*self.work, *flows)), "  end", "endmodule"]


def _call(name: str) -> str:
    kind, _, plain = name.rpartition(":")
    return {"pin": f"V({plain})", "state": f"V(x_{plain})", "": plain}[kind]


def _parameter(p: Parameter) -> str:
    return f'  (* units="{p.unit}" *) parameter real {p.name} = {real(p.value)}{_range(p)};'


def _range(p: Parameter) -> str:
    """The range that the field states, as Verilog-A writes it."""
    if p.low is None and p.high is None and not p.positive:
        return ""
    low = "(0" if p.positive and (p.low is None or p.low <= 0) else ("(-inf" if p.low is None else f"[{number(p.low)}")
    return f" from {low}:{'inf)' if p.high is None else f'{number(p.high)}]'}"


def _initial(state: str, value: float) -> str:
    return f'  (* desc="{state} at the start" *) parameter real ic_{state} = {real(value)};'
