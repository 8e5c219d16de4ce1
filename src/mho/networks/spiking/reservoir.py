"""A reservoir that predicts: a fixed random layer, its spikes seen through a leak, a readout by least squares."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import InputError
from mho.networks.spiking.layer import SpikingLayer, leaky
from mho.networks.synapse import Number


class Prediction(NamedTuple):
    """A prediction of held-out values.

    Args:
        wanted: What came, (values,).
        predicted: What was predicted, (values,).
    """

    wanted: np.ndarray
    predicted: np.ndarray

    @property
    def smape(self) -> float:
        r"""Symmetric mean absolute error, :math:`\frac{2}{n}\sum |y - \hat y| / (|y| + |\hat y|)` [1]."""
        y, p = self.wanted, self.predicted
        return float(np.mean(2.0 * np.abs(y - p) / (np.abs(y) + np.abs(p))))

    @property
    def nrmse(self) -> float:
        """Root mean square error over the standard deviation of what came [1]."""
        return float(np.sqrt(np.mean((self.wanted - self.predicted) ** 2)) / np.std(self.wanted))


def predict(
    layer: SpikingLayer,
    spikes: np.ndarray,
    series: np.ndarray,
    *,
    horizon: int,
    tau: float,
    warm_up: int,
    training: int,
    ridge: float = 1e-3,
    stop: int | None = None,
    key: jax.Array | None = None,
) -> tuple[Prediction, dict[str, float]]:
    """Predict a series by the spikes of a layer, seen through a leak, with weights by ridge regression.

    Args:
        layer: Fixed; what follows the series is fed to it.
        spikes: Its input, (steps, sources).
        series: The series, one value a step.
        horizon: Steps ahead.
        tau: Time constant of the leak [s].
        warm_up: Steps that are left out at the begin.
        training: Steps to fit the readout on; the rest is the test.
        ridge: Penalty over the mean variance of the features [1].
        stop: Step at which the test ends; None for the whole series.
        key: JAX random key of the synapses' noise; None for none.

    Returns:
        The prediction of the test, and per step: spikes of the layer, synaptic events and volatile cycles.

    Raises:
        InputError: If series and input differ in length, or nothing is left for the test.
    """
    stop = len(series) if stop is None else stop
    if len(series) != len(spikes) or warm_up + training + horizon >= min(stop, len(series)):
        raise InputError(
            f"{len(series)} values and {len(spikes)} steps of input hold no test after {warm_up} steps of warm-up, "
            f"{training} of training and {horizon} ahead; make the series longer."
        )
    seen, did = _seen(layer, jnp.asarray(spikes, jnp.float32), tau, key)
    features = np.concatenate([np.asarray(seen, np.float64), np.ones((len(series), 1))], axis=1)
    wanted = np.asarray(series, np.float64)[horizon:stop]
    features = features[: len(wanted)]
    fit, held = slice(warm_up, warm_up + training), slice(warm_up + training, None)
    a, y = features[fit], wanted[fit]
    penalty = ridge * len(a) * np.mean(np.var(a, axis=0)) * np.eye(a.shape[1])
    penalty[-1, -1] = 0.0
    weights = np.linalg.solve(a.T @ a + penalty, a.T @ y)
    per_step = {name: float(np.sum(x)) / len(series) for name, x in did._asdict().items()}
    return Prediction(wanted[held], features[held] @ weights), per_step


@eqx.filter_jit
def _seen(layer: SpikingLayer, spikes: Number, tau: float, key: jax.Array | None) -> tuple[Number, Number]:
    fired, did = layer(spikes[:, None, :], key=key)
    return leaky(fired[:, 0], jnp.exp(-layer.dt / tau)), did
