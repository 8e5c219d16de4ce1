"""The unrolled LU against NumPy, also where diagonals are zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.circuits.factorisation import pivot_order, solve
from mho.core.errors import NetlistError


def agree(matrix, order, tolerance):
    n = len(matrix)
    rng = np.random.default_rng(0)
    right = [list(rng.normal(size=n)) for _ in range(2)]
    entries = {(i, j): matrix[i, j] for i in range(n) for j in range(n) if matrix[i, j] != 0}
    for b, x in zip(right, solve(entries, right, order), strict=True):
        np.testing.assert_allclose(matrix @ np.array(x), b, atol=tolerance * max(1, np.abs(x).max()))


@given(n=st.integers(1, 12), seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_conductance_matrices(n, seed):
    rng = np.random.default_rng(seed)
    matrix = np.zeros((n, n))
    for i, j in rng.integers(0, n, (2 * n, 2)):
        g = 10.0 ** rng.uniform(-3, 3)
        matrix[i, i] += g
        if i != j:
            matrix[j, j] += g
            matrix[i, j] -= g
            matrix[j, i] -= g
    matrix += np.diag(10.0 ** rng.uniform(-2, 0, n))
    pattern = {(i, j) for i, j in zip(*np.nonzero(matrix), strict=True)}
    order = pivot_order(n, frozenset(pattern), frozenset((i, i) for i in range(n)), tuple(map(str, range(n))))
    agree(matrix, order, 1e-9)


def test_voltage_source_branches_pivot_off_the_diagonal():
    # Nodes a, b with 1e-6 S to ground; branch fixes a - b: the branch's own diagonal is zero and stays useless.
    matrix = np.array([[1e-6, 0, 1.0], [0, 1e-6, -1.0], [1.0, -1.0, 0]])
    pattern = {(i, j) for i, j in zip(*np.nonzero(matrix), strict=True)}
    firm = {(0, 0), (1, 1), (0, 2), (1, 2), (2, 0), (2, 1)}
    order = pivot_order(3, frozenset(pattern), frozenset(firm), tuple("abi"))
    assert (2, 2) not in order
    agree(matrix, order, 1e-12)


def test_a_singular_structure_is_refused():
    with pytest.raises(NetlistError, match="not determined"):
        pivot_order(2, frozenset({(0, 0)}), frozenset({(0, 0)}), ("a", "b"))
