"""The structure of a netlist: what stands at the top, and in each subcircuit, before any value is known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mho.core.errors import NetlistError
from mho.interchange.spice.cards import assignments
from mho.interchange.spice.expressions import Expression, parse
from mho.interchange.spice.lines import Line

_FUNCTION = re.compile(r"\.func\s+([a-z_]\w*)\s*\(([^()]*)\)\s*=?\s*(.+)", re.DOTALL)


@dataclass
class Function:
    """A .func: argument names and its tree."""

    args: tuple[str, ...]
    tree: Expression


@dataclass
class Model:
    """A .model card: its kind and the text of its numbers."""

    kind: str
    numbers: dict[str, str]
    line: Line


@dataclass
class Body:
    """The top of a netlist or a subcircuit.

    Args:
        name: Name, empty at the top.
        pins: Pins in order.
        line: Where it begins; None at the top.
        defaults: Text of the parameters that a call may change.
        parameters: Text and place of the others.
    """

    name: str = ""
    pins: tuple[str, ...] = ()
    line: Line | None = None
    defaults: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, tuple[str, Line]] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    subcircuits: dict[str, Body] = field(default_factory=dict)
    elements: list[Line] = field(default_factory=list)


def structure(lines: list[Line]) -> tuple[Body, list[Line]]:
    """The top body and the directives that are none of its definitions.

    Raises:
        NetlistError: If a subcircuit does not end, or a definition is malformed.
    """
    top = Body()
    stack, directives = [top], []
    for line in lines:
        word = line.text.split()[0]
        if word == ".subckt":
            inner = _subcircuit(line)
            stack[-1].subcircuits[inner.name] = inner
            stack.append(inner)
            if len(stack) > 40:
                line.fail("subcircuits are defined inside each other more than 40 deep.")
        elif word == ".ends":
            if len(stack) == 1:
                line.fail(".ends has no .subckt before it.")
            stack.pop()
        elif word == ".param" or word == ".params":
            _parameters(stack[-1], line)
        elif word == ".func":
            _function(stack[-1], line)
        elif word == ".model":
            _model(stack[-1], line)
        elif word.startswith("."):
            if len(stack) > 1:
                line.fail(f"{word} inside a subcircuit is not supported. Does {stack[-1].name!r} have no .ends?")
            directives.append(line)
        else:
            stack[-1].elements.append(line)
    if len(stack) > 1:
        begun = stack[-1].line
        assert begun is not None
        begun.fail(f"the subcircuit {stack[-1].name!r} has no .ends.")
    return top, directives


def _subcircuit(line: Line) -> Body:
    head, defaults = assignments(line, line.text.partition(" ")[2])
    words = [w for w in re.split(r"[\s(),]+", head) if w]
    if words and words[-1] in ("params:", "param:"):
        words.pop()
    if not words:
        line.fail("a .subckt has no name.")
    if len(set(words[1:])) < len(words) - 1:
        line.fail(f"the subcircuit {words[0]!r} names a pin twice.")
    return Body(words[0], tuple(words[1:]), line, defaults)


def _parameters(body: Body, line: Line) -> None:
    before, found = assignments(line, line.text.partition(" ")[2])
    if before or not found:
        line.fail(f"{before or line.text!r} is no assignment; write .param name=value.")
    body.parameters |= {name: (text, line) for name, text in found.items()}


def _function(body: Body, line: Line) -> None:
    found = _FUNCTION.fullmatch(line.text)
    if found is None:
        line.fail("a function is written .func name(a, b) {expression}.")
    name, args, text = found.groups()
    try:
        body.functions[name] = Function(tuple(a.strip() for a in args.split(",") if a.strip()), parse(text))
    except NetlistError as error:
        line.fail(str(error))


def _model(body: Body, line: Line) -> None:
    head, numbers = assignments(line, re.sub(r"[()]", " ", line.text.partition(" ")[2]))
    words = head.split()
    if len(words) < 2:
        line.fail("a model is written .model name kind(parameter=value ...).")
    if len(words) > 2:
        line.fail(f"{words[2]!r} in a .model is no assignment.")
    body.models[words[0]] = Model(words[1], numbers, line)
