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
from mho.circuits.layout import Layout
from mho.circuits.memristive import Memristive
from mho.circuits.netlist import Circuit, concrete
from mho.circuits.sources import VoltageSource
from mho.circuits.waves import DC, PWL, PulseWave, Sin, corners

_JUMPS = 16  # parts in which a jump of the sources is followed through capacitances that depend on voltages


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


def at_rest(circuit: Circuit, layout: Layout) -> list[Any]:
    """Unknowns just after time zero when all capacitances held no charge before and the sources come on at once.

    Nodes that `initial` names have that voltage, before and after; what the sources' jump brings, the others share as a
    capacitive divider does. Where capacitances depend on voltages the jump is followed in `_JUMPS` parts.
    """
    held = source_start(circuit, layout)
    fixed = {layout.index[k]: v for k, v in initial_states(circuit).items() if 0 <= layout.index.get(k, -1) < layout.n}
    entries = capacitance_matrix(circuit, layout)
    if not layout.charged:
        return _divided(circuit, layout, entries, fixed, held)
    u: list[Any] = [np.asarray(fixed.get(i, 0.0)) for i in range(layout.n)]
    move = [x / _JUMPS for x in held]
    still = dict.fromkeys(fixed, 0.0)
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
    xp: Any = np if concrete(circuit) else jnp
    n = layout.n
    shape = np.broadcast_shapes(*(np.shape(x) for x in (*entries.values(), *fixed.values(), *held, 0.0)))
    zero = xp.zeros(shape)
    rows, right = [], []
    skip = set(layout.branches.values()) | set(fixed)
    for i in range(n):
        if i in skip:
            rows.append([zero + float(i == j) for j in range(n)])
            right.append(zero + fixed.get(i, 0.0))
            continue
        own = entries.get((i, i), 0.0)
        # A node without capacitance, or a group that floats, starts at zero: a small pull decides what charge does not.
        pull = xp.where(xp.asarray(own) > 0, 1e-12 * xp.asarray(own), 1.0)
        rows.append([zero + entries.get((i, j), 0.0) + (pull if i == j else 0.0) for j in range(n)])
        before = sum((entries[i, j] * v for j, v in fixed.items() if (i, j) in entries), zero)
        right.append(before - sum((entries[i, n + k] * v for k, v in enumerate(held) if (i, n + k) in entries), zero))
    matrix = xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
    # Rows are scaled first: they mix farads with ones.
    size = xp.max(xp.abs(matrix), axis=-1, keepdims=True)
    solution = xp.linalg.solve(matrix / size, (xp.stack(right, axis=-1)[..., None] / size))[..., 0]
    return [solution[..., i] for i in range(n)]
