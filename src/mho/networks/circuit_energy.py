"""What a neuron circuit takes: a power for each voltage of its membrane, the input's charge, an energy for a spike."""

from __future__ import annotations

import itertools
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.networks.synapse import Number


class CircuitEnergy(eqx.Module):
    r"""Energy of a neuron along its membrane's voltage and spikes.

    .. math:: E = \int \left(P(V) + \max(I, 0)\,V\right) dt + \sum_{spikes} E_s(t_{dwell})

    P is on lines between its voltages, level outside. A threshold stage takes the more the longer it stands in its
    transition: E_s is on lines over the time that the membrane spent above `v_dwell` before the spike, level outside.
    In the refractory time only the spike's energy counts: it holds all that the circuit takes until the membrane is
    released.

    Args:
        v: Voltages of the membrane, growing; the first is that at rest [V].
        power: Of supplies and biases there, membrane held [W].
        v_dwell: Voltage above which a membrane dwells [V].
        dwell: Times above it, growing [s].
        spike: Energy of a spike after them, without what came before [J].

    Raises:
        ParameterError: If a table has less than two entries, or does not grow.
    """

    v: tuple[Number, ...] = quantity("V")
    power: tuple[Number, ...] = quantity("W", low=0.0)
    v_dwell: Number = quantity("V")
    dwell: tuple[Number, ...] = quantity("s", low=0.0)
    spike: tuple[Number, ...] = quantity("J")

    def __check_init__(self) -> None:
        check_ranges(self)
        for x, y, names in ((self.v, self.power, "v, power"), (self.dwell, self.spike, "dwell, spike")):
            plain = all(isinstance(number, np.ndarray) for number in x)
            if len(x) < 2 or len(x) != len(y) or (plain and any(np.any(b <= a) for a, b in itertools.pairwise(x))):
                raise ParameterError(
                    f"CircuitEnergy's table of {names} has {len(x)} and {len(y)} entries; give at least two of each, "
                    "the first growing."
                )

    def flow(self, v: Number, i: Number) -> Number:
        """Power that supplies, biases and input give to a membrane at `v` under an input `i` [W]."""
        return _lines(self.v, self.power, v) + jnp.maximum(i, 0.0) * jnp.maximum(v, 0.0)

    def dwelt(self, before: Number, v: Number, end: Number, t: Number) -> Number:
        """Time above v_dwell since the membrane rose above it, `before` and on its way from `v` to `end` in `t` [s]."""
        apart = jnp.where(end == v, 1.0, end - v)
        rising = jnp.minimum(jnp.maximum((end - self.v_dwell) / apart, 0.0), 1.0)
        share = jnp.where(v > self.v_dwell, 1.0, rising)
        return jnp.where(end > self.v_dwell, before + share * t, 0.0)

    def firing(self, dwell: Number) -> Number:
        """Energy of a spike after a time above v_dwell [J]."""
        return _lines(self.dwell, self.spike, dwell)


def _lines(x: tuple[Any, ...], y: tuple[Any, ...], at: Any) -> Any:
    """Lines between points, level outside; products and sums alone, so that kernels have it."""
    value = y[0] + 0.0 * at
    for (a, b), (low, high) in zip(itertools.pairwise(x), itertools.pairwise(y), strict=True):
        value = value + jnp.minimum(jnp.maximum(at - a, 0.0), b - a) * ((high - low) / (b - a))
    return value
