"""Yield: exact intervals, and samples that failed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from mho.core.errors import InputError
from mho.metrics.yields import Specification, binomial_interval, circuit_yield


def test_limits_are_those_whose_tails_are_a_fortieth():
    low, high = binomial_interval(17, 40)
    assert 1 - binom.cdf(16, 40, low) == pytest.approx(0.025)
    assert binom.cdf(17, 40, high) == pytest.approx(0.025)
    assert binomial_interval(0, 10)[0] == 0.0
    assert binomial_interval(10, 10) == (pytest.approx(0.025 ** (1 / 10)), 1.0)


def test_failed_and_unmeasured_samples_meet_nothing():
    values = {"width": np.array([1.0, 2.0, np.nan, 1.5, 1.2]), "energy": np.array([1.0, 1.0, 1.0, 9.0, 1.0])}
    ok = np.array([True, True, True, True, False])
    specs = [Specification("width", 0.5, 2.0), Specification("energy", high=2.0)]
    kpi = circuit_yield(values, specs, ok, {"MIN_STEP": 1})
    assert kpi.value == pytest.approx(2 / 5)
    assert kpi.failures == {"MIN_STEP": 1}
    assert kpi.spread is not None
    assert (kpi.spread["low"], kpi.spread["high"]) == binomial_interval(2, 5)
    with pytest.raises(InputError, match="names no measurement; there is width, energy"):
        circuit_yield(values, [Specification("rate")], ok)
    with pytest.raises(InputError, match="allows nothing"):
        Specification("width", 2.0, 1.0)
