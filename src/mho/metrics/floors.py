"""Agreement between floors: one pulse train through one device as device, as circuit and as network synapse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mho.circuits import Circuit, Memristive, Options, PulseWave, VoltageSource, transient
from mho.core.errors import InputError
from mho.core.quantities import engineering
from mho.devices import ECRAM, Pulse
from mho.metrics.kpi import KPI
from mho.networks import efficacy_train

_EDGE = 1e-9  # [s] rise and fall of the circuit's gate pulse: short against the pulse, long against a first step
_TOLERANCE = 1e-5  # local error of the circuit's transient; its states are then good to about 1e-4


@dataclass(frozen=True)
class Agreement:
    """Conductance after each pulse of a train, on every floor.

    Args:
        pulse: The gate pulse.
        rate: Pulses per second [1/s].
        conductance: By floor ("device", "circuit", "network", and others that were added): one value a pulse [S].
        rest: Conductance before the train [S].
    """

    pulse: Pulse
    rate: float
    conductance: Mapping[str, np.ndarray]
    rest: float

    def difference(self, floor: str) -> np.ndarray:
        """Difference of a floor's conductance change from the device floor's, over the latter, one a pulse [1]."""
        reference = self.conductance["device"] - self.rest
        return (self.conductance[floor] - self.rest - reference) / reference

    def resistance_step(self, floor: str) -> float:
        """Fall of the resistance by the first pulse [ohm]."""
        return float(1.0 / self.rest - 1.0 / self.conductance[floor][0])

    def facilitation(self, floor: str) -> float:
        """Last conductance over the first [1]."""
        return float(self.conductance[floor][-1] / self.conductance[floor][0])

    def with_floor(self, name: str, conductance: Any) -> Agreement:
        """The same with another floor's conductances beside it, for example those of the device inside a synapse."""
        values = np.asarray(conductance, np.float64)
        if values.shape != self.conductance["device"].shape:
            raise InputError(
                f"Floor {name!r} has {values.size} conductances for {len(self.conductance['device'])} pulses."
            )
        return Agreement(self.pulse, self.rate, {**self.conductance, name: values}, self.rest)


def compare_floors(device: ECRAM, *, rate: float, pulses: int, pulse: Pulse | None = None) -> Agreement:
    """The same train through the device's event face, through a transient simulation, and through a network's synapse.

    Device and circuit run in float64, the network in float32, as networks do. The circuit drives the gate through its
    series resistance from an ideal source, with the channel grounded; the conductance is read at the end of each pulse.

    Args:
        device: The one device.
        rate: Pulses per second [1/s].
        pulses: Number of pulses.
        pulse: Default: the device's reference pulse.
    """
    pulse = Pulse(device.v_ref, device.t_ref) if pulse is None else pulse
    if not (rate > 0 and pulses >= 2 and 1.0 / rate > float(pulse.width)):
        raise InputError(
            f"{pulses} pulses of {engineering(float(pulse.width), 's')} at {engineering(rate, 'Hz')} cannot be; "
            "give at least 2 that do not overlap."
        )
    starts = np.arange(pulses) / rate
    with jax.enable_x64(True):
        rest = float(device.conductance(device.rest()))
        found = {"device": _events(device, pulse, 1.0 / rate, pulses), "circuit": _circuit(device, pulse, rate, pulses)}
    found["network"] = efficacy_train(device, starts, pulse, dtype=np.float32)
    return Agreement(pulse, rate, found, rest)


def agreement_kpi(agreement: Agreement, provenance: Any = ()) -> KPI:
    """The largest difference between floors, in conductance change, over the whole train."""
    worst = {
        floor: float(np.max(np.abs(agreement.difference(floor))))
        for floor in agreement.conductance
        if floor != "device"
    }
    return KPI(
        name="floors.agreement",
        value=max(worst.values()),
        unit="1",
        definition="largest |ΔG(floor) - ΔG(device)| / ΔG(device) over floors and pulses, ΔG since the train began",
        n=len(agreement.conductance["device"]),
        boundary="the same device, pulse and times on every floor; "
        + ", ".join(f"{k} {v:.2g}" for k, v in worst.items()),
        conditions={
            "pulses": f"{len(agreement.conductance['device'])} at {agreement.rate:g} Hz",
            "temperature": "27 °C",
        },
        provenance=provenance,
    )


def _events(device: ECRAM, pulse: Pulse, period: float, pulses: int) -> np.ndarray:
    prepared = device.prepare(pulse)
    state, found = device.rest(), []
    for k in range(pulses):
        if k:
            state = device.relax(state, period - float(pulse.width))
        state = prepared(device, state)
        found.append(float(device.conductance(state)))
    return np.asarray(found)


def _circuit(device: ECRAM, pulse: Pulse, rate: float, pulses: int) -> np.ndarray:
    """Conductances at the pulses' ends, from a transient simulation of the gate network and the continuous face."""
    width, period = float(pulse.width), 1.0 / rate
    first = min(period, 1e-6)  # the sources settle before the train begins
    wave = PulseWave(0.0, float(pulse.amplitude), first, _EDGE, _EDGE, width - _EDGE, period)
    circuit = Circuit({"gate": VoltageSource("gate", "0", wave), "ecram": Memristive(("gate", "0", "0"), device)})
    names = [*(f"ecram.q{k}" for k in range(len(device.tau))), "ecram.x"]
    stop = first + (pulses - 1) * period + 2 * width
    run = transient(circuit, stop, save=names, options=Options(tolerance=_TOLERANCE))
    ends = first + np.arange(pulses) * period + width + 2 * _EDGE
    values = [run.at(name, ends) for name in names]
    state = device.rest()
    state = type(state)(tuple(values[:-1]), state.z, values[-1], state.age, state.cycles, state.charge, state.pulses)
    return np.asarray(device.conductance(state))
