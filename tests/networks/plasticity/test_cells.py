"""Learning on cells: whole pulses, wear, reversibility within the asymmetry, keys; competition that finds classes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core import ChipError, InputError
from mho.crossbars import DifferentialPair
from mho.devices.effects import Overlay, WeibullEndurance, with_overlay
from mho.networks.plasticity import (
    Competition,
    EProp,
    OnChip,
    PairSTDP,
    PlasticCells,
    clocked,
    compete,
    decided,
    decisions,
    latencies,
    train_on_chip,
)
from mho.networks.plasticity.window import PairTable

SHAPE = (12, 16)
SET = "capacitor_3t1c"
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def found():
    return mho.parameters(SET)


@pytest.fixture(scope="module")
def cells(found):
    return PlasticCells.of(found, SHAPE, key=KEY, spread=0.0)


def patterns(n, seed):
    """Two kinds of pattern of eight inputs: strong ones first, or strong ones last, each with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    strong = np.where(np.arange(8) < 4, 0.9, 0.1)
    values = np.where(labels[:, None] == 0, strong, strong[::-1]) + rng.normal(0, 0.05, (n, 8))
    return jnp.asarray(latencies(np.clip(values, 0, 1), 1e-3)), jnp.asarray(labels)


def test_wear_is_the_pulses_given(cells):
    """What the ledger counts is what the devices' states have seen, cell by cell, and every pulse costs energy."""
    change = jnp.linspace(-0.05, 0.05, 12 * 16).reshape(SHAPE)
    after = cells.updated(change, key=KEY)
    assert (np.asarray(after.pulses) == np.asarray(after.array.state.pulses)).all()
    wanted = np.abs(np.asarray(change)) * float(cells.high - cells.low) / 2 / float(cells.how.step)
    given = np.asarray(after.pulses)[..., 0]
    assert (given == np.round(given)).all()
    assert (np.abs(given - wanted) < 1.0 + 1e-4).all()
    assert after.energy > 0
    again = after.updated(0.0 * change, key=KEY)
    assert (np.asarray(again.pulses) == np.asarray(after.pulses)).all()
    assert float(again.energy) == float(after.energy)


def test_up_and_down_return_within_the_asymmetry(cells):
    """A change and its opposite leave what the law of steps says: with a step that shrinks by a share over the window,
    up then down misses by at most that share of the change, and by the noise of the pulses."""
    d = cells.array.device
    up = cells.updated(jnp.full(SHAPE, 0.1), key=KEY)
    back = up.updated(jnp.full(SHAPE, -0.1), key=jax.random.key(1))
    there, left = (np.asarray(c.weights() - cells.weights()) for c in (up, back))
    assert np.isclose(there.mean(), 0.1, rtol=0.1)
    pulses = float(np.mean(np.asarray(up.pulses)))
    noise = float(d.sigma_additive) * 0.1 * np.sqrt(2 / pulses)  # of the pulses both ways; rounding adds half a step
    assert abs(left.mean()) < 0.05 * there.mean() + 4 * noise / np.sqrt(left.size)
    assert 0.5 * noise < left.std() < 1.5 * noise + 0.5 * 0.1 / pulses


def test_one_key_is_one_course(cells):
    change = jnp.full(SHAPE, 0.03)
    a, b, c = (np.asarray(cells.updated(change, key=jax.random.key(k)).weights()) for k in (0, 0, 1))
    assert (a == b).all()
    assert (a != c).any()


@pytest.fixture(scope="module")
def learned(cells):
    times, labels = patterns(60, 0)
    competition = Competition(PairSTDP(0.3, 0.3, 1e-3, 1e-3), homeostasis=2.0)
    start = cells.set(jax.random.uniform(KEY, SHAPE, minval=-0.4, maxval=0.4), key=KEY)
    run = lambda key, taught=False: compete(  # noqa: E731
        competition, start, times, labels, key=key, epochs=3, classes=2, taught=taught
    )
    return competition, start, run


def test_competition_finds_classes_without_labels(learned):
    """Two kinds of pattern, told apart by neurons that never saw a label: chance is one half."""
    competition, start, run = learned
    after = run(KEY)
    times, labels = patterns(60, 1)
    assert np.mean(np.asarray(decided(competition, after, times) == labels)) > 0.95
    assert int(np.asarray(after.wins).sum()) == 60
    assert abs(float(after.fatigue.sum())) < 1e-3
    rows = np.asarray((after.cells.pulses - start.pulses).sum(axis=(1, 2)))
    assert (rows > 0).sum() > 2  # homeostasis shares patterns out
    same = run(KEY)
    assert (np.asarray(same.cells.weights()) == np.asarray(after.cells.weights())).all()


def test_reward_teaches_each_neuron_its_class(learned):
    competition, _, run = learned
    after = run(jax.random.key(5), taught=True)
    times, labels = patterns(60, 1)
    assert np.mean(np.asarray(decided(competition, after, times) == labels)) > 0.95
    assert (np.asarray(after.labels) == np.arange(12) % 2).all()


def test_eprop_learns_on_cells(cells, found):
    times, labels = patterns(60, 0)
    output = PlasticCells.of(found, (2, 12), key=KEY, spread=0.0)
    first = jnp.clip(0.5 * jax.random.normal(KEY, SHAPE), -1, 1)
    loop = PlasticCells.of(found, (12, 12), key=KEY, spread=0.0)
    network = OnChip(cells.set(first, key=KEY), output, (0.5, 1.0), loop)
    rule, spikes = EProp(), jnp.asarray(clocked(times, 8, 1e-3))
    after, losses = train_on_chip(rule, network, spikes, labels, key=KEY, rate=0.5, epochs=3)
    test, wanted = patterns(60, 1)
    right = np.asarray(decisions(rule, after, jnp.asarray(clocked(test, 8, 1e-3)))) == np.asarray(wanted)
    assert np.mean(right) > 0.9
    moved = np.abs(np.asarray(after.loop.weights() - loop.weights()))
    assert moved[~np.eye(12, dtype=bool)].max() > 0.05
    assert moved[np.eye(12, dtype=bool)].max() == 0.0  # no neuron drives itself
    assert np.mean(losses[-30:]) < 0.6 * np.mean(losses[:5])


def test_cells_that_used_up_their_endurance_are_stuck(found, cells):
    """Beyond its own number of cycles a cell stays at its low end, whatever pulses come; the others go on."""
    worn = with_overlay(found.device(bare=True), Overlay(wear=(WeibullEndurance(0.15, 2.0),)))
    fresh = PlasticCells.of(found, SHAPE, key=KEY, device=worn, spread=0.0)
    now = fresh
    for k in range(6):
        now = now.updated(jnp.full(SHAPE, 0.1 * (-1) ** k), key=jax.random.key(k))
    died = np.asarray(now.worn > now.array.device.overlay.wear[0].lifetime())[..., 0]
    assert 0.1 < died.mean() < 0.9
    w = np.asarray(now.weights())
    assert np.allclose(w[died], -1.0, atol=1e-5)
    assert (w[~died] > -0.9).all()


def test_what_cannot_be_is_named(cells, found):
    with pytest.raises(InputError, match="between 0 and 1"):
        latencies(np.full((1, 4), 1.5), 1e-3)
    with pytest.raises(ChipError, match="operation"):
        PlasticCells.of(mho.parameters("pcm_joshi"), SHAPE, key=KEY)
    pair = eqx.tree_at(lambda c: c.encoding, cells, DifferentialPair())
    table = PairTable(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(ChipError, match="SingleCell"):
        pair.paired(table, jnp.zeros(SHAPE), key=KEY)
    with pytest.raises(InputError, match="PairSTDP"):
        compete(Competition(table), cells, jnp.zeros((2, 16)), jnp.zeros(2, int), key=KEY, taught=True)


@pytest.fixture(scope="module")
def small(found):
    hidden, output = (PlasticCells.of(found, s, key=KEY, spread=0.0) for s in ((4, 3), (2, 4)))
    return hidden, output, OnChip(hidden.set(jnp.full((4, 3), 0.8), key=KEY), output, (1.0, 1.0))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"labels": np.zeros(3, int)}, r"\(3,\) for 2 samples"),
        ({"labels": np.array([0, 5])}, r"Label \[1\] is 5.*0 to 1"),
        ({"spikes": np.full((2, 5, 3), np.nan)}, "neither 0 nor 1"),
        ({"spikes": np.ones((2, 5, 4))}, "with 3 inputs"),
        ({"spikes": np.zeros((2, 5, 3))}, "set both matrices first"),
        ({"rate": np.nan}, "rate is nan"),
        ({"epochs": 0}, "at least 1"),
    ],
)
def test_training_on_chip_refuses_what_it_cannot_learn_from(small, what, told):
    given = {"spikes": np.ones((2, 5, 3)), "labels": np.array([0, 1])} | what
    with pytest.raises(InputError, match=told):
        train_on_chip(EProp(), small[2], key=KEY, **given)


def test_fresh_matrices_are_refused(small):
    with pytest.raises(InputError, match="set both matrices first"):
        train_on_chip(EProp(), OnChip(*small[:2], (1.0, 1.0)), np.ones((2, 5, 3)), np.array([0, 1]), key=KEY)


@pytest.mark.parametrize(
    ("times", "labels", "told"),
    [
        (np.full((2, 3), 0.5e-3), [0], r"\(1,\) for 2 samples"),
        (np.full((2, 3), 0.5e-3), [0, 10], "0 to 9"),
        (np.full((2, 4), 0.5e-3), [0, 1], "with 3 inputs"),
        (np.full((2, 3), 0.5), [0, 1], "500 ms at a window of 1 ms, and 2 of 2 samples"),
        (np.full((2, 3), -1e-3), [0, 1], "from 0 s"),
        (np.full((2, 3), np.inf), [0, 1], "2 of 2 samples"),
    ],
)
def test_competition_refuses_what_never_fires(small, times, labels, told):
    with pytest.raises(InputError, match=told):
        compete(Competition(PairSTDP(0.3, 0.3, 1e-3, 1e-3)), small[0], times, np.array(labels), key=KEY)


def test_cells_refuse_weights_that_are_none(small):
    hidden = small[0]
    with pytest.raises(InputError, match=r"nan at \[0, 0\]"):
        hidden.updated(np.full((4, 3), np.nan), key=KEY)
    with pytest.raises(InputError, match=r"\(outputs, inputs\) = \(4, 3\)"):
        hidden.updated(np.zeros((3, 4)), key=KEY)
    with pytest.raises(InputError, match="from -1 to 1"):
        hidden.set(np.full((4, 3), 2.0), key=KEY)
    with pytest.raises(InputError, match="from -1 to 1"):
        hidden.set(np.full((4, 3), np.nan), key=KEY)
