"""How a transient analysis is run: accuracy, step sizes, buffers; and what a crossing is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.circuits.form import Form
from mho.circuits.ledger import Detail
from mho.circuits.tableau import Method
from mho.circuits.transient_noise import TransientNoise
from mho.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Options:
    """Settings of the time stepping; the defaults hold inter-spike intervals of the neurons to about 1e-3.

    Args:
        tolerance: Local error allowed per step, in units of each unknown's scale (1 V for a node).
        method: How time is stepped.
        kappa: Newton stops when its update is below `kappa` times the tolerance.
        max_newton: Newton iterations per stage before the step is cut.
        v_limit: Largest Newton update of a node [V].
        h_first: Step after the start and after a source's corner [s].
        h_min: Smallest step [s].
        h_max: Largest step; a 20th of the run (and a tenth of a sine's period) if None [s].
        safety: Share of the step that the error estimate allows.
        growth: Largest growth from one step to the next.
        max_iterations: Newton iterations of one sample before it is given up.
        max_events: Crossings kept per sample and kind.
        max_points: Accepted points per sample that are brought out at a time (not a limit of the run).
        ledger: What the energy ledger keeps.
        noise: Noise of the elements, if any.
        form: Form of the program; by the circuit's size if None.
    """

    tolerance: float = 5e-4
    method: Method = Method.TR_BDF2
    kappa: float = 1.0
    max_newton: int = 5
    v_limit: float = 0.3
    h_first: float = 1e-12
    h_min: float = 1e-18
    h_max: float | None = None
    safety: float = 0.7
    growth: float = 3.0
    max_iterations: int = 2_000_000
    max_events: int = 64
    max_points: int = 2048
    ledger: Detail = Detail.ELEMENTS
    noise: TransientNoise | None = None
    form: Form | None = None

    def __post_init__(self) -> None:
        for name in ("tolerance", "kappa", "v_limit", "h_first", "h_min", "safety"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"Options.{name} is {value}; it must be above 0.")


@dataclass(frozen=True)
class Crossing:
    """Asks for the times at which a node (or state) passes a threshold.

    Args:
        node: Name of an unknown node, state or branch current.
        threshold: Level [V or 1]; a number or one per sample.
        rising: Passing upwards, else downwards.
        after: Crossings in steps that begin before this are not counted [s].
    """

    node: str
    threshold: Any
    rising: bool = True
    after: float = 0.0
