"""Plain records turned into what the page's tables show: figures with units, spreads, shares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mho.core.quantities import engineering

NO_BREAK, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"


def figure_text(value: Any, unit: str) -> str:
    """A KPI's value with engineering prefix; several joined by commas; a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(figure_text(v, unit) for v in value)
    return engineering(float(value), unit, digits=4).replace(" ", NO_BREAK).replace("-", MINUS)


def spread_text(kpi: Mapping[str, Any]) -> str:
    """A KPI's spread: "1.9 pJ to 2.2 pJ (5th to 95th percentile)"."""
    spread = kpi.get("spread") or {}
    low, high = spread.get("low"), spread.get("high")
    if low is None or high is None:
        return spread.get("kind", "") or ""
    unit = kpi["unit"]
    if isinstance(low, list):
        text = ", ".join(f"{figure_text(a, unit)} to {figure_text(b, unit)}" for a, b in zip(low, high, strict=True))
    else:
        text = f"{figure_text(low, unit)} to {figure_text(high, unit)}"
    return f"{text} ({spread['kind']})" if spread.get("kind") else text


def assumed_text(kpi: Mapping[str, Any]) -> str:
    """How many of the numbers behind a KPI are assumptions: "18 of 24"; a dash where none are recorded."""
    records = kpi.get("provenance") or ()
    if not records:
        return "–"
    assumed = sum(record.get("how") == "assumed" for record in records)
    return f"{assumed} of {len(records)}"


def failures_text(kpi: Mapping[str, Any]) -> str:
    """Failed samples by reason: "3 (MIN_STEP 2, RUNAWAY 1)"; "0" if none."""
    failures = kpi.get("failures") or {}
    if not failures:
        return "0"
    total = sum(failures.values())
    return f"{total} ({', '.join(f'{reason} {count}' for reason, count in failures.items())})"


def name_text(name: str) -> str:
    """A KPI's name for people: ``circuit.energy_per_spike`` is "energy per spike"."""
    return name.partition(".")[2].replace("_", " ") or name


def kpi_row(kpi: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the table of KPIs."""
    return {
        "key": kpi["name"],
        "floor": kpi["name"].partition(".")[0],
        "name": name_text(kpi["name"]),
        "definition": sentence(kpi.get("definition", "")),
        "value": figure_text(kpi["value"], kpi["unit"]),
        "spread": spread_text(kpi),
        "n": kpi.get("n", 1),
        "failures": failures_text(kpi),
        "assumed": assumed_text(kpi),
        "boundary": kpi.get("boundary", ""),
        "conditions": ", ".join(f"{name} {value}" for name, value in (kpi.get("conditions") or {}).items()),
        "note": sentence(kpi.get("note", "")),
    }


def sentence(text: str) -> str:
    """The text with a capital at its begin and a full stop at its end."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?" else ".")


def origins(kpis: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Every place that a number behind the KPIs comes from, once: source, where, how, and how many KPIs rest on it."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for kpi in kpis:
        for record in kpi.get("provenance") or ():
            key = (record.get("source", ""), record.get("where", ""), record.get("how", ""))
            found.setdefault(key, set()).add(kpi["name"])
    rows = [{"source": s, "where": w, "how": h, "kpis": str(len(names))} for (s, w, h), names in found.items()]
    return sorted(rows, key=lambda row: (row["source"], row["how"], row["where"]))


def cell_text(cell: Any) -> str:
    """A table's cell: text as it is, numbers short, a dash for nothing."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4g}".replace("-", MINUS)
    text = str(cell)
    return re.sub(r"(?<=\d) (?=\S)", NO_BREAK, text) if len(text) < 12 else text


def numeric_columns(table: Mapping[str, Any]) -> list[bool]:
    """Which columns of a table are set flush right: those that hold numbers, apart from gaps."""
    found = []
    for cells in zip(*table["rows"], strict=True):
        present = [cell for cell in cells if cell is not None]
        found.append(bool(present) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in present))
    return found or [False] * len(table["columns"])
