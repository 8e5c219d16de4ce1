"""Several datasheets side by side: rows of figures, and the table of effective bits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mho.metrics.sheet import Datasheet
from mho.report.sheet_text import name_of, value_of


def groups(sheets: Sequence[Datasheet]) -> dict[str, list[list[str]]]:
    """By heading, one row a figure: its name, then its value for each device; a dash where there is none."""
    found: dict[str, list[list[str]]] = {}
    seen: set[str] = set()
    for sheet in sheets:
        for heading, kpis in sheet.groups.items():
            for kpi in kpis:
                if kpi.name in seen:
                    continue
                seen.add(kpi.name)
                cells = []
                for other in sheets:
                    match = next((k for k in other if k.name == kpi.name), None)
                    cells.append("–" if match is None else value_of(match))
                if any(cell != "–" for cell in cells):
                    found.setdefault(heading, []).append([name_of(kpi), *cells])
    last = ("Claims of the source", "Provenance")
    return {k: found[k] for k in sorted(found, key=lambda k: last.index(k) if k in last else -1)}


def rows(sheets: Sequence[Datasheet]) -> list[list[str]]:
    """All groups as one table for the terminal."""
    blank = [""] * len(sheets)
    table = [["", *(s.numbers.name for s in sheets)], ["", *(s.numbers.technology or "–" for s in sheets)]]
    for heading, lines in groups(sheets).items():
        table += [["", *blank], [heading.upper(), *blank], *([f"  {line[0]}", *line[1:]] for line in lines)]
    return table


def bits_rows(sheets: Iterable[Datasheet]) -> list[list[str]]:
    """Effective bits of each device, and what limits them."""
    table = [["set", "technology", "verified", "limited by", "after a day", "unverified"]]
    for sheet in sheets:
        bits = [value_of(sheet[k]).removesuffix(" bit") for k in
                ("effective_bits", "effective_bits_one_day", "effective_bits_open_loop")]  # fmt: skip
        limit = sheet["effective_bits"]
        cause = sheet.limit if limit.value is not None else re.split(r"[;.](?: |$)", limit.note)[0]
        table.append([sheet.numbers.name, sheet.numbers.technology or "–", bits[0], cause, *bits[1:]])
    return table


def markdown_table(table: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    head, *body = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([head, "|" + "---|" * len(table[0]), *body])
