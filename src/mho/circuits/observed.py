"""What a run shows beside its unknowns: voltages that sources hold, and the currents of all voltage sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.form import Form
from mho.circuits.layout import Layout, layout
from mho.circuits.ledger import Detail
from mho.circuits.netlist import Circuit
from mho.circuits.program import Program, program
from mho.circuits.segments import without_corners
from mho.circuits.sources import CurrentSource, VoltageSource
from mho.circuits.tableau import Method
from mho.circuits.vectors import each
from mho.circuits.waves import DC, Sin, corners

_POINTS = 256  # points at which a large circuit is evaluated at once


def source_table(circuit: Circuit, times: np.ndarray) -> tuple[dict[int, Any], dict[int, Any]]:
    """Value of every independent source of a single circuit at times, and its slope just before them, by number."""
    values: dict[int, Any] = {}
    slopes: dict[int, Any] = {}
    for k, element in enumerate(circuit.elements):
        if not isinstance(element, VoltageSource | CurrentSource):
            continue
        wave = element.wave
        if isinstance(wave, DC):
            values[k] = np.broadcast_to(np.asarray(wave.value, np.float64), times.shape)
        elif isinstance(wave, Sin):
            on, omega = times >= wave.delay, 2 * np.pi * wave.frequency
            phase = omega * (times - wave.delay)
            values[k] = wave.offset + np.where(on, wave.amplitude * np.sin(phase), 0.0)
            slopes[k] = np.where(on, wave.amplitude * omega * np.cos(phase), 0.0)
        else:
            t, v = corners(wave, float(np.max(times, initial=0.0)) * (1 + 1e-9) + 1e-15, 0)
            v = np.array([float(x) for x in v])
            values[k] = np.interp(times, t, v)
            piece = np.searchsorted(t, times * (1 - 1e-12), side="left")
            rise = np.concatenate([[0.0], np.diff(v) / np.maximum(np.diff(t), 1e-300), [0.0]])
            slopes[k] = rise[piece]
    return values, slopes


def observe(
    circuit: Circuit, times: np.ndarray, unknowns: dict[str, np.ndarray], slopes: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Held voltages by node [V], and the current of each voltage source from plus through it to minus [A].

    Args:
        circuit: A single circuit.
        times: Points of a run [s].
        unknowns: Value of every unknown there.
        slopes: Slope of every unknown just before them; zeros for an operating point.
    """
    lay = layout(circuit)
    source, source_slope = source_table(circuit, times)
    held, held_slope = _held(lay, source, source_slope)
    u = tuple(unknowns[name] for name in lay.names) or (np.zeros_like(times),)
    du = tuple(slopes[name] for name in lay.names)
    prog = program(without_corners(circuit), method=Method.TR_BDF2, detail=Detail.SUPPLIES)
    given = u, du, held, held_slope, source
    with jax.enable_x64(True):
        variables = prog.variables(without_corners(circuit))
        pieces = [
            prog.call("rates", variables, *piece, function=lambda *a: _rates(prog, *a))
            for piece in _pieces(prog, given)
        ]
    found = np.concatenate([np.asarray(x) for x in pieces], axis=1)[:, : len(times)]
    labels = prog.accounts.labels
    charges = {name: -x for (what, name), x in zip(labels, found, strict=True) if what == "charge"}
    return {h.node: np.asarray(held[k]) for k, h in enumerate(lay.held)}, charges


def _pieces(prog: Program, given: Any) -> Iterator[Any]:
    """The points in parts of a few sizes: samples have different numbers of points, and shall share programs."""
    count = len(given[0][0])
    size = 1 << max(count - 1, 1).bit_length()
    size = min(size, _POINTS) if prog.form is Form.STACKED else size
    more = -count % size
    padded = jax.tree.map(lambda x: np.pad(np.asarray(x), (0, more), mode="edge"), given)
    for begin in range(0, count, size):
        yield jax.tree.map(lambda x, begin=begin: x[begin : begin + size], padded)


def _rates(prog: Program, variables, u, du, held, held_slope, source) -> Any:
    """The rate of every account at points."""
    assembly = prog.stepper.assembly
    prepared, form = assembly.prepare(variables), assembly.form
    u, du = form.vector(u), form.vector(du)
    stamps = assembly(u, held, source, prepared, None, (du, held_slope) if prog.layout.charged else None)
    prepared = assembly.moved(stamps, prepared)
    rates = assembly.rates(prog.accounts, stamps, each(jnp.zeros_like, u), du, held, held_slope, source, u, prepared)
    return form.array(rates) if prog.accounts.labels else jnp.zeros((0, *jnp.shape(u[0])))


def _held(lay: Layout, source: dict[int, Any], slopes: dict[int, Any]) -> tuple[list[Any], list[Any]]:
    """Voltages of the held nodes and their slopes."""
    v: list[Any] = []
    dv: list[Any] = []
    for h in lay.held:
        base, rise = (v[h.base - lay.n], dv[h.base - lay.n]) if h.base >= 0 else (0.0, 0.0)
        v.append(base + h.sign * source[h.source])
        dv.append(rise + h.sign * slopes.get(h.source, np.zeros_like(source[h.source])))
    return v, dv
