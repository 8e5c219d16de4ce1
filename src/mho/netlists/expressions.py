"""Expressions of SPICE netlists as trees: numbers, names, probes of voltages and currents, and calls.

Operators are calls under their own sign, negation is "neg", the choice `a ? b : c` is "?:". Powers bind to the left and
more tightly than a minus before them, as in ngspice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mho.core.errors import NetlistError
from mho.netlists.numbers import NUMBER, spice_number

_LONGEST, _DEEPEST = 20_000, 60


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Name:
    """A parameter, an argument of a function, or one of `time`, `temper`, `pi`."""

    name: str


@dataclass(frozen=True)
class Probe:
    """`v(a)`, `v(a, b)` or `i(source)`; over frequency also a part of it, as `vdb(a)`."""

    kind: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """A function or an operator, applied."""

    name: str
    args: tuple[Any, ...]


Expression = Number | Name | Probe | Call


def _tokens(probe: str) -> re.Pattern[str]:
    return re.compile(
        rf"\s*(?:(?P<probe>{probe}\s*\(\s*[^(),\s{{}}']+\s*(?:,\s*[^(),\s{{}}']+\s*)?\))"
        rf"|(?P<number>{NUMBER.pattern})"
        r"|(?P<name>[a-z_][a-z0-9_.]*)"
        r"|(?P<sign>\*\*|\|\||&&|==|!=|<>|<=|>=|[-+*/%^<>!?:(),{}'|&=]))"
    )


_TOKEN, _PHASOR_TOKEN = _tokens("[vi]"), _tokens("[vi](?:db|[mpri])?")
_LEVELS = (("||", "|"), ("&&", "&"), ("==", "!=", "<>", "="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))
_SAME = {"|": "||", "&": "&&", "<>": "!=", "=": "==", "**": "^"}


def parse(text: str, *, phasors: bool = False) -> Expression:
    """The tree of an expression; braces and quotes count as parentheses.

    Args:
        text: The expression.
        phasors: Whether `vdb(a)`, `vm(a)`, `vp(a)`, `vr(a)`, `vi(a)` are probes and not functions.

    Raises:
        NetlistError: If the text is no expression; says where.
    """
    return _Parser(text, _PHASOR_TOKEN if phasors else _TOKEN).whole()


class _Parser:
    """Operator precedence, by recursive descent."""

    def __init__(self, text: str, tokens: re.Pattern[str]):
        self.text, self.at, self.depth = text.strip(), 0, 0
        if len(self.text) > _LONGEST:
            raise NetlistError(f"an expression of {len(self.text)} characters; the longest has {_LONGEST}.")
        self.tokens: list[tuple[str, str]] = []
        position, opened = 0, False
        while position < len(self.text):
            found = tokens.match(self.text, position)
            if found is None:
                rest = self.text[position:].strip()
                if not rest:
                    break
                raise NetlistError(f"{rest[:20]!r} is no part of an expression, in {self.shown}.")
            kind = str(found.lastgroup)
            token = found.group(kind)
            if token == "'":
                token, opened = (")" if opened else "("), not opened
            self.tokens.append((kind, {"{": "(", "}": ")"}.get(token, token)))
            position = found.end()

    @property
    def shown(self) -> str:
        """The text, cut short."""
        return repr(self.text if len(self.text) < 60 else self.text[:57] + "...")

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            what = repr(wanted) if wanted else "a value"
            where = f"before {token!r}" if token else "at the end"
            raise NetlistError(f"{what} is missing {where} of the expression {self.shown}.")
        self.at += 1
        return token

    def whole(self) -> Expression:
        if not self.tokens:
            raise NetlistError("an expression is empty.")
        tree = self.choice()
        if self.peek():
            raise NetlistError(f"{self.peek()!r} is unexpected in the expression {self.shown}.")
        return tree

    def choice(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NetlistError(f"the expression {self.shown} is nested more than {_DEEPEST} deep.")
        tree = self.level(0)
        if self.peek() == "?":
            self.take()
            yes = self.choice()
            self.take(":")
            tree = Call("?:", (tree, yes, self.choice()))
        self.depth -= 1
        return tree

    def level(self, k: int) -> Expression:
        if k == len(_LEVELS):
            return self.signed()
        tree, links = self.level(k + 1), 0
        while self.peek() in _LEVELS[k]:
            sign = self.take()
            tree = Call(_SAME.get(sign, sign), (tree, self.level(k + 1)))
            links += 1
            if links > 4 * _DEEPEST:
                raise NetlistError(f"the expression {self.shown} has more than {4 * _DEEPEST} terms in a row.")
        return tree

    def signed(self) -> Expression:
        signs: list[str] = []
        while self.peek() in ("+", "-", "!"):
            signs.append(self.take())
        if len(signs) > _DEEPEST:
            raise NetlistError(f"the expression {self.shown} has more than {_DEEPEST} signs in a row.")
        tree = self.power()
        for sign in reversed(signs):
            if sign != "+":
                tree = Call("neg" if sign == "-" else "!", (tree,))
        return tree

    def power(self) -> Expression:
        tree, links = self.atom(), 0
        while self.peek() in ("^", "**"):
            self.take()
            negative = self.peek() in ("-", "+") and self.take() == "-"
            exponent = self.atom()
            tree = Call("^", (tree, Call("neg", (exponent,)) if negative else exponent))
            links += 1
            if links > _DEEPEST:
                raise NetlistError(f"the expression {self.shown} has more than {_DEEPEST} powers in a row.")
        return tree

    def atom(self) -> Expression:
        kind = self.tokens[self.at][0] if self.at < len(self.tokens) else ""
        token = self.take()
        if kind == "number":
            value = spice_number(token)
            assert value is not None
            return Number(value)
        if kind == "probe":
            head, _, inside = token.partition("(")
            return Probe(head.strip(), tuple(x.strip() for x in inside.rstrip(")").split(",")))
        if kind == "name":
            if self.peek() != "(":
                return Name(token)
            self.take()
            args = [] if self.peek() == ")" else [self.choice()]
            while self.peek() == ",":
                self.take()
                args.append(self.choice())
            self.take(")")
            return Call(token, tuple(args))
        if token == "(":
            tree = self.choice()
            self.take(")")
            return tree
        raise NetlistError(f"{token!r} is unexpected in the expression {self.shown}.")


def probes(tree: Expression) -> list[Expression]:
    """All different probes of a tree, and `time`, in the order in which they appear."""
    found: dict[Expression, None] = {}
    waiting = [tree]
    while waiting:
        x = waiting.pop()
        if isinstance(x, Probe) or x == Name("time"):
            found.setdefault(x)
        elif isinstance(x, Call):
            waiting.extend(reversed(x.args))
    return list(found)
