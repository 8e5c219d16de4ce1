"""The contest's frame, and the reservoir's least squares."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mho.core.errors import InputError
from mho.networks.spiking import CurrentLIF, SpikingLayer, weights_of
from mho.networks.spiking.contest import CLASSES, CONTESTS, DT, SOURCES, STEPS, Rules, trials_of
from mho.networks.spiking.plasticity import ClockedTM, Static
from mho.networks.spiking.reservoir import predict
from mho.networks.tasks import followed

RULES = Rules(hidden=6, training=20, test=30, networks=2)
KEY = jax.random.key(0)


@pytest.mark.parametrize("task", CONTESTS)
def test_every_task_fits_the_frame(task):
    if task == "digits":
        pytest.importorskip("sklearn")
    x, labels = trials_of(task, RULES, key=KEY, test=False)
    assert x.shape == (2, 20, STEPS, SOURCES)
    assert labels.max() < CLASSES
    held, _ = trials_of(task, RULES, key=KEY, test=True)
    assert held.shape[1] == 30
    assert not np.array_equal(held[:, :20], x)
    assert not np.array_equal(x[0], x[1])


def test_kinds_share_weights_and_count(monkeypatch):
    nets = [RULES.network((s, s), key=KEY) for s in (Static(), ClockedTM(0.2, 0.2, 1.5))]
    for a, b in zip(*map(weights_of, nets), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match="There are: interval"):
        trials_of("chess", RULES, key=KEY, test=True)


def test_a_reservoir_predicts_what_its_spikes_tell():
    """A sine, a sixth of its period ahead: its mean and its last value are both off by 1 (2 sin 30°)."""
    series = 1.5 + np.sin(2 * np.pi * np.arange(900) / 60.0)
    spikes = followed(series, 12, key=KEY)
    layer = SpikingLayer.of(12, 40, CurrentLIF(10e-3, 5e-3), dt=DT, key=KEY, gain=8.0, recurrent=True)
    how = {"horizon": 10, "tau": 30e-3, "warm_up": 100, "training": 500}
    found, did = predict(layer, spikes, series, **how)
    assert len(found.wanted) == 900 - 10 - 600
    assert found.nrmse < 0.9
    assert 0.0 < found.smape < 0.5
    assert did["spikes"] > 0
    with pytest.raises(InputError, match="make the series longer"):
        predict(layer, spikes[:500], series[:500], **how)
