"""Figures: every kind draws, labels keep apart, colours are the page's variables, nothing global changes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.report import alone, figure, look
from mho.studies import Axis, Curve, Mark, Series

LINES = Series(
    Axis("rate", "Hz", [1.0, 10.0, 100.0], "log"),
    [
        Curve("a", "ohm", [1e3, np.nan, 2e3], "both", low=[900, 950, 1900], high=[1100, 1200, 2100]),
        Curve("b", "ohm", [1e3, 1e3, 1e3], "guide"),
    ],
    "resistance",
    marks=[Mark("theory", x=20.0), Mark("limit", y=1500.0)],
)
BARS = Series(
    Axis("what", "", ["one", "two"]),
    [Curve("x", "J", [1e-12, None]), Curve("y", "J", [2e-12, 3e-12])],
    "energy",
    kind="bars",
)
STACK = Series(
    Axis("what", "", ["one", "two"]),
    [Curve("x", "J", [1e-12, 0.0]), Curve("y", "J", [2e-12, 3e-12])],
    "energy",
    kind="stacked_bars",
)
HISTOGRAM = Series(Axis("width", "s", [1e-9, 2e-9, np.nan, 4e-9]), kind="histogram")


@pytest.mark.parametrize("series", [LINES, BARS, STACK, HISTOGRAM], ids=["lines", "bars", "stack", "histogram"])
@pytest.mark.parametrize("arrangement", ["stack", "row"])
def test_every_kind_draws(series, arrangement):
    svg = figure([series.as_dict()] * 2, name="f", title="What & why", arrangement=arrangement)
    root = ET.fromstring(svg)
    assert root.get("aria-label") == "What & why"
    assert {"Hz", "energy (pJ)", "width (ns)"} & set(_words(svg)) or "resistance (kΩ)" in svg


def _words(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)


def test_units_and_labels_are_on_it():
    words = _words(figure([LINES.as_dict()], name="f", title="t"))
    assert {"resistance (kΩ)", "rate", "1 Hz", "10 Hz", "100 Hz", "a", "b", "theory", "limit"} <= set(words)
    words = _words(figure([STACK.as_dict()], name="f", title="t"))
    assert {"energy (pJ)", "one", "two", "x", "y", "3 pJ"} <= set(words)
    assert "not available" in _words(figure([BARS.as_dict()], name="f", title="t"))


def test_colours_are_variables_of_the_page():
    svg = figure([LINES.as_dict()], name="f", title="t")
    assert "var(--c1, #0072b2)" in svg
    drawn = {c.lower() for c in re.findall(r"(?<!, )#[0-9a-fA-F]{6}\b", svg)}
    assert drawn <= {"#000000"}, drawn  # matplotlib's own default inside clip paths; never a visible colour


def test_two_figures_share_no_names():
    a, b = (figure([LINES.as_dict()], name=n, title="t") for n in ("one", "two"))
    assert not set(re.findall(r'id="([^"]+)"', a)) & set(re.findall(r'id="([^"]+)"', b))


def test_the_same_series_gives_the_same_figure():
    assert figure([LINES.as_dict()], name="f", title="t") == figure([LINES.as_dict()], name="f", title="t")


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(mpl.rcParams)
    figure([LINES.as_dict()], name="f", title="t")
    assert dict(mpl.rcParams) == before


def test_a_file_alone_carries_its_palette():
    svg = alone(figure([LINES.as_dict()], name="f", title="t"))
    ET.fromstring(svg)
    assert "--c1: #0072b2" in svg
    assert "prefers-color-scheme: dark" in svg


def test_every_light_colour_has_a_dark_one():
    assert set(look.LIGHT) == set(look.DARK)


def _contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        parts = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        return float(
            np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        )

    a, b = sorted((luminance(one), luminance(other)), reverse=True)
    return (a + 0.05) / (b + 0.05)


@pytest.mark.parametrize("palette", [look.LIGHT, look.DARK], ids=["light", "dark"])
def test_text_and_curves_stand_out_from_the_paper(palette):
    """WCAG 2.1: 4.5 for text, 3 for graphical objects; the lightest curve colours are only ever bars or thick lines."""
    assert _contrast(palette["ink"], palette["paper"]) > 7
    assert _contrast(palette["muted"], palette["paper"]) > 4.5
    for name in ("c1", "c2", "c3", "c4", "c5", "c6", "c7"):
        assert _contrast(palette[name], palette["paper"]) > 2.7, name


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_labels_are_moved_apart_inside_the_axes(places):
    moved = look.spread_out(places, 10.0, 0.0, 100.0)
    assert min(moved) >= 0.0
    assert max(moved) <= 100.0
    assert np.all(np.diff(np.sort(moved)) > 9.5)  # within the half unit at which the relaxation may stop
    order = np.argsort(places, kind="stable")
    assert np.all(np.diff(np.asarray(moved)[order]) >= 0)  # never past each other


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        ([25e3, 1e3], "ohm", "kΩ"),
        ([2e-12], "J", "pJ"),
        ([0.0], "V", "V"),
        ([0.5], "1", ""),
        ([300.0], "K", "K"),
        ([899e-9], "s", "ns"),
        ([0.98], "V", "V"),
        ([], "A", "A"),
    ],
)
def test_axes_take_the_prefix_that_reads_well(values, unit, text):
    factor, symbol = look.prefix(values, unit)
    assert symbol == text
    if values and values[0]:
        assert 0.9 <= max(values) * factor < 1000 or text in ("", "K")
