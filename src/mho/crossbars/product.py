r"""The product of a programmed matrix with vectors, as the hardware forms it: drives, currents, codes, sums.

.. math:: y = s_x\,s_w \Big(\sum_{phases} n_p \sum_{lines} c_l \sum_{row\ blocks}
              \mathrm{ADC}[I_l(u_p) - I_{zero}(u_p)] / (v_{read}\,(G_{high} - G_{low}))\Big)\cdot gain + shift
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ChipError
from mho.crossbars.checksum import Checksum, Verdict
from mho.crossbars.converters import AbstractConverter, digitise
from mho.crossbars.encoding import AbstractEncoding
from mho.crossbars.inputs import AbstractInput
from mho.crossbars.mapping import Grid
from mho.crossbars.response import Response
from mho.devices.device import Number

_LEAST = 1e-30  # scale of an input that is all zeros


class Formed(NamedTuple):
    """A product, what it took from the drivers [J], and what the checks say of it (None without checks)."""

    y: Number
    energy: Number
    verdict: Verdict | None


class Product(eqx.Module):
    """All that a product needs, and nothing else; pure, and differentiable with respect to x.

    Args:
        grid: How the matrix is cut.
        encoding: How a weight sits on lines.
        drive: How a number drives a row.
        adc: The converters, one for all lines or one for each.
        response: What lines answer to drives.
        low: Lower end of the converters' range [A], (), or one a line: (row blocks, all lines).
        high: Upper end [A].
        unit: Current of one cell at the full weight and the full drive [A].
        zero: Current of each line of a word that holds zero, at the full drive of one row [A], (lines,).
        scale: Of each output's weights, (outputs,).
        gain: Correction of each output [1].
        shift: Correction of each output, in units of y over the scales.
        input_range: Input that drives fully; None for the largest magnitude of each vector.
        checks: Check words, or None.
    """

    grid: Grid = eqx.field(static=True)
    encoding: AbstractEncoding
    drive: AbstractInput
    adc: AbstractConverter
    response: Response
    low: Number
    high: Number
    unit: Number
    zero: Number
    scale: Number
    gain: Number
    shift: Number
    input_range: Number | None = None
    checks: Checksum | None = None

    @property
    def words(self) -> int:
        """Words of a block that are converted: of weights, and of checks."""
        return self.grid.words + (0 if self.checks is None else self.checks.words)

    def scaled(self, x: Number) -> tuple[Number, Number]:
        """Inputs (n, inputs) between -1 and 1, unless they exceed a given range, and the scale of each vector (n,)."""
        if self.input_range is not None:
            scale = jnp.broadcast_to(jnp.asarray(self.input_range, x.dtype), x.shape[:1])
        else:
            scale = lax.stop_gradient(jnp.maximum(jnp.max(jnp.abs(x), axis=1), _LEAST))
        return x / scale[:, None], scale

    def driven(self, x: Number) -> Number:
        """Drives of the rows, (row blocks, phases, n, rows), for scaled inputs (n, inputs)."""
        g = self.grid
        full = jnp.pad(x, ((0, 0), (0, g.row_blocks * g.rows - g.inputs)))
        u = self.drive.drive(full).u
        return jnp.moveaxis(u.reshape(*u.shape[:2], g.row_blocks, g.rows), 2, 0)

    def currents(self, u: Number, *, key: jax.Array | None) -> Number:
        """Currents before the converters [A], (row blocks, phases, n, column blocks, words, lines)."""
        rows, phases, n, _ = u.shape
        i = self.response.currents(u.reshape(rows, phases * n, -1), key=key)
        column = self.encoding.reference == "column"
        i = i.reshape(rows, phases, n, self.grid.column_blocks, self.words + column, self.encoding.lines)
        return i[..., :-1, :] - i[..., -1:, :] if column else i

    def converted(self, i: Number, *, key: jax.Array) -> Number:
        """The same after the converters."""
        rows, phases, n = i.shape[:3]
        flat = jnp.moveaxis(i.reshape(rows, phases * n, -1), 0, 1)
        low, high = (jnp.broadcast_to(x, flat.shape[1:]).reshape(-1) if jnp.ndim(x) else x for x in self._range())
        codes = digitise(self.adc, flat.reshape(phases * n, -1), low, high, key=key)
        return jnp.moveaxis(codes.reshape(flat.shape), 1, 0).reshape(i.shape)

    def _range(self) -> tuple[Number, Number]:
        return jnp.asarray(self.low), jnp.asarray(self.high)

    def summed(self, i: Number, u: Number) -> Number:
        """Digital part: (row blocks, phases, n, column blocks, words, lines) to words (n, column blocks, words)."""
        counts, c = self._phase_counts(i.dtype), jnp.asarray(self.encoding.line_coefficients(), i.dtype)
        i = i / self.unit
        if self.encoding.reference == "digital":
            total = jnp.sum(u, axis=-1)
            i = i - total[..., None, None, None] * (self.zero / self.unit)
        if i.shape[1] == 1 and i.shape[-1] == 1:  # a sum of one needs no pass over the numbers
            return jnp.sum(i[:, 0, ..., 0], axis=0) * (counts[0] * c[0])
        return jnp.einsum("bpnjwl,p,l->njw", i, counts, c)

    def _phase_counts(self, kind: Any) -> Number:
        """What each phase counts; known from any drive."""
        counts = jax.eval_shape(lambda x: self.drive.drive(x).u, jax.ShapeDtypeStruct((1,), kind))
        assert counts.shape[0] == self.drive.phases
        return jnp.asarray(self.drive.drive(jnp.zeros((1,), kind)).counts, kind)

    def outputs(self, words: Number) -> tuple[Number, Verdict | None]:
        """Weights' words (n, outputs), corrected where checks can, and the checks' verdict."""
        verdict = None
        if self.checks is not None:
            words, verdict = self.checks.checked(words)
        flat = words.reshape(words.shape[0], -1)[:, : self.grid.outputs]
        return flat, verdict

    def __call__(self, x: Number, *, key: jax.Array) -> Formed:
        """Products of vectors x (n, inputs): y (n, outputs), the energy of the drivers' currents [J], the verdict."""
        of_noise, of_adc = jax.random.split(key)
        numbers, scale = self.scaled(x)
        u = self.driven(numbers)
        i = self.converted(self.currents(u, key=of_noise), key=of_adc)
        z, verdict = self.outputs(self.summed(i, u))
        y = (z * self.gain + self.shift) * (scale[:, None] * self.scale)
        return Formed(y, self.spent(u), verdict)

    def ideal(self, x: Number) -> Number:
        """The same without read noise, converters and checks: what the conductances alone say."""
        numbers, scale = self.scaled(x)
        u = self.driven(numbers)
        words = self.summed(self.currents(u, key=None), u)[..., : self.grid.words]
        z = words.reshape(words.shape[0], -1)[:, : self.grid.outputs]
        return (z * self.gain + self.shift) * (scale[:, None] * self.scale)

    def spent(self, u: Number) -> Number:
        """Energy that the drivers give to the cells [J], of all vectors together."""
        power = self.response.power
        share = jnp.abs(u) if self.drive.ohmic else u * u
        return jnp.sum(jnp.einsum("bpnr,br->", share, power)) * self.drive.duration


def checked_vectors(x: Any, inputs: int, signs: str) -> tuple[Number, tuple[int, ...]]:
    """Vectors (n, inputs) in single precision, and the leading shape that they came in.

    Raises:
        ChipError: If the last axis has another length, or a concrete input is not finite, or negative where it cannot
        be.
    """
    shape = np.shape(x)
    if not shape or shape[-1] != inputs:
        raise ChipError(f"The input has shape {shape}; its last axis must be the {inputs} inputs of the matrix.")
    if isinstance(x, np.ndarray | list | tuple | float):
        found = np.asarray(x)
        if not np.all(np.isfinite(found)):
            where = np.argwhere(~np.isfinite(found))[0]
            raise ChipError(f"Input {where.tolist()} is {found[tuple(where)]}; inputs must be finite.")
        if signs == "positive" and np.any(found < 0.0):
            raise ChipError(
                f"The smallest input is {found.min():.4g}, and the rows are driven by positive numbers alone. Drive "
                "them "
                'with signs="bipolar" or "two phases", or shift the inputs.'
            )
    kind = jnp.result_type(float)
    return jnp.asarray(x, kind).reshape(-1, inputs), tuple(shape[:-1])
