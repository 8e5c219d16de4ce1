"""The page holds what the results hold, needs nothing from outside, and is whole."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from mho.core import StudyError
from mho.report import build, render
from mho.report.layout import SECTIONS, arranged

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """Collects ids and checks that every element is closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_it_is_well_formed_and_ids_are_unique(page):
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    for target in re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page):
        assert target in outline.ids


def test_it_needs_nothing_from_outside(page):
    assert "<script" not in page
    assert not re.findall(
        r'(?:src|href)="(?!#|https://(?:doi\.org|arxiv\.org)/)[^"]*"', page.replace('xmlns:xlink="', "")
    )
    assert "@import" not in page
    assert not re.findall(r"url\((?!#)", page)


def test_everything_in_the_results_is_on_it(page, results):
    for kpi in results["kpis"]:
        assert kpi["name"] in page
    for table in results["tables"].values():
        assert all(str(row[0]) in page for row in table["rows"] if isinstance(row[0], str))
    assert page.count("<svg") == sum(len(plots) for _, plots, _ in arranged(results))
    for words in (
        *results["notes"],
        "2605.11243",
        "only as an abstract",
        "20 of 21",
        "MIN_STEP 2",
        "0123456789abcdef" * 4,
        "population 123456",
    ):
        assert words in page, words


def test_the_answer_and_the_honesty_note_come_before_any_table(page, results):
    places = [
        page.index(words)
        for words in (results["answer"][0].split(",")[0].replace("'", "&#39;"), "only as an abstract", "<table")
    ]
    assert places == sorted(places)


def test_every_series_has_one_place(results):
    placed = [name for section in SECTIONS for plot in section.plots for name in plot.series]
    assert len(placed) == len(set(placed))
    shown = [name for _, plots, _ in arranged(results) for plot in plots for name in plot.series]
    assert sorted(shown) == sorted(results["series"])


def test_sections_show_what_the_study_promises():
    """The table in the study's docstring and the sections that it fills name the same series and tables."""
    from mho.studies import ecram_stp

    promised = set(re.findall(r"^\w+ +(\w+\.\w+) ", ecram_stp.__doc__, flags=re.MULTILINE))
    sections = [{*s.tables, *(name for plot in s.plots for name in plot.series)} for s in SECTIONS]
    assert promised == set().union(*(names for names in sections if names & promised))


def test_text_is_escaped(few):
    few["notes"] = ["<b>bold</b> & more"]
    few["study"]["title"] = "a < b"
    page = render(few)
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in page
    assert "<title>a &lt; b</title>" in page


def test_a_study_of_nothing_still_makes_a_page(results):
    results |= {"kpis": [], "series": {}, "tables": {}, "notes": [], "answer": []}
    assert "How to reproduce" in render(results)


def test_build_writes_beside_the_results(tmp_path, few):
    (tmp_path / "results.json").write_text(json.dumps(few, allow_nan=False))
    path = build(tmp_path)
    assert path == tmp_path / "report.html"
    assert path.read_text().rstrip().endswith("</html>")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "results.json"]


def test_build_without_results_is_refused(tmp_path):
    with pytest.raises(StudyError, match="mho study run"):
        build(tmp_path)
