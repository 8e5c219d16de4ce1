"""What a netlist says, before any element has a number: definitions, requests, and whether all names are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mho.core.errors import InputError, NetlistError
from mho.netlists.analyses import Requests, requests
from mho.netlists.cards import card
from mho.netlists.lines import title_and_lines
from mho.netlists.parameters import Scope
from mho.netlists.references import called, letter, named_model
from mho.netlists.subcircuits import structure

# Word in which an element's line names its model (words on and off left out), and the kinds that it takes.
_MODELS = {"d": (3, ("d",)), "m": (5, ("nmos", "pmos")), "s": (5, ("sw",)), "w": (4, ("csw",))}


@dataclass(frozen=True)
class Outline:
    """A netlist that was read as text.

    Args:
        path: Its file.
        title: Its first line.
        scope: Parameters and definitions at the top.
        requests: Analyses, options, signals and measurements.
        notes: One sentence for everything that is not used.
    """

    path: Path
    title: str
    scope: Scope
    requests: Requests
    notes: list[str]

    def analysis(self, wanted: str | None = None) -> str:
        """The analysis that would be run.

        Args:
            wanted: The one that is asked for; the netlist's first if None.

        Raises:
            NetlistError: If the netlist asks for none, or not for this one.
        """
        return self.requests.chosen(wanted, self.path.name)


def outline(path: str | Path, *, celsius: float | None = None) -> Outline:
    """Read a netlist's text with the files that it includes, and look up every name that its elements use.

    Args:
        path: The netlist file.
        celsius: Temperature in place of the netlist's own [degree Celsius].

    Raises:
        NetlistError: If the netlist is malformed; names file and line.
    """
    path, notes = Path(path), []
    with placed(path), np.errstate(all="ignore"):
        title, lines = title_and_lines(path, notes)
        top, directives = structure(lines, lambda body, text, line: Scope(body).at(text, line) != 0)
        scope = Scope(top)
        asked = requests(directives, scope, notes)
        if celsius is not None:
            asked.celsius, asked.of_corner = celsius, True
        _look_up(scope, set())
    return Outline(path, title, scope, asked, notes)


@contextmanager
def placed(path: Path) -> Iterator[None]:
    """Errors inside name the file, and nesting without end is one of them."""
    try:
        yield
    except RecursionError:
        raise NetlistError(f"{path.name}: something is nested too deeply to be read.") from None
    except NetlistError:
        raise
    except InputError as error:
        raise NetlistError(f"{path.name}: {error}") from error


def _look_up(scope: Scope, seen: set[int]) -> None:
    """Find the subcircuit or model of every element that is surely there."""
    for line in scope.body.elements:
        if scope.body.guards.get(line):  # its condition is known when it is expanded
            continue
        kind = letter(line)
        if kind == "x":
            call = called(scope, line)
            if id(call.body) not in seen:
                seen.add(id(call.body))
                _look_up(Scope(call.body, call.home), seen)
        elif kind in _MODELS:
            at, kinds = _MODELS[kind]
            words = [w for w in card(line).fields if w not in ("on", "off")]
            if len(words) > at:
                named_model(scope, line, words[at], kinds)
