"""How a graph of expressions reads in SPICE and in Verilog-A: one table of operations a language, one printer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mho.core.errors import NetlistError
from mho.interchange.graph import Node, reached

_COMMON = {
    "add": "({}+{})",
    "sub": "({}-{})",
    "mul": "({}*{})",
    "div": "({}/{})",
    "max": "max({},{})",
    "min": "min({},{})",
    "lt": "({}<{})",
    "gt": "({}>{})",
    "le": "({}<={})",
    "ge": "({}>={})",
    "eq": "({}=={})",
    "ne": "({}!={})",
    "and": "({}&&{})",
    "or": "({}||{})",
    "select": "({}?{}:{})",
    "neg": "(-{})",
    "log": "ln({})",
    "log1p": "ln(1+{})",
    # Not exp(x) - 1: that has no digits left where x is small, and a device at rest is where x is small.
    "expm1": "(2*exp(0.5*{0})*sinh(0.5*{0}))",
    **{f: f"{f}({{}})" for f in ("exp", "sqrt", "abs", "sin", "cos", "tan", "asin", "acos", "atan")},
    **{f: f"{f}({{}})" for f in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "floor", "ceil")},
}


def number(x: Any) -> str:
    """A number in as few digits as give it back exactly; 1e308 stands for infinity, a bound that nothing reaches.

    Raises:
        NetlistError: If it is not a number: no netlist can say so.
    """
    if math.isnan(x):
        raise NetlistError("A number of the equations is NaN, which no netlist can say. Check the parameters.")
    return repr(min(max(float(x), -1e308), 1e308)).removesuffix(".0")


def real(x: Any) -> str:
    """A number that Verilog-A takes as real: 1 alone would be an integer, and 1/2 would be 0."""
    text = number(x)
    return text if any(mark in text for mark in ".e") else text + ".0"


@dataclass(frozen=True)
class Language:
    """A language's operations.

    Args:
        name: Its name, for messages.
        operations: Text of each operation, with a place for each argument.
        fixed: Text by which a moving expression calls a fixed name.
        truths: Its words for false and true.
        number: How it writes a number.
    """

    name: str
    operations: Mapping[str, str]
    fixed: str
    truths: tuple[str, str] = ("0", "1")
    number: Callable[[Any], str] = number


SPICE = Language(
    "SPICE",
    _COMMON | {"sign": "sgn({})", "pow": "pwr({},{})", "not": "({}?0:1)"},
    "({{{}}})",
)
VERILOG_A = Language(
    "Verilog-A",
    _COMMON
    | {
        "sign": "(({0}>0)?1.0:(({0}<0)?-1.0:0.0))",
        "pow": "pow({},{})",
        "atan2": "atan2({},{})",
        "not": "(!{})",
    },
    "{}",
    number=real,
)


class Printer:
    """Texts of nodes. What is used in several places is written once, under a name that `share` gives.

    Args:
        language: In which.
        nodes: The outputs.
        share: Given an expression and whether it is fixed; returns the text by which it is called.
        length: Expressions shorter than this are repeated rather than shared.
        settle: Whether fixed expressions within moving ones are shared too, so that they are computed once.
        call: Text by which an input of this name is called.
    """

    def __init__(
        self,
        language: Language,
        nodes: Sequence[Node],
        *,
        share: Callable[[str, bool], str],
        length: int = 60,
        settle: bool = False,
        call: Callable[[str], str] = str,
    ):
        self._language, self._nodes, self._share = language, nodes, share
        self._length, self._settle, self._call = length, settle, call
        self._texts: dict[int, str] = {}
        self._named: dict[str, str] = {}
        for node, uses in reached(nodes).values():
            self._texts[id(node)] = self._text(node, uses)

    def texts(self) -> list[str]:
        """Text of each output, to be used where things move."""
        return [self._within(node, moving=True) for node in self._nodes]

    def _text(self, node: Node, uses: int) -> str:
        if node.constant:
            return self._constant(node.value)
        if node.op == "input":
            return self._call(str(node.value))
        if node.op not in self._language.operations:
            raise NetlistError(f"{node.op!r} has no form in {self._language.name}. Write the model without it.")
        args = [self._within(a, moving=not node.fixed) for a in node.args]
        text = self._language.operations[node.op].format(*args)
        shared = uses > 1 and not node.truth and len(text) > self._length
        return self._name(text, node.fixed) if shared else text

    def _within(self, node: Node, *, moving: bool) -> str:
        """Text of an argument: a fixed one becomes a name where things move."""
        text = self._texts[id(node)]
        if not (moving and node.fixed and self._settle) or node.constant:
            return text
        if node.truth:
            called = self._language.fixed.format(self._name(f"({text}?1:0)", True))
            return f"({called}>0.5)"
        return self._language.fixed.format(text if text.isidentifier() else self._name(text, True))

    def _name(self, text: str, fixed: bool) -> str:
        if text not in self._named:
            self._named[text] = self._share(text, fixed)
        return self._named[text]

    def _constant(self, value: Any) -> str:
        if isinstance(value, bool):
            return self._language.truths[value]
        text = self._language.number(value)
        return f"({text})" if text.startswith("-") else text
