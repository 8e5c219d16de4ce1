"""Kirchhoff's laws written out node by node as one dense matrix: the plain judge of the line solvers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest


@pytest.fixture(scope="session")
def dense():
    return by_nodes


def by_nodes(planes, layers, shape):
    """Voltages of all nodes of planes of lines joined by layers of conductances.

    Args:
        planes: For each: (axis along which lines run, segment r [ohm], lead resistance [ohm], voltages at the starts,
            voltages at the ends); voltages are None or have NaN where open.
        layers: Conductances (M, N) between plane k and k + 1.
        shape: (M, N).
    """
    m, n = shape
    size = m * n
    a = np.zeros((len(planes) * size, len(planes) * size))
    f = np.zeros(len(a))

    def join(x, y, g):
        a[x, x] += g
        a[y, y] += g
        a[x, y] -= g
        a[y, x] -= g

    for p, (along, r, lead, start, end) in enumerate(planes):
        index = p * size + np.arange(size).reshape(shape)
        lines = index if along == 1 else index.T
        for line in lines:
            for x, y in pairwise(line):
                join(x, y, 1.0 / r)
        for voltages, at in ((start, 0), (end, -1)):
            for k, v in enumerate([] if voltages is None else voltages):
                if not np.isnan(v):
                    a[lines[k][at], lines[k][at]] += 1.0 / lead
                    f[lines[k][at]] += v / lead
    for k, g in enumerate(layers):
        for x, value in enumerate(np.ravel(g)):
            join(k * size + x, (k + 1) * size + x, value)
    return np.linalg.solve(a, f).reshape(len(planes), m, n)
