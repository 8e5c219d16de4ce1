"""What a run of a network gave: spikes, rates, traces, synaptic events with their energy and wear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError, ParameterError
from mho.core.fields import cast
from mho.core.names import meant
from mho.networks.device_synapse import DeviceSynapse
from mho.networks.populations.checks import numbers, whole_numbers
from mho.networks.populations.network import SpikingNetwork
from mho.networks.populations.plan import NetworkState, Plan
from mho.networks.synapse import precision, train
from mho.networks.trains import padded_trains


class Spikes(NamedTuple):
    """Spikes in time order: when [s], and which neuron."""

    times: np.ndarray
    ids: np.ndarray


class Traces(NamedTuple):
    """Recorded neurons at the end of every step: time [s], ids, voltage [V] and synaptic current [A], (steps, ids)."""

    times: np.ndarray
    ids: np.ndarray
    v: np.ndarray
    i: np.ndarray


class History(NamedTuple):
    """Chosen synapses at every spike of their sources: grid time [s], efficacy [1]; rows padded with NaN."""

    times: np.ndarray
    efficacy: np.ndarray


@dataclass(frozen=True)
class SpikingResult:
    """A run of a network.

    Args:
        network: What ran.
        start: Time at which the run began [s].
        duration: How long it was [s].
        spikes: Of each population.
        grid: Of each population and source: grid points of its spikes, and which neuron.
        traces: Of the populations that were recorded.
        events: Synaptic events of each projection.
        energy: Energy of all events of each projection; NaN where it is not measured [J].
        neurons: Energy of the neurons of each population; NaN where it is not known [J].
        state: State at the end: give it to the next run, or to :func:`save_state`.
        fields: Names of the kept leaves of each projection's synaptic state.
        engine: What computed it: "jax" or "kernel".
        noisy: Whether the synapses were.
        dtype: Precision.
    """

    network: SpikingNetwork
    start: float
    duration: float
    spikes: Mapping[str, Spikes]
    grid: Mapping[str, tuple[np.ndarray, np.ndarray]]
    traces: Mapping[str, Traces]
    events: Mapping[str, int]
    energy: Mapping[str, float]
    neurons: Mapping[str, float]
    state: NetworkState
    fields: Mapping[str, tuple[str, ...]]
    engine: str
    noisy: bool
    dtype: Any

    def rates(self, name: str) -> np.ndarray:
        """Mean rate of each neuron of a population over the run, shape (size,) [1/s]."""
        part = self.network.part(name)
        if name not in self.spikes:
            raise InputError(f"{name} is a source; its rates are given. Name one of {', '.join(self.spikes)}.")
        return np.bincount(self.spikes[name].ids, minlength=part.size) / self.duration

    def kept(self, projection: str, field: str) -> np.ndarray:
        """A field of the synapses' state at the end, in the order of the projection's synapses.

        Raises:
            InputError: If the field was not kept.
        """
        names = self.fields[self.network.projection(projection).name]
        if field not in names:
            raise InputError(
                f"{projection} kept no {field!r}. {meant(field, names)}It kept {', '.join(names) or 'nothing'}; name "
                "further fields in Projection.keep."
            )
        k = [p.name for p in self.network.projections].index(projection)
        return np.asarray(self.state.synapses[k].leaves[names.index(field)])

    def history(self, projection: str, synapses: Sequence[int]) -> History:
        """Efficacy of chosen synapses at every spike that reached them, by running their spikes through them again.

        Args:
            projection: Name of the projection.
            synapses: Their numbers.

        Raises:
            InputError: If the run did not begin at rest, or its synapses were noisy: the spikes do not say it all then.
        """
        one = self.network.projection(projection)
        if self.start > 0 or self.noisy:
            raise InputError(
                f"The history of {projection} is worked out from its spikes, for a run from rest and without noise; "
                "this run was not. Record it in such a run."
            )
        index = np.atleast_1d(whole_numbers(f"Synapses of {projection}", synapses))
        if index.size and (index.min() < 0 or index.max() >= one.connectivity.synapses):
            raise ParameterError(f"{projection} has synapses 0 to {one.connectivity.synapses - 1}; {index} was asked.")
        at, who = self.grid[one.pre]
        sources = one.connectivity.pre[index]
        times = padded_trains([at[who == s] * self.network.dt for s in sources])
        with jax.enable_x64(True):
            exact = cast(one.synapse, np.float64)
            chosen = jax.tree.map(lambda x: x[index] if np.ndim(x) else x, exact)
        return History(times, np.asarray(train(chosen, times)[0]))

    def conductance(self, projection: str, synapses: Sequence[int], times: Any) -> np.ndarray:
        """Conductance of chosen device synapses at any times, between spikes too, shape (synapses, times) [S].

        Args:
            projection: Name of the projection.
            synapses: Their numbers.
            times: When, within the run [s].

        Raises:
            InputError: As :meth:`history`, and if the synapses are no devices or a time lies outside the run.
        """
        one = self.network.projection(projection)
        if not isinstance(one.synapse, DeviceSynapse):
            raise InputError(f"The synapses of {projection} are no devices; ask for their history.")
        spikes = self.history(projection, synapses).times
        index, when = np.atleast_1d(whole_numbers(f"Synapses of {projection}", synapses)), numbers("times", times, "s")
        when, slack = np.atleast_1d(when), 1e-9 * self.duration
        outside = ~((when >= -slack) & (when <= self.duration + slack))
        if np.any(outside):
            raise InputError(
                f"times hold {engineering(float(when[outside][0]), 's')}; the run goes from 0 s to "
                f"{engineering(self.duration, 's')}. Ask within it, or run longer."
            )
        found = np.empty((index.size, when.size))
        with jax.enable_x64(True):
            exact = cast(one.synapse, np.float64)
            for k, synapse in enumerate(index):
                single = jax.tree.map(lambda x, s=synapse: x[s] if np.ndim(x) else x, exact)
                found[k] = _between(single, spikes[k][np.isfinite(spikes[k])], when)
        return found

    def __str__(self) -> str:
        lines = [f"{self.duration:g} s from {self.start:g} s, engine {self.engine}"]
        for name, spikes in self.spikes.items():
            cost = f", neurons {engineering(self.neurons[name], 'J', 3)}" if np.isfinite(self.neurons[name]) else ""
            lines.append(f"  {name}: {spikes.times.size} spikes, {np.mean(self.rates(name)):.4g} Hz{cost}")
        for name, count in self.events.items():
            energy = self.energy[name]
            cost = f", {energy / count:.3g} J each" if count and np.isfinite(energy) else ""
            lines.append(f"  {name}: {count} synaptic events{cost}")
        return "\n".join(lines)


def _between(synapse: DeviceSynapse, spikes: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Conductance of one device at `times`, relaxed from the last spike before each."""
    with precision(synapse):
        states = [synapse.rest()]
        for gap in np.diff(spikes, prepend=spikes[:1]):
            states.append(synapse.spike(states[-1], gap)[0])
        last = np.searchsorted(spikes, times, side="right")
        batch = jax.tree.map(lambda *x: np.stack(x)[last], *states)
        since = np.where(last > 0, times - np.concatenate([[0.0], spikes])[last], times)
        relaxed = synapse.relaxed(batch, np.maximum(since, 0.0))
        return np.asarray(synapse.device.conductance(relaxed, temperature=synapse.temperature))


def memory(plan: Plan) -> dict[str, tuple[float, float]]:
    """Bytes a synapse takes in the kernel, and in the clocked engine, whose rows are padded; of each projection.

    Counted are target, weight, kept state and parameters that differ from synapse to synapse.
    """
    found = {}
    for projection, rows, state in zip(plan.network.projections, plan.rows, plan.rest.synapses, strict=True):
        arrays = (rows.target, rows.weight, *state.leaves, *rows.rule.each)
        count = max(rows.target.size, 1)
        exact = sum(x.nbytes for x in arrays) / count
        degrees = projection.connectivity.out_degree
        found[projection.name] = (exact, exact * degrees.size * int(degrees.max(initial=0)) / count)
    return found
