"""Arrays against badcrossbar: its stored results where the reference data are, the program itself where installed."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from mho.crossbars import Wires, driven, solve


def test_stored_results(references):
    folder = references / "crossbars"
    if not (folder / "badcrossbar.npz").is_file():
        pytest.skip(f"{folder / 'badcrossbar.npz'} not found; the comparison with badcrossbar's results did not run")
    with np.load(folder / "badcrossbar.npz") as file:
        data = dict(file)
    for case in json.loads((folder / "badcrossbar.json").read_text()):
        key, stem = case["key"], case["key"].split("_case")[0]
        r = case.get("r_i", 0.0)
        wires = Wires(case.get("r_i_word_line", r), case.get("r_i_bit_line", r))
        g, v = 1.0 / data[f"{stem}_R_ohm"], data[f"{stem}_V_volt"].T
        found = solve(g, driven(v, g.shape[1]), wires, tolerance=1e-12)
        np.testing.assert_allclose(found.i_bottom, data[f"{key}_Iout_amp"], rtol=1e-8)
        if f"{key}_Vword_volt" in data:
            for mine, name in ((found.v_row, "Vword_volt"), (found.v_column, "Vbit_volt"), (found.i_cell, "Idev_amp")):
                np.testing.assert_allclose(np.moveaxis(np.asarray(mine), 0, -1), data[f"{key}_{name}"], rtol=1e-8)


@pytest.mark.parametrize("shape", [(64, 48), (128, 128)])
@pytest.mark.filterwarnings("ignore")  # of badcrossbar's own
def test_live(shape):
    """Open cells and shorts (10 mohm) among 1 kohm to 1 Mohm; rtol is badcrossbar's own rounding by its sparse LU."""
    badcrossbar = pytest.importorskip("badcrossbar", reason="badcrossbar is not installed; it was not compared live")
    logging.disable(logging.INFO)
    draw = np.random.default_rng(shape[1])
    r = np.exp(draw.uniform(np.log(1e3), np.log(1e6), shape))
    r[draw.random(shape) < 0.05] = np.inf
    r[draw.random(shape) < 0.002] = 1e-2
    v = draw.uniform(-0.5, 1.0, (shape[0], 2))
    theirs = badcrossbar.compute(v, r, r_i_word_line=1.5, r_i_bit_line=2.5)
    logging.disable(logging.NOTSET)
    ours = solve(1.0 / r, driven(v.T, shape[1]), Wires(1.5, 2.5), tolerance=1e-12)
    np.testing.assert_allclose(ours.i_bottom, theirs.currents.output, rtol=1e-8)
    np.testing.assert_allclose(np.moveaxis(np.asarray(ours.v_row), 0, -1), theirs.voltages.word_line, atol=1e-10)
    np.testing.assert_allclose(np.moveaxis(np.asarray(ours.v_column), 0, -1), theirs.voltages.bit_line, atol=1e-10)
