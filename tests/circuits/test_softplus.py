"""The compiled softplus, which every transistor evaluates twice."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.cube_root import inverse_cube_root
from mho.circuits.softplus import softplus_sigmoid


def test_softplus_is_exact_under_jit(x64):
    # A million points, because the known failure (rounding by a magic number, reassociated by XLA under jit) is rare.
    x = np.random.default_rng(0).uniform(-90, 90, 1_000_000)
    value, slope = jax.jit(softplus_sigmoid)(x)
    inside = np.abs(x) <= 80  # outside, both are clamped on purpose
    np.testing.assert_allclose(np.asarray(value)[inside], np.logaddexp(0, x[inside]), rtol=1e-14)
    np.testing.assert_allclose(np.asarray(slope)[inside], 1 / (1 + np.exp(-x[inside])), rtol=1e-14)


def test_slope_is_the_derivative(x64):
    x = jnp.asarray(np.random.default_rng(1).uniform(-60, 60, 1000))
    _, (by_x, by_x_of_slope) = jax.jvp(softplus_sigmoid, (x,), (jnp.ones_like(x),))
    value, slope = softplus_sigmoid(x)
    np.testing.assert_allclose(by_x, slope, rtol=1e-14)
    np.testing.assert_allclose(by_x_of_slope, slope * (1 - slope), rtol=1e-14)
    assert np.all(np.isfinite(value))


def test_extremes_stay_finite(x64):
    value, slope = jax.jit(softplus_sigmoid)(jnp.asarray([-1e6, -80.0, 0.0, 80.0, 1e6]))
    np.testing.assert_allclose(value, [np.exp(-80), np.exp(-80), np.log(2), 80, 1e6], rtol=1e-12)
    assert np.all((np.asarray(slope) >= 0) & (np.asarray(slope) <= 1))


def test_inverse_cube_root(x64):
    x = np.logspace(-9, 9, 2001)
    np.testing.assert_allclose(jax.jit(inverse_cube_root)(x), x ** (-1 / 3), rtol=1e-6)  # steers steps: 1e-6 is plenty
