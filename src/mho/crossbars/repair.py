"""What can be done about cells that are stuck: a partner makes up for them, or a spare word takes their place."""

from __future__ import annotations

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ChipError
from mho.crossbars.device_array import Array
from mho.crossbars.encoding import AbstractEncoding, DifferentialPair, Window
from mho.crossbars.programming import AbstractProgramming
from mho.devices.device import Number

_MOVES = 0.5  # share of the window that a working cell goes between the two targets of a survey


class Survey(eqx.Module):
    """Which cells do not answer to programming, and where they stay.

    Args:
        stuck: Whether a cell is stuck, in the shape of the array.
        g: Conductance of each cell when it was last asked to be low [S].
        array: The array after the survey.
        pulses: Pulses that it took, of all cells together [1].
    """

    stuck: Number
    g: Number
    array: Array
    pulses: Number

    @property
    def count(self) -> int:
        """Stuck cells."""
        return int(np.sum(np.asarray(self.stuck)))


def survey(array: Array, programming: AbstractProgramming, window: Window, *, key: jax.Array) -> Survey:
    """Ask every cell to be high and then to be low; what moves by less than half the window is stuck."""
    up, down = jax.random.split(key)
    high = programming.program(array, jnp.full(array.shape, window[1]), key=up)
    low = programming.program(high.array, jnp.full(array.shape, window[0]), key=down)
    g = low.array.conductance()
    moved = high.array.conductance() - g
    stuck = ~(moved >= _MOVES * (window[1] - window[0]))
    return Survey(stuck, g, low.array, jnp.sum(high.pulses) + jnp.sum(low.pulses))


class AbstractRepair(eqx.Module):
    """Changes targets, or which words are used, once stuck cells are known."""

    @abc.abstractmethod
    def targets(self, target: Number, found: Survey, encoding: AbstractEncoding, window: Window) -> Number:
        """Targets [S] with the stuck cells taken into account."""

    @property
    @abc.abstractmethod
    def remaps(self) -> bool:
        """Whether spare words are used."""


class SpareWords(AbstractRepair):
    """The words that stuck cells harm most move to spare words."""

    def targets(self, target: Number, found: Survey, encoding: AbstractEncoding, window: Window) -> Number:
        """As they are."""
        return target

    @property
    def remaps(self) -> bool:
        """Yes."""
        return True


class Partner(AbstractRepair):
    """The other cell of a pair makes up for a stuck one as far as the window lets it; what is left goes to spares."""

    def targets(self, target: Number, found: Survey, encoding: AbstractEncoding, window: Window) -> Number:
        """Targets in which the difference of each pair with one stuck cell is kept."""
        if not isinstance(encoding, DifferentialPair):
            raise ChipError(
                f"{type(encoding).__name__} has no partner that could make up for a stuck cell. Use a DifferentialPair "
                "or SpareWords()."
            )
        sides = (*target.shape[:-1], encoding.cells // 2, 2)
        wanted, stuck, g = (x.reshape(sides) for x in (target, found.stuck, found.g))
        difference = wanted[..., 0] - wanted[..., 1]
        plus = jnp.where(stuck[..., 1], jnp.clip(g[..., 1] + difference, *window), wanted[..., 0])
        minus = jnp.where(stuck[..., 0], jnp.clip(g[..., 0] - difference, *window), wanted[..., 1])
        return jnp.stack([plus, minus], axis=-1).reshape(target.shape)

    @property
    def remaps(self) -> bool:
        """Yes, where there are spares."""
        return True


def harm(target: Number, found: Survey, encoding: AbstractEncoding, window: Window, wanted: Number) -> np.ndarray:
    """Squared error that stuck cells leave in each word, (row blocks, column blocks, words), in full weights.

    Args:
        target: Targets after repair [S].
        found: The survey.
        encoding: How a weight sits on cells.
        window: Conductances that are used [S].
        wanted: Numbers that the words shall hold, (row blocks, column blocks, rows, words).
    """
    shown = jnp.where(found.stuck, found.g, target)
    error = encoding.value(shown, window) - wanted
    some = jnp.any(found.stuck, axis=-1)
    return np.asarray(jnp.sum(jnp.where(some, error * error, 0.0), axis=2))


def remapped(harms: np.ndarray, data: int, spares: int) -> np.ndarray:
    """Physical word of each of the `data` words of a block; the worst ones go to spares that stuck cells harm less.

    Args:
        harms: Of each physical word of one block of columns, spares last, for the word that would move there: (data
            words + spares,), where a spare's harm is that of its stuck cells for a word of average weights.
        data: Words that are needed.
        spares: Words that are free.
    """
    places = np.arange(data)
    free = sorted(range(data, data + spares), key=lambda w: harms[w])
    for word in sorted(range(data), key=lambda w: -harms[w]):
        if not free or harms[free[0]] >= harms[word]:
            break
        places[word] = free.pop(0)
    return places
