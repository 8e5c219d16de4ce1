r"""Checks of an analog product by arithmetic: words whose weights are sums of the other words' weights.

With z the words of a block, one check word says :math:`\sum_j z_j`, and a second one :math:`\sum_j (j+1) z_j`. The
differences of what is computed to what is read,

.. math:: s_1 = \sum_j z_j - z_{c1}, \qquad s_2 = \sum_j (j+1)\,z_j - z_{c2},

are zero but for noise. A word j that is wrong by e gives :math:`s_1 = e` and :math:`s_2 = (j+1) e`: it is found and
corrected. One check word detects, two correct one wrong word of a block.

Source: checksums in the manner of algorithm-based fault tolerance, Huang and Abraham, IEEE Trans. Comput. C-33, 518
(1984).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number


class Verdict(NamedTuple):
    """What the checks say of each vector and block of columns, (n, column blocks): found wrong, corrected, syndrome."""

    wrong: Number
    corrected: Number
    syndrome: Number


class Checksum(eqx.Module):
    """Check words of each block of columns.

    Args:
        words: 1 to detect, 2 to correct one word.
        threshold: Syndrome above which a product counts as wrong, in units of a full weight times a full input; what
            noise, programming errors and the converters leave must lie below it (`calibrated`) [1].
        size: By what the check words' weights are divided so that they fit, (row blocks, column blocks, words);
            `weights` says it.
    """

    words: int = eqx.field(static=True, default=2)
    threshold: Number = quantity("1", low=0.0, default=1.0)
    size: Any = None

    def __check_init__(self) -> None:
        check_ranges(self)
        if self.words not in (1, 2):
            raise ChipError(f"Checksum.words is {self.words!r}; it must be 1, to detect, or 2, to correct one word.")

    def factors(self, words: int) -> np.ndarray:
        """What each data word counts in each check, (checks, words)."""
        return np.stack([np.ones(words), np.arange(1.0, words + 1.0)])[: self.words]

    def weights(self, v: np.ndarray) -> tuple[np.ndarray, Checksum]:
        """Check words for weights v (row blocks, column blocks, rows, words), each divided by its size to fit.

        The size is the same for all blocks of rows, so that their sums can be added before they are checked.
        """
        sums = np.einsum("ijrw,cw->ijrc", v, self.factors(v.shape[-1]))
        size = np.maximum(np.max(np.abs(sums), axis=(0, 2)), 1e-12)  # (column blocks, checks)
        return sums / size[None, :, None, :], Checksum(self.words, self.threshold, jnp.asarray(size, jnp.float32))

    def syndromes(self, words: Number) -> Number:
        """Computed minus read, (n, column blocks, checks), of words (n, column blocks, weights and checks)."""
        data, read = words[..., : -self.words], words[..., -self.words :]
        factors = jnp.asarray(self.factors(data.shape[-1]), words.dtype)
        return jnp.einsum("njw,cw->njc", data, factors) - read * self.size

    def checked(self, words: Number) -> tuple[Number, Verdict]:
        """Data words, corrected where two checks agree on one word, and the verdict."""
        data = words[..., : -self.words]
        s = self.syndromes(words)
        wrong = jnp.abs(s[..., 0]) > self.threshold
        if self.words == 1:
            return data, Verdict(wrong, jnp.zeros_like(wrong), s[..., 0])
        place = s[..., 1] / jnp.where(s[..., 0] == 0.0, 1.0, s[..., 0]) - 1.0
        nearest = jnp.round(place)
        one = wrong & (nearest >= 0.0) & (nearest < data.shape[-1]) & (jnp.abs(place - nearest) < 0.5)
        hit = jnp.arange(data.shape[-1]) == nearest[..., None].astype(jnp.int32)
        data = data - jnp.where(hit & one[..., None], s[..., :1], 0.0)
        return data, Verdict(wrong, one, s[..., 0])

    def overhead(self, words: int) -> float:
        """Columns and conversions more, as a share of those of the data [1]."""
        return self.words / words
