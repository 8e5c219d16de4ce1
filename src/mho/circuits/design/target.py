"""What a circuit can be designed for: the registry of figures, and a target for one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mho.core.errors import InputError, UnitError
from mho.core.quantities import engineering, si

_TEXT = re.compile(r"^\s*(?P<figure>\w+)\s*=\s*(?P<value>[^@]+?)\s*(?:@\s*(?P<at>.+?)\s*)?$")
_FLOOR = 0.02  # of shares of a spike: below this a miss is weighed as one of a share of this size


class Figure(NamedTuple):
    """A figure of a circuit.

    Args:
        unit: SI unit.
        condition: What it is measured at: "current" [A] or "presynaptic" rate [Hz].
        bench: Where it is measured: "driven", "held" or "tuned".
        text: Definition.
    """

    unit: str
    condition: str
    bench: str
    text: str


FIGURES: dict[str, Figure] = {
    "width": Figure("s", "current", "driven", "time the spike node spends above half a volt, median in steady firing"),
    "rate": Figure("Hz", "current", "driven", "firing rate, from the intervals after the first"),
    "energy": Figure("J", "current", "driven", "energy from all supplies, biases and the input, per spike"),
    "dead_time": Figure("s", "current", "driven", "from a spike's begin to the end of its reset: input is lost in it"),
    "facilitation": Figure("1", "presynaptic", "held", "charge of a train's tenth spike over that of its first"),
    "step": Figure("ohm", "presynaptic", "held", "fall of the ECRAM's channel resistance by a train's first spike"),
    "event": Figure("J", "presynaptic", "held", "energy of a synaptic event: mirror, gate driver and spike source"),
    "passes": Figure("1", "presynaptic", "tuned", "output spikes per presynaptic spike at a train's end, from charges"),
    "lone": Figure("1", "presynaptic", "tuned", "share of an output spike's charge that a train's first spike leaves"),
}
CONDITION_UNITS = {"current": "A", "presynaptic": "Hz"}


@dataclass(frozen=True)
class Target:
    """A figure that a design is to have.

    Args:
        figure: Name in :data:`FIGURES`.
        value: Wanted, in the figure's unit.
        at: Condition: input current [A] or presynaptic rate [Hz]; the design's current if None.
        weight: Of its relative miss among others [1].

    Raises:
        InputError: If the figure is unknown, its value not above zero, or a condition is missing.
    """

    figure: str
    value: float
    at: float | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.figure not in FIGURES:
            raise InputError(f"There is no figure {self.figure!r} to design for. There are: {', '.join(FIGURES)}.")
        if not (np.isfinite(self.value) and (self.value > 0 or (self.value == 0 and self.linear))):
            raise InputError(f"The target {self.figure} is {engineering(self.value, self.unit)}; it must be above 0.")
        if not (np.isfinite(self.weight) and self.weight > 0):
            raise InputError(f"The weight of {self.figure} is {self.weight:g}; it must be above 0.")
        if self.at is None and self.about.condition == "presynaptic":
            raise InputError(
                f"{self.figure} is measured at a presynaptic rate. Write for example {self.figure}=...@5kHz."
            )
        if self.at is not None and not (np.isfinite(self.at) and self.at > 0):
            raise InputError(f"{self.figure} is asked for at {self.at:g}; its {self.about.condition} must be above 0.")

    @property
    def about(self) -> Figure:
        """What the figure is."""
        return FIGURES[self.figure]

    @property
    def linear(self) -> bool:
        """Whether the figure is a share that may fall to nothing and below, so that its miss has no logarithm."""
        return self.about.bench == "tuned"

    @property
    def unit(self) -> str:
        """SI unit of the figure."""
        return self.about.unit

    @property
    def label(self) -> str:
        """For people: ``rate at 20 nA``."""
        return self.figure if self.at is None else f"{self.figure} at {self.at_text()}"

    def at_text(self) -> str:
        """The condition with its unit, or nothing."""
        return "" if self.at is None else engineering(self.at, CONDITION_UNITS[self.about.condition])

    @classmethod
    def parse(cls, text: str, weight: float = 1.0) -> Target:
        """A target from text: ``width=500ns``, ``rate=60kHz@20nA``, ``facilitation=1.12@5kHz``.

        Raises:
            InputError: If the text is no target.
        """
        match = _TEXT.match(text)
        if match is None:
            raise InputError(f"{text!r} is no target. Write figure=value or figure=value@condition: rate=60kHz@20nA.")
        name = match["figure"]
        if name not in FIGURES:
            raise InputError(f"There is no figure {name!r} to design for. There are: {', '.join(FIGURES)}.")
        try:
            value = si(match["value"], FIGURES[name].unit)
            at = None if match["at"] is None else si(match["at"], CONDITION_UNITS[FIGURES[name].condition])
        except UnitError as error:
            raise UnitError(f"target {text!r}: {error}") from None
        return cls(name, value, at, weight)

    def residual(self, found: np.ndarray) -> np.ndarray:
        """Weighted miss, about relative: logarithmic, or linear for a share that may fall to nothing."""
        return self.weight * self.miss(found)

    def miss(self, found: np.ndarray) -> np.ndarray:
        """Miss without its weight [1]; NaN where the figure is NaN."""
        if self.linear:
            return (found - self.value) / max(self.value, _FLOOR)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(np.where(found > 0, found, np.nan) / self.value)

    def found(self, miss: float) -> float:
        """The figure that has a miss."""
        return float(self.value + miss * max(self.value, _FLOOR) if self.linear else self.value * np.exp(miss))

    def deviation(self, found: np.ndarray | float) -> np.ndarray | float:
        """Relative deviation, the one that is reported [1]."""
        return (np.asarray(found) - self.value) / max(self.value, _FLOOR if self.linear else 0.0)
