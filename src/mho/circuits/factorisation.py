"""Unrolled sparse LU: the order is found once from the structure, the arithmetic runs on arrays of lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from mho.core.errors import NetlistError

Entry = tuple[int, int]


@lru_cache(maxsize=64)
def matched(n: int, pattern: frozenset[Entry], firm: frozenset[Entry], names: tuple[str, ...]) -> dict[int, int]:
    """A row for each column, over firm entries as near the diagonal as possible.

    Raises:
        NetlistError: If no such assignment exists.
    """
    cost = np.full((n, n), 1e9)
    for row, column in pattern:
        cost[row, column] = 1e3
    for row, column in firm:
        cost[row, column] = 0.0 if row == column else 1.0
    for i in range(n):
        cost[i, i] = min(cost[i, i], 1e4)  # a node held by branches alone: its diagonal fills in
    rows, columns = linear_sum_assignment(cost)
    for row, column in zip(rows, columns, strict=True):
        if cost[row, column] >= 1e9:
            raise _undetermined(names[column])
    return {int(c): int(r) for r, c in zip(rows, columns, strict=True)}


def _undetermined(name: str) -> NetlistError:
    return NetlistError(
        f"{name!r} is not determined by the circuit's equations. Give it a resistor or a capacitor to ground."
    )


@lru_cache(maxsize=64)
def pivot_order(n: int, pattern: frozenset[Entry], firm: frozenset[Entry], names: tuple[str, ...]) -> tuple[Entry, ...]:
    """Pivots (row, column) in elimination order, chosen without looking at values.

    `firm` entries are safe pivots: diagonals that carry a conductance, capacitance or inductance (the matrix is then
    diagonally dominant or quasi-definite there), and the ones of a voltage source's incidence. A row is first matched
    to a column over firm entries as near the diagonal as possible; the matched entries are then eliminated in order of
    least degree among those that are not zero at their turn.

    Raises:
        NetlistError: If no order exists, which means that the equations do not determine every unknown.
    """
    partner = matched(n, pattern, firm, names)
    filled, left, order = set(pattern), set(range(n)), []
    by_row = {i: {c for r, c in filled if r == i} for i in range(n)}
    by_column = {j: {r for r, c in filled if c == j} for j in range(n)}
    while left:
        ready = [c for c in left if c in by_row[partner[c]]]
        if not ready:
            raise _undetermined(names[min(left)])
        column = min(ready, key=lambda c: (_degree(c, partner, by_row, by_column), c))
        row = partner[column]
        order.append((row, column))
        left.discard(column)
        others = [r for r in by_column[column] if r != row]
        for r in others:
            new = by_row[row] - {column} - by_row[r]
            by_row[r] |= new
            for c in new:
                by_column[c].add(r)
        for c in by_row[row]:
            by_column[c].discard(row)
        for r in others:
            by_row[r].discard(column)
        by_column[column] = set()
    return tuple(order)


def _degree(column: int, partner: Mapping[int, int], by_row: Mapping[int, set], by_column: Mapping[int, set]) -> int:
    """Markowitz count of the fill that eliminating a matched entry can cause."""
    return (len(by_row[partner[column]]) - 1) * (len(by_column[column]) - 1)


def solve(matrix: Mapping[Entry, Any], right: Sequence[Sequence[Any]], order: Sequence[Entry]) -> list[list[Any]]:
    """Solve A x = b for several right-hand sides.

    Args:
        matrix: Non-zero entries by (row, column), each an array of lanes.
        right: Right-hand sides, each a list over rows.
        order: Pivots from :func:`pivot_order`.

    Returns:
        One list over columns for each right-hand side.
    """
    a, rights, inverse = dict(matrix), [list(b) for b in right], {}
    for k, (p, c) in enumerate(order):
        inverse[c] = 1.0 / a[p, c]
        later = [(p, j) for _, j in order[k + 1 :] if (p, j) in a]
        for q, _ in order[k + 1 :]:
            if (q, c) not in a:
                continue
            m = a[q, c] * inverse[c]
            for _, j in later:
                a[q, j] = a[q, j] - m * a[p, j] if (q, j) in a else -(m * a[p, j])
            for b in rights:
                b[q] = b[q] - m * b[p]
    solutions = []
    for b in rights:
        x: list[Any] = [None] * len(order)
        for k in range(len(order) - 1, -1, -1):
            p, c = order[k]
            total = b[p]
            for _, j in order[k + 1 :]:
                if (p, j) in a:
                    total = total - a[p, j] * x[j]
            x[c] = total * inverse[c]
        solutions.append(x)
    return solutions
