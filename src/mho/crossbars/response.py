r"""What the lines of arrays answer to a drive of the rows, prepared so that a product is one matrix multiplication.

.. math:: I_l(u) = \sum_r \sum_p a_{p,r,l}\,\phi_p(u_r), \qquad
          \mathrm{var}\,I_l = \sum_r s_{r,l}\,u_r^2, \qquad P = \sum_r P_r\,u_r^2

u is the drive relative to the read voltage. An ohmic drive, which only ever applies that voltage, needs one function,
u, or two where cells conduct differently either way; a drive by amplitude needs powers of u, as many as the cells'
curve asks for. The noise of a line is the sum of its cells', each drawn anew at each read: a normal number of that
variance is the same in distribution as a draw for each cell, and a thousand times cheaper.
"""

from __future__ import annotations

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ChipError
from mho.crossbars.device_array import Array, normal_like
from mho.crossbars.encoding import AbstractEncoding
from mho.crossbars.inputs import AbstractInput
from mho.devices.device import Number

_STRAIGHT = 1e-5  # relative bend below which a curve counts as straight: rounding of single precision
_DEGREES = (2, 3, 5, 7)
_BEND = 1e-3  # largest error of a curve's powers, as a share of the current at the read voltage
_FLOOR = 1e-9  # share of the largest current below which a cell's bend does not matter


class Response(eqx.Module):
    """The prepared answer; blocks of rows come first, and the lines of all blocks of columns side by side.

    Args:
        basis: ``"ohmic"``, ``"halves"`` or a number of powers of u.
        a: Currents [A], shape (row blocks, functions * rows, lines).
        variance: Of the read noise at u = 1 [A^2], shape (row blocks, rows, lines), or None without noise.
        power: Drawn from the drivers of the rows at u = 1 [W], shape (row blocks, rows).
        bend: Largest error of the powers of u, as a share of the current at the read voltage [1].
    """

    basis: str | int = eqx.field(static=True)
    a: Number
    variance: Number | None
    power: Number
    bend: float = eqx.field(static=True, default=0.0)

    def functions(self, u: Number) -> Number:
        """What the rows contribute: (..., rows) to (..., functions * rows)."""
        if self.basis == "ohmic":
            return u
        if self.basis == "halves":
            return jnp.concatenate([jnp.maximum(u, 0.0), jnp.maximum(-u, 0.0)], axis=-1)
        powers = [u]
        for _ in range(int(self.basis) - 1):
            powers.append(powers[-1] * u)
        return jnp.concatenate(powers, axis=-1)

    def currents(self, u: Number, *, key: jax.Array | None = None) -> Number:
        """Currents of the lines [A], (row blocks, n, lines), for drives u (row blocks, n, rows); noisy with a key."""
        i = _product(self.functions(u), self.a)
        if key is None or self.variance is None:
            return i
        variance = _product(u * u, self.variance)
        some = variance > 0.0  # the root has no finite gradient at 0
        sigma = jnp.where(some, jnp.sqrt(jnp.where(some, variance, 1.0)), 0.0)
        return i + sigma * normal_like(key, i)

    def drawn(self, u: Number) -> Number:
        """Power [W] from the drivers, (row blocks, n)."""
        return jnp.einsum("bnr,br->bn", u * u, self.power)


def _product(u: Number, a: Number) -> Number:
    """Block by block; one block is a plain matrix product."""
    return (u[0] @ a[0])[None] if jnp.shape(a)[0] == 1 else jnp.einsum("bnr,brl->bnl", u, a)


def prepared(
    array: Array,
    encoding: AbstractEncoding,
    drive: AbstractInput,
    words: Any,
    *,
    wired: Any = None,
    used: Any = None,
    key: jax.Array,
) -> Response:
    """The response of arrays of shape (row blocks, column blocks, rows, words, cells).

    Args:
        array: The cells.
        encoding: Which cells of a weight share a line.
        drive: How the rows are driven.
        words: Words of each block of columns that are read, (column blocks, words read).
        wired: Makes of the cells' conductances [S] those that the lines show through the wires, block by block. Read
            noise is scaled with them, cell by cell: exact where wires weaken a cell by a factor of its own.
        used: Which rows and words carry weights, (row blocks, column blocks, rows, words); the others are not driven.
        key: For the reads by which the noise is told.

    Raises:
        ChipError: If the current-voltage curve of the cells needs more powers than there are, or bends under wires.
    """
    v = float(drive.v_read)
    basis, curves, bend = _curves(array, drive)
    if wired is not None:
        if basis != "ohmic":
            raise ChipError(
                "The cells' currents are not in proportion to voltage, and the effective conductances of wires hold "
                "for proportional cells alone. Drive by PulseWidth() or BitSerial(), or solve the array for each input."
            )
        shown = wired(curves[0] / v) * v
        share = jnp.where(curves[0] != 0.0, shown / jnp.where(curves[0] != 0.0, curves[0], 1.0), 0.0)
        curves = (shown,)
    else:
        share = jnp.ones(())
    variance = array.noise(v, rows=array.shape[2], key=key)
    whole = np.ones(array.shape[:4], bool) if used is None else used
    a, variance, power = _assembled(encoding, np.asarray(words), curves, variance, share, jnp.asarray(v), whole)
    noisy = bool(np.any(np.asarray(variance) > 0.0))
    return Response(basis, a, variance if noisy else None, power, bend)


@eqx.filter_jit
def _assembled(
    encoding: AbstractEncoding,
    words: Any,
    curves: tuple[Number, ...],
    variance: Number,
    share: Number,
    v: Any,
    used: Any,
) -> tuple[Number, Number, Number]:
    """Currents and variances of the lines, and power of the rows."""
    take = functools.partial(_lines, encoding=encoding, words=words)
    a = jnp.concatenate([take(c) for c in curves], axis=1)
    drawn = jnp.where(used[..., None], jnp.abs(sum(curves[1:], start=curves[0])) * v, 0.0)
    return a, take(variance * share * share, squared=True), jnp.sum(drawn, axis=(1, 3, 4))


def _lines(per_cell: Number, *, encoding: AbstractEncoding, words: Number, squared: bool = False) -> Number:
    """(row blocks, column blocks, rows, words, cells) to (row blocks, rows, all lines)."""
    read = jnp.take_along_axis(per_cell, words[None, :, None, :, None], axis=3)
    folded = encoding.folded(read, squared=squared)
    turned = jnp.moveaxis(folded, 1, 2)
    return turned.reshape(*turned.shape[:2], -1)


def _curves(array: Array, drive: AbstractInput) -> tuple[str | int, tuple[Number, ...], float]:
    """Functions of u, and for each the current [A] that a cell adds per unit of it; and the largest error."""
    v = float(drive.v_read)
    places = np.asarray([-1.0, 1.0]) if drive.ohmic else np.linspace(-1.0, 1.0, 9)[[0, 1, 2, 3, 5, 6, 7, 8]]
    if drive.signs != "bipolar":
        places = np.asarray([1.0]) if drive.ohmic else np.linspace(0.0, 1.0, 9)[1:]
    seen = array.currents(places * v)
    forward = seen[-1]
    stacked = np.asarray(seen, np.float64)
    size = np.abs(stacked[-1])
    floor = _FLOOR * size.max()
    bent = np.abs(stacked - np.multiply.outer(places, stacked[-1]))
    if np.all(bent <= _STRAIGHT * size + floor):
        return "ohmic", (forward,), 0.0
    if drive.ohmic:
        return "halves", (forward, seen[0]), 0.0
    scale = np.maximum(size, 1e3 * floor)
    for degree in _DEGREES:
        powers = np.stack([places ** (p + 1) for p in range(degree)], axis=1)
        solution = np.tensordot(np.linalg.pinv(powers), stacked, axes=1)
        bend = float(np.max(np.abs(np.tensordot(powers, solution, axes=1) - stacked) / scale))
        if bend <= _BEND:
            return degree, tuple(jnp.asarray(c, forward.dtype) for c in solution), bend
    raise ChipError(
        f"The current-voltage curve of the cells up to {v:.3g} V is not followed by {_DEGREES[-1]} powers of the "
        f"voltage (error {bend:.2g} of the current). Lower v_read, or drive by PulseWidth() or BitSerial()."
    )
