"""Where a run starts: charges at rest, the sources on."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.assembly import capacitance_matrix
from mho.circuits.layout import Layout
from mho.circuits.memristive import Memristive
from mho.circuits.netlist import Circuit, concrete
from mho.circuits.sources import VoltageSource
from mho.circuits.waves import DC, PWL, PulseWave, Sin, corners


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
    capacitive divider does.
    """
    xp: Any = np if concrete(circuit) else jnp
    n, held = layout.n, source_start(circuit, layout)
    fixed = {layout.index[k]: v for k, v in initial_states(circuit).items() if 0 <= layout.index.get(k, -1) < n}
    entries = capacitance_matrix(circuit, layout)
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
