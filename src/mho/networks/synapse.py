"""What every synapse is, and how a train of spikes runs through one or through a whole batch."""

from __future__ import annotations

import abc
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from mho.core import engineering
from mho.core.errors import InputError, ParameterError
from mho.core.fields import quantity

if TYPE_CHECKING:
    Number = Any  # plain floats, NumPy and JAX arrays alike
else:
    Number = Float[Array, "..."]


class AbstractSynapse(eqx.Module):
    """A synapse, or a batch of them in leaves of shape (n,), that moves only when a spike comes.

    What happens between two spikes is worked out at the second one, exactly, from the time that has passed.
    """

    @abc.abstractmethod
    def rest(self) -> Any:
        """State of the synapse before its first spike."""

    @abc.abstractmethod
    def spike(self, state: Any, interval: Number) -> tuple[Any, Number]:
        """State after a spike that comes `interval` [s] after the one before (0 for the first), and its efficacy."""

    @abc.abstractmethod
    def noisy_spike(self, state: Any, interval: Number, *, key: jax.Array) -> tuple[Any, Number]:
        """As :meth:`spike`, with cycle-to-cycle and read noise."""

    @abc.abstractmethod
    def share(self, state: Any) -> Number:
        """Share of a limited resource that the last spike asked for, u in [0, 1] [1]."""

    @abc.abstractmethod
    def steady(self, interval: Number) -> tuple[Any, Number]:
        """State and efficacy at a spike of an endless regular train, in closed form, without long-term change."""

    @property
    @abc.abstractmethod
    def width(self) -> Number:
        """Time that a spike occupies: intervals must not be shorter [s]."""


class StaticSynapse(AbstractSynapse):
    """A synapse that does not change: the baseline that plasticity is compared with.

    Args:
        efficacy: Efficacy of every spike [1].
    """

    efficacy: Number = quantity("1", default=1.0)

    @property
    def width(self) -> Number:
        """A spike has no width."""
        return jnp.zeros_like(self.efficacy)

    def rest(self) -> tuple[()]:
        """There is no state."""
        return ()

    def spike(self, state: tuple[()], interval: Number) -> tuple[tuple[()], Number]:
        """Every spike has the same efficacy."""
        return state, jnp.broadcast_to(
            self.efficacy, jnp.broadcast_shapes(jnp.shape(self.efficacy), jnp.shape(interval))
        )

    def noisy_spike(self, state: tuple[()], interval: Number, *, key: jax.Array) -> tuple[tuple[()], Number]:
        """As :meth:`spike`: nothing varies."""
        return self.spike(state, interval)

    def share(self, state: tuple[()]) -> Number:
        """It uses nothing up."""
        return jnp.zeros_like(self.efficacy)

    def steady(self, interval: Number) -> tuple[tuple[()], Number]:
        """As every spike."""
        return self.spike((), interval)


def precision(module: Any) -> AbstractContextManager:
    """The context in which a module computes: double precision if its leaves are double, else single."""
    return jax.enable_x64(dtype_of(module) == np.float64)


def dtype_of(module: Any) -> np.dtype:
    """The one floating type of a module's leaves.

    Raises:
        ParameterError: If leaves of different precision were mixed.
    """
    kinds = {np.dtype(x.dtype) for x in jax.tree.leaves(module) if _is_float(x)}
    if len(kinds) > 1:
        names = ", ".join(sorted(map(str, kinds)))
        raise ParameterError(
            f"{type(module).__name__} mixes {names}. Cast it with mho.core.fields.cast(module, dtype)."
        )
    return kinds.pop() if kinds else np.dtype(np.float32)


def batch_shape(module: Any) -> tuple[int, ...]:
    """Common shape of a module's floating leaves: () or (n,)."""
    return jnp.broadcast_shapes(*(jnp.shape(x) for x in jax.tree.leaves(module) if _is_float(x)))


def padded(module: Any, n: int) -> Any:
    """A batch of n made as long as the next power of two from 256 on, by repeating its last lane.

    One compilation then serves every batch up to that length.
    """
    size = max(256, 1 << (n - 1).bit_length())
    lanes = np.minimum(np.arange(size), n - 1)
    return jax.tree.map(lambda x: np.broadcast_to(np.asarray(x), (n,))[lanes] if _is_float(x) else x, module)


def _is_float(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


def intervals(times: Any, *, width: Any = 0.0) -> np.ndarray:
    """Time from each spike to the one before, in double precision; 0 for the first, NaN behind the last.

    Args:
        times: Start of each spike, ascending along the last axis; shorter trains of a batch end in NaN [s].
        width: Time that a spike occupies [s].

    Raises:
        InputError: If spikes are not in order, or closer than the spike's width.
    """
    times = np.asarray(times, np.float64)
    if times.ndim not in (1, 2):
        raise InputError(
            f"Spike times have shape {times.shape}; give (spikes,) or (synapses, spikes), padded with NaN."
        )
    gaps = np.diff(times, axis=-1)
    if np.any(np.isnan(times[..., :-1]) & ~np.isnan(times[..., 1:])) or np.any(np.isinf(times)):
        raise InputError("Spike times hold NaN before a number, or an infinity; pad with NaN at the end only.")
    shortest = float(np.nanmin(gaps)) if np.any(np.isfinite(gaps)) else np.inf
    # Half a part in 1e9: a train whose pulses touch is sound, and its times are rounded.
    least = float(np.max(np.asarray(width)))
    if shortest < least * (1 - 5e-10) or shortest < 0:
        raise InputError(
            f"Two spikes are {engineering(shortest, 's')} apart; they must be in order and at least the spike's width "
            f"of {engineering(least, 's')} apart. Lower the rate or shorten the pulse."
        )
    first = np.where(np.isnan(times[..., :1]), np.nan, 0.0)
    return np.concatenate([first, gaps], axis=-1)


def train(synapse: AbstractSynapse, times: Any, *, state: Any = None) -> tuple[Number, Any]:
    """Efficacy of every spike of a train, without noise, and the state after the last.

    Args:
        synapse: One synapse or a batch of n; computed in the precision of its leaves.
        times: Start of each spike [s], shape (m,) for all alike or (n, m), each row ended by NaN where it is shorter.
        state: State before the first spike; default at rest.

    Returns:
        Efficacies of shape (m,) or (n, m), NaN where there is no spike; the state.
    """
    with precision(synapse):
        steps = jnp.asarray(intervals(times, width=synapse.width), dtype_of(synapse))
        return _scan(synapse, state, steps)


def noisy_train(synapse: AbstractSynapse, times: Any, *, key: jax.Array, state: Any = None) -> tuple[Number, Any]:
    """As :func:`train`, with cycle-to-cycle and read noise drawn from `key`."""
    with precision(synapse):
        steps = jnp.asarray(intervals(times, width=synapse.width), dtype_of(synapse))
        return _scan(synapse, state, steps, jax.random.split(key, steps.shape[-1]))


@eqx.filter_jit
def _scan(synapse: AbstractSynapse, state: Any, steps: Number, keys: jax.Array | None = None) -> tuple[Number, Any]:
    shape = jnp.broadcast_shapes(batch_shape(synapse), steps.shape[:-1])
    start = synapse.rest() if state is None else state
    state = jax.tree.map(lambda x: jnp.broadcast_to(x, shape), start)

    def one(carry: Any, item: tuple[Number, Any]) -> tuple[Any, Number]:
        interval, spike_key = item
        there = jnp.isfinite(interval)
        fire = synapse.spike if spike_key is None else partial(synapse.noisy_spike, key=spike_key)
        after, efficacy = fire(carry, jnp.where(there, interval, 0.0))
        return select(there, after, carry), jnp.where(there, efficacy, jnp.nan)

    state, efficacies = lax.scan(one, state, (jnp.moveaxis(steps, -1, 0), keys))
    return jnp.moveaxis(efficacies, 0, -1), state


def select(where: Array, yes: Any, no: Any) -> Any:
    """Leaf by leaf, `yes` where true and `no` elsewhere."""
    return jax.tree.map(lambda a, b: jnp.where(where, a, b), yes, no)
