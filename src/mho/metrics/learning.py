"""KPIs of learning on devices: accuracy with its interval over seeds, pulses and energy of an update, life."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI, Provenance
from mho.metrics.network import interval

_BOUNDARY = "the pulses in the cells, by the device's own account; no drivers, wires, neurons, reads or converters"


def learned_accuracy(
    right: Sequence[float],
    *,
    samples: int,
    rule: str,
    name: str = "network.learned_accuracy",
    provenance: Provenance = (),
    conditions: Mapping[str, str] | None = None,
) -> KPI:
    """Share of test samples decided rightly after learning on cells, mean over seeds with its 95 % interval (Student).

    Args:
        right: Share for each seed; a seed has its own cells, order and noise.
        samples: Test samples of one seed.
        rule: How it learned, for people.
        name: Of the KPI.
        provenance: Records of the numbers behind it.
        conditions: Further conditions.
    """
    values = np.asarray(right, np.float64)
    good = values[np.isfinite(values)]
    low, high = within_one(interval(good))
    return KPI(
        name=name,
        value=float(np.mean(good)) if good.size else None,
        unit="1",
        definition="share of test samples decided rightly after learning in place, mean over seeds",
        spread={"low": low, "high": high, "kind": f"95 % interval of the mean over {good.size} seeds"},
        n=int(values.size),
        failures={"NOT_FINITE": int(values.size - good.size)} if good.size < values.size else {},
        boundary="weights on cells with noise, spread, asymmetry and bounds; reads, neurons and timing are exact",
        conditions={"rule": rule, "test samples": str(samples), **(conditions or {})},
        provenance=provenance,
        note="" if good.size else "no seed gave a finite accuracy",
    )


def within_one(ends: tuple[float, float]) -> tuple[float, float]:
    """An interval of a share, cut at 0 and 1 where few seeds make Student's wider than a share can be."""
    low, high = (min(max(end, 0.0), 1.0) if math.isfinite(end) else end for end in ends)
    return low, high


def update_kpis(
    pulses: float, energy: float, presentations: int, cells: int, *, provenance: Provenance = (), **about: Any
) -> list[KPI]:
    """network.pulses_per_update and network.energy_per_update: what one presented sample costs the cells.

    Args:
        pulses: Of all cells over the training [1].
        energy: Of all pulses [J].
        presentations: Samples presented.
        cells: Cells.
        provenance: Records of the numbers behind it.
        **about: Further fields of :class:`KPI`.
    """
    same: dict[str, Any] = {"boundary": _BOUNDARY, "provenance": provenance, **about}
    return [
        KPI(
            "network.pulses_per_update", pulses / presentations, "1",
            definition="pulses of all cells over the training, over the samples presented", **same,
        ),
        KPI(
            "network.energy_per_update", energy / presentations, "J",
            definition="energy of all pulses over the training, over the samples presented", **same,
        ),
        KPI(
            "network.pulses_per_cell_update", pulses / presentations / cells, "1",
            definition="mean pulses that one cell sees for one presented sample", **same,
        ),
    ]  # fmt: skip


def life(n_63: float, beta: float, share: float, cycles: float) -> float:
    r"""Samples after which a share of the cells has died, :math:`N = N_{63}\,[-\ln(1-p)]^{1/\beta} / c` [1].

    Args:
        n_63: Cycles after which 63.2 % of the cells have died [1].
        beta: Weibull slope [1].
        share: p, the share that is dead [1].
        cycles: c, full cycles that a sample costs a cell [1].
    """
    return n_63 * (-math.log1p(-share)) ** (1.0 / beta) / cycles if cycles > 0.0 else math.inf


def life_kpi(
    n_63: float, beta: float, share: float, cycles: float, period: float, *, provenance: Provenance = ()
) -> KPI:
    """network.learning_life: time of continuous learning until a share of the cells has died.

    Args:
        n_63: Cycles after which 63.2 % of the cells have died [1].
        beta: Weibull slope [1].
        share: Share of dead cells at which it ends [1].
        cycles: Full cycles of the window that a sample costs a cell [1].
        period: From one sample to the next [s].
        provenance: Records of the numbers behind it.
    """
    samples = life(n_63, beta, share, cycles)
    return KPI(
        "network.learning_life",
        samples * period if math.isfinite(samples) else None,
        "s",
        definition="time of continuous learning until a share of the cells has used up its Weibull endurance, where "
        "all cells are worn alike",
        boundary="endurance alone: no retention, no disturbance by reads",
        conditions={
            "share of dead cells": f"{100 * share:.3g} %",
            "endurance, 63.2 % dead": engineering(n_63, "1"),
            "Weibull slope": f"{beta:g}",
            "cycles of a cell a sample": f"{cycles:.3g}",
            "period of samples": engineering(period, "s"),
        },
        provenance=provenance,
        note="" if math.isfinite(samples) else "no cell was cycled",
    )
