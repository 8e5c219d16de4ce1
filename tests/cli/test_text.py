"""Columns of text: nothing is lost, lines keep to the width."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mho.cli.text import aligned

words = st.lists(st.text("abc", min_size=1, max_size=6), min_size=1, max_size=8).map(" ".join)


@settings(deadline=None)
@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=5), st.integers(60, 120))
def test_nothing_is_lost_and_lines_fit(rows, width):
    text = aligned(rows, width=width)
    assert sorted(text.split()) == sorted(" ".join(" ".join(row) for row in rows).split())
    assert max(map(len, text.splitlines())) <= width


def test_no_rows_is_no_text():
    assert aligned([]) == ""
