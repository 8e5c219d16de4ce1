"""A matrix of weights on the cells of tiles: programmed, multiplied, grown old, calibrated and read back."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ChipError
from mho.crossbars.checksum import Checksum
from mho.crossbars.converters import AbstractConverter, check_range
from mho.crossbars.costs import Events, events
from mho.crossbars.device_array import Array
from mho.crossbars.encoding import AbstractEncoding, DifferentialPair, Window
from mho.crossbars.mapping import Grid, grid
from mho.crossbars.product import Product
from mho.crossbars.programming import Outcome
from mho.crossbars.repair import harm, remapped, survey
from mho.crossbars.response import Response, prepared
from mho.crossbars.scaling import Outside, scaled
from mho.crossbars.slices import Corrected
from mho.crossbars.tile import Tile
from mho.crossbars.wired import through
from mho.devices.device import Number, Pulse


class Matrix(eqx.Module):
    """A programmed matrix.

    Args:
        tile: The design of its tiles.
        window: Conductances that are used [S].
        array: The cells, (row blocks, column blocks, rows, words, cells of a word).
        wanted: Numbers between -1 and 1 that the words shall hold, (row blocks, column blocks, rows, words).
        target: Conductances that the cells were programmed to [S].
        places: Physical word of each logical one: weights, checks, reference; (column blocks, words).
        used: Which words of which rows carry something, (row blocks, column blocks, rows, words).
        product: The prepared product.
        clipped: Weights that were clipped to the scale.
    """

    tile: Tile
    window: Window = eqx.field(static=True)
    array: Array
    wanted: Number
    target: Number
    places: Number
    used: Number
    product: Product
    clipped: int = eqx.field(static=True, default=0)

    @property
    def grid(self) -> Grid:
        """How it is cut."""
        return self.product.grid

    def weights(self, *, key: jax.Array | None = None) -> Number:
        """Weights (outputs, inputs) that the cells hold now: the inverse of the mapping.

        Args:
            key: For a read with noise; without it the conductances themselves.
        """
        v = float(self.tile.inputs.v_read)
        g = self.array.conductance() if key is None else self.array.read(v, key=key) / v
        return self.gathered(self.tile.encoding.value(g, self.window)) * self.product.scale[:, None]

    def answering(self, *, key: jax.Array) -> Matrix:
        """The same with its product prepared anew from what the cells hold now."""
        response = _response(self.tile, self.array, self.places, self.used, self.window, key)
        return eqx.tree_at(lambda m: m.product.response, self, response)

    def after(self, duration: float, *, temperature: float | None = None, key: jax.Array) -> Matrix:
        """The matrix `duration` [s] later, kept at `temperature` [K]; products are those of that moment."""
        if not (np.isfinite(duration) and duration >= 0.0):
            raise ChipError(f"The time that passes is {duration} s; it must be finite and at least 0 s.")
        array = self.array.after(duration, temperature=temperature)
        return eqx.tree_at(lambda m: m.array, self, array).answering(key=key)

    def exposed(self, reads: float, *, key: jax.Array) -> Matrix:
        """The matrix after its cells have seen the read voltage of so many products; its product is the old one.

        Raises:
            ChipError: If the number of reads is none.
        """
        if not (np.isfinite(reads) and reads >= 0.0):
            raise ChipError(f"The number of reads is {reads}; it must be finite and at least 0.")
        inputs = self.tile.inputs
        time = reads * inputs.phases * float(inputs.duration)
        signs = (1.0, -1.0) if inputs.signs == "bipolar" else (1.0,)
        array = self.array
        for k, sign in enumerate(signs):
            pulse = Pulse(sign * float(inputs.v_read), time / len(signs))
            array = array.exposed(pulse, key=jax.random.fold_in(key, k))
        return eqx.tree_at(lambda m: m.array, self, array)

    def with_range(self, low: Any, high: Any) -> Matrix:
        """The same with a range of the converters [A].

        Raises:
            ChipError: If the range is empty.
        """
        check_range(low, high)
        given = tuple(np.asarray(x, jnp.result_type(float)) for x in (low, high))
        return eqx.tree_at(lambda m: (m.product.low, m.product.high), self, given)

    def refreshed(self, *, key: jax.Array) -> tuple[Matrix, Outcome]:
        """All cells programmed anew to their targets, as a refresh does."""
        of_program, of_response = jax.random.split(key)
        outcome = self.tile.programming.program(self.array, self.target, key=of_program, active=self.active())
        again = eqx.tree_at(lambda m: m.array, self, outcome.array)
        return again.answering(key=of_response), outcome

    def active(self) -> Number:
        """Which cells carry something."""
        return jnp.broadcast_to(jnp.asarray(self.used)[..., None], self.array.shape)

    @property
    def span(self) -> float:
        """Width of the window [S]."""
        return self.window[1] - self.window[0]

    def exact(self) -> Number:
        """Weights (outputs, inputs) that were asked for, clipped to the scale."""
        return self.gathered(self.wanted) * self.product.scale[:, None]

    def gathered(self, words: Number) -> Number:
        """Numbers of words, (row blocks, column blocks, rows, words), as a matrix (outputs, inputs)."""
        g = self.grid
        chosen = jnp.take_along_axis(words, jnp.asarray(self.places)[None, :, None, : g.words], axis=3)
        table = jnp.transpose(chosen, (1, 3, 0, 2)).reshape(g.column_blocks * g.words, g.row_blocks * g.rows)
        return table[: g.outputs, : g.inputs]

    def spread_out(self, table: np.ndarray) -> np.ndarray:
        """A matrix (outputs, inputs) as numbers of words where they lie; the inverse of `gathered`, zero elsewhere."""
        g, shape = self.grid, self.array.shape[:4]
        full = np.zeros((g.column_blocks * g.words, g.row_blocks * g.rows))
        full[: g.outputs, : g.inputs] = table
        blocks = full.reshape(g.column_blocks, g.words, g.row_blocks, g.rows).transpose(2, 0, 3, 1)
        words = np.zeros(shape)
        np.put_along_axis(words, np.asarray(self.places)[None, :, None, : g.words], blocks, axis=3)
        return words

    def events(self, turns: int = 1) -> Events:
        """How often things happen in the product of one vector."""
        tile = self.tile
        checks = 0 if tile.checks is None else tile.checks.words
        return events(
            self.grid,
            tile.inputs,
            lines=tile.encoding.lines,
            check_words=checks,
            lines_per_adc=tile.lines_per_adc,
            turns=turns,
        )

    def unregistered(self) -> Matrix:
        """The same without what registers hold: ranges of converters and inputs, gains and shifts."""
        product = self.product
        most, _ = _largest(product.response, self.tile.encoding, self.window)
        none = eqx.tree_at(lambda p: p.input_range, product, None, is_leaf=lambda x: x is None)
        plain = (-most, most, jnp.ones_like(product.gain), jnp.zeros_like(product.shift))
        return eqx.tree_at(
            lambda m: m.product, self, eqx.tree_at(lambda p: (p.low, p.high, p.gain, p.shift), none, plain)
        )


def programmed(
    tile: Tile, weights: Any, *, key: jax.Array, outside: Outside = "refuse"
) -> tuple[Matrix, tuple[Outcome, ...]]:
    """Weights (outputs, inputs) on fresh tiles; nothing else in this floor makes a matrix.

    Args:
        tile: The design of the tiles.
        weights: The matrix.
        key: JAX random key: for devices, programming, converters and the reads by which noise is told.
        outside: What happens to weights beyond the scale: ``"refuse"``, or ``"clip"`` and count.

    Returns:
        The matrix, and the outcome of each pass of programming.

    Raises:
        ChipError: If weights are not finite or lie outside, or the tile cannot hold them.
    """
    of_devices, of_survey, of_program, of_adc, of_response = jax.random.split(key, 5)
    found = scaled(weights, tile.scaling, outside)
    outputs, inputs = found.v.shape
    cut = grid(outputs, inputs, tile.rows, tile.words)
    window = tile.usable
    wanted, checks = _words(tile, cut, found.v)
    used = _used(tile, cut)
    target = _targets(tile.encoding, np.asarray(wanted, np.float32), window)
    spreads: Any = tile.spreads
    array = Array.of(
        tile.device,
        tuple(target.shape),
        *spreads,
        key=of_devices,
        correlation=tile.correlation,
        faults=tile.faults,
        temperature=float(tile.temperature),
    )
    places = _in_order(tile, cut)
    if tile.repair is not None:
        seen = survey(array, tile.programming, window, key=of_survey)
        array = seen.array
        target, wanted, places, used = _repaired(tile, cut, seen, target, wanted, used, window)
    active = np.broadcast_to(used[..., None], target.shape)
    outcomes, target = _written(tile, array, target, active, window, of_program)
    array = outcomes[-1].array
    response = _response(tile, array, places, used, window, of_response)
    product = _product(tile, cut, response, window, checks, found.scale, of_adc)
    matrix = Matrix(tile, window, array, np.asarray(wanted, np.float32), target, places, used, product, found.clipped)
    return matrix, outcomes


def _words(tile: Tile, cut: Grid, v: np.ndarray) -> tuple[np.ndarray, Checksum | None]:
    """Numbers of all words of all blocks: weights, checks, reference, spares."""
    full = np.zeros((cut.column_blocks * cut.words, cut.row_blocks * cut.rows))
    full[: v.shape[0], : v.shape[1]] = v
    blocks = full.reshape(cut.column_blocks, cut.words, cut.row_blocks, cut.rows).transpose(2, 0, 3, 1)
    parts, checks = [blocks], tile.checks
    if checks is not None:
        sums, checks = checks.weights(blocks)
        parts.append(sums)
    rest = tile.extra_words - (0 if checks is None else checks.words)
    parts.append(np.zeros((*blocks.shape[:3], rest)))
    return np.concatenate(parts, axis=-1), checks


def _used(tile: Tile, cut: Grid) -> np.ndarray:
    """Rows with an input, and words with a weight, a check or the reference."""
    total = cut.words + tile.extra_words
    used = np.zeros((cut.row_blocks, cut.column_blocks, cut.rows, total), bool)
    rows = np.arange(cut.row_blocks * cut.rows).reshape(cut.row_blocks, cut.rows) < cut.inputs
    outputs = np.arange(cut.column_blocks * cut.words).reshape(cut.column_blocks, cut.words) < cut.outputs
    used[..., : cut.words] = rows[:, None, :, None] & outputs[None, :, None, :]
    used[..., cut.words : total - tile.spares] = rows[:, None, :, None]
    return used


@eqx.filter_jit
def _targets(encoding: AbstractEncoding, wanted: Any, window: Window) -> Number:
    return encoding.targets(jnp.asarray(wanted, jnp.result_type(float)), window)


@eqx.filter_jit
def _made(adc: AbstractConverter, n: int, key: jax.Array) -> AbstractConverter:
    return adc.made(n, key=key)


@eqx.filter_jit
def _largest(response: Response, encoding: AbstractEncoding, window: Window) -> tuple[Number, Number]:
    """The largest current that can flow in a line [A], and the conductances of a word that holds zero [S]."""
    return jnp.max(jnp.sum(jnp.abs(response.a), axis=1)), encoding.zero(window)


def _in_order(tile: Tile, cut: Grid) -> np.ndarray:
    read = cut.words + tile.extra_words - tile.spares
    return np.broadcast_to(np.arange(read), (cut.column_blocks, read)).copy()


def _repaired(tile: Tile, cut: Grid, seen: Any, target: Any, wanted: Any, used: Any, window: Window) -> Any:
    """Targets, numbers, places and uses after the tile's repair."""
    assert tile.repair is not None
    places = _in_order(tile, cut)
    mended = tile.repair.targets(target, seen, tile.encoding, window)
    if not tile.spares or not tile.repair.remaps:
        return mended, wanted, places, used
    read = places.shape[1]
    harms = harm(mended, seen, tile.encoding, window, jnp.asarray(wanted, jnp.result_type(float))).sum(axis=0)
    wanted, used = np.array(wanted), np.array(used)
    for j in range(cut.column_blocks):
        places[j] = remapped(harms[j], read, tile.spares)
        moved = np.flatnonzero(places[j] != np.arange(read))
        for word in moved:
            wanted[:, j, :, places[j][word]] = wanted[:, j, :, word]
            used[:, j, :, places[j][word]] = used[:, j, :, word]
            used[:, j, :, word] = False
    target = _targets(tile.encoding, np.asarray(wanted, np.float32), window)
    return tile.repair.targets(target, seen, tile.encoding, window), wanted, places, used


def _written(tile: Tile, array: Array, target: Any, active: Any, window: Window, key: jax.Array) -> Any:
    """Outcomes of all passes: one, or one a digit where later digits correct earlier ones; and the last targets."""
    encoding = tile.encoding
    if not isinstance(encoding, DifferentialPair) or not isinstance(encoding.digits, Corrected):
        return (tile.programming.program(array, target, key=key, active=active),), target
    passes = encoding.digits.count
    digit = jnp.arange(encoding.cells) // (encoding.cells // passes)
    wanted = encoding.value(target, window)
    outcomes = []
    for s in range(passes):
        of_program, of_read = jax.random.split(jax.random.fold_in(key, s))
        if s:
            v = float(tile.inputs.v_read)
            read = array.read(v, key=of_read) / v
            known = jnp.where(digit < s, read, target)
            missing = (wanted - encoding.value(known, window)) / float(encoding.coefficients()[s])
            cells = encoding.cells_of(missing[..., None].repeat(passes, -1), window)
            target = jnp.where(digit == s, jnp.clip(cells, *window), target)
        outcomes.append(tile.programming.program(array, target, key=of_program, active=active & (digit == s)))
        array = outcomes[-1].array
    return tuple(outcomes), target


def _response(tile: Tile, array: Array, places: Any, used: Any, window: Window, key: jax.Array) -> Response:
    wired = None if tile.wires is None else through(tile.wires)
    return prepared(array, tile.encoding, tile.inputs, places, wired=wired, used=used, key=key)


def _product(
    tile: Tile, cut: Grid, response: Response, window: Window, checks: Any, scale: np.ndarray, key: jax.Array
) -> Product:
    v = float(tile.inputs.v_read)
    unit = v * (window[1] - window[0])
    kind = np.dtype(jnp.result_type(float))
    words = cut.words + (0 if checks is None else checks.words)
    converters = cut.row_blocks * cut.column_blocks * words * tile.encoding.lines
    most, zero = _largest(response, tile.encoding, window)
    return Product(
        cut,
        tile.encoding,
        tile.inputs,
        _made(tile.adc, converters, key),
        response,
        -np.asarray(most, kind),
        np.asarray(most, kind),
        np.asarray(unit, kind),
        np.asarray(zero, kind) * kind.type(v),
        np.asarray(scale, kind),
        np.ones(cut.outputs, kind),
        np.zeros(cut.outputs, kind),
        None,
        checks,
    )
