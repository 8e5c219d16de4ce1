"""Telling input rates apart: a bank of synapses, a neuron behind each, a linear readout, and two yardsticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mho.core.fields import cast
from mho.core.sampling import Spread, sample
from mho.devices import ECRAM
from mho.devices.device import ROOM
from mho.networks.bank import bank_centres, filter_bank, tiled
from mho.networks.connections import in_order
from mho.networks.events import count_spikes
from mho.networks.neurons import LIF
from mho.networks.readout import fit_readout
from mho.networks.response import steady_response
from mho.networks.synapse import AbstractSynapse, noisy_train
from mho.networks.trains import generator, poisson_window


@dataclass(frozen=True)
class Task:
    """Poisson trains of one of several rates, seen for a while: which rate was it?

    One of `strengths` afferents fire together, and how many is not told: a count of spikes answers only while there is
    one strength.

    Args:
        rates: Rate of each class [1/s].
        window: Time that a train is seen for [s].
        strengths: Numbers of afferents that fire together, drawn anew for each train.
        drive: Mean drive of a member's neuron at the member's rate, in thresholds, for bank and static synapses alike;
            both gain with it, as a strong volley fires a neuron whatever its strength [1].
        training: Trains of each class to train on.
        test: Trains of each class held out.
        seeds: One network (its devices, its noise, its trains) per seed.
    """

    rates: tuple[float, ...]
    window: float = 0.2
    strengths: tuple[float, ...] = (1.0, 2.0, 4.0)
    drive: float = 64.0
    training: int = 30
    test: int = 30
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    @classmethod
    def suited_to(cls, device: ECRAM, *, members: int = 5, seeds: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Task:
        """The task at rates that suit a device's times, seen for ten intervals of the slowest."""
        rates = bank_centres(device, members)
        return cls(tuple(float(rate) for rate in rates), window=10.0 / float(rates[0]), seeds=seeds)


@dataclass(frozen=True)
class Scores:
    """Held-out accuracy at one kind of task, one entry per seed [1], and what was decided.

    Args:
        bank: With the plastic bank.
        static: With static synapses, neurons and readout alike.
        confusion: Held-out trains of the bank by true (row) and decided (column) class, all seeds.
    """

    bank: np.ndarray
    static: np.ndarray
    confusion: np.ndarray


@dataclass(frozen=True)
class Discrimination:
    """How well rates were told apart.

    Args:
        task: What was asked.
        known: Every train of strength one.
        unknown: Trains of unknown strength.
        ideal: Accuracy of the ideal observer, who knows the strength and counts the spikes, one entry per seed [1].
        parameters: Trained numbers, the same for bank and static synapses.
        events: Mean number of synaptic events in one train, all members together.
    """

    task: Task
    known: Scores
    unknown: Scores
    ideal: np.ndarray
    parameters: int
    events: float


def neuron_for(rates: Any) -> LIF:
    """A neuron whose membrane spans some intervals of the middle rate, in normalised units.

    Its threshold is 1 V above rest and its capacitance 1 F: weights are then in shares of the threshold.
    """
    slow = 1.0 / float(np.sqrt(np.min(rates) * np.max(rates)))
    return LIF(c=1.0, tau_m=4.0 * slow, tau_syn=0.5 * slow, t_ref=0.5 * slow, v_rest=0.0, v_reset=0.0, v_threshold=1.0)


def discriminate(
    device: ECRAM, task: Task, *, spreads: tuple[Spread, ...] = (), temperature: float = ROOM, neuron: LIF | None = None
) -> Discrimination:
    """Train and judge a bank on a task, with device-to-device spread, cycle-to-cycle and read noise.

    The bank has one member per rate, centred there. The static baseline has as many synapses and the same neurons, and
    its weights follow the same rule, so that each of its neurons leaves silence at a rate of its own. Both read the
    spike counts of their neurons, and train the same number of parameters.

    Args:
        device: The one device of the bank.
        task: Rates, trains, seeds.
        spreads: Device-to-device spread, for example ``parameter_set.spreads()``.
        temperature: [K].
        neuron: The neuron behind each synapse; default :func:`neuron_for` the rates.
    """
    rates = np.asarray(task.rates, np.float64)
    neuron = neuron_for(rates) if neuron is None else neuron
    classes = np.repeat(np.arange(rates.size), task.training + task.test)
    nominal = filter_bank(device, rates, temperature=temperature)
    dead = float(np.max(np.asarray(nominal.width)))
    weights = task.drive / (neuron.tau_m * neuron.tau_syn * rates)
    level = np.diagonal(steady_response(nominal, rates))
    kinds: dict[str, list] = {name: [] for name in ("known", "unknown")}
    ideal, events = [], []
    for seed in task.seeds:
        keys = jax.random.split(jax.random.key(seed), 4)
        devices = sample(device, *spreads, n=rates.size, key=keys[0])
        bank = filter_bank(devices, rates, temperature=temperature, nominal=device)
        times = poisson_window(rates[classes], task.window, key=keys[1], dead_time=dead)
        pick = generator(keys[2]).integers(len(task.strengths), size=classes.size)
        events.append(np.mean(np.sum(np.isfinite(times), axis=1)) * rates.size)
        ideal.append(_ideal(times, classes, rates, task.window))
        plastic = _currents(bank, weights / level, times, key=keys[3])
        static = np.broadcast_to(weights[None, :, None], plastic.shape)
        for name, strength in (("known", np.ones(len(pick))), ("unknown", np.asarray(task.strengths)[pick])):
            judged = [_judge(_counts(neuron, x, times, strength, task), classes, task) for x in (plastic, static)]
            kinds[name].append((judged[0][0], judged[1][0], judged[0][1], judged[0][2]))
    scores = {
        name: Scores(
            np.array([x[0] for x in rows]), np.array([x[1] for x in rows]), np.sum([x[2] for x in rows], axis=0)
        )
        for name, rows in kinds.items()
    }
    parameters = kinds["known"][0][3]
    return Discrimination(task, scores["known"], scores["unknown"], np.array(ideal), parameters, float(np.mean(events)))


def _currents(synapse: AbstractSynapse, weights: np.ndarray, times: np.ndarray, *, key: jax.Array) -> np.ndarray:
    """Jump of current at every spike of each train in each member, shape (trains, members, spikes)."""
    trains, members = times.shape[0], weights.size
    efficacy = noisy_train(tiled(synapse, trains), np.repeat(times, members, axis=0), key=key)[0]
    return weights[None, :, None] * np.asarray(efficacy, np.float64).reshape(trains, members, -1)


def _counts(neuron: LIF, jumps: np.ndarray, times: np.ndarray, strength: np.ndarray, task: Task) -> np.ndarray:
    """Spikes of the neuron behind each member, for each train, shape (trains, members)."""
    trains, members, _ = jumps.shape
    post = np.broadcast_to(np.arange(trains * members).reshape(trains, members, 1), jumps.shape)
    at = np.broadcast_to(times[:, None, :], jumps.shape)
    come = in_order(at, post, strength[:, None, None] * jumps)
    stop = task.window + 2.0 * float(neuron.tau_m)
    neuron32 = cast(neuron, np.float32)
    counts = count_spikes(neuron32, come, outputs=trains * members, stop=stop, dt=0.5 * float(neuron.t_ref))
    return counts.reshape(trains, members)


def _judge(counts: np.ndarray, classes: np.ndarray, task: Task) -> tuple[float, np.ndarray, int]:
    """Held-out accuracy, confusion (true, decided), number of trained parameters."""
    size = len(task.rates)
    learn = np.tile(np.arange(task.training + task.test) < task.training, size)
    readout = fit_readout(counts[learn], classes[learn], count=size)
    decided, true = readout(counts[~learn]), classes[~learn]
    confusion = np.zeros((size, size), int)
    np.add.at(confusion, (true, decided), 1)
    return float(np.mean(decided == true)), confusion, readout.parameters


def _ideal(times: np.ndarray, classes: np.ndarray, rates: np.ndarray, window: float) -> float:
    """Accuracy of the likeliest rate given a train, which for a Poisson train is given by its number of spikes."""
    count = np.sum(np.isfinite(times), axis=1)
    likelihood = count[:, None] * np.log(rates) - window * rates
    return float(np.mean(np.argmax(likelihood, axis=1) == classes))
