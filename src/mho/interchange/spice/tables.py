"""Writes what a netlist's analysis gave: CSV, JSON, and ngspice's raw file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import InputError
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.outcome import Outcome

_PLOTS = {
    "tran": "Transient Analysis",
    "ac": "AC Analysis",
    "noise": "Noise Spectral Density Curves",
    "dc": "DC transfer characteristic",
    "op": "Operating Point",
}


def columns(outcome: Outcome, sample: int = 0) -> dict[str, np.ndarray]:
    """The axis and the saved signals of one sample, by name."""
    axis = {outcome.axis: outcome.points[sample]} if outcome.axis else {}
    return axis | outcome.signals[sample]


def real_columns(outcome: Outcome, sample: int = 0) -> dict[str, np.ndarray]:
    """The same with a phasor x as two columns, real(x) and imag(x)."""
    found: dict[str, np.ndarray] = {}
    for name, x in columns(outcome, sample).items():
        found |= {f"real({name})": np.real(x), f"imag({name})": np.imag(x)} if np.iscomplexobj(x) else {name: x}
    return found


def write_csv(outcome: Outcome, path: Path) -> None:
    """One row a point, headed by ngspice's names; a population has its sample's number in a first column."""
    names = list(real_columns(outcome))
    rows = []
    for k in range(len(outcome.points)):
        table = np.stack([np.asarray(x, float) for x in real_columns(outcome, k).values()], axis=1)
        if outcome.population:
            table = np.concatenate([np.full((len(table), 1), float(k)), table], axis=1)
        rows.append(table)
    if outcome.population:
        names = ["sample", *names]
    # A name with a comma, v(a,b), is quoted.
    head = ",".join(f'"{n}"' if "," in n else n for n in names)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="ascii") as file:
            np.savetxt(file, np.concatenate(rows), fmt="%.12g", delimiter=",", header=head, comments="")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def record(netlist: Netlist, outcome: Outcome) -> dict[str, Any]:
    """Everything as plain values; what is not finite is None, and a phasor is two lists, "real" and "imag"."""

    def plain(x: np.ndarray) -> Any:
        if np.iscomplexobj(x):
            return {"real": plain(np.real(x)), "imag": plain(np.imag(x))}
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
        **({"totals": outcome.totals} if outcome.totals else {}),
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
    blocks = [_block(netlist.title, _PLOTS[outcome.analysis], columns(outcome, k)) for k in range(len(outcome.points))]
    if outcome.totals:
        totals = {f"v({name})": np.array([x]) for name, x in outcome.totals.items()}
        blocks.append(_block(netlist.title, "Integrated Noise", totals))
    try:
        path.write_bytes(b"".join(blocks))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def _block(title: str, plot: str, table: dict[str, np.ndarray]) -> bytes:
    """One plot of a raw file: its head, and its points in order."""
    phasors = any(np.iscomplexobj(x) for x in table.values())
    head = [
        f"Title: {title}",
        "Date: ",
        f"Plotname: {plot}",
        f"Flags: {'complex' if phasors else 'real'}",
        f"No. Variables: {len(table)}",
        f"No. Points: {len(next(iter(table.values())))}",
        "Variables:",
        *(f"\t{i}\t{name}\t{_type(name)}" for i, name in enumerate(table)),
        "Binary:",
    ]
    values = np.stack([np.asarray(x, np.complex128 if phasors else np.float64) for x in table.values()], axis=1)
    return ("\n".join(head) + "\n").encode("utf-8") + values.tobytes()


def _type(name: str) -> str:
    """Type of a variable, in ngspice's word."""
    if name in ("time", "frequency"):
        return name
    if name.startswith(("onoise", "inoise")):
        return "voltage-density"
    return "current" if name.startswith("i(") else "voltage"
