"""The report: one self-contained HTML page made from the plain results of a study."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mho.report import look, tables
from mho.report.figures import figure
from mho.report.layout import Plot, arranged
from mho.studies.folder import read_results, write

HONESTY = (
    "The seed paper (arXiv:2605.11243) is public only as an abstract. It states two numbers: a transient of "
    "1.5 kΩ per spike and about 2 pJ per spike. Base resistance, pulse amplitude and width, time constants, supply and "
    "process are not public. Everything else here is a reconstruction, chosen to be plausible and marked as assumed, "
    "and no curve of the paper is claimed to be reproduced."
)


def build(folder: str | Path) -> Path:
    """Make ``report.html`` from ``results.json`` in a results folder, whole or not at all.

    Raises:
        StudyError: If the folder holds no results of a study, or cannot be written.
    """
    folder = Path(folder)
    return write(folder / "report.html", render(read_results(folder)))


def render(results: Mapping[str, Any]) -> str:
    """The page as text, from what ``results.json`` holds."""
    environment = Environment(
        loader=PackageLoader("mho.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = tables.cell_text
    kpis = {kpi["name"]: kpi for kpi in results["kpis"]}
    headline = [kpis[name] for name in results["study"].get("headline", ()) if name in kpis]
    page = environment.get_template("report.html").render(
        study=results["study"],
        answer=results.get("answer", []),
        honesty=results["study"].get("honesty") or HONESTY,
        headline=[tables.kpi_row(kpi) for kpi in headline],
        rows=[tables.kpi_row(kpi) for kpi in results["kpis"]],
        sections=[_section(results, *parts) for parts in arranged(results)],
        notes=results.get("notes", []),
        origins=tables.origins(results["kpis"]),
        about=results["provenance"],
        light=look.variables(look.LIGHT),
        dark=look.variables(look.DARK),
    )
    return re.sub(r"\n\s*\n+", "\n", page)


def _section(results: Mapping[str, Any], section: Any, plots: list[Plot], names: list[str]) -> dict[str, Any]:
    return {
        "key": section.key,
        "title": section.title,
        "lead": section.lead,
        "figures": [_figure(results["series"], plot, f"{section.key}-{i}") for i, plot in enumerate(plots, start=1)],
        "tables": [
            {**results["tables"][name], "numeric": tables.numeric_columns(results["tables"][name])} for name in names
        ],
    }


def _figure(series: Mapping[str, Any], plot: Plot, name: str) -> dict[str, str]:
    """SVG and caption; the captions that the stages wrote say what to see in these data, else the layout's does."""
    records = [series[n] for n in plot.series]
    own = [record["caption"] for record in records if record.get("caption")]
    caption = " ".join(own) or plot.caption
    title = caption or ", ".join(plot.series)
    svg = figure(records, name=name, title=title, arrangement=plot.arrangement, height=plot.height, below=plot.below)
    return {"svg": svg, "caption": caption}
