"""Runs a netlist's analyses over frequency: small signals and noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from mho import circuits as mc
from mho.core.errors import NetlistError
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.outcome import Outcome, gathered
from mho.interchange.spice.rest import at_rest
from mho.interchange.spice.signals import Table, hidden, spice_source
from mho.netlists.analyses import FrequencySweep


def frequencies(sweep: FrequencySweep) -> np.ndarray:
    """Frequencies of a sweep [Hz]."""
    return mc.swept(sweep.kind, sweep.count, sweep.start, sweep.stop)


def small_signal(netlist: Netlist) -> Outcome:
    """Phasors of all signals, driven by the sources that have an AC value.

    Raises:
        NetlistError: If no source has one.
    """
    assert netlist.requests.ac is not None
    circuit = at_rest(netlist)
    found = mc.small_signal(circuit, frequencies(netlist.requests.ac), driven(netlist, circuit))
    return gathered("ac", netlist, [phasors(found)])


def driven(netlist: Netlist, circuit: mc.Circuit) -> dict[str, complex]:
    """AC phasor of each source that has one.

    Raises:
        NetlistError: If none has, or one is a formula of time and no source.
    """
    if not netlist.phasors:
        raise NetlistError(".ac drives nothing: write `ac 1` at a source, as in v1 in 0 dc 0.5 ac 1.")
    for name in netlist.phasors:
        if not isinstance(dict(circuit.items()).get(name), mc.VoltageSource | mc.CurrentSource):
            line = netlist.lines[name]
            line.fail(f"{name} follows a formula of time, and has no AC value. Give it a plain waveform.")
    return dict(netlist.phasors)


def phasors(found: mc.SmallSignal) -> Table:
    """The phasors of one sample as a table of signals."""
    inner = {n for n in found.values if n.endswith(".i")}
    voltages = {n: x for n, x in found.values.items() if n not in inner}
    currents = dict(found.currents) | {n.removesuffix(".i"): found.values[n] for n in inner}
    return Table("frequency", found.frequencies, voltages, currents)


def noise(netlist: Netlist) -> Outcome:
    """Spectra of output and input-referred noise and each element's share of the output, as roots [V/sqrt(Hz)].

    Raises:
        NetlistError: If the output or the source is not there.
    """
    asked = netlist.requests.noise
    assert asked is not None
    circuit = at_rest(netlist)
    if not isinstance(dict(circuit.items()).get(asked.source), mc.VoltageSource | mc.CurrentSource):
        asked.line.fail(f"{asked.source!r} is no independent source of the netlist.")
    known = {node for e in circuit.elements for node in e.nodes}
    for node in (asked.output, asked.reference):
        if node not in known:
            asked.line.fail(f"there is no node {node!r}.")
    f = frequencies(asked.sweep)
    found = mc.noise(circuit, f, asked.output, reference=asked.reference, input=asked.source)
    signals = {"onoise_spectrum": np.sqrt(found.output), "inoise_spectrum": np.sqrt(found.input)}
    totals = {"onoise_total": float(found.output_total), "inoise_total": float(found.input_total)}
    shares = _shares(found, circuit)
    signals |= {f"onoise_{name}": np.sqrt(x) for name, x in shares.items()}
    totals |= {f"onoise_total_{name}": float(np.sqrt(found.integral(x))) for name, x in shares.items()}
    return gathered("noise", netlist, [Table("frequency", f, {}, {}, signals)], totals=totals)


def _shares(found: mc.Noise, circuit: mc.Circuit) -> dict[str, np.ndarray]:
    """Density at the output by ngspice's names: of each element, and of each noise in it where there are several."""
    wholes: dict[str, np.ndarray] = {}
    parts: dict[str, np.ndarray] = {}
    for (name, kind), x in found.contributions.items():
        if hidden(name) or not np.any(x > 0):
            continue
        home, _, part = name.rpartition(".")
        if home not in circuit.names:  # no series resistance or junction of another element
            home, part = name, _suffix(circuit[name], kind)
        key = spice_source(home)
        wholes[key] = wholes.get(key, 0.0) + x
        parts[f"{key}_{part}"] = parts.get(f"{key}_{part}", 0.0) + x
    return wholes | parts


def _suffix(element: Any, kind: str) -> str:
    """The name of a noise: ngspice calls the noise of a channel or junction id, and flicker noise 1overf."""
    if kind == "flicker":
        return "1overf"
    return "id" if kind == "shot" or isinstance(element, mc.MOSFET | mc.LevelOne) else "thermal"
