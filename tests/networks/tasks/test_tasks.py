"""Tasks: one key, one set of trials; classes balanced; and nothing in them gives the answer away but what is asked."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mho.core.errors import InputError
from mho.networks.tasks import (
    burst,
    coded_digits,
    followed,
    gap,
    interval,
    latency_code,
    mackey_glass,
    match,
    order,
    rate,
    rate_code,
    rhythm,
)

KEY = jax.random.key(0)
TASKS = {
    "interval": interval,
    "order": order,
    "match": match,
    "rate": rate,
    "rhythm": rhythm,
    "gap": gap,
    "burst": burst,
}


@pytest.mark.parametrize("name", TASKS)
def test_a_key_gives_one_set_and_classes_are_balanced(name):
    one, again, other = (TASKS[name](240, key=key) for key in (KEY, KEY, jax.random.key(1)))
    np.testing.assert_array_equal(one.spikes, again.spikes)
    np.testing.assert_array_equal(one.labels, again.labels)
    assert not np.array_equal(one.spikes, other.spikes)
    assert one.spikes.dtype == np.uint8
    assert one.spikes.max() == 1
    counts = np.bincount(one.labels, minlength=len(one.classes))
    assert counts.max() - counts.min() <= (0 if name != "match" else 2)
    assert one.chance == 1.0 / len(one.classes)


@pytest.mark.parametrize("name", ["interval", "order", "match", "rhythm", "gap", "burst"])
def test_counts_and_places_of_spikes_do_not_tell(name):
    """The number of spikes of each source is the same for all classes: its mean differs by less than 4.5 of its
    standard errors, which one in ten thousand comparisons would exceed."""
    trials = TASKS[name](1200, key=KEY, jitter=0.0)
    counts = trials.spikes.sum(axis=1).astype(float)
    for a in range(len(trials.classes)):
        own, rest = counts[trials.labels == a], counts[trials.labels != a]
        error = np.sqrt(own.var(axis=0) / len(own) + rest.var(axis=0) / len(rest))
        assert np.all(np.abs(own.mean(axis=0) - rest.mean(axis=0)) < 4.5 * np.maximum(error, 1e-9)), name


def test_an_interval_is_between_its_volleys():
    trials = interval(60, key=KEY, intervals=(50e-3, 200e-3), packet=1, jitter=0.0, background=0.0, dt=1e-3)
    for spikes, label in zip(trials.spikes, trials.labels, strict=True):
        at = np.flatnonzero(spikes.sum(axis=1))
        assert abs((at[-1] - at[0]) * 1e-3 - (50e-3, 200e-3)[label]) < 1.5e-3


def test_a_gap_is_in_one_interval_amid_the_stream():
    """One interval between volleys is longer where there is a gap; the others, and their number, are alike."""
    trials = gap(200, key=KEY, jitter=0.0, background=0.0, dt=1e-3)
    for spikes, label in zip(trials.spikes, trials.labels, strict=True):
        between = np.diff(np.flatnonzero(spikes.sum(axis=1)))
        assert 6 <= len(between) <= 8
        assert (between >= 19).all()
        assert np.sum(between > 41) == label
        assert max(between[0], between[-1]) <= 41
        assert between.max() <= (141 if label else 41)


def test_a_match_shows_one_group_twice():
    trials = match(80, key=KEY, jitter=0.0, background=0.0)
    a = trials.spikes[:, :, :4].sum(axis=(1, 2))
    np.testing.assert_array_equal((a == 32) | (a == 0), trials.labels == 1)  # two packets of four volleys of four
    assert set(np.unique(a)) == {0, 16, 32}


def test_strength_and_rate_of_a_train_are_independent():
    trials = rate(400, key=KEY, rates=(10.0, 40.0), strengths=(2, 4))
    active = (trials.spikes.sum(axis=1) > 0).sum(axis=1)
    assert active.max() == 4
    for label in (0, 1):
        assert abs(np.mean(active[trials.labels == label]) - 3.0) < 0.35  # few trains of 10 Hz hold no spike


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: interval(10, key=KEY, intervals=(0.1, 1.0)), "Make the trial longer"),
        (lambda: rhythm(10, key=KEY, patterns=("ssl", "sll")), "as many s"),
        (lambda: burst(10, key=KEY, spikes_each=5), "multiple"),
        (lambda: gap(10, key=KEY, count=(3, 9)), "from 4 volleys on"),
        (lambda: gap(10, key=KEY, silence=0.4), "Make the trial longer"),
        (lambda: match(10, key=KEY, packet=0), "at least 1"),
        (lambda: rate(10, key=KEY, strengths=(9,)), "8 sources"),
        (lambda: order(1, key=KEY), "1 trials for 2 classes"),
        (lambda: order(10, key=KEY, dt=0.0), "shorten the step"),
        (lambda: rate_code(np.ones((1, 2)), key=KEY, highest=1e3), "more than one spike"),
        (lambda: latency_code(np.full((1, 2), 2.0)), "scale them"),
        (lambda: latency_code(np.ones((1, 2)), latest=1.0), "within"),
        (lambda: mackey_glass(10, step=0.3), "evenly"),
        (lambda: followed(np.arange(3.0), 2, key=KEY, share=2.0), "at most 1"),
    ],
)
def test_what_cannot_be_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_codes_of_images():
    images = np.array([[1.0, 0.5, 0.0]])
    late = latency_code(images, latest=80e-3, dt=5e-3)
    assert list(np.argmax(late[0], axis=0)) == [0, 8, 0]
    assert list(late[0].sum(axis=0)) == [1, 1, 0]
    trains = rate_code(np.repeat(images, 2000, axis=0), key=KEY, highest=100.0)
    np.testing.assert_allclose(trains.mean(axis=(0, 1)), [0.5, 0.25, 0.0], atol=0.01)


def test_digits_as_spikes():
    pytest.importorskip("sklearn")
    from mho.networks.tasks import digits

    data = digits(test=100)
    for code in ("rate", "latency"):
        training, test = coded_digits(data, code, key=KEY)
        assert training.spikes.shape == (1697, 20, 64)
        assert test.labels.shape == (100,)
    with pytest.raises(InputError, match="'rate' or 'latency'"):
        coded_digits(data, "phase", key=KEY)


def test_mackey_glass_is_integrated_to_its_order():
    """Halving the step divides the error by 2^4: fourth order; and the attractor's range is the known one."""
    coarse, fine, finest = (mackey_glass(60, step=h, warm_up=0.0) for h in (0.5, 0.25, 0.125))
    errors = [np.max(np.abs(x - finest)) for x in (coarse, fine)]
    assert 10.0 < errors[0] / errors[1] < 25.0  # (16^2 - 1) / (16 - 1) = 17
    series = mackey_glass(3000)
    assert 0.2 < series.min() < 0.5
    assert 1.2 < series.max() < 1.45
    assert not np.array_equal(mackey_glass(10, key=KEY), mackey_glass(10))


def test_sources_follow_a_series():
    series = np.concatenate([np.zeros(400), np.ones(400)])
    spikes = followed(series, 5, key=KEY, share=0.25, width=0.1)
    counts = spikes.reshape(2, 400, 5).sum(axis=1)
    assert counts[0, 0] in (99, 100, 101)
    assert counts[1, -1] in (99, 100, 101)
    assert counts[0, -1] == counts[1, 0] == 0


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"intervals": (60e-3, 60e-3)}, "60 ms, 60 ms on a grid of 5 ms"),
        ({"intervals": (1e-3, 60e-3)}, "5 ms or longer"),
        ({"intervals": ()}, "none; give at least two"),
        ({"duration": np.nan}, "finite and above 0"),
        ({"duration": 1e-3}, "has no step"),
        ({"duration": 0.1}, "trial longer"),
        ({"dt": 0.0}, "finite and above 0"),
    ],
)
def test_intervals_that_the_grid_cannot_tell_are_refused(how, told):
    with pytest.raises(InputError, match=told):
        interval(24, key=KEY, **how)


def test_a_series_without_values_is_refused():
    with pytest.raises(InputError, match="-5 values"):
        mackey_glass(-5)
    with pytest.raises(InputError, match="step is 0 units"):
        mackey_glass(5, step=0.0)
