"""Where signals come into a network and leave it."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array


class Input(eqx.Module):
    """An input.

    Args:
        shape: Of one step's signals; None: whatever comes.
    """

    shape: tuple[int, ...] | None = eqx.field(static=True, default=None)

    def __call__(self, x: Array) -> Array:
        """The signals."""
        return x


class Output(eqx.Module):
    """An output.

    Args:
        shape: Of one step's signals; None: whatever comes.
    """

    shape: tuple[int, ...] | None = eqx.field(static=True, default=None)

    def __call__(self, x: Array) -> Array:
        """The signals."""
        return x
