"""Parameters in their scopes: a name's value where it is used, functions inlined, every formula closed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np

from mho.core.errors import NetlistError
from mho.core.names import meant
from mho.netlists.expressions import Call, Expression, Name, Number, Probe, parse
from mho.netlists.functions import CONSTANTS, evaluate, known
from mho.netlists.lines import Line
from mho.netlists.numbers import spice_number
from mho.netlists.subcircuits import Body, Function, Model

_LARGEST = 20_000  # nodes of one formula with its functions inlined
_DEEPEST = 40  # functions that call each other
_OPEN = (Name("time"), Name("temper"))
_NO_NUMBERS = ("nan", "inf", "infinity")

Rename = Callable[[Probe], Expression]


class Scope:
    """Parameters, functions, models and subcircuits that are known in one place.

    Args:
        body: The subcircuit, or the top.
        outer: Scope in which the subcircuit was defined; None at the top.
        given: Values that the call gives to the parameters.
    """

    def __init__(self, body: Body, outer: Scope | None = None, given: Mapping[str, float] | None = None):
        self.body, self.outer = body, outer
        self._values: dict[str, float] = dict(given or {})
        self._open: set[str] = set()

    def value(self, name: str) -> float:
        """Value of a parameter.

        Raises:
            NetlistError: If there is none, or it depends on itself.
        """
        if name in self._values:
            return self._values[name]
        text, line = self.body.parameters.get(name, (self.body.defaults.get(name), self.body.line))
        if text is None:
            if self.outer is None:
                raise NetlistError(self.unknown(name))
            return self.outer.value(name)
        if name in self._open:
            raise NetlistError(f"the parameter {name!r} depends on itself.")
        self._open.add(name)
        try:
            self._values[name] = self.number(text)
        except NetlistError as error:
            if line is None or str(error).startswith(f"{line.file}, line"):
                raise
            line.fail(f"{name}: {error}")
        finally:
            self._open.discard(name)
        return self._values[name]

    def unknown(self, name: str) -> str:
        """What is said of a name that has no value at the top."""
        if name in _NO_NUMBERS:
            return f"{name!r} is no finite number, and no parameter. Write a number, as in 10k or 2.2e-12."
        near = meant(name, [*self.body.parameters, *CONSTANTS])
        return f"the parameter {name!r} has no value. {near}Give it one with .param {name}=..., or write a number."

    def has(self, name: str) -> bool:
        """Whether this subcircuit itself has a parameter of that name."""
        return name in self._values or name in self.body.parameters or name in self.body.defaults

    def function(self, name: str) -> tuple[Function, Scope] | None:
        """A function of that name, and the scope of its definition."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.body.functions:
                return scope.body.functions[name], scope
            scope = scope.outer
        return None

    def model(self, name: str) -> Model | None:
        """A model card of that name."""
        found = self.body.models.get(name)
        return found if found is not None or self.outer is None else self.outer.model(name)

    def models(self) -> dict[str, Model]:
        """All model cards that are known here; inner ones hide outer ones."""
        return {**(self.outer.models() if self.outer else {}), **self.body.models}

    def subcircuits(self) -> list[str]:
        """Names of all subcircuits that are known here."""
        return list(dict.fromkeys([*self.body.subcircuits, *(self.outer.subcircuits() if self.outer else [])]))

    def subcircuit(self, name: str) -> tuple[Body, Scope] | None:
        """A subcircuit of that name, and the scope of its definition."""
        if name in self.body.subcircuits:
            return self.body.subcircuits[name], self
        return None if self.outer is None else self.outer.subcircuit(name)

    def number(self, text: str) -> float:
        """Value of a number, a name or an expression without voltages."""
        plain = spice_number(text)
        if plain is not None:
            value = plain
        else:
            tree = self.closed(parse(text.strip("\"'")), _no_probe, parameter=True)
            if not isinstance(tree, Number):
                raise NetlistError(f"{text!r} is not a constant.")
            value = tree.value
        if not np.isfinite(value):
            raise NetlistError(f"{text!r} is {value}, not a finite number.")
        return value

    def at(self, text: str, line: Line) -> float:
        """Value of a text on a line."""
        try:
            return self.number(text)
        except NetlistError as error:
            if ", line " in str(error):
                raise
            line.fail(str(error))

    def closed(self, tree: Expression, rename: Rename, *, parameter: bool = False) -> Expression:
        """The tree with parameters put in and functions inlined; constants are worked out.

        Args:
            tree: As it was written.
            rename: What a probe becomes.
            parameter: Whether powers follow the rules of parameters.
        """
        return _Closing(rename, parameter).close(tree, self, {}, 0)[0]


def _no_probe(probe: Probe) -> Expression:
    raise NetlistError(f"{probe.kind}({', '.join(probe.nodes)}) cannot stand in a parameter.")


def _check_points(across: list[Expression]) -> None:
    numbers = [x.value for x in across if isinstance(x, Number)]
    if len(numbers) < len(across) or any(b <= a for a, b in itertools.pairwise(numbers)):
        raise NetlistError("the points of pwl() must be constants that rise.")


class _Closing:
    """Puts parameters and functions into a tree, and counts its size as it grows."""

    def __init__(self, rename: Rename, parameter: bool):
        self.rename, self.parameter = rename, parameter

    def close(
        self, tree: Expression, scope: Scope, args: Mapping[str, tuple[Expression, int]], depth: int
    ) -> tuple[Expression, int]:
        if isinstance(tree, Number):
            return tree, 1
        if isinstance(tree, Probe):
            return self.rename(tree), 1
        if isinstance(tree, Name):
            if tree.name in args:
                return args[tree.name]
            if tree in _OPEN and not self.parameter:
                return tree, 1
            return Number(self.named(tree.name, scope)), 1
        found = scope.function(tree.name)
        inside = [self.close(x, scope, args, depth) for x in tree.args]
        if found is None:
            if tree.name != "ddt" or self.parameter or len(tree.args) != 1:
                known(tree.name, len(tree.args))
            size = 1 + sum(n for _, n in inside)
            if size > _LARGEST:
                raise NetlistError(f"a formula grows beyond {_LARGEST} terms when its functions are put in.")
            if tree.name == "pwl":
                _check_points([x for x, _ in inside][1::2])
            return self.folded(Call(tree.name, tuple(x for x, _ in inside))), size
        function, home = found
        if depth >= _DEEPEST:
            raise NetlistError(f"functions call each other more than {_DEEPEST} deep. Does {tree.name} call itself?")
        if len(inside) != len(function.args):
            raise NetlistError(f"{tree.name} takes {len(function.args)} arguments, not {len(inside)}.")
        return self.close(function.tree, home, dict(zip(function.args, inside, strict=True)), depth + 1)

    def named(self, name: str, scope: Scope) -> float:
        try:
            return scope.value(name)
        except NetlistError:
            if name not in CONSTANTS:
                raise
            return CONSTANTS[name]

    def folded(self, tree: Call) -> Expression:
        if not all(isinstance(x, Number) for x in tree.args):
            return tree
        if tree.name == "ddt":
            return Number(0.0)
        if self.parameter and tree.name in ("/", "%") and tree.args[1] == Number(0.0):
            raise NetlistError("a parameter divided by zero is not finite. Give its divisor a value other than 0.")
        with np.errstate(all="ignore"):
            return Number(float(evaluate(tree, {}, np, parameter=self.parameter)))
