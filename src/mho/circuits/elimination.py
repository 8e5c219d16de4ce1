"""The order in which a large sparse matrix is eliminated: levels of pivots that do not touch, then a dense core."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mho.circuits.factorisation import Entry, matched

_SMALL_CORE = 12  # rows that are not worth another level
_SLACK = 3  # fill that a pivot may risk above the least of its level
_WIDTH = 6  # pivots that are worth a level
_PATIENCE = (2, 4, 8)  # times the least fill that pivots may risk, the more the fewer are found


@dataclass(frozen=True)
class Level:
    """Pivots that are eliminated at once, and the tables that say what that touches.

    Places are those of :class:`Elimination`; steps count pivots in the order of elimination.

    Args:
        first: Place of the first pivot; the pivots follow each other, then the entries below them, then those beside.
        pivots: Number of pivots.
        step: Step of the first.
        lower_pivot, lower_row: For each entry below: its pivot within the level, and its row's step.
        upper_pivot, upper_column: For each entry beside: its pivot within the level, and its column's step.
        left, right, target: For each update: the entry below (within the level), the entry beside (place), and the
            place from which their product is taken.
    """

    first: int
    pivots: int
    step: int
    lower_pivot: np.ndarray
    lower_row: np.ndarray
    upper_pivot: np.ndarray
    upper_column: np.ndarray
    left: np.ndarray
    right: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class Elimination:
    """Where each entry lies, and how to eliminate.

    Args:
        rows, columns: Row and column of the matrix at each step.
        place: Place of every entry, with those that fill in, by (row, column).
        levels: Levels in order.
        core: Rows of the dense core; its entries lie last, row by row.
        row_of: Step of the row at each place.
        column_of: Step of the column at each place.
    """

    rows: np.ndarray
    columns: np.ndarray
    place: dict[Entry, int]
    levels: tuple[Level, ...]
    core: int
    row_of: np.ndarray
    column_of: np.ndarray


@lru_cache(maxsize=16)
def elimination(n: int, pattern: frozenset[Entry], firm: frozenset[Entry], names: tuple[str, ...]) -> Elimination:
    """Levels of independent pivots of low degree, as long as they are many; what is left is the core.

    Only firm entries (see :func:`mho.circuits.factorisation.pivot_order`) are pivots of levels; the core is pivoted by
    value when it is solved.

    Raises:
        NetlistError: If the equations do not determine every unknown.
    """
    partner = matched(n, pattern, firm, names)
    by_column: list[set[int]] = [set() for _ in range(n)]  # rows, named by the column that each is matched to
    owner = {row: column for column, row in partner.items()}
    beside: list[set[int]] = [set() for _ in range(n)]
    for r, c in pattern:
        beside[owner[r]].add(c)
        by_column[c].add(owner[r])
    safe = {c for c in range(n) if (partner[c], c) in firm}
    left, chosen_levels = set(range(n)), []
    lowers: dict[int, tuple[int, ...]] = {}
    uppers: dict[int, tuple[int, ...]] = {}
    while len(left) > _SMALL_CORE:
        enough = max(_WIDTH, len(left) // 24)
        tries = (_independent(left & safe, beside, by_column, factor) for factor in _PATIENCE)
        level = next((x for x in tries if len(x) >= enough), [])
        if not level:
            break
        chosen_levels.append(level)
        left -= set(level)
        for p in level:
            rows, columns = sorted(by_column[p] - {p}), sorted(beside[p] - {p})
            lowers[p], uppers[p] = tuple(rows), tuple(columns)
            for r in rows:
                beside[r].discard(p)
                beside[r].update(columns)
            for c in columns:
                by_column[c].discard(p)
                by_column[c].update(rows)
    core = sorted(left)
    order = [p for level in chosen_levels for p in level] + core
    return _placed(n, order, partner, chosen_levels, lowers, uppers, len(core))


def _independent(candidates: set[int], beside: list[set[int]], below: list[set[int]], factor: int) -> list[int]:
    """Pivots of nearly the least Markowitz count of which none touches another."""
    cost = {c: (len(beside[c]) - 1) * (len(below[c]) - 1) for c in candidates}
    if not cost:
        return []
    most = factor * min(cost.values()) + _SLACK
    level: list[int] = []
    blocked: set[int] = set()
    for c in sorted(candidates, key=lambda c: (cost[c], c)):
        if cost[c] > most:
            break
        if c not in blocked:
            level.append(c)
            blocked |= beside[c] | below[c]
    return level


def _placed(n, order, partner, levels, lowers, uppers, core: int) -> Elimination:
    """Give every entry a place: level by level its pivots, the entries below and those beside; then the core."""
    step = {p: k for k, p in enumerate(order)}
    place: dict[Entry, int] = {}  # by steps of row and column
    for level in levels:
        for entries in (
            ((p, p) for p in level),
            ((r, p) for p in level for r in lowers[p]),
            ((p, c) for p in level for c in uppers[p]),
        ):
            for r, c in entries:
                place[step[r], step[c]] = len(place)
    for r in range(n - core, n):
        for c in range(n - core, n):
            place[r, c] = len(place)
    tables, first = [], 0
    for level in levels:
        table = _level(level, first, step, place, lowers, uppers)
        tables.append(table)
        first += table.pivots + len(table.lower_row) + len(table.upper_column)
    rows = np.array([partner[p] for p in order], np.int32)
    columns = np.array(order, np.int32)
    ends = np.array(list(place), np.int32).reshape(-1, 2)
    named = {(int(rows[r]), int(columns[c])): k for (r, c), k in place.items()}
    return Elimination(rows, columns, named, tuple(tables), core, ends[:, 0], ends[:, 1])


def _level(level, first: int, step, place, lowers, uppers) -> Level:
    lower_at, lower, upper, updates = {}, [], [], []
    for k, p in enumerate(level):
        for r in lowers[p]:
            lower_at[r, p] = len(lower)
            lower.append((k, step[r]))
        upper += [(k, step[c]) for c in uppers[p]]
    for p in level:
        for r in lowers[p]:
            for c in uppers[p]:
                updates.append((lower_at[r, p], place[step[p], step[c]], place[step[r], step[c]]))
    lower_table, upper_table, update_table = (
        np.array(x, np.int32).reshape(-1, width) for x, width in ((lower, 2), (upper, 2), (updates, 3))
    )
    return Level(
        first, len(level), step[level[0]], *lower_table.T.copy(), *upper_table.T.copy(), *update_table.T.copy()
    )
