"""The datasheet as text, as a page, and side by side."""

from __future__ import annotations

import functools
import re
from html.parser import HTMLParser

import pytest

from mho.devices import parameters
from mho.metrics.kpi import KPI
from mho.metrics.sheet import datasheet
from mho.report import sheet_compared, sheet_page, sheet_series, sheet_text

NAMES = ("ag_asi_jo", "oect_stp", "reram_neurram")


@functools.cache
def sheets():
    return [datasheet(parameters(name), n=4) for name in NAMES]


class Page(HTMLParser):
    """Collects identifiers and references of a page, and checks that its tags match."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.outside: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        reference = values.get("href") or values.get("src") or ""
        (self.links if reference.startswith("#") else self.outside).append(reference)
        if tag not in self.VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and tag in self.open:
            assert self.open.pop() == tag


@pytest.mark.parametrize("which", range(len(NAMES)))
def test_a_page_is_whole_and_holds_everything(which):
    sheet = sheets()[which]
    text = sheet_page.page(sheet)
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert all(re.match(r"https://", link) for link in page.outside if link), "nothing is loaded from elsewhere"
    assert "<script" not in text
    for kpi in sheet:
        if kpi.value is not None:
            assert f'id="{kpi.name}"' in text
    for name in sheet.numbers.every_number():
        assert f"<code>{name}</code>" in text
    assert "mho device datasheet" in text


def test_the_figures_of_a_device():
    found = [set(sheet_series.series(sheet)) for sheet in sheets()]
    assert found[0] == {"response", "steps", "distributions"}
    assert {"response", "fading"} <= found[1]
    assert {"programming", "distributions", "fading"} <= found[2]


def test_text_says_what_there_is_and_why_not():
    text = sheet_text.text(sheets()[0], width=100)
    assert max(map(len, text.splitlines())) <= 100
    assert "nonlinearity α              2.4, -4.88" in text
    assert "NOT AVAILABLE" in text
    assert "the set gives no read noise" in text
    assert "claim: neurosim" in text
    assert "NOT AVAILABLE" not in sheet_text.text(sheets()[0], reasons=False)


@pytest.mark.parametrize(
    ("name", "value", "unit", "text"),
    [
        ("effective_bits", -0.01, "1", "0.0 bit"),
        ("cycle_to_cycle", [0.02, None], "1", "2 %, –"),
        ("conductance_window", [1e-6, 2e-5], "S", "1 µS to 20 µS"),
        ("retention_time", 3.15576e8, "s", "10 years"),
        ("retention_time", 7200.0, "s", "2 h"),
        ("retention_time", None, "s", "–"),
        ("steps", [1000.4, 3.89e3], "1", "1000, 3890"),
        ("dynamic_range", 1.7534e6, "1", "1.75e+06"),
        ("write_time", 2e-7, "s", "200 ns"),
    ],
)
def test_values_as_people_write_them(name, value, unit, text):
    assert sheet_text.value_of(KPI(f"device.{name}", value, unit)) == text


def test_equal_values_up_and_down_are_written_once():
    assert sheet_text.short_value(KPI("device.write_time", [1e-9, 1e-9], "s")) == "1 ns"
    assert sheet_text.short_value(KPI("device.write_time", [1e-9, None], "s")) == "1 ns"
    assert sheet_text.short_value(KPI("device.write_voltage", [1.0, -1.0], "V")) == "1 V, -1 V"


def test_side_by_side():
    rows = sheet_compared.rows(sheets())
    assert rows[0] == ["", *NAMES]
    alpha = next(row for row in rows if "nonlinearity" in row[0])
    assert alpha[1] == "2.4, -4.88"
    assert alpha[3] == "–"
    text = sheet_page.compared_page(sheets())
    page = Page(text)
    assert page.open == []
    assert all(name in text for name in NAMES)
    bits = sheet_compared.bits_rows(sheets())
    assert [row[0] for row in bits[1:]] == list(NAMES)
    assert bits[1][3] == "cycle-to-cycle"
    assert sheet_compared.markdown_table(bits).splitlines()[1] == "|---|---|---|---|---|---|"
