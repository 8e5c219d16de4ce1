"""The synapse that is a device: one ECRAM per synapse, pulsed by spikes, read for its conductance."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import cast, check_ranges, quantity
from mho.devices import ECRAM, ECRAMState, Gate, Pulse
from mho.devices.device import ROOM
from mho.devices.ecram_pulse import ECRAMPulse
from mho.networks.synapse import AbstractSynapse, Number, batch_shape, padded, precision, train


class DeviceSynapse(AbstractSynapse):
    r"""An ECRAM whose gate takes a pulse at every presynaptic spike and whose channel is read right after it.

    .. math:: e = (G - G_{base}) / G_{unit}

    The short-term weight is the device's volatile loading, the long-term weight its non-volatile state, in the same
    device: :meth:`program` sets it, and consolidation moves it. The pulse's effect is computed once, exactly, for each
    device of a batch, and applied to one state per synapse. Build it with :meth:`of`.

    Args:
        device: One device, or a population from :func:`mho.sample`, one per synapse.
        programme: The prepared effect of a spike's pulse.
        width: Width of that pulse [s].
        baseline: Conductance that the read-out subtracts, G_base: 0, or that of a second, unpulsed device [S].
        unit: Conductance of unit efficacy, G_unit [S].
        temperature: [K].
        gate: How the gate is left between spikes.

    Limits: aging slows the pulse's effect in the device's own `pulse`, not here, where the pulse is prepared for a
    device of the age given to :meth:`of`. A spike's pulse is rectangular.
    """

    device: ECRAM
    programme: ECRAMPulse
    pulse_width: Number = quantity("s", positive=True)
    baseline: Number = quantity("S", default=0.0)
    unit: Number = quantity("S", positive=True, default=1.0)
    temperature: Number = quantity("K", positive=True, default=ROOM)
    gate: Gate = eqx.field(static=True, default=Gate.SHORTED)

    def __check_init__(self) -> None:
        check_ranges(self)

    @classmethod
    def of(
        cls,
        device: ECRAM,
        pulse: Pulse,
        *,
        baseline: Any = 0.0,
        unit: Any = None,
        temperature: float = ROOM,
        gate: Gate = Gate.SHORTED,
        age: float = 0.0,
        dtype: Any = np.float32,
    ) -> DeviceSynapse:
        """A synapse of a device and the pulse that a spike applies, prepared in double precision, then cast.

        Args:
            device: One device or a batch.
            pulse: What a spike applies to the gate.
            baseline: Conductance subtracted by the read-out; `device.g_rest` leaves the volatile part alone [S].
            unit: Conductance of unit efficacy; default that of the (mean) device at rest [S].
            temperature: [K].
            gate: How the gate is left between spikes.
            age: Age of the devices [s].
            dtype: float32 for networks, float64 for comparisons.

        Raises:
            ParameterError: If the device has no event face that can be prepared.
        """
        if not hasattr(device, "prepare"):
            raise ParameterError(
                f"{type(device).__name__} cannot prepare a pulse; a synapse needs an event face such as ECRAM's."
            )
        shape = batch_shape((device, pulse))
        n = shape[0] if shape else 1
        with jax.enable_x64(True):
            many = padded((device, pulse), n), np.float64(age), np.float64(temperature)
            kept = jax.tree.map(
                lambda x: np.asarray(x)[:n].reshape(shape) if np.ndim(x) else np.asarray(x), _prepared(*many)
            )
        programme, rest = kept
        unit = float(np.mean(rest)) if unit is None else unit
        with jax.enable_x64(True):
            return cast(cls(device, programme, pulse.width, baseline, unit, temperature, gate), dtype)

    @property
    def width(self) -> Number:
        """Width of the gate pulse."""
        return self.pulse_width

    def rest(self) -> ECRAMState:
        """The device at rest, at its long-term weight."""
        shape = batch_shape(self)
        return jax.tree.map(lambda x: jnp.broadcast_to(x, shape), self.device.rest())

    def program(self, weight: Number) -> DeviceSynapse:
        """The same synapse with long-term weight `weight`: the non-volatile state at rest, in [0, 1] [1].

        Raises:
            ParameterError: If a weight lies outside [0, 1].
        """
        level = np.asarray(weight)
        if not np.all((level >= 0) & (level <= 1)):
            wrong = float(level.flat[np.argmax((level < 0) | (level > 1))])
            raise ParameterError(f"A long-term weight is {wrong:.4g}; it must lie between 0 (g_min) and 1 (g_max).")
        with precision(self):
            return eqx.tree_at(lambda s: s.device.x_0, self, jnp.asarray(level, self.device.x_0.dtype))

    def efficacy(self, state: ECRAMState) -> Number:
        """Efficacy that a read of `state` gives [1]."""
        return (self.device.conductance(state, temperature=self.temperature) - self.baseline) / self.unit

    def spike(self, state: ECRAMState, interval: Number) -> tuple[ECRAMState, Number]:
        """Relax over the interval, pulse, read."""
        after = self.programme(self.device, self.relaxed(state, interval))
        return after, self.efficacy(after)

    def noisy_spike(self, state: ECRAMState, interval: Number, *, key: jax.Array) -> tuple[ECRAMState, Number]:
        """As :meth:`spike`, with the device's cycle-to-cycle and read noise."""
        key_cycle, key_read = jax.random.split(key)
        before = self.relaxed(state, interval)
        after = self.programme.noisy(self.device, before, key=key_cycle)
        one = jnp.ones((), state.x.dtype)
        noise = self.device.read(after, one, key=key_read) / self.device.conductance(after)
        return after, (self.device.conductance(after, temperature=self.temperature) * noise - self.baseline) / self.unit

    def share(self, state: ECRAMState) -> Number:
        """Loading of the volatile state, which is u of a one-mode device."""
        return jnp.clip(jnp.abs(state.loading), 0.0, 1.0)

    def steady(self, interval: Number) -> tuple[ECRAMState, Number]:
        """Fixed point of the affine map that one interval is for the volatile states."""
        cycle, offset = self._cycle(interval)
        return self._at(
            jnp.linalg.solve(jnp.eye(cycle.shape[-1], dtype=cycle.dtype) - cycle, offset[..., None])[..., 0]
        )

    def after(self, interval: Number, spikes: int) -> tuple[ECRAMState, Number]:
        """State and efficacy at spike number `spikes` (from 1) of a regular train from rest, in closed form.

        One cycle of relaxation and pulse is an affine map of the volatile states, v' = A v + b, so that
        v_n = v* + A^(n-1) (b - v*): without long-term change.
        """
        cycle, offset = self._cycle(interval)
        one = jnp.eye(cycle.shape[-1], dtype=cycle.dtype)
        rest = jnp.linalg.solve(one - cycle, offset[..., None])
        return self._at((rest + jnp.linalg.matrix_power(cycle, spikes - 1) @ (offset[..., None] - rest))[..., 0])

    def relaxed(self, state: ECRAMState, interval: Number) -> ECRAMState:
        """State at the start of a spike that comes `interval` [s] after the last one began."""
        idle = jnp.maximum(interval - self.width, 0.0)  # the first spike comes with interval 0, to a device at rest
        return self.device.relax(state, idle, temperature=self.temperature, gate=self.gate)

    def _cycle(self, interval: Number) -> tuple[Number, Number]:
        """A and b of v' = A v + b for v = (q..., z) over one interval, as arrays (..., k, k) and (..., k)."""
        start = self.rest()
        shape = jnp.broadcast_shapes(start.x.shape, jnp.shape(interval))
        start = jax.tree.map(lambda x: jnp.broadcast_to(x, shape), start)

        def step(volatile: tuple[Number, ...]) -> tuple[Number, ...]:
            state = eqx.tree_at(lambda s: (*s.q, s.z), start, volatile)
            after = self.spike(state, interval)[0]
            return (*after.q, after.z)

        origin = (*start.q, start.z)
        # an affine map's derivative by each coordinate is its column, wherever it is taken
        units = tuple(jnp.eye(len(origin), dtype=start.x.dtype))
        spread = tuple(jnp.broadcast_to(row.reshape(-1, *([1] * len(shape))), (len(origin), *shape)) for row in units)
        columns = jax.vmap(lambda *unit: jax.jvp(step, (origin,), (unit,))[1])(*spread)
        cycle = jnp.stack([jnp.moveaxis(x, 0, -1) for x in columns], axis=-2)
        return cycle, jnp.stack(step(origin), axis=-1)

    def _at(self, volatile: Number) -> tuple[ECRAMState, Number]:
        parts = tuple(jnp.moveaxis(volatile, -1, 0))
        state = jax.tree.map(lambda x: jnp.broadcast_to(x, parts[0].shape), self.rest())
        state = eqx.tree_at(lambda s: (*s.q, s.z), state, parts)
        return state, self.efficacy(state)


@eqx.filter_jit
def _prepared(made_of: tuple[ECRAM, Pulse], age: Number, temperature: Number) -> tuple[ECRAMPulse, Number]:
    device, pulse = made_of
    return device.prepare(pulse, age=age, temperature=temperature), device.g_rest


def efficacy_train(
    device: ECRAM, times: Any, pulse: Pulse, *, temperature: float = ROOM, dtype: Any = np.float64
) -> np.ndarray:
    """Conductance after each pulse of a train, through the network's synapse: what floors are compared by.

    Args:
        device: One device or a batch of n.
        times: Start of each pulse [s], shape (m,) or (n, m).
        pulse: The pulse that each spike applies.
        temperature: [K].
        dtype: Precision of the synapse.

    Returns:
        Conductances [S], shape (m,) or (n, m).
    """
    synapse = DeviceSynapse.of(device, pulse, unit=1.0, temperature=temperature, dtype=dtype)
    return np.asarray(train(synapse, times)[0], np.float64)
