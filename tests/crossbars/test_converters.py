"""Converters: bounds of quantisation, agreement of the kinds without errors, and what each error does."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import ChipError
from mho.crossbars import SAR, Pipeline, Quantiser, Ramp
from mho.crossbars.converters import check_range, digitise

KINDS = (Quantiser, SAR, Ramp, Pipeline)
KEY = jax.random.key(0)
X = jnp.linspace(-1.3e-6, 1.3e-6, 4001)


def lsb(bits, low, high):
    return (high - low) / (2**bits - (2 if low == -high else 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("low", "high"), [(-1e-6, 1e-6), (0.0, 1e-6), (-3e-7, 9e-7)])
def test_without_errors_the_nearest_code_is_found(kind, low, high):
    y = np.asarray(digitise(kind(bits=6), X, low, high, key=KEY))
    step = lsb(6, low, high)
    inside = np.clip(np.asarray(X), low, high)
    assert np.max(np.abs(y - inside)) <= 0.5 * step * (1 + 1e-4)  # half a code, and single precision
    assert y.min() >= low - 1e-4 * step
    assert y.max() <= high + 1e-4 * step
    levels = np.unique(np.round((y - low) / step))
    assert levels.size == 2**6 - (low == -high)  # every code is reached


@pytest.mark.parametrize("kind", KINDS)
def test_zero_is_a_code_of_a_symmetric_range(kind):
    assert float(digitise(kind(bits=5), jnp.zeros(()), -1.0, 1.0, key=KEY)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_one_inside_and_zero_outside(kind):
    slope = jax.vmap(jax.grad(lambda x: digitise(kind(bits=4), x, -1.0, 1.0, key=KEY)))(jnp.asarray([-2.0, 0.3, 2.0]))
    assert np.array_equal(np.asarray(slope), [0.0, 1.0, 0.0])


def test_errors_have_the_spread_that_was_asked_for():
    """4096 columns with a comparator offset of 2 codes: mean 0 and spread 2 codes, each within 5 standard errors."""
    n = 4096
    for kind in (SAR, Ramp):
        made = kind(bits=8, sigma_offset=2.0).made(n, key=KEY)
        y = np.asarray(digitise(made, jnp.zeros((1, n)), -1.0, 1.0, key=KEY))[0] / lsb(8, -1.0, 1.0)
        assert abs(y.mean()) < 5 * 2.0 / n**0.5
        assert y.std() == pytest.approx((4.0 + 1 / 12) ** 0.5, rel=5 / (2 * n) ** 0.5)  # and the rounding's 1/12


def test_mismatch_bends_but_small_mismatch_stays_within_codes():
    """A unit capacitor's 1 % is at most a few codes at 8 bits; the pipeline's comparators below 1/4 are corrected."""
    x = jnp.broadcast_to(X[:, None], (X.size, 64))
    made = SAR(bits=8, sigma_capacitor=0.01).made(64, key=KEY)
    error = np.abs(np.asarray(digitise(made, x, -1.3e-6, 1.3e-6, key=KEY)) - np.asarray(x)) / lsb(8, -1.3e-6, 1.3e-6)
    # The sum of all units mismatches by 0.01 sqrt(256) = 0.16 codes: 64 converters stay within 5 of them and half.
    assert 0.5 < error.max() < 0.5 + 5 * 0.16 * 2
    forgiven = Pipeline(bits=8, sigma_comparator=0.04).made(64, key=KEY)
    error = np.abs(np.asarray(digitise(forgiven, x, -1.3e-6, 1.3e-6, key=KEY)) - np.asarray(x))
    assert error.max() <= 0.51 * lsb(8, -1.3e-6, 1.3e-6)


def test_a_range_of_zero_is_refused():
    for low, high in ((0.0, 0.0), (1.0, -1.0), (np.nan, 1.0), (np.zeros(3), np.asarray([1.0, 0.0, 1.0]))):
        with pytest.raises(ChipError, match="range of the ADC"):
            check_range(low, high)
    with pytest.raises(ChipError, match="bits"):
        Quantiser(bits=0)
