"""Numbers with SPICE's scale suffixes: 2.2k, 10meg, 0.13u, 5pF."""

from __future__ import annotations

import re

NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[a-zµ_]*")
_PARTS = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-zµ_]*)")
_SCALES = {
    "meg": 1e6,
    "mil": 25.4e-6,
    "t": 1e12,
    "g": 1e9,
    "k": 1e3,
    "m": 1e-3,
    "u": 1e-6,
    "µ": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
    "a": 1e-18,
}


def spice_number(text: str) -> float | None:
    """The number that a text is, or None. Letters after the scale are a unit and mean nothing.

    >>> spice_number("10meg"), spice_number("5pF"), spice_number("volt")
    (10000000.0, 5e-12, None)
    """
    found = _PARTS.fullmatch(text.lower())
    if found is None:
        return None
    digits, letters = found.groups()
    scale = next((x for name, x in _SCALES.items() if letters.startswith(name)), 1.0)
    return float(digits) * scale
