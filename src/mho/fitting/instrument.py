"""What source-measure units write: records of Keysight's EasyEXPERT, headings of Keysight's and Keithley's programs.

An instrument's names say quantity, terminal and sweep, and no unit; its numbers are in V, A, ohm and s.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mho.core.errors import MeasurementError
from mho.fitting.table import Table, as_number, listed

_TERMINALS = "anode|cathode|drain|source|gate|bulk|top|bottom|smu\\d*|ch\\d*|force|sense"
_SHAPES = (  # Keysight B2900: Smu1.V[1][1]; Keithley Clarius: AnodeI(2); EasyEXPERT and others: V1, I1, Time
    re.compile(r"^(?P<terminal>smu\d+|ch\d+)\.(?P<quantity>time|v|i|r)(?:\[\d+\]\[(?P<sweep>\d+)\])?$", re.I),
    re.compile(rf"^(?P<terminal>{_TERMINALS})?(?P<quantity>time|v|i|r)(?:\((?P<sweep>\d+)\))?$", re.I),
    re.compile(r"^(?P<quantity>v|i|r|time|absi|absv)(?P<terminal>\d*)(?:\((?P<sweep>\d+)\))?$", re.I),
)
_COUNTERS = ("item", "index", "point", "no", "no.")
_CANONICAL = {"time": "t [s]", "v": "v [V]", "i": "i [A]", "r": "r [ohm]"}
_ORDER = ("anode", "top", "drain", "smu1", "ch1", "1", "")  # the driven terminal of a cell, the likeliest first


class _Name(NamedTuple):
    quantity: str
    terminal: str
    sweep: int


def recognised(text: str) -> bool:
    """Whether a text is made of EasyEXPERT's records (lines that begin with ``DataName`` and ``DataValue``)."""
    return re.search(r"^\s*\"?DataName\"?\s*,", text, re.MULTILINE) is not None


def records(path: Path, text: str) -> Table:
    """EasyEXPERT's text: settings, a line ``DataName``, lines ``DataValue``; each further ``DataName`` is a sweep.

    Raises:
        MeasurementError: If there are no values, or a line is truncated or holds no number; names the line.
    """
    metadata: dict[str, str] = {}
    names: list[str] = []
    rows, lines, sweep = [], [], 0
    for number, line in enumerate(text.splitlines(), 1):
        word, *cells = (c.strip().strip('"') for c in line.split(","))
        while cells and not cells[-1]:
            cells.pop()
        if word == "DataName":
            if names and cells != names:
                raise MeasurementError(
                    f"{path}, line {number}: the appended sweep has the columns {listed(cells)}, the one before "
                    f"{listed(names)}; they must be the same. Export the sweeps one by one."
                )
            names, sweep = cells, sweep + 1
        elif word == "DataValue":
            rows.append([*_values(path, number, cells, names), float(sweep)])
            lines.append(number)
        elif cells:
            metadata[" ".join([word, *cells[:-1]]) if len(cells) > 1 else word] = cells[-1]
    if not rows:
        raise MeasurementError(
            f"{path} has a line DataName but 0 lines DataValue; the file looks truncated. Export it again."
        )
    return Table(path, (*names, "sweep"), np.asarray(rows), np.asarray(lines), metadata, ())


def _values(path: Path, number: int, cells: list[str], names: list[str]) -> list[float]:
    if not names:
        raise MeasurementError(f"{path}, line {number}: DataValue stands before any DataName. Export the file again.")
    if len(cells) != len(names):
        raise MeasurementError(
            f"{path}, line {number}: {len(cells)} of {len(names)} cells. The file looks truncated; export it again, or "
            "delete the line."
        )
    values = []
    for name, cell in zip(names, cells, strict=True):
        value = as_number(cell)
        if value is None:
            raise MeasurementError(
                f"{path}, line {number}, column {name!r}: {cell[:40]!r} is not a number. Write a number, or 'nan' "
                "where a sample is missing."
            )
        values.append(value)
    return values


def in_long_form(table: Table) -> Table:
    """A table with an instrument's headings as one with units, its sweeps one below the other.

    Tables whose headings are not all an instrument's (besides counters) come back as they are.
    """
    named = {k: _parsed(h) for k, h in enumerate(table.headings) if h.lower() not in (*_COUNTERS, "sweep")}
    parsed = {k: n for k, n in named.items() if n is not None}
    kinds = {n.quantity for n in parsed.values()}
    if len(parsed) < len(named) or not {"v", "i"} <= kinds or not parsed:
        return table
    warnings = [*table.warnings, "the headings are an instrument's, without units: taken as s, V, A and ohm"]
    terminal = _driven(parsed, warnings)
    sweeps = sorted({n.sweep for n in parsed.values()})
    appended = table.headings.index("sweep") if "sweep" in table.headings else None
    own = {k: n for k, n in parsed.items() if n.terminal in (terminal, "")}
    quantities = [q for q in _CANONICAL if any(n.quantity == q for n in own.values())]
    blocks, lines = [], []
    for number in sweeps:
        columns = []
        for quantity in quantities:
            found = [k for k, n in own.items() if n.quantity == quantity and n.sweep == number]
            columns.append(table.values[:, found[0]] if found else np.full(len(table.values), np.nan))
        columns.append(table.values[:, appended] if appended is not None else np.full(len(table.values), float(number)))
        block = np.stack(columns, axis=1)
        there = np.any(np.isfinite(block[:, :-1]), axis=1)  # sweeps side by side may differ in length
        blocks.append(block[there])
        lines.append(table.lines[there])
    headings = (*(_CANONICAL[q] for q in quantities), "sweep")
    return replace(
        table,
        headings=headings,
        values=np.concatenate(blocks),
        lines=np.concatenate(lines),
        warnings=tuple(warnings),
    )


def _parsed(text: str) -> _Name | None:
    for shape in _SHAPES:
        match = shape.match(text.strip().replace(" ", ""))
        if match is not None:
            quantity = match["quantity"].lower()
            terminal = (match["terminal"] or "").lower()
            return _Name(quantity, "" if quantity == "time" else terminal, int(match["sweep"] or 1))
    return None


def _driven(parsed: dict[int, _Name], warnings: list[str]) -> str:
    """The terminal whose voltage and current are the cell's."""
    both = {n.terminal for n in parsed.values() if n.quantity == "v"} & {
        n.terminal for n in parsed.values() if n.quantity == "i"
    }
    if not both:
        return ""
    chosen = min(both, key=lambda t: (_ORDER.index(t) if t in _ORDER else len(_ORDER), t))
    if len(both) > 1:
        warnings.append(f"several terminals were measured ({listed(sorted(both))}); {chosen!r} is taken as the cell's")
    return chosen
