"""Effects laid over any device: drift, read noise, wear, faults. Composed in a `Specimen`, never built into a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx

EFFECTS: dict[str, type[eqx.Module]] = {}


def laid_over(device: Any, effects: Mapping[str, Any]) -> Any:
    """The device with the effects of its parameter set."""
    return device
