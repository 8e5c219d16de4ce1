"""Where a run starts: charges at rest, the sources on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from mho.circuits.assembly import Entry, capacitance_matrix
from mho.circuits.charges import AbstractCharge
from mho.circuits.factors import DENSE
from mho.circuits.jump import Jump
from mho.circuits.kinds import rows
from mho.circuits.layout import Layout
from mho.circuits.memristive import Memristive
from mho.circuits.netlist import Circuit, concrete
from mho.circuits.sources import VoltageSource
from mho.circuits.waves import DC, PWL, PulseWave, Sin, corners

_JUMPS = 16  # parts in which a jump is followed through charges where derivatives are taken; else as it needs


def source_value(wave: Any, t: float, samples: int) -> Any:
    """Value of a wave at time t, for each sample if it differs."""
    if isinstance(wave, DC):
        return wave.value
    if isinstance(wave, Sin):
        on = t >= np.asarray(wave.delay)
        phase = 2 * np.pi * wave.frequency * (t - wave.delay)
        return wave.offset + on * wave.amplitude * (
            jnp.sin(phase) if not isinstance(phase, np.ndarray | float) else np.sin(phase)
        )
    assert isinstance(wave, PWL | PulseWave)

    def one(lane: int) -> Any:
        times, values = corners(wave, max(t, 1e-30) * 1.0000001, lane)
        k = int(np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(times) - 1))
        if k + 1 >= len(times) or t <= times[k]:
            return values[k]
        x = (t - times[k]) / (times[k + 1] - times[k])
        return values[k] + x * (values[k + 1] - values[k])

    if not any(np.ndim(x) for x in jax.tree.leaves(wave)):
        return one(0)
    return np.array([float(one(lane)) for lane in range(samples)])


def source_start(circuit: Circuit, layout: Layout, t: float = 0.0) -> list[Any]:
    """Voltages of the held nodes at time t."""
    samples = circuit.samples or 1
    held: list[Any] = []
    for h in layout.held:
        source = circuit.elements[h.source]
        assert isinstance(source, VoltageSource)
        base = held[h.base - layout.n] if h.base >= 0 else 0.0
        held.append(base + h.sign * source_value(source.wave, t, samples))
    return held


def initial_states(circuit: Circuit) -> dict[str, Any]:
    """Value at the start of everything that has one of its own: device states, and what `initial` names."""
    values: dict[str, Any] = {}
    for name, e in circuit.items():
        if isinstance(e, Memristive):
            values |= {f"{name}.{s}": v for s, v in zip(e.state_names(), e.initial_values(), strict=True)}
    return values | circuit.initial


def at_rest(circuit: Circuit, layout: Layout, *, charged: bool = False) -> list[Any]:
    """Unknowns just after time zero when all capacitances held no charge before and the sources come on at once.

    Nodes that `initial` names have that voltage, before and after; what the sources' jump brings, the others share as a
    capacitive divider does. With `charged`, `initial` says what the nodes had *before* (zero where it does not name
    them), and the jump moves them all. Where capacitances depend on voltages it is followed in parts, and
    junctions that it drives forward conduct (:mod:`mho.circuits.jump`); derivatives know of the charges alone.
    """
    held = source_start(circuit, layout)
    fixed = {layout.index[k]: v for k, v in initial_states(circuit).items() if 0 <= layout.index.get(k, -1) < layout.n}
    entries = capacitance_matrix(circuit, layout)
    if not layout.charged and not charged:
        return _divided(circuit, layout, entries, fixed, held)
    u: list[Any] = [np.asarray(fixed.get(i, 0.0)) for i in range(layout.n)]
    still = dict.fromkeys((i for i in fixed if not charged or i in layout.states), 0.0)
    if concrete(circuit):
        found = Jump(circuit, layout, entries, still)(rows(u), rows(held))
        return [x if x.shape[0] > 1 else x[0] for x in found]
    if not layout.charged:
        return [a + b for a, b in zip(u, _divided(circuit, layout, entries, still, held), strict=True)]
    move = [x / _JUMPS for x in held]
    for k in range(_JUMPS):
        # The rule of the middle: half a part with the capacitances at its start, the whole with those half way.
        now = [x * k / _JUMPS for x in held]
        half = _divided(circuit, layout, _at(circuit, layout, entries, u, now), still, [x / 2 for x in move])
        middle = [a + b for a, b in zip(u, half, strict=True)]
        between = [a + b / 2 for a, b in zip(now, move, strict=True)]
        whole = _divided(circuit, layout, _at(circuit, layout, entries, middle, between), still, move)
        u = [a + b for a, b in zip(u, whole, strict=True)]
    return u


def _at(circuit: Circuit, layout: Layout, entries: dict[Entry, Any], u: Sequence[Any], held: Sequence[Any]) -> Any:
    """M with its entries that depend on voltages."""
    matrix = dict(entries)
    values = (*u, *held)
    for k, p, q, which in layout.charged:
        element = circuit.elements[k]
        assert isinstance(element, AbstractCharge)
        nodes = [layout.index[x] for x in element.nodes]
        # jnp gives the numbers, which stay plain where the circuit's are.
        voltages = tuple(jnp.asarray(0.0 if i < 0 else values[i], jnp.float64) for i in nodes)
        row = element.capacitance(voltages, temperature=circuit.temperature)[which]
        for i, sign in ((p, 1.0), (q, -1.0)):
            for j, c in zip(nodes, row, strict=True):
                if i >= 0 and j >= 0:
                    plain = c if isinstance(c, Tracer) else np.asarray(c, np.float64)
                    matrix[i, j] = matrix.get((i, j), 0.0) + sign * plain
    return matrix


def _divided(
    circuit: Circuit, layout: Layout, entries: dict[Entry, Any], fixed: dict[int, Any], held: Sequence[Any]
) -> list[Any]:
    """Unknowns after the held nodes went from zero to `held`, as the capacitances divide it."""
    n, skip = layout.n, {*layout.branches.values(), *fixed}
    places: dict[Entry, Any] = {(i, i): 1.0 for i in skip}
    right: list[Any] = [fixed.get(i, 0.0) if i in skip else 0.0 for i in range(n)]
    for (i, j), c in entries.items():
        if i >= n or i in skip:
            continue
        if j >= n:
            right[i] = right[i] - c * held[j - n]
        else:
            places[i, j] = c
            right[i] = right[i] + c * fixed.get(j, 0.0)
    xp: Any = np if concrete(circuit) else jnp
    for i in set(range(n)) - skip:
        # A node without capacitance, or a group that floats, starts at zero: a small pull decides what charge does not.
        own = xp.asarray(places.get((i, i), 0.0))
        places[i, i] = own + xp.where(own > 0, 1e-12 * own, 1.0)
    solution = _solved(n, np.array(list(places), np.int32), rows(list(places.values())), rows(right))
    return [x if x.shape[0] > 1 else x[0] for x in solution]


def _solved(n: int, at: np.ndarray, entries: Any, right: Any) -> Any:
    """Solution (row, sample or 1) of the systems with `entries` (entry, sample or 1) at the places `at`."""
    samples = entries.shape[1]
    if isinstance(entries, np.ndarray) and n * n * samples > DENSE:
        parts = [slice(k, k + 1) for k in range(samples)]
        own = (right[:, p] if right.shape[1] > 1 else right for p in parts)
        return np.concatenate([_solved(n, at, entries[:, p], b) for p, b in zip(parts, own, strict=True)], axis=1)
    xp: Any = np if isinstance(entries, np.ndarray) and isinstance(right, np.ndarray) else jnp
    # Rows are scaled first: they mix farads with ones.
    size = xp.zeros((n, samples))
    if xp is np:
        np.maximum.at(size, at[:, 0], np.abs(entries))
        matrix = np.zeros((samples, n, n))
        matrix[:, at[:, 0], at[:, 1]] = (entries / size[at[:, 0]]).T
    else:
        size = size.at[at[:, 0]].max(jnp.abs(entries))
        matrix = jnp.zeros((samples, n, n)).at[:, at[:, 0], at[:, 1]].set((entries / size[at[:, 0]]).T)
    scaled = right / size
    if samples == 1:
        return xp.linalg.solve(matrix[0], scaled)
    return xp.linalg.solve(matrix, scaled.T[..., None])[..., 0].T
