"""Parameter sets: files of numbers in which every number says where it comes from.

A TOML file has a head, its sources, one table per number, and where known the device-to-device spread and the range in
which the numbers hold:

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

    [valid.temperature]
    low = "290 K"
    high = "310 K"
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import tomli_w

from mho.core import sampling
from mho.core.errors import ParameterError, UnitError
from mho.core.fields import described
from mho.core.quantities import engineering, si

HOW = ("stated", "read off a plot", "calculated", "fitted", "assumed")
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
    """Device-to-device standard deviation of one number, relative to it, with its source."""

    relative: float
    source: str
    where: str
    how: str


@dataclass(frozen=True)
class ParameterSet:
    """A named set of sourced numbers for one model. Immutable; :meth:`device` gives the numbers alone.

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
    model_class: type[eqx.Module] | None = field(default=None, repr=False, compare=False)

    def device(self) -> Any:
        """The numeric device of this set."""
        if self.model_class is None:
            raise ParameterError(f"{self.name}: model {self.model!r} is not registered. See 'mho device list'.")
        return self.model_class(**{name: number.value for name, number in self.numbers.items()})

    def spreads(self, of: Any = lambda device: device, *, scale: float = 1.0) -> tuple[sampling.Spread, ...]:
        """The published device-to-device spreads as arguments of :func:`mho.sample`.

        Args:
            of: Where the device sits in the sampled module, for example ``lambda neuron: neuron.synapse.device``.
            scale: Multiplies every spread, to ask "what if it were twice as bad".
        """
        return tuple(
            sampling.relative(scale * s.relative, of=lambda module, name=name: getattr(of(module), name))
            for name, s in self.spread.items()
        )

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
        return sum(n.how == "assumed" for n in self.numbers.values()) / max(len(self.numbers), 1)

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
        if self.note:
            head["note"] = self.note
        head["sources"] = {k: dict(v) for k, v in self.sources.items()}
        head["parameters"] = {k: _number_table(n) for k, n in self.numbers.items()}
        if self.spread:
            head["spread"] = {
                k: {"relative": s.relative, "source": s.source, "where": s.where, "how": s.how}
                for k, s in self.spread.items()
            }
        if self.valid:
            head["valid"] = {k: {"low": _text(lo, u), "high": _text(hi, u)} for k, (lo, hi, u) in self.valid.items()}
        return head


def _text(value: float, unit: str) -> str | float:
    return value if unit in ("1", "") else f"{float(value)!r} {_SI_BASE.get(unit, unit)}"


def _number_table(n: Number) -> dict[str, Any]:
    def texts(value: Any) -> Any:
        return [_text(float(v), n.unit) for v in value] if isinstance(value, tuple) else _text(float(value), n.unit)

    table: dict[str, Any] = {"value": texts(n.value), "source": n.source, "where": n.where, "how": n.how}
    if n.note:
        table["note"] = n.note
    if n.interval is not None:
        table["interval"] = [texts(n.interval[0]), texts(n.interval[1])]
    return table


def read(path: str | Path, models: Mapping[str, type[eqx.Module]]) -> ParameterSet:
    """Read a parameter set from TOML.

    Args:
        path: The file.
        models: Model classes by name; their fields give the expected units.

    Raises:
        ParameterError: Names the file, the parameter, and what to write.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ParameterError(f"{path} does not exist. 'mho device list' names the packaged sets.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ParameterError(
            f"{path} is not TOML: {error}. Compare it with a packaged set ('mho device show NAME')."
        ) from error
    return from_toml(table, models, where=str(path))


def from_toml(table: Mapping[str, Any], models: Mapping[str, type[eqx.Module]], *, where: str) -> ParameterSet:
    """A parameter set from parsed TOML; `where` names the file in messages."""
    for key, kind in (("name", str), ("model", str), ("summary", str), ("sources", dict), ("parameters", dict)):
        if not isinstance(table.get(key), kind):
            asked = "text" if kind is str else "a table"
            raise ParameterError(
                f"{where}: '{key}' is missing, or is not {asked}. Add it; see 'mho device show ecram_stp_ref --toml'."
            )
    for name, source in table["sources"].items():
        if not isinstance(source, dict) or not source.get("text"):
            raise ParameterError(
                f"{where}: source {name!r} has no 'text'. Say what it is: authors, title, place, year."
            )
    if table["model"] not in models:
        raise ParameterError(f"{where}: model is {table['model']!r}; it must be one of {', '.join(sorted(models))}.")
    model = models[table["model"]]
    fields = described(model)
    unknown = sorted(set(table["parameters"]) - set(fields))
    if unknown:
        raise ParameterError(
            f"{where}: {unknown[0]!r} is no parameter of {table['model']}; it has {', '.join(fields)}."
        )
    needed = [f.name for f in dataclasses.fields(model) if f.name in fields and f.default is dataclasses.MISSING]
    missing = [name for name in needed if name not in table["parameters"]]
    if missing:
        raise ParameterError(f"{where}: {', '.join(missing)} missing. Give each a value, source, where and how.")
    numbers = {
        k: _number(v, fields[k]["unit"], f"{where}: {k}", table["sources"]) for k, v in table["parameters"].items()
    }
    return ParameterSet(
        name=table["name"],
        model=table["model"],
        summary=table["summary"],
        note=table.get("note", ""),
        numbers=numbers,
        sources=table["sources"],
        spread={
            k: _spread(v, f"{where}: spread of {k}", fields, k, table["sources"])
            for k, v in table.get("spread", {}).items()
        },
        valid={k: _range(v, f"{where}: valid range of {k}") for k, v in table.get("valid", {}).items()},
        model_class=model,
    )


def _sourced(table: Any, where: str, sources: Mapping[str, Any]) -> None:
    if not isinstance(table, dict):
        raise ParameterError(f"{where} must be a table with value, source, where and how.")
    for key in ("source", "where", "how"):
        if not table.get(key):
            raise ParameterError(f"{where} has no '{key}'. Every number needs source, place and manner.")
    if table["how"] not in HOW:
        raise ParameterError(f"{where}: how is {table['how']!r}; it must be one of {', '.join(HOW)}.")
    if table["source"] not in sources:
        raise ParameterError(f"{where}: source {table['source']!r} is not among [sources.*]: {', '.join(sources)}.")


def _number(table: Any, unit: str, where: str, sources: Mapping[str, Any]) -> Number:
    _sourced(table, where, sources)
    if "value" not in table:
        raise ParameterError(f"{where} has no 'value'. Give a quantity in {unit}.")

    def convert(raw: Any) -> Any:
        try:
            return tuple(si(v, unit) for v in raw) if isinstance(raw, list) else si(raw, unit)
        except UnitError as error:
            raise ParameterError(f"{where}: {error}") from error

    interval = table.get("interval")
    return Number(
        value=convert(table["value"]),
        unit=unit,
        source=table["source"],
        where=table["where"],
        how=table["how"],
        note=table.get("note", ""),
        interval=None if interval is None else (convert(interval[0]), convert(interval[1])),
    )


def _spread(
    table: Any, where: str, fields: Mapping[str, Any], name: str, sources: Mapping[str, Any]
) -> PublishedSpread:
    _sourced(table, where, sources)
    if name not in fields:
        raise ParameterError(f"{where}: {name!r} is no parameter of this model.")
    value = table.get("relative")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ParameterError(f"{where}: relative is {value!r}; it must be a finite number of at least 0.")
    return PublishedSpread(float(value), table["source"], table["where"], table["how"])


def _range(table: Any, where: str) -> tuple[float, float, str]:
    if not isinstance(table, dict) or "low" not in table or "high" not in table:
        raise ParameterError(f"{where} needs 'low' and 'high'.")
    text = next((x for x in (table["low"], table["high"]) if isinstance(x, str)), "0")
    unit = _si_unit(text, where)
    try:
        low, high = si(table["low"], unit), si(table["high"], unit)
    except UnitError as error:
        raise ParameterError(f"{where}: {error}") from error
    if low > high:
        raise ParameterError(
            f"{where}: low is {engineering(low, unit)}, above high, {engineering(high, unit)}. Swapped?"
        )
    return low, high, unit


def _si_unit(text: str, where: str) -> str:
    """The SI unit without prefix that a range is kept in, for example 'S' for '2 uS'."""
    reason = ""
    for candidate in ("1", "S", "V", "A", "s", "F", "J", "K", "m", "ohm", "Hz", "W", "C"):
        try:
            si(text, candidate)
        except UnitError as error:
            reason = reason if "dimension" in str(error) else str(error)
            continue
        return candidate
    raise ParameterError(f"{where}: {reason or f'{text!r} has a unit that a validity range cannot have.'}")
