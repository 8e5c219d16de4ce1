"""What a neuron takes: an energy for each interval between its spikes, and a power where it is silent."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.networks.synapse import Number


class FiringEnergy(eqx.Module):
    r"""Energy of a neuron from the times of its spikes: a table over the interval that ends with a spike.

    .. math:: E = \sum_{spikes} E(T) + P_0\,t_{silent}

    E(T) is linear in ln T between the table's intervals. A shorter interval costs what the shortest does; beyond the
    longest `standing` is added. The time after the last spike, and all
    of a neuron that never fires, is silent.

    Args:
        interval: Intervals, growing [s].
        energy: Energy in each, the spike in it: supplies, biases and the charge that the input brings [J].
        power: Of a neuron at rest [W].

    Raises:
        ParameterError: If the table has less than two intervals, or they do not grow.

    Limits: a membrane that stands charged below its threshold may take far more than one at rest, up to `standing` and
    more: that is paid for with the spike that ends its interval, and not after the last. Where a circuit's spike costs
    less the faster its membrane passes the threshold, strong sparse inputs are billed too much.
    """

    interval: Number = quantity("s", positive=True)
    energy: Number = quantity("J", low=0.0)
    power: Number = quantity("W", low=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        if not all(isinstance(x, np.ndarray) for x in (self.interval, self.energy)):
            return
        shapes = np.shape(self.interval), np.shape(self.energy)
        if shapes[0] != shapes[1] or shapes[0][-1:] < (2,) or np.any(np.diff(self.interval, axis=-1) <= 0):
            raise ParameterError(
                f"FiringEnergy has intervals of shape {shapes[0]} and energies of shape {shapes[1]}; give at least two "
                "intervals that grow, with an energy each."
            )

    def of(self, intervals: Number) -> Number:
        """Energy of intervals of any shape [J]."""
        t = jnp.asarray(intervals)
        grid, energy = (jnp.asarray(x, t.dtype) for x in (self.interval, self.energy))
        inside = jnp.interp(jnp.log(jnp.maximum(t, grid[0])), jnp.log(grid), energy)
        return inside + jnp.maximum(t - grid[-1], 0.0) * jnp.asarray(self.standing, t.dtype)

    @property
    def standing(self) -> Number:
        """Power of a membrane on its way to the threshold, mean over the table's longest intervals [W]."""
        rise = self.energy[..., -1] - self.energy[..., -2]
        return jnp.maximum(rise / (self.interval[..., -1] - self.interval[..., -2]), 0.0)

    def listed(self, times: Any, ids: Any, size: int, start: float, duration: float) -> float:
        """Energy of `size` neurons whose spikes are listed in order of time [J].

        Args:
            times: Of the spikes [s].
            ids: Who fired.
            size: Neurons.
            start: Begin of the run: a neuron's first interval is counted from there [s].
            duration: Length of the run [s].
        """
        times, ids = np.asarray(times, np.float64), np.asarray(ids)
        order = np.lexsort((times, ids))
        t, who = times[order], ids[order]
        first = np.r_[True, who[1:] != who[:-1]] if t.size else np.zeros(0, bool)
        intervals = t - np.where(first, start, np.r_[start, t[:-1]]) if t.size else t
        last = np.full(size, float(start))
        np.maximum.at(last, who, t)
        silent = float(np.sum(start + duration - last))
        return float(np.sum(np.asarray(self.of(intervals), np.float64))) + float(self.power) * max(silent, 0.0)

    def raster(self, fired: Number, dt: Number) -> Number:
        """Energy of the neurons of each sample, for spikes (steps, batch, neurons) of 1 and 0: shape (batch,) [J].

        Its derivative by a spike is what that spike costs; moving spikes in time has none.
        """
        steps = fired.shape[0]
        clock = jnp.arange(1, steps + 1, dtype=fired.dtype)[:, None, None]
        before = lax.cummax(lax.stop_gradient(jnp.where(fired > 0.5, clock, 0.0)), axis=0)
        last = jnp.concatenate([jnp.zeros_like(before[:1]), before[:-1]])
        each = self.of((clock - last) * jnp.asarray(dt, fired.dtype))
        silent = jnp.sum(steps - before[-1], axis=-1) * dt
        return jnp.sum(fired * each, axis=(0, 2)) + self.power * silent
