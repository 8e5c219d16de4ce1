"""The datasheet of a device: every figure that a person asks of it, with definition, conditions and provenance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.core.errors import InputError
from mho.core.parameters import ParameterSet
from mho.devices.device import ROOM
from mho.metrics.kpi import KPI
from mho.metrics.sheet import precision
from mho.metrics.sheet.bench import Bench, bench, programmable
from mho.metrics.sheet.bits import bits_kpis, kept
from mho.metrics.sheet.claims import claims, contradictions
from mho.metrics.sheet.endurance import endurance_kpis
from mho.metrics.sheet.entry import entry, missing, origins
from mho.metrics.sheet.fading import DAY, Fading, fading, fading_kpis, middling, nominal, worst
from mho.metrics.sheet.programmed import UNPULSED, WRITTEN, Programmed, causes, programmed, programmed_kpis
from mho.metrics.sheet.ramps import (
    INNER,
    LEVELS,
    Ramps,
    Scatter,
    ramp_kpis,
    ramps,
    scatter,
    scatter_kpis,
    window_kpis,
    write_kpis,
)
from mho.metrics.sheet.reading import ReadNoise, nonlinearity_kpi, read_noise, read_noise_kpi
from mho.metrics.sheet.short_term import short_term_kpis

SAMPLES = 32


@dataclass(frozen=True)
class Measured:
    """What was measured on the bench, as arrays: the data behind the figures.

    Args:
        bench: The bench.
        ramps: Cycles of pulses up and down; none for a device known by the outcome of programming.
        programmed: What programming gave; none for a device that answers to pulses.
        levels: Conductance of the devices at each level after writing [S].
        fading: How written states change with time.
        noise: Read noise by level.
    """

    bench: Bench
    ramps: Ramps | None
    programmed: Programmed | None
    levels: Mapping[str, np.ndarray]
    fading: Fading
    noise: ReadNoise


@dataclass(frozen=True, repr=False)
class Datasheet:
    """All figures of a device alone.

    Args:
        numbers: The set of numbers that it is of.
        groups: KPIs by heading, in the order of the page.
        measured: The data behind the figures.
        causes: By kind of effective bits, the share of the window that each cause takes as standard deviation.
        notes: What a reader must know of the whole.
    """

    numbers: ParameterSet
    groups: Mapping[str, Sequence[KPI]]
    measured: Measured
    causes: Mapping[str, Mapping[str, float]]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        lines = [f"{self.numbers.name}: {self.numbers.summary}"]
        for heading, kpis in self.groups.items():
            lines += [heading, *(f"  {kpi}" for kpi in kpis)]
        return "\n".join((*lines, *self.notes))

    def __repr__(self) -> str:
        return f"<Datasheet of {self.numbers.name}: {sum(1 for _ in self)} figures>"

    def __iter__(self) -> Iterator[KPI]:
        return (kpi for kpis in self.groups.values() for kpi in kpis)

    def __getitem__(self, name: str) -> KPI:
        """The KPI of a name, with or without its floor ("device.steps", "steps")."""
        for kpi in self:
            if kpi.name in (name, f"device.{name}"):
                return kpi
        raise KeyError(f"There is no KPI {name!r}. There are {', '.join(k.name for k in self)}.")

    @property
    def assumed_share(self) -> float:
        """Share of the set's numbers that are assumptions."""
        return self.numbers.assumed_share()

    @property
    def limit(self) -> str:
        """What limits the effective bits most."""
        return precision.largest(self.causes.get("effective_bits", {}))

    def as_dict(self) -> dict[str, Any]:
        """Plain record."""
        at = self.measured.bench
        return {
            "name": self.numbers.name,
            "model": self.numbers.model,
            "technology": self.numbers.technology,
            "summary": self.numbers.summary,
            "note": self.numbers.note,
            "assumed_share": self.assumed_share,
            "temperature": at.temperature,
            "samples": at.n,
            "seed": at.seed,
            "groups": {heading: [kpi.as_dict() for kpi in kpis] for heading, kpis in self.groups.items()},
            "causes": {k: dict(v) for k, v in self.causes.items()},
            "notes": list(self.notes),
            "sources": {k: dict(v) for k, v in self.numbers.sources.items()},
        }


def datasheet(
    numbers: ParameterSet, *, temperature: float = ROOM, n: int = SAMPLES, rate: float = 1.0, seed: int = 1
) -> Datasheet:
    """The datasheet of a set of numbers.

    Args:
        numbers: A packaged set, or one of your own, from :func:`mho.parameters`.
        temperature: At which it is written, kept and read [K].
        n: Devices of each of the three groups that are measured beside the nominal one.
        rate: Full cycles per second for the functional life [1/s].
        seed: From which every spread and noise is drawn; one seed gives one sheet.

    Raises:
        InputError: If temperature, rate or `n` is out of range.
    """
    if not (math.isfinite(temperature) and 1.0 <= temperature <= 2000.0):
        raise InputError(f"The temperature is {temperature:g} K; it must lie between 1 K and 2000 K.")
    if not (math.isfinite(rate) and rate > 0.0):
        raise InputError(f"The rate is {rate:g} Hz; it must be above 0 Hz.")
    if n < 2:
        raise InputError(f"n is {n}; a spread needs at least 2 devices.")
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        on = bench(numbers, temperature=temperature, n=n, seed=seed)
        return _of_programmed(on, rate) if programmable(on.device) else _of_pulsed(on, rate)


def _notes(numbers: ParameterSet, temperature: float, kpis: Sequence[KPI]) -> list[str]:
    share, count = 100 * numbers.assumed_share(), len(numbers.every_number())
    found = f"{share:.0f} % of the {count} numbers behind this sheet are assumptions; each KPI lists its own."
    return [
        found,
        *([numbers.note] if numbers.note else []),
        *numbers.outside(temperature=temperature),
        *contradictions(kpis),
    ]


def _levels(on: Bench, found: Ramps) -> dict[str, Any]:
    """States after none to four quarters of a ramp up from the low end (from rest, where no pulse goes down)."""
    state, _, _, _ = on.fresh()
    if on.up is None:
        return {"fresh": state}
    if on.down is not None and found.down:
        state = found.down[-1].state
    quarter = [(k + 1) * on.pulses // 4 - k * on.pulses // 4 for k in range(4)]
    states = {LEVELS[0]: state}
    for name, count in zip(LEVELS[1:], quarter, strict=True):
        states[name] = on.train(states[[*states][-1]], on.up, count, f"level {name}").state
    return states


def _of_pulsed(on: Bench, rate: float) -> Datasheet:
    found = ramps(on)
    states = _levels(on, found)
    aged = fading(on, states)
    noise = read_noise(on, states, on.noisy)
    middle = "half" if "half" in states else "fresh"
    spreads = scatter(on, found, states)
    parts, why = _pulsed_causes(on, found, spreads, aged, noise)
    time = fading_kpis(on, aged, worst(aged), nominal, on.noisy, gone=found.faded)
    day = [on.later(state, DAY)[1][on.noisy] for state in aged.states.values()]
    precise = bits_kpis(
        on, found.window, parts, why, on.n,
        kept=kept([g[on.noisy] for g in aged.written.values()], day), retention=_retention(time),
    )  # fmt: skip
    groups = {
        "Conductance": [*window_kpis(on, found.low, found.high)],
        "Ramp of pulses": ramp_kpis(on, found),
        "Spread": scatter_kpis(on, found, spreads),
        "Precision": [*precise, read_noise_kpi(on, noise)],
        "Write": write_kpis(on, found),
        "Read": [nonlinearity_kpi(on, states[middle])],
        "Time": time,
        "Short-term plasticity": short_term_kpis(on),
        "Life": endurance_kpis(on, rate),
        "Claims of the source": claims(on),
    }
    measured = Measured(on, found, None, aged.written, aged, noise)
    return _sheet(on, groups, measured, parts, found.window)


def _retention(time: Sequence[KPI]) -> float | None:
    return next((float(k.value) for k in time if k.name == "device.retention_time" and k.value is not None), None)  # type: ignore[arg-type]


def _pulsed_causes(
    on: Bench, found: Ramps, spreads: Scatter | None, aged: Fading, noise: ReadNoise
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """What each cause contributes to the deviation of a written conductance [S], and why where nothing is known."""
    if spreads is None:
        why = found.still
        return {}, dict.fromkeys(("effective_bits", "effective_bits_snr", "effective_bits_one_day",
                                  "effective_bits_open_loop"), why)  # fmt: skip
    read = {"read noise": float(np.sqrt(np.mean([noise.at(aged.written[k][0]) ** 2 for k in INNER])))}
    binary = spreads.resolution > 0.7 * found.window  # two levels, six sigma apart: one bit
    steps = {"two states": found.window / precision.K} if binary else \
        {"size of steps": precision.quantisation(spreads.resolution)}  # fmt: skip
    noisy = {"cycle-to-cycle": 0.0 if spreads.cycle is None else float(min(spreads.cycle)), **read}
    late = np.array([on.later(aged.states[k], DAY)[1] - aged.written[k] for k in INNER])[:, on.noisy]
    lost = {
        "mean drift": float(np.sqrt(np.mean(np.nanmean(late, axis=1) ** 2))),
        "spread of drift": float(np.sqrt(np.mean(np.nanvar(late, axis=1)))),
    }
    blind = {"cycle-to-cycle": spreads.open_cycle or 0.0, "device-to-device": spreads.device or 0.0, **read}
    blind |= steps if binary else {}
    parts = {
        "effective_bits": steps | noisy,
        "effective_bits_one_day": steps | noisy | lost,
        "effective_bits_open_loop": blind,
    }
    why = {}
    if not precision.total(blind) > 0.0:
        why["effective_bits_open_loop"] = (
            "the set gives neither cycle-to-cycle nor device-to-device spread, nor read noise"
        )
    if not precision.total(noisy) > 0.0 and not binary:
        alone = precision.effective_bits(found.window, precision.total(steps))
        none = f"the set gives no noise of write or read; its steps alone would allow {alone:.1f} bits"
        why |= dict.fromkeys(("effective_bits", "effective_bits_snr", "effective_bits_one_day"), none)
    return parts, why


def _of_programmed(on: Bench, rate: float) -> Datasheet:
    found = programmed(on)
    _, _, low, high = on.fresh()
    window = float(high[0] - low[0])
    shown = {name: found.states[name] for name in ("10 %", "50 %", "90 %")}
    aged = fading(on, shown)
    noise = read_noise(on, found.states, on.drawn)
    parts = causes(found, noise)
    time = fading_kpis(on, aged, "50 %", middling, on.drawn)
    groups = {
        "Conductance": window_kpis(on, low, high),
        "Programming": programmed_kpis(on, found, window),
        "Precision": [
            *bits_kpis(
                on,
                window,
                parts,
                {"effective_bits_open_loop": UNPULSED},
                found.written.shape[1],
                kept=kept([*found.written], [*found.day]),
                retention=_retention(time),
                first=WRITTEN,
            ),
            read_noise_kpi(on, noise),
        ],
        "Ramp of pulses": [missing(on, k, "1", d, UNPULSED) for k, d in _RAMP.items()],
        "Write": [missing(on, k, u, d, "the statistics of the array do not say") for k, (u, d) in _WRITE.items()],
        "Time": time,
        "Life": endurance_kpis(on, rate),
        "Claims of the source": claims(on),
    }
    levels = dict(zip(found.states, found.written, strict=True))
    return _sheet(on, groups, Measured(on, None, found, levels, aged, noise), parts, window)


_RAMP = {
    "steps": "N = (G_max - G_min)/<|dG|>",
    "nonlinearity_alpha": "NeuroSim alpha",
    "linearity_error": "LE = max |f(u) - u|",
    "asymmetry": "AS = max |G_up - G_down|/span",
    "cycle_to_cycle": "sigma(dG)/(G_max - G_min)",
    "update_snr": "<|dG|>/sigma(dG)",
}
_WRITE = {
    "write_energy": ("J", "E = integral of v i dt of one write"),
    "write_voltage": ("V", "amplitude of the pulse"),
    "write_time": ("s", "width of the pulse"),
}


def _sheet(
    on: Bench, groups: Mapping[str, Sequence[KPI]], measured: Measured, parts: Mapping[str, Mapping[str, float]],
    window: float,
) -> Datasheet:  # fmt: skip
    shares = {k: {cause: x / window for cause, x in v.items()} for k, v in parts.items()} if window > 0.0 else {}
    share = entry(on, "assumed_share", on.numbers.assumed_share(), "1", "numbers assumed/all numbers of the set",
                  provenance=origins(on.numbers, ("model", "operation", "effects", "reported")))  # fmt: skip
    full = {k: v for k, v in groups.items() if v} | {"Provenance": [share]}
    every = [kpi for kpis in full.values() for kpi in kpis]
    return Datasheet(on.numbers, full, measured, shares, _notes(on.numbers, on.temperature, every))
