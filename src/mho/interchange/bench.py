"""A bench for an exported device: pulses at the pin that programs it, a read voltage at its channel, one netlist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.core.errors import InputError
from mho.core.parameters import ParameterSet
from mho.interchange.behaviour import Behaviour
from mho.interchange.language import number
from mho.interchange.spice_text import SpiceText
from mho.interchange.subcircuit import subcircuit

_EDGE = 0.02  # rise and fall time, as a share of the shortest pulse
_LONGEST = 20.0  # longest pause, as a multiple of the longest pulse: a volatile device may be left alone for seconds
# trtol: with the default of 7 a step may overshoot a kink so far that ngspice finds no way on. Neither Gear nor
# damping by xmu: with them a Mott switch, or a filament at its end, stalls the run.
_OPTIONS = "abstol=1e-15 vntol=1e-9 chgtol=1e-18 gmin=1e-15 method=trap trtol=1"


@dataclass(frozen=True)
class Bench:
    """Corners of the voltage at the first pin; the others at 0, a channel's drain at `v_read`.

    Args:
        times: Of the corners, from 0 on [s].
        voltages: At the corners [V].
        v_read: Drain voltage of a device with a channel [V].
    """

    times: np.ndarray
    voltages: np.ndarray
    v_read: float

    @property
    def stop(self) -> float:
        """End of the run [s]."""
        return float(self.times[-1])

    def drive(self, t: Any) -> Any:
        """Voltage [V] of the first pin at time `t` [s]."""
        return np.interp(t, self.times, self.voltages)


def bench(numbers: ParameterSet, *, pairs: int = 1) -> Bench:
    """Pulses as the set's operation states them: `pairs` times one that raises the conductance and one that lowers it.

    A device that takes no pulses (a selector) is swept up and down to its read voltage. What the set does not state is
    taken as 0.1 V to read and as the same pulse, opposed, to come back.
    """
    operation = {k: float(np.asarray(n.value)) for k, n in numbers.operation.items()}
    v_read = operation.get("v_read", 0.1)
    if "v_up" not in operation:
        return Bench(np.array([0.0, 1e-6, 2e-6, 3e-6]), np.array([0.0, v_read, -v_read, 0.0]), v_read)
    v_up, t_up = operation["v_up"], operation["t_up"]
    v_down, t_down = operation.get("v_down", v_up), operation.get("t_down", t_up)
    pause = min(max(operation.get("interval", 0.0), t_up, t_down), _LONGEST * max(t_up, t_down))
    edge = _EDGE * min(t_up, t_down)
    times, voltages = [0.0, edge], [0.0, 0.0]
    for v, width in ((v_up, t_up), (v_down, t_down)) * pairs:
        times += list(times[-1] + np.cumsum([edge, width, edge, pause]))
        voltages += [v, v, 0.0, 0.0]
    return Bench(np.array(times), np.array(voltages), v_read)


def bench_text(behaviour: Behaviour, bench: Bench, *, reltol: float = 1e-5, points: int = 400) -> SpiceText:
    """A netlist that holds a device's subcircuit and drives it; it runs in ngspice as it stands.

    Args:
        behaviour: Of the device.
        bench: The voltages.
        reltol: Relative tolerance of the run.
        points: Smallest number of time points.

    Raises:
        InputError: If the device has pins that this bench cannot drive.
        NetlistError: If an operation has no SPICE form.
    """
    seen = {f"v(xdut.x_{s})": s for s in behaviour.states} | {f"v(xdut.{n})": n for n in behaviour.internal}
    # With `uic` the states start at their ic_ values, whatever the sources do at time 0.
    return _netlist(behaviour, bench, subcircuit(behaviour), seen, f"reltol={reltol:g}", points, "uic")


def osdi_bench(behaviour: Behaviour, bench: Bench, *, reltol: float = 1e-5, points: int = 400) -> SpiceText:
    """The same for the Verilog-A module, compiled by OpenVAF to `<name>.osdi` in the folder of the netlist.

    Args:
        behaviour: Of the device.
        bench: The voltages.
        reltol: Relative tolerance of the run.
        points: Smallest number of time points.

    Raises:
        InputError: If the device has pins that this bench cannot drive.
    """
    name, pins = behaviour.name, " ".join(behaviour.terminals)
    lines = [".control", f"pre_osdi {name}.osdi", ".endc", f".model {name}_card {name}"]
    lines += [f".subckt {name} {pins}", f"Ndevice {pins} {name}_card", f".ends {name}"]
    # Without `uic`: the module sets its states in the operating point.
    return _netlist(behaviour, bench, "\n".join(lines), {}, f"reltol={reltol:g}", points, "")


def _netlist(
    behaviour: Behaviour, bench: Bench, text: str, seen: Mapping[str, str], reltol: str, points: int, start: str
) -> SpiceText:
    first, *others = behaviour.terminals
    potentials = _potentials(behaviour, bench)
    corners = "\n".join(f"+ {number(t)} {number(v)}" for t, v in zip(bench.times, bench.voltages, strict=True))
    sources = [f"V{first} {first} 0 PWL(\n{corners})", *(f"V{p} {p} 0 DC {number(potentials[p])}" for p in others)]
    # Without a largest step ngspice would cap the step at its print step; a corner is a breakpoint in any case.
    step = number(bench.stop / points)
    pins = {f"v({p})": p for p in behaviour.terminals} | {f"i(v{p})": f"i({p})" for p in behaviour.terminals}
    lines = [
        f"* A bench for {behaviour.name}: run it with  ngspice -b FILE -r FILE.raw",
        text,
        *sources,
        f"Xdut {' '.join(behaviour.terminals)} {behaviour.name}",
        f".options {reltol} {_OPTIONS}",
        f".save {' '.join([*seen, *pins])}",
        f".tran {step} {number(bench.stop)} 0 {step} {start}".rstrip(),
        ".end",
        "",
    ]
    return SpiceText("\n".join(lines), bench.stop, {**seen, **pins})


def _potentials(behaviour: Behaviour, bench: Bench) -> Mapping[str, float]:
    """Voltage of each pin but the first."""
    if len(behaviour.terminals) > 3:
        raise InputError(f"{behaviour.name} has {len(behaviour.terminals)} pins; the bench drives two or three.")
    return {p: bench.v_read if p == "drain" else 0.0 for p in behaviour.terminals[1:]}
