"""What a run shows beside its unknowns: voltages that sources hold, and the currents of all voltage sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.assembly import Assembly, prepare
from mho.circuits.layout import Layout, layout
from mho.circuits.ledger import Accounts, Detail
from mho.circuits.netlist import Circuit
from mho.circuits.sources import CurrentSource, VoltageSource
from mho.circuits.waves import DC, Sin, corners

_COMPILED: dict[Any, Callable[..., Any]] = {}
_KEPT = 16


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
    accounts = Accounts(circuit, lay, Detail.SUPPLIES)
    key = (jax.tree.structure(circuit), lay.capacitive)
    if key not in _COMPILED:
        while len(_COMPILED) >= _KEPT:
            _COMPILED.pop(next(iter(_COMPILED)))
        _COMPILED[key] = jax.jit(_rates(circuit, lay, accounts))
    # Samples have different numbers of points: a common length lets them share one program.
    count = len(times)
    more = (1 << max(count - 1, 1).bit_length()) - count
    arguments = jax.tree.map(lambda x: np.pad(np.asarray(x), (0, more), mode="edge"), (u, du, held, held_slope, source))
    with jax.enable_x64(True):
        found = [np.asarray(x)[:count] for x in _COMPILED[key](circuit, *arguments)]
    charges = {name: -np.asarray(x) for (what, name), x in zip(accounts.labels, found, strict=True) if what == "charge"}
    return {h.node: np.asarray(held[k]) for k, h in enumerate(lay.held)}, charges


def _rates(circuit: Circuit, lay: Layout, accounts: Accounts) -> Callable[..., Any]:
    """The rate of every account at points."""
    assembly = Assembly(circuit, lay, accounts.group_of, 0)

    def rates(circuit, u, du, held, held_slope, source):
        prepared = prepare(circuit, lay)
        stamps = assembly(u, held, source, prepared, None, (*du, *held_slope) if lay.charged else None)
        prepared = assembly.moved(stamps, prepared)
        still = [jnp.zeros_like(u[0])] * lay.n
        return accounts.rates(stamps, still, du, held, held_slope, source, u, prepared)

    return rates


def _held(lay: Layout, source: dict[int, Any], slopes: dict[int, Any]) -> tuple[list[Any], list[Any]]:
    """Voltages of the held nodes and their slopes."""
    v: list[Any] = []
    dv: list[Any] = []
    for h in lay.held:
        base, rise = (v[h.base - lay.n], dv[h.base - lay.n]) if h.base >= 0 else (0.0, 0.0)
        v.append(base + h.sign * source[h.source])
        dv.append(rise + h.sign * slopes.get(h.source, np.zeros_like(source[h.source])))
    return v, dv
