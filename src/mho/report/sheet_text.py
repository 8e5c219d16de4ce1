"""A datasheet as plain text for the terminal: grouped, aligned, short."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from mho.core.quantities import engineering
from mho.devices.kinetics import ELEMENTARY_CHARGE
from mho.metrics.kpi import KPI
from mho.metrics.sheet import Datasheet
from mho.metrics.sheet.fading import MOMENTS
from mho.metrics.sheet.short_term import INTERVALS

NAMES = {
    "iv_nonlinearity": "I-V nonlinearity",
    "linearity_r2": "linearity R²",
    "nonlinearity_alpha": "nonlinearity α",
    "linearity_error": "linearity error LE",
    "asymmetry": "asymmetry AS",
    "effective_bits_snr": "effective bits, SNR form",
    "effective_bits_one_day": "effective bits after a day",
    "effective_bits_open_loop": "effective bits, unverified",
    "retention_time": "retention to 10 %",
    "retention_time_85C": "retention at 85 °C",
    "short_term_efficacy": "efficacy U",
    "short_term_times": "time constants",
    "update_snr": "update signal-to-noise",
    "cycle_to_cycle_of_step": "cycle-to-cycle, of a step",
    "steps_at_middle": "steps, as at mid-ramp",
    "drift_exponent": "drift exponent ν",
    "drift_exponent_spread": "spread of ν",
}
_PLACES = {
    "stability": f"at {', '.join(MOMENTS)}",
    "paired_pulse_ratio": f"after {', '.join(engineering(x, 's') for x in INTERVALS)}",
    "short_term_times": "to 1/e, of the tail",
}  # where the values of a vector stand
_RANGES = ("window", "reach")
_PERCENT = ("cycle_to_cycle", "device_to_device", "read_noise", "programming", "assumed_share", "linearity_error",
            "asymmetry")  # fmt: skip


def name_of(kpi: KPI) -> str:
    """A KPI's name for people."""
    short = kpi.name.partition(".")[2]
    return NAMES.get(short, short.removeprefix("reported_").replace("_", " "))


def value_of(kpi: KPI, digits: int = 3) -> str:
    """A KPI's value for people; a dash where there is none."""
    if kpi.value is None:
        return "–"
    values = kpi.value if isinstance(kpi.value, Sequence) else [kpi.value]
    between = " to " if kpi.name.endswith(_RANGES) else ", "
    return between.join("–" if v is None else _figure(kpi, float(v), digits) for v in values)


def short_value(kpi: KPI) -> str:
    """The value with equal figures up and down written once."""
    parts = value_of(kpi).split(", ")
    return parts[0] if len(set(parts)) == 1 else ", ".join(p for p in parts if p != "–")


def spread_of(kpi: KPI) -> str:
    """A KPI's spread for people; empty where there is none, or one for each of several values."""
    spread: Any = kpi.spread or {}
    if not (isinstance(spread.get("low"), float) and isinstance(spread.get("high"), float)):
        return ""
    return f"{_figure(kpi, spread['low'], 3)} to {_figure(kpi, spread['high'], 3)} {spread.get('kind', '')}".strip()


def _figure(kpi: KPI, value: float, digits: int) -> str:
    short = kpi.name.partition(".")[2]
    if short.startswith("effective_bits"):
        return f"{value + 0.0 if abs(value) >= 0.05 else 0.0:.1f} bit"
    if kpi.unit == "1" and short.startswith(_PERCENT):
        return f"{100 * value:.{digits}g} %"
    if kpi.unit == "s" and value >= 120.0:
        return duration(value)
    if kpi.unit == "J" and 0.0 < value < 1e-17 and short.startswith("reported_activation"):
        return f"{value / ELEMENTARY_CHARGE:.{digits}g} eV"
    if kpi.unit == "1" and abs(value) >= 1000.0:
        value = float(f"{value:.{digits}g}")  # 1000 and not 1e+03
        return engineering(value, "1", max(digits, 6))
    return engineering(value, kpi.unit, digits)


def duration(seconds: float, digits: int = 3) -> str:
    """A long time in the unit that people use."""
    for unit, size in (("years", 365.25 * 86400.0), ("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2.0 * size or unit == "min":
            return f"{seconds / size:.{digits}g} {unit}"
    raise AssertionError


def text(sheet: Datasheet, *, width: int = 110, reasons: bool = True) -> str:
    """The sheet as text.

    Args:
        sheet: The datasheet.
        width: Of a line.
        reasons: Whether figures that are not to be had are listed with their reason.
    """
    at = sheet.measured.bench
    head = f"{sheet.numbers.name}  ({', '.join(x for x in (sheet.numbers.technology, sheet.numbers.model) if x)})"
    lines = [head, *textwrap.wrap(sheet.numbers.summary, width), ""]
    conditions = ", ".join(f"{k} {v}" for k, v in at.pulse_text().items())
    lines += textwrap.wrap(f"At {conditions}; {at.n} devices a group, seed {at.seed}.", width)
    if at.up is not None:
        lines += textwrap.wrap("Two figures of a pulse or a ramp: up, down.", width)
    absent: dict[str, list[str]] = {}
    for heading, kpis in sheet.groups.items():
        shown = [kpi for kpi in kpis if kpi.value is not None]
        for kpi in kpis:
            if kpi.value is None:
                absent.setdefault(kpi.note, []).append(name_of(kpi))
        if shown:
            lines += ["", heading.upper()]
            for kpi in shown:
                lines += _line(kpi, width)
    if absent and reasons:
        lines += ["", "NOT AVAILABLE"]
        for why, names in absent.items():
            lines += textwrap.wrap(f"{', '.join(names)}: {why}", width, initial_indent="  ", subsequent_indent="    ")
    lines.append("")
    for note in sheet.notes:
        lines += textwrap.wrap(note, width)
    return "\n".join(lines)


def _line(kpi: KPI, width: int) -> list[str]:
    label, value = name_of(kpi), value_of(kpi)
    claim = kpi.name.startswith("device.reported_")
    remark = f"claim: {kpi.note}" if claim else kpi.note
    place = _PLACES.get(kpi.name.partition(".")[2], "")
    remark = "; ".join(x for x in (place, spread_of(kpi), remark) if x)
    start = f"  {label:<28}{value:<24}"
    if not remark:
        return [start.rstrip()]
    if len(value) > 23:
        return [start.rstrip(), *textwrap.wrap(remark, width, initial_indent=" " * 32, subsequent_indent=" " * 32)]
    return textwrap.wrap(remark, width, initial_indent=start, subsequent_indent=" " * len(start))
