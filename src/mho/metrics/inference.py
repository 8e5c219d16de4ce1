"""KPIs of networks on chips: accuracy over time and its loss, the price of compensation, the bill of an inference."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mho.core.quantities import engineering
from mho.metrics.chip import BOUNDARY
from mho.metrics.kpi import KPI, Provenance, kpis, percentiles
from mho.networks.bill import Line, totals
from mho.networks.inference import OverTime, Price

_ACCURACY = "weights on the chip, everything between matrices exact; noise, converters and drift as the tile has them"


def accuracy_kpi(
    found: OverTime,
    how: str,
    *,
    at: float,
    name: str = "network.analog_accuracy",
    provenance: Provenance = (),
    conditions: Mapping[str, str] | None = None,
) -> KPI:
    """Accuracy at the time nearest to `at` [s], as a mean over programmings with their spread."""
    place = int(np.argmin(np.abs(np.log(np.maximum(found.times, 1e-9)) - math.log(max(at, 1e-9)))))
    values = found.accuracy[how][:, place]
    good = values[np.isfinite(values)]
    return KPI(
        name=name,
        value=float(np.mean(good)) if good.size else None,
        unit="1",
        definition="share of test samples whose largest output is that of their class, mean over programmed chips",
        spread=percentiles(values),
        n=len(values),
        failures=found.failures,
        boundary=_ACCURACY,
        conditions={
            "age": engineering(float(found.times[place]), "s"),
            "drift compensation": how,
            "test samples": str(found.samples),
            "in software": f"{found.exact:.4f}",
            **(conditions or {}),
        },
        provenance=provenance,
        note="" if good.size else "no programming gave finite outputs",
    )


def loss_kpi(
    found: OverTime,
    how: str,
    *,
    at: float,
    exact: float | None = None,
    name: str = "network.analog_loss",
    **about: object,
) -> KPI:
    """Accuracy in software (or `exact`) minus that on the chip."""
    kpi = accuracy_kpi(found, how, at=at, name=name, **about)  # type: ignore[arg-type]
    against = found.exact if exact is None else exact
    if kpi.value is None:
        return kpi
    spread = dict(kpi.spread or {})
    low, high = spread.get("low"), spread.get("high")
    if low is not None and high is not None:
        spread |= {"low": against - high, "high": against - low}
    return KPI(
        name=name,
        value=against - float(kpi.value),  # type: ignore[arg-type]
        unit="1",
        definition="accuracy in software minus accuracy on the chip",
        spread=spread,
        n=kpi.n,
        failures=kpi.failures,
        boundary=kpi.boundary,
        conditions={**kpi.conditions, "in software": f"{against:.4f}"},
        provenance=kpi.provenance,
    )


def compensation_kpi(price: Price, how: str, *, provenance: Provenance = ()) -> KPI:
    """network.compensation_price: energy of one drift compensation over that of one inference."""
    return KPI(
        name="network.compensation_price",
        value=price.inferences if math.isfinite(price.inferences) else None,
        unit="1",
        definition="energy of the reference products of all matrices over the energy of one inference",
        boundary=BOUNDARY,
        conditions={
            "compensation": how,
            "energy": engineering(price.energy, "J"),
            "time": engineering(price.time, "s"),
        },
        provenance=provenance,
        note="" if math.isfinite(price.inferences) else "the tile has no costs",
    )


def bill_kpis(
    lines: list[Line], *, provenance: Provenance = (), conditions: Mapping[str, str] | None = None
) -> list[KPI]:
    """network.energy_per_inference, .latency, .area, .energy_per_operation, .tops_per_watt and the digital baseline."""
    whole = totals(lines)
    shown = {
        "network.energy_per_inference": (whole.total, "J", "energy of the tiles for one sample"),
        "network.energy_per_operation": (whole.per_operation, "J", "that over two operations a weight and vector"),
        "network.energy_per_synaptic_operation": (2.0 * whole.per_operation, "J", "that over weights and vectors"),
        "network.tops_per_watt": (1e-12 / whole.per_operation, "1", "operations over energy, in 10^12 a joule"),
        "network.latency": (whole.latency, "s", "one sample, products one after the other, no pipelining"),
        "network.area": (sum(whole.area.values()), "m^2", "cells, DACs and converters of the arrays' shares in use"),
        "network.digital_over_analog": (
            whole.digital["weights kept"] / whole.total,
            "1",
            "energy of digital multipliers that read each weight once a sample, over that of the tiles",
        ),
    }
    return kpis(
        shown,
        boundary=BOUNDARY,
        conditions=conditions or {},
        provenance=provenance,
        missing="a part of the costs is not known",
    )
