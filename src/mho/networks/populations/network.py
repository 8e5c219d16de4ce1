"""The description that both engines run: populations, sources, and projections between them, on one clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError, ParameterError
from mho.core.names import meant
from mho.networks.neurons import LIF
from mho.networks.populations.checks import check_number, check_size, numbers
from mho.networks.populations.connectivity import Connectivity
from mho.networks.populations.current_lif import CurrentLIF
from mho.networks.populations.energy import EventEnergy
from mho.networks.populations.neurons import AbstractNeuron
from mho.networks.synapse import AbstractSynapse, StaticSynapse, batch_shape

_ROOM = 1e9  # bytes for a projection's spikes on their way, in double precision


@dataclass(frozen=True)
class Population:
    """Neurons of one kind.

    Args:
        name: What projections and results call it.
        size: Number of neurons.
        neuron: Their model, with one number for all or one for each; a :class:`mho.networks.LIF` is taken as it is.

    Raises:
        ParameterError: If the size is no whole number from 1 on, or the model or the shape of its numbers do not fit.
    """

    name: str
    size: int
    neuron: AbstractNeuron | LIF

    def __post_init__(self) -> None:
        check_size(f"The size of {self.name}", self.size)
        if not isinstance(self.neuron, AbstractNeuron | LIF):
            raise ParameterError(
                f"The neuron of {self.name} is {self.neuron!r}; give a model with its numbers, such as CurrentLIF(...)."
            )
        for where, leaf in jax.tree_util.tree_flatten_with_path(self.neuron)[0]:
            if np.shape(leaf) not in ((), (self.size,)):
                raise ParameterError(
                    f"{jax.tree_util.keystr(where)[1:]} of {self.name} has shape {np.shape(leaf)}; give one number, or "
                    f"one for each of {self.size}."
                )

    @cached_property
    def model(self) -> AbstractNeuron:
        """The neuron on a clock."""
        return CurrentLIF.of(self.neuron) if isinstance(self.neuron, LIF) else self.neuron


@dataclass(frozen=True)
class SpikeSource:
    """Sources whose spikes are given to a run.

    Args:
        name: What projections and runs call it.
        size: Number of sources.

    Raises:
        ParameterError: If the size is no whole number from 1 on.
    """

    name: str
    size: int

    def __post_init__(self) -> None:
        check_size(f"The size of {self.name}", self.size)


@dataclass(frozen=True)
class PoissonSource:
    """Sources that fire at random: at every grid point with probability rate times dt, independently.

    Args:
        name: What projections and results call it.
        size: Number of sources.
        rate: Mean rate, one for all or one for each [1/s].

    Limits: at most one spike a step and source. A rate of a share r of 1/dt has intervals that are too regular by the
    share r; split strong inputs into more sources.
    """

    name: str
    size: int
    rate: Any

    def __post_init__(self) -> None:
        check_size(f"The size of {self.name}", self.size)
        rate = numbers(f"The rate of {self.name}", self.rate, "1/s")
        if not np.all(np.isfinite(rate) & (rate >= 0)):
            raise ParameterError(f"The rate of {self.name} is not a number from 0 on. Correct it.")
        if rate.shape not in ((), (self.size,)):
            raise ParameterError(f"The rate of {self.name} has shape {rate.shape}; give one, or {self.size}.")


@dataclass(frozen=True)
class Projection:
    """Synapses from one population or source to one population.

    Args:
        pre: Name of the source population.
        post: Name of the target population.
        connectivity: Which synapses there are.
        weight: What a spike of unit efficacy adds at the receptor, one for all or one a synapse [A] or [S].
        delay: From a spike to its effect, one for all or one a synapse; at least a step [s].
        synapse: Its model, one for all or a batch of one a synapse.
        receptor: Name of the receptor at the target, or its number for each synapse; default its first.
        energy: What one event costs; None for synapses without such knowledge.
        keep: Fields of the synapse's state to keep although no efficacy depends on them (wear), such as "cycles".
        name: What results call it; default "pre to post".
    """

    pre: str
    post: str
    connectivity: Connectivity
    weight: Any
    delay: Any
    synapse: AbstractSynapse = field(default_factory=StaticSynapse)
    receptor: Any = None
    energy: EventEnergy | None = None
    keep: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or f"{self.pre} to {self.post}")
        if not isinstance(self.connectivity, Connectivity):
            raise ParameterError(
                f"The connectivity of {self.name} is a {type(self.connectivity).__name__}; give a Connectivity, such "
                "as one_to_one(10), or the field `connectivity` of a wiring."
            )
        if not isinstance(self.synapse, AbstractSynapse):
            raise ParameterError(
                f"The synapse of {self.name} is {self.synapse!r}; give a model with its numbers, such as "
                "StaticSynapse()."
            )
        n = self.connectivity.synapses
        if n == 0:
            raise ParameterError(f"{self.name} has no synapses. Raise its probability, or leave it out.")
        for what, value, unit in (("weight", self.weight, "A or S"), ("delay", self.delay, "s")):
            number = numbers(f"{what} of {self.name}", value, unit)
            if number.shape not in ((), (n,)):
                raise ParameterError(
                    f"{what} of {self.name} has shape {number.shape}; give one, or one for each of {n}."
                )
            if not np.all(np.isfinite(number)):
                bad = int(np.flatnonzero(~np.isfinite(np.broadcast_to(number, (n,))))[0]) if n else 0
                raise ParameterError(
                    f"{what} of {self.name} is not finite at synapse {bad}; every {what} must be a number. Correct it."
                )
        if batch_shape(self.synapse) not in ((), (n,)):
            raise ParameterError(
                f"The synapse of {self.name} is a batch of {batch_shape(self.synapse)}; give one, or {n}."
            )


@dataclass(frozen=True)
class SpikingNetwork:
    """A network on a clock: the one description that the clocked engine and the compiled kernel both run.

    A neuron that fires within step k counts as a spike of grid point k + 1; what it does arrives `delay` later, on the
    grid. Its time is reported where the membrane crossed.

    Args:
        populations: Neurons.
        projections: Synapses.
        dt: Step of the clock [s].
        sources: Inputs.

    Raises:
        ParameterError: If names, sizes or receptors do not fit together.
        InputError: If a delay or a refractory time is shorter than a step, or what is on its way takes more than 1 GB.
    """

    populations: Sequence[Population]
    projections: Sequence[Projection]
    dt: float
    sources: Sequence[SpikeSource | PoissonSource] = ()

    def __post_init__(self) -> None:
        check_number("dt", self.dt, "s", "1e-4")
        if not (np.isfinite(self.dt) and self.dt > 0):
            raise InputError(f"dt is {engineering(self.dt, 's')}; it must be above 0.")
        names = [part.name for part in (*self.populations, *self.sources)]
        if len(set(names)) != len(names):
            raise ParameterError(f"Two of {', '.join(names)} have the same name. Rename one.")
        titles = [p.name for p in self.projections]
        if len(set(titles)) != len(titles):
            raise ParameterError(f"Two projections of {', '.join(titles)} have the same name. Name them apart.")
        for population in self.populations:
            population.model.prepared(self.dt)  # says so if a step is too long for it
        for source in self.sources:
            if isinstance(source, PoissonSource) and np.max(source.rate, initial=0.0) * self.dt > 0.5:
                raise ParameterError(
                    f"{source.name} fires at {engineering(float(np.max(source.rate)), '1/s')}; a step of "
                    f"{engineering(self.dt, 's')} holds at most {engineering(0.5 / self.dt, '1/s')}. Split it."
                )
        for projection in self.projections:
            self._check(projection)

    def _check(self, projection: Projection) -> None:
        pre = self.part(projection.pre)
        post = self.part(projection.post)
        if not isinstance(post, Population):
            raise ParameterError(f"{projection.name} ends on {post.name}, which has no neurons.")
        wires = projection.connectivity
        if (wires.inputs, wires.outputs) != (pre.size, post.size):
            raise ParameterError(
                f"{projection.name} has {wires.inputs} sources and {wires.outputs} targets; {pre.name} has {pre.size} "
                f"and {post.name} has {post.size}."
            )
        least = float(np.min(np.asarray(projection.delay), initial=np.inf))
        if least < self.dt * (1 - 1e-6):
            raise InputError(
                f"A delay of {projection.name} is {engineering(least, 's')}; it must be at least one step, "
                f"{engineering(self.dt, 's')}. Lengthen it or shorten dt."
            )
        self._check_room(projection, pre.size, post)
        width = float(np.max(np.asarray(projection.synapse.width)))
        if width > self.dt * (1 + 1e-6):
            raise InputError(
                f"A spike occupies the synapses of {projection.name} for {engineering(width, 's')}; a step of "
                f"{engineering(self.dt, 's')} must not be shorter. Shorten the pulse."
            )
        self.receptors(projection)

    def _check_room(self, projection: Projection, sources: int, post: Population) -> None:
        """Raise if the spikes on their way, or the currents that they will be, take more than `_ROOM`."""
        steps = np.rint(np.asarray(projection.delay, np.float64) / self.dt)
        shortest, longest = float(steps.min()), float(steps.max())
        line = (longest - shortest + 1) * len(post.model.receptors) * post.size * np.dtype(np.float64).itemsize
        if max(line, shortest * sources) > _ROOM:
            raise InputError(
                f"The longest delay of {projection.name} is {engineering(longest * self.dt, 's')}, {longest:.4g} steps "
                f"of {engineering(self.dt, 's')}; what is on its way would take "
                f"{engineering(max(line, shortest * sources), 'B')}, and at most {engineering(_ROOM, 'B')} are kept. "
                "Shorten the delay (it is in seconds) or lengthen dt."
            )

    def part(self, name: str) -> Population | SpikeSource | PoissonSource:
        """The population or source of that name.

        Raises:
            ParameterError: If there is none.
        """
        parts = {part.name: part for part in (*self.populations, *self.sources)}
        if name not in parts:
            raise ParameterError(f"There is no population or source {name!r}. {meant(name, parts)}".strip())
        return parts[name]

    def projection(self, name: str) -> Projection:
        """The projection of that name.

        Raises:
            ParameterError: If there is none.
        """
        found = {p.name: p for p in self.projections}
        if name not in found:
            raise ParameterError(f"There is no projection {name!r}. {meant(name, found)}".strip())
        return found[name]

    def delay_steps(self, projection: Projection) -> np.ndarray:
        """Delay of each synapse in steps, shape (n,)."""
        steps = np.rint(np.asarray(projection.delay, np.float64) / self.dt).astype(np.int32)
        return np.broadcast_to(steps, (projection.connectivity.synapses,))

    def receptors(self, projection: Projection) -> np.ndarray:
        """Number of the receptor that each synapse acts on, shape (n,).

        Raises:
            ParameterError: If the target has no such receptor.
        """
        post = self.part(projection.post)
        assert isinstance(post, Population)
        names, given = post.model.receptors, projection.receptor
        if given is None:
            given = 0
        if isinstance(given, str):
            if given not in names:
                raise ParameterError(f"{post.name} has no receptor {given!r}; it has {', '.join(names)}.")
            given = names.index(given)
        number = np.asarray(given)
        if number.size and (number.min() < 0 or number.max() >= len(names)):
            raise ParameterError(
                f"{projection.name} acts on receptor {number.max()} of {post.name}, which has {len(names)}: "
                f"{', '.join(names)}."
            )
        return np.broadcast_to(number.astype(np.int32), (projection.connectivity.synapses,))
