"""What a neuron circuit takes: a power for every voltage of its membrane, the input's charge, and an energy for a spike."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.networks.synapse import Number


class CircuitEnergy(eqx.Module):
    r"""Energy of a neuron along its membrane's voltage and spikes.

    .. math:: E = \int \left(P(V) + \max(I, 0)\,V\right) dt + \sum_{spikes} E_s(I)

    P is on lines between its voltages, E_s on lines over ln I between its currents, both level outside. In the refractory
    time only the spike's energy counts: reset and all that the circuit takes until then is in it.

    Args:
        v: Voltages of the membrane, growing; the first is that at rest [V].
        power: Of supplies and biases there, membrane held [W].
        current: Inputs at the time of the spike, growing [A].
        spike: Energy of a spike under them, without what came before it [J].

    Raises:
        ParameterError: If a table has less than two entries, or does not grow.
    """

    v: tuple[Number, ...] = quantity("V")
    power: tuple[Number, ...] = quantity("W", low=0.0)
    current: tuple[Number, ...] = quantity("A", positive=True)
    spike: tuple[Number, ...] = quantity("J")

    def __check_init__(self) -> None:
        check_ranges(self)
        for x, y, names in ((self.v, self.power, "v, power"), (self.current, self.spike, "current, spike")):
            plain = all(isinstance(number, np.ndarray) for number in x)
            if len(x) < 2 or len(x) != len(y) or (plain and any(b <= a for a, b in zip(x, x[1:], strict=False))):
                raise ParameterError(
                    f"CircuitEnergy's table of {names} has {len(x)} and {len(y)} entries; give at least two of each, the "
                    "first growing."
                )

    def flow(self, v: Number, i: Number) -> Number:
        """Power that supplies, biases and input give to a membrane at `v` under an input `i` [W]."""
        return _lines(self.v, self.power, v) + jnp.maximum(i, 0.0) * jnp.maximum(v, 0.0)

    def firing(self, i: Number) -> Number:
        """Energy of a spike that an input `i` brings about [J]."""
        grid = tuple(_log(x) for x in self.current)
        return _lines(grid, self.spike, jnp.log(jnp.maximum(i, self.current[0])))


def _log(x: Any) -> Any:
    return np.asarray(math.log(float(x))) if isinstance(x, np.ndarray) and x.ndim == 0 else jnp.log(x)


def _lines(x: tuple[Any, ...], y: tuple[Any, ...], at: Any) -> Any:
    """Lines between points, level outside; products and sums alone, so that kernels have it."""
    value = y[0] + 0.0 * at
    for a, b, low, high in zip(x, x[1:], y, y[1:], strict=False):
        value = value + jnp.minimum(jnp.maximum(at - a, 0.0), b - a) * ((high - low) / (b - a))
    return value
