"""Prony sums against the stretched exponentials they stand for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core import ParameterError
from mho.devices import ECRAM, prony


@pytest.mark.parametrize(("beta", "allowed"), [(0.5, 0.007), (0.65, 0.003), (0.8, 0.002), (0.95, 0.0005)])
def test_six_modes_follow_a_stretched_exponential(beta, allowed):
    """On a grid other than the fit's, from 1e-4 tau to the fall to 1e-3: at most `allowed`, and what `error` says."""
    found = prony(0.035, beta, modes=6)
    t = np.geomspace(*found.span, 1237)
    deviation = np.max(np.abs(found(t) - np.exp(-((t / 0.035) ** beta))))
    assert deviation <= allowed
    assert deviation == pytest.approx(found.error, rel=0.05)


@pytest.mark.parametrize("beta", [0.4, 0.7])
def test_the_sum_is_a_relaxation(beta):
    """Non-negative weights that sum to 1, ascending times; more modes are never much worse."""
    found = prony(1.0, beta, modes=5)
    assert min(found.weights) > 0
    assert sum(found.weights) == pytest.approx(1.0, abs=1e-12)
    assert list(found.tau) == sorted(found.tau)
    assert float(found(np.array(0.0))) == pytest.approx(1.0, abs=1e-12)
    assert prony(1.0, beta, modes=8).error < found.error


def test_times_scale_and_a_plain_exponential_is_itself():
    a, b = prony(1.0, 0.6), prony(1e-3, 0.6)
    np.testing.assert_allclose(np.array(b.tau), 1e-3 * np.array(a.tau), rtol=1e-12)
    assert prony(0.02, 1.0).tau == (0.02,)


def test_a_device_relaxes_by_it(x64):
    """The sum as weights and times of an ECRAM: its loading falls as the stretched exponential."""
    found = prony(0.035, 0.65, modes=6)
    device = ECRAM(1e-5, 2e-4, 0.2, 3e-5, 0.08, 1.0, 2e-7, 0.25, weights=found.weights, tau=found.tau)
    rest = device.rest()
    start = type(rest)(tuple(jnp.asarray(w) for w in found.weights), *list(jax.tree.leaves(rest))[len(found.weights) :])
    for t in (1e-4, 5e-3, 0.05, 0.3):
        assert float(device.relax(start, t).loading) == pytest.approx(np.exp(-((t / 0.035) ** 0.65)), abs=0.003)


@pytest.mark.parametrize(
    ("arguments", "message"), [((0.0, 0.5), "tau is 0 s"), ((1.0, 1.5), "beta is 1.5"), ((1.0, 0.5, 20), "modes is 20")]
)
def test_bad_requests(arguments, message):
    with pytest.raises(ParameterError, match=message):
        prony(*arguments)
