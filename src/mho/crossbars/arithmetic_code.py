r"""AN codes: whole weights times a number A, so that every right product is a multiple of A and errors show.

A product of integer weights coded as :math:`A w` is :math:`A\,(w x)`. An error e of a conversion or of a stuck slice
adds to it, and the *syndrome*, the rest of the division by A, is that of e alone. Errors of one digit, :math:`\pm 2^k`,
are corrected where all their syndromes differ; any other error is found unless it is a multiple of A.

Source: Feinberg, Wang and Ipek, Making memristive neural network accelerators reliable, HPCA 2018, for the use in
crossbars; the codes are those of Brown (1960) and Peterson.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mho.core.errors import ChipError


class Decoded(NamedTuple):
    """Products without their code, and what was found: ``right``, ``corrected`` or not (``wrong``), entry by entry."""

    values: np.ndarray
    corrected: np.ndarray
    wrong: np.ndarray


@dataclass(frozen=True)
class ANCode:
    """A code with the multiplier A.

    Args:
        a: The multiplier; odd and at least 3.
        digits: Places k of the errors that shall be corrected, from 0; 0 corrects nothing.
    """

    a: int
    digits: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.a, int) or self.a < 3 or self.a % 2 == 0:
            raise ChipError(f"ANCode.a is {self.a!r}; it must be an odd whole number of at least 3.")
        syndromes = [int(e % self.a) for e in self._errors()]
        if len(set(syndromes)) != len(syndromes) or 0 in syndromes:
            raise ChipError(
                f"ANCode with A = {self.a} cannot tell errors of {self.digits} digits apart. Take fewer digits, or a "
                "larger A of which the powers of 2 leave enough remainders, as 19, 37, 53 or 61."
            )

    def _errors(self) -> np.ndarray:
        places = 2 ** np.arange(self.digits, dtype=np.int64)
        return np.concatenate([places, -places])

    @property
    def overhead(self) -> float:
        """Bits more that a weight and a product need: log2 A."""
        return math.log2(self.a)

    @property
    def coverage(self) -> float:
        """Share of errors, equally likely whole numbers, that are found: 1 - 1/A [1]."""
        return 1.0 - 1.0 / self.a

    def encode(self, weights: np.ndarray) -> np.ndarray:
        """Whole weights times A."""
        return _whole(weights) * self.a

    def decode(self, products: np.ndarray) -> Decoded:
        """Products of coded weights: divided by A, with errors of one digit taken out."""
        found = _whole(np.round(np.asarray(products, np.float64)))
        syndrome = found % self.a
        table = np.zeros(self.a, np.int64)
        table[0] = 1  # no error: marked by itself, so that the sum below is 0
        known = np.zeros(self.a, bool)
        for e in self._errors():
            known[e % self.a], table[e % self.a] = True, e
        wrong = (syndrome != 0) & ~known[syndrome]
        corrected = known[syndrome]
        right = np.where(corrected, found - table[syndrome], found)
        return Decoded(np.round(right / self.a).astype(np.int64), corrected, wrong)


def _whole(values: np.ndarray) -> np.ndarray:
    found = np.asarray(values)
    rounded = np.round(found)
    if not np.all(np.isfinite(found)) or np.any(np.abs(found - rounded) > 1e-6):
        raise ChipError("An AN code holds whole numbers; round the weights to their levels first.")
    return rounded.astype(np.int64)
