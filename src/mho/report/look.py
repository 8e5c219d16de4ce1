"""The house look of figures: colours that the page can turn dark, sizes, and axes in engineering units."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from mho.core.quantities import engineering

# Okabe and Ito's colours, told apart by colour-blind readers, in the order in which curves take them. Each is written
# into the SVG as a variable of the page, which has a lighter one for dark screens.
INK, MUTED, GRID, PAPER = "#1b1f24", "#667079", "#e2e6ea", "#fefefd"
CURVES = ("#0072b2", "#d55e00", "#009e73", "#b05a8c", "#c98a00", "#3d9bd1", "#7a6f5d")
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"} | {c: f"c{i + 1}" for i, c in enumerate(CURVES)}
LIGHT = {name: color for color, name in _VARIABLES.items()}
DARK = {
    "ink": "#e6e9ec",
    "muted": "#9aa4ad",
    "grid": "#333a41",
    "paper": "#16191d",
    "c1": "#58b3ea",
    "c2": "#ff8a4c",
    "c3": "#3fc79c",
    "c4": "#dd92bd",
    "c5": "#eab646",
    "c6": "#93cdf0",
    "c7": "#b9ad98",
}
FONT = "DejaVu Sans"  # comes with matplotlib; Verdana has the same widths where a reader lacks it
_PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_NO_PREFIX = ("", "1", "%", "K", "dB", "°")


@contextmanager
def house_look() -> Iterator[None]:
    """Settings of matplotlib for the length of one figure; nothing stays changed."""
    settings: Any = {
        "font.family": FONT,
        "font.size": 9.5,
        "axes.labelsize": 9.5,
        "axes.titlesize": 10.5,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.8,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "axes.axisbelow": True,
        "lines.linewidth": 1.8,
        "lines.markersize": 4.5,
        "lines.solid_capstyle": "round",
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "svg.fonttype": "none",
        "svg.hashsalt": "mho",
        "path.simplify": True,
        "axes.unicode_minus": True,
    }
    with mpl.rc_context(settings):
        yield


def color(index: int) -> str:
    """Colour of curve number `index`."""
    return CURVES[index % len(CURVES)]


def prefix(values: Any, unit: str) -> tuple[float, str]:
    """Factor and unit in which `values` read well on a linear axis: resistances around 25e3 give 1e-3 and "kΩ"."""
    symbol = {"ohm": "Ω", "1": ""}.get(unit, unit)
    finite = np.abs(np.asarray(values, float))
    finite = finite[np.isfinite(finite)]
    if unit in _NO_PREFIX or finite.size == 0 or not finite.max() > 0:
        return 1.0, symbol
    power = min(max(3 * math.floor(math.log10(finite.max() / 0.9) / 3 + 1e-9), -18), 12)
    return 10.0**-power, f"{_PREFIXES[power]}{symbol}"


def labelled(label: str, unit: str) -> str:
    """Axis label with its unit: ``time (ms)``."""
    return f"{label} ({unit})" if unit else label


def scale_axis(axes: Axes, which: str, label: str, unit: str, values: Any, scale: str) -> float:
    """Prepare the x or y axis and return the factor to multiply values with.

    A linear axis carries the prefix in its label; a logarithmic one spans decades, so each tick carries its own.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    set_label = axes.set_xlabel if which == "x" else axes.set_ylabel
    if scale == "log":
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        set_label(label)
        _log_ticks(axis, values, unit, most=_most_ticks(axes) if which == "x" else 9)
        return 1.0
    factor, symbol = prefix(values, unit)
    set_label(labelled(label, symbol))
    whole = unit == "1" and np.size(values) > 0 and np.all(np.mod(np.asarray(values, float), 1.0) == 0)  # counts
    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10] if whole else [1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.6g}".replace("-", "\N{MINUS SIGN}")))
    return factor


def _most_ticks(axes: Axes) -> int:
    """How many labelled decades fit beside each other, about two thirds of an inch each."""
    return min(max(int(axes.get_window_extent().width / axes.figure.dpi / 0.68), 2), 9)


def _log_ticks(axis: Any, values: Any, unit: str, most: int) -> None:
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite) & (finite > 0)]
    decades = math.log10(finite.max() / finite.min()) if finite.size else 1.0
    if decades < 0.8:  # within a factor of six, 1-2-5 ticks would leave one label or none
        ticks = (
            MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(finite.min(), finite.max()) if finite.size else [1.0]
        )
        axis.set_major_locator(FixedLocator([t for t in ticks if t > 0]))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.0 else (1.0,), numticks=most))
    axis.set_major_formatter(FuncFormatter(lambda v, _: engineering(v, unit, digits=3)))
    axis.set_minor_formatter(NullFormatter())


def with_variables(svg: str) -> str:
    """The SVG with its colours as variables of the page (the colour itself stays as the fallback)."""
    for color_, name in _VARIABLES.items():
        svg = re.sub(re.escape(color_), f"var(--{name}, {color_})", svg, flags=re.IGNORECASE)
    return svg.replace(f"'{FONT}'", f"'{FONT}', Verdana, sans-serif")


def variables(palette: dict[str, str]) -> str:
    """CSS declarations of a palette."""
    return " ".join(f"--{name}: {color_};" for name, color_ in palette.items())


def spread_out(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved as little as simple steps can so that neighbours are `gap` apart and all lie in [low, high]."""
    order = np.argsort(np.asarray(places, float), kind="stable")
    moved = np.clip(np.asarray(places, float), low, high)
    for _ in range(200):
        before = moved.copy()
        for a, b in pairwise(order):
            short = gap - (moved[b] - moved[a])
            if short > 0:
                moved[a], moved[b] = moved[a] - short / 2, moved[b] + short / 2
        moved = np.clip(moved, low, high)
        if np.allclose(moved, before, atol=1e-3):
            break
    return [float(v) for v in moved]
