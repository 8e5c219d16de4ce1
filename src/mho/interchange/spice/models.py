"""Model cards: finding them, and their numbers over their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mho.interchange.spice.elaboration import Site
from mho.netlists.cards import Card
from mho.netlists.subcircuits import Model


@dataclass(frozen=True)
class Defaults:
    """What a kind of model card may say.

    Args:
        values: Value of each number that is used where the card gives none.
        same: Other spellings of them.
        idle: Numbers that change nothing here (noise, limits for warnings).
        refused: Numbers that would change the result and are not computed, unless they are zero; with a hint.
    """

    values: Mapping[str, float]
    same: Mapping[str, str] = field(default_factory=dict)
    idle: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def numbers(site: Site, model: Model, defaults: Defaults) -> dict[str, float]:
    """The numbers that a model card gives.

    Raises:
        NetlistError: If one of them asks for what mho does not compute.
    """
    found: dict[str, float] = {}
    for written, text in model.numbers.items():
        name = defaults.same.get(written, written)
        if name in defaults.idle:
            continue
        value = site.value(text, model.line)
        if name in defaults.values:
            found[name] = value
        elif name not in defaults.refused:
            model.line.fail(
                f"the model parameter {written!r} is not supported; mho knows {', '.join(defaults.values)}."
            )
        elif value != 0:
            hint = defaults.refused[name]
            model.line.fail(f"{written} = {value:g} is not computed by mho.{' ' * bool(hint)}{hint}")
    return found


def multiplied(site: Site, c: Card) -> float:
    """How often an element is there (m=).

    Raises:
        NetlistError: If it is not above zero.
    """
    m = site.value(c.options.get("m", "1"), c.line)
    if m <= 0:
        c.line.fail(f"m = {m:g} must be above 0.")
    return m
