"""Figures of what a netlist's analysis gave: curves over time or a sweep, a Bode plot, spectra of noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

_MOST_CURVES = 8  # a panel with more curves than this is no figure
_FLAT = 1e-6  # of the largest swing in a panel: what a supply's curve keeps within


def draw(outcome: Any, title: str, path: Path) -> None:
    """Draw the saved signals as SVG.

    Args:
        outcome: Of :func:`mho.interchange.spice.simulate`; not an operating point, which has no curve.
        title: Read aloud in place of the figure.
        path: Where to.
    """
    from mho.report.figures import alone, figure
    from mho.studies.folder import write

    sample = next((k for k, points in enumerate(outcome.points) if len(points) > 1), 0)
    if outcome.population:
        typer.echo(f"note  of {len(outcome.points)} samples, number {sample} is drawn.", err=True)
    chosen = replace(outcome, points=outcome.points[sample:], signals=outcome.signals[sample:])
    panels = {"ac": _bode, "noise": _spectra}.get(outcome.analysis, _curves)(chosen)
    write(path, alone(figure(panels, name="netlist", title=title, below=0.8, headings=(title,))))


def _panel(outcome: Any, label: str, curves: dict[str, Any], unit: str, *, y_scale: str = "linear") -> dict[str, Any]:
    """One panel of curves over the outcome's axis."""
    over = {"time": "s", "frequency": "Hz"}.get(outcome.axis, "A" if outcome.axis[0] == "i" else "V")
    scale = "log" if outcome.axis == "frequency" and len(outcome.points[0]) > 1 else "linear"
    x = {"label": outcome.axis, "unit": over, "values": [float(v) for v in outcome.points[0]], "scale": scale}
    shown = _chosen(curves)
    y = [
        {"label": name, "unit": unit, "values": [float(v) for v in values], "style": "line"}
        for name, values in shown.items()
    ]
    if len(shown) == 1:  # a single curve is named by its axis
        (name,) = shown
        label = name if label in ("voltage", "current", "value") else f"{label} of {name}"
    return {"kind": "lines", "x": x, "y": y, "y_label": label, "y_scale": y_scale}


def _chosen(curves: dict[str, Any]) -> dict[str, Any]:
    """As many curves as a panel shows: flat ones give way first."""
    import numpy as np

    if len(curves) <= _MOST_CURVES:
        return curves
    swings = {n: float(np.ptp(x[np.isfinite(x)])) if np.isfinite(x).any() else 0.0 for n, x in curves.items()}
    moving = [n for n in curves if swings[n] > _FLAT * max(swings.values())]
    first = [*moving, *(n for n in curves if n not in moving)][:_MOST_CURVES]
    rest = ", ".join(n for n in curves if n not in first)
    typer.echo(f"note  {_MOST_CURVES} of {len(curves)} curves are drawn, without {rest}. Choose with .save", err=True)
    return {n: x for n, x in curves.items() if n in first}


def _curves(outcome: Any) -> list[dict[str, Any]]:
    """Voltages in one panel, currents in one below."""
    panels = []
    for label, unit, of_current in (("voltage", "V", False), ("current", "A", True)):
        curves = {n: x for n, x in outcome.signals[0].items() if (n[0] == "i") == of_current}
        if curves:
            panels.append(_panel(outcome, label, curves, unit))
    return panels


def _bode(outcome: Any) -> list[dict[str, Any]]:
    """Magnitude in decibels above phase in degrees; signals that are real already have a panel of their own."""
    import numpy as np

    from mho.circuits import decibels, phase

    # A source's own node is a flat line at its AC value, and a signal that is zero has no decibels.
    phasors = {n: x for n, x in outcome.signals[0].items() if np.iscomplexobj(x) and np.any(x != 0)}
    moving = {n: x for n, x in phasors.items() if np.ptp(np.abs(x)) > 1e-9 * np.max(np.abs(x))} or phasors
    parts = {n: x for n, x in outcome.signals[0].items() if not np.iscomplexobj(x)}
    panels = []
    for label, of_current in (("voltage", False), ("current", True)):
        chosen = {n: x for n, x in moving.items() if (n[0] == "i") == of_current}
        if chosen:
            panels.append(_panel(outcome, label, {n: decibels(x) for n, x in chosen.items()}, "dB"))
            panels.append(_panel(outcome, "phase", {n: phase(x) for n, x in chosen.items()}, "°"))
    return panels + ([_panel(outcome, "value", parts, "1")] if parts else [])


def _spectra(outcome: Any) -> list[dict[str, Any]]:
    """Output noise with the largest shares in it, and the input-referred noise below."""
    import numpy as np

    signals = outcome.signals[0]
    whole = {name for name in signals if name.removeprefix("onoise_") and f"onoise_total_{name[7:]}" in outcome.totals}
    shares = [n for n in whole if not any(n.startswith(f"{other}_") for other in whole)]
    shares.sort(key=lambda n: -outcome.totals[f"onoise_total_{n[7:]}"])
    output = signals["onoise_spectrum"]
    chosen = {n.removeprefix("onoise_"): signals[n] for n in shares[: _MOST_CURVES - 3]}
    # A share far below the whole is not to set the axis.
    shown = {n: np.where(x > 1e-2 * output, x, np.nan) for n, x in chosen.items()}
    shown = {n: x for n, x in shown.items() if np.any(np.isfinite(x))}
    panels = [_panel(outcome, "output noise", shown | {"output": output}, "V/√Hz", y_scale="log")]
    referred = signals["inoise_spectrum"]
    if np.all(np.isfinite(referred)):
        panels.append(_panel(outcome, "noise at the input", {"input": referred}, "V/√Hz", y_scale="log"))
    return panels
