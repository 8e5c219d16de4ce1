"""Figures from the plain series of a study, as SVG that a page holds inline or a file holds alone."""

from __future__ import annotations

import html
import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from mho.report import look, panels

Record = Mapping[str, Any]
WIDTH = 7.9  # [inch] the page's column


def figure(
    series: Sequence[Record],
    *,
    name: str,
    title: str,
    arrangement: str = "stack",
    height: float = 2.9,
    below: float = 0.62,
    headings: Sequence[str] = (),
) -> str:
    """One figure of one or more panels as inline SVG.

    Args:
        series: Plain records, as in ``results.json``; one panel each.
        name: Unique on the page; prefixes the SVG's own names.
        title: Read aloud in place of the figure.
        arrangement: "stack" (one above the other, shared x; panels after the first are lower) or "row" (side by side).
        height: Height of the first panel [inch].
        below: Height of stacked panels after the first, relative to it.
        headings: Text above each panel.

    Returns:
        SVG whose colours are variables of the page.
    """
    with look.house_look():
        drawing = _compose(series, arrangement, height, below)
        for axes, heading in zip(drawing.axes, headings, strict=False):
            axes.set_title(heading)
        FigureCanvasSVG(drawing)
        buffer = io.StringIO()
        drawing.savefig(
            buffer, format="svg", bbox_inches="tight", pad_inches=0.04, metadata={"Date": None, "Creator": None}
        )
    return look.with_variables(_inline(buffer.getvalue(), name, title))


def alone(svg: str) -> str:
    """The same SVG as a file of its own: with its palette, light and dark, and a background."""
    light, dark = look.variables(look.LIGHT), look.variables(look.DARK)
    css = f"svg {{ {light} }} @media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}"
    opening = re.match(r"<svg[^>]*>", svg)
    if opening is None:
        raise ValueError("not an SVG made by figure()")
    paper = '<rect width="100%" height="100%" style="fill: var(--paper)"/>'
    return f"{opening[0]}<style>{css}</style>{paper}{svg[opening.end() :]}"


def _compose(series: Sequence[Record], arrangement: str, height: float, below: float) -> Figure:
    count = len(series)
    heights = [max(height, _rows_height(record)) for record in series]
    if arrangement == "row":
        drawing = Figure(figsize=(WIDTH, max(heights)), layout="constrained")
        grid = drawing.add_gridspec(1, count, wspace=0.08)
        axes = [drawing.add_subplot(grid[0, i]) for i in range(count)]
    else:
        heights = [h if i == 0 else max(below * height, _rows_height(series[i])) for i, h in enumerate(heights)]
        drawing = Figure(figsize=(WIDTH, sum(heights) + 0.2 * (count - 1)), layout="constrained")
        grid = drawing.add_gridspec(count, 1, height_ratios=heights, hspace=0.06)
        axes = []
        for i in range(count):
            shared = axes[0] if axes and _same_axis(series[0], series[i]) else None
            axes.append(drawing.add_subplot(grid[i, 0], sharex=shared))
    tones: dict[str, str] = {}
    for one, record in zip(axes, series, strict=True):
        panels.draw(one, record, tones)
        _wrap_label(one)
    if arrangement != "row":
        for one, lower in pairwise(axes):
            if lower.get_shared_x_axes().joined(one, lower):
                one.set_xlabel("")
                one.tick_params(labelbottom=False)
    drawing.align_ylabels()
    return drawing


def _wrap_label(axes: Axes) -> None:
    """Break the y label where it is longer than the axes are high (about 0.075 inch a letter)."""
    room = max(int(axes.get_window_extent().height / axes.figure.dpi / 0.075), 12)
    axes.set_ylabel("\n".join(textwrap.wrap(axes.get_ylabel(), room, break_long_words=False)))


def _rows_height(record: Record) -> float:
    """Bars need a height by their number [inch]."""
    if record["kind"] == "stacked_bars":
        return 0.75 + 0.42 * len(record["x"]["values"]) + 0.2 * ((len(record["y"]) + 3) // 4)
    if record["kind"] == "bars":
        return 0.8 + (0.16 + 0.24 * len(record["y"])) * len(record["x"]["values"])
    return 0.0


def _same_axis(a: Record, b: Record) -> bool:
    return all(a["x"][k] == b["x"][k] for k in ("label", "unit", "scale")) and a["kind"] == b["kind"] == "lines"


def _inline(svg: str, name: str, title: str) -> str:
    """Only the svg element, its names made unique on the page, its size left to the page."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # The style sheet inside an inline SVG would hold for the whole page; matplotlib's has only a line-join default.
    svg = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    label = html.escape(title, quote=True)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}" stroke-linejoin="round" stroke-linecap="butt"', 1)


def backend_version() -> str:
    """Version of matplotlib, for the provenance of a figure."""
    return mpl.__version__
