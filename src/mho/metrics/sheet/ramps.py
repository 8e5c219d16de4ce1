"""Ramps up and down on the bench, and what a datasheet says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI, percentiles
from mho.metrics.sheet import linearity
from mho.metrics.sheet.bench import Bench, Drive, Train
from mho.metrics.sheet.entry import entry, missing, origins, spread_origins

CYCLES = 2
LEVELS = ("bottom", "one quarter", "half", "three quarters", "top")
INNER = LEVELS[1:4]
_QUIET = 1e-7  # of the window: a noise below it is none
_STILL = 1e-9  # relative change below which a ramp went nowhere

NO_PULSE = "the set names no pulse that raises the conductance. Add [operation.v_up] and [operation.t_up]."
NO_DOWN = "the set names no pulse that lowers the conductance"
NO_SHAPE = "a ramp of so few pulses has no shape"
ONE_JUMP = "the ramp is one jump: no step at its middle"
_JUMP = 0.3  # of the reach: a ramp with a larger single step is a jump
_SHAPE = 4  # pulses from which on a ramp has a shape
NO_MOVE = "the pulses do not move the conductance at the read voltage"
FADED = "a pulse's change is gone after the pause that follows it"
NO_CYCLE = "the set gives no cycle-to-cycle noise that acts at the inner levels"
NO_SPREAD = "the set gives no device-to-device spread"


@dataclass(frozen=True)
class Ramps:
    """Cycles of a ramp up and a ramp down, after one that is not counted.

    Args:
        up: One a cycle.
        down: One a cycle; none where no pulse lowers the conductance.
        low: Low end of each device's window [S].
        high: High end [S].
        written: State at the end of the last ramp up.
    """

    up: tuple[Train, ...]
    down: tuple[Train, ...]
    low: np.ndarray
    high: np.ndarray
    written: Any

    @property
    def window(self) -> float:
        """Width of the nominal window [S]: of the model, or of the ramp where the model's is empty."""
        width = float(self.high[0] - self.low[0])
        ramp = self.up[-1].ramp[:, 0] if self.up else np.zeros(1)
        return width if width > 0.0 else float(ramp.max() - ramp.min())

    def moves(self, trains: tuple[Train, ...]) -> bool:
        """Whether these ramps of the nominal device went anywhere."""
        if not trains:
            return False
        g = trains[-1].ramp[:, 0]
        return bool(np.all(np.isfinite(g)) and abs(g[-1] - g[0]) > _STILL * max(abs(g).max(), 1e-30))

    def jumps(self, trains: tuple[Train, ...]) -> bool:
        """Whether one pulse of these ramps makes most of their way, so that nothing is known of the steps between."""
        size = np.abs(np.diff(trains[-1].ramp[:, 0])) if trains else np.zeros(1)
        return bool(size.max() > max(_JUMP, 2.0 / size.size) * size.sum() > 0.0)

    @property
    def still(self) -> str:
        """Why the ramps go nowhere."""
        if not self.up:
            return NO_PULSE
        return FADED if self.faded else NO_MOVE

    @property
    def faded(self) -> bool:
        """Whether pulses move the conductance, and the pause after each takes it all back."""
        if not self.up or self.moves(self.up):
            return False
        change = np.abs(self.up[-1].after[:, 0] - self.up[-1].start[0])
        return bool(np.nanmax(change) > _STILL * abs(self.up[-1].start[0]))


def ramps(bench: Bench) -> Ramps:
    """Run the cycles."""
    state, _, low, high = bench.fresh()
    if bench.up is None:
        return Ramps((), (), low, high, state)
    if bench.down is not None:  # from the low end, as every later cycle
        state = bench.train(state, bench.down, bench.pulses, "start").state
    up, down, written = [], [], state
    for cycle in range(CYCLES if bench.down is not None else 1):
        up.append(bench.train(state, bench.up, bench.pulses, f"up {cycle}"))
        state = written = up[-1].state
        if bench.down is not None:
            down.append(bench.train(state, bench.down, bench.pulses, f"down {cycle}"))
            state = down[-1].state
    return Ramps(tuple(up), tuple(down), low, high, written)


def _both(bench: Bench, found: Ramps, of: Any) -> list[float | None]:
    """A figure of the nominal ramp up and of the ramp down; None for a ramp that is not there or goes nowhere."""
    return [
        of(trains[-1], sign) if found.moves(trains) else None for trains, sign in ((found.up, 1.0), (found.down, -1.0))
    ]


def _why(bench: Bench, found: Ramps) -> str:
    if bench.up is None:
        return NO_PULSE
    return found.still if not (found.moves(found.up) or found.moves(found.down)) else ""


def window_kpis(bench: Bench, low: np.ndarray, high: np.ndarray) -> list[KPI]:
    """Window and dynamic range of the model."""
    one = bench.population
    ends = [float(low[0]), float(high[0])]
    width = high[one] - low[one]
    spread = percentiles(width) if np.ptp(width) > 1e-6 * abs(width).max() else None
    note = "" if ends[1] > ends[0] else "no state changes the conductance of this device"
    if spread is not None and ends[1] > ends[0]:
        between = " to ".join(engineering(spread[k], "S", 3) for k in ("low", "high"))
        note = f"width over devices {between} (5th to 95th percentile)"
    ratio = ends[1] / ends[0] if ends[0] > 0.0 and ends[1] > ends[0] else None
    empty = note if ends[1] <= ends[0] else "the low end of the window is zero"
    return [
        entry(bench, "conductance_window", ends, "S", "[G_min, G_max]: all that the state can take, as it is read",
              note=note, n=1 if spread is None else bench.n, provenance=origins(bench.numbers, ("model", "effects"))),
        entry(bench, "dynamic_range", ratio, "1", "G_max/G_min", note="" if ratio else empty,
              provenance=origins(bench.numbers, ("model", "effects"))),
    ]  # fmt: skip


def ramp_kpis(bench: Bench, found: Ramps) -> list[KPI]:
    """Reach, steps, linearity in each definition, asymmetry and symmetry point of the nominal device."""
    why = _why(bench, found)
    window = found.window

    def figure(name: str, unit: str, definition: str, of: Any, note: str = "", least: int = 1) -> KPI:
        values = _both(bench, found, of) if bench.pulses >= least else None
        if why or values is None:
            return missing(bench, name, unit, definition, why or NO_SHAPE)
        good = [v is not None and np.isfinite(v) for v in values]
        if not any(good):
            return missing(bench, name, unit, definition, ONE_JUMP)
        partly = "" if all(good) else f"{'up' if good[0] else 'down'} only"
        return entry(bench, name, values, unit, definition, note="; ".join(x for x in (note, partly) if x))

    def steps(train: Train, sign: float) -> float:
        return window / float(np.mean(np.abs(np.diff(train.ramp[:, 0]))))

    def middle(train: Train, sign: float) -> float:
        if found.jumps((train,)):
            return float("nan")
        g = train.ramp[:, 0]
        size = np.abs(np.diff(g))
        half = 0.5 * (g.min() + g.max())
        return window / float(size[int(np.argmin(np.abs(g[:-1] - half)))] or np.nan)

    def curve(train: Train) -> np.ndarray:
        return linearity.normalised(train.ramp[:, 0])

    reach = None
    if found.moves(found.up) or found.moves(found.down):
        g = np.concatenate([t.ramp[:, 0] for t in (*found.up[-1:], *found.down[-1:])])
        reach = [float(g.min()), float(g.max())]
    return [
        entry(bench, "ramp_reach", reach, "S", f"[min G, max G] over a ramp of {bench.pulses} pulses", note=why),
        figure("steps", "1", "N = (G_max - G_min)/<|dG|>, mean over the ramp; up, down", steps,
               "not the levels that can be told apart"),
        figure("steps_at_middle", "1", "(G_max - G_min)/|dG| with the step at the middle of the ramp; up, down", middle,
               least=_SHAPE),
        figure("nonlinearity_alpha", "1",
               "NeuroSim alpha = D(z)/0.098995, z fitted to (1-e^(-zu))/(1-e^(-z)); above 0 steep at low G; up, down",
               lambda t, sign: sign * linearity.alpha(curve(t)), least=_SHAPE),
        figure("linearity_error", "1", "LE = max |f(u) - u| of the ramp scaled to [0, 1]; up, down",
               lambda t, sign: linearity.largest_deviation(curve(t)), least=_SHAPE),
        figure("linearity_r2", "1", "R^2 of the straight line fitted to the ramp; up, down",
               lambda t, sign: linearity.r_squared(curve(t)), least=_SHAPE),
        _asymmetry(bench, found, why),
        _symmetry_point(bench, found, why),
    ]  # fmt: skip


def _asymmetry(bench: Bench, found: Ramps, why: str) -> KPI:
    definition = "AS = max over pulses |G_up(p) - G_down(P-p)|/(span of both ramps)"
    if bench.pulses < _SHAPE or not (found.moves(found.up) and found.moves(found.down)):
        why = why or (NO_SHAPE if bench.pulses < _SHAPE else "")
        return missing(bench, "asymmetry", "1", definition, why or (NO_DOWN if bench.down is None else NO_MOVE))
    value = linearity.asymmetry(found.up[-1].ramp[:, 0], found.down[-1].ramp[:, 0])
    return entry(bench, "asymmetry", value, "1", definition)


def _symmetry_point(bench: Bench, found: Ramps, why: str) -> KPI:
    definition = "G at which <dG_up> = <dG_down>: where equal numbers of pulses up and down lead"
    if bench.pulses < _SHAPE or not (found.moves(found.up) and found.moves(found.down)):
        why = why or (NO_SHAPE if bench.pulses < _SHAPE else "")
        return missing(bench, "symmetry_point", "S", definition, why or (NO_DOWN if bench.down is None else NO_MOVE))
    if found.jumps(found.up) or found.jumps(found.down):
        return missing(bench, "symmetry_point", "S", definition, ONE_JUMP)
    g = linearity.symmetry_point(found.up[-1].ramp[:, 0], found.down[-1].ramp[:, 0])
    if g is None:
        return missing(bench, "symmetry_point", "S", definition, "no such point: steps cross nowhere inside the ramp")
    place = (g - found.low[0]) / found.window
    return entry(bench, "symmetry_point", g, "S", definition, note=f"{100 * place:.0f} % up the window")


@dataclass(frozen=True)
class Scatter:
    """What varies between equal pulses and between devices, in siemens; None where the set gives no such spread.

    Args:
        step: Mean step at the inner levels, up and down, size.
        resolution: Size of the step in which a target is found, by the finer of the two ramps.
        cycle: Standard deviation of one step from one state, up and down.
        open_cycle: Standard deviation of the conductance after a ramp without verification, by cycle noise.
        device: The same by device-to-device spread, at the middle of the ramp.
        uniformity: 1 - sigma/mean of the conductance at the middle of the ramp, over devices.
    """

    step: tuple[float, ...]
    resolution: float
    cycle: tuple[float, ...] | None
    open_cycle: float | None
    device: float | None
    uniformity: float | None


def scatter(bench: Bench, found: Ramps, states: Mapping[str, Any]) -> Scatter | None:
    """Spreads over devices and pulses; None where the ramps go nowhere.

    Args:
        bench: The bench.
        found: Its ramps.
        states: Written states by level; single pulses are taken from the nominal device's inner ones.
    """
    if not found.moves(found.up):
        return None
    ways = [("up", bench.up)] + ([("down", bench.down)] if found.moves(found.down) else [])
    step, cycle = [], []
    for way, drive in ways:
        changes = np.array([_one_pulse(bench, states[k], drive, f"one {way} {k}") for k in INNER if k in states])
        step.append(float(np.mean(np.abs(changes[:, 0]))))
        cycle.append(float(np.sqrt(np.mean(np.nanvar(changes[:, bench.noisy], axis=1, ddof=1)))))
    level = found.up[-1].ramp[(bench.pulses + 1) // 2]
    scale = max(abs(level[0]), 1e-30)
    noisy, devices = level[bench.noisy], level[bench.spread]
    same = float(np.nanstd(devices)) <= 1e-9 * scale
    return Scatter(
        tuple(step),
        min(_resolution(t[-1]) for t in (found.up, found.down) if found.moves(t)),
        tuple(cycle) if max(cycle) > _QUIET * found.window else None,
        float(np.nanstd(noisy, ddof=1)) if float(np.nanstd(noisy)) > 1e-9 * scale else None,
        None if same else float(np.nanstd(devices, ddof=1)),
        None if same else 1.0 - float(np.nanstd(devices, ddof=1) / np.nanmean(devices)),
    )


def _one_pulse(bench: Bench, state: Any, drive: Drive | None, name: str) -> np.ndarray:
    """Change of every device by one pulse [S], all starting from the state of the nominal one."""
    assert drive is not None
    same = jax.tree.map(lambda x: jnp.broadcast_to(x[0], x.shape), state)
    train = bench.train(same, drive, 1, name)
    return train.later[0] - train.start


def _resolution(train: Train) -> float:
    """Size of the step in which a target is found, for targets spread evenly: sqrt(sum |dG|^3/sum |dG|) [S]."""
    size = np.abs(np.diff(train.ramp[:, 0]))
    return float(np.sqrt(np.sum(size**3) / np.sum(size)))


def scatter_kpis(bench: Bench, found: Ramps, spreads: Scatter | None) -> list[KPI]:
    """Cycle-to-cycle and device-to-device spread, update signal-to-noise, uniformity."""
    why = _why(bench, found) or found.still
    samples = bench.n * len(INNER)
    ways = "up, down" if spreads is not None and len(spreads.step) > 1 else "up"
    cycle = None if spreads is None else spreads.cycle
    device = None if spreads is None else spreads.device
    no_cycle, no_device = (why, why) if spreads is None else (NO_CYCLE, NO_SPREAD)
    level = float(found.up[-1].ramp[(bench.pulses + 1) // 2, 0]) if found.up else float("nan")
    sourced = [*origins(bench.numbers), *spread_origins(bench.numbers)]
    failed = int(np.sum(~np.isfinite(found.up[-1].ramp).all(axis=0))) if found.up else 0
    failures = {"NOT_FINITE": failed} if failed else {}
    return [
        entry(bench, "cycle_to_cycle", None if cycle is None else [c / found.window for c in cycle], "1",
              f"sigma(dG)/(G_max - G_min) of one pulse from one state, inner levels; {ways}", n=samples,
              failures=failures, note="" if cycle is not None else no_cycle),
        entry(bench, "cycle_to_cycle_of_step", None if cycle is None or spreads is None else
              [c / s if s > 0 else None for c, s in zip(cycle, spreads.step, strict=True)], "1",
              f"sigma(dG)/<|dG|> of one pulse; {ways}", n=samples,
              note="noise without a nominal step" if cycle is not None and not any(spreads.step) else  # type: ignore[union-attr]
              "" if cycle is not None else no_cycle),
        entry(bench, "update_snr", None if cycle is None or spreads is None else
              [s / c if c > 0 and s > 0 else None for c, s in zip(cycle, spreads.step, strict=True)], "1",
              f"<|dG|>/sigma(dG) of one pulse; {ways}", n=samples,
              note=_apparent(bench) if cycle is not None else no_cycle),
        entry(bench, "device_to_device", None if device is None else device / level, "1",
              "sigma(G)/mean(G) over devices after half a ramp up, without cycle noise", n=bench.n,
              note="" if device is not None else no_device, provenance=sourced, failures=failures),
        entry(bench, "uniformity", None if spreads is None else spreads.uniformity, "1",
              "1 - sigma_D2D/mean of G after half a ramp up", n=bench.n,
              note="" if device is not None else no_device, provenance=sourced),
    ]  # fmt: skip


def _apparent(bench: Bench) -> str:
    """That noise counts which every write draws anew, where a device has it."""
    share = float(np.max(np.asarray(getattr(bench.bare, "sigma_write", 0.0))))
    return "write noise that does not accumulate (sigma_write) counts in it" if share > 0.0 else ""


def write_kpis(bench: Bench, found: Ramps) -> list[KPI]:
    """Energy, time and voltage of a write."""
    why = NO_PULSE if bench.up is None else ""

    def energy(trains: tuple[Train, ...]) -> float | None:
        value = float(np.nanmean([t.energy.mean() for t in trains])) if trains else float("nan")
        return value if np.isfinite(value) and value > 0.0 else None

    energies = [energy(found.up), energy(found.down)]
    drives = [bench.up, bench.down]
    spread = None
    if energies[0] is not None:
        first = np.concatenate([t.energy for t in (*found.up, *found.down)])
        spread = {"low": float(first.min()), "high": float(first.max()), "kind": "over the ramps"}
    ramp = [float(np.sum(t[-1].energy)) if t and e else None for t, e in
            ((found.up, energies[0]), (found.down, energies[1]))]  # fmt: skip
    split = _gate_split(bench, energies[0])
    return [
        entry(bench, "write_energy", energies, "J", "E = integral of v i dt of one pulse, mean over the ramp; up, down",
              spread=None if spread is None else {**spread, "low": [spread["low"]] * 2, "high": [spread["high"]] * 2},
              note=why or (split if any(energies) else "the model computes no energy for these pulses")),
        entry(bench, "ramp_energy", ramp, "J", f"energy of a whole ramp of {bench.pulses} pulses; up, down",
              note=why or ("" if any(energies) else "the model computes no energy for these pulses")),
        entry(bench, "write_voltage", [None if d is None else d.amplitude for d in drives], "V",
              "amplitude of the pulse; up, down", note=why, provenance=origins(bench.numbers, ("operation",))),
        entry(bench, "write_time", [None if d is None else d.width for d in drives], "s",
              "width of the pulse; up, down", note=why, provenance=origins(bench.numbers, ("operation",))),
    ]  # fmt: skip


def _gate_split(bench: Bench, energy: float | None) -> str:
    """The parts of a gate pulse's energy, for a device whose gate is a capacitor that leaks and moves ions."""
    gate = [getattr(bench.bare, name, None) for name in ("c_gate", "r_ion", "r_leak")]
    if energy is None or bench.up is None or any(x is None for x in gate):
        return ""
    c, r_ion, r_leak = (float(np.asarray(x).ravel()[0]) for x in gate)
    v, t = bench.up.amplitude, bench.up.width
    parts = {"displacement": c * v * v, "leakage": v * v * t / (r_ion + r_leak)}
    parts["ions"] = energy - sum(parts.values())
    return "up: " + ", ".join(f"{k} {engineering(x if x > 1e-6 * energy else 0.0, 'J', 3)}" for k, x in parts.items())
