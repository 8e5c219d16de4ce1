"""How much of something is tolerated: where a figure that falls with it first passes what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def tolerated(amount: Sequence[float] | Any, figure: Sequence[float] | Any, floor: float) -> float | None:
    """Amount at which `figure` first falls below `floor`, on a line between two points; None where it never does.

    Args:
        amount: Of what is tolerated, ascending, shape (n,).
        figure: At each amount, shape (n,).
        floor: Least figure that is allowed.
    """
    amount, figure = np.asarray(amount, np.float64), np.asarray(figure, np.float64)
    below = np.flatnonzero(figure < floor)
    if not below.size:
        return None
    k = int(below[0])
    if k == 0:
        return float(amount[0])
    share = (figure[k - 1] - floor) / (figure[k - 1] - figure[k])
    return float(amount[k - 1] + share * (amount[k] - amount[k - 1]))
