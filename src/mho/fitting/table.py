"""A delimited text file as a laboratory leaves it: headings with units, comments, odd last lines, missing cells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mho.core.errors import MeasurementError

_MISSING = {"", "nan", "na", "n/a", "-", "--", "none", "null"}
_OVERFLOW = 9e37  # source-measure units write 9.9e37 for "out of range"
_LARGEST_FILE = 500e6  # bytes
_LONGEST_PREAMBLE = 200  # lines of an instrument's own settings above the headings
_COMMENT = ("#", "%", "//", "!")
_KEY_VALUE = re.compile(r"^\s*([A-Za-z][^=:]*?)\s*[=:]\s*(.+?)\s*$")


@dataclass(frozen=True)
class Table:
    """A text table.

    Args:
        path: The file.
        headings: As they stand in the file, without empty trailing ones.
        values: Cells, shape (rows, columns); missing ones are NaN.
        lines: Line number of each row, counted from 1.
        metadata: From comment lines and from lines `key = value`.
        warnings: What was unusual and how it was read.
    """

    path: Path
    headings: tuple[str, ...]
    values: np.ndarray
    lines: np.ndarray
    metadata: dict[str, str]
    warnings: tuple[str, ...]


def read_text(path: str | Path) -> str:
    """The text of a file.

    Raises:
        MeasurementError: If it is missing, a folder, empty, binary, or too large.
    """
    path = Path(path)
    if not path.exists():
        raise MeasurementError(
            f"{path} does not exist. Check the path; it must be a text file (CSV or TSV) with headings."
        )
    if not path.is_file():
        raise MeasurementError(f"{path} is not a file. Give the measurement file itself.")
    size = path.stat().st_size
    if size > _LARGEST_FILE:
        raise MeasurementError(
            f"{path} has {size / 1e6:.0f} MB; at most {_LARGEST_FILE / 1e6:.0f} MB are read. Split it by sweep."
        )
    raw = path.read_bytes()
    if not raw.strip():
        raise MeasurementError(f"{path} is empty (0 rows). It must hold a heading line and data rows.")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    if b"\x00" in raw[:65536]:
        raise MeasurementError(
            f"{path} is a binary file (byte 0 found), not text. Export it from the instrument as CSV or TSV."
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")  # an instrument's µ and Ω in a Western code page


def delimited(path: Path, text: str, *, ragged: bool = False) -> Table:
    """A delimited text table.

    The delimiter (tab, semicolon or comma) is that of the heading line; a decimal comma is understood where the
    delimiter is not a comma. Lines that begin with ``#``, ``%``, ``!`` or ``//`` are comments; `key = value` or `key:
    value` in them, or on a line of their own, is metadata. Lines above the headings that have another number of cells
    are an instrument's preamble, and metadata too. A delimiter at the end of every line makes no column.

    Args:
        path: The file, for messages.
        text: Its text.
        ragged: Rows may be shorter than the heading line.

    Raises:
        MeasurementError: If the text cannot be read as a table; names the line.
    """
    lines = text.splitlines()
    metadata: dict[str, str] = {}
    body: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith(_COMMENT):
            _note(metadata, text.lstrip("#%!/ "))
        elif text:
            body.append((number, line))
    if not body:
        raise MeasurementError(
            f"{path} has only comments, no headings and no rows. Add a heading line such as 't [ms], v_gate [V], r "
            "[kOhm]'."
        )
    body, delimiter = _below_preamble(body, metadata)
    headings = _headings(path, body[0], delimiter)
    if len(body) == 1:
        raise MeasurementError(f"{path} has headings ({', '.join(headings)}) but 0 rows. Add the data rows.")
    rows, numbers, warnings = [], [], []
    for number, line in body[1:]:
        cells = [c.strip().strip('"') for c in line.split(delimiter)]
        if "=" in line and _note(metadata, " ".join(c for c in cells if c)):
            warnings.append(f"line {number} is read as metadata: {' '.join(c for c in cells if c)}")
            continue
        rows.append(_row(path, number, cells, headings, delimiter, ragged=ragged, last=number == body[-1][0]))
        numbers.append(number)
    if not rows:
        raise MeasurementError(f"{path} has headings ({', '.join(headings)}) but 0 data rows. Add the data rows.")
    values = np.asarray(rows, np.float64)
    over = np.abs(values) >= _OVERFLOW
    if over.any():
        warnings.append(f"{int(over.sum())} cells hold the instrument's overflow value; they are read as missing")
        values[over] = np.nan
    keep = [i for i, h in enumerate(headings) if h]
    return Table(
        path, tuple(headings[i] for i in keep), values[:, keep], np.asarray(numbers), metadata, tuple(warnings)
    )


def _below_preamble(body: list[tuple[int, str]], metadata: dict[str, str]) -> tuple[list[tuple[int, str]], str]:
    """The lines from the headings on, and their delimiter; what stands above them goes to the metadata."""

    def split(line: str, delimiter: str) -> list[str]:
        cells = [c.strip().strip('"') for c in line.split(delimiter)]
        while cells and not cells[-1]:
            cells.pop()
        return cells

    for k in range(1, min(len(body), _LONGEST_PREAMBLE)):
        delimiter = next((d for d in "\t;," if d in body[k][1]), ",")
        cells = split(body[k][1], delimiter)
        if len(cells) > 1 and all(as_number(c) is not None for c in cells):
            above = split(body[k - 1][1], delimiter)
            if k > 1 and len(above) == len(cells) != len(split(body[0][1], delimiter)):
                for _, line in body[: k - 1]:
                    name, *values = split(line, next((d for d in "\t;,:=" if d in line), ","))
                    metadata[name] = " ".join(values)
                return body[k - 1 :], delimiter
            break
    return body, next((d for d in "\t;," if d in body[0][1]), ",")


def _note(metadata: dict[str, str], text: str) -> bool:
    match = _KEY_VALUE.match(text)
    if match is None:
        return False
    metadata[match[1]] = match[2]
    return True


def _headings(path: Path, first: tuple[int, str], delimiter: str) -> list[str]:
    number, line = first
    headings = [c.strip().strip('"') for c in line.split(delimiter)]
    while headings and not headings[-1]:
        headings.pop()
    if all(as_number(h) is not None for h in headings):
        raise MeasurementError(
            f"{path}, line {number}: no headings, the first line holds numbers ({line.strip()[:60]}). "
            "Add a heading line with units, for example 't [ms], v_gate [V], r [kOhm]'."
        )
    for heading in headings:
        if heading and headings.count(heading) > 1:
            raise MeasurementError(
                f"{path}, line {number}: the heading {heading!r} stands {headings.count(heading)} times; each may "
                "stand once. "
                "Rename or delete the duplicated columns."
            )
    return headings


def _row(
    path: Path, number: int, cells: list[str], headings: list[str], delimiter: str, *, ragged: bool, last: bool
) -> list[float]:
    width = len(headings)
    if len(cells) > width and any(cells[width:]):
        raise MeasurementError(
            f"{path}, line {number}: {len(cells)} cells, but the heading line has {width}. "
            "Remove the extra cell, or write decimal points, not commas."
        )
    if len(cells) < width and not ragged:
        hint = (
            "The file looks truncated; export it again, or delete the line."
            if last
            else "Complete the line, with nothing between two delimiters for a missing value."
        )
        raise MeasurementError(f"{path}, line {number}: {len(cells)} of {width} cells. {hint}")
    row = []
    for heading, cell in zip(headings, [*cells, *[""] * width], strict=False):
        value = as_number(cell.replace(",", ".") if delimiter != "," else cell)
        if value is None:
            raise MeasurementError(
                f"{path}, line {number}, column {heading!r}: {cell[:40]!r} is not a number. Write a number, or leave "
                "the cell empty where a sample is missing."
            )
        row.append(value)
    return row


def as_number(text: str) -> float | None:
    """A float, NaN where the cell says missing, None where it is something else."""
    if text.lower() in _MISSING:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else float("nan")


def listed(items: Iterable[object]) -> str:
    """Words for a message: ``a, b and c``."""
    words = [str(i) for i in items]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else "none"
