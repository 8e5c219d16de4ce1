"""Text to SI numbers and back: the only door for units; inside mho every number is a plain SI float."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from mho.core.errors import UnitError

_PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_PLAIN = {"", "1", "%"}
_HEADING = re.compile(r"^\s*(?P<name>.*?)\s*(?:\[(?P<square>[^\]]*)\]|\((?P<round>[^)]*)\))?\s*$")


@functools.cache
def _registry() -> Any:
    """The pint registry, made when the first text is converted (importing pint costs 0.4 s)."""
    import pint

    registry = pint.UnitRegistry()
    return registry


def _ascii(unit: str) -> str:
    """Spellings that laboratories use and pint does not: Ω, kOhm, degC."""
    unit = unit.strip().replace("\u2126", "ohm").replace("\u03a9", "ohm").replace("\u03bc", "\u00b5")
    return re.sub(r"[Oo]hms?\b", "ohm", unit)


def si(value: str | float | int, unit: str) -> float:
    """SI number of a text quantity, or of a number that is already in SI.

    Args:
        value: For example ``"25 uS"``, ``"1.5 kOhm"``, ``0.2``.
        unit: SI unit expected, for example ``"S"``; ``"1"`` for a pure number.

    Raises:
        UnitError: If the text is not a quantity, is not finite, or has another dimension.

    >>> si("25 uS", "S")
    2.5e-05
    """
    if not isinstance(value, str):
        try:
            return _finite(float(value) if not isinstance(value, bool) else math.nan, repr(value), unit)
        except (TypeError, ValueError) as error:
            raise UnitError(f"{value!r} is not a quantity. Give a number, or text such as '1 {unit}'.") from error
    text = value.strip()
    try:
        return _finite(float(text), text, unit)
    except ValueError:
        pass
    match = re.match(r"^([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*([^\s0-9.,].*|1/.*)$", text)
    if match is None:
        raise UnitError(
            f"{text!r} is not a quantity. Write a number (with a decimal point) and a unit of {unit}, "
            f"for example '1 {unit}'."
        )
    number, scale = float(match[1]), factor(match[2], unit)
    parts = round(1.0 / scale) if 0.0 < scale < 1.0 else 0
    # Dividing by a whole power of ten is rounded correctly, multiplying by its inexact inverse is not: 10 um is 1e-5 m.
    exact = parts > 0 and abs(parts * scale - 1.0) < 1e-14
    return _finite(number / parts if exact else number * scale, text, unit)


def _finite(number: float, text: str, unit: str) -> float:
    if not math.isfinite(number):
        raise UnitError(f"{text!r} is not a finite number. Give a finite quantity in {unit}.")
    return number


def factor(text: str, unit: str) -> float:
    """Factor that takes a number in unit `text` to SI unit `unit`.

    Raises:
        UnitError: If `text` names no unit, or one of another dimension.
    """
    if text.strip() in _PLAIN and unit in _PLAIN:
        return 0.01 if text.strip() == "%" else 1.0
    import pint

    try:
        # Zero of a unit with an offset (degC, degF) is not zero: such a unit has no factor.
        nothing = _registry().Quantity(0.0, _ascii(text)).to_base_units()
        scaled = _registry().Quantity(1.0, _ascii(text)).to_base_units()
        target = _registry().Quantity(1.0, _ascii(unit) if unit not in _PLAIN else "").to_base_units()
    except (pint.errors.PintError, AssertionError, AttributeError, TypeError, ValueError) as error:
        raise UnitError(
            f"{text!r} is not a unit that mho knows. Use a unit of {unit}, for example '{unit}'."
        ) from error
    if nothing.magnitude != 0.0:
        raise UnitError(f"{text!r} is a unit with an offset. Give the temperature in K.")
    if scaled.dimensionality != target.dimensionality:
        raise UnitError(f"{text!r} has dimension {scaled.dimensionality}, but a quantity in {unit} is needed.")
    return float(scaled.magnitude / target.magnitude)


def heading(text: str) -> tuple[str, str | None]:
    """Name and unit of a column heading, ``"v_gate [V]"`` or ``"Time (ms)"``; the unit is None where none is given.

    >>> heading("r [kOhm]")
    ('r', 'kOhm')
    """
    match = _HEADING.match(text)
    if match is None:
        return text.strip(), None
    unit = match["square"] if match["square"] is not None else match["round"]
    return match["name"], (unit.strip() if unit is not None else None)


_COMPOUND = frozenset("^*· ")  # in a unit before its stroke: of a power, or of a product


def engineering(value: float, unit: str, digits: int = 4) -> str:
    """A number with an engineering prefix, for people: ``engineering(2.5e-5, "S")`` is ``"25 µS"``.

    A unit that begins with a power or a product stays plain, as m^2 or V^0.5: a prefix would be raised with it.
    """
    value = float(value)
    unit = {"ohm": "Ω", "Ohm": "Ω", "1": ""}.get(unit, unit)
    if not math.isfinite(value):
        return f"{value} {unit}".strip()
    if value == 0 or unit == "" or unit.startswith(("%", "K", "1")) or _COMPOUND & set(unit.split("/")[0]):
        return f"{value:.{digits}g} {unit}".strip()
    power = min(max(3 * math.floor(math.log10(abs(value)) / 3 + 1e-12), -18), 12)
    mantissa = f"{value / 10.0**power:.{digits}g}"
    if float(mantissa) in (1000.0, -1000.0) and power < 12:
        power, mantissa = power + 3, f"{float(mantissa) / 1000.0:g}"
    return f"{mantissa} {_PREFIXES[power]}{unit}".strip()
