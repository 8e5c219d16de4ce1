"""The one currency of every floor: a figure with unit, spread, samples, failures, boundary, conditions, provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering

Provenance = Sequence[Mapping[str, str]]
"""Where the numbers behind a figure come from: records with source, where, how."""


@dataclass(frozen=True)
class KPI:
    """A key performance indicator.

    Args:
        name: Dotted name, floor first: ``circuit.energy_per_spike``.
        value: The figure in `unit`, or a list of figures; None if it could not be had (say why in `note`).
        unit: SI unit ("1" for a pure number).
        definition: How the figure is defined, with the equation.
        spread: For example ``{"low": 1.9e-12, "high": 2.2e-12, "kind": "5th to 95th percentile"}``.
        n: Number of samples behind the figure.
        failures: Failed samples by reason; they are counted here and never dropped in silence.
        boundary: What was counted and what was not.
        conditions: Temperature, supply, drive and the like, as name -> text.
        provenance: Where the numbers behind it come from: records with source, where, how.
        note: Anything a reader must know.
    """

    name: str
    value: float | Sequence[float] | None
    unit: str
    definition: str = ""
    spread: Mapping[str, Any] | None = None
    n: int = 1
    failures: Mapping[str, int] = field(default_factory=dict)
    boundary: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = ()
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain record for results.json (numbers that are not finite become None, with their reason in the note)."""
        record = asdict(self)
        record["value"] = _plain(self.value)
        record["spread"] = None if self.spread is None else {k: _plain(v) for k, v in self.spread.items()}
        return record

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name}: not available ({self.note})"
        values = self.value if isinstance(self.value, Sequence | np.ndarray) else [self.value]
        text = ", ".join("-" if v is None else engineering(v, self.unit) for v in values)
        if self.spread and "low" in self.spread and "high" in self.spread:
            low, high = (self.spread[k] for k in ("low", "high"))
            if not isinstance(low, Sequence):
                kind = self.spread.get("kind", "range")
                text += f" ({kind} {engineering(low, self.unit)} to {engineering(high, self.unit)})"
        failed = sum(self.failures.values())
        return (
            f"{self.name}: {text}"
            + (f", {self.n} samples" if self.n > 1 else "")
            + (f", {failed} failed" if failed else "")
        )


def kpis(shown: Mapping[str, tuple[float | None, str, str]], *, missing: str = "", **same: Any) -> list[KPI]:
    """KPIs that hold under the same conditions.

    Args:
        shown: Value, unit and definition by name; a value that is not finite could not be had.
        missing: Note of those that could not be had.
        **same: What all have alike: further fields of :class:`KPI`.
    """
    found = []
    for name, (value, unit, definition) in shown.items():
        known = value is not None and math.isfinite(value)
        note = {"note": missing} if missing and not known else {}
        found.append(KPI(name, value if known else None, unit, definition, **{**same, **note}))
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Sequence | np.ndarray):
        return [_plain(v) for v in value]
    return float(value) if math.isfinite(float(value)) else None


def percentiles(values: np.ndarray, low: float = 5.0, high: float = 95.0) -> dict[str, Any]:
    """Spread record from samples; samples that are not finite are left to the failure count of the caller."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return {"low": None, "high": None, "kind": "no finite sample"}
    a, b = np.percentile(values, [low, high])
    return {
        "low": float(a),
        "high": float(b),
        "std": float(np.std(values)),
        "kind": f"{low:g}th to {high:g}th percentile",
    }


def provenance_of(parameters: ParameterSet, names: Sequence[str] | None = None) -> list[dict[str, str]]:
    """Source, place and manner of a set's numbers, all of them or those named, for a KPI's `provenance`."""
    return [
        {"number": f"{parameters.name}.{name}", "source": number.source, "where": number.where, "how": number.how}
        for name, number in parameters.numbers.items()
        if names is None or name in names
    ]
