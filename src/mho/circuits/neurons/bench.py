"""The bench that neurons are measured on: a current in two windows of time, and a train of synaptic charges.

The sources always have the same kinds and numbers of corners and the same states are saved, so that all protocols of a
topology share one compiled program.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from mho.circuits.netlist import Circuit
from mho.circuits.neurons.neuron import MEMBRANE, AbstractNeuron
from mho.circuits.neurons.observation import Firing, observe
from mho.circuits.neurons.stages import GROUND
from mho.circuits.sources import CurrentSource
from mho.circuits.waves import PWL
from mho.core.errors import InputError

SPIKES = 24  # presynaptic spikes in the train
LANES = 16  # samples in a run; a shape, so the same for all protocols
EDGE = 1e-9  # [s]
ECRAM = "excitability.ecram"
_NEVER = ((1e-6, 2e-6), (3e-6, 4e-6))


def bench(
    neuron: AbstractNeuron,
    *,
    current: Any = 0.0,
    windows: Any = _NEVER,
    charges: Any = 0.0,
    period: Any = 4e-6,
    width: float = 200e-9,
    initial: Mapping[str, Any] | None = None,
) -> Circuit:
    """A neuron with a current in two windows of time and the charges of a presynaptic train.

    A synapse is a current source towards the membrane (its mirror's output), so a train that was measured with the
    membrane held, :func:`mho.circuits.synapses.stimulate`, stands for it. Any number may be a batch, one per sample.

    Args:
        neuron: The neuron.
        current: Current while a window is open [A].
        windows: Two pairs of begin and end, in order of time [s].
        charges: Charge of each presynaptic spike, from 1 us on: a number, or shape (..., SPIKES) [C].
        period: Of the presynaptic spikes [s].
        width: Their width [s].
        initial: Initial node voltages and device states, by name.

    Raises:
        InputError: If a window ends before it begins, or there are more charges than the bench has spikes.
    """
    (a, b), (c, d) = windows
    corners = (a, a + EDGE, b, b + EDGE, c, c + EDGE, d, d + EDGE)
    if any(np.any(np.asarray(y) <= np.asarray(x)) for x, y in itertools.pairwise(corners)):
        raise InputError("The bench's windows must each end after they begin, and not overlap. Check their times [s].")
    level = np.asarray(current, np.float64)
    charges = np.asarray(charges, np.float64)
    if charges.ndim and charges.shape[-1] != SPIKES:
        raise InputError(
            f"The bench takes {SPIKES} charges a train, not {charges.shape[-1]}. Cut or pad the train with zeros."
        )
    charges = charges[..., None] * np.ones(SPIKES) if not charges.ndim else charges
    height = np.moveaxis(charges, -1, 0) / (width + EDGE)
    times: list[Any] = []
    values: list[Any] = []
    for k in range(SPIKES):
        start = 1e-6 + k * np.asarray(period, np.float64)
        times += [start, start + EDGE, start + EDGE + width, start + 2 * EDGE + width]
        values += [0.0 * height[k], height[k], height[k], 0.0 * height[k]]
    bare = neuron.circuit(current=PWL(corners, tuple(x * level for x in (0, 1, 1, 0, 0, 1, 1, 0))), initial=initial)
    return bare.with_elements({"drive.synapse": CurrentSource(GROUND, MEMBRANE, PWL(times, values))})


def driven(neuron: AbstractNeuron, current: Any, stop: float, *, spikes: int = 16, **options: Any) -> Firing:
    """A neuron under a constant current, without anything else on the bench.

    Args:
        neuron: The neuron; its numbers may be a batch.
        current: Input from 1 us on [A]: a number, or one per sample.
        stop: Longest time [s].
        spikes: Spikes that end a sample.
        **options: As of :func:`observe`.
    """
    return observe(stepped(neuron, current), stop, **{"lanes": 32, "spikes": spikes, **options})


def stepped(neuron: AbstractNeuron, current: Any) -> Circuit:
    """A neuron whose input current [A] comes on at 1 us."""
    level = np.asarray(current, np.float64)
    return neuron.circuit(current=PWL((1e-6, 1e-6 + 10 * EDGE), (0.0 * level, level)))


def run(circuit: Circuit, stop: float) -> Firing:
    """Observe a circuit of the bench, with the waveforms of the ECRAM's states kept; 64 spikes end a sample.

    Args:
        circuit: From :func:`bench`.
        stop: End [s].
    """
    names = circuit[ECRAM].state_names() if ECRAM in circuit.names else ()
    return observe(circuit, stop, lanes=LANES, save=tuple(f"{ECRAM}.{s}" for s in names))
