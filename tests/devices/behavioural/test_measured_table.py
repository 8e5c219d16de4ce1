"""Measured tables of steps: interpolation, spread by deviation and by quantiles, files, and steps from ramps."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mho.core.errors import ParameterError
from mho.devices import Pulse
from mho.devices.behavioural import MeasuredStep, measured_step, pulse_train, tabulated

LEVELS = np.array([1e-6, 2e-6, 4e-6, 5e-6])
UP = [np.array([4e-8, 3e-8, 2e-8, 0.0]), np.array([1e-8, 1e-8, 5e-9, 0.0])]
DOWN = [np.array([0.0, -2e-8, -5e-8, -6e-8]), np.array([0.0, 1e-8, 1e-8, 2e-8])]
CELL = {"g_min": 1e-6, "g_max": 5e-6, "dw_min": 0.01, "w_min": 0.0, "w_max": 1.0}
N = 20_000


@eqx.filter_jit
def stepped(device, w, up, noise):
    return device.step(up)(w, noise)


def test_steps_are_interpolated_between_levels(x64):
    """Mean and deviation at, between and beyond levels, against NumPy's interpolation (rounding)."""
    device = MeasuredStep(**CELL, gain=1.5, levels=LEVELS, up=UP, down=DOWN)
    g = np.linspace(1e-6, 5e-6, 41)
    for up, rows in ((True, UP), (False, DOWN)):
        for noise in (0.0, -0.7):
            dg = 1.5 * (np.interp(g, LEVELS, rows[0]) + noise * np.interp(g, LEVELS, rows[1]))
            w = stepped(device, jnp.asarray((g - 1e-6) / 4e-6), jnp.asarray(up), jnp.asarray(noise))
            np.testing.assert_allclose(device.conductance_of(w), np.clip(g + dg, 1e-6, 5e-6), rtol=1e-12)


def test_quantiles_give_the_measured_distribution():
    """A step drawn from quantiles of a skewed distribution has that distribution (Kolmogorov-Smirnov, 0.1 %)."""
    p = np.concatenate([[1e-4], np.linspace(0.005, 0.995, 199), [1 - 1e-4]])
    steps = stats.gamma(2.0, scale=1e-8)
    rows = [np.full(2, steps.ppf(q)) for q in p]
    device = MeasuredStep(**CELL, levels=[1e-6, 5e-6], probabilities=p, up=rows, down=rows)
    start = jax.tree.map(lambda x: jnp.broadcast_to(x, (N,)), device.rest())
    start = eqx.tree_at(lambda s: s.w, start, start.w + 0.5)
    found = eqx.filter_jit(pulse_train)(device, start, Pulse(1.0, 1e-6), 1, key=jax.random.key(4))
    dg = np.asarray(found.w - 0.5, np.float64) * 4e-6
    assert stats.kstest(dg, steps.cdf).pvalue > 1e-3


def test_files_with_units_in_their_headings(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("g [uS],up [nS],up sigma [nS],down [nS],down sigma [nS]\n1,40,10,0,0\n5,0,0,-60,20\n")
    device = measured_step(path)
    assert (float(device.g_min), float(device.g_max)) == pytest.approx((1e-6, 5e-6))
    np.testing.assert_allclose(device.up, [[4e-8, 0], [1e-8, 0]], rtol=1e-12)
    np.testing.assert_allclose(device.down, [[0, -6e-8], [0, 2e-8]], rtol=1e-12)
    path.write_text("g [uS],up q0.1 [nS],up q0.9 [nS],down q0.1 [nS],down q0.9 [nS]\n1,30,50,-5,0\n5,0,1,-70,-50\n")
    assert measured_step(path).probabilities == ((0.1, 0.9),)
    for text, message in (
        ("g [uS],up [nS]\n1,2\n", "is missing"),
        ("g [uS],upwards [nS]\n1,2\n", "heading 'upwards"),
        ("g [uS],up [nV]\n1,2\n", "unit of conductance"),
    ):
        path.write_text(text)
        with pytest.raises(ParameterError, match=message):
            measured_step(path)


def test_a_table_that_does_not_fit_is_refused():
    with pytest.raises(ParameterError, match="4 levels; up and down need 2 rows"):
        MeasuredStep(**CELL, levels=LEVELS, up=UP[:1], down=DOWN)
    with pytest.raises(ParameterError, match="must rise"):
        MeasuredStep(**CELL, levels=LEVELS[::-1], up=UP, down=DOWN)


def test_steps_from_ramps():
    """Steps of a known law, tabulated: its mean and deviation at the levels (5 standard errors, half a bin)."""
    rng = np.random.default_rng(0)
    g = rng.uniform(0.5e-6, 4.5e-6, 40_000)
    levels = np.array([1e-6, 2e-6, 3e-6, 4e-6])
    mean, deviation = tabulated(g, 1e-8 * (5 - g / 1e-6) + 2e-9 * rng.standard_normal(g.size), levels)
    np.testing.assert_allclose(mean, 1e-8 * (5 - levels / 1e-6), atol=5 * 4e-9 / np.sqrt(1e4))
    np.testing.assert_allclose(deviation, np.hypot(2e-9, 1e-8 / np.sqrt(12)), rtol=5 / np.sqrt(2e4))
    with pytest.raises(ParameterError, match="fewer than 2 steps"):
        tabulated(g, g, [*levels, 9e-6])
