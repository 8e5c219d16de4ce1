"""The figures of a datasheet as series: pulse response, steps, fading, noise, distributions, current-voltage loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mho.core.quantities import engineering
from mho.metrics.sheet import Datasheet, Measured
from mho.metrics.sheet.reading import loop as sweep
from mho.studies.outcome import Axis, Curve, Mark, Series

_MOST = 320  # points of a curve on the page
_WIDE = 30.0  # a loop whose current spans more than this is drawn on a logarithmic axis


def series(sheet: Datasheet) -> dict[str, Series]:
    """All figures that the device has, by name."""
    measured = sheet.measured
    found = {
        "response": response(measured),
        "steps": steps(measured),
        "fading": fading(measured),
        "distributions": distributions(measured),
        "programming": programming(measured),
        "noise": noise(measured),
        "loop": loop(measured),
    }
    return {name: one for name, one in found.items() if one is not None}


def _thin(*arrays: np.ndarray) -> list[np.ndarray]:
    """The same points of each array, few enough for a page; first and last among them."""
    size = len(arrays[0])
    keep = np.unique(np.linspace(0, size - 1, min(size, _MOST)).round().astype(int))
    return [a[keep] for a in arrays]


def _x(curves: Sequence[Curve]) -> Any:
    """The x values of the first of curves that have their own."""
    return curves[0].x if curves[0].x is not None else []


def response(measured: Measured) -> Series | None:
    """Conductance over pulses up and down, cycle after cycle: the nominal device, and the band of a population."""
    ramps = measured.ramps
    if ramps is None or not ramps.moves(ramps.up):
        return None
    trains = [t for pair in zip(ramps.up, ramps.down, strict=False) for t in pair] if ramps.down else [*ramps.up]
    g = np.concatenate([trains[0].start[None], *(t.later for t in trains)])
    pulses, nominal, low, middle, high = _thin(np.arange(len(g)), g[:, 0], *_band(measured, g))
    curves = [Curve("nominal", "S", nominal)]
    varies = bool(np.nanmax(np.abs(high - low)) > 1e-6 * np.nanmax(np.abs(nominal)))
    if varies:
        curves = [Curve("population", "S", middle, "band", low, high), Curve("nominal", "S", nominal, "guide")]
    caption = "Pulses up, then pulses down" if ramps.down else "Pulses up (the set names none that lower it)"
    text = f"{caption}; the line is the median of {measured.bench.n} devices, the band holds 90 % of them." if varies \
        else f"{caption}. The set gives neither noise nor spread, so that one device is all devices."  # fmt: skip
    scale = _scale(nominal)
    return Series(Axis("pulse", "1", pulses), curves, y_label="conductance", y_scale=scale, caption=text)


def _band(measured: Measured, g: np.ndarray) -> list[np.ndarray]:
    return list(np.nanpercentile(g[:, measured.bench.population], [5.0, 50.0, 95.0], axis=1))


def _scale(values: np.ndarray) -> str:
    good = values[np.isfinite(values)]
    return "log" if good.size and good.min() > 0.0 and good.max() / good.min() > 100.0 else "linear"


def steps(measured: Measured) -> Series | None:
    """Size of a step over the conductance at which it is taken; no curve for a ramp that is one jump."""
    ramps = measured.ramps
    if ramps is None or not ramps.moves(ramps.up) or measured.bench.pulses < 4:
        return None
    curves = []
    for label, trains in (("up", ramps.up), ("down", ramps.down)):
        if ramps.moves(trains) and not ramps.jumps(trains):
            g = trains[-1].ramp[:, 0]
            x, y = _thin(g[:-1], np.abs(np.diff(g)))
            order = np.argsort(x)
            curves.append(Curve(label, "S", y[order], x=x[order]))
    if not curves:
        return None
    jumps = [way for way, trains in (("up", ramps.up), ("down", ramps.down)) if ramps.jumps(trains)]
    end = (
        f"s. The ramp {jumps[0]} is one jump and not drawn." if jumps else "s; where they cross is the symmetry point."
    )
    return Series(
        Axis("conductance", "S", _x(curves)),
        curves,
        y_label="size of a step",
        caption="Nominal steps. A linear device has flat line" + end,
    )


def fading(measured: Measured) -> Series | None:
    """Conductance over time since the write, relative to that at once."""
    aged = measured.fading
    names = [n for n in aged.course if n not in ("bottom", "three quarters")]
    curves = []
    for name in names:
        share = aged.course[name] / aged.written[name]
        if not np.isfinite(share[:, 0]).all():
            continue
        one = measured.bench.drawn if measured.programmed is not None else measured.bench.population
        low, middle, high = np.nanpercentile(share[:, one], [5.0, 50.0, 95.0], axis=1)
        curves.append(Curve(name, "1", middle, "band", low, high))
    if not curves or not any(np.max(np.abs(np.asarray(c.values) - 1.0)) > 1e-6 for c in curves):
        return None
    marks = [Mark("1 day", x=86400.0), Mark("1 year", x=365.25 * 86400.0)]
    return Series(
        Axis("time since the write", "s", aged.times, "log"),
        curves,
        y_label="conductance, relative",
        marks=marks,
        caption="What is left of written levels, without drive; the bands hold 90 % of the devices.",
    )


def _writes(measured: Measured) -> bool:
    """Whether there are levels to be shown: the device is programmed, or its pulses leave something."""
    return measured.ramps is None or measured.ramps.moves(measured.ramps.up)


def distributions(measured: Measured) -> Series | None:
    """Share of the devices below a conductance, for each written level."""
    if not _writes(measured):
        return None
    curves = []
    one = slice(None) if measured.programmed is not None else measured.bench.population
    for name, g in list(measured.levels.items())[:: 2 if measured.programmed is not None else 1]:
        sample = np.sort(g[one][np.isfinite(g[one])])
        if sample.size < 2 or np.ptp(sample) <= 1e-9 * abs(sample[-1]):
            continue
        share = 100.0 * (np.arange(sample.size) + 0.5) / sample.size
        curves.append(Curve(name, "%", share, x=sample))
    if not curves:
        return None
    how = "programmed to shares of the window" if measured.programmed is not None else \
        "after quarters of a ramp by count, unverified"  # fmt: skip
    return Series(
        Axis("conductance", "S", _x(curves)),
        curves,
        y_label="share of devices below",
        caption=f"Devices {how}. Steep and apart: levels that can be told from one another.",
    )


def programming(measured: Measured) -> Series | None:
    """Programming error over the target, at once and after a day."""
    found = measured.programmed
    if found is None:
        return None
    late = np.nanstd(found.day, axis=1, ddof=1)
    return Series(
        Axis("target conductance", "S", found.targets),
        [Curve("at once", "S", found.sigma, "both"), Curve("after a day", "S", late, "both")],
        y_label="standard deviation of G",
        caption="How far devices that were programmed alike lie apart.",
    )


def noise(measured: Measured) -> Series | None:
    """Read noise over conductance."""
    found = measured.noise
    if found.sigma is None or not _writes(measured):
        return None
    order = np.argsort(found.g)
    return Series(
        Axis("conductance", "S", found.g[order], _scale(found.g)),
        [Curve("read noise", "S", found.sigma[order], "both")],
        y_label="standard deviation of a read",
        y_scale=_scale(found.sigma),
        caption="Independent reads of written states, expressed as conductance.",
    )


def loop(measured: Measured) -> Series | None:
    """Current over voltage of a slow sweep."""
    ramps = measured.ramps
    moves = ramps is not None and ramps.moves(ramps.up)
    found = sweep(measured.bench, float(np.ptp(ramps.up[-1].ramp[:, 0])) if ramps is not None and moves else 0.0)
    if found is None or not np.isfinite(found.i).all():
        return None
    size = np.abs(found.i[np.abs(found.v) > 0.0])
    log = bool(size.min() > 0.0 and size.max() / size.min() > _WIDE * abs(found.v).max() / abs(found.v[1]))
    v, i = found.v, np.where(found.v == 0.0, np.nan, np.abs(found.i)) if log else found.i
    return Series(
        Axis("voltage", "V", v),
        [Curve("current", "A", i)],
        y_label="size of the current" if log else "current",
        y_scale="log" if log else "linear",
        caption=f"A sweep 0, up, 0, down, 0, each quarter {engineering(found.quarter, 's', 3)} long; the second time "
        f"round.{'' if found.whole else ' It switches the device less than a ramp of its pulses does.'}",
    )


def overlaid(sheets: Sequence[Datasheet]) -> Series | None:
    """Nominal pulse responses of several devices, each scaled to its window, over the share of its ramp."""
    curves: list[Any] = []
    for sheet in sheets:
        ramps = sheet.measured.ramps
        if ramps is None or not ramps.moves(ramps.up):
            continue
        up = ramps.up[-1].ramp[:, 0]
        g = np.concatenate([up, ramps.down[-1].later[:, 0]]) if ramps.down else up
        x = np.concatenate([np.linspace(0, 1, len(up)), 1 + np.linspace(0, 1, len(up))[1:]])[: len(g)]
        x, g = _thin(x, g)
        span = float(g.max() - g.min())
        curves.append(Curve(sheet.numbers.name, "1", (g - g.min()) / span, x=x))
    if not curves:
        return None
    return Series(
        Axis("share of the ramp up, then down", "1", _x(curves)),
        curves,
        y_label="conductance, scaled to its reach",
        caption="Nominal devices. Straight lines are linear; a tent that is not symmetric is asymmetric.",
    )
