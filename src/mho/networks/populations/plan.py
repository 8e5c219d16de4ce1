"""A network laid out for the engines: rows of synapses, places on the delay lines, and the state that both share."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from mho.networks.populations.checks import check_precision
from mho.networks.populations.event_rule import EventRule, event_rule
from mho.networks.populations.network import PoissonSource, Population, SpikingNetwork
from mho.networks.populations.neurons import AbstractNeuron


class Cells(NamedTuple):
    """A population: its model, the numbers of a step, its size, and the rows of its delay line."""

    model: AbstractNeuron
    prepared: Any
    size: int
    rows: int

    @property
    def width(self) -> int:
        """Length of one row of the delay line: all receptors of all neurons."""
        return len(self.model.receptors) * self.size


class Rows(NamedTuple):
    """A projection: who feeds whom, from `starts[k]` to `starts[k + 1]` the synapses of source k.

    A synapse adds `weight` times its efficacy at the place `target` of the delay line's rows, when its source fired
    `wait` steps ago.
    """

    pre: int
    post: int
    starts: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    wait: int
    rule: EventRule


class ProjectionState(NamedTuple):
    """What moves in a projection: the step at which each source's last spike came, and the kept synaptic state."""

    last: Any
    leaves: tuple[Any, ...]


class NetworkState(NamedTuple):
    """Everything that moves; both engines go on from it, and it can be kept in a file.

    Args:
        step: Steps taken.
        neurons: Cells of each population.
        lines: What is on its way to each population, one row a step, the next first.
        recent: For each population, then each source, who fired in the last steps, the last first.
        synapses: Of each projection.
        dt: Step of the clock that it was made on [s].
    """

    step: int
    neurons: tuple[Any, ...]
    lines: tuple[np.ndarray, ...]
    recent: tuple[np.ndarray, ...]
    synapses: tuple[ProjectionState, ...]
    dt: Any


class Plan(NamedTuple):
    """A network, laid out."""

    network: SpikingNetwork
    dtype: Any
    cells: tuple[Cells, ...]
    sizes: tuple[int, ...]
    depths: tuple[int, ...]
    rows: tuple[Rows, ...]
    rest: NetworkState
    fields: tuple[tuple[str, ...], ...]


def plan(network: SpikingNetwork, dtype: Any) -> Plan:
    """Lay a network out in the precision `dtype`.

    Raises:
        InputError: If the precision is neither single nor double.
    """
    check_precision(dtype)
    parts: list[Any] = [*network.populations, *network.sources]
    index = {part.name: k for k, part in enumerate(parts)}
    depths, lines = [1] * len(parts), [1] * len(network.populations)
    rows, synapses, fields = [], [], []
    for projection in network.projections:
        pre, post = index[projection.pre], index[projection.post]
        delay, wires = network.delay_steps(projection), projection.connectivity
        wait = int(delay.min(initial=1)) if delay.size else 1
        later = delay - wait
        receptors, size = len(network.populations[post].model.receptors), parts[post].size
        place = (later * receptors + network.receptors(projection)) * size + wires.post
        rule, start = event_rule(projection, dtype)
        weight = np.array(np.broadcast_to(np.asarray(projection.weight, dtype), (wires.synapses,)))
        rows.append(Rows(pre, post, wires.starts, place.astype(np.int32), weight, wait, rule))
        synapses.append(ProjectionState(np.full(wires.inputs, -1, np.int32), start.values))
        fields.append(start.names)
        depths[pre] = max(depths[pre], wait)
        lines[post] = max(lines[post], int(later.max(initial=0)) + 1)
    cells = tuple(_cells(p, network.dt, n, dtype) for p, n in zip(network.populations, lines, strict=True))
    rest = NetworkState(
        step=0,
        neurons=tuple(_cast(c.model.rest(c.size), dtype) for c in cells),
        lines=tuple(np.zeros((c.rows, c.width), dtype) for c in cells),
        recent=tuple(np.zeros((d, part.size), np.uint8) for d, part in zip(depths, parts, strict=True)),
        synapses=tuple(synapses),
        dt=float(network.dt),
    )
    sizes = tuple(part.size for part in parts)
    return Plan(network, np.dtype(dtype), cells, sizes, tuple(depths), tuple(rows), rest, tuple(fields))


def _cells(population: Population, dt: float, rows: int, dtype: Any) -> Cells:
    model = population.model
    return Cells(_cast(model, dtype), _cast(model.prepared(dt), dtype), population.size, rows)


def _cast(tree: Any, dtype: Any) -> Any:
    """Numbers with a fraction in `dtype`, whole numbers as they are."""
    return jax.tree.map(
        lambda x: np.asarray(x, dtype) if np.issubdtype(np.asarray(x).dtype, np.floating) else np.asarray(x), tree
    )


def poisson_rates(plan: Plan) -> list[np.ndarray | None]:
    """For each source its rates, shape (size,) [1/s]; None where its spikes are given."""
    return [
        np.broadcast_to(np.asarray(s.rate, np.float64), (s.size,)) if isinstance(s, PoissonSource) else None
        for s in plan.network.sources
    ]
