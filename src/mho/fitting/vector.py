"""A device's numbers as the vector that a fit moves: positive ones as logarithms, and bounds from the fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mho.core.errors import MeasurementError
from mho.core.fields import described
from mho.fitting.table import listed

SPAN = 9.2  # a logarithmic parameter moves this far about its start: four decades either way
_ACROSS = 4.0  # a bounded number spans this on its fitting scale, so that a step of one is a quarter of what it can do
_NEVER = ("v_read", "t_read", "temperature", "t_ref", "v_ref")  # conventions of reading and reference, nothing to fit


@dataclass(frozen=True)
class Entry:
    """One number of the vector.

    Args:
        name: Field, with its index where the field is a tuple: ``tau[0]``.
        unit: SI unit.
        value: At the start.
        kind: ``"log"``, or ``"linear"`` between the bounds.
        low: Lower bound, in SI.
        high: Upper bound, in SI.
    """

    name: str
    unit: str
    value: float
    kind: str
    low: float
    high: float

    def to(self, value: Any) -> Any:
        """The fitting scale of an SI value."""
        return np.log(np.abs(value)) if self.kind == "log" else _ACROSS * (value - self.low) / (self.high - self.low)

    def back(self, theta: Any) -> Any:
        """The SI value of a fitting scale."""
        if self.kind == "linear":
            return self.low + (self.high - self.low) * theta / _ACROSS
        return (-1.0 if self.value < 0 else 1.0) * np.exp(theta)

    @property
    def bounds(self) -> tuple[float, float]:
        """On the fitting scale."""
        ends = (0.0, _ACROSS) if self.kind == "linear" else (float(self.to(self.low)), float(self.to(self.high)))
        return min(ends), max(ends)


def entries(device: Any, hold: Collection[str] = (), free: Collection[str] = ()) -> tuple[Entry, ...]:
    """The numbers of a device that a fit may move.

    Not among them: spreads and noises (``sigma...``), conventions of reading, signs, and zeros with a unit (a term that
    the parameter set has switched off), unless `free` names them.

    Args:
        device: The device at the start.
        hold: Fields that stay.
        free: Fields that move though they would not by themselves.

    Raises:
        MeasurementError: If `hold` or `free` name no field.
    """
    about = described(device)
    unknown = [n for n in (*hold, *free) if n.partition("[")[0] not in about]
    if unknown:
        raise MeasurementError(
            f"{unknown[0]!r} is no parameter of {type(device).__name__}; it has {listed(about)}. Correct the name."
        )
    found = []
    for name, field in about.items():
        value = getattr(device, name)
        several = isinstance(value, tuple)
        for k, number in enumerate(value if several else (value,)):
            label = f"{name}[{k}]" if several else name
            asked = name in free or label in free
            if name in hold or label in hold or (not asked and (name.startswith("sigma") or name in _NEVER)):
                continue
            entry = _entry(label, float(number), field, asked)
            if entry is not None:
                found.append(entry)
    return tuple(found)


def _entry(name: str, value: float, field: Mapping[str, Any], asked: bool) -> Entry | None:
    low = -np.inf if field["low"] is None else float(field["low"])
    high = np.inf if field["high"] is None else float(field["high"])
    if low < 0.0 < high and np.isfinite(low + high) and abs(value) in (-low, high) and not asked:
        return None  # a sign
    if np.isfinite(low + high) and not field["positive"]:
        return Entry(name, field["unit"], value, "linear", low, high)
    share = field["unit"] == "1" and low == 0.0 and not np.isfinite(high)
    if value == 0.0 and not asked and not share:
        return None
    if value == 0.0 or (field["unit"] == "1" and not field["positive"] and low < 0.0):
        span = max(5.0, 10.0 * abs(value))  # its sign is the fit's to find
        return Entry(name, field["unit"], value, "linear", max(low, -span), min(high, span))
    ends = sorted(value * np.exp([-SPAN, SPAN]))
    # A bound of 0 is none on a logarithmic scale.
    return Entry(
        name, field["unit"], value, "log",
        ends[0] if low == 0.0 else max(ends[0], low), ends[1] if high == 0.0 else min(ends[1], high),
    )  # fmt: skip


def in_si(entries: tuple[Entry, ...], theta: np.ndarray) -> np.ndarray:
    """SI values of vectors, shape (..., parameters)."""
    return np.stack([e.back(theta[..., k]) for k, e in enumerate(entries)], axis=-1)


def box(entries: tuple[Entry, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower bounds, upper bounds and start on the fitting scales."""
    low, high = np.asarray([e.bounds for e in entries]).reshape(-1, 2).T
    return low, high, np.clip(np.asarray([float(e.to(e.value)) for e in entries]), low, high)


def rebuilt(device: Any, names: tuple[str, ...], values: Any) -> Any:
    """The device with these SI values for these numbers; `values` may be traced. Other names are passed over."""
    changed: dict[str, Any] = {}
    for k, name in enumerate(names):
        field, _, index = name.partition("[")
        if not hasattr(device, field):
            continue
        if index:
            now = changed.get(field, getattr(device, field))
            at = int(index[:-1])
            changed[field] = (*now[:at], values[k], *now[at + 1 :])
        else:
            changed[field] = values[k]
    return replace(device, **changed)
