"""Reads a parameter set from TOML, and says where a number lacks source, place or manner."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from mho.core.errors import ParameterError, UnitError
from mho.core.fields import described
from mho.core.parameters import (
    HOW,
    OPERATION,
    REPORTED,
    Correlation,
    Effect,
    Number,
    ParameterSet,
    PublishedSpread,
)
from mho.core.quantities import engineering, si
from mho.core.sampling import KINDS

_NUMBER = frozenset({"value", "source", "where", "how", "note", "interval"})
_SPREAD = frozenset({"relative", "absolute", "kind", "source", "where", "how", "note"})
# What a bench can do: a pulse takes time, and a ramp of more pulses takes longer than a person waits.
_LIMITS = {
    "t_up": (1e-15, 1e6),
    "t_down": (1e-15, 1e6),
    "t_read": (1e-15, 1e6),
    "interval": (0.0, 1e9),
    "pulses": (1.0, 1e5),
    "compliance": (1e-18, 1e3),
}
Models = Mapping[str, type[eqx.Module]]
Compose = Callable[[Any, Mapping[str, Any]], Any]


def read(
    path: str | Path, models: Models, effects: Models | None = None, compose: Compose | None = None
) -> ParameterSet:
    """Read a parameter set from TOML.

    Args:
        path: The file.
        models: Model classes by name; their fields give the expected units.
        effects: Classes of effects by name.
        compose: Lays effects, given by the names of their tables, over a device.

    Raises:
        ParameterError: Names the file, the parameter, and what to write.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ParameterError(f"{path} does not exist. 'mho device list' names the packaged sets.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ParameterError(
            f"{path} is not TOML: {error}. Compare it with a packaged set ('mho device show NAME')."
        ) from error
    return from_toml(table, models, effects, compose, where=str(path))


def from_toml(
    table: Mapping[str, Any],
    models: Models,
    effects: Models | None = None,
    compose: Compose | None = None,
    *,
    where: str,
) -> ParameterSet:
    """A parameter set from parsed TOML; `where` names the file in messages."""
    _check_head(table, where)
    sources = table["sources"]
    model, numbers = _model(table, models, where, sources)
    fields = described(model)
    return ParameterSet(
        name=table["name"],
        model=table["model"],
        summary=table["summary"],
        note=table.get("note", ""),
        technology=table.get("technology", ""),
        numbers=numbers,
        sources=sources,
        operation=_known(table, "operation", OPERATION, where),
        reported=_known(table, "reported", REPORTED, where),
        effects=_effects(table, effects or {}, where),
        spread={
            k: _spread(v, f"{where}: spread of {k}", fields, k, sources) for k, v in table.get("spread", {}).items()
        },
        correlations=_correlations(table, where),
        valid={k: _range(v, f"{where}: valid range of {k}") for k, v in table.get("valid", {}).items()},
        model_class=model,
        compose=compose,
    )


def _check_head(table: Mapping[str, Any], where: str) -> None:
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


def _model(
    table: Mapping[str, Any], models: Models, where: str, sources: Mapping[str, Any]
) -> tuple[type[eqx.Module], dict[str, Number]]:
    """The class that a table names, and its sourced numbers."""
    if table.get("model") not in models:
        raise ParameterError(
            f"{where}: model is {table.get('model')!r}; it must be one of {', '.join(sorted(models))}."
        )
    model = models[table["model"]]
    fields, given = described(model), table.get("parameters", {})
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise ParameterError(
            f"{where}: {unknown[0]!r} is no parameter of {table['model']}; it has {', '.join(fields)}."
        )
    needed = [f.name for f in dataclasses.fields(model) if f.name in fields and f.default is dataclasses.MISSING]
    missing = [name for name in needed if name not in given]
    if missing:
        raise ParameterError(f"{where}: {', '.join(missing)} missing. Give each a value, source, where and how.")
    several = {f.name for f in dataclasses.fields(model) if "tuple" in str(f.type)}
    return model, {
        k: _number(v, fields[k]["unit"], f"{where}: {k}", sources, several=k in several) for k, v in given.items()
    }


def _known(table: Mapping[str, Any], group: str, names: Mapping[str, str], where: str) -> dict[str, Number]:
    """The sourced numbers of a table whose names and units are fixed."""
    given = table.get(group, {})
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ParameterError(f"{where}: {unknown[0]!r} is no entry of [{group}]; it may hold {', '.join(names)}.")
    found = {k: _number(v, names[k], f"{where}: {group}.{k}", table["sources"]) for k, v in given.items()}
    for key, (low, high) in _LIMITS.items():
        value = found[key].value if key in found else low
        if isinstance(value, tuple) or not low <= value <= high:
            asked = f"{engineering(low, names[key])} to {engineering(high, names[key])}"
            raise ParameterError(f"{where}: {group}.{key} is {found[key]}; it must lie within {asked}.")
    return found


def _effects(table: Mapping[str, Any], models: Models, where: str) -> dict[str, Effect]:
    effects = {}
    for name, given in table.get("effects", {}).items():
        if not isinstance(given, dict):
            raise ParameterError(f"{where}: effect {name!r} must be a table with 'model' and 'parameters'.")
        model, numbers = _model(given, models, f"{where}: effect {name}", table["sources"])
        effects[name] = Effect(given["model"], numbers, model)
    return effects


def _no_other(table: Any, keys: frozenset[str], where: str) -> None:
    """A misspelt key would be lost in silence."""
    other = sorted(set(table) - keys)
    if other:
        raise ParameterError(f"{where}: {other[0]!r} is no entry here; there may be {', '.join(sorted(keys))}.")


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


def _number(table: Any, unit: str, where: str, sources: Mapping[str, Any], *, several: bool = False) -> Number:
    _sourced(table, where, sources)
    _no_other(table, _NUMBER, where)
    if "value" not in table:
        raise ParameterError(f"{where} has no 'value'. Give a quantity in {unit}.")
    if isinstance(table["value"], list) != several:
        asked = "a list, one number a mode" if several else "one number"
        raise ParameterError(f"{where} is {table['value']!r}; it must be {asked}.")

    def one(raw: Any) -> float:
        if unit not in ("1", "") and isinstance(raw, int | float):
            raise ParameterError(f"{where} is {raw!r} without a unit. Write it as text with one: '{raw} {unit}'.")
        try:
            return si(raw, unit)
        except UnitError as error:
            raise ParameterError(f"{where}: {error}") from error

    def convert(raw: Any) -> Any:
        return tuple(one(v) for v in raw) if isinstance(raw, list) else one(raw)

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
    _no_other(table, _SPREAD, where)
    if name not in fields:
        raise ParameterError(f"{where}: {name!r} is no parameter of this model.")
    kind = table.get("kind", "log-normal")
    if kind not in KINDS:
        raise ParameterError(f"{where}: kind is {kind!r}; it must be one of {', '.join(KINDS)}.")
    if "absolute" in table and ("relative" in table or kind == "log-normal"):
        raise ParameterError(f"{where}: 'absolute' needs a kind that is not log-normal, and no 'relative' beside it.")
    value = table.get("relative")
    if "absolute" in table:
        try:
            value = si(table["absolute"], fields[name]["unit"])
        except UnitError as error:
            raise ParameterError(f"{where}: {error}") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        size = "absolute" if "absolute" in table else "relative"
        raise ParameterError(f"{where}: {size} is {value!r}; it must be a finite number of at least 0.")
    absolute = float(value) if "absolute" in table else None
    relative = 0.0 if "absolute" in table else float(value)
    return PublishedSpread(relative, table["source"], table["where"], table["how"], kind, absolute)


def _correlations(table: Mapping[str, Any], where: str) -> tuple[Correlation, ...]:
    """Correlations between spreads; together they must be possible."""
    spreads, found = list(table.get("spread", {})), []
    matrix = np.eye(len(spreads))
    for given in table.get("correlation", []):
        _sourced(given, f"{where}: correlation", table["sources"])
        pair, value = given.get("between"), given.get("value")
        if not (isinstance(pair, list) and len(set(pair)) == len(pair) == 2 and set(pair) <= set(spreads)):
            raise ParameterError(
                f"{where}: correlation between {pair!r}; name two that have a spread: {', '.join(spreads)}."
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not -1 <= value <= 1:
            raise ParameterError(
                f"{where}: correlation between {pair[0]} and {pair[1]} is {value!r}; it must be in [-1, 1]."
            )
        i, j = (spreads.index(name) for name in pair)
        matrix[i, j] = matrix[j, i] = value
        found.append(Correlation((pair[0], pair[1]), float(value), given["source"], given["where"], given["how"]))
    if found and np.linalg.eigvalsh(matrix).min() < -1e-9:
        raise ParameterError(f"{where}: the correlations contradict one another (no population has them). Lower them.")
    return tuple(found)


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
