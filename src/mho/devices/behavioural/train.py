"""Many pulses of a kind on many devices, in one loop: one Box-Muller pair serves two pulses, nothing is stored."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core import random
from mho.core.errors import ParameterError
from mho.devices.behavioural.step import AbstractStepDevice, StepState
from mho.devices.device import AbstractDevice, Pulse
from mho.devices.kinetics import known


def pulse_train(device: AbstractDevice, state: Any, pulse: Pulse, n: int, *, key: jax.Array) -> Any:
    """State after `n` equal pulses, with cycle-to-cycle noise.

    For pulse models the step is prepared once, and every two pulses share one draw of the generator: compiled for a
    million devices this is the fastest way to apply noisy pulses (``benchmarks/pulse_response.py`` measures it). Any
    other device is given its pulses one by one. Draws differ from those of `n` calls of `device.pulse`; their
    statistics do not.

    Args:
        device: The device; batches of device, state and pulse are broadcast together.
        state: At the start.
        pulse: One pulse; amplitudes may differ from device to device, and with them the direction.
        n: Number of pulses, at least 0; known when compiling.
        key: JAX random key.

    Raises:
        ParameterError: If `n` is below 0.
    """
    if n < 0:
        raise ParameterError(f"n is {n}; a train has at least 0 pulses.")
    if isinstance(device, AbstractStepDevice):
        return _stepped(device, state, pulse, n, key)
    return lax.fori_loop(
        0, n, lambda k, now: device.pulse(now, pulse, key=jax.random.fold_in(key, k)), _broadcast(device, state, pulse)
    )


def _stepped(device: AbstractStepDevice, state: StepState, pulse: Pulse, n: int, key: jax.Array) -> StepState:
    state = _broadcast(device, state, pulse)
    shape, dtype = jnp.shape(state.w), jnp.result_type(state.w)
    index = jnp.arange(int(np.prod(shape)), dtype=jnp.uint32).reshape(shape)
    step = device.step(jnp.asarray(pulse.amplitude) > 0.0)

    def drawn(k: Any) -> tuple[Any, Any]:
        first, second = random.normal_pair(jax.random.fold_in(key, k), index)
        return first.astype(dtype), second.astype(dtype)

    def two(k: Any, w: Any) -> Any:
        first, second = drawn(k)
        return step(step(w, first).astype(dtype), second).astype(dtype)

    w = lax.fori_loop(0, n // 2, two, state.w)
    offset = state.offset
    if n % 2 or not known(device.sigma_write, 0.0):
        last, write = drawn(n)
        w = step(w, last).astype(dtype) if n % 2 else w
        if n:  # of the write noise only that of the last pulse is left
            offset = (device.sigma_write * device.dw_min * write).astype(dtype)
    acts = (pulse.width > 0.0) & (pulse.amplitude != 0.0)
    return StepState(jnp.where(acts, w, state.w), jnp.where(acts, offset, state.offset), state.pulses + n)


def _broadcast(device: Any, state: Any, pulse: Pulse) -> Any:
    """The state with the batch shape of all three, so that a loop can carry it."""
    shape = jnp.broadcast_shapes(*(jnp.shape(x) for x in jax.tree.leaves((device, state, pulse))))
    return jax.tree.map(lambda x: jnp.broadcast_to(x, shape), state)
