r"""How cells get their conductance: open loop, by verified pulses, or by the statistics of a programmed array.

Cells of a row are programmed together. A round is one pulse up, one pulse down (each cell takes one of them, or none)
and one read, so that an array takes

.. math:: t = \sum_{rows} \max_{cells\ of\ the\ row} n\;(t_{up} + t_{down} + t_{verify}).

Arrays work side by side. Energy is that of the pulses in the cells, by the device's own account.
"""

from __future__ import annotations

import abc
import enum
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.crossbars.device_array import Array
from mho.devices.device import AbstractDevice, AbstractProgrammed, Number, Pulse


class Cell(enum.IntEnum):
    """How the programming of one cell ended."""

    OK = 0
    BUDGET = 1
    NOT_FINITE = 2

    @property
    def reason(self) -> str:
        """What happened and what helps."""
        return {
            Cell.OK: "is within the acceptance.",
            Cell.BUDGET: "used up its pulses; it is stuck, or asks for more pulses, higher ones or a wider acceptance.",
            Cell.NOT_FINITE: "has no finite conductance; look at the device's model and at the pulses.",
        }[self]


class Outcome(eqx.Module):
    """What programming left and what it took.

    Args:
        array: The programmed array.
        error: Conductance minus target right after programming [S], in the shape of the array.
        pulses: Pulses of each cell [1]; NaN where the source of the statistics does not say.
        energy: Energy of each cell's pulses [J]; NaN where it is not known.
        status: How each cell ended, as `Cell`.
        time: Time that programming took, rows after one another, arrays side by side [s]; NaN where it is not known.
    """

    array: Array
    error: Number
    pulses: Number
    energy: Number
    status: Number
    time: float = eqx.field(static=True)

    @property
    def failures(self) -> dict[str, int]:
        """Cells that failed, by reason."""
        kinds, counts = np.unique(np.asarray(self.status), return_counts=True)
        return {Cell(int(k)).name: int(n) for k, n in zip(kinds, counts, strict=True) if int(k) != Cell.OK}


class AbstractProgramming(eqx.Module):
    """A way to program an array."""

    @abc.abstractmethod
    def program(self, array: Array, target: Number, *, key: jax.Array, active: Any = None) -> Outcome:
        """Program `array` to `target` [S], of its shape; `active` cells only, where that is given.

        Raises:
            ChipError: If the array's device cannot be programmed in this way.
        """


class Stated(AbstractProgramming):
    """The statistics of a programmed array: one call, whose error is that of the device's source.

    Args:
        pulses: Pulses of a cell, where they are known [1].
        energy: Energy of one pulse in a cell, where it is known [J].
        t_pulse: Time of one pulse with its verification, where it is known [s].
    """

    pulses: float | None = eqx.field(static=True, default=None)
    energy: float | None = eqx.field(static=True, default=None)
    t_pulse: float | None = eqx.field(static=True, default=None)

    def program(self, array: Array, target: Number, *, key: jax.Array, active: Any = None) -> Outcome:
        """Program by statistics."""
        if not isinstance(array.device, AbstractProgrammed):
            raise ChipError(
                f"{type(array.device).__name__} answers to pulses, and has no statistics of programmed arrays. Program "
                "it with OpenLoop(...) or WriteVerify(...)."
            )
        on = np.ones(array.shape, bool) if active is None else np.broadcast_to(np.asarray(active), array.shape)
        state = _stated(array, target, on, key)
        n = on.astype(np.float32)
        pulses = n * np.float32(_or_nan(self.pulses))
        after, error, status = _ended(array, state, target)
        time = _time(n, 1.0) * _or_nan(self.pulses) * _or_nan(self.t_pulse)
        return Outcome(after, error, pulses, pulses * _or_nan(self.energy), status, time)


@eqx.filter_jit
def _stated(array: Array, target: Number, active: Any, key: jax.Array) -> Any:
    device: Any = array.device
    wanted = jnp.broadcast_to(jnp.asarray(target, jnp.result_type(float)), array.shape)
    return _kept(active, device.program(wanted, key=key), array.state)


def _ended(array: Array, state: Any, target: Number, todo: Any = None) -> tuple[Array, Number, Number]:
    """The array with its new state, the error of each cell [S], and how each ended."""
    after = eqx.tree_at(lambda a: a.state, array, state)
    return after, *_judged(after, target, np.zeros((), bool) if todo is None else todo)


@eqx.filter_jit
def _judged(array: Array, target: Number, todo: Any) -> tuple[Number, Number]:
    error = array.conductance() - target
    status = jnp.where(todo, int(Cell.BUDGET), int(Cell.OK))
    return error, jnp.where(jnp.isfinite(error), status, int(Cell.NOT_FINITE))


def _or_nan(x: float | None) -> float:
    return float("nan") if x is None else float(x)


def _kept(active: Any, new: Any, old: Any) -> Any:
    """The new state where a cell is active; all of it where nothing is said."""
    if active is None:
        return new
    return jax.tree.map(lambda a, b: jnp.where(active, a, b).astype(jnp.result_type(b)), new, old)


def _time(pulses: Number, t_round: float) -> float:
    """Rows (the third axis from the end, or the first of two) after one another, arrays side by side."""
    n = np.asarray(pulses, np.float64)
    if n.ndim >= 5:  # (row blocks, column blocks, rows, words, cells)
        n = n.max(axis=(-1, -2))
    elif n.ndim >= 2:
        n = n.max(axis=-1)
    rows = n.sum(axis=-1) if n.ndim else n
    return float(np.max(rows, initial=0.0)) * t_round


class OpenLoop(AbstractProgramming):
    """A number of equal pulses up from the fresh state, told from the mean ramp of a few cells; nothing is verified.

    Args:
        up: The pulse that raises conductance.
        pulses: Most pulses of a ramp.
        sample: Cells whose mean ramp is taken as that of all.
    """

    up: Pulse
    pulses: int = eqx.field(static=True, default=100)
    sample: int = eqx.field(static=True, default=64)

    def program(self, array: Array, target: Number, *, key: jax.Array, active: Any = None) -> Outcome:
        """Apply to each fresh cell the number of pulses whose mean comes nearest to its target."""
        _answers(array.device, "OpenLoop")
        run = np.ones(array.shape, bool) if active is None else np.broadcast_to(np.asarray(active), array.shape)
        state, counts, energy = _open_loop(self, array, target, run, key)
        after, error, status = _ended(array, state, target)
        return Outcome(after, error, counts, energy, status, _time(counts, float(np.max(np.asarray(self.up.width)))))


@eqx.filter_jit
def _open_loop(how: OpenLoop, array: Array, target: Number, run: Any, key: jax.Array) -> tuple[Any, Number, Number]:
    device: Any = array.device
    temperature = array.temperature
    of_ramp, of_pulses = jax.random.split(key)
    target = jnp.broadcast_to(jnp.asarray(target, jnp.result_type(float)), array.shape)
    fresh = jax.tree.map(lambda x, s: jnp.broadcast_to(x, array.shape).astype(s.dtype), device.rest(), array.state)
    array = eqx.tree_at(lambda a: a.state, array, _kept(run, fresh, array.state))
    few = min(how.sample, int(np.prod(array.shape)))

    def first(x: Any) -> Any:
        return jnp.ravel(x)[:few] if np.ndim(x) and jnp.shape(x) == array.shape else x

    cells = jax.tree.map(first, device)
    start = jax.tree.map(first, array.state)

    def ramp(state: Any, k: Any) -> tuple[Any, Any]:
        after = cells.pulse(state, how.up, key=jax.random.fold_in(of_ramp, k), temperature=temperature)
        after = jax.tree.map(lambda a, b: jnp.broadcast_to(a, b.shape).astype(b.dtype), after, state)
        return after, jnp.mean(cells.conductance(after, temperature=temperature))

    zeroth = jnp.mean(cells.conductance(start, temperature=temperature))
    _, means = lax.scan(ramp, start, jnp.arange(how.pulses))
    means = jnp.concatenate([zeroth[None], means])
    order = jnp.argsort(means)
    place = jnp.searchsorted(0.5 * (means[order][1:] + means[order][:-1]), target)
    counts = jnp.where(run, order[place], 0)

    def one(k: Any, carry: Any) -> Any:
        state, energy = carry
        on = k < counts
        spent = device.energy(state, how.up, temperature=temperature)
        after = device.pulse(state, how.up, key=jax.random.fold_in(of_pulses, k), temperature=temperature)
        return _kept(on, after, state), energy + jnp.where(on, spent, 0.0)

    zero = jnp.zeros(array.shape, jnp.result_type(float))
    state, energy = lax.fori_loop(0, jnp.max(counts), one, (array.state, zero))
    return state, counts.astype(zero.dtype), energy


class WriteVerify(AbstractProgramming):
    r"""Incremental-step pulses that are verified: read, and pulse up or down until the read lies within the acceptance.

    The amplitude of each further pulse in the same direction grows by a step; when the direction changes, it starts
    anew:
    :math:`V_k = V_0 + k\,\Delta V \le V_{max}`. With `share` above 0 the amplitude adapts instead: each direction keeps
    its own, and after a pulse that went a way r of what was missing it changes by :math:`\Delta V\,\ln(share/r)`.

    Args:
        up: First pulse that raises conductance.
        down: First pulse that lowers it (of the opposite sign, as a rule).
        acceptance: Largest difference to the target at which a cell is left alone [S].
        step: Growth of the amplitude from pulse to pulse, ΔV [V].
        v_max: Largest amplitude of either sign, V_max [V].
        budget: Most pulses of a cell.
        v_verify: Voltage of the read [V].
        t_verify: Time of the read [s].
        share: Way to go with each pulse, of what is missing; 0 for growth by steps [1].
        disturb: Whether the read of verification acts on the cell as a pulse of v_verify and t_verify.

    Limits: all cells of a row take their pulses in the same round; half-selected cells are not disturbed here.
    """

    up: Pulse
    down: Pulse
    acceptance: Number = quantity("S", positive=True)
    step: Number = quantity("V", low=0.0, default=0.0)
    v_max: Number = quantity("V", positive=True, default=5.0)
    budget: int = eqx.field(static=True, default=100)
    v_verify: Number = quantity("V", positive=True, default=0.2)
    t_verify: Number = quantity("s", low=0.0, default=100e-9)
    share: float = eqx.field(static=True, default=0.0)
    disturb: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        check_ranges(self)
        if not 0.0 <= self.share <= 1.0:
            raise ChipError(f"WriteVerify.share is {self.share}; it must lie between 0 and 1.")
        if self.budget < 1:
            raise ChipError(f"WriteVerify.budget is {self.budget}; a cell needs at least 1 pulse.")
        for name in ("up", "down"):
            amplitude = np.max(np.abs(np.asarray(getattr(self, name).amplitude)))
            if amplitude > float(self.v_max):
                raise ChipError(
                    f"WriteVerify.{name} has {engineering(amplitude, 'V')}, above v_max "
                    f"({engineering(self.v_max, 'V')}). Raise v_max or lower the pulse."
                )

    def program(self, array: Array, target: Number, *, key: jax.Array, active: Any = None) -> Outcome:
        """Pulse and verify every active cell until it is accepted or its pulses are used up."""
        _answers(array.device, "WriteVerify")
        run = np.ones(array.shape, bool) if active is None else np.broadcast_to(np.asarray(active), array.shape)
        end = _verified(self, array, target, run, key)
        after, error, status = _ended(array, end.state, target, end.todo)
        widths = sum(float(np.max(np.asarray(p.width))) for p in (self.up, self.down))
        time = _time(end.pulses, widths + float(self.t_verify))
        return Outcome(after, error, end.pulses, end.energy, status, time)


class _Round(NamedTuple):
    """Where the loop stands: state, cells to do, read, amplitudes, last direction, counts."""

    state: Any
    todo: Any
    g: Any
    v_up: Any
    v_down: Any
    last: Any
    pulses: Any
    energy: Any
    k: Any


def _answers(device: Any, how: str) -> None:
    if not isinstance(device, AbstractDevice):
        raise ChipError(
            f"{type(device).__name__} is known by the outcome of programming and takes no pulses, as {how} would send. "
            "Program it with Stated()."
        )


@eqx.filter_jit
def _verified(how: WriteVerify, array: Array, target: Number, run: Any, key: jax.Array) -> _Round:
    device: Any = array.device
    temperature = array.temperature
    kind = jnp.result_type(float)
    target = jnp.broadcast_to(jnp.asarray(target, kind), array.shape)
    most = jnp.asarray(how.v_max, kind)
    v_verify = jnp.asarray(how.v_verify, kind)

    def seen(state: Any, k: Any) -> tuple[Any, Any]:
        of_read, of_disturb = jax.random.split(jax.random.fold_in(key, 2 * k))
        if how.disturb:
            after = device.pulse(state, Pulse(how.v_verify, how.t_verify), key=of_disturb, temperature=temperature)
            state = _kept(True, after, state)
        i = device.read(state, v_verify, key=of_read, temperature=temperature)
        return jnp.broadcast_to(i / v_verify, array.shape).astype(kind), state

    def go(now: _Round) -> _Round:
        missing = target - now.g
        rises = missing > 0.0
        amplitude = jnp.where(rises, now.v_up, now.v_down)
        width = jnp.where(rises, jnp.asarray(how.up.width, kind), jnp.asarray(how.down.width, kind))
        sent = Pulse(amplitude, width)
        spent = device.energy(now.state, sent, temperature=temperature)
        after = device.pulse(now.state, sent, key=jax.random.fold_in(key, 2 * now.k + 1), temperature=temperature)
        state = _kept(now.todo, after, now.state)
        g, state = seen(state, now.k + 1)
        g = jnp.where(now.todo, g, now.g)
        v_up, v_down = _amplitudes(how, now, rises, (g - now.g) / jnp.where(missing == 0.0, 1.0, missing), most)
        pulses = now.pulses + now.todo
        todo = now.todo & ~(jnp.abs(g - target) <= how.acceptance)
        last = jnp.where(rises, 1, -1)
        energy = now.energy + jnp.where(now.todo, spent, 0.0)
        return _Round(state, todo, g, v_up, v_down, last, pulses, energy.astype(kind), now.k + 1)

    def busy(now: _Round) -> Any:
        return jnp.any(now.todo) & (now.k < how.budget)

    g, state = seen(array.state, 0)
    todo = run & ~(jnp.abs(g - target) <= how.acceptance)
    zero = jnp.zeros(array.shape, kind)
    v_up, v_down = (zero + jnp.asarray(p.amplitude, kind) for p in (how.up, how.down))
    last = jnp.zeros(array.shape, jnp.int32)
    start = _Round(state, todo, g, v_up, v_down, last, zero, zero, jnp.zeros((), jnp.int32))
    return lax.while_loop(busy, go, start)


def _amplitudes(how: WriteVerify, now: _Round, rises: Any, way: Any, most: Any) -> tuple[Any, Any]:
    """Amplitudes of the next pulse up and down [V]."""
    kind = jnp.result_type(now.v_up)
    found = []
    for first, v, turn in ((how.up.amplitude, now.v_up, rises), (how.down.amplitude, now.v_down, ~rises)):
        sign = jnp.sign(jnp.asarray(first, kind))
        if how.share > 0.0:
            change = how.step * jnp.log(how.share / jnp.clip(way, 1e-2, 1e2))
            grown = sign * jnp.clip(sign * v + change, 0.1 * jnp.abs(jnp.asarray(first, kind)), most)
            found.append(jnp.where(turn, grown, v).astype(kind))
        else:
            grown = sign * jnp.minimum(sign * v + how.step, most)
            found.append(jnp.where(turn, grown, jnp.asarray(first, kind)).astype(kind))
    return found[0], found[1]
