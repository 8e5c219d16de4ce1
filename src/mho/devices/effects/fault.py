"""Stuck devices: a share of a population that does not answer to pulses."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number


class Stuck(eqx.Module):
    """A device that reads the same whatever is written: after forming, by a short, or by a break.

    Args:
        share_low: Share of the devices of an array that are stuck low [1].
        share_high: Share of the devices of an array that are stuck high [1].
        level_low: Where the low ones are stuck, from 0, the low end of the window, to 1, the high end [1].
        level_high: Where the high ones are stuck, on the same scale [1].
        which: This device: -1 is stuck low, 0 works, 1 is stuck high. :func:`mho.devices.effects.faulty` draws it [1].

    Raises:
        ParameterError: If a value is out of range, or the two shares are more than 1 together.
    """

    share_low: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    share_high: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    level_low: Number = quantity("1", low=0.0, high=1.0, default=0.0)
    level_high: Number = quantity("1", low=0.0, high=1.0, default=1.0)
    which: Number = quantity("1", low=-1.0, high=1.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        shares = (self.share_low, self.share_high)
        if all(isinstance(x, np.ndarray) for x in shares) and float((shares[0] + shares[1]).max()) > 1.0:
            raise ParameterError(
                f"Stuck.share_low ({float(shares[0].max()):.3g}) and share_high ({float(shares[1].max()):.3g}) "
                "are more than 1 together; lower one of them."
            )

    def stuck(self, g: Number, window: tuple[Number, Number]) -> Number:
        """Conductance [S] of a device that would be at `g` in `window` if it worked."""
        low, high = window
        at_low, at_high = low + self.level_low * (high - low), low + self.level_high * (high - low)
        return jnp.where(self.which < 0.0, at_low, jnp.where(self.which > 0.0, at_high, g))
