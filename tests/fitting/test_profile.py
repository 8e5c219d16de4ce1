"""Intervals followed along the misfit, steps of thresholds, and places beyond a wall: against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from mho.fitting.estimate import Problem
from mho.fitting.profile import ends, leapt, plateaus, shaken

X = np.linspace(0.0, 1.0, 50)
WIDE = np.asarray([-20.0, -20.0]), np.asarray([20.0, 20.0])


def problem(curve, data, names=("a", "b")):
    return Problem(names, *WIDE, data=data, weight=np.ones(len(data)), curve=curve)


def line(theta):
    return theta[:, :1] + theta[:, 1:] * X


def covariance(problem, theta, variance):
    jacobian = problem.smooth_jacobian(theta[None], problem.curve(theta[None]), np.ones(2, bool))[0]
    return variance * np.linalg.inv(jacobian.T @ jacobian)


def test_a_linear_models_intervals_stay_as_they_are():
    given = problem(line, line(np.asarray([[1.0, 2.0]]))[0])
    theta, free = np.asarray([1.0, 2.0]), np.ones(2, bool)
    c = covariance(given, theta, 1e-4)
    found = ends(given, theta, free, c, 0.0, 1e-4, 2.0, 2.3)
    half = 2.0 * np.sqrt(np.diag(c))
    assert found.low == pytest.approx(theta - half)
    assert found.high == pytest.approx(theta + half)


def test_an_end_goes_out_until_the_misfit_has_risen_and_is_infinite_where_it_never_does():
    def saturating(theta):
        return theta[:, :1] + np.exp(-3.0 * theta[:, 1:]) * X

    theta, free = np.asarray([1.0, 1.0]), np.ones(2, bool)
    given = problem(saturating, saturating(theta[None])[0])
    c = covariance(given, theta, 1e-2)
    found = ends(given, theta, free, c, 0.0, 1e-2, 2.0, 4.0)
    half = 2.0 * np.sqrt(c[1, 1])
    assert np.isinf(found.high[1])  # a larger b takes away what is there no more
    assert theta[1] - found.low[1] == pytest.approx(half)  # on the other side it rises faster than a parabola


def threshold(theta):
    """A step at the place of b, seen only through the samples that it passes; a scales it."""
    return theta[:, :1] * (theta[:, 1:] <= X)


def test_a_thresholds_interval_is_the_stretch_between_samples():
    theta = np.asarray([1.0, 0.5])
    given = problem(threshold, threshold(theta[None])[0])
    low, high = plateaus(given, theta, (1,), 1e-6)[1]
    below, above = X[X < 0.5].max(), X[X >= 0.5].min()
    assert low <= below <= 0.5 <= above <= high
    assert high - low < above - below + 2 * 0.011  # the scan's step at either end


def test_a_number_that_moves_nothing_has_no_stretch():
    given = problem(lambda theta: theta[:, :1] + 0.0 * X, np.ones(50))
    assert plateaus(given, np.asarray([1.0, 0.0]), (1,), 1e-6) == {}


def test_a_better_place_is_found_beyond_jumps_with_the_others_refitted():
    truth = np.asarray([1.0, 0.5])
    given = problem(threshold, threshold(truth[None])[0])
    found = leapt(given, np.asarray([0.9, 0.42]), np.asarray([True, False]), (1,))
    assert found[0] == pytest.approx(1.0)
    assert threshold(found[None])[0] == pytest.approx(given.data)


def test_only_a_better_place_is_taken():
    truth = np.asarray([1.0, 2.0])
    given = problem(line, line(truth[None])[0])
    c = covariance(given, truth, 1e-2)
    assert np.array_equal(shaken(given, truth, np.ones(2, bool), c, 0.0), truth)
    off = truth + 2.0 * np.sqrt(np.diag(c)) * np.asarray([1.0, -1.0])
    cost = float(np.sum((line(off[None])[0] - given.data) ** 2))
    better = shaken(given, off, np.ones(2, bool), c, cost)
    assert np.sum((line(better[None])[0] - given.data) ** 2) < 0.3 * cost  # one axis of the two is mended


def test_the_smaller_one_sided_difference_is_the_slope_beside_a_jump():
    def jumping(theta):
        return theta[:, :1] * X + np.where(theta[:, 1:] > 0.5, 1.0, 0.0) + 0.1 * theta[:, 1:]

    theta = np.asarray([[1.0, 0.5]])  # half an infinitesimal step below the jump
    given = problem(jumping, jumping(theta)[0])
    values = given.curve(theta)
    assert np.max(given.jacobian(theta, values, np.ones(2, bool))[..., 1]) > 1e5
    assert given.smooth_jacobian(theta, values, np.ones(2, bool))[..., 1] == pytest.approx(0.1, rel=1e-6)


def test_a_value_that_jitters_on_either_side_has_the_slope_of_wide_differences():
    def jittering(theta):
        flips = np.where(np.floor(theta[:, :1] * 1e6 + 0.5) % 2 == 0, 0.0, 1.0)
        return theta[:, :1] + theta[:, 1:2] + 2e-3 * flips

    given = problem(jittering, np.zeros(1))
    theta = np.zeros(2)
    jacobian = given.smooth_jacobian(theta[None], given.curve(theta[None]), np.ones(2, bool))[0]
    assert jacobian[0] == pytest.approx([1.0, 1.0], abs=0.21)  # the jitter over the wide difference, 2e-3/1e-2
