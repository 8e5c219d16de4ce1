"""Writes what a netlist's analysis gave: CSV, JSON, and ngspice's raw file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import InputError
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.simulation import Outcome

_PLOTS = {"tran": "Transient Analysis", "dc": "DC transfer characteristic", "op": "Operating Point"}


def columns(outcome: Outcome, sample: int = 0) -> dict[str, np.ndarray]:
    """The axis and the saved signals of one sample, by name."""
    axis = {outcome.axis: outcome.points[sample]} if outcome.axis else {}
    return axis | outcome.signals[sample]


def write_csv(outcome: Outcome, path: Path) -> None:
    """One row a point, headed by ngspice's names; a population has its sample's number in a first column."""
    names = list(columns(outcome))
    rows = []
    for k in range(len(outcome.points)):
        table = np.stack([np.asarray(x, float) for x in columns(outcome, k).values()], axis=1)
        if outcome.population:
            table = np.concatenate([np.full((len(table), 1), float(k)), table], axis=1)
        rows.append(table)
    if outcome.population:
        names = ["sample", *names]
    # A name with a comma, v(a,b), is quoted.
    head = ",".join(f'"{n}"' if "," in n else n for n in names)
    try:
        with path.open("w", encoding="ascii") as file:
            np.savetxt(file, np.concatenate(rows), fmt="%.12g", delimiter=",", header=head, comments="")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def record(netlist: Netlist, outcome: Outcome) -> dict[str, Any]:
    """Everything as plain values; what is not finite is None."""

    def plain(x: np.ndarray) -> list[float | None]:
        return [float(v) if np.isfinite(v) else None for v in x]

    samples = [
        {
            "signals": {name: plain(x) for name, x in columns(outcome, k).items()},
            "measures": {
                m.name: {"value": m.value if np.isfinite(m.value) else None, "failure": m.failure}
                for m in outcome.measures[k]
            },
        }
        for k in range(len(outcome.points))
    ]
    return {
        "title": netlist.title,
        "analysis": outcome.analysis,
        "axis": outcome.axis,
        "notes": list(netlist.notes),
        "failures": outcome.failures,
        **({"samples": samples} if outcome.population else samples[0]),
    }


def write_json(netlist: Netlist, outcome: Outcome, path: Path) -> None:
    """The record as a JSON file, in SI units."""
    try:
        path.write_text(json.dumps(record(netlist, outcome), allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def write_raw(netlist: Netlist, outcome: Outcome, path: Path) -> None:
    """A binary raw file as ngspice writes it; one plot for each sample."""
    blocks = []
    for k in range(len(outcome.points)):
        table = columns(outcome, k)
        kinds = ["time" if n == "time" else "current" if n.startswith("i(") else "voltage" for n in table]
        head = [
            f"Title: {netlist.title}",
            "Date: ",
            f"Plotname: {_PLOTS[outcome.analysis]}",
            "Flags: real",
            f"No. Variables: {len(table)}",
            f"No. Points: {len(outcome.points[k])}",
            "Variables:",
            *(f"\t{i}\t{name}\t{kind}" for i, (name, kind) in enumerate(zip(table, kinds, strict=True))),
            "Binary:",
        ]
        values = np.stack([np.asarray(x, np.float64) for x in table.values()], axis=1)
        blocks.append(("\n".join(head) + "\n").encode("utf-8") + values.tobytes())
    try:
        path.write_bytes(b"".join(blocks))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
