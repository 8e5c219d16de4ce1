"""The way of a search or a correction as a figure: every member's largest miss, turn by turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mho.circuits.design.search import Step
from mho.studies.outcome import Axis, Curve, Mark, Series

_LEAST = 1e-3  # [%] below it a logarithmic axis says nothing more


def path(turn: str, ways: Mapping[str, Sequence[Step]], mark: Mark, caption: str) -> Series:
    """Largest miss of each member over turns; a turn without a better place keeps the miss of the one before.

    Args:
        turn: What a turn is called.
        ways: Accepted steps of one start, by member.
        mark: What counts as good.
        caption: What to see.
    """
    turns = np.arange(1 + max(step.turn for steps in ways.values() for step in steps))
    curves = []
    for name, steps in ways.items():
        at = {s.turn: 100 * float(np.max(np.abs(s.misses))) for s in steps}
        curves.append(Curve(name, "%", [max(at[max(n for n in at if n <= t)], _LEAST) for t in turns], "both"))
    return Series(Axis(turn, "1", turns), curves, "largest miss", "log", marks=[mark], caption=caption)
