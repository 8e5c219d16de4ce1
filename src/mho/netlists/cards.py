"""The words of a line: positional fields, and assignments `name=value` in braces, quotes or bare."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mho.netlists.lines import Line

_WORD = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}|'[^']*'|\"[^\"]*\"|[=(),]|[^\s=(),{}'\"]+|[{}'\"]")
_KEY = re.compile(r"(?<![\w.<>!=)])([a-z_][\w.]*)\s*=(?!=)")


@dataclass(frozen=True)
class Card:
    """One element line in words.

    Args:
        line: Where it stands.
        fields: Words in order, without parentheses and commas.
        options: Values that were assigned, by name.
    """

    line: Line
    fields: list[str]
    options: dict[str, str] = field(default_factory=dict)


def card(line: Line, text: str | None = None) -> Card:
    """Words of a line, or of a part of it."""
    words = [w for w in _WORD.findall(line.text if text is None else text) if w not in "(),"]
    fields: list[str] = []
    options: dict[str, str] = {}
    k = 0
    while k < len(words):
        if words[k] in ("{", "}", "'", '"'):
            line.fail(f"{words[k]} has no partner.")
        if k + 1 < len(words) and words[k + 1] == "=":
            if k + 2 >= len(words):
                line.fail(f"{words[k]} = has no value.")
            options[words[k]] = words[k + 2]
            k += 3
        elif words[k] == "=":
            line.fail("an = has no name before it.")
        else:
            fields.append(words[k])
            k += 1
    return Card(line, fields, options)


def assignments(line: Line, text: str) -> tuple[str, dict[str, str]]:
    """What stands before the first assignment of a text, and the assignments; a value reaches to the next name."""
    hidden = re.sub(r"\{(?:[^{}]|\{[^{}]*\})*\}|'[^']*'", lambda m: "#" * len(m.group()), text)
    keys = list(_KEY.finditer(hidden))
    if not keys:
        return text.strip(), {}
    found: dict[str, str] = {}
    for k, key in enumerate(keys):
        stop = keys[k + 1].start() if k + 1 < len(keys) else len(text)
        value = text[key.end() : stop].strip().strip(",").strip()
        if not value:
            line.fail(f"{key.group(1)} = has no value.")
        found[key.group(1)] = value
    return text[: keys[0].start()].strip(), found
