"""The datasheet as one self-contained page, alone or several side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import mho
from mho.core.quantities import engineering
from mho.metrics.kpi import KPI
from mho.metrics.sheet import Datasheet
from mho.report import look, tables
from mho.report.figures import figure
from mho.report.sheet_compared import bits_rows, groups
from mho.report.sheet_series import overlaid, series
from mho.report.sheet_text import name_of, short_value, spread_of, value_of

HEADLINE = ("conductance_window", "effective_bits", "programming_error", "cycle_to_cycle", "write_energy", "write_time",
            "retention_time", "short_term_times", "endurance")  # fmt: skip
_MOST_CARDS = 6
_FIGURES = (  # title, the series of one figure, their arrangement
    ("Pulse response", (("response",), "stack"), (("steps",), "stack")),
    ("Levels and noise", (("programming",), "stack"), (("distributions",), "stack"), (("noise",), "stack")),
    ("Fading", (("fading",), "stack")),
    ("Current and voltage", (("loop",), "stack")),
)


def page(sheet: Datasheet) -> str:
    """The page of one device."""
    records = {name: one.as_dict() for name, one in series(sheet).items()}
    about = sheet.as_dict()
    kpis = list(sheet)
    return _rendered(
        "datasheet.html",
        sheet=about,
        title=sheet.numbers.name,
        headline=[_card(sheet, k) for k in _headline(sheet)],
        sections=_sections(records),
        groups={heading: [_row(kpi) for kpi in found if kpi.value is not None] for heading, found in
                sheet.groups.items()},
        absent=_absent(kpis),
        causes=_causes(sheet),
        numbers=[_number(sheet, name) for name in sheet.numbers.every_number()],
        conditions=sheet.measured.bench.pulse_text(),
        celsius=f"{sheet.measured.bench.temperature - 273.15:.6g}",
        count=len(sheet.numbers.every_number()),
    )  # fmt: skip


def compared_page(sheets: Sequence[Datasheet]) -> str:
    """The page of several devices."""
    one = overlaid(sheets)
    shown = [] if one is None else [_drawn("compared", [one.as_dict()], "stack")]
    return _rendered(
        "compared.html",
        title=", ".join(s.numbers.name for s in sheets),
        sheets=[s.as_dict() for s in sheets],
        groups=groups(sheets),
        figures=shown,
        bits=bits_rows(sheets),
        celsius=f"{sheets[0].measured.bench.temperature - 273.15:.6g}",
    )


def _rendered(template: str, **parts: Any) -> str:
    environment = Environment(
        loader=PackageLoader("mho.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template).render(
        version=mho.__version__, light=look.variables(look.LIGHT), dark=look.variables(look.DARK), **parts
    )
    return re.sub(r"\n\s*\n+", "\n", text)


def _unbroken(text: str) -> str:
    """Figures that stay with their units at the end of a line."""
    between = " to " if " to " in text else ", "
    return between.join(part.replace(" ", tables.NO_BREAK) for part in text.split(between))


def _headline(sheet: Datasheet) -> list[KPI]:
    found = {kpi.name.partition(".")[2]: kpi for kpi in sheet if kpi.value is not None}
    return [found[name] for name in HEADLINE if name in found][:_MOST_CARDS]


def _card(sheet: Datasheet, kpi: KPI) -> dict[str, str]:
    short = kpi.name.partition(".")[2]
    below = {"effective_bits": f"limited by {sheet.limit}", "endurance": kpi.note.partition(";")[0]}.get(short, "")
    if not below and kpi.spread:
        below = spread_of(kpi)
    return {"name": name_of(kpi), "value": _unbroken(short_value(kpi)), "below": below}


def _row(kpi: KPI) -> dict[str, Any]:
    row = tables.kpi_row(kpi.as_dict())
    several = isinstance(kpi.value, Sequence)
    row |= {"name": name_of(kpi), "value": _unbroken(value_of(kpi)), "many": several and len(kpi.value) > 2}  # type: ignore[arg-type]
    row["claim"] = kpi.name.startswith("device.reported_")
    row |= {"spread": spread_of(kpi), "definition": _typeset(kpi.definition), "note": tables.sentence(kpi.note)}
    return row


_SIGNS = {
    "<|dG|>": "⟨|ΔG|⟩",
    "<dG_up>": "⟨ΔG↑⟩",
    "<dG_down>": "⟨ΔG↓⟩",
    "dG": "ΔG",
    "sigma": "σ",
    "log2": "log₂",
    "^2": "²",
    "sqrt 3": "√3",
    "G_max": "Gmax",
    "G_min": "Gmin",
    "tau": "τ",
    "2 pi": "2π ",
    "nu =": "ν =",
    "of nu": "of ν",
    "alpha": "α",
    "N63": "N₆₃",
    "beta": "β",
}


def _typeset(definition: str) -> str:
    """A definition with its signs in place of their names."""
    for name, sign in _SIGNS.items():
        definition = definition.replace(name, sign)
    first = definition.partition(" ")[0]
    if len(first) > 2 and first.isalpha() and first.islower():  # a word, not a sign
        definition = definition[0].upper() + definition[1:]
    return definition + ("" if definition.endswith(".") else ".")


def _absent(kpis: Sequence[KPI]) -> list[dict[str, str]]:
    found: dict[str, list[str]] = {}
    for kpi in kpis:
        if kpi.value is None:
            found.setdefault(kpi.note, []).append(name_of(kpi))
    return [{"names": ", ".join(names), "why": tables.sentence(why)} for why, names in found.items()]


def _sections(records: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for title, *plots in _FIGURES:
        shown = []
        for names, arrangement in plots:  # type: ignore[misc]
            present = [n for n in names if n in records]
            if present:
                shown.append(_drawn(present[0], [records[n] for n in present], arrangement))
        if shown:
            found.append({"title": title, "key": title.lower().replace(" ", "-"), "figures": shown})
    return found


def _drawn(name: str, records: Sequence[Any], arrangement: str) -> dict[str, str]:
    caption = " ".join(r["caption"] for r in records)
    svg = figure(records, name=name, title=caption, arrangement=arrangement, height=2.7)
    return {"svg": svg, "caption": caption}


_KINDS = {
    "effective_bits": "at once, verified",
    "effective_bits_one_day": "after a day",
    "effective_bits_open_loop": "unverified",
}


def _causes(sheet: Datasheet) -> list[dict[str, Any]]:
    found = []
    for kind, title in _KINDS.items():
        parts = sheet.causes.get(kind, {})
        whole = sum(x * x for x in parts.values())
        if whole > 0.0 and sheet[kind].value is not None:
            cells = [{"cause": c, "sigma": f"{100 * x:.3g} %", "share": f"{100 * x * x / whole:.0f} %"} for c, x in
                     parts.items() if x > 0.0]  # fmt: skip
            found.append({"kind": title, "bits": value_of(sheet[kind]), "parts": cells})
    return found


def _number(sheet: Datasheet, name: str) -> dict[str, str]:
    number = sheet.numbers.every_number()[name]
    values = number.value if isinstance(number.value, tuple) else (number.value,)
    text = ", ".join(engineering(v, number.unit) for v in values)
    return {"name": name, "value": text, "how": number.how, "source": number.source, "where": number.where}
