"""What products see of wires: superposition of one solution a row against one solution of the whole vector."""

from __future__ import annotations

import numpy as np
import pytest

from mho.crossbars import Wires, driven, shown_conductance, solve
from mho.crossbars.wired import through


def test_rows_add_up_to_the_solution_of_the_vector():
    draw = np.random.default_rng(0)
    g, v = draw.uniform(1e-6, 5e-5, (6, 8)), draw.normal(size=6)
    wires = Wires(r_row=20.0, r_column=10.0, r_driver=100.0)
    shown = shown_conductance(g, wires)
    direct = solve(g, driven(v[None], 8), wires).i_bottom[0]
    assert v @ shown == pytest.approx(direct, rel=1e-8)  # both solved to 1e-10
    assert np.all(shown.sum(axis=0) < g.sum(axis=0))  # wires only ever lose
    blocks = np.asarray(through(wires)(g.reshape(1, 1, 6, 4, 2)))
    assert blocks.reshape(6, 8) == pytest.approx(shown, rel=1e-6)  # single precision
