"""Populations of a netlist: mismatch, spreads and corners, through memory in shares; what is measured is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho import circuits as mc
from mho.circuits.layout import layout
from mho.circuits.monte_carlo import part
from mho.circuits.waveforms import widths
from mho.core import sampling
from mho.core.errors import NetlistError, SolverError
from mho.core.results import Status
from mho.interchange.spice.measure import measured, units
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.signals import plain_source
from mho.interchange.spice.simulation import options_of, ready, start_of, table_of
from mho.netlists.numbers import spice_number

_SHARE, _SHARE_WITH_WAVEFORMS = 128, 32  # samples in memory at a time, without and with their waveforms
_FIELDS = {
    mc.Resistor: "r", mc.Capacitor: "c", mc.Inductor: "l", mc.VoltageSource: "wave.value",
    mc.CurrentSource: "wave.value", mc.MOSFET: "delta_vto", mc.LevelOne: "vto",
}  # fmt: skip


@dataclass(frozen=True)
class Spikes:
    """Asks for the spikes of a node: rate, width, energy per spike, jitter.

    Args:
        node: Node.
        level: Voltage at which it counts as spiking [V].
        after: Time before which nothing counts: the start-up [s].
        most: Spikes of one sample that are kept; more end it.
    """

    node: str
    level: float
    after: float = 0.0
    most: int = 256


@dataclass(frozen=True)
class Population:
    """What was measured of each sample.

    Args:
        values: By name of the measurement, NaN where it failed, shape (samples,).
        drawn: Numbers that differ between samples, by element and field.
        corners: Name of each sample's corner, empty without corners.
        status: How each sample ended.
        missing: Why measurements failed, and how often, by their name.
        units: Unit of each measurement, empty where only the netlist knows it.
    """

    values: Mapping[str, np.ndarray]
    drawn: Mapping[str, np.ndarray]
    corners: tuple[str, ...]
    status: np.ndarray
    missing: Mapping[str, Mapping[str, int]]
    units: Mapping[str, str]

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.status)

    @property
    def reasons(self) -> list[str]:
        """How each sample ended: "ok", or the failure's name."""
        return ["ok" if s == Status.OK else Status(int(s)).name for s in self.status]


@dataclass
class Rows:
    """What a share of the samples gave."""

    status: np.ndarray
    values: dict[str, np.ndarray] = field(default_factory=dict)
    missing: dict[str, dict[str, int]] = field(default_factory=dict)


def spread_of_text(netlist: Netlist, text: str) -> sampling.Spread:
    """A spread in a designer's words: ``r1=5%``, ``m1.kp=3%``, ``vdd=10m``.

    A share in percent is log-normal about the value; a plain number is the standard deviation in the field's SI unit.

    Raises:
        NetlistError: If there is no such element or number of it.
    """
    found = re.fullmatch(r"\s*([^=\s]+)\s*=\s*([^=\s%]+)\s*(%?)\s*", text.lower())
    sigma = spice_number(found.group(2)) if found else None
    if found is None or sigma is None or sigma < 0:
        raise NetlistError(f"the spread {text!r} is written element=5% or element.number=0.01 (a standard deviation).")
    elements = dict(netlist.circuit.items())
    path, own = plain_source(found.group(1)), ""
    if path not in elements:
        path, _, own = path.rpartition(".")
    if path not in elements:
        raise NetlistError(f"the spread {text!r} names no element; there is {', '.join(list(elements)[:20])}.")
    own = own or _FIELDS.get(type(elements[path]), "")

    def pick(c: mc.Circuit) -> Any:
        x = c[path]
        for name in own.split("."):
            x = getattr(x, {"lambda": "lambda_"}.get(name, name))
        return x

    try:
        leaf = pick(netlist.circuit)
    except AttributeError:
        leaf = None
    if not own or not isinstance(leaf, np.ndarray):
        raise NetlistError(f"the spread {text!r}: {type(elements[path]).__name__} has no number {own!r} to spread.")
    return sampling.relative(sigma / 100, of=pick) if found.group(3) else sampling.normal(sigma, of=pick)


def draw(
    netlists: Sequence[tuple[str, Netlist, mc.Corner | None]],
    spreads: Callable[[mc.Circuit], Sequence[sampling.Spread]],
    *,
    samples: int,
    seed: int,
) -> tuple[mc.Circuit, tuple[str, ...]]:
    """The population of all corners, each with the same draw, and the corner's name of each sample.

    Args:
        netlists: Name of the corner, the netlist at its temperature, the corner (None for nominal alone).
        spreads: What varies, for a circuit.
        samples: Samples of each corner; 1 with no spread is the corner itself.
        seed: Of the draw.
    """
    circuits, names = [], []
    for name, netlist, corner in netlists:
        circuit = ready(netlist)
        if corner is not None:
            circuit = mc.at_corner(circuit, replace(corner, celsius=None))
        varied = spreads(circuit)
        if varied:
            circuit = sampling.sample(circuit, *varied, n=samples, key=jax.random.key(seed))
        circuits += [circuit]
        names += [name] * (circuit.samples or 1)
    found = mc.united(circuits)
    if found.samples is None:
        found = eqx.tree_at(lambda c: c.temperature, found, np.full(samples, float(found.temperature)))
        names = names * samples
    return found, tuple(names)


def run_population(
    netlist: Netlist,
    circuit: mc.Circuit,
    *,
    corners: tuple[str, ...] = (),
    spikes: Spikes | None = None,
    noise: mc.TransientNoise | None = None,
    energy: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Population:
    """Transients of a population; .measure and spikes are evaluated share by share, and no waveform is kept.

    Args:
        netlist: What to measure, and how long to run.
        circuit: The population, from :func:`draw`.
        corners: Corner of each sample.
        spikes: Spikes to note, if any.
        noise: Noise of the elements, if any; every sample has its own.
        energy: Whether to note what each source delivered from the start to the end.
        workers: Processes; this one alone if None.
        progress: Called with the number of samples done and their total.

    Raises:
        NetlistError: If the netlist has no .tran, or nothing is measured.
    """
    if netlist.requests.tran is None:
        raise NetlistError("a population needs a .tran; the netlist has none.")
    if not spikes and not any(line.text.split()[1:2] == ["tran"] for line in netlist.requests.measures):
        raise NetlistError(
            "nothing is measured in the samples: write .measure tran lines, ask for spikes (--spikes 'v(out)=0.5'), or "
            "keep the waveforms (--waveforms)."
        )
    count, size = circuit.samples or 1, _SHARE_WITH_WAVEFORMS if netlist.requests.measures else _SHARE
    edges = [(k, min(k + size, count)) for k in range(0, count, size)]
    own = lambda a: None if noise is None else replace(noise, first=noise.first + a)  # noqa: E731
    jobs = [(rows, (netlist, part(circuit, a, b), spikes, own(a), energy), {}) for a, b in edges]
    if workers is None or len(jobs) == 1:
        found, done = [], 0
        for function, arguments, _ in jobs:
            found.append(function(*arguments))
            done += len(found[-1].status)
            if progress is not None:
                progress(done, count)
    else:
        with mc.Workers(min(workers, len(jobs))) as pool:
            found = pool.map(jobs, count, progress)
    whole = _joined(found, drawn_numbers(circuit), corners, spikes)
    return replace(whole, units={**units(netlist), **whole.units})


def rows(
    netlist: Netlist,
    circuit: mc.Circuit,
    spikes: Spikes | None,
    noise: mc.TransientNoise | None = None,
    energy: bool = False,
    progress: Any = None,
) -> Rows:
    """Run one share of the samples, and measure it."""
    tran, count = netlist.requests.tran, circuit.samples or 1
    assert tran is not None
    waveforms = bool(netlist.requests.measures)
    crossings = ()
    if spikes is not None:
        crossings = tuple(mc.Crossing(spikes.node, spikes.level, rising=up, after=spikes.after) for up in (True, False))
    more = {"max_points": 256} | ({"max_events": spikes.most} if spikes is not None else {})
    options = options_of(circuit, netlist, ledger=mc.Detail.SUPPLIES, noise=noise, **more)
    try:
        start = start_of(circuit, netlist)
    except SolverError:
        return _one_by_one(netlist, circuit, spikes, noise, energy)
    save = layout(circuit).names if waveforms else ()
    run = mc.transient(
        circuit, tran.stop, crossings=crossings, save=save, options=options, start=start, throw=False,
        progress=None if progress is None else lambda done, _: progress(done, count),
    )  # fmt: skip
    found = Rows(run.status)
    if spikes is not None:
        found.values |= _of_spikes(run)
    if energy:
        found.values |= {f"delivered({n})": np.where(run.ok, x, np.nan) for n, x in run.ledger.supplies.items()}
    if waveforms:
        _measure(found, netlist, circuit, run)
    return found


def _one_by_one(
    netlist: Netlist, circuit: mc.Circuit, spikes: Spikes | None, noise: mc.TransientNoise | None, energy: bool
) -> Rows:
    """The same where some samples have no operating point: each half apart, down to the sample that has none."""
    count = circuit.samples or 1
    if count == 1:
        return Rows(np.array([Status.NO_OPERATING_POINT.value], np.int32))
    halves = []
    for a, b in ((0, count // 2), (count // 2, count)):
        own = None if noise is None else replace(noise, first=noise.first + a)
        halves.append(rows(netlist, part(circuit, a, b), spikes, own, energy))
    return _together(halves)


def _of_spikes(run: Any) -> dict[str, np.ndarray]:
    """Rate, mean width, mean energy of all supplies (and of each) from spike to spike, deviation of the intervals."""
    rising, falling = run.crossings
    with np.errstate(all="ignore"):
        mean = lambda x: np.array([np.mean(r[np.isfinite(r)]) if np.isfinite(r).any() else np.nan for r in x])  # noqa: E731
        spread = [r[np.isfinite(r)] for r in rising.intervals()]
        jitter = np.array([np.std(r, ddof=1) if len(r) > 1 else np.nan for r in spread])
        found = {
            "spikes": rising.count.astype(float),
            "rate": rising.rate(),
            "width": mean(widths(rising, falling)),
            "jitter": jitter,
        }
        each = {n: mean(np.diff(rising.energy(n), axis=1)) for what, n in rising.accounts if what == "energy"}
    return found | {"energy": np.sum(list(each.values()), axis=0)} | {f"energy({n})": x for n, x in each.items()}


def _measure(found: Rows, netlist: Netlist, circuit: mc.Circuit, run: Any) -> None:
    """Evaluate .measure for every sample; one that did not reach its end has no measurement."""
    for lane in range(len(run.status)):
        if run.status[lane] != Status.OK:
            continue
        for m in measured(netlist, "tran", table_of(circuit, netlist, run, lane)):
            found.values.setdefault(m.name, np.full(len(run.status), np.nan))[lane] = m.value
            if m.failure:
                told = found.missing.setdefault(m.name, {})
                told[m.failure] = told.get(m.failure, 0) + 1


def _together(parts: Sequence[Rows]) -> Rows:
    names = list(dict.fromkeys(n for p in parts for n in p.values))
    missing: dict[str, dict[str, int]] = {}
    for p in parts:
        for name, reasons in p.missing.items():
            for reason, number in reasons.items():
                missing.setdefault(name, {})[reason] = missing.get(name, {}).get(reason, 0) + number
    values = {n: np.concatenate([p.values.get(n, np.full(len(p.status), np.nan)) for p in parts]) for n in names}
    return Rows(np.concatenate([p.status for p in parts]), values, missing)


def _joined(
    parts: Sequence[Rows], drawn: Mapping[str, np.ndarray], corners: tuple[str, ...], spikes: Spikes | None
) -> Population:
    whole = _together(parts)
    known = {"spikes": "1", "rate": "Hz", "width": "s", "jitter": "s"} if spikes is not None else {}
    known |= {n: "J" for n in whole.values if spikes is not None and (n == "energy" or n.startswith("energy("))}
    known |= {n: "J" for n in whole.values if n.startswith("delivered(")}
    return Population(whole.values, drawn, corners, whole.status, whole.missing, known)


def drawn_numbers(circuit: mc.Circuit) -> dict[str, np.ndarray]:
    """Every number that differs from sample to sample, as ``element.field``."""
    found: dict[str, np.ndarray] = {}
    for name, element in circuit.items():
        for path, leaf in jax.tree_util.tree_flatten_with_path(element)[0]:
            if np.ndim(leaf) == 1 and np.ptp(leaf) > 0:
                found[f"{name}{jax.tree_util.keystr(path)}"] = np.asarray(leaf)
    return found
