"""Philox2x32 by its known answers; the numbers by their moments, distributions and independence."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mho.core import random

N = 1 << 19
# Keys are fixed, so a test passes always or never: limits are 5 standard errors.


@pytest.mark.parametrize(
    ("rounds", "key", "c0", "c1", "words"),
    [
        (7, 0x00000000, 0x00000000, 0x00000000, (0x257A3673, 0xCD26BE2A)),
        (7, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, (0xAB302C4D, 0x3DC9D239)),
        (7, 0x13198A2E, 0x243F6A88, 0x85A308D3, (0xBEDBBE6B, 0xE4C770B3)),
        (10, 0x00000000, 0x00000000, 0x00000000, (0xFF1DAE59, 0x6CD10DF2)),
        (10, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, (0x2C3F628B, 0xAB4FD7AD)),
        (10, 0x13198A2E, 0x243F6A88, 0x85A308D3, (0xDD7CE038, 0xF62A4C12)),
    ],
)
def test_known_answers_of_random123(rounds, key, c0, c1, words):
    found = random.philox(*(jnp.asarray(x, jnp.uint32) for x in (key, c0, c1)), rounds=rounds)
    assert tuple(int(x) for x in found) == words


@pytest.fixture(scope="module")
def normals() -> np.ndarray:
    return np.asarray(jax.jit(lambda key: random.normal(key, (N,)))(jax.random.key(1)), np.float64)


def test_normal_moments(normals):
    """Mean, variance, skewness and kurtosis of half a million, within 5 standard errors."""
    assert abs(np.mean(normals)) < 5 / np.sqrt(N)
    assert abs(np.var(normals) - 1) < 5 * np.sqrt(2 / N)
    assert abs(stats.skew(normals)) < 5 * np.sqrt(6 / N)
    assert abs(stats.kurtosis(normals)) < 5 * np.sqrt(24 / N)
    assert 4.5 < np.max(np.abs(normals)) < 5.9


def test_normal_distribution_and_tails(normals):
    """Kolmogorov-Smirnov at 0.1 %, and as many beyond 3 and 4 sigma as there should be."""
    assert stats.kstest(normals, "norm").pvalue > 1e-3
    for limit in (3.0, 4.0):
        expected = N * 2 * stats.norm.sf(limit)
        assert abs(np.sum(np.abs(normals) > limit) - expected) < 5 * np.sqrt(expected)


def test_the_polynomials_are_box_muller(x64):
    """Log to 3e-7, sine and cosine to 4e-6 (their series end at the ninth and tenth power), which no statistic sees."""
    u = np.geomspace(2.0**-25, 1 - 2.0**-25, 4001).astype(np.float32)
    np.testing.assert_allclose(random._log(jnp.asarray(u)), np.log(u.astype(np.float64)), rtol=3e-7, atol=5e-8)
    t = np.linspace(-0.25, 0.25, 4001).astype(np.float32)
    sine, cosine = random._sin_cos_turns(jnp.asarray(t))
    np.testing.assert_allclose(sine, np.sin(2 * np.pi * t.astype(np.float64)), atol=4e-6)
    np.testing.assert_allclose(cosine, np.cos(2 * np.pi * t.astype(np.float64)), atol=4e-6)


def test_uniform():
    """In the open interval, flat (chi-squared over 256 cells at 0.1 %), moments within 5 standard errors."""
    u = np.asarray(random.uniform(jax.random.key(2), (N,)), np.float64)
    assert 0.0 < u.min() < u.max() < 1.0
    assert abs(u.mean() - 0.5) < 5 / np.sqrt(12 * N)
    assert stats.chisquare(np.bincount((u * 256).astype(int), minlength=256)).pvalue > 1e-3


def test_streams_are_independent(normals):
    """Neighbouring counters, the two halves of a pair, neighbouring keys and split keys: no correlation (5 sigma)."""
    others = [
        np.asarray(random.normal(key, (N,)), np.float64)
        for key in (jax.random.key(2), *jax.random.split(jax.random.key(1)))
    ]
    pairs = [
        (normals[:-1], normals[1:]),
        (normals[: N // 2], normals[N // 2 :]),
        *((normals, other) for other in others),
    ]
    for a, b in [*pairs, (others[1], others[2])]:
        for power in (1, 2):  # squares too: a hidden common radius would show there
            assert abs(np.corrcoef(a**power, b**power)[0, 1]) < 5 / np.sqrt(len(a))


def test_the_same_key_gives_the_same_numbers_in_any_precision_and_order():
    """Streams are float32 and identical with x64 on or off, jitted or not, one by one or together."""
    key = jax.random.key(3)
    draw = functools.partial(jax.jit, static_argnums=1)(lambda key, dtype: random.normal(key, (7,), dtype))
    single = np.asarray(draw(key, jnp.float32))
    with jax.enable_x64(True):
        again, double = draw(key, jnp.float32), draw(key, jnp.float64)
        assert (again.dtype, double.dtype) == (jnp.float32, jnp.float64)
    np.testing.assert_array_equal(again, single)
    np.testing.assert_array_equal(double, single.astype(np.float64))
    np.testing.assert_allclose(random.normal(key, (7,)), single, rtol=1e-6)  # not compiled as a whole
    pair = jax.jit(random.normal_pair)
    np.testing.assert_allclose(
        np.asarray(pair(key, jnp.arange(3)))[:, 2], np.asarray(pair(key, jnp.uint32(2))), rtol=1e-6
    )


@pytest.mark.parametrize("shape", [(), (2, 3), (0,)])
def test_shapes(shape):
    assert random.normal(jax.random.key(0), shape).shape == shape
    assert random.uniform(jax.random.key(0), shape).shape == shape


def test_old_style_and_mapped_keys():
    """A raw key means the same as a typed one; vmap over keys gives each key's own stream."""
    np.testing.assert_array_equal(random.normal(jax.random.PRNGKey(4), (4,)), random.normal(jax.random.key(4), (4,)))
    keys = jax.random.split(jax.random.key(5), 3)
    mapped = jax.vmap(lambda k: random.normal(k, (4,)))(keys)
    np.testing.assert_allclose(mapped[1], random.normal(keys[1], (4,)), rtol=1e-6)
