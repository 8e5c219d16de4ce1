"""Populations in which some devices are stuck, and each fails at a time of its own."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.core import random
from mho.core.errors import ParameterError
from mho.core.sampling import batch_size
from mho.devices.effects.fault import Stuck
from mho.devices.effects.overlay import Overlay
from mho.devices.effects.specimen import ProgrammedSpecimen, Specimen, with_overlay
from mho.devices.effects.wear import WeibullEndurance


def faulty(
    device: Any, share_low: float | None = None, share_high: float | None = None, *, n: int, key: jax.Array
) -> Specimen | ProgrammedSpecimen:
    """A population of which drawn devices are stuck; the others are as they were.

    Args:
        device: A device or a specimen; one, or a population of `n`.
        share_low: Probability of being stuck low; without it that of the specimen's own fault.
        share_high: Probability of being stuck high; without it that of the specimen's own fault.
        n: Number of devices.
        key: JAX random key; one key gives one population.

    Raises:
        ParameterError: If `n` does not fit the device, or the shares are out of range.
    """
    _check_size(device, n)
    whole = device if isinstance(device, Specimen | ProgrammedSpecimen) else with_overlay(device, Overlay())
    fault = whole.overlay.fault if whole.overlay.fault is not None else Stuck()
    low = fault.share_low if share_low is None else share_low
    high = fault.share_high if share_high is None else share_high
    u = np.asarray(random.uniform(key, (n,)), np.float64)
    which = np.where(u < low, -1.0, np.where(u > 1.0 - np.asarray(high), 1.0, 0.0))
    fault = Stuck(low, high, fault.level_low, fault.level_high, which)
    return eqx.tree_at(lambda s: s.overlay.fault, whole, fault, is_leaf=lambda x: x is None)


def fated(device: Specimen, *, n: int, key: jax.Array) -> Specimen:
    """A population in which every device fails after a number of cycles of its own.

    Raises:
        ParameterError: If the specimen has no Weibull endurance, or `n` does not fit it.
    """
    _check_size(device, n)
    wear = device.overlay.wear if isinstance(device, Specimen) else ()
    if not any(isinstance(w, WeibullEndurance) for w in wear):
        raise ParameterError("The device has no Weibull endurance to draw from. Lay a 'weibull' effect over it first.")
    drawn = []
    for k, w in enumerate(wear):
        if isinstance(w, WeibullEndurance):
            quantile = np.asarray(random.uniform(jax.random.fold_in(key, k), (n,)), np.float64)
            drawn.append(WeibullEndurance(w.n_63, w.beta, quantile, w.level))
        else:
            drawn.append(w)
    return eqx.tree_at(lambda s: s.overlay.wear, device, tuple(drawn))


def _check_size(device: Any, n: int) -> None:
    size = batch_size(device)
    if n < 1 or size not in (None, n):
        raise ParameterError(f"n is {n}; it must be at least 1{'' if size is None else f' and, here, {size}'}.")
