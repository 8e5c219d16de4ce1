"""What a circuit takes, from itself: power with the membrane held, and what is left for a spike."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np
from scipy.optimize import lsq_linear

from mho.circuits.neurons.bench import LANES
from mho.circuits.neurons.neuron import MEMBRANE, AbstractNeuron
from mho.circuits.neurons.observation import Firing, observe
from mho.circuits.neurons.stages import GROUND
from mho.circuits.sources import VoltageSource
from mho.circuits.waves import PWL
from mho.core.results import Status
from mho.networks.circuit_energy import CircuitEnergy
from mho.networks.reduced.equation import along, intervals

SOURCES = ("supply", "bias", "drive")
"""Ledger groups that a neuron's energy is of: as the KPI circuit.energy_per_spike, its input's charge in it."""

# Voltages of the membrane, as shares of threshold less rest below the threshold: power grows fast towards it.
_KEPT = (1.0, 0.7, 0.55, 0.43, 0.34, 0.26, 0.20, 0.15, 0.11, 0.08, 0.055, 0.035, 0.02, 0.01, 0.0)
_RAMP = (1e-6, 41e-6)  # [s] the membrane is led to its voltage so slowly that only the circuit's own threshold flips it
_LOOK = (80e-6, 160e-6)  # [s] between these its power is taken
_NEAR = [0.7, 0.0, 0.0]  # least factor on the power, energy of a spike, power while dwelling
_SOFT = 1.0  # slopes below the threshold at which a membrane begins to dwell


def held(neuron: AbstractNeuron, v_rest: float, v_threshold: float, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Power of supplies and biases with the membrane held at voltages from rest to where the circuit flips [V], [W].

    Args:
        neuron: The circuit.
        v_rest: Lowest [V].
        v_threshold: Highest that is tried [V].
        power: At rest, from a run without input [W].
    """
    v = v_threshold - np.asarray(_KEPT) * (v_threshold - v_rest)
    clamp = VoltageSource(MEMBRANE, GROUND, PWL(_RAMP, (0.0 * v + v_rest, v)))
    circuit = neuron.circuit(initial={MEMBRANE: v_rest}).with_elements({"clamp.membrane": clamp})
    first, last = (observe(circuit, stop, lanes=LANES, spikes=4) for stop in _LOOK)
    taken = (spent_by(last, "supply", "bias") - spent_by(first, "supply", "bias")) / (_LOOK[1] - _LOOK[0])
    waits = (last.counts == 0) & (last.status == Status.OK) & (first.status == Status.OK)
    count = max(int(np.argmin(waits)) if not waits.all() else len(v), 2)
    return v[:count], power + np.maximum.accumulate(np.maximum(taken[:count] - taken[0], 0.0))


def spent_by(firing: Firing, *groups: str) -> np.ndarray:
    """What sources gave over a run [J]."""
    return np.sum([x for name, x in firing.supplied.items() if name.split(".")[0] in groups], axis=0)


def energy_of(
    numbers: Mapping[str, float], current: np.ndarray, total: np.ndarray, v: np.ndarray, power: np.ndarray
) -> CircuitEnergy:
    """The energy of a spike is what is left of an interval's when the membrane's way to the threshold is paid.

    The power above that at rest is scaled by one factor near 1, so that what is left depends as little as it can on
    how long the way was: a membrane on the move is no held one, and lines lie above a curve.

    Args:
        numbers: Of the equation.
        current: Inputs, growing [A].
        total: Energy of an interval under them: supplies, biases and input [J].
        v: Voltages of the membrane [V].
        power: There, membrane held [W].
    """
    soft = numbers["v_threshold"] - _SOFT * numbers["v_slope"]
    dwell = intervals({**numbers, "v_reset": soft, "t_ref": 0.0}, current)

    def on_the_way(watts: np.ndarray, share: float) -> np.ndarray:
        free = CircuitEnergy(tuple(v), tuple(watts), soft, (0.0, 1.0), (0.0, 0.0))

        def flow(volts: np.ndarray, i: np.ndarray) -> np.ndarray:
            return np.asarray(free.flow(np.minimum(volts, numbers["v_threshold"]), share * i))

        with jax.enable_x64(True):
            return along(numbers, current, flow)

    supplied, brought = on_the_way(power, 0.0), on_the_way(0.0 * power, 1.0)
    columns = np.stack([supplied, np.ones(len(current)), dwell], axis=1) / total[:, None]
    found = lsq_linear(columns, 1.0 - brought / total, bounds=(_NEAR, [_NEAR[0] ** -1, np.inf, np.inf]))
    moving = power[0] + found.x[0] * (power - power[0])
    left = total - on_the_way(moving, 0.0) - brought
    return CircuitEnergy(tuple(v), tuple(moving), soft, tuple(dwell[::-1]), tuple(left[::-1]))
