r"""Weights that change in place: wanted changes become pulses, without a read.

A cell whose conductance shall change by :math:`\Delta G` gets the whole number of pulses nearest to
:math:`|\Delta G|/\Delta G_{pulse}`, rounded up or down at random in proportion, at most a given number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax

from mho.core import random
from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.crossbars.device_array import Array
from mho.crossbars.encoding import AbstractEncoding, DifferentialPair, SingleCell
from mho.devices.device import AbstractDevice, Number, Pulse
from mho.devices.ecram import ECRAM


class PulseUpdate(eqx.Module):
    """How a change of weights becomes pulses.

    Args:
        up: The pulse that raises conductance.
        down: The pulse that lowers it; None where cells only rise, so that a pair changes sign by its other cell.
        step: Change of conductance that one pulse is taken to make [S].
        most: Most pulses of one update.
    """

    up: Pulse
    down: Pulse | None
    step: Number = quantity("S", positive=True)
    most: int = eqx.field(static=True, default=31)

    def __check_init__(self) -> None:
        check_ranges(self)
        if self.most < 1:
            raise ChipError(f"PulseUpdate.most is {self.most}; it must be at least 1.")


def changes(encoding: AbstractEncoding, v: Number, span: float, how: PulseUpdate) -> Number:
    """Wanted change of conductance [S] of each cell, (..., cells), for changes `v` of numbers between -1 and 1.

    Raises:
        ChipError: If the encoding has more than one digit, which an update without a read cannot carry over.
    """
    if encoding.digits_per_weight != 1:
        raise ChipError(
            f"{type(encoding).__name__} has {encoding.digits_per_weight} digits a weight; an update in place changes "
            "one. Use one digit, or program the new weights."
        )
    g = v[..., None] * span / float(encoding.coefficients()[0])
    if isinstance(encoding, SingleCell):
        if how.down is None:
            raise ChipError("A single cell that only rises cannot lose weight. Give a pulse that lowers, or use pairs.")
        return jnp.broadcast_to(g, (*v.shape, encoding.copies))
    assert isinstance(encoding, DifferentialPair)
    half = 0.5 * g if how.down is not None else jnp.maximum(g, 0.0)
    other = -0.5 * g if how.down is not None else jnp.maximum(-g, 0.0)
    pair = jnp.stack([half, other], axis=-1)
    return jnp.broadcast_to(pair, (*v.shape, encoding.copies, 2)).reshape(*v.shape, encoding.cells)


def pulsed(array: Array, change: Number, how: PulseUpdate, *, key: jax.Array) -> tuple[Array, Number, Number]:
    """The array after the pulses of a change [S], the pulses of each cell, and their energy [J].

    Raises:
        ChipError: If the array's device takes no pulses.
    """
    if not isinstance(array.device, AbstractDevice):
        raise ChipError(
            f"{type(array.device).__name__} is known by the outcome of programming and takes no pulses. Program the "
            "new weights instead."
        )
    state, counts, energy = _pulsed(array, change, how, key)
    return eqx.tree_at(lambda a: a.state, array, state), counts, energy


@eqx.filter_jit
def _pulsed(array: Array, change: Number, how: PulseUpdate, key: jax.Array) -> tuple[Any, Number, Number]:
    kind = jnp.result_type(float)
    of_rounding, of_pulses = jax.random.split(key)
    wanted = jnp.abs(change) / how.step
    low = jnp.floor(wanted)
    counts = low + (random.uniform(of_rounding, jnp.shape(wanted)) < wanted - low)
    counts = jnp.minimum(counts, how.most)
    answer = _answer(array, how, change > 0.0)

    def one(k: Any, carry: Any) -> Any:
        state, energy = carry
        on = k < counts
        after, spent = answer(state, jax.random.fold_in(of_pulses, k))
        state = jax.tree.map(lambda a, b: jnp.where(on, a, b).astype(jnp.result_type(b)), after, state)
        return state, energy + jnp.where(on, spent, 0.0).astype(kind)

    n = jnp.max(counts).astype(jnp.int32)
    state, energy = lax.fori_loop(0, n, one, (array.state, jnp.zeros(array.shape, kind)))
    return state, counts.astype(kind), energy


def _answer(array: Array, how: PulseUpdate, rises: Any) -> Callable[[Any, jax.Array], tuple[Any, Any]]:
    """What one pulse, up where a cell `rises`, makes of a state with a key: the state after it, and its energy [J].

    An ECRAM's effect is prepared once for all pulses of an update, at the mean age of its cells when that begins.
    """
    device: Any = array.device
    temperature = array.temperature
    down = how.up if how.down is None else how.down
    if isinstance(device, ECRAM):
        age = jnp.mean(array.state.age)
        kinds = [(p, device.prepare(p, age=age, temperature=temperature)) for p in (how.up, down)]

        def prepared(state: Any, key: jax.Array) -> tuple[Any, Any]:
            ends = [(e.noisy(device, state, key=key), device.spent(state, e(device, state), p)) for p, e in kinds]
            return jax.tree.map(lambda a, b: jnp.where(rises, a, b), *ends)

        return prepared
    kind = jnp.result_type(float)
    sent = Pulse(
        jnp.where(rises, jnp.asarray(how.up.amplitude, kind), jnp.asarray(down.amplitude, kind)),
        jnp.where(rises, jnp.asarray(how.up.width, kind), jnp.asarray(down.width, kind)),
    )

    def plain(state: Any, key: jax.Array) -> tuple[Any, Any]:
        spent = device.energy(state, sent, temperature=temperature)
        return device.pulse(state, sent, key=key, temperature=temperature), spent

    return plain
