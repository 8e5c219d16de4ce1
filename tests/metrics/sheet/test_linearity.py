"""Shape of ramps against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from mho.metrics.sheet import linearity, precision
from mho.metrics.sheet.endurance import life, weibull_cycles


@pytest.mark.parametrize(
    ("alpha", "share"), [(0.5, 2.5199), (1.46, 0.8487), (2.4, 0.4992), (4.88, 0.2003), (-1.75, -0.7021)]
)
def test_alpha_of_published_pairs(alpha, share):
    """The tool's table pairs alpha with A/P_max = 1/z to four digits: 1e-3 relative."""
    curve = linearity.saturating(np.linspace(0.0, 1.0, 98), 1.0 / share)
    assert linearity.bend_of_ramp(curve) == pytest.approx(1.0 / share, rel=1e-6)
    assert linearity.alpha(curve) == pytest.approx(alpha, rel=1e-3)


def test_a_straight_ramp_is_linear_in_every_definition():
    curve = linearity.normalised(np.linspace(3e-6, 1e-6, 50))
    assert linearity.alpha(curve) == pytest.approx(0.0, abs=1e-4)
    assert linearity.largest_deviation(curve) < 1e-12
    assert linearity.r_squared(curve) == pytest.approx(1.0)


def test_the_largest_deviation_is_alphas_own():
    """LE = 0.098995 alpha by the definition of alpha; 1000 pulses sample the largest place to 1e-5."""
    curve = linearity.saturating(np.linspace(0.0, 1.0, 1001), 3.0)
    assert linearity.largest_deviation(curve) == pytest.approx(0.098995 * linearity.alpha(curve), rel=1e-4)


def test_asymmetry_of_equal_bends():
    """Two equal saturating ramps are apart by tanh(z/4) at most."""
    z = 2.0
    up = linearity.saturating(np.linspace(0.0, 1.0, 2001), z)
    assert linearity.asymmetry(up, 1.0 - up) == pytest.approx(np.tanh(z / 4.0), rel=1e-6)
    assert linearity.asymmetry(up, up[::-1]) == 0.0


def test_symmetry_point_of_soft_bounds():
    """Steps a(1 - g) and b g are equal at a/(a + b); the ramp samples it to the size of a step."""
    a, b, up, down = 0.02, 0.01, [0.0], [1.0]
    for _ in range(400):
        up.append(up[-1] + a * (1.0 - up[-1]))
        down.append(down[-1] - b * down[-1])
    assert linearity.symmetry_point(np.array(up), np.array(down)) == pytest.approx(a / (a + b), abs=1e-3)
    assert linearity.symmetry_point(np.linspace(0, 1, 50), 1.0 - 2.0 * np.linspace(0, 0.5, 20)) is None


@pytest.mark.parametrize(
    ("share", "six", "snr"),
    [(0.005, 5.1, 5.9), (0.01, 4.1, 4.9), (0.02, 3.2, 3.9), (0.03, 2.7, 3.3), (0.05, 2.1, 2.5), (0.1, 1.4, 1.5)],
)
def test_bits_of_a_gaussian(share, six, snr):
    """The published table of both forms, to its one decimal."""
    assert precision.effective_bits(1.0, share) == pytest.approx(six, abs=0.051)
    assert precision.snr_bits(1.0, share) == pytest.approx(snr, abs=0.051)


def test_causes_are_ranked_by_variance():
    parts = {"read noise": 1.0, "steps": 3.0}
    assert precision.total(parts) == pytest.approx(10.0**0.5)
    assert precision.largest(parts) == "steps"
    assert precision.limits(parts) == "limited by steps (90 %), read noise (10 %)"
    assert precision.largest({"steps": 0.0}) == "nothing in the model"


@pytest.mark.parametrize(("beta", "share"), [(1.0, 1e-6), (1.5, 1e-4), (2.0, 1e-3), (3.0, 1e-2)])
def test_weibull_life(beta, share):
    """One failure in a million comes after this share of N63 (the small-p limit, 1e-6)."""
    assert weibull_cycles(1e9, beta, 1e-6) == pytest.approx(share * 1e9, rel=1e-6)
    assert life(1e9, beta, 10.0, 1e-6) == pytest.approx(share * 1e8, rel=1e-6)
