"""Neurons and synapses of the library as netlists: a documented subcircuit, and a bench that runs as it is."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from mho import __version__
from mho import circuits as mc
from mho.circuits.neurons import NEURONS, Excitability
from mho.circuits.neurons.neuron import MEMBRANE, PRESYNAPTIC, SPIKE
from mho.circuits.synapses import SYNAPSES
from mho.circuits.synapses.train import clamped
from mho.core.errors import InputError
from mho.core.fields import described
from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.devices import ECRAM
from mho.interchange.spice_text import Block, SpiceText, spice_text
from mho.interchange.transistors import Foundry

_EDGE = 10e-9  # [s] from which the bench's current takes to rise
_BEGIN = 1e-6  # [s] before which sources settle
_WHAT = {
    MEMBRANE: "membrane",
    SPIKE: "spike, from ground to supply",
    PRESYNAPTIC: "presynaptic spikes, from ground to supply",
}


def library_text(
    name: str,
    devices: tuple[ParameterSet, ...] = (),
    *,
    current: float = 20e-9,
    stop: float = 100e-6,
    foundry: Foundry | None = None,
) -> SpiceText:
    """A neuron or synapse of the library under a bench, as a netlist.

    A neuron is driven by a current from 1 us on; a synapse by spikes of 200 ns at 50 kHz, its membrane held at 0.3 V.

    Args:
        name: In :data:`mho.circuits.neurons.NEURONS` or :data:`mho.circuits.synapses.SYNAPSES`.
        devices: Set of the ECRAM inside a neuron, if any; of a synapse's one, or two.
        current: Into a neuron's membrane [A].
        stop: End of the bench's run [s].
        foundry: Whose transistors; mho's EKV if None.

    Raises:
        InputError: If there is none of that name, or a set is of no ECRAM.
    """
    if name in NEURONS:
        made: Any = NEURONS[name]  # final classes, of one signature
        subject = made(excitability=Excitability(_ecram(devices[0])) if devices else None)
        circuit = subject.circuit(current=mc.PWL((_BEGIN, _BEGIN + _EDGE), (0.0, current)))
        pins, kind = (MEMBRANE, SPIKE), "neuron"
    elif name in SYNAPSES:
        subject = _synapse(name, devices)
        circuit = clamped(subject, mc.PulseWave(0.0, 1.0, 5e-6, 1e-9, 1e-9, 200e-9, 20e-6))
        pins, kind = (PRESYNAPTIC, MEMBRANE), "synapse"
    else:
        raise InputError(f"There is no {name!r} in the library. It has {', '.join((*NEURONS, *SYNAPSES))}.")
    states = [f"{n}.{s}" for n, e in circuit.items() if isinstance(e, mc.Memristive) for s in e.state_names()]
    block = Block(name, pins, tuple(_about(subject, circuit, kind, pins, devices)))
    saved = [p for p in pins if not _held(circuit, p)] + states
    return spice_text(
        circuit, stop, save=saved, foundry=foundry, block=block, reltol=1e-4, max_step=stop / 2000,
        title=f"{name}: a {kind} written by mho {__version__}; run it with  ngspice -b FILE -r FILE.raw",
    )  # fmt: skip


def _held(circuit: mc.Circuit, node: str) -> bool:
    return any(isinstance(e, mc.VoltageSource) and node in e.nodes for e in circuit.elements)


def _ecram(numbers: ParameterSet) -> ECRAM:
    device = numbers.device(bare=True)
    if not isinstance(device, ECRAM):
        raise InputError(
            f"{numbers.name} is a {type(device).__name__}; the library's circuits take an ECRAM, whose gate is driven "
            "and whose channel is read. mho device list shows the sets."
        )
    return device


def _synapse(name: str, devices: tuple[ParameterSet, ...]) -> Any:
    if not devices:
        raise InputError(f"The synapse {name!r} is built around an ECRAM. Name its set with --device.")
    first = _ecram(devices[0])
    made: Any = SYNAPSES[name]
    if name != "band_pass":
        return made(device=first)
    second = _ecram(devices[-1])
    turn = lambda d, sign: eqx.tree_at(lambda x: x.polarity, d, np.asarray(sign * abs(float(d.polarity))))  # noqa: E731
    return made(facilitating=turn(first, 1.0), depressing=turn(second, -1.0))


def _about(
    subject: Any, circuit: mc.Circuit, kind: str, pins: tuple[str, ...], devices: tuple[ParameterSet, ...]
) -> list[str]:
    """What a reader of the subcircuit has to know."""
    lines = [(type(subject).__doc__ or "").strip().partition("\n")[0], "", "Pins:"]
    lines += [f"  {p}: {_WHAT[p]}" for p in pins]
    for name, e in circuit.items():
        if isinstance(e, mc.VoltageSource) and e.plus not in pins:
            lines.append(f"  {e.plus}: {name}, at {engineering(float(e.wave.value), 'V')} in the bench")  # type: ignore[union-attr]
    lines += ["", f"Numbers of the {kind} (SI units):"]
    for field, about in described(subject).items():
        unit = about["unit"] if about["unit"] != "1" else ""
        lines.append(f"  {field} = {float(getattr(subject, field)):.6g} {unit}".rstrip())
    for d in devices:
        lines.append(f"Its ECRAM: {d.name}, {d.summary}")
    lines += ["Transistors: subcircuits of their own, w and l in metres, dvto [V] and beta their mismatch."]
    return lines
