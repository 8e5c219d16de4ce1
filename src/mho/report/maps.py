"""A matrix drawn as a map of colours: one value a cell of an array, with its scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mho.report import look

_MAP = "cividis"  # even in lightness, and told apart by colour-blind readers


def draw_map(axes: Axes, record: Mapping[str, Any]) -> None:
    """Draw a matrix: `values` by row, `label` and `unit`; row 0 at the top, as arrays are written."""
    values = np.asarray(record["values"], float)
    factor, symbol = look.prefix(values, record["unit"])
    shown = values * factor
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    if not high > low:  # one colour: a range about the value keeps the scale defined
        low, high = low - 0.5, high + 0.5
    image = axes.imshow(shown, cmap=_MAP, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    axes.grid(False)
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    for axis, count in ((axes.xaxis, values.shape[1]), (axes.yaxis, values.shape[0])):
        axis.set_major_locator(MaxNLocator(nbins=min(5, count), integer=True))
    assert axes.figure is not None
    bar = axes.figure.colorbar(image, ax=axes, location="top", pad=0.02, aspect=30)
    bar.set_label(look.labelled(record["label"], symbol))
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.locator = MaxNLocator(nbins=4)
    bar.formatter = FuncFormatter(lambda v, _: f"{v:.4g}".replace("-", "\N{MINUS SIGN}"))
    bar.update_ticks()
