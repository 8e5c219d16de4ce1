"""The figure of a fit: data and model for each sweep, and the residuals of all readings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mho.core.errors import MeasurementError

if TYPE_CHECKING:
    from mho.fitting.model_fit import ModelFit
    from mho.fitting.result import Fit

_MOST_PANELS = 9
_DATA, _MODEL, _HELD = "#4c566a", "#d1495b", "#ffe8b3"
_FORMATS = (".svg", ".png", ".pdf")


def draw_fit(fit: Fit, path: str | Path) -> Path:
    """Draw a fit into a file.

    Args:
        fit: The fit.
        path: The file; its suffix chooses the format.

    Raises:
        MeasurementError: If the suffix is none of .svg, .png, .pdf, or the folder does not exist.
    """
    return _saved(figure_of(fit), path)


def _saved(figure: Any, path: str | Path) -> Path:
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise MeasurementError(f"{path} ends in {path.suffix!r}; a figure can be one of {', '.join(_FORMATS)}.")
    if not path.parent.is_dir():
        raise MeasurementError(f"The folder {path.parent} does not exist. Make it, or give another path.")
    figure.savefig(path, dpi=150)
    return path


def figure_of(fit: Fit) -> Any:
    """The matplotlib figure of a fit."""
    from matplotlib.figure import Figure

    sweep = fit.measurement.reads.sweep
    shown = list(dict.fromkeys(sweep.tolist()))
    shown = shown if len(shown) <= _MOST_PANELS else [*shown[: _MOST_PANELS - 1], shown[-1]]
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(10.0, 2.1 * rows + 2.6), layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[1.0] * rows + [0.9])
    for n, number in enumerate(shown):
        axes = figure.add_subplot(grid[n // columns, n % columns])
        _draw_sweep(axes, fit, sweep == number, f"sweep {number}" if len(shown) > 1 else "")
        if n % columns == 0:
            axes.set_ylabel("conductance [µS]")
        if n == 0:
            axes.legend(loc="best", fontsize=7, frameon=False)
    _draw_residuals(figure.add_subplot(grid[rows, :]), fit)
    figure.suptitle(f"{fit.measurement.path.name}: ECRAM with {fit.modes} mode(s)", fontsize=11)
    return figure


def _draw_sweep(axes: Any, fit: Fit, rows: np.ndarray, title: str) -> None:
    t, g, model = fit.t[rows], fit.g[rows], fit.g_model[rows]
    scale, unit = _time_scale(float(np.ptp(t)))
    order = np.argsort(t, kind="stable")
    axes.plot(scale * t[order], 1e6 * model[order], "-", color=_MODEL, lw=1.0, label="model")
    axes.plot(scale * t, 1e6 * g, ".", color=_DATA, ms=2.5, label="data")
    held = fit.held_out[rows]
    if held.any():
        axes.axvspan(scale * t[held].min(), scale * t[held].max(), color=_HELD, zorder=0, label="held out")
        title = f"{title} (held out)" if held.all() else title
    axes.set_title(title, fontsize=9, pad=2)
    axes.set_xlabel(f"time [{unit}]", fontsize=8, labelpad=1)
    axes.tick_params(labelsize=7)


def _draw_residuals(axes: Any, fit: Fit) -> None:
    number = np.arange(len(fit.residual))
    axes.axhline(0.0, color="#999999", lw=0.6)
    axes.plot(number, 100 * fit.residual, ".", color=_DATA, ms=2.0)
    held = np.flatnonzero(fit.held_out)
    if held.size:
        axes.axvspan(held.min(), held.max(), color=_HELD, zorder=0)
    for rms, start, end in (
        (fit.error_fit, 0, held.min() if held.size else len(number)),
        (fit.error_held_out, *_ends(held)),
    ):
        if np.isfinite(rms):
            axes.hlines([100 * rms, -100 * rms], start, end, color=_MODEL, lw=0.8, ls="--")
    axes.set_xlabel("reading")
    axes.set_ylabel(f"residual [%]\n({fit.error_of})", fontsize=8)
    axes.margins(x=0.01)
    text = f"rms {100 * fit.error_fit:.3g} %"
    if np.isfinite(fit.error_held_out):
        text += f", held out {100 * fit.error_held_out:.3g} %"
    axes.set_title(text, fontsize=9, pad=2)


def _ends(held: np.ndarray) -> tuple[int, int]:
    return (int(held.min()), int(held.max())) if held.size else (0, 0)


def _time_scale(span: float) -> tuple[float, str]:
    for limit, scale, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (2.0, 1e3, "ms")):
        if span < limit:
            return scale, unit
    return 1.0, "s"


def draw_model_fit(fit: ModelFit, path: str | Path) -> Path:
    """Draw the fit of any model or law into a file, as :func:`draw_fit` does."""
    return _saved(model_figure(fit), path)


def model_figure(fit: ModelFit) -> Any:
    """The matplotlib figure of any model's fit: data and model above, residuals below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[2.4, 1.0])
    log_y = fit.axes.log_y
    y, model = (np.abs(v) if log_y else v for v in (fit.y, fit.y_model))
    left_out = ~fit.used & np.isfinite(fit.y)
    upper.plot(fit.x[fit.used], y[fit.used], ".", color=_DATA, ms=3, label="data")
    if left_out.any():
        upper.plot(fit.x[left_out], y[left_out], "x", color=_DATA, ms=4, label="masked")
    upper.plot(fit.x, model, ".-" if fit.axes.log_x else "-", color=_MODEL, lw=1.0, ms=2, label="model")
    upper.set_yscale("log" if log_y else "linear")
    upper.set_ylabel("{} [{}]".format(*fit.axes.y))
    upper.legend(loc="best", fontsize=7, frameon=False)
    lower.axhline(0.0, color="#999999", lw=0.6)
    lower.plot(fit.x, fit.residual, ".", color=_DATA, ms=2)
    lower.set_xlabel("{} [{}]".format(*fit.axes.x))
    lower.set_ylabel(f"model less data\n({fit.axes.error})", fontsize=8)
    for axes in (upper, lower):
        axes.set_xscale("log" if fit.axes.log_x else "linear")
    held = f", held out {fit.error_held_out:.3g}" if np.isfinite(fit.error_held_out) else ""
    lower.set_title(f"rms {fit.error_fit:.3g}{held}", fontsize=9, pad=2)
    figure.suptitle(f"{fit.path.name}: {fit.model}", fontsize=11)
    return figure
