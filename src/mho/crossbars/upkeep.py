r"""Upkeep: a chip is looked at from time to time, and cared for where its products have moved too far.

At each visit the vectors that were remembered are multiplied again; the deviation of a matrix is

.. math:: \delta = \frac{\lVert Y(t) - Y_0 \rVert}{\lVert Y_0 \rVert},

with :math:`Y_0` the products right after programming. A matrix whose deviation is above the limit is programmed anew
(``"refresh"``) or has its outputs corrected (``"global"``, ``"output"``, ``"affine"``). Looking, correcting and
programming are all booked.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, get_args

import equinox as eqx
import jax
import numpy as np

from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.crossbars.calibration import Drift
from mho.crossbars.chip import Chip
from mho.devices.device import Number

How = Literal["refresh", Drift]


class Upkeep(eqx.Module):
    """A policy.

    Args:
        every: Time between visits [s].
        limit: Deviation above which something is done; 0 for at every visit [1].
        how: What is done.
    """

    every: Number = quantity("s", positive=True)
    limit: Number = quantity("1", low=0.0, default=0.0)
    how: How = eqx.field(static=True, default="refresh")

    def __check_init__(self) -> None:
        check_ranges(self)
        if self.how not in get_args(How):
            raise ChipError(f"Upkeep.how is {self.how!r}; it must be one of {', '.join(get_args(How))}.")


class Visit(NamedTuple):
    """What a visit found and did.

    Args:
        age: Of the chip [s].
        matrix: Which was looked at.
        found: Its deviation before [1].
        left: Its deviation after; that before, where nothing was done [1].
        acted: Whether something was done.
    """

    age: float
    matrix: str
    found: float
    left: float
    acted: bool


def deviation(chip: Chip, *, key: jax.Array, matrix: str, repeats: int = 1) -> tuple[float, Chip]:
    """Deviation of a matrix's products from those remembered [1], and the chip with the products booked.

    Raises:
        ChipError: If nothing is remembered of the matrix.
    """
    now, first, chip = chip.recalled(key=key, matrix=matrix, repeats=repeats)
    norm = float(np.linalg.norm(first))
    return float(np.linalg.norm(now - first)) / norm if norm else math.nan, chip


def kept(chip: Chip, duration: float, policy: Upkeep, *, key: jax.Array, **how: Any) -> tuple[Chip, tuple[Visit, ...]]:
    """The chip `duration` [s] later with its upkeep, and what each visit found.

    Args:
        chip: A chip whose matrices are remembered (see :meth:`Chip.remember`).
        duration: Time [s]; the last visit is at its end where it falls there.
        policy: When, and what.
        key: JAX random key.
        **how: `temperature` of the time between visits [K].

    Raises:
        ChipError: If a matrix is not remembered, or the duration is no time.

    Limits: a refresh takes its own time, which is booked and not added to the chip's age.
    """
    if not (math.isfinite(duration) and duration >= 0.0):
        raise ChipError(f"The time that passes is {duration} s; it must be finite and at least 0 s.")
    every = float(policy.every)
    visits: list[Visit] = []
    rounds = int(duration / every * (1.0 + 1e-12))
    for k in range(rounds):
        of_time, of_visit = jax.random.split(jax.random.fold_in(key, k))
        chip = chip.advance(every, key=of_time, **how)
        for n, name in enumerate(chip.matrices):
            visit, chip = _visited(chip, name, policy, jax.random.fold_in(of_visit, n))
            visits.append(visit)
    rest = duration - rounds * every
    if rest > 1e-9 * every:
        chip = chip.advance(rest, key=jax.random.fold_in(key, rounds), **how)
    return chip, tuple(visits)


def _visited(chip: Chip, name: str, policy: Upkeep, key: jax.Array) -> tuple[Visit, Chip]:
    before, act, after = jax.random.split(key, 3)
    found, chip = deviation(chip, key=before, matrix=name)
    if found <= float(policy.limit):
        return Visit(float(chip.age), name, found, found, False), chip
    if policy.how == "refresh":
        chip, _ = chip.refresh(key=act, matrix=name)
    else:
        chip = chip.compensate(policy.how, key=act, matrix=name)
    left, chip = deviation(chip, key=after, matrix=name)
    return Visit(float(chip.age), name, found, left, True), chip
