"""The structure of a netlist: what stands at the top, and in each subcircuit, before any value is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mho.core.errors import NetlistError
from mho.netlists.cards import assignments
from mho.netlists.expressions import Expression, parse
from mho.netlists.lines import Line

_FUNCTION = re.compile(r"\.func\s+([a-z_]\w*)\s*\(([^()]*)\)\s*=?\s*(.+)", re.DOTALL)
_BRANCH = re.compile(r"\.(?:if|elseif|else|endif)\b")


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


Guard = tuple[str, bool, Line]
"""A condition, whether it must hold, and where it stands."""
Holds = Callable[["Body", str, Line], bool]


@dataclass
class Body:
    """The top of a netlist or a subcircuit.

    Args:
        name: Name, empty at the top.
        pins: Pins in order.
        line: Where it begins; None at the top.
        defaults: Text of the parameters that a call may change.
        parameters: Text and place of the others.
        guards: Conditions of elements between .if and .endif.
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
    guards: dict[Line, tuple[Guard, ...]] = field(default_factory=dict)


def structure(lines: list[Line], holds: Holds) -> tuple[Body, list[Line]]:
    """The top body and the directives that are none of its definitions.

    Args:
        lines: All lines.
        holds: Whether a condition holds at the top, with the parameters that have been read.

    Raises:
        NetlistError: If a subcircuit or a condition does not end, or a definition is malformed.
    """
    top = Body()
    stack, directives, branches = [top], [], [_Branches()]
    for line in lines:
        word = line.text.split()[0]
        branch = _BRANCH.match(line.text)
        if branch is not None:
            branches[-1].turn(branch.group(), line)
            continue
        guards = branches[-1].guards()
        if len(stack) == 1 and not all(holds(top, text, at) == wanted for text, wanted, at in guards):
            continue
        if word == ".subckt":
            if guards and len(stack) > 1:
                line.fail("a .subckt between .if and .endif inside a subcircuit is not supported.")
            inner = _subcircuit(line)
            stack[-1].subcircuits[inner.name] = inner
            stack.append(inner)
            branches.append(_Branches())
            if len(stack) > 40:
                line.fail("subcircuits are defined inside each other more than 40 deep.")
        elif word == ".ends":
            if len(stack) == 1:
                line.fail(".ends has no .subckt before it. Remove it, or write the .subckt line.")
            branches.pop().close()
            stack.pop()
        elif not word.startswith("."):
            stack[-1].elements.append(line)
            if guards and len(stack) > 1:
                stack[-1].guards[line] = guards
        elif guards and len(stack) > 1:
            line.fail(f"{word} between .if and .endif inside a subcircuit is not supported; elements are.")
        elif word in _DEFINITIONS:
            _DEFINITIONS[word](stack[-1], line)
        else:
            if len(stack) > 1:
                line.fail(
                    f"{word} inside a subcircuit is not supported. Has {_begun(stack[-1])} no .ends? Write it after "
                    "its last element."
                )
            directives.append(line)
    if len(stack) > 1:
        begun = stack[-1].line
        assert begun is not None
        begun.fail(f"the subcircuit {stack[-1].name!r} has no .ends. Write it after its last element.")
    branches[-1].close()
    return top, directives


def _begun(body: Body) -> str:
    """A subcircuit and where it begins."""
    return f"the subcircuit {body.name!r}" + (f", begun at {body.line.place}," if body.line else "")


class _Branches:
    """The conditions between .if and .endif that are open."""

    def __init__(self) -> None:
        self.open: list[list[tuple[str, bool, Line]]] = []
        self.begun: list[Line] = []

    def turn(self, word: str, line: Line) -> None:
        """One of the four words."""
        text = line.text[len(word) :].strip()
        if word == ".if":
            if len(self.open) >= 20:
                line.fail(".if stands inside .if more than 20 deep.")
            self.open.append([(_condition(text, line), True, line)])
            self.begun.append(line)
            return
        if not self.open:
            line.fail(f"{word} has no .if before it.")
        if word == ".endif":
            self.open.pop()
            self.begun.pop()
            return
        if self.open[-1][-1][0] == "":
            line.fail(f"{word} after .else.")
        before = [(t, False, at) for t, _, at in self.open[-1]]
        self.open[-1] = [*before, (_condition(text, line), True, line) if word == ".elseif" else ("", True, line)]

    def guards(self) -> tuple[Guard, ...]:
        """What must hold, and what must not, for a line to count."""
        return tuple(g for chain in self.open for g in chain if g[0])

    def close(self) -> None:
        """Raise if a condition is still open."""
        if self.open:
            self.begun[-1].fail(".if has no .endif.")


def _condition(text: str, line: Line) -> str:
    if not text:
        line.fail(f"{line.text.split()[0]} has no condition.")
    return text


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


_DEFINITIONS: dict[str, Callable[[Body, Line], None]] = {
    ".param": _parameters,
    ".params": _parameters,
    ".csparam": _parameters,
    ".func": _function,
    ".model": _model,
}
