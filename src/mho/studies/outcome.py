"""What a stage of a study hands back: KPIs, the series behind every figure, tables, notes; all plain when saved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mho.core.errors import StudyError
from mho.metrics.kpi import KPI

if TYPE_CHECKING:
    import numpy as np

    Values = Sequence[Any] | np.ndarray

KINDS = ("lines", "stacked_bars", "bars", "histogram")
STYLES = ("line", "points", "both", "band", "guide", "witness")
SCALES = ("linear", "log")


@dataclass(frozen=True)
class Axis:
    """The numbers along x, in SI; texts where a figure compares named things (bars).

    Args:
        label: What it is, without unit: "input current".
        unit: SI unit; "1" for a pure number, "" for names.
        values: Numbers, or names.
        scale: "linear" or "log".
    """

    label: str
    unit: str
    values: Values
    scale: str = "linear"


@dataclass(frozen=True)
class Curve:
    """One set of values over x.

    Args:
        label: Short text that stands beside the curve; a guide may go without.
        unit: SI unit of the values.
        values: One number per x; NaN or None leaves a gap.
        style: "line", "points", "both", "band" (filled from `low` to `high`), "guide" (thin, dashed: theory, target),
            or "witness" (open points without a name: the same found another way, as the caption says).
        low: Lower end of a spread or interval, one per x.
        high: Upper end.
        x: Own x values, where this curve is sampled elsewhere than the series' axis.
    """

    label: str
    unit: str
    values: Values
    style: str = "line"
    low: Values | None = None
    high: Values | None = None
    x: Values | None = None


@dataclass(frozen=True)
class Mark:
    """A vertical (`x`) or horizontal (`y`) line at a place that theory or the reader cares about, with its label."""

    label: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True)
class Series:
    """The data behind one panel of a figure.

    Args:
        x: The axis along x. For a histogram it holds the samples, and `y` may be empty.
        y: The curves; all share one unit.
        y_label: What the curves are, without unit; default the first curve's label.
        y_scale: "linear" or "log".
        kind: "lines", "stacked_bars" (horizontal, one bar a name of x), "bars" or "histogram".
        caption: What to see, in a sentence or two; it stands under the figure in the report.
        marks: Lines at places that matter.

    Raises:
        StudyError: If lengths, units or names do not fit together.
    """

    x: Axis
    y: Sequence[Curve] = ()
    y_label: str = ""
    y_scale: str = "linear"
    kind: str = "lines"
    caption: str = ""
    marks: Sequence[Mark] = ()

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, KINDS)
        _one_of("y_scale", self.y_scale, SCALES)
        _one_of("x.scale", self.x.scale, SCALES)
        for curve in self.y:
            _one_of(f"style of {curve.label!r}", curve.style, STYLES)
            wanted = len(self.x.values if curve.x is None else curve.x)
            for what, values in (("values", curve.values), ("low", curve.low), ("high", curve.high)):
                if values is not None and len(values) != wanted:
                    raise StudyError(
                        f"curve {curve.label!r} has {len(values)} {what} for {wanted} values of x. Give one each."
                    )
        units = sorted({curve.unit for curve in self.y})
        if len(units) > 1:
            raise StudyError(
                f"curves of one panel have units {', '.join(units)}; they must share one. Make two series."
            )

    def as_dict(self) -> dict[str, Any]:
        """Plain record for results.json."""
        record: dict[str, Any] = {"x": {"label": self.x.label, "unit": self.x.unit, "values": plain(self.x.values)}}
        record["x"]["scale"] = self.x.scale
        record["y"] = [_curve(curve) for curve in self.y]
        record["y_label"] = self.y_label or (self.y[0].label if self.y else "count")
        record |= {"y_scale": self.y_scale, "kind": self.kind, "caption": self.caption}
        record["marks"] = [{"label": m.label, "x": plain(m.x), "y": plain(m.y)} for m in self.marks]
        return record


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Args:
        columns: Headings; name the unit in the heading or write values as text with their unit.
        rows: One sequence of cells (text or numbers) per row.
        caption: What the table says.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise StudyError(f"a row has {len(row)} cells under {len(self.columns)} headings: {list(row)!r}.")

    def as_dict(self) -> dict[str, Any]:
        """Plain record for results.json."""
        return {"columns": list(self.columns), "rows": plain(self.rows), "caption": self.caption}


@dataclass(frozen=True)
class Outcome:
    """What one stage found.

    Args:
        kpis: Figures with unit, spread, boundary and provenance.
        series: By name, ``<stage>.<what>``: the data behind the figures.
        tables: By name.
        notes: Sentences that the reader of the report must know.
        sources: Citation of each source key that the KPIs name: ``{"mho": {"text": ..., "doi": ...}}``.
        handover: Plain values for later stages; saved with the stage, so that a resumed study has them.
        files: Files that the stage wrote into the results folder, by name, relative to it.
        seeds: Seeds the stage drew from, by name.
    """

    kpis: Sequence[KPI] = ()
    series: Mapping[str, Series] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    notes: Sequence[str] = ()
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    handover: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain record: text, numbers, lists and dicts; numbers that are not finite become None."""
        return {
            "kpis": [plain(kpi.as_dict()) for kpi in self.kpis],
            "series": {name: series.as_dict() for name, series in self.series.items()},
            "tables": {name: table.as_dict() for name, table in self.tables.items()},
            "notes": [str(note) for note in self.notes],
            "sources": plain(self.sources),
            "handover": plain(self.handover),
            "files": plain(self.files),
            "seeds": plain(self.seeds),
        }


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: arrays become lists, NaN and infinities None.

    Raises:
        StudyError: If it holds something that is neither number, text, list nor mapping.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):  # NumPy and JAX arrays and scalars
        return plain(value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Iterable):
        return [plain(v) for v in value]
    raise StudyError(
        f"results hold a {type(value).__name__} ({value!r}), which is not a plain value. Convert it first."
    )


def _curve(curve: Curve) -> dict[str, Any]:
    record = {"label": curve.label, "unit": curve.unit, "values": plain(curve.values), "style": curve.style}
    for name in ("low", "high", "x"):
        values = getattr(curve, name)
        if values is not None:
            record[name] = plain(values)
    return record


def _one_of(what: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise StudyError(f"{what} is {value!r}; it must be one of {', '.join(allowed)}.")
