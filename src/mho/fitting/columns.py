"""Columns of a measurement by their role: which heading gives what, in SI, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

from mho.core.errors import MeasurementError, UnitError
from mho.core.quantities import engineering, factor, heading, si
from mho.fitting.table import Table, listed

Roles = Mapping[str, tuple[str, tuple[str, ...]]]
"""For each role its SI unit and the names it goes by, without case, spaces, dots and underscores."""

CONDUCTANCE = {
    "g": ("S", ("g", "conductance", "gds", "gch", "gchannel")),
    "r": ("ohm", ("r", "resistance", "rds", "rch", "rchannel")),
    "i": ("A", ("i", "ids", "id", "idrain", "draincurrent", "ichannel", "current", "iread")),
    "v_read": ("V", ("vds", "vread", "vd", "vdrain", "drainvoltage", "v", "readvoltage")),
}
TIME = ("s", ("t", "time", "timestamp", "times", "elapsedtime"))
TEMPERATURE = ("K", ("temperature", "temp"))
DEVICE = ("1", ("device", "cell", "sample", "devicenumber", "dut"))


def plain(name: str) -> str:
    """A heading's name without case, spaces, dots and underscores."""
    return re.sub(r"[\s_.\-]", "", name).lower()


def located(table: Table, roles: Roles) -> dict[str, tuple[int, float]]:
    """Column index and factor to SI of each role that the table has.

    Raises:
        MeasurementError: If two columns give one role, or a heading has no unit or one of the wrong dimension.
    """
    found: dict[str, tuple[int, float]] = {}
    for index, text in enumerate(table.headings):
        name, unit = heading(text)
        role = next((r for r, (_, names) in roles.items() if plain(name) in names), None)
        if role is None:
            continue
        if role in found:
            raise MeasurementError(
                f"{table.path}: the columns {table.headings[found[role][0]]!r} and {text!r} both give {role} "
                "(duplicated columns). Keep one of them."
            )
        wanted = roles[role][0]
        if unit is None and wanted != "1":
            raise MeasurementError(
                f"{table.path}: the column {text!r} has no unit. Write it into the heading, for example '{name} "
                f"[{wanted}]'."
            )
        try:
            found[role] = (index, factor(unit or "", wanted) if wanted != "1" else 0.01 if unit == "%" else 1.0)
        except UnitError as error:
            raise MeasurementError(f"{table.path}: column {text!r}: {error}") from error
    return found


def columns(
    table: Table, roles: Roles, needed: Collection[str], *, kind: str, example: str
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Columns in SI by role, and the headings that no role used.

    Args:
        table: The table.
        roles: What to look for.
        needed: Roles that must be there.
        kind: What is measured, for the message.
        example: Headings of such a measurement, for the message.

    Raises:
        MeasurementError: If a needed role is missing; or as :func:`located`.
    """
    found = located(table, roles)
    missing = [r for r in needed if r not in found]
    if missing:
        raise MeasurementError(
            f"{table.path}: no column for {listed(missing)}; the headings are {', '.join(table.headings)}. {kind} has "
            f"{example}."
        )
    used = {index for index, _ in found.values()}
    unused = tuple(h for k, h in enumerate(table.headings) if k not in used)
    return {role: table.values[:, k] * scale for role, (k, scale) in found.items()}, unused


def conductance(table: Table, data: dict[str, np.ndarray], *, kind: str, example: str) -> np.ndarray:
    """Conductance [S] from whichever of g, r and i with v_read was measured; missing readings are NaN.

    Raises:
        MeasurementError: If none of them is there, the read voltage is 0 V, or a conductance is not above 0.
    """
    quantity = next((k for k in ("g", "r", "i") if k in data), None)
    if quantity is None:
        raise MeasurementError(
            f"{table.path}: no column for g (or r, or i with v_read); the headings are {', '.join(table.headings)}. "
            f"{kind} has {example}."
        )
    raw = data[quantity]
    if quantity == "i":
        raw = raw / read_voltage(table, data)
    refuse(
        table,
        np.isfinite(raw) & (raw <= 0),
        raw,
        {"r": "ohm"}.get(quantity, "S"),
        {"r": "resistance"}.get(quantity, "conductance"),
        "above 0",
        "Correct the sign or the offset of the read voltage, or leave the cell empty",
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 / raw if quantity == "r" else raw


def read_voltage(table: Table, data: dict[str, np.ndarray]) -> np.ndarray:
    """Read voltage of each row [V], from a column or from the file's metadata.

    Raises:
        MeasurementError: If there is none, or it is 0 V somewhere.
    """
    v = data.get("v_read")
    if v is None:
        given = from_metadata(table, CONDUCTANCE["v_read"][1], "V")
        if given is None:
            raise MeasurementError(
                f"{table.path}: a current is given, but not its read voltage. Add a column 'v_read [V]' or a line "
                "'# v_read = 0.1 V'."
            )
        v = np.full(len(table.values), given)
    refuse(table, v == 0, v, "V", "read voltage", "other than 0 V", "Correct it, or delete the row")
    return v


def refuse(table: Table, bad: np.ndarray, values: np.ndarray, unit: str, name: str, asked: str, cure: str) -> None:
    """Raise for the first bad row: its line, the value with unit, what it must be, and the cure."""
    rows = np.flatnonzero(bad)
    if rows.size:
        value = engineering(float(values[rows[0]]), unit)
        raise MeasurementError(
            f"{table.path}, line {table.lines[rows[0]]}: the {name} is {value} ({rows.size} such rows); it must be "
            f"{asked}. {cure}."
        )


def finite(table: Table, values: np.ndarray, name: str) -> None:
    """Raise if a value that every row needs is missing somewhere."""
    refuse(table, ~np.isfinite(values), values, "1", name, "finite in every row", "Fill it in, or delete the row")


def whole(table: Table, values: np.ndarray | None, name: str) -> np.ndarray:
    """Whole numbers (of sweeps, cycles, devices), 1 where the column is absent.

    Raises:
        MeasurementError: If one is not whole.
    """
    if values is None:
        return np.ones(len(table.values), int)
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(values) | (values != np.round(values))
    refuse(table, bad, values, "1", name, "a whole number", "Correct the cell")
    return values.astype(int)


def enough(table: Table, count: int, fewest: int, what: str) -> None:
    """Raise if there are fewer than `fewest` of something."""
    if count < fewest:
        raise MeasurementError(
            f"{table.path}: {count} {what} found and at least {fewest} needed. The file may be truncated; export it "
            "again, or measure longer."
        )


def from_metadata(table: Table, names: Collection[str], unit: str) -> float | None:
    """A number that the file states outside its columns, in SI; None if it does not."""
    for key, value in table.metadata.items():
        name, given = heading(key)
        if plain(name) in names:
            try:
                return si(f"{value} {given}" if given else value, unit)
            except UnitError as error:
                raise MeasurementError(f"{table.path}: {key} = {value}: {error}") from error
    return None
