"""Yield: the share of samples that meet a specification, with its binomial interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from mho.core.errors import InputError
from mho.metrics.kpi import KPI


@dataclass(frozen=True)
class Specification:
    """Limits of one measured number.

    Args:
        name: Of the measurement.
        low: Smallest value allowed.
        high: Largest value allowed.
        text: As it was written.
    """

    name: str
    low: float = -np.inf
    high: float = np.inf
    text: str = ""

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError(
                f"The specification {self.text or self.name!r} allows nothing: {self.low:g} > {self.high:g}."
            )

    def met(self, values: np.ndarray) -> np.ndarray:
        """Which samples meet it; one that was not measured (NaN) does not."""
        with np.errstate(invalid="ignore"):
            return (values >= self.low) & (values <= self.high)


def binomial_interval(passed: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact (Clopper and Pearson's) interval of a share from `passed` of `count` trials.

    Source: Clopper, Pearson, Biometrika 26, 404 (1934).
    """
    tail = 0.5 * (1.0 - confidence)
    low = 0.0 if passed == 0 else float(beta.ppf(tail, passed, count - passed + 1))
    high = 1.0 if passed == count else float(beta.ppf(1.0 - tail, passed + 1, count - passed))
    return low, high


def circuit_yield(
    values: Mapping[str, np.ndarray],
    specifications: Sequence[Specification],
    ok: np.ndarray,
    failures: Mapping[str, int] | None = None,
) -> KPI:
    """Share of samples that meet all specifications; a sample that failed or was not measured meets none.

    Args:
        values: Measured numbers by name, shape (samples,).
        specifications: What they must meet.
        ok: Which samples reached their end.
        failures: Failed samples by reason.

    Raises:
        InputError: If a specification names no measurement.
    """
    good = np.array(ok, bool)
    for s in specifications:
        if s.name not in values:
            raise InputError(
                f"The specification {s.text or s.name!r} names no measurement; there is {', '.join(values)}."
            )
        good &= s.met(values[s.name])
    count, passed = len(good), int(np.sum(good))
    low, high = binomial_interval(passed, count)
    return KPI(
        name="circuit.yield",
        value=passed / count,
        unit="1",
        definition="samples that reach their end and meet " + ", ".join(s.text or s.name for s in specifications),
        spread={"low": low, "high": high, "kind": "95 % interval (Clopper-Pearson)"},
        n=count,
        failures=dict(failures or {}),
    )
