"""Columns of text that line up, and wrap at the width of the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], *, width: int | None = None) -> str:
    """Rows as text: every column as wide as its widest cell, within limits; the last one wrapped."""
    if not rows:
        return ""
    width = width if width is not None else min(shutil.get_terminal_size((110, 24)).columns, 130)
    columns = len(rows[0])
    wide = [max(len(row[i]) for row in rows) for i in range(columns - 1)]
    wide[:1] = [min(w, 2 * width // 5) for w in wide[:1]]  # names come first, and are not broken
    most = max((2 * width // 3 - sum(wide[:1])) // max(columns - 2, 1) - 2, 6)
    wide[1:] = [min(w, most) for w in wide[1:]]
    wide = [max(w, 1) for w in wide]  # a column may be empty
    room = max(width - sum(wide) - 2 * len(wide), 12)
    lines = []
    for row in rows:
        cells = [_wrapped(cell, w) for cell, w in zip(row, [*wide, room], strict=True)]
        for i in range(max(len(cell) for cell in cells)):
            parts = [(cell[i] if i < len(cell) else "").ljust(w) for cell, w in zip(cells, [*wide, room], strict=True)]
            lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _wrapped(cell: str, width: int) -> list[str]:
    indent = cell[: len(cell) - len(cell.lstrip())]
    return textwrap.wrap(cell, width, subsequent_indent=indent) or [""]
