"""Measurements in HDF5: one dataset a column, its unit in the attribute ``unit`` or in its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import MeasurementError
from mho.core.quantities import heading
from mho.fitting.table import Table

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def recognised(path: Path) -> bool:
    """Whether a file is HDF5, by its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(8) == _SIGNATURE


def read(path: Path) -> Table:
    """The one-dimensional datasets of a file, or of its one group that has any, as a table.

    Attributes of the file and the group are metadata. The heading of a column is its dataset's name with the attribute
    ``unit`` (or ``units``), for example ``t [s]``.

    Raises:
        MeasurementError: If h5py is not installed, no datasets are found, several groups have some, or lengths differ.
    """
    try:
        import h5py
    except ImportError as error:
        raise MeasurementError(
            f"{path} is HDF5, and the package h5py that reads it is not installed. Install it: pip install "
            "'mho[hdf5]'; or export the measurement as CSV."
        ) from error
    try:
        with h5py.File(path, "r") as file:
            return _table(path, file, h5py)
    except OSError as error:
        raise MeasurementError(f"{path} is damaged or truncated HDF5 ({error}). Export it again.") from error


def _table(path: Path, file: Any, h5py: Any) -> Table:
    groups: list[Any] = [file]
    file.visititems(lambda _, item: groups.append(item) if isinstance(item, h5py.Group) else None)
    held = [(g, [d for d in g.values() if isinstance(d, h5py.Dataset) and d.ndim == 1]) for g in groups]
    held = [(g, datasets) for g, datasets in held if datasets]
    if len(held) != 1:
        names = ", ".join(g.name for g, _ in held) or "none"
        raise MeasurementError(
            f"{path}: {len(held)} groups hold one-dimensional datasets ({names}); one is needed, with a dataset for "
            "each column. Write each measurement to a file of its own."
        )
    group, datasets = held[0]
    lengths = {d.name.rsplit("/", 1)[1]: len(d) for d in datasets}
    if len(set(lengths.values())) > 1 or not min(lengths.values()):
        raise MeasurementError(
            f"{path}: the datasets' lengths are {', '.join(f'{k} {n}' for k, n in lengths.items())}; they must be "
            "equal and above 0. Fill the missing samples with NaN."
        )
    metadata = {str(k): _words(v) for g in {file, group} for k, v in g.attrs.items()}
    columns = []
    for dataset in datasets:
        try:
            columns.append(np.asarray(dataset[...], np.float64))
        except (TypeError, ValueError) as error:
            raise MeasurementError(f"{path}: the dataset {dataset.name!r} does not hold numbers. Remove it.") from error
    values = np.stack(columns, axis=1)
    return Table(path, tuple(_heading(d) for d in datasets), values, np.arange(1, len(values) + 1), metadata, ())


def _heading(dataset: Any) -> str:
    name = dataset.name.rsplit("/", 1)[1]
    unit = next((_words(dataset.attrs[k]) for k in ("unit", "units") if k in dataset.attrs), None)
    return name if unit is None or heading(name)[1] is not None else f"{name} [{unit}]"


def _words(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
