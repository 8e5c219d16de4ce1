"""Samples with labels for a network: from NumPy's ``.npz`` or from a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mho.core.errors import InputError

_INPUTS, _LABELS = ("x", "inputs", "images", "data"), ("y", "labels", "targets", "target")


class Samples(NamedTuple):
    """Inputs (n, ...), single precision, and whole-number labels (n,)."""

    x: np.ndarray
    labels: np.ndarray


def read_samples(path: str | Path, *, shape: tuple[int, ...] | None = None) -> Samples:
    """Samples from a file.

    Args:
        path: ``.npz`` with arrays ``x`` (or ``inputs``, ``images``, ``data``) and ``y`` (or ``labels``, ``targets``);
            or CSV, a sample a line, its label in the last column, with or without a line of headings.
        shape: Of one sample, where the file has it flat.

    Raises:
        InputError: If the file cannot be read, or what it holds does not fit.
    """
    path = Path(path)
    try:
        x, labels = _from_npz(path) if path.suffix == ".npz" else _from_csv(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}). Check the path.") from error
    if len(x) != len(labels) or not len(x):
        raise InputError(f"{path} has {len(x)} samples and {len(labels)} labels; give a label to each sample.")
    if not np.all(np.isfinite(x)):
        bad = int(np.sum(~np.isfinite(x).reshape(len(x), -1).all(axis=1)))
        raise InputError(f"{path}: {bad} of {len(x)} samples have numbers that are not finite. Remove or repair them.")
    if not np.all(np.isfinite(labels)) or np.any(labels != np.round(labels)) or np.any(labels < 0):
        raise InputError(f"{path}: labels must be whole numbers from 0 on, the places of the network's outputs.")
    if shape is not None:
        if int(np.prod(shape)) != int(np.prod(x.shape[1:])):
            raise InputError(
                f"{path}: a sample has {int(np.prod(x.shape[1:]))} numbers, and the shape {shape} has "
                f"{int(np.prod(shape))}."
            )
        x = x.reshape(len(x), *shape)
    return Samples(x.astype(np.float32), labels.astype(np.int32))


def _from_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except ValueError as error:
        raise InputError(f"{path} is not a file of plain NumPy arrays: {error}.") from error
    picked = []
    for names in (_INPUTS, _LABELS):
        name = next((n for n in names if n in found), None)
        if name is None:
            raise InputError(
                f"{path} has arrays {', '.join(found) or 'none'}; one must be called {' or '.join(names)}."
            )
        picked.append(np.asarray(found[name]))
    return picked[0], picked[1].reshape(-1)


def _from_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with path.open(encoding="utf-8-sig") as file:
        lines = [line for line in file if line.strip()]
    if lines and not _is_numbers(lines[0]):
        headings, lines = len(next(csv.reader(lines[:1]))), lines[1:]
        if lines and headings != lines[0].count(",") + 1:
            raise InputError(
                f"{path}: the first line has {headings} columns and is not of numbers, and the next has "
                f"{lines[0].count(',') + 1}. Give a heading to each column, or repair the first sample."
            )
    rows = []
    for k, line in enumerate(lines):
        if not _is_numbers(line):
            raise InputError(
                f"{path}: sample {k + 1} is not a line of numbers with commas between: {line.strip()[:60]!r}."
            )
        rows.append([float(cell) for cell in line.split(",")])
    widths = {len(row) for row in rows}
    if len(widths) != 1 or min(widths) < 2:
        raise InputError(f"{path}: lines have {sorted(widths)} columns; give the same number in each, the label last.")
    table = np.asarray(rows)
    return table[:, :-1], table[:, -1]


def _is_numbers(line: str) -> bool:
    try:
        [float(cell) for cell in line.split(",")]
    except ValueError:
        return False
    return True
