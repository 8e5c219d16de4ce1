"""The one reader of tables: it tells by the content whether a file is HDF5, an instrument's export, or plain text."""

from __future__ import annotations

from pathlib import Path

from mho.fitting import hdf5, instrument
from mho.fitting.table import Table, delimited, read_text


def read_table(path: str | Path, *, ragged: bool = False) -> Table:
    """Read a table from CSV, TSV, HDF5, or what Keysight's and Keithley's programs write.

    Args:
        path: The file.
        ragged: Rows may be shorter than the heading line.

    Raises:
        MeasurementError: If the file cannot be read as a table; names the line.
    """
    path = Path(path)
    if hdf5.recognised(path):
        return hdf5.read(path)
    text = read_text(path)
    return instrument.records(path, text) if instrument.recognised(text) else delimited(path, text, ragged=ragged)


def read_cell_table(path: str | Path) -> Table:
    """The table of a two-terminal cell: :func:`read_table`, with an instrument's own headings understood."""
    return instrument.in_long_form(read_table(path))
