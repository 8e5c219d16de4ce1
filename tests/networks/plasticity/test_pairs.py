"""Rules against plain loops over all pairs and triplets; windows by sign; rewards; e-prop against the true gradient."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core import InputError, ParameterError
from mho.core.fields import cast
from mho.networks import TsodyksMarkram
from mho.networks.plasticity import (
    Competition,
    EProp,
    Pairing,
    PairSTDP,
    RewardSTDP,
    TripletSTDP,
    Weights,
    wanted_changes,
)
from mho.networks.surrogate import spike

RNG = np.random.default_rng(7)
PRE = np.sort(RNG.uniform(0.0, 0.5, 40))
POST = np.append(np.sort(RNG.uniform(0.0, 0.5, 35)), PRE[5])  # one coincidence
PAIR = {"a_plus": 0.01, "a_minus": 0.012, "tau_plus": 0.0168, "tau_minus": 0.0337}
TRIPLET = PAIR | {"a_plus_slow": 0.0093, "a_minus_slow": 0.00023, "tau_x": 0.101, "tau_y": 0.125}


def earlier(times, t, pairing):
    """Spikes before t that pair with one at t."""
    found = times[times < t]
    return found[-1:] if pairing is Pairing.NEAREST else found


def by_loop(pre, post, p, pairing, slow_plus=0.0, slow_minus=0.0, tau_x=1.0, tau_y=1.0):
    total = 0.0
    for t in np.sort(post):
        r_1 = sum(np.exp(-(t - s) / p["tau_plus"]) for s in earlier(pre, t, pairing))
        o_2 = sum(np.exp(-(t - s) / tau_y) for s in earlier(np.sort(post), t, pairing))
        total += r_1 * (p["a_plus"] + slow_plus * o_2)
    for t in pre:
        o_1 = sum(np.exp(-(t - s) / p["tau_minus"]) for s in earlier(np.sort(post), t, pairing))
        r_2 = sum(np.exp(-(t - s) / tau_x) for s in earlier(pre, t, pairing))
        total -= o_1 * (p["a_minus"] + slow_minus * r_2)
    return total


@pytest.mark.parametrize("pairing", Pairing)
def test_pair_rule_is_the_sum_over_pairs(pairing):
    """Traces against a plain loop, in double precision: 1e-12 of the sum of sizes leaves only rounding."""
    with jax.enable_x64(True):
        rule = cast(PairSTDP(**PAIR, pairing=pairing), np.float64)
        times, changes = wanted_changes(rule, PRE, POST)
    assert len(times) == len(PRE) + len(POST) - 1
    assert np.isclose(changes.sum(), by_loop(PRE, POST, PAIR, pairing), rtol=0, atol=1e-12 * np.abs(changes).sum())


@pytest.mark.parametrize("pairing", Pairing)
def test_triplet_rule_is_the_sum_over_triplets(pairing):
    with jax.enable_x64(True):
        rule = cast(TripletSTDP(**TRIPLET, pairing=pairing), np.float64)
        _, changes = wanted_changes(rule, PRE, POST)
    expected = by_loop(PRE, POST, PAIR, pairing, 0.0093, 0.00023, 0.101, 0.125)
    assert np.isclose(changes.sum(), expected, rtol=0, atol=1e-12 * np.abs(changes).sum())


def test_window_of_one_pair_has_the_sign_of_its_lag():
    rule = PairSTDP(**PAIR)
    lags = np.array([-0.02, -1e-6, 0.0, 1e-6, 0.02, np.inf, np.nan])
    window = np.asarray(rule.window(lags))
    assert (np.sign(window) == [-1, -1, 0, 1, 1, 0, 0]).all()
    single = [wanted_changes(rule, [0.1], [0.1 + lag])[1].sum() for lag in lags[:5]]
    assert np.allclose(single, window[:5], rtol=1e-5)  # float32


def test_a_time_that_is_not_finite_is_named():
    with pytest.raises(InputError, match="not finite"):
        wanted_changes(PairSTDP(**PAIR), [0.1, np.nan], [0.2])


def test_reward_turns_what_is_left_of_eligibility_into_change():
    """A pair, a pause, a reward: the pair's worth faded over the pause, with the reward's sign; none without reward."""
    learner = RewardSTDP(PairSTDP(**PAIR), tau=0.2, rate=0.5)
    on, off = jnp.ones(1), jnp.zeros(1)
    state, _ = learner.step(learner.rest(1, 1), on, off, 0.0, 0.0)
    state, early = learner.step(state, off, on, 0.0, 0.01)
    worth = 0.01 * np.exp(-0.01 / 0.0168)
    assert float(early[0, 0]) == 0.0
    for reward in (1.0, -1.0):
        _, change = learner.step(state, off, off, reward, 0.1)
        assert np.isclose(float(change[0, 0]), 0.5 * reward * worth * np.exp(-0.1 / 0.2), rtol=1e-5)


@pytest.mark.parametrize("loop", [False, True], ids=["feed-forward", "recurrent"])
def test_eprop_is_the_gradient_where_it_should_be(loop):
    """With symmetric feedback, e-prop is the gradient of the mean cross-entropy with the same surrogate, but for the
    paths of spikes that go round, by the reset and by recurrent weights: the loss below stops those. Rounding alone is
    left. Where there are recurrent weights, the whole gradient through time is another."""
    with jax.enable_x64(True):
        rule = cast(EProp(0.9, 0.8), np.float64)
        keys = jax.random.split(jax.random.key(3), 4)
        weights = Weights(jax.random.normal(keys[0], (7, 5)), jax.random.normal(keys[1], (3, 7)))
        if loop:
            weights = weights._replace(loop=jax.random.normal(keys[3], (7, 7)))
        x = (jax.random.uniform(keys[2], (8, 5)) < 0.5).astype(float)

        def loss(w, stop=jax.lax.stop_gradient):
            v, z, y, total = jnp.zeros(7), jnp.zeros(7), jnp.zeros(3), 0.0
            for t in range(8):
                around = 0.0 if w.loop is None else (w.loop * (1.0 - jnp.eye(7))) @ stop(z)
                v = rule.alpha * v + w.hidden @ x[t] + around - jax.lax.stop_gradient(z)
                z = spike(v - 1.0)
                y = rule.kappa * y + w.output @ z
                total = total - jax.nn.log_softmax(y)[2] / 8
            return total

        value, slope = jax.jit(jax.value_and_grad(loss))(weights)
        whole = jax.jit(jax.grad(lambda w: loss(w, stop=lambda z: z)))(weights)
        told = eqx.filter_jit(rule.told)(weights, x, 2)
        told, value, slope = jax.tree.map(np.asarray, (told, value, slope))
    assert told.spikes > 5
    assert np.isclose(told.loss, value, rtol=1e-12)
    for ours, theirs in zip(jax.tree.leaves(told.change), jax.tree.leaves(slope), strict=True):
        assert np.abs(theirs).max() > 1e-3
        assert np.allclose(ours, -theirs, rtol=0, atol=1e-12)
    assert np.allclose(whole.hidden, slope.hidden, rtol=0, atol=1e-12) is not loop


def test_choices_that_do_not_exist_are_refused_with_those_that_do():
    rule = PairSTDP(**PAIR)
    for make, told in (
        (lambda: PairSTDP(**PAIR, pairing="foo"), "Pairing.ALL, Pairing.NEAREST"),
        (lambda: TripletSTDP(**TRIPLET, pairing="foo"), "Pairing.ALL, Pairing.NEAREST"),
        (lambda: RewardSTDP("x", tau=1.0), "PairSTDP, TripletSTDP"),
        (lambda: Competition("x"), "PairSTDP, GatedPulses, PairTable"),
        (lambda: Competition(rule, window=1e-3, fire=5e-3), "fire is 5 ms; .* 1 ms"),
        (lambda: TsodyksMarkram(0.5, 0.1, 0.1, convention="foo"), "Convention.MM2002"),
    ):
        with pytest.raises(ParameterError, match=told):
            make()
