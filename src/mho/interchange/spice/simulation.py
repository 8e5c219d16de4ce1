"""Runs the analyses of a netlist and gathers their waveforms."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from mho import circuits as mc
from mho.circuits.layout import layout
from mho.circuits.transient import Progress
from mho.circuits.waveforms import Points, Run
from mho.core.errors import NetlistError
from mho.core.sampling import sample
from mho.interchange.spice import frequency
from mho.interchange.spice.elaboration import TIME
from mho.interchange.spice.measure import measured
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.outcome import Outcome, gathered
from mho.interchange.spice.rest import guessed, tied, with_unknowns
from mho.interchange.spice.signals import Table, branches, observed, wanted
from mho.interchange.spice.sweep import point, sweep
from mho.netlists.analyses import Tran

_STEPS = 2_000  # most steps that a print step asks for
_FORMULA_STEPS = 20_000  # the same where a formula of time may hide corners
_FINEST = 8  # points put into one step where a straight line misses its cubic
_STRAIGHT = 5e-5  # of a signal's swing: what a straight line between two points may miss


def tolerance(reltol: float) -> float:
    """Mho's tolerance for an ngspice reltol: 5e-4 at 1e-3, 2e-5 at 1e-5; both are local errors of like effect."""
    return float(np.clip(5e-4 * (reltol / 1e-3) ** (2 / 3), 2e-6, 5e-3))


def asked(netlist: Netlist) -> list[str]:
    """The analyses that a netlist asks for, in the order in which :func:`simulate` prefers them."""
    return netlist.requests.kinds


def simulate(
    netlist: Netlist,
    *,
    analysis: str | None = None,
    samples: int | None = None,
    seed: int = 1,
    noise: mc.TransientNoise | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run one analysis that a netlist asks for: its transient, else AC, noise, sweep, or operating point.

    Args:
        netlist: From :func:`read_spice`.
        analysis: "tran", "ac", "noise", "dc" or "op" where the netlist asks for several; the first of these if None.
        samples: Draw so many samples with transistor mismatch (transient alone).
        seed: Of the draw.
        noise: Noise of the elements in a transient, if any.
        progress: Called with the number of samples done and their total.

    Raises:
        NetlistError: If the netlist asks for no analysis, or for a signal that is not there.
        SolverError: If the numbers do not converge.
    """
    chosen = netlist.requests.chosen(analysis, netlist.file)
    if samples is not None and chosen != "tran":
        raise NetlistError("samples need a .tran; the netlist has none.")
    _check_names(netlist, chosen)
    r = netlist.requests
    if chosen == "tran":
        assert r.tran is not None
        return _transient(netlist, r.tran, samples, seed, noise, progress)
    if chosen == "dc":
        assert r.dc is not None
        return sweep(netlist, r.dc)
    return {"ac": frequency.small_signal, "noise": frequency.noise, "op": point}[chosen](netlist)


def _check_names(netlist: Netlist, analysis: str) -> None:
    """Find a signal that is not there, or a malformed measurement, before a long run and not after it."""
    if analysis == "noise":
        return
    zeros = np.zeros(2, np.complex128 if analysis == "ac" else np.float64)
    nodes = {x for e in netlist.circuit.elements for x in e.nodes if x != "0"}
    nodes |= {node for node, _ in netlist.followers.values()}
    axis = "frequency" if analysis == "ac" else ""
    table = Table(axis, np.zeros(2), dict.fromkeys(nodes, zeros), dict.fromkeys(branches(netlist), zeros))
    wanted(netlist, table)
    list(measured(netlist, analysis, table))


# ---- transient -------------------------------------------------------------------------------------------------------
def _transient(
    netlist: Netlist,
    tran: Tran,
    samples: int | None,
    seed: int,
    noise: mc.TransientNoise | None,
    progress: Progress | None,
) -> Outcome:
    circuit = ready(netlist)
    if samples is not None:
        circuit = sample(circuit, *mc.mismatch(circuit), n=samples, key=jax.random.key(seed))
    start = start_of(circuit, netlist)
    names = layout(circuit).names
    run = mc.transient(
        circuit, tran.stop, save=names, options=options_of(circuit, netlist, noise=noise), start=start,
        throw=samples is None, progress=progress,
    )  # fmt: skip
    tables = [table_of(circuit, netlist, run, lane) for lane in range(samples or 1)]
    return gathered("tran", netlist, tables, run=run, failures=run.failures, population=samples is not None)


def ready(netlist: Netlist) -> mc.Circuit:
    """The circuit as its transient starts: with `uic`, with all initial values."""
    circuit, tran = with_unknowns(netlist.circuit), netlist.requests.tran
    if tran is None or not tran.uic:
        return circuit
    held = {h.node for h in layout(circuit).held}
    first = {**{n: v for n, v in netlist.charges.items() if n not in held}, **netlist.currents}
    first |= _initial(circuit, netlist) | dict.fromkeys(netlist.latched, 1.0)
    return circuit.with_elements({}, first)


def _initial(circuit: mc.Circuit, netlist: Netlist) -> dict[str, float]:
    held = {h.node for h in layout(circuit).held}
    return {n: v for n, v in netlist.requests.initial.items() if n not in held and n != "0"}


def options_of(circuit: mc.Circuit, netlist: Netlist, **more: Any) -> mc.Options:
    """Accuracy and largest step that a netlist asks for."""
    tran = netlist.requests.tran
    assert tran is not None
    h_max = _largest_step(circuit, tran, netlist.fastest)
    return mc.Options(tolerance=tolerance(netlist.requests.reltol), h_max=h_max, **more)


def _largest_step(circuit: mc.Circuit, tran: Tran, fastest: float) -> float:
    """The step that the netlist allows; without one its print step as in ngspice, unless that makes very many steps.

    What a netlist shows in small signals is beyond an error control in volts: the print step is what its author wants
    resolved. A sine is followed in 50 steps a period.
    """
    waves = (e.wave for e in circuit.elements if isinstance(e, mc.VoltageSource | mc.CurrentSource))
    periods = [float(1.0 / np.max(w.frequency)) for w in waves if isinstance(w, mc.Sin)]
    fewest = _FORMULA_STEPS if TIME in circuit.names else _STEPS
    return tran.max_step or min(
        [tran.stop / 50, max(tran.step, tran.stop / fewest), *(p / 50 for p in (*periods, fastest))]
    )


def start_of(circuit: mc.Circuit, netlist: Netlist) -> Any:
    """Where a transient starts: with `uic` as .ic charges the nodes, else at the operating point with these held."""
    tran, initial = netlist.requests.tran, _initial(circuit, netlist)
    if tran is not None and tran.uic:
        return mc.Start.CHARGED
    try:
        found = mc.operating_point(guessed(tied(circuit, initial), netlist))
    except NetlistError as error:
        raise NetlistError(
            f"{netlist.place(str(error))}{error} In a netlist: .tran ... uic, or R to ground."
        ) from error
    return {name: initial.get(name, found[name]) for name in layout(circuit).names}


def table_of(circuit: mc.Circuit, netlist: Netlist, run: Run, lane: int) -> Table:
    """All signals of one sample at the accepted times, and between them where a straight line would miss."""
    tran = netlist.requests.tran
    assert tran is not None
    one = jax.tree.map(lambda x: x[lane] if np.ndim(x) else x, circuit)
    t, u, du = _refined(run.points[lane], tolerance(netlist.requests.reltol))
    keep = t >= tran.start * (1 - 1e-12)
    t, u, du = t[keep], u[:, keep], du[:, keep]
    return observed(netlist, "time", one, run.saved, t, u, du)


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
