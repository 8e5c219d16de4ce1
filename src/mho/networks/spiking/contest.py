"""One network, several kinds of synapse, one task: the same trials, first weights and training, then a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from mho.core.errors import InputError
from mho.networks import tasks
from mho.networks.spiking.layer import Activity, Readout, SpikingLayer, SpikingNetwork, weights_of
from mho.networks.spiking.neurons import CurrentLIF
from mho.networks.spiking.plasticity import AbstractShortTerm
from mho.networks.spiking.training import (
    Conditions,
    Tuned,
    accuracies,
    outputs_of,
    stacked_networks,
    train_ensemble,
)
from mho.networks.tasks.trials import Trials

SOURCES, STEPS, CLASSES, DT = 8, 100, 10, 5e-3
"""The frame that every task of a contest fits: one compiled program then serves them all."""

Draw = Callable[[int, jax.Array, bool], Trials]
"""Takes how many trials, a key, and whether they are for the test."""


def _digits(count: int, key: jax.Array, test: bool) -> Trials:
    return tasks.digits_by_rows(count, key=key, test=test, steps=STEPS, dt=DT)


CONTESTS: dict[str, tuple[str, Draw]] = {
    "interval": ("how long between two packets", lambda n, key, test: tasks.interval(n, key=key)),
    "order": ("which of two packets came first", lambda n, key, test: tasks.order(n, key=key)),
    "match": ("was the same shown before a silence", lambda n, key, test: tasks.match(n, key=key)),
    "rhythm": ("which order of short and long intervals", lambda n, key, test: tasks.rhythm(n, key=key)),
    "gap": ("is there a gap in the stream", lambda n, key, test: tasks.gap(n, key=key)),
    "rate": ("which rate, whatever the strength", lambda n, key, test: tasks.rate(n, key=key)),
    "burst": ("bursts or single volleys", lambda n, key, test: tasks.burst(n, key=key)),
    "digits": ("which digit, shown row by row", _digits),
}
"""Tasks by name: what is asked, and how trials are drawn."""


class Rules(NamedTuple):
    """What is alike for all contestants.

    Args:
        hidden: Neurons of each of two layers.
        tau_m: Their membrane time constant [s].
        tau_syn: Of their synaptic currents [s].
        recurrent: Whether the second layer has feedback.
        training: Trials to train on.
        test: Trials held out.
        networks: How many, each with its own weights and trials.
        epochs: Passes over the trials.
        batch: Trials of a step.
        rate: Largest learning rate.
        gain: Standard deviation of the first weights, times the root of their number.
    """

    hidden: int = 24
    tau_m: float = 10e-3
    tau_syn: float = 5e-3
    recurrent: bool = False
    training: int = 1024
    test: int = 512
    networks: int = 5
    epochs: int = 40
    batch: int = 64
    rate: float = 1e-2
    gain: float = 1.2

    def network(self, synapses: Sequence[AbstractShortTerm], *, key: jax.Array) -> SpikingNetwork:
        """An untrained network with these synapses in front of its first and second layer."""
        neuron = CurrentLIF(self.tau_m, self.tau_syn)
        keys = jax.random.split(key, 3)
        sizes = (SOURCES, self.hidden)
        layers = []
        for k, (sources, synapse) in enumerate(zip(sizes, synapses, strict=True)):
            loop = self.recurrent and k == 1
            parts = {"feedback_synapse": synapse} if loop else {}
            how = {"dt": DT, "key": keys[k], "gain": self.gain, "recurrent": loop, "synapse": synapse, **parts}
            layers.append(SpikingLayer.of(sources, self.hidden, neuron, **how))
        readout = Readout.of(self.hidden, CLASSES, tau=2 * DT, dt=DT, key=keys[2], gain=10.0)
        return SpikingNetwork(tuple(layers), readout)


class Played(NamedTuple):
    """How a kind of synapse did at a task.

    Args:
        accuracy: Share of held-out trials decided rightly, one a network [1].
        networks: The trained networks.
        losses: (networks, steps).
        did: What layers did, mean of a held-out trial, one record a layer.
        parameters: Numbers that were trained in each network.
    """

    accuracy: np.ndarray
    networks: SpikingNetwork
    losses: np.ndarray
    did: tuple[Activity, ...]
    parameters: int


def trials_of(task: str, rules: Rules, *, key: jax.Array, test: bool) -> tuple[np.ndarray, np.ndarray]:
    """Spikes (networks, trials, steps, sources) and labels (networks, trials) of a task in the common frame.

    Raises:
        InputError: If there is no such task, or it does not fit the frame.
    """
    if task not in CONTESTS:
        raise InputError(f"There is no task {task!r}. There are: {', '.join(CONTESTS)}.")
    count = rules.test if test else rules.training
    keys = jax.random.split(jax.random.fold_in(key, int(test)), rules.networks)
    drawn = [CONTESTS[task][1](count, own, test) for own in keys]
    shape = drawn[0].spikes.shape
    if shape[1] > STEPS or shape[2] != SOURCES or drawn[0].dt != DT or len(drawn[0].classes) > CLASSES:
        raise InputError(f"Trials of {task!r} have shape {shape[1:]}; the frame is {STEPS} steps of {SOURCES} sources.")
    spikes = np.zeros((rules.networks, count, STEPS, SOURCES), np.uint8)
    for k, trials in enumerate(drawn):
        spikes[k, :, : shape[1]] = trials.spikes
    return spikes, np.stack([trials.labels for trials in drawn])


def play(
    task: str,
    synapses: Sequence[AbstractShortTerm],
    rules: Rules,
    *,
    key: jax.Array,
    training: Conditions | None = None,
    testing: Conditions | None = None,
    tuned: Sequence[Tuned] = (),
) -> Played:
    """Train networks with one kind of synapse and test them; one key gives all kinds the same trials and weights.

    Args:
        task: One of :data:`CONTESTS`.
        synapses: In front of the first and the second layer.
        rules: What is alike for all.
        key: JAX random key.
        training: What passes of the training meet.
        testing: What those of the test meet.
        tuned: Quantities of the synapses that training moves, besides the weights.
    """
    of_data, of_weights, of_training, of_test = jax.random.split(key, 4)
    x, labels = trials_of(task, rules, key=of_data, test=False)
    networks = [rules.network(synapses, key=own) for own in jax.random.split(of_weights, rules.networks)]
    done = train_ensemble(
        stacked_networks(networks, tuned), x, labels, keys=jax.random.split(of_training, rules.networks),
        epochs=rules.epochs, batch=rules.batch, rate=rules.rate, conditions=training, tuned=tuned,
    )  # fmt: skip
    count = sum(int(np.size(w)) for w in weights_of(networks[0])) + sum(np.size(t.of(networks[0])) for t in tuned)
    right, did = judge(task, done.networks, rules, key=of_data, draws=of_test, testing=testing, tuned=tuned)
    return Played(right, done.networks, done.losses, did, count)


def judge(
    task: str,
    networks: SpikingNetwork,
    rules: Rules,
    *,
    key: jax.Array,
    draws: jax.Array,
    testing: Conditions | None = None,
    tuned: Sequence[Tuned] = (),
) -> tuple[np.ndarray, tuple[Activity, ...]]:
    """Accuracy on held-out trials, one a network, and what layers did in the mean trial.

    Args:
        task: One of :data:`CONTESTS`.
        networks: Trained.
        rules: Of the contest.
        key: JAX random key of the trials.
        draws: JAX random key of devices and noise.
        testing: What passes meet.
        tuned: As in the training.
    """
    x, labels = trials_of(task, rules, key=key, test=True)
    keys = jax.random.split(draws, rules.networks)
    y, did = outputs_of(networks, x, keys=keys, conditions=testing, tuned=tuned)
    return accuracies(y, labels), jax.tree.map(lambda n: float(np.mean(n)), did)
