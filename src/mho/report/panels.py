"""One series drawn into one pair of axes, by its kind: lines, stacked bars, bars, histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from mho.core.quantities import engineering
from mho.report import look, maps

Record = Mapping[str, Any]


def draw(axes: Axes, series: Record, tones: dict[str, str]) -> None:
    """Draw a series (its plain record, as in results.json) into `axes`.

    Args:
        axes: Where to.
        series: What.
        tones: Colour of each label so far; new labels are added, so that a name keeps its colour in every panel.
    """
    if series["kind"] == "heatmap":
        maps.draw_map(axes, series)
        return
    named = [curve for curve in series["y"] if curve["style"] not in ("guide", "witness")]
    if not any(curve["label"] in tones for curve in named):  # nothing in common with the panels before: colours anew
        fresh = {curve["label"]: look.color(k) for k, curve in enumerate(named)}
        tones.update(fresh)
        tones = fresh
    for curve in named:
        tones.setdefault(curve["label"], look.color(len(tones)))
    {"lines": _lines, "stacked_bars": _stacked_bars, "bars": _bars, "histogram": _histogram}[series["kind"]](
        axes, series, tones
    )


def numbers(values: Sequence[Any] | None) -> np.ndarray:
    """Values as floats; None, which stands for "not finite", becomes NaN and leaves a gap."""
    return np.asarray([np.nan if v is None else v for v in values or ()], float)


# ---- lines -----------------------------------------------------------------------------------------------------------
def _lines(axes: Axes, series: Record, tones: Mapping[str, str]) -> None:
    x_all = [numbers(series["x"]["values"])] + [numbers(c["x"]) for c in series["y"] if "x" in c]
    y_all = [numbers(c[k]) for c in series["y"] for k in ("values", "low", "high") if k in c]
    x_factor = look.scale_axis(axes, "x", series["x"]["label"], series["x"]["unit"], _join(x_all), series["x"]["scale"])
    unit = series["y"][0]["unit"] if series["y"] else "1"
    y_factor = look.scale_axis(axes, "y", series["y_label"], unit, _join(y_all), series["y_scale"])
    ends = []
    for curve in series["y"]:
        x = numbers(curve.get("x", series["x"]["values"])) * x_factor
        y = numbers(curve["values"]) * y_factor
        tone = look.MUTED if curve["style"] in ("guide", "witness") else tones[curve["label"]]
        _curve(axes, x, y, curve, tone, y_factor)
        good = np.isfinite(x) & np.isfinite(y)
        if good.any() and curve["label"] and curve["style"] != "witness":
            last = np.flatnonzero(good)[np.argmax(x[good])]
            top = np.flatnonzero(good)[np.argmax(y[good])]
            ends.append(End(curve["label"], tone, (float(x[last]), float(y[last])), (float(x[top]), float(y[top]))))
    axes.margins(x=0.02, y=0.12 if series.get("marks") else 0.05)
    _marks(axes, series, x_factor, y_factor)
    if len(ends) > 1:  # a single curve is named by the y axis
        (_label_peaks if _peaks_tell_apart(axes, ends) else _label_ends)(axes, ends)


def _curve(axes: Axes, x: np.ndarray, y: np.ndarray, curve: Record, tone: str, factor: float) -> None:
    style = curve["style"]
    width = 1.3 if x.size > 150 else 1.8
    if "low" in curve and "high" in curve:
        low, high = numbers(curve["low"]) * factor, numbers(curve["high"]) * factor
        if style in ("points", "both"):
            ends = np.maximum(np.stack([y - low, high - y]), 0.0)
            axes.errorbar(x, y, yerr=ends, fmt="none", ecolor=tone, elinewidth=1.1, capsize=0, alpha=0.7)
        else:
            axes.fill_between(x, low, high, color=tone, alpha=0.18, linewidth=0)
    if style in ("points", "both"):
        many = x.size > 150
        axes.plot(x, y, "o", color=tone, markersize=2.4 if many else 4.5, markeredgewidth=0, alpha=0.6 if many else 1.0)
    if style in ("line", "both", "band"):
        axes.plot(x, y, color=tone, linewidth=width)
    if style == "witness":
        axes.plot(x, y, "o", color=look.INK, markersize=4.0, markerfacecolor=look.PAPER, markeredgewidth=1.0)
    if style == "guide":
        axes.plot(x, y, color=tone, linewidth=1.2, linestyle=(0, (4, 3)))


def _marks(axes: Axes, series: Record, x_factor: float, y_factor: float) -> None:
    for index, mark in enumerate(series.get("marks", ())):
        if mark["x"] is not None:
            axes.axvline(mark["x"] * x_factor, color=look.MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=1)
            axes.annotate(
                mark["label"],
                (mark["x"] * x_factor, 1.0),
                xycoords=("data", "axes fraction"),
                fontsize=8.5,
                color=look.MUTED,
                xytext=(4, 1 - 11 * (index % 3)),
                textcoords="offset points",
                va="top",
                ha="left",
            )
        if mark["y"] is not None:
            axes.axhline(mark["y"] * y_factor, color=look.MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=1)
            right = _clearer_right(axes, mark["y"] * y_factor)
            axes.annotate(
                mark["label"],
                (1.0 if right else 0.0, mark["y"] * y_factor),
                xycoords=("axes fraction", "data"),
                fontsize=8.5,
                color=look.MUTED,
                xytext=(-4 if right else 4, 3),
                textcoords="offset points",
                va="bottom",
                ha="right" if right else "left",
            )


def _clearer_right(axes: Axes, y: float) -> bool:
    """Whether curves keep further from the height `y` in the right third of the axes than in the left third."""
    axes.autoscale_view()
    to_fraction = axes.transData + axes.transAxes.inverted()
    points = np.concatenate(
        [to_fraction.transform(line.get_xydata()) for line in axes.lines[:-1]] or [np.zeros((0, 2))]
    )
    level = to_fraction.transform((axes.get_xlim()[0], y))[1]

    def clearance(inside: np.ndarray) -> float:
        return float(np.min(np.abs(points[inside, 1] - level), initial=1.0))

    return clearance(points[:, 0] > 0.66) > clearance(points[:, 0] < 0.34)


# ---- names of curves -------------------------------------------------------------------------------------------------
class End(NamedTuple):
    """Where a curve can be named: its last point, its highest point."""

    label: str
    tone: str
    last: tuple[float, float]
    top: tuple[float, float]


def _peaks_tell_apart(axes: Axes, ends: Sequence[End]) -> bool:
    """Whether curves that end together have their peaks apart, as a bank of filters does."""
    axes.autoscale_view()
    to_fraction = axes.transData + axes.transAxes.inverted()
    last = to_fraction.transform([end.last for end in ends])[:, 1]
    top = np.sort(to_fraction.transform([end.top for end in ends])[:, 0])
    crowded = len(ends) > 2 and np.sort(last)[-2] - last.min() < 0.06 * (len(ends) - 1)
    width = 0.0098 * max(len(end.label) for end in ends)  # of the names, as a share of the axes
    return bool(crowded and np.min(np.diff(top)) > width and top[0] > 0.02 and top[-1] < 0.98)


def _label_peaks(axes: Axes, ends: Sequence[End]) -> None:
    axes.margins(y=0.14)
    for end in ends:
        axes.annotate(
            end.label,
            end.top,
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=9,
            color=end.tone,
        )


def _label_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Names beside the curves' right ends, moved apart where they would lie on each other."""
    axes.autoscale_view()
    box = axes.get_window_extent()
    heights = [min(max(axes.transData.transform(end.last)[1], box.y0), box.y1) for end in ends]
    line = 10.8 * axes.figure.dpi / 72
    moved = look.spread_out(heights, line, box.y0 + line / 2, max(box.y1 - line / 2, box.y0 + line / 2))
    for end, height, place in zip(ends, heights, moved, strict=True):
        axes.annotate(
            end.label,
            (1.0, (height - box.y0) / box.height),
            xytext=(1.03, (place - box.y0) / box.height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=look.INK if end.tone == look.MUTED else end.tone,
            fontsize=9,
            va="center",
            ha="left",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": end.tone,
                "linewidth": 0.7,
                "shrinkA": 1,
                "shrinkB": 1,
                "alpha": 0.7,
                "relpos": (0.0, 0.5),
            },
        )


def _join(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([p.ravel() for p in parts]) if parts else np.zeros(0)


# ---- bars ------------------------------------------------------------------------------------------------------------
def _stacked_bars(axes: Axes, series: Record, tones: Mapping[str, str]) -> None:
    names = [str(v) for v in series["x"]["values"]]
    parts = [np.nan_to_num(numbers(c["values"])) for c in series["y"]]
    unit = series["y"][0]["unit"]
    total = np.sum(parts, axis=0)
    factor = look.scale_axis(axes, "x", series["y_label"], unit, total, "linear")
    rows = np.arange(len(names))[::-1]
    left = np.zeros(len(names))
    for curve, part in zip(series["y"], parts, strict=True):
        tone = tones[curve["label"]]
        axes.barh(
            rows,
            part * factor,
            left=left,
            height=0.62,
            color=tone,
            label=curve["label"],
            edgecolor=look.PAPER,
            linewidth=1.0,
        )
        for row, start, width in zip(rows, left, part * factor, strict=True):
            if width > 0.055 * total.max() * factor:
                axes.text(
                    start + width / 2, row, f"{width:.2g}", ha="center", va="center", color=look.PAPER, fontsize=8.5
                )
        left = left + part * factor
    for row, end, value in zip(rows, left, total, strict=True):
        axes.text(
            end + 0.012 * left.max(),
            row,
            engineering(value, unit, digits=3),
            va="center",
            fontsize=9,
            fontweight="bold",
        )
    axes.set_xlim(0, left.max() * 1.16)
    _names_left(axes, rows, names)
    _legend_above(axes, len(parts))


def _bars(axes: Axes, series: Record, tones: Mapping[str, str]) -> None:
    names = [str(v) for v in series["x"]["values"]]
    curves = series["y"]
    unit = curves[0]["unit"]
    values = [numbers(c["values"]) for c in curves]
    factor = look.scale_axis(axes, "x", series["y_label"], unit, _join(values), "linear")
    height = 0.74 / len(curves)
    rows = np.arange(len(names))[::-1].astype(float)
    longest = np.nanmax(np.abs(_join(values))) * factor
    for index, (curve, value) in enumerate(zip(curves, values, strict=True)):
        places = rows + 0.37 - height * (index + 0.5)
        axes.barh(
            places,
            np.nan_to_num(value) * factor,
            height=0.9 * height,
            color=tones[curve["label"]],
            label=curve["label"],
        )
        ends = np.maximum(np.nan_to_num(value), 0.0) * factor
        if "low" in curve and "high" in curve:
            low, high = numbers(curve["low"]) * factor, numbers(curve["high"]) * factor
            reach = np.nan_to_num(np.maximum(np.stack([value * factor - low, high - value * factor]), 0.0))
            axes.errorbar(value * factor, places, xerr=reach, fmt="none", ecolor=look.INK, elinewidth=1.1, capsize=2)
            ends = np.maximum(ends, np.nan_to_num(high))
        for place, v, end in zip(places, value, ends, strict=True):
            text = engineering(v, unit, digits=3) if np.isfinite(v) else "not available"
            axes.text(end + 0.012 * longest, place, text, va="center", fontsize=8.8)
    lowest = min(0.0, float(np.nanmin(_join(values))) * factor * 1.1)
    axes.set_xlim(lowest, longest * 1.18)
    _names_left(axes, rows, names)
    if len(curves) > 1:
        _legend_above(axes, len(curves))


def _legend_above(axes: Axes, entries: int) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=min(4, entries),
        frameon=False,
        fontsize=8.8,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.4,
        handletextpad=0.5,
        borderaxespad=0.2,
    )


def _names_left(axes: Axes, rows: np.ndarray, names: Sequence[str]) -> None:
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")


# ---- histogram -------------------------------------------------------------------------------------------------------
def _histogram(axes: Axes, series: Record, tones: Mapping[str, str]) -> None:
    samples = numbers(series["x"]["values"])
    samples = samples[np.isfinite(samples)]
    unit = series["x"]["unit"]
    factor = look.scale_axis(axes, "x", series["x"]["label"], unit, samples, series["x"]["scale"])
    axes.set_ylabel(f"neurons of {samples.size}" if series["y_label"] in ("", "count") else series["y_label"])
    if samples.size == 0:
        return
    low, median, high = np.percentile(samples, [5, 50, 95])
    scaled = samples * factor
    if series["x"]["scale"] == "log":
        bins: Any = np.geomspace(scaled.min(), scaled.max() * (1 + 1e-9), 31)
    else:
        bins = 30
    axes.hist(scaled, bins=bins, color=look.color(0), alpha=0.85, edgecolor=look.PAPER, linewidth=0.6)
    axes.axvspan(low * factor, high * factor, color=look.MUTED, alpha=0.12, linewidth=0)
    axes.axvline(median * factor, color=look.INK, linewidth=1.3)
    # Digits that tell the ends apart where the samples hardly differ.
    digits = 3 if high <= low else max(3, 2 + int(np.ceil(np.log10(max(abs(low), abs(high)) / (high - low)))))
    first, middle, last = (engineering(v, unit, digits=min(digits, 9)) for v in (low, median, high))
    text = f"median {middle}\n5 to 95 %: {first} to {last}"
    axes.set_title(text, fontsize=8.8, fontweight="normal", color=look.INK)
    _marks(axes, series, factor, 1.0)
