"""Runs the analyses of a netlist and gathers their waveforms."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho import circuits as mc
from mho.circuits.layout import layout
from mho.circuits.observed import observe
from mho.circuits.transient import Progress
from mho.circuits.waveforms import Points
from mho.core.errors import NetlistError
from mho.core.sampling import sample
from mho.interchange.spice.analyses import DCSweep, Tran
from mho.interchange.spice.frequency import noise, small_signal
from mho.interchange.spice.measure import measured
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.outcome import Outcome, gathered
from mho.interchange.spice.rest import at_rest, guess_of, with_unknowns
from mho.interchange.spice.signals import Table, branches, wanted

_FINEST = 8  # points put into one step where a straight line misses its cubic
_STRAIGHT = 5e-5  # of a signal's swing: what a straight line between two points may miss


def tolerance(reltol: float) -> float:
    """Mho's tolerance for an ngspice reltol: 5e-4 at 1e-3, 2e-5 at 1e-5; both are local errors of like effect."""
    return float(np.clip(5e-4 * (reltol / 1e-3) ** (2 / 3), 2e-6, 5e-3))


def asked(netlist: Netlist) -> list[str]:
    """The analyses that a netlist asks for, in the order in which :func:`simulate` prefers them."""
    r = netlist.requests
    wanted = {"tran": r.tran, "ac": r.ac, "noise": r.noise, "dc": r.dc, "op": r.op or None}
    return [name for name, request in wanted.items() if request is not None]


def simulate(
    netlist: Netlist,
    *,
    analysis: str | None = None,
    samples: int | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Outcome:
    """Run one analysis that a netlist asks for: its transient, else AC, noise, sweep, or operating point.

    Args:
        netlist: From :func:`read_spice`.
        analysis: "tran", "ac", "noise", "dc" or "op" where the netlist asks for several; the first of these if None.
        samples: Draw so many samples with transistor mismatch (transient alone).
        seed: Of the draw.
        progress: Called with the number of samples done and their total.

    Raises:
        NetlistError: If the netlist asks for no analysis, or for a signal that is not there.
        SolverError: If the numbers do not converge.
    """
    found = asked(netlist)
    if not found:
        raise NetlistError("the netlist asks for no analysis that mho runs: give it .tran, .ac, .noise, .dc or .op.")
    chosen = analysis or found[0]
    if chosen not in found:
        raise NetlistError(f"the netlist has no .{chosen}; it has {', '.join(f'.{x}' for x in found)}.")
    if samples is not None and chosen != "tran":
        raise NetlistError("samples need a .tran; the netlist has none.")
    _check_names(netlist, chosen)
    r = netlist.requests
    if chosen == "tran":
        assert r.tran is not None
        return _transient(netlist, r.tran, samples, seed, progress)
    if chosen == "dc":
        assert r.dc is not None
        return _sweep(netlist, r.dc)
    return {"ac": small_signal, "noise": noise, "op": _point}[chosen](netlist)


def _check_names(netlist: Netlist, analysis: str) -> None:
    """Find a signal that is not there, or a malformed measurement, before a long run and not after it."""
    if analysis == "noise":
        return
    zeros = np.zeros(2, np.complex128 if analysis == "ac" else np.float64)
    nodes = {x for e in netlist.circuit.elements for x in e.nodes if x != "0"}
    axis = "frequency" if analysis == "ac" else ""
    table = Table(axis, np.zeros(2), dict.fromkeys(nodes, zeros), dict.fromkeys(branches(netlist), zeros))
    wanted(netlist, table)
    list(measured(netlist, analysis, table))


# ---- transient -------------------------------------------------------------------------------------------------------
def _transient(netlist: Netlist, tran: Tran, samples: int | None, seed: int, progress: Progress | None) -> Outcome:
    circuit = with_unknowns(netlist.circuit)
    held = {h.node for h in layout(circuit).held}
    initial = {n: v for n, v in netlist.requests.initial.items() if n not in held and n != "0"}
    if tran.uic:
        first = {**{n: v for n, v in netlist.charges.items() if n not in held}, **netlist.currents, **initial}
        first |= dict.fromkeys(netlist.latched, 1.0)
        circuit = circuit.with_elements({}, first)
    if samples is not None:
        circuit = sample(circuit, *mc.mismatch(circuit), n=samples, key=jax.random.key(seed))
    start: Any = mc.Start.ZERO if tran.uic else _start(circuit, netlist, initial)
    accuracy = tolerance(netlist.requests.reltol)
    options = mc.Options(tolerance=accuracy, h_max=_largest_step(circuit, tran, netlist.fastest))
    names = layout(circuit).names
    run = mc.transient(
        circuit, tran.stop, save=names, options=options, start=start, throw=samples is None, progress=progress
    )
    count = samples or 1
    tables = []
    for lane in range(count):
        one = circuit if samples is None else _lane(circuit, lane)
        tables.append(_table(one, names, run.points[lane], tran, accuracy))
    return gathered("tran", netlist, tables, run=run, failures=run.failures, population=samples is not None)


def _largest_step(circuit: mc.Circuit, tran: Tran, fastest: float) -> float:
    """The step that the netlist allows; without one, a 50th of the run and a 20th of a sine's period."""
    waves = (e.wave for e in circuit.elements if isinstance(e, mc.VoltageSource | mc.CurrentSource))
    periods = [float(1.0 / np.max(w.frequency)) for w in waves if isinstance(w, mc.Sin)]
    return tran.max_step or min([tran.stop / 50, *(p / 20 for p in (*periods, fastest))])


def _start(circuit: mc.Circuit, netlist: Netlist, initial: dict[str, float]) -> dict[str, Any]:
    """The operating point with the nodes of .ic held, as the values of all unknowns."""
    ties = {f"ic({n})": mc.VoltageSource(n, "0", v) for n, v in initial.items()}
    guess = {n: v for n, v in guess_of(netlist).items() if n != "0" and n not in initial}
    known = set(layout(circuit).names)
    try:
        point = mc.operating_point(circuit.with_elements(ties, {n: v for n, v in guess.items() if n in known}))
    except NetlistError as error:
        raise NetlistError(f"{error} In a netlist: .tran ... uic, or R to ground.") from error
    return {name: point[name] for name in layout(circuit).names}


def _lane(circuit: mc.Circuit, lane: int) -> mc.Circuit:
    return jax.tree.map(lambda x: x[lane] if np.ndim(x) else x, circuit)


def _table(circuit: mc.Circuit, names: tuple[str, ...], points: Points, tran: Tran, accuracy: float) -> Table:
    """All signals at the accepted times, and between them where a straight line would miss."""
    t, u, du = _refined(points, accuracy)
    keep = t >= tran.start * (1 - 1e-12)
    t, u, du = t[keep], u[:, keep], du[:, keep]
    return _observed("time", circuit, names, t, u, du)


def _observed(axis: str, circuit: mc.Circuit, names: tuple[str, ...], t, u, du) -> Table:
    values, slopes = dict(zip(names, u, strict=True)), dict(zip(names, du, strict=True))
    held, currents = observe(circuit, t, values, slopes)
    inner = {f"{name}.i" for name in circuit.names}
    voltages = {n: x for n, x in values.items() if n not in inner}
    currents |= {
        n.removesuffix(".i"): x for n, x in values.items() if n in inner and n.removesuffix(".i") not in currents
    }
    return Table(axis, t, voltages | held, currents)


def _refined(p: Points, accuracy: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, values and slopes of all unknowns; steps that bend are divided."""
    if len(p.end) == 0:
        empty = np.zeros((p.value0.shape[1], 0))
        return np.zeros(0), empty, empty
    h = (p.end - p.begin)[:, None]
    rise = p.value1 - p.value0
    bend = np.maximum(np.abs(h * p.slope0 - rise), np.abs(h * p.slope1 - rise)) / 4
    swing = np.maximum(np.ptp(p.value1, axis=0), 1e-9)
    missed = np.max(bend / swing, axis=1) / max(accuracy, _STRAIGHT)
    parts = np.clip(np.ceil(np.sqrt(np.nan_to_num(missed))), 1, _FINEST).astype(int)
    step = np.repeat(np.arange(len(parts)), parts)
    place = np.concatenate([np.arange(1, k + 1) / k for k in parts])[:, None]
    h, y0, rise, d0, d1 = h[step], p.value0[step], rise[step], p.slope0[step], p.slope1[step]
    a, b = h * d0 - rise, -h * d1 + rise
    inner = (1 - place) * place
    u = y0 + place * rise + inner * (a * (1 - place) + b * place)
    du = (rise + (1 - 2 * place) * (a * (1 - place) + b * place) + inner * (b - a)) / h
    # The last point of a step is the accepted one, to the last bit.
    last = place[:, 0] == 1.0
    u[last], du[last] = p.value1, p.slope1
    t = np.where(last, p.end[step], p.begin[step] + place[:, 0] * h[:, 0])
    first = lambda x, y: np.concatenate([x[:1], y])  # noqa: E731
    return first(p.begin, t), first(p.value0, u).T, first(p.slope0, du).T


# ---- DC --------------------------------------------------------------------------------------------------------------
def _point(netlist: Netlist) -> Outcome:
    circuit = at_rest(netlist)
    return gathered("op", netlist, [_solved("", circuit, np.zeros(1))])


def _sweep(netlist: Netlist, dc: DCSweep) -> Outcome:
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
    return gathered("dc", netlist, [_solved(axis, circuit.with_elements(changed), grid[0].ravel())])


def _solved(axis: str, circuit: mc.Circuit, points: np.ndarray) -> Table:
    names = layout(circuit).names
    point = mc.operating_point(circuit)
    u = np.stack([np.broadcast_to(np.asarray(point[n], np.float64), points.shape) for n in names])
    return _observed(axis, circuit, names, points, u, np.zeros_like(u))
