"""Populations: spreads as asked, correlation, batches, and nothing drawn that cannot be."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
import pytest

from mho.core import ParameterError
from mho.core.fields import quantity
from mho.core.sampling import Spread, batch_size, normal, relative, sample


class Part(eqx.Module):
    r: jax.Array = quantity("ohm", default=1e3)
    v: jax.Array = quantity("V", default=0.4)
    tau: tuple[jax.Array, ...] = quantity("s", default=(1e-3, 1e-2))


N = 20000
KEY = jax.random.key(11)


def test_relative_spread_is_log_normal_about_the_median():
    """Standard deviation of ln r as asked, median kept, all positive even at 80 % (5 standard errors)."""
    r = sample(Part(), relative(0.8, of=lambda p: p.r), n=N, key=KEY).r
    assert np.min(r) > 0
    assert np.std(np.log(r)) == pytest.approx(0.8, rel=5 / np.sqrt(2 * N))
    assert np.median(np.log(r)) == pytest.approx(np.log(1e3), abs=5 * 0.8 * np.sqrt(np.pi / 2 / N))


def test_normal_spread_is_in_the_quantity_s_own_unit():
    v = sample(Part(), normal(8e-3, of=lambda p: p.v), n=N, key=KEY).v
    assert np.mean(v) == pytest.approx(0.4, abs=5 * 8e-3 / np.sqrt(N))
    assert np.std(v) == pytest.approx(8e-3, rel=5 / np.sqrt(2 * N))


def test_normal_relative_and_folded_spreads():
    """As a source may state them: N(r, 0.3 r), and the magnitude of N(0.4, 0.4), whose mean is known (5 s.e.)."""
    population = sample(
        Part(),
        Spread(lambda p: p.r, 0.3, kind="normal"),
        Spread(lambda p: p.v, 0.4, relative=False, kind="folded normal"),
        n=N,
        key=KEY,
    )
    assert np.mean(population.r) == pytest.approx(1e3, abs=5 * 300 / np.sqrt(N))
    assert np.std(population.r) == pytest.approx(300, rel=5 / np.sqrt(2 * N))
    assert abs(np.mean((population.r - 1e3) ** 3)) < 5 * 300**3 * np.sqrt(15 / N)
    folded = 0.4 * (np.sqrt(2 / np.pi) * np.exp(-0.5) + (1 - 2 * 0.15865525393145707))
    assert np.min(population.v) >= 0
    assert np.mean(population.v) == pytest.approx(folded, abs=5 * 0.4 / np.sqrt(N))
    with pytest.raises(ParameterError, match="kind of spread"):
        Spread(lambda p: p.v, 0.4, relative=False)


def test_fields_not_named_stay_and_tuples_vary_one_by_one():
    population = sample(Part(), relative(0.1, of=lambda p: p.tau), n=N, key=KEY)
    assert np.ndim(population.r) == 0
    assert [x.shape for x in population.tau] == [(N,), (N,)]
    assert abs(np.corrcoef(*population.tau)[0, 1]) < 5 / np.sqrt(N)
    assert batch_size(population) == N
    assert batch_size(Part()) is None


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.6])
def test_correlation(rho):
    matrix = np.array([[1.0, rho], [rho, 1.0]])
    population = sample(
        Part(), relative(0.1, of=lambda p: p.r), normal(0.01, of=lambda p: p.v), n=N, key=KEY, correlation=matrix
    )
    assert np.corrcoef(np.log(population.r), population.v)[0, 1] == pytest.approx(rho, abs=5 / np.sqrt(N))


def test_one_key_is_one_population():
    spread = relative(0.1, of=lambda p: p.r)
    first, again = (sample(Part(), spread, n=5, key=KEY).r for _ in range(2))
    other = sample(Part(), spread, n=5, key=jax.random.key(12)).r
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)
    assert first.dtype == np.float64


def test_no_spread_is_the_module_itself():
    assert eqx.tree_equal(sample(Part(), n=3, key=KEY), Part())
    np.testing.assert_array_equal(sample(Part(), relative(0.0, of=lambda p: p.r), n=3, key=KEY).r, np.full(3, 1e3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample(Part(), n=0, key=KEY), "n is 0; a population needs at least 1"),
        (lambda: Spread(lambda p: p.r, -0.1), r"spread is -0\.1"),
        (lambda: Spread(lambda p: p.r, float("nan")), "spread is nan"),
        (
            lambda: sample(
                Part(), relative(0.1, of=lambda p: p.r), relative(0.1, of=lambda p: p.v), n=2, key=KEY,
                correlation=np.array([[1.0, 2.0], [2.0, 1.0]]),
            ),
            "positive semi-definite with 2 rows",
        ),
        (lambda: sample(Part(), relative(0.1, of=lambda p: p.r), n=2, key=KEY, correlation=np.eye(2)), "with 1 rows"),
    ],
)  # fmt: skip
def test_bad_requests(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_mixed_batches_are_refused():
    population = eqx.tree_at(lambda p: p.v, sample(Part(), relative(0.1, of=lambda p: p.r), n=3, key=KEY), np.zeros(4))
    with pytest.raises(ParameterError, match=r"different lengths \[3, 4\]"):
        batch_size(population)
