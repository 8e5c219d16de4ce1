"""Stage "windows": what a pair of spikes does to a device over its lag, from the device's own equations."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.quantities import engineering
from mho.devices import Pulse, parameters
from mho.networks.plasticity import Envelope, GatedPulses, Overlap, SpikeWave, Window, gated_window, overlap_window
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series, Table

POINTS = 81


class Waved(NamedTuple):
    """A cell between overlapping waves: its set, the waves, the largest lag in the figure [s]."""

    name: str
    overlap: Overlap
    reach: float


class Gated(NamedTuple):
    """A device behind a gate: its set, the pulses, and how many pulses up bring it to where pairs find it."""

    name: str
    pulses: GatedPulses
    before: int
    draws: int


_ONE = SpikeWave(plateau=0.5, width=10e-6, tail=0.4, tau=1e-3, length=5e-3)
WAVED = (
    Waved("yakopcic_high", Overlap(_ONE, _ONE), 3e-3),
    Waved(
        "vteam_memtorch",
        Overlap(SpikeWave(0.015, 1e-6, 0.1, 10e-6, 50e-6), SpikeWave(0.14, 2e-9, 0.01, 10e-6, 50e-6), -1.0),
        30e-6,
    ),
)
GATED = (
    Gated(
        "ecram_protonic_wo3",
        GatedPulses(Envelope(2.0, 0.5, 1e-3, 5e-3, 100e-9), Envelope(-2.0, -0.5, 1e-3, 5e-3, 100e-9)), 0, 1,
    ),
    Gated(
        "pcm_nandakumar_sets",
        GatedPulses(Envelope(1.0, 0.6, 1e-3, 5e-3, 150e-9), Envelope(1.9, 1.15, 1e-3, 5e-3, 10e-9)), 6, 64,
    ),
)  # fmt: skip
"""Amplitudes are chosen here: plateaus and tails stay below the cards' thresholds by themselves, pulses of a pair
within the range in which a set is operated."""


def work(context: Context) -> Outcome:
    """Windows of cells between waves and of devices behind gates."""
    curves: dict[str, list[Curve]] = {"overlap": [], "gated": []}
    rows: list[list[Any]] = []
    for k, waved in enumerate(WAVED):
        context.progress(0.25 * k, waved.name)
        lags = np.linspace(-waved.reach, waved.reach, POINTS)
        found = overlap_window(waved.overlap, parameters(waved.name).device(), lags, [0.3, 0.5, 0.7])
        curves["overlap"].append(_curve(waved.name, found, waved.reach))
        rows.append(_row(waved.name, "overlapping waves", found))
    for k, gated in enumerate(GATED):
        context.progress(0.5 + 0.25 * k, gated.name)
        device = parameters(gated.name).device(bare=True)
        reach = float(gated.pulses.reach[1])
        lags = np.linspace(-reach, reach, POINTS)
        key = jax.random.key(context.seed(f"pairs of {gated.name}"))
        found = gated_window(gated.pulses, device, _states(device, gated, key), lags, key=key, draws=gated.draws)
        curves["gated"].append(_curve(gated.name, found, reach))
        rows.append(_row(gated.name, "gated pulses", found))
    sets = [parameters(x.name) for x in (*WAVED, *GATED)]
    axis = Axis("lag over the largest shown", "1", np.linspace(-1.0, 1.0, POINTS))
    spans = ", ".join(f"{w.name} {engineering(w.reach, 's', 2)}" for w in WAVED)
    return Outcome(
        series={
            "learning.overlap": Series(
                axis, curves["overlap"], "change over its largest",
                caption="Change of conductance by one pair, mean of three states, over its own largest; the lag in "
                f"units of: {spans}. "
                "Beyond the lag at which plateau and tail together stay below the threshold nothing happens.",
            ),
            "learning.gated": Series(
                axis, curves["gated"], "change over its largest",
                caption="Gates open for 5 ms. The ECRAM answers to the fading amplitude as its sinh says; the "
                "phase-change cell crystallises between two voltages, and melts beyond a third.",
            ),
        },
        tables={
            "learning.windows": Table(
                ("device", "pairs by", "largest up", "largest down", "asymmetry", "alone", "energy, largest"), rows,
                "Changes in per cent of the window of conductance, mean of the states. Asymmetry: (up - down)/(up + "
                "down). Alone: the largest change by one spike without the other. Energy: of both spikes, with their "
                "whole waves.",
            )
        },
        sources=provenance.sources(*sets),
    )  # fmt: skip


def _states(device: Any, gated: Gated, key: jax.Array) -> Any:
    """One state, after some pulses up from rest, with the shape that a window takes."""
    state = jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x, jnp.result_type(float)), (1,)), device.rest())
    up = Pulse(gated.pulses.up.first, gated.pulses.up.width)
    for k in range(gated.before):
        state = device.pulse(state, up, key=jax.random.fold_in(key, k))
    return state


def _curve(name: str, found: Window, reach: float) -> Curve:
    mean = found.change.mean(axis=0)
    return Curve(name, "1", mean / max(float(np.abs(mean).max()), 1e-30), x=found.lags / reach)


def _row(name: str, how: str, found: Window) -> list[Any]:
    mean = 100.0 * found.change.mean(axis=0) / found.span
    alone = 100.0 * max(float(np.max(np.abs(a))) for a in found.alone) / found.span
    energy = engineering(float(found.energy.max()), "J", 3)
    return [name, how, float(mean.max()), float(mean.min()), found.asymmetry, alone, energy]
