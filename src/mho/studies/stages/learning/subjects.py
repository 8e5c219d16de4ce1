"""What the stages share: the digits as latencies, cells of a set, and one run of either rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.parameters import ParameterSet
from mho.metrics.learning import within_one
from mho.metrics.network import interval
from mho.networks.plasticity import (
    Competition,
    EProp,
    OnChip,
    PairSTDP,
    PairTable,
    PlasticCells,
    clocked,
    compete,
    decided,
    decisions,
    latencies,
    train_on_chip,
)
from mho.networks.tasks import digits
from mho.studies.execution import Context

STDP, REWARD, EPROP = "competition", "competition with reward", "e-prop"
MOST = 63
"""Most pulses of one update of a cell."""
STEPS = 16
"""Steps of the clock in a presentation, where there is one."""
REACH = (0.5, 1.0)
"""Weight of a full cell onto hidden neurons, and onto the readout."""


class Patterns(NamedTuple):
    """Latencies [s] and labels, for learning and for the test."""

    times: np.ndarray
    labels: np.ndarray
    test_times: np.ndarray
    test_labels: np.ndarray


class Learned(NamedTuple):
    """What one seed came to: accuracy, pulses and energy [J] of all cells, mean cycles of a cell, dead share."""

    right: float
    pulses: float
    energy: float
    cycles: float
    dead: float


def patterns(context: Context) -> Patterns:
    """The digits of this study's split."""
    study = context.study
    data = digits(test=study.test, seed=context.seed("split"))
    n = min(study.samples, len(data.labels))
    times = latencies(data.images[:n].reshape(n, -1), study.window)
    test = latencies(data.test_images.reshape(len(data.test_labels), -1), study.window)
    return Patterns(times, data.labels[:n], test, data.test_labels)


def competed(
    context: Context,
    given: Patterns,
    found: ParameterSet,
    seed: int,
    *,
    taught: bool = False,
    device: Any = None,
    spread: float = 1.0,
    rule: PairSTDP | PairTable | None = None,
) -> Learned:
    """Neurons that compete on fresh cells; seeds are the same for every device and variant.

    Args:
        context: Of the stage.
        given: The digits.
        found: Set of the cells.
        seed: Number of the run.
        taught: Whether a reward comes with the label.
        device: In place of the set's.
        spread: Over the published one [1].
        rule: What a pair is worth; default the study's change, shrinking with the lag and over the training.
    """
    study = context.study
    of_cells, of_start, of_set, of_run = jax.random.split(_key(context, "competition", seed), 4)
    shape = (study.neurons, given.times.shape[1])
    cells = PlasticCells.of(found, shape, key=of_cells, device=device, spread=spread, most=MOST)
    start = jax.random.uniform(of_start, shape, minval=-0.4, maxval=0.4)
    cells = cells.set(start, key=of_set)
    rule = PairSTDP(study.size, study.size, study.window, study.window) if rule is None else rule
    competition = Competition(rule, study.window, 0.5 * study.window)
    after = compete(
        competition, cells, jnp.asarray(given.times), jnp.asarray(given.labels), key=of_run, epochs=study.epochs,
        taught=taught,
    )  # fmt: skip
    right = np.mean(np.asarray(decided(competition, after, jnp.asarray(given.test_times))) == given.test_labels)
    return _learned(float(right), [(cells, after.cells)])


class Trains(NamedTuple):
    """Spikes (n, steps, inputs) and labels, for learning and for the test."""

    spikes: np.ndarray
    labels: np.ndarray
    test_spikes: np.ndarray
    test_labels: np.ndarray


def on_clock(context: Context, given: Patterns) -> Trains:
    """The latencies on a clock."""
    first, test = (clocked(t, STEPS, context.study.window) for t in (given.times, given.test_times))
    return Trains(first, given.labels, test, given.test_labels)


def supervised(
    context: Context,
    given: Trains,
    found: ParameterSet,
    seed: int,
    *,
    device: Any = None,
    rule: EProp | None = None,
    reach: tuple[float, float] = REACH,
    epochs: int | None = None,
    recurrent: bool = False,
) -> Learned:
    """A hidden layer and a readout on fresh cells, trained by e-prop.

    Args:
        context: Of the stage.
        given: The digits.
        found: Set of the cells.
        seed: Number of the run.
        device: In place of the set's.
        rule: Its neurons; default those of the rule as it comes.
        reach: Weight of a full cell onto hidden neurons, and onto the readout [1].
        epochs: Passes; default the study's.
        recurrent: Whether hidden neurons have weights onto each other, on cells too.
    """
    study, inputs, classes = context.study, given.spikes.shape[2], 10
    passes, rule = (study.epochs if epochs is None else epochs), (EProp() if rule is None else rule)
    key = _key(context, "e-prop", seed)
    keys = jax.random.split(key, 7)
    hidden = PlasticCells.of(found, (study.hidden, inputs), key=keys[0], device=device, most=MOST)
    output = PlasticCells.of(found, (classes, study.hidden), key=keys[1], device=device, most=MOST)
    first = jnp.clip(0.4 * jax.random.normal(keys[2], (study.hidden, inputs)), -1.0, 1.0)
    second = jnp.clip(0.2 * jax.random.normal(keys[3], (classes, study.hidden)), -1.0, 1.0)
    loop = _loop(context, found, device, jax.random.fold_in(key, 7)) if recurrent else None
    network = OnChip(hidden.set(first, key=keys[4]), output.set(second, key=keys[5]), reach, loop)
    after, _ = train_on_chip(
        rule, network, jnp.asarray(given.spikes), jnp.asarray(given.labels), key=keys[6], rate=study.rate,
        epochs=passes, between=study.window,
    )  # fmt: skip
    right = np.mean(np.asarray(decisions(rule, after, jnp.asarray(given.test_spikes))) == given.test_labels)
    pairs = [(network.hidden, after.hidden), (network.output, after.output), (network.loop, after.loop)]
    return _learned(float(right), [(a, b) for a, b in pairs if a is not None and b is not None])


def _loop(context: Context, found: ParameterSet, device: Any, key: jax.Array) -> PlasticCells:
    """Cells between hidden neurons, set to small weights."""
    of_cells, of_start, of_set = jax.random.split(key, 3)
    shape = (context.study.hidden, context.study.hidden)
    cells = PlasticCells.of(found, shape, key=of_cells, device=device, most=MOST)
    return cells.set(jnp.clip(0.2 * jax.random.normal(of_start, shape), -1.0, 1.0), key=of_set)


def share(mean: float, low: float, high: float) -> str:
    """A mean and its interval, in per cent."""
    return f"{100 * mean:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def shares(runs: Sequence[Learned]) -> str:
    """Accuracy of several seeds: the mean and its 95 % interval, in per cent."""
    right = np.array([run.right for run in runs])
    return share(float(np.mean(right)), *within_one(interval(right)))


def per_sample(runs: Sequence[Learned], shown: int) -> tuple[float, float]:
    """Pulses and energy [J] of one of the samples that were shown, mean of several seeds."""
    return (
        float(np.mean([run.pulses for run in runs])) / shown,
        float(np.mean([run.energy for run in runs])) / shown,
    )


def _key(context: Context, what: str, seed: int) -> jax.Array:
    return jax.random.fold_in(jax.random.key(context.seed(what)), seed)


def _learned(right: float, pairs: list[tuple[PlasticCells, PlasticCells]]) -> Learned:
    finite = all(bool(jnp.all(jnp.isfinite(after.weights()))) for _, after in pairs)
    pulses = sum(float(jnp.sum(after.pulses - before.pulses)) for before, after in pairs)
    energy = sum(float(after.energy - before.energy) for before, after in pairs)
    before, after = pairs[0]
    cycles = float(jnp.mean(after.worn - before.worn))
    return Learned(right if finite else float("nan"), pulses, energy, cycles, dead(after))


def dead(cells: PlasticCells) -> float:
    """Share of cells that have used up their endurance."""
    overlay = getattr(cells.array.device, "overlay", None)
    wear = overlay.wear if overlay is not None else ()
    if not wear:
        return 0.0
    return float(jnp.mean(jnp.any(jnp.stack([cells.worn > w.lifetime() for w in wear]), axis=0)))
