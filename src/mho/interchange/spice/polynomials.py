"""Controlled sources by polynomial and by table, as formulas."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from mho.interchange.spice.elaboration import Site
from mho.interchange.spice.formulas import between
from mho.netlists.cards import Card, card
from mho.netlists.expressions import Call, Expression, Number, Probe
from mho.netlists.lines import Line

_POLY = re.compile(r"\bpoly\s*\(\s*(\d+)\s*\)")
_TABLE = re.compile(r"\btable\b\s*=?\s*(\{[^{}]*\}|'[^']*')\s*=?\s*(.+)", re.DOTALL)
_MOST_INPUTS, _MOST_TERMS = 20, 200


def is_polynomial(line: Line) -> bool:
    """Whether a source's line is written with POLY."""
    return _POLY.search(line.text) is not None


def polynomial(site: Site, line: Line) -> tuple[Card, Expression]:
    """The words before POLY, and the polynomial as a formula.

    The coefficients go from the constant on through each degree, within a degree in the order x1 x1, x1 x2, ..., x2 x2.

    Raises:
        NetlistError: If the line lacks controls, or names none.
    """
    found = _POLY.search(line.text)
    assert found is not None
    count = int(found.group(1))
    if not 1 <= count <= _MOST_INPUTS:
        line.fail(f"POLY({count}) is out of range; it takes 1 to {_MOST_INPUTS} inputs.")
    words = card(line, line.text[found.end() :]).fields
    by_current = line.text[0] in "fh"
    need = count if by_current else 2 * count
    if len(words) <= need:
        line.fail(f"POLY({count}) takes {need} {'sources' if by_current else 'nodes'} and coefficients after them.")
    if by_current:
        inputs = [site.closed(Probe("i", (w,)), line) for w in words[:count]]
    else:
        nodes = [site.node(w) for w in words[:need]]
        inputs = [between(*pair) for pair in zip(nodes[::2], nodes[1::2], strict=True)]
    coefficients = [site.value(w, line) for w in words[need:]]
    if len(coefficients) > _MOST_TERMS:
        line.fail(f"POLY({count}) has {len(coefficients)} coefficients; at most {_MOST_TERMS} are read.")
    return card(line, line.text[: found.start()]), _summed(inputs, coefficients)


def _summed(inputs: Sequence[Expression], coefficients: Sequence[float]) -> Expression:
    """The sum of the terms whose coefficient is not zero."""
    orders = (itertools.combinations_with_replacement(inputs, degree) for degree in itertools.count())
    terms = itertools.chain.from_iterable(orders)
    total: Expression = Number(0.0)
    for c, factors in zip(coefficients, terms, strict=False):
        if c == 0:
            continue
        term: Expression = Number(c)
        for x in factors:
            term = Call("*", (term, x))
        total = term if total == Number(0.0) else Call("+", (total, term))
    return total


def table(site: Site, line: Line) -> tuple[Card, Expression] | None:
    """The words before TABLE, and the table as a formula with rounded corners; None if there is no table.

    Raises:
        NetlistError: If the pairs are none, or do not rise.
    """
    found = _TABLE.search(line.text)
    if found is None:
        return None
    points = [site.value(w, line) for w in card(line, found.group(2)).fields]
    if len(points) < 4 or len(points) % 2:
        line.fail("TABLE takes at least two pairs of input and output after its formula.")
    if any(b <= a for a, b in itertools.pairwise(points[::2])):
        line.fail("the inputs of a TABLE must rise.")
    tree = site.tree(found.group(1), line)
    return card(line, line.text[: found.start()]), Call("table", (tree, *map(Number, points)))
