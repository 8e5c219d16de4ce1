"""Matrices of conductances and voltages from files, and solutions into files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import InputError
from mho.core.quantities import factor, heading
from mho.crossbars.checks import checked_conductance

_LARGEST = 500e6  # bytes


def read_conductances(path: str | Path) -> np.ndarray:
    """Conductances (rows, columns) [S] from CSV (unit in a heading, or S) or NPY.

    Raises:
        InputError: If the file cannot be read as a matrix, or a conductance is negative or missing.
    """
    g = _matrix(Path(path), "S", "conductances", "g [uS]")
    try:
        checked_conductance(g)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return g


def read_voltages(path: str | Path, rows: int) -> np.ndarray:
    """Voltages (inputs, rows) [V]: in the file one row of numbers a row of the array, one column an input.

    Raises:
        InputError: If the file cannot be read as a matrix, or its rows are not those of the array.
    """
    v = _matrix(Path(path), "V", "voltages", "v [mV]")
    if v.shape[0] != rows and v.shape == (1, rows):
        v = v.T
    if v.shape[0] != rows:
        raise InputError(
            f"{path}: {v.shape[0]} rows of voltages, but the array has {rows} rows. Give one voltage a row of the "
            "array; each further column of the file is a further input."
        )
    if not np.isfinite(v).all():
        i, j = (int(k) for k in np.argwhere(~np.isfinite(v))[0])
        raise InputError(f"{path}: the voltage in row {i}, column {j} is {v[i, j]}; it must be finite. Fill it in.")
    return np.ascontiguousarray(v.T)


def _matrix(path: Path, unit: str, what: str, example: str) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"{path} is no file. Give a CSV or NPY file of {what}.")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path} has {path.stat().st_size / 1e6:.0f} MB; at most {_LARGEST / 1e6:.0f} MB are read.")
    values = _numpy(path, what) if path.suffix == ".npy" else _text(path, unit, what, example)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"{path} holds {what} of shape {values.shape}; it must be a matrix with at least one number.")
    return values


def _numpy(path: Path, what: str) -> np.ndarray:
    try:
        with path.open("rb") as file:
            return np.asarray(np.load(file, allow_pickle=False), np.float64)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError(
            f"{path} cannot be read as an NPY file of {what}: {error}. Save it with numpy.save."
        ) from error


def _text(path: Path, unit: str, what: str, example: str) -> np.ndarray:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}. Export {what} as CSV.") from error
    lines = [(n, x) for n, x in enumerate(text.splitlines(), 1) if x.strip() and not x.lstrip().startswith("#")]
    if not lines:
        raise InputError(f"{path} is empty (0 rows). It must hold {what}, one row of the array a line.")
    delimiter = next((d for d in "\t;," if d in lines[-1][1]), ",")
    scale = 1.0
    if not _numeric(lines[0][1].split(delimiter)[0]):
        named = heading(lines[0][1].split(delimiter)[0])[1]
        if named is None:
            raise InputError(
                f"{path}, line {lines[0][0]}: the heading {lines[0][1].strip()[:40]!r} has no unit. Write it as "
                f"'{example}', or give {what} in {unit} without a heading."
            )
        scale, lines = factor(named, unit), lines[1:]
    if not lines:
        raise InputError(f"{path} has a heading but 0 rows. It must hold {what}, one row of the array a line.")
    rows = [_row(path, number, line, delimiter) for number, line in lines]
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        number = next(n for (n, _), row in zip(lines, rows, strict=True) if len(row) != len(rows[0]))
        raise InputError(
            f"{path}, line {number}: not as many numbers as in the first row ({len(rows[0])}). Complete it."
        )
    return np.asarray(rows) * scale


def _row(path: Path, number: int, line: str, delimiter: str) -> list[float]:
    cells = [c.strip().strip('"') for c in line.split(delimiter)]
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    for k, cell in enumerate(cells):
        if not _numeric(cell):
            raise InputError(
                f"{path}, line {number}, column {k}: {cell[:40]!r} is not a number. Write one with a decimal point."
            )
    return [float(c) for c in cells]


def _numeric(text: str) -> bool:
    try:
        float(text.strip().strip('"'))
    except ValueError:
        return False
    return True


def write_columns(path: Path, currents: np.ndarray, ideal: np.ndarray, solution: Any) -> None:
    """One line a column and input: current, current without wires, and their relative difference."""
    lines = ["input,column,current [A],without wires [A],relative error"]
    for k, j in np.ndindex(currents.shape):
        error = currents[k, j] / ideal[k, j] - 1.0 if ideal[k, j] != 0.0 else 0.0
        lines.append(f"{k},{j},{currents[k, j]:.12g},{ideal[k, j]:.12g},{error:.6g}")
    _whole(path, ("\n".join(lines) + "\n").encode())


def write_fields(path: Path, currents: np.ndarray, ideal: np.ndarray, solution: Any) -> None:
    """Everything as arrays in SI units: inputs first, then rows and columns."""
    buffer = io.BytesIO()
    fields = {name: np.asarray(x) for name, x in solution._asdict().items()}
    np.savez_compressed(buffer, allow_pickle=False, i_column=currents, i_ideal=ideal, **fields)
    _whole(path, buffer.getvalue())


def _whole(path: Path, content: bytes) -> None:
    """The file whole, or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}. Choose a folder that is yours to write."
        ) from error
    finally:
        part.unlink(missing_ok=True)
