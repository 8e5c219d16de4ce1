"""A netlist's operating point, and its sweeps of sources."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np

from mho import circuits as mc
from mho.circuits.layout import layout
from mho.core.errors import NetlistError, SolverError
from mho.core.results import Status
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.outcome import Outcome, gathered
from mho.interchange.spice.rest import at_rest
from mho.interchange.spice.signals import Table, observed
from mho.netlists.analyses import DCSweep

_ENTRIES = 4_000_000  # of the matrices of points that are solved at once
_SAME = 1e-6  # [V] by which two solutions of one operating point may differ


def point(netlist: Netlist) -> Outcome:
    """The operating point."""
    return gathered("op", netlist, [_solved(netlist, "", at_rest(netlist), np.zeros(1))])


def sweep(netlist: Netlist, dc: DCSweep) -> Outcome:
    """Operating points over the values of one source, or of two.

    Raises:
        NetlistError: If there is no such source, or there are too many points.
        SolverError: If a point is not found.
    """
    circuit = at_rest(netlist)
    axes = [
        s.start + s.step * np.arange(int(np.floor((s.stop - s.start) / s.step * (1 + 1e-12) + 1e-9)) + 1)
        for s in dc.sweeps
    ]
    grid = np.meshgrid(*axes, indexing="ij") if len(axes) == 1 else np.meshgrid(*axes, indexing="xy")
    if grid[0].size > 100_000:
        raise NetlistError(f".dc has {grid[0].size} points; at most 100 000 are run.")
    changed = {}
    for s, values in zip(dc.sweeps, grid, strict=True):
        e = dict(circuit.items()).get(s.source)
        if not isinstance(e, mc.VoltageSource | mc.CurrentSource):
            raise NetlistError(f".dc sweeps {s.source!r}, which is no independent source of the netlist.")
        changed[s.source] = eqx.tree_at(lambda x: x.wave, e, mc.DC(values.ravel()))
    axis = "i-sweep" if dc.sweeps[0].source.startswith("i") else "v-sweep"
    return gathered(
        "dc", netlist, [_solved(netlist, axis, circuit.with_elements(changed), grid[0].ravel(), len(axes[0]))]
    )


def _solved(netlist: Netlist, axis: str, circuit: mc.Circuit, points: np.ndarray, steps: int = 1) -> Table:
    names = layout(circuit).names
    u = _values(circuit, names, points, throw=steps == 1)
    # Each point as it follows from the one before, as in a sweep that goes on: where a circuit has several states, it
    # keeps the one it is in. A pass settles the points one step further; most circuits need one pass, to see that.
    follows = np.arange(len(points)) % steps != 0
    for _ in range(steps - 1):
        before = np.nan_to_num(np.where(follows, np.roll(u, 1, axis=1), u))
        guessed = circuit.with_elements({}, dict(zip(names, before, strict=True)))
        again = _values(guessed, names, points, throw=False)
        same = np.max(np.abs(again - u), axis=0, initial=0.0) <= _SAME
        moved = follows & ~same & np.all(np.isfinite(again), axis=0)
        if not np.any(moved):
            break
        u = np.where(moved, again, u)
    lost = points[~np.all(np.isfinite(u), axis=0)]
    if lost.size:
        raise SolverError(
            f"{lost.size} of {len(points)} points of the sweep have no operating point that could be found, the first "
            f"at {lost[0]:g}. Sweep in smaller steps, or give a guess with .nodeset."
        )
    return observed(netlist, axis, circuit, names, points, u, np.zeros_like(u))


def _values(circuit: mc.Circuit, names: tuple[str, ...], points: np.ndarray, *, throw: bool) -> np.ndarray:
    """Unknowns by points; NaN where there is no operating point.

    Points are solved in blocks of one length, so that the dense matrices of all need not be in memory at once.
    """
    count = max(1, min(len(points), _ENTRIES // len(names) ** 2))
    blocks = []
    for k in range(0, len(points), count):
        here = np.minimum(np.arange(k, k + count), len(points) - 1)
        part = jax.tree.map(lambda x, here=here: x[here] if np.ndim(x) else x, circuit)
        found = mc.operating_point(part, throw=throw)
        u = np.stack([np.broadcast_to(np.asarray(found[n], np.float64), here.shape) for n in names])
        blocks.append(np.where(found.status == Status.OK, u, np.nan))
    return np.concatenate(blocks, axis=1)[:, : len(points)]
