r"""Neurons that compete for patterns of spike times, and learn them by the lags of one pair a synapse.

Each input fires once, the earlier the stronger it is, and its counterpart for darkness the earlier the weaker it is.
At a moment set by an inhibitory rhythm the neuron with the highest potential fires; where it fires, its synapses see
one pair each: inputs that came before it and inputs that come after. No error is computed, and no neuron knows a label.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core import engineering
from mho.core.errors import InputError, ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.networks.plasticity.cells import PlasticCells, rows, with_rows
from mho.networks.plasticity.checks import check_epochs, check_kind, check_labels, concrete
from mho.networks.plasticity.gating import GatedPulses
from mho.networks.plasticity.pairs import PairSTDP
from mho.networks.plasticity.presentation import presented
from mho.networks.plasticity.window import PairTable


def latencies(values: Any, window: float) -> np.ndarray:
    """Spike times [s] in a window of inputs (n, m) between 0 and 1: of the values, then of what they lack to 1.

    Args:
        values: Shape (n, m).
        window: Time of one presentation [s].

    Raises:
        InputError: If a value lies outside 0 to 1.
    """
    x = np.asarray(values, np.float32).reshape(len(values), -1)
    if not (np.isfinite(x).all() and x.min() >= 0.0 and x.max() <= 1.0):
        raise InputError(
            f"Inputs run from {np.min(x):.4g} to {np.max(x):.4g}; a latency stands for a value between 0 and 1. Scale "
            "them first."
        )
    return np.float32(window) * np.concatenate([1.0 - x, x], axis=1)


class Competition(eqx.Module):
    r"""The presentation, the rule of learning, and the homeostasis that shares patterns out.

    With the potential :math:`u_n = \sum_i w_{ni}\,[t_i \le t_{fire}]` and the fatigue :math:`b_n`, neuron
    :math:`\arg\max_n (u_n - b_n)` fires; then :math:`b_n \to b_n + h(\delta_{n,fired} - 1/N)`. Under a pair rule the
    wanted change and h shrink evenly to nothing over the training, unless `shrinks` is 0.

    Args:
        rule: What a pair is worth: a `PairSTDP`, whose change becomes whole pulses; or the device's own window, as
            `GatedPulses` or `PairTable`, of which every pair takes one.
        window: Time of one presentation [s].
        fire: Moment of firing within it [s].
        homeostasis: h, in units of a potential [1].
        shrinks: How far learning shrinks, from 0 to 1 [1].

    Raises:
        ParameterError: If a value is out of range.

    Source: one pair a synapse and winner take all as Querlioz, Bichler, Dollfus & Gamrat, IEEE Trans. Nanotechnol. 12,
    288 (2013), with latencies for rates.
    """

    rule: PairSTDP | GatedPulses | PairTable
    window: Number = quantity("s", positive=True, default=1e-3)
    fire: Number = quantity("s", positive=True, default=0.5e-3)
    homeostasis: Number = quantity("1", low=0.0, default=6.0)
    shrinks: Number = quantity("1", low=0.0, high=1.0, default=1.0)

    def __check_init__(self) -> None:
        check_kind("Competition.rule", self.rule, (PairSTDP, GatedPulses, PairTable))
        check_ranges(self)
        if concrete(self.window, self.fire) and np.any(np.asarray(self.fire) > np.asarray(self.window)):
            raise ParameterError(
                f"Competition.fire is {engineering(float(np.max(np.asarray(self.fire))), 's')}; it must lie within the "
                f"window of {engineering(float(np.min(np.asarray(self.window))), 's')}. Fire sooner, or widen it."
            )

    def potentials(self, weights: Number, times: Number) -> Number:
        """Potentials (..., outputs) when the rhythm lets one fire, from latencies (..., inputs)."""
        return (times <= self.fire).astype(weights.dtype) @ weights.T


class Competed(NamedTuple):
    """What training left.

    Args:
        cells: The cells.
        fatigue: b of each neuron, shape (outputs,) [1].
        wins: How often each neuron fired for each class in the last epoch, (outputs, classes).
    """

    cells: PlasticCells
    fatigue: Number
    wins: Number

    @property
    def labels(self) -> Number:
        """Class for which each neuron fired most."""
        return jnp.argmax(self.wins, axis=-1)


def compete(
    competition: Competition,
    cells: PlasticCells,
    times: Number,
    labels: Number,
    *,
    key: jax.Array,
    epochs: int = 3,
    classes: int = 10,
    taught: bool = False,
) -> Competed:
    """Train on patterns, in an order of its own each epoch; labels only tell afterwards who answers to what.

    Args:
        competition: How.
        cells: Weights (neurons, inputs).
        times: Latencies (n, inputs) [s].
        labels: Classes (n,).
        key: JAX random key: order, rounding of pulses, noise from cycle to cycle.
        epochs: Passes.
        classes: Number of classes.
        taught: Reward-modulated instead: neuron k stands for class k modulo the number of classes, and a wrong one that
            fires undoes its pairs (reward -1). Under a pair rule only.

    Returns:
        Cells, fatigue and wins.

    Raises:
        InputError: If latencies, labels and cells do not fit each other, no latency lies in the window, or a reward is
            asked of a device's own window.
    """
    if taught and not isinstance(competition.rule, PairSTDP):
        raise InputError("A reward scales wanted changes, which a device's own window has none of. Give a PairSTDP.")
    check_epochs(epochs)
    _check_times(competition, cells, times)
    check_labels(labels, len(times), classes)
    return _competed(competition, cells, jnp.asarray(times), jnp.asarray(labels), key, epochs, classes, taught)


@eqx.filter_jit
def _competed(
    competition: Competition,
    cells: PlasticCells,
    times: Number,
    labels: Number,
    key: jax.Array,
    epochs: int,
    classes: int,
    taught: bool,
) -> Competed:
    n, outputs = times.shape[0], cells.array.shape[0]
    own = jnp.arange(outputs) % classes
    total = epochs * n

    def present(carry: Any, given: Any) -> tuple[Any, Any]:
        cells, fatigue, k = carry
        at, epoch = given
        t, label = times[at], labels[at]
        left = 1.0 - competition.shrinks * k / total
        best = jnp.argmax(competition.potentials(cells.weights(), t) - fatigue)
        lags = (competition.fire - t)[None]
        mine, own_key = rows(cells, best[None]), jax.random.fold_in(key, k)
        if isinstance(competition.rule, PairSTDP):
            reward = jnp.where(own[best] == label, 1.0, -1.0) if taught else 1.0
            mine = mine.updated(left * reward * competition.rule.window(lags), key=own_key)
        else:
            mine = mine.paired(competition.rule, lags, key=own_key)
        cells = with_rows(cells, best[None], mine).after(competition.window)
        h = competition.homeostasis * left
        fatigue = fatigue.at[best].add(h) - h / outputs
        return (cells, fatigue, k + 1), (best, jnp.where(epoch == epochs - 1, label, classes))

    start = (cells, jnp.zeros(outputs, cells.pulses.dtype), jnp.int32(0))
    epoch = jnp.repeat(jnp.arange(epochs), n)
    (cells, fatigue, _), (fired, label) = lax.scan(present, start, (presented(n, epochs, key=key), epoch))
    wins = jnp.zeros((outputs, classes)).at[fired, label].add(1.0, mode="drop")
    if taught:
        wins = jax.nn.one_hot(own, classes)
    return Competed(cells, fatigue, wins)


def decided(competition: Competition, competed: Competed, times: Number) -> Number:
    """Class of the neuron that fires for each pattern (n, inputs) [s].

    Raises:
        InputError: If the latencies do not fit the cells, or one lies outside the window.
    """
    _check_times(competition, competed.cells, times)
    return _decided(competition, competed, jnp.asarray(times))


@eqx.filter_jit
def _decided(competition: Competition, competed: Competed, times: Number) -> Number:
    u = competition.potentials(competed.cells.weights(), times) - competed.fatigue
    return competed.labels[jnp.argmax(u, axis=-1)]


def _check_times(competition: Competition, cells: PlasticCells, times: Any) -> None:
    """Refuse latencies that are not (n, inputs) of the cells, not a number, before 0, or all beyond the window."""
    shape, (outputs, inputs) = np.shape(times), cells.array.shape[:2]
    if len(shape) != 2 or shape[1] != inputs or 0 in shape:
        raise InputError(
            f"The latencies have shape {shape}; they must be (n, inputs) with {inputs} inputs, as the cells "
            f"({outputs}, {inputs}) have columns."
        )
    if not concrete(times, competition.window):
        return
    x, window = np.asarray(times), float(np.max(np.asarray(competition.window)))
    bad = np.argwhere(np.isnan(x) | (x < 0))
    if len(bad):
        at = tuple(int(k) for k in bad[0])
        raise InputError(
            f"Latency {list(at)} is {engineering(float(x[at]), 's')}; latencies must lie from 0 s to the window of "
            f"{engineering(window, 's')}, or be inf for no spike."
        )
    late = np.isfinite(x) & (x > window * (1 + 1e-5))
    if late.any() or not np.isfinite(x).any():
        latest = float(np.max(x[np.isfinite(x)], initial=-np.inf))
        silent = int(np.sum(~(x <= window * (1 + 1e-5)).any(axis=1)))
        raise InputError(
            f"Latencies run to {engineering(latest, 's')} at a window of {engineering(window, 's')}, and {silent} of "
            f"{shape[0]} samples have no spike in it. Give seconds from 0 to the window (latencies(values, window)), "
            "or inf for no spike."
        )
