"""One line of a datasheet: a KPI whose boundary, conditions and provenance come from the bench."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mho.core.parameters import Number, ParameterSet
from mho.metrics.kpi import KPI
from mho.metrics.sheet.bench import Bench

BOUNDARY = "the device alone, pulsed by an ideal source and read at its read voltage; no driver, wire or converter"


def origins(numbers: ParameterSet, groups: Sequence[str] = ("model", "operation", "effects")) -> list[dict[str, str]]:
    """Source, place and manner of the numbers behind a KPI: of the model, its operation, its effects, its report."""
    chosen: dict[str, Number] = {}
    for name, number in numbers.every_number().items():
        head = name.partition(".")[0] if "." in name else "model"
        if (head if head in ("model", "operation", "reported") else "effects") in groups:
            chosen[name] = number
    return [
        {"number": f"{numbers.name}.{name}", "source": x.source, "where": x.where, "how": x.how}
        for name, x in chosen.items()
    ]


def spread_origins(numbers: ParameterSet) -> list[dict[str, str]]:
    """Source, place and manner of the device-to-device spreads of a set."""
    return [
        {"number": f"{numbers.name}.spread.{name}", "source": s.source, "where": s.where, "how": s.how}
        for name, s in numbers.spread.items()
    ]


def entry(
    bench: Bench,
    name: str,
    value: float | Sequence[float | None] | None,
    unit: str,
    definition: str,
    *,
    note: str = "",
    conditions: Mapping[str, str] | None = None,
    spread: Mapping[str, Any] | None = None,
    n: int = 1,
    failures: Mapping[str, int] | None = None,
    provenance: Sequence[Mapping[str, str]] | None = None,
    boundary: str = BOUNDARY,
) -> KPI:
    """A KPI of the bench; a value that is not finite becomes None, and then `note` says why.

    Args:
        bench: Where it was measured.
        name: Without the floor.
        value: The figure, several (one None where one is not to be had), or None.
        unit: SI unit.
        definition: With the equation.
        note: What a reader must know; the reason where there is no value.
        conditions: More than the temperature.
        spread: As in `KPI`.
        n: Samples.
        failures: Failed samples by reason.
        provenance: Where the numbers come from; all numbers of the set if not given.
        boundary: What was counted.
    """
    value = _finite(value)
    if value is None and not note:
        note = "the model gave no finite number here"
    outside = " ".join(bench.numbers.outside(temperature=bench.temperature)) if value is not None else ""
    return KPI(
        f"device.{name}",
        value,  # type: ignore[arg-type]
        unit,
        definition,
        spread=spread,
        n=n,
        failures=failures or {},
        boundary=boundary,
        conditions={**bench.pulse_text(), **(conditions or {})},
        provenance=origins(bench.numbers) if provenance is None else provenance,
        note=" ".join(x for x in (note, outside) if x),
    )


def missing(bench: Bench, name: str, unit: str, definition: str, why: str) -> KPI:
    """A KPI that this set cannot give, with the reason."""
    return entry(bench, name, None, unit, definition, note=why)


def _finite(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Sequence | np.ndarray):
        found = [None if x is None or not math.isfinite(float(x)) else float(x) for x in value]
        return None if all(x is None for x in found) else found
    return float(value) if math.isfinite(float(value)) else None
