"""Least squares in many lanes: known minima, bounds, correlated residuals, and weights of a block bootstrap."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.fitting.estimate import Problem, at_bounds, block_weights, descend, effective_size, refine, weights_of_blocks
from mho.fitting.regression import regress

T = np.linspace(0.0, 5.0, 60)
TRUTH = np.array([np.log(2.0), np.log(0.7), np.log(0.3)])


def decay(theta):
    a, tau, c = (np.exp(theta[:, k, None]) for k in range(3))
    return a * np.exp(-T / tau) + c


def problem(data=None, low=-5.0, high=5.0):
    data = decay(TRUTH[None])[0] if data is None else data
    weight = np.isfinite(data).astype(float)
    return Problem(("a", "tau", "c"), np.full(3, low), np.full(3, high), data, weight, decay)


FREE = np.ones(3, bool)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.7, 0.7), min_size=3, max_size=3))
def test_every_lane_reaches_the_minimum_of_exact_data(shift):
    starts = TRUTH + np.array([shift, np.zeros(3), -np.asarray(shift)])
    theta, cost = descend(problem(), starts, FREE, iterations=60, tolerance=1e-12)
    np.testing.assert_allclose(theta, np.tile(TRUTH, (3, 1)), atol=1e-5)  # forward differences of 1e-6
    assert np.all(cost < 1e-9)


def test_the_refinement_agrees_with_the_lanes_on_noisy_data():
    data = decay(TRUTH[None])[0] + 0.02 * np.random.default_rng(1).normal(size=len(T))
    data[::7] = np.nan
    p = problem(data)
    lane, cost = descend(p, TRUTH[None] + 0.3, FREE, iterations=60, tolerance=1e-12)
    theta, best, residual = refine(p, TRUTH + 0.3, FREE)
    np.testing.assert_allclose(theta, lane[0], atol=1e-4)
    assert best == pytest.approx(cost[0], rel=1e-6)
    assert np.all(residual[::7] == 0)


def test_a_bound_is_kept_and_named():
    p = dataclasses.replace(problem(), low=np.array([-5.0, -5.0, 0.0]))
    theta, _, _ = refine(p, np.array([0.5, 0.0, 1.0]), FREE)
    assert at_bounds(p, theta, FREE) == [2]
    lanes, _ = descend(p, np.array([[0.5, 0.0, 1.0]]), FREE, iterations=60)
    assert lanes[0, 2] == 0.0


def test_a_frozen_parameter_does_not_move():
    free = np.array([True, False, True])
    start = TRUTH + 0.4
    theta, _, _ = refine(problem(), start, free)
    lanes, _ = descend(problem(), start[None], free)
    assert theta[1] == start[1] == lanes[0, 1]


def test_lanes_may_have_their_own_data():
    other = TRUTH + np.array([0.2, -0.1, 0.3])
    data = np.concatenate([decay(TRUTH[None]), decay(other[None])])
    p = dataclasses.replace(problem(), data=data)
    theta, _ = descend(p, np.tile(TRUTH + 0.1, (2, 1)), FREE, iterations=60, tolerance=1e-12)
    np.testing.assert_allclose(theta, [TRUTH, other], atol=1e-5)


def test_the_effective_size_of_white_and_of_correlated_noise():
    rng = np.random.default_rng(0)
    white = rng.normal(size=4000)
    rho = 0.8
    red = np.empty_like(white)
    red[0] = white[0]
    for k in range(1, len(red)):
        red[k] = rho * red[k - 1] + np.sqrt(1 - rho**2) * white[k]
    # An AR(1) process has the integrated time (1 + rho) / (1 - rho) = 9; the estimate scatters by some tens of percent.
    assert effective_size(white) > 0.8 * 4000
    assert effective_size(red) == pytest.approx(4000 / 9, rel=0.35)


def test_block_weights_have_mean_one_inside_and_none_outside_and_keep_blocks_together():
    rows = np.arange(10, 90)
    weights = block_weights(rows, 100, 8, 500, np.random.default_rng(0))
    assert np.all(weights[:, :10] == 0)
    np.testing.assert_allclose(weights[:, rows].mean(axis=1), 1.0)
    assert np.all(weights[:, rows] > 0)
    assert np.all(np.ptp(weights[:, 10:18], axis=1) == 0)
    assert np.all(np.ptp(weights[:, 10:19], axis=1) > 0)


def test_the_block_bootstrap_of_a_mean_has_its_standard_error():
    rng = np.random.default_rng(3)
    blocks, length = 60, 5
    data = np.repeat(rng.normal(size=blocks), length)  # fully correlated within a block
    weights = weights_of_blocks(np.arange(300), np.repeat(np.arange(blocks), length), 300, 2000, rng)
    means = weights @ data / 300
    # The standard error of the mean of 60 independent numbers; 2000 replicates know it to 2 %, the weights' sum adds
    # 1/60.
    assert np.std(means) == pytest.approx(np.std(data) / np.sqrt(blocks), rel=0.08)


def test_a_structured_misfit_leaves_few_residuals_and_wide_intervals():
    """A bend fitted by a parabola: the variance is that of the independent residuals that the parameters leave."""
    x = np.linspace(-1.0, 1.0, 100)
    design = np.stack([x**0, x, x**2])
    bounds = np.full(3, -10.0), np.full(3, 10.0)
    given = Problem(("a", "b", "c"), *bounds, np.sin(4.0 * x), np.ones(100), lambda theta: theta @ design)
    found = regress(given, np.zeros((2, 3)), np.ones(3, bool), folds=0)
    left = max(found.n_effective - 3.0, 1.0)
    assert left < 10.0
    variance = np.sum(found.residual**2) / left * np.diag(np.linalg.inv(design @ design.T))
    assert np.diag(found.covariance) == pytest.approx(variance, rel=1e-6)
