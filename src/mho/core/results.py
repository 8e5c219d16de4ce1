"""How a numerical method ended; failures are counted by these names, never dropped."""

from __future__ import annotations

import enum

import numpy as np


class Status(enum.IntEnum):
    """End state of one sample of a batch."""

    OK = 0
    RUNNING = 1
    MIN_STEP = 2
    MAX_ITERATIONS = 3
    NOT_FINITE = 4
    EVENTS_FULL = 5
    RUNAWAY = 6
    NO_OPERATING_POINT = 7

    @property
    def reason(self) -> str:
        """What happened and what helps, as a sentence."""
        return _REASONS[self]


_REASONS = {
    Status.OK: "reached the end.",
    Status.RUNNING: "was stopped before the end.",
    Status.MIN_STEP: "needed a time step below the smallest allowed; look for a source corner without rise time.",
    Status.MAX_ITERATIONS: "used up its Newton iterations; raise max_iterations or loosen the tolerance.",
    Status.NOT_FINITE: "met a number that is not finite; look for a device driven far outside its range.",
    Status.EVENTS_FULL: "crossed a threshold more often than the event buffer holds; raise max_events.",
    Status.RUNAWAY: "ran away: it fires without being driven, or never stops; reduce the feedback or the modulation.",
    Status.NO_OPERATING_POINT: "has no DC operating point that Newton and source stepping could find.",
}


def failures(status: np.ndarray) -> dict[str, int]:
    """Number of failed samples by reason, for example ``{"MIN_STEP": 3}``; empty if all ended well."""
    values, counts = np.unique(np.asarray(status), return_counts=True)
    return {Status(int(v)).name: int(n) for v, n in zip(values, counts, strict=True) if int(v) != Status.OK}
