"""Parameter sets: files of numbers in which every number says where it comes from.

A TOML file has a head, its sources, one table per number, and where known the device-to-device spread, the range in
which the numbers hold, how the device is operated, what its source reports of it, and effects laid over the model:

.. code-block:: toml

    name = "my_ecram"
    model = "ecram"
    summary = "What this device is, in a line"

    [sources.tang2018]
    text = "Tang et al., IEDM 2018"
    doi = "10.1109/IEDM.2018.8614551"

    [parameters.g_volatile]
    value = "30 uS"
    source = "tang2018"
    where = "Fig. 3b"
    how = "read off a plot"

    [spread.g_volatile]
    relative = 0.1
    source = "tang2018"
    where = "Table I"
    how = "stated"

    [spread.x_0]                    # log-normal where no kind is named; or normal, folded normal
    absolute = 0.02
    kind = "normal"
    source = "tang2018"
    where = "Table I"
    how = "stated"

    [[correlation]]                 # between two spreads, of the normal numbers behind them
    between = ["g_volatile", "efficacy"]
    value = 0.5
    source = "tang2018"
    where = "Table I"
    how = "stated"

    [valid.temperature]
    low = "290 K"
    high = "310 K"

    [operation.v_read]              # pulses and reads that the source used: the names in OPERATION
    value = "0.1 V"
    source = "tang2018"
    where = "Methods"
    how = "stated"

    [reported.endurance]            # what the source claims and no model computes: the names in REPORTED
    value = 1e9
    source = "tang2018"
    where = "Fig. 5"
    how = "stated"

    [effects.drift]                 # an effect laid over the model, with numbers of its own
    model = "power_law_drift"

    [effects.drift.parameters.nu]
    value = 0.05
    source = "tang2018"
    where = "Fig. 6"
    how = "fitted"
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
import tomli_w

from mho.core import sampling
from mho.core.errors import ParameterError
from mho.core.fields import described
from mho.core.quantities import engineering

HOW = ("stated", "read off a plot", "calculated", "fitted", "assumed")
OPERATION = {
    "v_up": "V",  # amplitude of the pulse that raises the conductance
    "t_up": "s",  # its width
    "v_down": "V",  # amplitude of the pulse that lowers it
    "t_down": "s",  # its width
    "pulses": "1",  # pulses of one ramp through the window
    "interval": "s",  # from the end of a pulse to the start of the next
    "v_read": "V",
    "t_read": "s",
    "compliance": "A",
}
REPORTED = {
    "activation_energy": "J",
    "area": "m^2",
    "corrupt_share": "1",
    "dynamic_range": "1",
    "endurance": "1",
    "read_energy": "J",
    "retention": "s",
    "retention_temperature": "K",
    "states": "1",
    "stuck_high": "1",
    "stuck_low": "1",
    "write_energy": "J",
    "write_time": "s",
    "yield": "1",
}
_SI_BASE = {"1": "", "ohm": "ohm"}


@dataclass(frozen=True)
class Number:
    """One sourced number (or one per mode): SI value, and source, place and manner.

    `interval` is a 95 % confidence interval in SI where the number was fitted.
    """

    value: float | tuple[float, ...]
    unit: str
    source: str
    where: str
    how: str
    note: str = ""
    interval: tuple[Any, Any] | None = None

    def __str__(self) -> str:
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        return ", ".join(engineering(v, self.unit) for v in values)


@dataclass(frozen=True)
class PublishedSpread:
    """Device-to-device standard deviation of one number, relative to it or in its own SI unit, with its source."""

    relative: float
    source: str
    where: str
    how: str
    kind: str = "log-normal"
    absolute: float | None = None

    def of(self, selector: sampling.Selector, *, scale: float = 1.0) -> sampling.Spread:
        """The spread as an argument of :func:`mho.sample`."""
        if self.absolute is None:
            return sampling.Spread(selector, scale * self.relative, kind=self.kind)
        return sampling.Spread(selector, scale * self.absolute, relative=False, kind=self.kind)


@dataclass(frozen=True)
class Correlation:
    """Correlation coefficient between the device-to-device spreads of two numbers, with its source."""

    between: tuple[str, str]
    value: float
    source: str
    where: str
    how: str


@dataclass(frozen=True)
class Effect:
    """An effect that a set lays over its model (drift, read noise, wear, a fault), with sourced numbers of its own."""

    model: str
    numbers: Mapping[str, Number]
    model_class: type[eqx.Module] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, repr=False)
class ParameterSet:
    """A named set of sourced numbers for one model. Immutable; :meth:`device` gives the numbers alone.

    `operation` and `reported` hold the quantities named in `OPERATION` and `REPORTED`; `effects` what lies over the
    model, put together by `compose`.

    Raises:
        ParameterError: When read from a file in which a number lacks source, place or manner, or names no parameter.
    """

    name: str
    model: str
    summary: str
    numbers: Mapping[str, Number]
    sources: Mapping[str, Mapping[str, str]]
    spread: Mapping[str, PublishedSpread] = field(default_factory=dict)
    valid: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)
    note: str = ""
    technology: str = ""
    operation: Mapping[str, Number] = field(default_factory=dict)
    reported: Mapping[str, Number] = field(default_factory=dict)
    effects: Mapping[str, Effect] = field(default_factory=dict)
    correlations: tuple[Correlation, ...] = ()
    model_class: type[eqx.Module] | None = field(default=None, repr=False, compare=False)
    compose: Callable[[Any, Mapping[str, Any]], Any] | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        rows = [f"  {name}: {number} ({number.how}, {number.source})" for name, number in self.every_number().items()]
        return "\n".join([f"{self.name} ({self.model}): {self.summary}", *rows])

    def __repr__(self) -> str:
        return f"<ParameterSet {self.name} of {self.model}: {len(self.every_number())} numbers>"

    def device(self, *, bare: bool = False) -> Any:
        """The numeric device of this set, with its effects unless `bare`."""
        base = _built(self.name, self.model, self.model_class, self.numbers)
        if bare or not self.effects:
            return base
        if self.compose is None:
            raise ParameterError(
                f"{self.name}: its effects cannot be laid over the model. Read it with mho.parameters."
            )
        laid = {
            k: _built(f"{self.name}, effect {k}", e.model, e.model_class, e.numbers) for k, e in self.effects.items()
        }
        return self.compose(base, laid)

    def every_number(self) -> dict[str, Number]:
        """All sourced numbers: of the model, of its effects (``drift.nu``), of operation and report."""
        groups = {f"{k}.": e.numbers for k, e in self.effects.items()}
        groups |= {"": self.numbers, "operation.": self.operation, "reported.": self.reported}
        return {prefix + k: number for prefix, numbers in groups.items() for k, number in numbers.items()}

    def spreads(self, of: Any = lambda device: device, *, scale: float = 1.0) -> tuple[sampling.Spread, ...]:
        """The published device-to-device spreads as arguments of :func:`mho.sample`.

        Args:
            of: Where the device sits in the sampled module, for example ``lambda neuron: neuron.synapse.device``.
            scale: Multiplies every spread, to ask "what if it were twice as bad".
        """

        def bare(module: Any) -> Any:
            device = of(module)
            return getattr(device, "bare", device)  # the device inside its effects

        return tuple(
            s.of(lambda module, name=name: getattr(bare(module), name), scale=scale) for name, s in self.spread.items()
        )

    def correlation(self) -> np.ndarray | None:
        """Correlation matrix between the `spreads`, in their order, for :func:`mho.sample`, or None."""
        if not self.correlations:
            return None
        order = list(self.spread)
        matrix = np.eye(len(order))
        for c in self.correlations:
            i, j = (order.index(name) for name in c.between)
            matrix[i, j] = matrix[j, i] = c.value
        return matrix

    def outside(self, **conditions: float) -> list[str]:
        """Sentences that name every condition (SI) outside the range in which the set was established."""
        found = []
        for name, value in conditions.items():
            if name in self.valid and not (self.valid[name][0] <= value <= self.valid[name][1]):
                low, high, unit = self.valid[name]
                found.append(
                    f"{self.name}: {name} is {engineering(value, unit)}, outside the {engineering(low, unit)} to "
                    f"{engineering(high, unit)} in which the set was established (extrapolated)."
                )
        return found

    def assumed_share(self) -> float:
        """Share of the numbers that are assumptions."""
        numbers = self.every_number().values()
        return sum(n.how == "assumed" for n in numbers) / max(len(numbers), 1)

    def with_values(
        self, values: Mapping[str, Number], *, name: str, summary: str, sources: Mapping[str, Mapping[str, str]]
    ):
        """A new set in which some numbers are replaced, for example by fitted ones."""
        return replace(
            self, name=name, summary=summary, numbers={**self.numbers, **values}, sources={**self.sources, **sources}
        )

    def save(self, path: str | Path) -> Path:
        """Write the set as TOML, whole or not at all."""
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        temporary.write_text(tomli_w.dumps(self.as_toml()), encoding="utf-8")
        temporary.replace(path)
        return path

    def as_toml(self) -> dict[str, Any]:
        """The nested tables that :func:`read` reads."""
        head: dict[str, Any] = {"name": self.name, "model": self.model, "summary": self.summary}
        head |= {k: v for k, v in (("technology", self.technology), ("note", self.note)) if v}
        head["sources"] = {k: dict(v) for k, v in self.sources.items()}
        head["parameters"] = {k: _number_table(n) for k, n in self.numbers.items()}
        for name in ("operation", "reported"):
            if getattr(self, name):
                head[name] = {k: _number_table(n) for k, n in getattr(self, name).items()}
        if self.effects:
            head["effects"] = {
                k: {"model": e.model, "parameters": {p: _number_table(n) for p, n in e.numbers.items()}}
                for k, e in self.effects.items()
            }
        if self.spread:
            head["spread"] = {k: _spread_table(s, self.model_class, k) for k, s in self.spread.items()}
        if self.correlations:
            head["correlation"] = [
                {"between": list(c.between), "value": c.value, "source": c.source, "where": c.where, "how": c.how}
                for c in self.correlations
            ]
        if self.valid:
            head["valid"] = {k: {"low": _text(lo, u), "high": _text(hi, u)} for k, (lo, hi, u) in self.valid.items()}
        return head


def _built(name: str, model: str, model_class: type[eqx.Module] | None, numbers: Mapping[str, Number]) -> Any:
    if model_class is None:
        raise ParameterError(f"{name}: model {model!r} is not registered. See 'mho device list'.")
    return model_class(**{k: number.value for k, number in numbers.items()})


def _text(value: float, unit: str) -> str | float:
    return value if unit in ("1", "") else f"{float(value)!r} {_SI_BASE.get(unit, unit)}"


def _spread_table(s: PublishedSpread, model: type[eqx.Module] | None, name: str) -> dict[str, Any]:
    unit = described(model)[name]["unit"] if model else "1"
    size = {"relative": s.relative} if s.absolute is None else {"absolute": _text(s.absolute, unit)}
    kind = {} if s.kind == "log-normal" else {"kind": s.kind}
    return {**size, **kind, "source": s.source, "where": s.where, "how": s.how}


def _number_table(n: Number) -> dict[str, Any]:
    def texts(value: Any) -> Any:
        return [_text(float(v), n.unit) for v in value] if isinstance(value, tuple) else _text(float(value), n.unit)

    table: dict[str, Any] = {"value": texts(n.value), "source": n.source, "where": n.where, "how": n.how}
    if n.note:
        table["note"] = n.note
    if n.interval is not None:
        table["interval"] = [texts(n.interval[0]), texts(n.interval[1])]
    return table
