"""What element lines refer to: model cards and subcircuits, found from where the line stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from mho.core.names import meant
from mho.netlists.cards import assignments
from mho.netlists.lines import Line
from mho.netlists.parameters import Scope
from mho.netlists.subcircuits import Body, Model

LETTERS = "rclkviegfhbdmswx"
_NAMED = re.compile(r"[^\s=(),{}'\"]+\s+[^\s=]")


@dataclass(frozen=True)
class Call:
    """A subcircuit's call.

    Args:
        name: Of the instance.
        nodes: As they are written.
        body: What is called, and
        home: the scope in which it was defined.
        given: Text of the parameters that the call gives.
    """

    name: str
    nodes: tuple[str, ...]
    body: Body
    home: Scope
    given: dict[str, str]


def letter(line: Line) -> str:
    """The kind of an element line.

    Raises:
        NetlistError: If the line is no element's, or mho has none of this kind.
    """
    if _NAMED.match(line.text) is None:
        line.fail("an element line has a name, its nodes and a value, apart by blanks, as in: r1 in out 10k")
    if line.text[0] not in LETTERS:
        _unknown(line)
    return line.text[0]


def _unknown(line: Line) -> NoReturn:
    line.fail(
        f"{line.text.split()[0]!r} is not supported: mho reads the elements R C L K V I E G F H B D M S W X. "
        "Replace it by a subcircuit of these."
    )


def called(scope: Scope, line: Line) -> Call:
    """The subcircuit that a line calls.

    Raises:
        NetlistError: If there is none of that name, or it has other pins or parameters.
    """
    head, given = assignments(line, line.text)
    words = re.sub(r"params:|[(),]", " ", head).split()
    if len(words) < 2:
        line.fail("a subcircuit's call is written xname node ... subcircuit [parameter=value ...].")
    defined = scope.subcircuit(words[-1])
    if defined is None:
        known = scope.subcircuits()
        there = f"there is {', '.join(known[:12])}" if known else "there is none"
        line.fail(
            f"the subcircuit {words[-1]!r} is not defined; {there}. {meant(words[-1], known)}Write a .subckt "
            f"{words[-1]}, or .include the file that holds it."
        )
    body, home = defined
    if len(words) - 2 != len(body.pins):
        assert body.line is not None
        line.fail(
            f"{words[0]} has {len(words) - 2} nodes, but the subcircuit {body.name!r} ({body.line.place}) has "
            f"{len(body.pins)} pins: {' '.join(body.pins) or 'none'}. Give {words[0]} one node for each pin, in this "
            "order."
        )
    for name in given:
        if name not in body.defaults and name not in body.parameters and name != "m":
            line.fail(
                f"the subcircuit {body.name!r} has no parameter {name!r}; it has {', '.join(body.defaults) or 'none'}. "
                f"{meant(name, body.defaults)}Leave {name}= out, or declare it on the .subckt line."
            )
    return Call(words[0], tuple(words[1:-1]), body, home, given)


def named_model(scope: Scope, line: Line, name: str, kinds: tuple[str, ...]) -> Model:
    """The model card of a name.

    Raises:
        NetlistError: If there is none, or it is of another kind, or of a level that mho has not.
    """
    model, kind = scope.model(name), " or ".join(kinds)
    if model is None:
        known = scope.models()
        there = (
            f"there is {', '.join(f'{n} ({m.kind})' for n, m in list(known.items())[:12])}"
            if known
            else "there is none"
        )
        line.fail(
            f"there is no .model {name!r} for {line.text.split()[0]}; {there}. {meant(name, known)}Write .model {name} "
            f"{kinds[0]}(...), or .include the file that holds it."
        )
    if model.kind not in kinds:
        line.fail(
            f"the model {name!r} ({model.line.place}) is a {model.kind}, and {line.text.split()[0]} takes a {kind}. "
            "Name another model, or correct its kind."
        )
    _check_level(scope, model, name)
    return model


def _check_level(scope: Scope, model: Model, name: str) -> None:
    level = scope.at(model.numbers.get("level", "1"), model.line)
    if level == 1 or model.kind not in ("nmos", "pmos", "d"):
        return
    if model.kind == "d":
        model.line.fail(f"diode level {level:g} of the model {name!r} is not supported. Write a card of level 1.")
    model.line.fail(
        f"MOSFET level {level:g} of the model {name!r} is not supported: mho has level 1 and the EKV transistor as a "
        "subcircuit. Write a card of level 1, or use the EKV subcircuits that `mho export neuron ...` writes; a "
        "circuit of theirs goes to such cards in ngspice (docs/sign-off.md)."
    )
