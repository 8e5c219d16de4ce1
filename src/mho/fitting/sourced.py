"""The sourced parameter set of a fit: every number says whether it was fitted, stated, given or assumed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np

from mho.core.fields import described
from mho.core.parameters import Number, ParameterSet
from mho.core.quantities import engineering
from mho.devices import ECRAM
from mho.fitting.measurement import PulseMeasurement
from mho.fitting.operated import of_pulses, told
from mho.fitting.result import Estimate
from mho.fitting.table import listed

_FITTED = (
    "g_volatile", "efficacy", "v_0", "exponent", "consolidation", "sigma_read", "sigma_cycle", "tau_order_on",
    "tau_order_off", "aging_rate", "aging_conductance", "drain_share",
)  # fmt: skip


def parameter_set(
    measurement: PulseMeasurement, start: ParameterSet, base: ECRAM, estimates: tuple[Estimate, ...], *, where: str
) -> ParameterSet:
    """The start's set in which every fitted number stands with interval and file.

    Args:
        measurement: The data.
        start: The set that gave the other numbers.
        base: Its device with the window, the reference pulse and the polarity of the measurement.
        estimates: The fit's numbers.
        where: What was fitted, in words.
    """
    by_name = {e.name: e for e in estimates}
    path = measurement.path
    modes = sum(e.name.startswith("tau[") for e in estimates)
    stem = "".join(c if c.isalnum() else "_" for c in path.stem)

    def fitted(value: Any, unit: str, low: Any, high: Any, note: str = "") -> Number:
        ends = None if np.any(np.isnan(np.asarray(low, float))) else (low, high)
        return Number(value, unit, "measurement", where, "fitted", note=note, interval=ends)

    def one(name: str) -> Number:
        e = by_name[name]
        if e.status == "held":
            return Number(e.value, e.unit, "measurement", "given to the fit", "assumed", note=e.note)
        return fitted(e.value, e.unit, e.low, e.high, e.note)

    low, span = float(base.g_min), float(base.g_max) - float(base.g_min)
    g_rest = by_name["g_rest"]
    numbers = {name: one(name) for name in _FITTED if name in by_name}
    numbers["x_0"] = fitted(
        (g_rest.value - low) / span,
        "1",
        (g_rest.low - low) / span,
        (g_rest.high - low) / span,
        f"{engineering(g_rest.value, 'S')} at rest in the window g_min to g_max",
    )
    for field, unit, word in (("weights", "1", "weight"), ("tau", "s", "tau")):
        each = [by_name[f"{word}[{k}]"] for k in range(modes)]
        value = np.asarray([m.value for m in each])
        value = value / value.sum() if field == "weights" else value
        numbers[field] = fitted(tuple(value.tolist()), unit, tuple(m.low for m in each), tuple(m.high for m in each))
    for name, value, unit in (("v_ref", float(base.v_ref), "V"), ("t_ref", float(base.t_ref), "s")):
        numbers[name] = Number(value, unit, "measurement", "the most frequent gate pulse", "stated")
    numbers["polarity"] = Number(float(base.polarity), "1", "measurement", "sign of the response to a pulse", "stated")
    numbers |= _chosen(start, base, set(numbers))
    others = [n for n in start.numbers if n not in numbers]
    result = start.with_values(
        numbers,
        name=f"{stem}_fit",
        summary=f"ECRAM fitted to {path.name}",
        sources={"measurement": {"text": f"pulse measurement {path.name}", "sha256": _fingerprint(measurement)}},
    )
    operation = of_pulses(measurement, float(base.polarity))
    note = (
        f"From {start.name}, not from this measurement: {listed(others)}, and the spread from device to device "
        "(one device was measured)."
    )
    return replace(result, note=" ".join(filter(None, [told(operation), note])), operation=operation, reported={})


def _fingerprint(measurement: PulseMeasurement) -> str:
    """SHA-256 of the file, so that the set can be told to come from it wherever it lies."""
    return hashlib.sha256(measurement.path.read_bytes()).hexdigest() if measurement.path.is_file() else ""


def _chosen(start: ParameterSet, base: ECRAM, have: set[str]) -> dict[str, Number]:
    """Numbers that the fit's form or window sets and the measurement does not: assumed."""
    before, found = start.device(), {}
    for name, about in described(base).items():
        value = getattr(base, name)
        if name in have or isinstance(value, tuple) or float(value) == float(getattr(before, name)):
            continue
        window = name in ("g_min", "g_max")
        why = (
            "a window that holds the data; the non-volatile range was not measured"
            if window
            else "the form that was fitted"
        )
        found[name] = Number(float(value), about["unit"], "measurement", why, "assumed")
    return found
