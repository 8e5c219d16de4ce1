"""Runs a neuron circuit over its input current, and reduces what it did to an equation and a table of energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from mho.circuits.neurons.bench import EDGE, LANES, SPIKES, bench
from mho.circuits.neurons.neuron import MEMBRANE, AbstractNeuron
from mho.circuits.neurons.observation import Firing, observe
from mho.core import engineering
from mho.core.errors import InputError
from mho.core.results import Status, failures
from mho.networks.reduced.equation import intervals, spikes
from mho.networks.reduced.fit import fitted
from mho.networks.reduced.model import Curve, ReducedNeuron, Trial
from mho.networks.reduced.modulated import ModulatedNeuron
from mho.networks.reduced.spending import SOURCES, energy_of, held, spent_by

FEWEST = 6
"""Currents at which a circuit must fire: the fit has five numbers."""

_SHARES = np.array(
    [4.5, 6.5]
)  # charges of a trial's pulses: the 5th, 10th, ... and the 7th, 14th, ... fire, not the last
_LATER = 4.0  # over the end of a run: when windows open that shall not


def reduce(
    neuron: AbstractNeuron,
    currents: ArrayLike,
    *,
    stop: float = 5e-3,
    spikes: int = 8,
    trials: bool = True,
) -> ReducedNeuron:
    """The reduced form of a neuron circuit, from runs of the circuit at constant currents.

    Args:
        neuron: The circuit; one with an ECRAM inside should have it still (`efficacy` near 0), or its modulation is
            mixed into the curve.
        currents: Inputs, growing [A].
        stop: Longest time of a run: an interval must fit in three times [s].
        spikes: Spikes that end a run.
        trials: Whether circuit and reduced form are compared under two pulse trains that are not fitted.

    Returns:
        The equation's numbers, how far they depart from the circuit, the energy of a spike, the power at rest.

    Raises:
        InputError: If currents are not positive and growing, too few of them make the circuit fire, or it fires without
            input.
    """
    current = _checked(currents)
    firing = _constant(neuron, current, stop, spikes)
    power = _power_at_rest(neuron, firing, stop)
    model = _reduced(neuron, type(neuron).__name__, firing, np.arange(len(current) + 1), current, stop, power)
    return replace(model, trials=_tried(neuron, model)) if trials else model


def reduce_over(
    neuron: AbstractNeuron,
    currents: ArrayLike,
    handle: Callable[[Any], Any],
    values: ArrayLike,
    *,
    name: str,
    unit: str,
    stop: float = 5e-3,
    spikes: int = 8,
) -> ModulatedNeuron:
    """The reduced form over a handle of the circuit's excitability: a bias voltage, or the channel of an ECRAM inside.

    Args:
        neuron: The circuit.
        currents: Inputs, growing; every value of the handle must fire at six of them [A].
        handle: The number that is varied, for example ``lambda n: n.v_leak``.
        values: Its values, growing, in its unit.
        name: What it is called.
        unit: Its unit.
        stop: Longest time of a run [s].
        spikes: Spikes that end a run.

    Raises:
        InputError: As :func:`reduce`, with the value of the handle named.
    """
    current, grid = _checked(currents), np.asarray(values, np.float64)
    if grid.ndim != 1 or grid.size < 2 or np.any(np.diff(grid) <= 0) or not np.all(np.isfinite(grid)):
        raise InputError(f"The values of {name} are {grid.tolist()} {unit}; give two or more that grow.")
    each = len(current) + 1
    batch = eqx.tree_at(handle, neuron, np.repeat(grid, each))
    firing = _constant(batch, np.tile(current, grid.size), stop, spikes, copies=grid.size)
    models = []
    for k, value in enumerate(grid):
        one = eqx.tree_at(handle, neuron, value)
        rows = np.arange(k * each, (k + 1) * each)
        title = f"{type(neuron).__name__} at {name} = {engineering(float(value), unit)}"
        power = _power_at_rest(one, firing, stop, row=int(rows[0]))
        models.append(_reduced(one, title, firing, rows, current, stop, power))
    return ModulatedNeuron(name, unit, grid, tuple(models))


def _checked(currents: ArrayLike) -> np.ndarray:
    current = np.atleast_1d(np.asarray(currents, np.float64))
    if current.ndim != 1 or not np.all(np.isfinite(current)):
        raise InputError(f"currents have shape {current.shape} or are not finite; give a list of numbers [A].")
    if np.any(current <= 0):
        raise InputError(
            f"A current is {engineering(float(np.min(current)), 'A')}; all must be above 0. The run without input is "
            "made besides; inhibition is not extracted."
        )
    if np.any(np.diff(current) <= 0):
        k = int(np.flatnonzero(np.diff(current) <= 0)[0])
        raise InputError(
            f"currents do not grow: {engineering(float(current[k]), 'A')} comes before "
            f"{engineering(float(current[k + 1]), 'A')}. Sort them, each once."
        )
    if len(current) < FEWEST:
        raise InputError(f"There are {len(current)} currents; the fit needs {FEWEST} at which the circuit fires.")
    return current


def _constant(neuron: AbstractNeuron, current: np.ndarray, stop: float, spikes: int, *, copies: int = 1) -> Firing:
    """The circuit at rest, then at each current, for each copy of the handle."""
    if spikes < 4:
        raise InputError(f"spikes is {spikes}; steady firing needs at least 4.")
    level = np.concatenate([np.r_[0.0, part] for part in np.split(current, copies)])
    return _observed(neuron, level, stop, spikes)


def _observed(neuron: AbstractNeuron, level: np.ndarray, stop: float, spikes: int, **train: Any) -> Firing:
    """One program for constant currents, rest, and trains; what is not wanted comes after the end."""
    late = ((1e-6, _LATER * stop), ((_LATER + 1) * stop, (_LATER + 2) * stop))
    circuit = bench(neuron, current=level, windows=late, **{"period": _LATER * stop, **train})
    return observe(circuit, stop, lanes=LANES, spikes=spikes, save=(MEMBRANE,))


def _power_at_rest(neuron: AbstractNeuron, firing: Firing, stop: float, *, row: int = 0) -> float:
    """What the sources give in the second half of a run without input [W]: the first holds the charge of the start."""
    half = _observed(neuron, np.zeros(2), 0.5 * stop, firing.times.shape[1])
    spent = [spent_by(f, *SOURCES)[k] for f, k in ((firing, row), (half, 0))]
    return max(float(spent[0] - spent[1]) / (0.5 * stop), 0.0)


def _reduced(
    neuron: AbstractNeuron,
    name: str,
    firing: Firing,
    rows: np.ndarray,
    current: np.ndarray,
    stop: float,
    power: float,
) -> ReducedNeuron:
    """The model from the rows of a run: without input first, then at each current."""
    counts, status = firing.counts[rows], firing.status[rows]
    ended = np.isin(status, [int(Status.OK), int(Status.EVENTS_FULL)])
    if counts[0] or not ended[0]:
        what = f"fires {counts[0]} times" if counts[0] else f"{Status(int(status[0])).reason[:-1]}"
        raise InputError(f"{name} without input {what}; a reduced neuron is silent then. Weaken its feedback or leak.")
    fires, silent = ended[1:] & (counts[1:] >= 3), ended[1:] & (counts[1:] == 0)
    failed = failures(status[~ended])
    if fires.sum() < FEWEST:
        raise InputError(_too_few(name, current, counts[1:], fires, failed, stop))
    at = rows[1:][fires]
    interval = 1.0 / firing.settled_rate[at]
    width = firing.settled_width[at]
    c, v_rest, v_reset = _membrane(firing, int(rows[0]), at, current[fires], interval, width, stop)
    numbers = fitted(
        current[fires], interval, current[silent], stop,
        c=c, v_rest=v_rest, v_reset=v_reset, width=float(np.min(width)),
    )  # fmt: skip
    curve = Curve(
        current=current[fires],
        rate=1.0 / interval,
        model=1.0 / intervals(numbers, current[fires]),
        width=width,
        supplied=firing.settled_energy("supply", "bias")[at],
        input=firing.settled_energy("drive")[at],
    )
    slow = current[ended[1:] & ~fires & ~silent]
    v, static = held(neuron, v_rest, numbers["v_threshold"], power)
    energy = energy_of(numbers, curve.current, curve.supplied + curve.input, v, static)
    return ReducedNeuron(name, numbers, curve, energy, current[silent], slow, failed)


def _too_few(
    name: str, current: np.ndarray, counts: np.ndarray, fires: np.ndarray, failed: Mapping[str, int], stop: float
) -> str:
    lost = f" Failed runs: {', '.join(f'{n} {reason}' for reason, n in failed.items())}." if failed else ""
    return (
        f"{name} fires three times within {engineering(stop, 's')} at {int(fires.sum())} of {len(current)} currents "
        f"from {engineering(float(current[0]), 'A')} to {engineering(float(current[-1]), 'A')} (spikes: "
        f"{', '.join(map(str, counts))}); the fit needs {FEWEST}.{lost} Raise the currents, or stop."
    )


def _membrane(
    firing: Firing,
    rest: int,
    rows: np.ndarray,
    current: np.ndarray,
    interval: np.ndarray,
    width: np.ndarray,
    stop: float,
) -> tuple[float, float, float]:
    """Capacitance [F] by the slope between two fifths and two thirds of an interval, rest [V], and reset [V].

    The slope is looked at where the interval is long beside the spike and the current large beside the leak.
    """
    ample = np.flatnonzero(interval > 10.0 * width)
    ample = ample[-3:] if ample.size else np.array([0])
    found = []
    for k in ample:
        t = _last(firing, int(rows[k]))
        a, b = firing.at(int(rows[k]), MEMBRANE, t + interval[k] * np.array([0.40, 0.65]))
        found.append(current[k] * 0.25 * interval[k] / (b - a))
    k = int(ample[0])
    after = _last(firing, int(rows[k])) + width[k] + np.geomspace(1e-3, 0.5, 80) * interval[k]
    low = float(np.min(firing.at(int(rows[k]), MEMBRANE, after)))
    return float(np.median(found)), float(firing.at(rest, MEMBRANE, 0.99 * stop)), low


def _last(firing: Firing, row: int) -> float:
    """Begin of the last whole interval [s]."""
    times = firing.times[row]
    return float(times[np.isfinite(times)][-2])


def _tried(neuron: AbstractNeuron, model: ReducedNeuron) -> tuple[Trial, ...]:
    """Two trains of charges, some of which fire the neuron; their mean currents lie in its range."""
    n, valid = model.numbers, np.log(model.curve.current)
    mean = np.exp(np.interp([0.5, 0.8], [0.0, 1.0], [valid[0], valid[-1]]))
    charge = n["c"] * (n["v_threshold"] - n["v_reset"]) / _SHARES
    width = float(np.median(model.curve.width))
    period = np.maximum(charge / mean, 3.0 * width)
    stop = float(1e-6 + SPIKES * period.max())
    firing = _observed(
        neuron, np.zeros(2), stop, SPIKES, charges=charge[:, None] * np.ones(SPIKES), period=period, width=width
    )
    found = []
    for k in range(2):
        level = charge[k] / (width + EDGE)
        pieces: Sequence[float] = [1e-6, *[width + EDGE, period[k] - width - EDGE] * SPIKES]
        durations, currents = [*pieces, max(stop - sum(pieces), 0.0)], [0.0, *[level, 0.0] * SPIKES, 0.0]
        times, billed = spikes(n, model.energy, durations, currents)
        own = firing.times[k][np.isfinite(firing.times[k])]
        both = min(len(own), len(times))
        spent = np.sum([x[k] for name, x in firing.energies.items() if name.split(".")[0] in SOURCES], axis=0)
        given = [float(x[both - 1]) if both else 0.0 for x in (spent, billed)]
        found.append(Trial(float(charge[k]), float(period[k]), own, times, *given))
    return tuple(found)
