"""Samples with labels, from both kinds of files, and what is wrong with them named."""

from __future__ import annotations

import numpy as np
import pytest

from mho.core.errors import InputError
from mho.interchange import read_samples

X = np.arange(12.0).reshape(3, 4)
LABELS = np.array([0, 2, 1])


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "data.csv"

    def written(text: str):
        path.write_text(text)
        return path

    return written


def test_both_kinds_of_files_hold_the_same(csv, tmp_path):
    np.savez(tmp_path / "data.npz", data=X, target=LABELS[:, None])
    rows = "\n".join(",".join(map(str, [*x, y])) for x, y in zip(X, LABELS, strict=True))
    for path in (tmp_path / "data.npz", csv(f"a,b,c,d,label\n{rows}\n")):
        found = read_samples(path, shape=(2, 2))
        np.testing.assert_array_equal(found.x, X.reshape(3, 2, 2).astype(np.float32))
        np.testing.assert_array_equal(found.labels, LABELS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,0\n1,2\n", r"\[2, 3\] columns"),
        ("1,2,0\n1,x,0\n", "sample 2"),
        ("1,2,0,oops\n1,2,0\n", "4 columns .* the next has 3"),
        ("1,2,0.5\n", "whole numbers"),
        ("1,nan,0\n", "1 of 1 samples"),
        ("", "columns"),
    ],
)
def test_a_wrong_table_is_named(csv, text, message):
    with pytest.raises(InputError, match=message):
        read_samples(csv(text))


def test_a_wrong_archive_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, z=LABELS)
    with pytest.raises(InputError, match="labels"):
        read_samples(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=X, y=LABELS[:2])
    with pytest.raises(InputError, match="3 samples and 2 labels"):
        read_samples(tmp_path / "b.npz")
    with pytest.raises(InputError, match="cannot be read"):
        read_samples(tmp_path / "c.npz")
