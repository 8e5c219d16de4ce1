"""How many bits a device holds, and what limits them."""

from __future__ import annotations

import math
from collections.abc import Mapping

K = 6.0  # levels are told apart at plus and minus three standard deviations
_UNIFORM = math.sqrt(12.0)


def effective_bits(window: float, sigma: float, k: float = K) -> float:
    """b_eff = log2(1 + window/(k sigma)): levels that lie k standard deviations apart [bit]."""
    return math.log2(1.0 + window / (k * sigma)) if sigma > 0.0 else math.inf


def snr_bits(window: float, sigma: float) -> float:
    """log2(window/sigma) - log2(2 sqrt 3): bits of a uniform quantiser whose error has the same deviation [bit]."""
    return math.log2(window / sigma) - math.log2(2.0 * math.sqrt(3.0)) if sigma > 0.0 else math.inf


def quantisation(step: float) -> float:
    """Standard deviation of what is left when a device is stepped until it is within half a step of its target."""
    return abs(step) / _UNIFORM


def total(parts: Mapping[str, float]) -> float:
    """Root of the sum of squares: the parts are independent."""
    return math.sqrt(sum(x * x for x in parts.values()))


def limits(parts: Mapping[str, float]) -> str:
    """Which parts make up the variance, the largest first: "limited by read noise (81 %), steps (15 %)"."""
    whole = total(parts) ** 2
    if not whole > 0.0:
        return ""
    shares = sorted(((x * x / whole, name) for name, x in parts.items() if x > 0.0), reverse=True)
    return "limited by " + ", ".join(f"{name} ({100 * s:.0f} %)" for s, name in shares if s >= 0.005)


def largest(parts: Mapping[str, float]) -> str:
    """The part that limits most, or "nothing in the model"."""
    return max(parts, key=lambda name: parts[name]) if total(parts) > 0.0 else "nothing in the model"
