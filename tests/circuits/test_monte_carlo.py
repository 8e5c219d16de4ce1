"""Populations, mismatch, the refill queue and worker processes."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import mho
from mho.circuits import (
    DC,
    Capacitor,
    Circuit,
    Crossing,
    Detail,
    Options,
    Resistor,
    VoltageSource,
    Workers,
    mismatch,
    monte_carlo,
    transient,
)
from mho.core.errors import InputError, NetlistError

SIMPLE = Circuit(
    {"v": VoltageSource("in", "0", DC(1.0)), "r": Resistor("in", "a", 1e4), "c": Capacitor("a", "0", 1e-10)}
)
HALF = (Crossing("a", 0.5),)
OPTIONS = Options(tolerance=1e-5, ledger=Detail.SUPPLIES)


@pytest.fixture(scope="module")
def population():
    return mho.sample(SIMPLE, mho.relative(0.8, of=lambda c: c["r"].r), n=37, key=jax.random.key(5))


def test_code_made_for_speed_gives_what_code_made_quickly_does(population, at_speed):
    """Above so many lanes a circuit is compiled in another form; the numbers are the same but for rounding."""
    asked = {"crossings": HALF, "options": OPTIONS, "throw": False}
    assert population["r"].r.size > at_speed
    fast = transient(population, 3e-6, **asked)
    few = transient(jax.tree.map(lambda x: x[:at_speed] if np.ndim(x) else x, population), 3e-6, **asked)
    np.testing.assert_array_equal(fast.steps[:at_speed], few.steps)
    np.testing.assert_allclose(fast.crossings[0].times[:at_speed], few.crossings[0].times, rtol=1e-12)
    np.testing.assert_allclose(fast.ledger.energy("v")[:at_speed], few.ledger.energy("v"), rtol=1e-9)


def test_queue_and_workers_give_what_one_batch_gives(population):
    whole = transient(population, 3e-6, crossings=HALF, options=OPTIONS, throw=False)
    calls = []
    queued = monte_carlo(
        population, 3e-6, crossings=HALF, options=OPTIONS, lanes=4, progress=lambda *x: calls.append(x)
    )
    with Workers(1) as workers:
        away = monte_carlo(population, 3e-6, crossings=HALF, options=OPTIONS, lanes=8, workers=workers)
        warm = monte_carlo(population, 3e-6, crossings=HALF, options=OPTIONS, lanes=8, workers=workers)
    assert whole.steps.min() < whole.steps.max()  # uneven lanes, or the queue has nothing to do
    for run in (queued, away, warm):
        np.testing.assert_array_equal(run.steps, whole.steps)
        np.testing.assert_allclose(run.crossings[0].times, whole.crossings[0].times, rtol=1e-12)
        np.testing.assert_allclose(run.crossings[0].energy("v"), whole.crossings[0].energy("v"), rtol=1e-9)
        np.testing.assert_allclose(run.ledger.energy("v"), whole.ledger.energy("v"), rtol=1e-9)
    assert calls[-1] == (37, 37)
    assert warm.compile_seconds == 0.0
    exact = -population["r"].r * 1e-10 * np.log(0.5)
    reached = exact < 3e-6
    np.testing.assert_array_equal(whole.crossings[0].count, reached)
    np.testing.assert_allclose(whole.crossings[0].times[reached, 0], exact[reached], rtol=1e-4)


def test_failures_are_counted(population):
    import equinox as eqx

    r = np.array(population["r"].r)
    r[[3, 30]] = np.nan
    sick = eqx.tree_at(lambda c: c["r"].r, population, r)
    run = monte_carlo(sick, 3e-6, crossings=HALF, options=OPTIONS, lanes=4)
    assert run.failures == {"NOT_FINITE": 2}
    assert list(np.flatnonzero(~run.ok)) == [3, 30]
    assert run.crossings[0].count[3] == 0


def test_mismatch_follows_pelgrom(lif):
    circuit = lif.reference_lif()
    spreads = mismatch(circuit)
    assert len(spreads) == 2 * 16
    drawn = mho.sample(circuit, *spreads, n=4000, key=jax.random.key(0))
    header = drawn["threshold.header"]  # 0.5 um by 1 um
    assert np.std(header.delta_vto) == pytest.approx(3.5e-3 / np.sqrt(0.5), rel=0.05)
    assert np.std(np.log(header.beta_scale)) == pytest.approx(0.01 / np.sqrt(0.5), rel=0.05)
    assert abs(np.corrcoef(header.delta_vto, drawn["reset.m"].delta_vto)[0, 1]) < 0.08
    with pytest.raises(NetlistError, match="no MOSFET"):
        mismatch(SIMPLE)


def test_a_single_circuit_is_no_population():
    with pytest.raises(InputError, match="population"):
        monte_carlo(SIMPLE, 1e-6)
