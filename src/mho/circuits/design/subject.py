"""What is designed: a neuron and perhaps a synapse, and the numbers of them that are free to move within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np

from mho.circuits.neurons.neuron import AbstractNeuron
from mho.core.errors import InputError
from mho.core.fields import described
from mho.core.quantities import engineering, si

# Control voltages: within these the reconstruction's stages work; below and above they are cut off or without effect.
VOLTS: dict[str, tuple[float, float]] = {
    "v_supply": (0.8, 1.2),
    "v_delay": (0.18, 0.42),
    "v_refractory": (0.35, 0.75),
    "v_bias": (0.55, 0.85),
    "v_leak": (0.0, 0.35),
    "v_width": (0.2, 0.75),
    "v_tail": (0.15, 0.45),
    "v_threshold": (0.3, 0.7),
    "v_read": (0.35, 0.6),
    "v_gate": (0.8, 1.3),
    "v_inhibit": (0.3, 0.7),
}
ALIASES = {
    "vdd": "v_supply",
    "vdly": "v_delay",
    "vrf": "v_refractory",
    "vb": "v_bias",
    "vlk": "v_leak",
    "cmem": "c_membrane",
    "cd": "c_delay",
}
_DECADE = 10.0  # a number without bounds of its own may move by this factor either way
_VOLT_STEP, _RATIO_STEP = 3e-3, 3e-2  # [V], [1] steps of differences: well above the jitter that the step control has


class Subject(eqx.Module):
    """A neuron, and the synapse onto it if the design has one; any number may be a batch."""

    neuron: AbstractNeuron
    synapse: Any = None


@dataclass(frozen=True)
class Free:
    """A number that the design may move.

    Args:
        name: As the user gave it, aliases resolved: ``v_delay``, ``synapse.v_read``, ``device.tau``.
        low: Lower bound [`unit`].
        high: Upper bound [`unit`].
        unit: SI unit.
        nominal: Value at the start [`unit`].
    """

    name: str
    low: float
    high: float
    unit: str
    nominal: float

    @property
    def logarithmic(self) -> bool:
        """Whether it moves by ratios. Gate voltages do not: currents are exponential in them already."""
        return self.unit != "V" and self.low > 0

    def value(self, place: Any) -> np.ndarray:
        """Value at a place between the bounds, 0 to 1."""
        place = np.asarray(place, np.float64)
        if self.logarithmic:
            return self.low * (self.high / self.low) ** place
        return self.low + (self.high - self.low) * place

    def place(self, value: float) -> float:
        """Place of a value between the bounds, 0 to 1."""
        if self.logarithmic:
            return float(np.clip(np.log(value / self.low) / np.log(self.high / self.low), 0.0, 1.0))
        return float(np.clip((value - self.low) / (self.high - self.low), 0.0, 1.0))

    @property
    def step(self) -> float:
        """Step of a difference, as a share of the way between the bounds."""
        return _RATIO_STEP / np.log(self.high / self.low) if self.logarithmic else _VOLT_STEP / (self.high - self.low)

    def text(self, value: float) -> str:
        """A value with its unit."""
        return engineering(float(value), self.unit, 5)

    def of(self, subject: Subject) -> Any:
        """The number (or tuple of numbers, which move together) in the subject."""
        return _walk(subject, self.name)


def free(subject: Subject, name: str, low: float | str | None = None, high: float | str | None = None) -> Free:
    """A free number of a subject by its name.

    Names are fields of the neuron (``v_delay``), or begin with ``synapse.``, ``device.`` (the synapse's ECRAM) or
    ``inside.`` (the ECRAM in the neuron). Of a tuple of numbers, as an ECRAM's times, the first is named and the others
    keep their ratio to it.

    Args:
        subject: The subject.
        name: Name or alias (``vdly``, ``vlk``, ``vrf``, ``vb``, ``vdd``, ``cmem``, ``cd``).
        low: Lower bound, text with unit or SI; a sensible one if None.
        high: Upper bound.

    Raises:
        InputError: If there is no such number, or the bounds do not fit.
    """
    name = ALIASES.get(name, name)
    module, field = _parent(subject, name)
    about = described(module)[field]
    unit = about["unit"]
    nominal = float(np.ravel(_first(getattr(module, field)))[0])
    a, b = _bounds(field, unit, nominal, about)
    a, b = (a if low is None else si(low, unit)), (b if high is None else si(high, unit))
    least, most = about["low"], about["high"]
    if (about["positive"] and a <= 0) or (least is not None and a < least) or (most is not None and b > most):
        raise InputError(
            f"{name} cannot range from {engineering(a, unit)} to {engineering(b, unit)}: {_allowed(about)}."
        )
    if not a < b:
        raise InputError(
            f"{name} ranges from {engineering(a, unit)} to {engineering(b, unit)}; give low:high in order."
        )
    return Free(name, a, b, unit, nominal)


def applied(subject: Subject, values: Mapping[str, Any]) -> Subject:
    """The subject with numbers replaced: SI values or batches of them, by name."""
    for name, value in values.items():
        name = ALIASES.get(name, name)
        _parent(subject, name)
        now = _walk(subject, name)
        value = np.asarray(value, np.float64)
        new = tuple(value * float(x) / float(now[0]) for x in now) if isinstance(now, tuple) else value
        subject = eqx.tree_at(lambda s, name=name: _walk(s, name), subject, new)
    return subject


def names(subject: Subject) -> list[str]:
    """Names of all numbers that may be free."""
    found = list(described(subject.neuron))
    if subject.synapse is not None:
        found += [f"synapse.{f}" for f in described(subject.synapse)]
        if hasattr(subject.synapse, "device"):
            found += [f"device.{f}" for f in described(subject.synapse.device)]
    inside = getattr(subject.neuron, "excitability", None)
    return found + ([f"inside.{f}" for f in described(inside.device)] if inside is not None else [])


def _path(name: str) -> list[str]:
    first, *rest = name.split(".")
    roots = {"synapse": ["synapse"], "device": ["synapse", "device"], "inside": ["neuron", "excitability", "device"]}
    return [*roots[first], *rest] if first in roots else ["neuron", first, *rest]


def _walk(subject: Subject, name: str) -> Any:
    found: Any = subject
    for part in _path(name):
        found = getattr(found, part)
    return found


def _parent(subject: Subject, name: str) -> tuple[Any, str]:
    *way, field = _path(name)
    module: Any = subject
    for part in way:
        module = getattr(module, part, None)
    if not isinstance(module, eqx.Module) or field not in described(module):
        raise InputError(f"There is no number {name!r} to move here. There are: {', '.join(names(subject))}.")
    return module, field


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def _bounds(field: str, unit: str, nominal: float, about: Mapping[str, Any]) -> tuple[float, float]:
    if unit == "V":
        low, high = VOLTS.get(field, (max(nominal - 0.15, 0.0), nominal + 0.15))
    else:
        low, high = sorted((nominal / _DECADE, nominal * _DECADE))
    if not low < high:  # a number at zero has no decade around it
        low, high = 0.0, 1.0
    return (low if about["low"] is None else max(low, about["low"])), (
        high if about["high"] is None else min(high, about["high"])
    )


def _range(low: float, high: float, unit: str) -> str:
    return f"{engineering(low, unit)} to {engineering(high, unit)}"


def _allowed(about: Mapping[str, Any]) -> str:
    unit = about["unit"]
    parts = ["it must be above 0"] if about["positive"] else []
    parts += [f"at least {engineering(about['low'], unit)}"] if about["low"] is not None else []
    parts += [f"at most {engineering(about['high'], unit)}"] if about["high"] is not None else []
    return " and ".join(parts) or "it must be finite"


def fixed_text(subject: Subject, chosen: Sequence[str]) -> dict[str, str]:
    """Named numbers of a subject as text with units."""
    found = {}
    for name in chosen:
        module, field = _parent(subject, ALIASES.get(name, name))
        found[name] = engineering(float(_first(getattr(module, field))), described(module)[field]["unit"], 5)
    return found
