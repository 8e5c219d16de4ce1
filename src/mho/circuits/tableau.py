"""One-step implicit methods: an explicit first stage, then implicit ones with one diagonal; stiffly accurate."""

from __future__ import annotations

import enum
from typing import NamedTuple

import numpy as np


class Method(enum.Enum):
    """How time is stepped."""

    TR_BDF2 = "tr-bdf2"
    """Trapezoid then BDF2, second order, L-stable: the default."""
    ESDIRK3 = "esdirk3"
    """Kvaerno's four-stage method, third order, L-stable: for tolerances below 3e-4 and for sensitivities."""


class Tableau(NamedTuple):
    """Coefficients of a method.

    Args:
        a: Stage weights, lower triangular; the last row is the step itself.
        c: Stage times.
        e: Weights of the error estimate.
        gamma: The common diagonal.
        filtered: Whether the estimate is filtered by the stage matrix (else it may overrate stiff parts).
    """

    a: np.ndarray
    c: np.ndarray
    e: np.ndarray
    gamma: float
    filtered: bool


def tableau(method: Method) -> Tableau:
    """Coefficients of a method.

    Source: TR-BDF2 as a Runge-Kutta method with its estimate: Hosea and Shampine, Appl. Numer. Math. 20, 21 (1996);
    ESDIRK3: Kvaerno, BIT 44, 489 (2004), method 3(2)4.
    """
    if method is Method.TR_BDF2:
        d, w = 1 - np.sqrt(0.5), np.sqrt(2) / 4
        a = np.array([[0, 0, 0], [d, d, 0], [w, w, d]])
        embedded = np.array([(1 - w) / 3, (3 * w + 1) / 3, d / 3])
        return Tableau(a, a.sum(1), a[-1] - embedded, d, True)
    g = 0.4358665215084590
    a = np.array(
        [
            [0, 0, 0, 0],
            [g, g, 0, 0],
            [(-4 * g * g + 6 * g - 1) / (4 * g), (1 - 2 * g) / (4 * g), g, 0],
            [(6 * g - 1) / (12 * g), -1 / ((24 * g - 12) * g), (-6 * g * g + 6 * g - 1) / (6 * g - 3), g],
        ]
    )
    return Tableau(a, a.sum(1), a[3] - a[2], g, False)
