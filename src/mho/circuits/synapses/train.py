"""A synapse under a train of presynaptic spikes, membrane held: charge, channel resistance and energy per spike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.netlist import Circuit
from mho.circuits.neurons import observation
from mho.circuits.neurons.neuron import MEMBRANE, PRESYNAPTIC
from mho.circuits.neurons.observation import spread
from mho.circuits.neurons.stages import GROUND
from mho.circuits.options import Crossing, Options
from mho.circuits.sources import VoltageSource
from mho.circuits.transient import transient
from mho.circuits.waves import PWL
from mho.core.errors import InputError
from mho.core.results import failures
from mho.devices.ecram import ECRAM

EDGE = 1e-9  # [s] rise and fall time of a spike
_LOW = 0.05  # [V] level at which the gate counts as driven; well below the pulse, well above what couples into it
_START = 0.5e-6  # [s] nodes settle before this; a train may not begin earlier
_AFTER = 50e-9  # [s] from the end of a spike to the read of the channel: the edges are over, nothing has relaxed


@dataclass(frozen=True)
class SynapticTrain:
    """What each presynaptic spike did. Arrays have shape (trains, spikes).

    Args:
        starts: Start of each spike [s].
        charge: Charge put into the membrane while the gate was driven [C].
        before: Channel resistance just before the spike [ohm].
        after: Channel resistance just after it [ohm].
        energies: Energy of each spike: "read" (mirror's supply), "gate" (gate driver's supply) and "input" (spike
            source), and from the ledger "drivers", dissipated in the buffer [J].
        imbalance: Of the energy books of each train [1].
        status: How each train ended.
    """

    starts: np.ndarray
    charge: np.ndarray
    before: np.ndarray
    after: np.ndarray
    energies: Mapping[str, np.ndarray]
    imbalance: np.ndarray
    status: np.ndarray

    @property
    def facilitation(self) -> np.ndarray:
        """Charge of each spike over that of the train's first [1]."""
        return self.charge / self.charge[:, :1]

    @property
    def step(self) -> np.ndarray:
        """Change of the channel resistance by each spike [ohm]."""
        return self.after - self.before

    @property
    def failures(self) -> dict[str, int]:
        """Failed trains by reason."""
        return failures(self.status)


def clamped(synapse: Any, spikes: Any, *, v_membrane: Any = 0.3) -> Circuit:
    """The synapse alone, between spike source and a membrane held at `v_membrane` [V]."""
    parts = synapse.elements(PRESYNAPTIC, MEMBRANE)
    parts["drive.spikes"] = VoltageSource(PRESYNAPTIC, GROUND, spikes)
    parts["clamp.membrane"] = VoltageSource(MEMBRANE, GROUND, v_membrane)
    return Circuit(parts)


def stimulate(
    synapse: Any, starts: Any, *, width: float = 200e-9, amplitude: float = 1.0, lanes: int = 32
) -> SynapticTrain:
    """Send trains of spikes into a synapse.

    All calls with the same number of spikes a train share one compiled program.

    Args:
        synapse: A synapse; its numbers may be batches, one per train.
        starts: Starts of the spikes, shape (trains, spikes) or (spikes,) [s].
        width: Width of a spike [s].
        amplitude: Its height [V].
        lanes: Trains that run side by side, as many as an observation has at most.

    Raises:
        InputError: If spikes overlap or do not fit a shape.
    """
    starts = np.atleast_2d(np.asarray(starts, np.float64))
    if np.any(starts[:, 0] < 2 * _START) or np.any(np.diff(starts, axis=1) <= width + 2 * EDGE + _AFTER):
        raise InputError(
            f"Spike starts must be at least {2 * _START:g} s and further apart than the width of a spike. Spread them."
        )
    count, lanes = len(starts), min(lanes, observation.WIDEST)
    parts = []
    for begin in range(0, count, lanes):
        share = np.minimum(np.arange(begin, begin + lanes), count - 1)
        parts.append(_train(synapse, starts[share], share, width, amplitude, min(lanes, count - begin)))
    together = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    energies = {name[7:]: x for name, x in together.items() if name.startswith("energy.")}
    plain = {name: x for name, x in together.items() if not name.startswith("energy.")}
    return SynapticTrain(starts, energies=energies, **plain)


def _train(
    synapse: Any, starts: np.ndarray, share: np.ndarray, width: float, amplitude: float, kept: int
) -> dict[str, np.ndarray]:
    pulses = starts.shape[1]
    wave = PWL.pulses([starts[:, k] for k in range(pulses)], width=width, high=amplitude, edge=EDGE)  # type: ignore[arg-type]
    bare = spread(clamped(_shared(synapse, share), 0.0), np.arange(len(share)))
    circuit = bare.with_elements({"drive.spikes": VoltageSource(PRESYNAPTIC, GROUND, wave)})
    memory = circuit["synapse.ecram"]
    states = tuple(f"synapse.ecram.{name}" for name in memory.state_names())
    crossings = tuple(Crossing("synapse.gate", _LOW, rising=up, after=_START) for up in (True, False))
    # Waveforms go through a small buffer: it is copied in every iteration.
    options = Options(max_events=pulses + 4, max_points=64)
    run = transient(
        circuit, float(starts.max()) + width + 1e-6, crossings=crossings, save=states, options=options, throw=False
    )
    rise, fall = run.crossings

    def window(kind: str, name: str) -> np.ndarray:
        """Difference between the gate's falling and rising edge of every spike."""
        out = np.full((len(share), pulses), np.nan)
        a, b = rise.accounts[kind, name], fall.accounts[kind, name]
        m = min(pulses, a.shape[1], b.shape[1])
        out[:, :m] = b[:, :m] - a[:, :m]
        return out[:kept]

    def resistance(times: np.ndarray) -> np.ndarray:
        values = [np.stack([run.points[k].at(i, times[k]) for k in range(kept)]) for i in range(len(states))]
        return channel_resistance(_shared(memory.device, np.arange(kept)), memory.state_names(), values)

    return {
        "charge": -window("charge", "clamp.membrane"),
        "before": resistance(starts[:kept]),
        "after": resistance(starts[:kept] + width + 2 * EDGE + _AFTER),
        "energy.read": window("energy", "supply.synapse"),
        "energy.gate": window("energy", "supply.synapse_gate"),
        "energy.input": window("energy", "drive.spikes"),
        "energy.drivers": window("dissipated", "synapse_driver"),
        "imbalance": np.broadcast_to(run.ledger.imbalance, share.shape)[:kept],
        "status": run.status[:kept],
    }


def _shared(module: Any, samples: np.ndarray) -> Any:
    """The samples of a module whose numbers may be batches."""
    return jax.tree.map(lambda x: x[samples] if eqx.is_array_like(x) and np.ndim(x) == 1 and len(x) > 1 else x, module)


def channel_resistance(device: ECRAM, names: tuple[str, ...], values: list[np.ndarray]) -> np.ndarray:
    """Channel resistance of an ECRAM from the waveforms of its moving states.

    Args:
        device: The device; its numbers may be batches along the first axis of the values.
        names: Names of the states, as "q0", "q1", "x".
        values: Their values, each of shape (samples, times).
    """
    at = dict(zip(names, values, strict=True))
    with jax.enable_x64(True):
        device = jax.tree.map(lambda x: jnp.asarray(x)[:, None] if np.ndim(x) == 1 else jnp.asarray(x), device)
        rest = device.rest()
        q = tuple(jnp.asarray(at[f"q{k}"]) for k in range(len(rest.q)))
        state = eqx.tree_at(lambda s: (s.q, s.x), rest, (q, jnp.asarray(at.get("x", rest.x))))
        return np.asarray(1.0 / device.conductance(state))
