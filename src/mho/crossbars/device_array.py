"""The cells of one or more arrays of a size: devices of the shelf with their states, and what is read of them."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random, sampling
from mho.core.errors import ChipError
from mho.core.fields import quantity
from mho.devices.device import (
    ROOM,
    AbstractContinuousDevice,
    AbstractDevice,
    AbstractMemory,
    AbstractProgrammed,
    Number,
    Pulse,
)
from mho.devices.effects import faulty

_READS = 32_768  # reads of a line's cells, in all, by which their noise is told: its standard deviation to 0.4 %
_ROUNDING = 1e-6  # relative deviation that is the rounding of single precision, and no noise
_FEWEST = 32  # reads of each cell


class Array(eqx.Module):
    """Devices of one kind, each with a state, in a shape such as (rows, columns) or (blocks, rows, columns).

    Args:
        device: The device: one for all cells, or leaves of the shape of the array where devices differ.
        state: The devices' state; leaves have the shape of the array.
        shape: Shape of the array.
        temperature: At which it is operated [K].
    """

    device: AbstractMemory
    state: Any
    shape: tuple[int, ...] = eqx.field(static=True)
    temperature: Number = quantity("K", positive=True, default=ROOM)

    @classmethod
    def of(
        cls,
        device: AbstractMemory,
        shape: tuple[int, ...],
        *spreads: sampling.Spread,
        key: jax.Array,
        correlation: np.ndarray | None = None,
        faults: tuple[float, float] | None = None,
        temperature: float = ROOM,
    ) -> Array:
        """An array of fresh devices.

        Args:
            device: One device; or a population, with one device for each cell in the order of the array.
            shape: Shape of the array.
            *spreads: How devices differ; see :func:`mho.sample`.
            key: JAX random key; one key gives one array.
            correlation: Between the spreads.
            faults: Shares of cells that are stuck low and stuck high, drawn for each; see
                :func:`mho.devices.effects.faulty`.
            temperature: [K].

        Raises:
            ChipError: If a population does not fit the shape.
        """
        n = int(np.prod(shape))
        size = sampling.batch_size(device)
        if size not in (None, n):
            raise ChipError(
                f"The population has {size} devices, and an array of {' x '.join(map(str, shape))} has {n} cells. "
                f"Sample with n={n}."
            )
        if spreads:
            device = sampling.sample(device, *spreads, n=n, key=key, correlation=correlation)
        if faults is not None:
            device = faulty(device, *faults, n=n, key=jax.random.fold_in(key, 1))
        device = jax.tree.map(lambda x: _shaped(x, shape), device)
        return cls(device, _fresh(device, shape), shape, temperature)

    def conductance(self) -> Number:
        """Conductance [S] of each cell at the read voltage of its model, without noise."""
        return jnp.broadcast_to(self.device.conductance(self.state, temperature=self.temperature), self.shape)

    def current(self, v: Any) -> Number:
        """Current [A] of each cell at the voltage `v` [V] across it, without noise."""
        return jnp.broadcast_to(cell_current(self.device, self.state, v, self.temperature), self.shape)

    def currents(self, voltages: Any) -> Number:
        """Currents [A] of each cell at several voltages [V], along a new first axis."""
        return _currents(self, jnp.asarray(voltages, jnp.result_type(float)))

    def read(self, v: float, *, key: jax.Array) -> Number:
        """Current [A] of each cell in one read at `v` [V], with noise."""
        i = self.device.read(self.state, jnp.asarray(v, jnp.float32), key=key, temperature=self.temperature)
        return jnp.broadcast_to(i, self.shape)

    def noise(self, v: float, *, rows: int, key: jax.Array) -> Number:
        """Variance [A^2] of each cell's current from read to read, told from so many reads that a column's is true.

        Args:
            v: Read voltage [V].
            rows: Cells of a column; the fewer there are, the more often each is read.
            key: JAX random key.

        Limits: reads are taken as independent; a slow noise is the same in reads that follow one another.
        """
        reads = max(_FEWEST, -(-_READS // max(rows, 1)))
        return _variance(self, v, reads, key)

    def after(self, duration: float, *, temperature: float | None = None) -> Array:
        """The array `duration` [s] later, kept at `temperature` [K] (that of the array, where none is given)."""
        kept = self.temperature if temperature is None else temperature
        state = self.device.relax(self.state, duration, temperature=kept)
        return eqx.tree_at(lambda a: a.state, self, state)

    def exposed(self, pulse: Pulse, *, key: jax.Array) -> Array:
        """The array after one pulse on every cell; cells that answer to no pulse stay as they are."""
        if not isinstance(self.device, AbstractDevice):
            return self
        return eqx.tree_at(lambda a: a.state, self, _exposed(self, pulse, key))

    @property
    def programmed_by_target(self) -> bool:
        """Whether the device is known by the outcome of programming alone."""
        return isinstance(self.device, AbstractProgrammed)


@eqx.filter_jit
def _fresh(device: AbstractMemory, shape: tuple[int, ...]) -> Any:
    """State of fresh devices, of the shape of the array."""
    return jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x, _kind(x)), shape), device.rest())


@eqx.filter_jit
def _exposed(array: Array, pulse: Pulse, key: jax.Array) -> Any:
    device: Any = array.device
    after = device.pulse(array.state, pulse, key=key, temperature=array.temperature)
    return jax.tree.map(lambda a, b: jnp.broadcast_to(a, jnp.shape(b)).astype(jnp.result_type(b)), after, array.state)


@eqx.filter_jit
def _currents(array: Array, voltages: Number) -> Number:
    """Currents [A] of all cells at several voltages, (voltages, ...)."""
    return jax.lax.map(array.current, voltages)


def _kind(x: Any) -> Any:
    """The precision in which arrays are kept: the default one for real numbers."""
    kind = jnp.result_type(x)
    return jnp.result_type(float) if jnp.issubdtype(kind, jnp.floating) else kind


def _shaped(x: Any, shape: tuple[int, ...]) -> Any:
    if not eqx.is_array_like(x) or np.ndim(x) == 0:
        return x
    if np.ndim(x) == 1 and np.size(x) == int(np.prod(shape)):
        return jnp.asarray(np.asarray(x).reshape(shape), _kind(x))
    return x


def cell_current(device: Any, state: Any, v: Any, temperature: Any) -> Number:
    """Current [A] through the cell at `v` [V], without noise.

    A continuous device of two terminals and a cell with a current-voltage curve of its own answer by that curve; any
    other conducts in proportion to voltage. Effects that are laid over scale the current as they scale conductance.
    """
    bare = getattr(device, "bare", device)
    if bare is not device:
        inner = cell_current(bare, state.inner, v, temperature)
        shown, g = device.shown(state, temperature)
        some = jnp.abs(g) > 1e-30
        return jnp.where(some, inner * shown / jnp.where(some, g, 1.0), shown * v)
    if isinstance(device, AbstractContinuousDevice) and len(device.terminals) == 2 and not device.internal:
        current = device.current(state, (v, 0.0 * v), temperature=temperature)[0]
        return current + sum(v / part.value for part in device.parts() if part.kind == "R")
    if hasattr(device, "current") and isinstance(device, AbstractProgrammed):
        return device.current(device.conductance(state, temperature=temperature), v)  # type: ignore[attr-defined]
    return device.conductance(state, temperature=temperature) * v


@eqx.filter_jit
def _variance(array: Array, v: float, reads: int, key: jax.Array) -> Number:
    mean = array.current(v)

    def more(k: Any, total: Any) -> Any:
        deviation = array.read(v, key=jax.random.fold_in(key, k)) - mean
        return total[0] + deviation, total[1] + deviation * deviation

    zero = jnp.zeros(array.shape, mean.dtype)
    first, second = jax.lax.fori_loop(0, reads, more, (zero, zero))
    variance = jnp.maximum(second - first * first / reads, 0.0) / (reads - 1.0)
    return jnp.where(variance > (_ROUNDING * mean) ** 2, variance, 0.0)


def normal_like(key: jax.Array, x: Number) -> Number:
    """Standard normal numbers of the shape and precision of `x`."""
    return random.normal(key, jnp.shape(x), jnp.result_type(x))
