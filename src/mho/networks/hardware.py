"""Hardware in the forward pass: what a matrix meets on a chip, in a form that gradients go through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core import random
from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.crossbars.converters import rounded, within
from mho.devices.device import Number
from mho.networks.calls import Call, usual
from mho.networks.listening import Heard, heard_of_each, say
from mho.networks.noise import AbstractWeightNoise
from mho.networks.operand import AbstractOperand, across, keyed
from mho.networks.weights import rebuilt

_PERCENT = 99.9


class Hardware(eqx.Module):
    r"""What the products of a network meet: quantised inputs, noisy weights, noise of reading, quantised outputs.

    .. math:: y = Q_o\!\left(\tilde W\,Q_i(x) + \sigma\,y_{max}\,\xi\right), \qquad
              \tilde W = f_K(\dots f_1(W)), \qquad
              Q(z) = z_{max}\,\mathrm{round}(L\,z / z_{max})/L \ \text{within}\ \pm z_{max}, \quad L = 2^{b-1} - 1

    Weights are drawn once a pass for a whole batch, reads for every vector. Rounding passes gradients straight through;
    clipping stops them. The ranges are those of `ranged`; without them each vector is its own range.

    Args:
        weights: What happens to weights, in order.
        input_bits: Of the DACs, sign included; None for exact inputs.
        output_bits: Of the ADCs, sign included; None for exact outputs.
        read_noise: Standard deviation of an output over its range [1].
        ranges: Largest input and output of each matrix, by name.

    Limits: a matrix that a chip cuts into several blocks of rows has a converter for each; here it has one.
    """

    weights: tuple[AbstractWeightNoise, ...] = ()
    input_bits: int | None = eqx.field(static=True, default=None)
    output_bits: int | None = eqx.field(static=True, default=None)
    read_noise: Number = quantity("1", low=0.0, default=0.0)
    ranges: dict[str, tuple[Any, Any]] = eqx.field(default_factory=dict)

    def __check_init__(self) -> None:
        check_ranges(self)
        for name in ("input_bits", "output_bits"):
            bits = getattr(self, name)
            if bits is not None and not (isinstance(bits, int) and 2 <= bits <= 24):
                raise ChipError(f"Hardware.{name} is {bits!r}; it must be a whole number from 2 to 24, or None.")

    def on(self, network: Any, *, key: jax.Array | None, told: bool = False, **how: Any) -> Any:
        """The network with its matrices as this hardware has them in one pass.

        Args:
            network: Any tree of Equinox modules.
            key: JAX random key; None for weights and reads without noise.
            told: Whether matrices tell their inputs and products to whoever listens.
            **how: As in :func:`mho.networks.weights.rebuilt`.
        """
        places: dict[str, int] = {}

        def made(name: str, kind: str, w: Any) -> Met:
            own = None if key is None else jax.random.fold_in(key, places.setdefault(name, len(places)))
            if own is not None:
                for k, noise in enumerate(self.weights):
                    w = noise(w, key=jax.random.fold_in(own, k + 1))
            return Met(w, name, self, own, told)

        return rebuilt(network, made, **how)

    def outputs(self, network: Any, x: Any, *, key: jax.Array | None, call: Call | None = None) -> Any:
        """Outputs of a batch of samples (n, ...) in one pass."""
        return _passed(self, network, jnp.asarray(x), key, usual(network) if call is None else call)

    def ranged(self, network: Any, x: Any, *, call: Call | None = None, **how: Any) -> Hardware:
        """The same with ranges from samples x (n, ...) that flow through the network.

        The largest inputs, and a percentile of the outputs, as a chip is calibrated by default.
        """
        call = usual(network) if call is None else call
        found: dict[str, list[tuple[np.ndarray, ...]]] = {}
        for word in _told(Hardware(), network, jnp.asarray(x), call, tuple(sorted(how.items()))):
            found.setdefault(word.name, []).append(tuple(np.abs(a).ravel() for a in word.what))
        ranges = {}
        for name, words in found.items():
            inputs, outputs = (np.concatenate(parts) for parts in zip(*words, strict=True))
            ends = max(float(inputs.max()), 1e-30), max(float(np.percentile(outputs, _PERCENT)), 1e-30)
            ranges[name] = (across(ends[0]), across(ends[1]))
        return eqx.tree_at(lambda h: h.ranges, self, ranges, is_leaf=lambda n: isinstance(n, dict))


@eqx.filter_jit
def _passed(hardware: Hardware, network: Any, x: Any, key: Any, call: Call) -> Any:
    met = hardware.on(network, key=key)
    return jax.vmap(lambda one: call(met, one))(x)


@eqx.filter_jit
def _told(hardware: Hardware, network: Any, x: Any, call: Call, how: Sequence[tuple[str, Any]]) -> list[Heard]:
    met = hardware.on(network, key=None, told=True, **dict(how))
    return heard_of_each(lambda one: call(met, one), x)[1]


class Met(AbstractOperand):
    """A matrix as a pass meets it.

    Args:
        w: Weights, noise included.
        name: Of the matrix.
        hardware: What else it meets.
        key: For the noise of reading, or None.
        told: Whether it tells inputs and products.
    """

    w: Any
    name: str = eqx.field(static=True)
    hardware: Hardware
    key: Any = None
    told: bool = eqx.field(static=True, default=False)

    def rows(self, x: Any) -> Any:
        """Products (n, outputs) of vectors (n, inputs)."""
        h = self.hardware
        x_max, y_max = h.ranges.get(self.name, (None, None))
        y = _quantised(x, x_max, h.input_bits) @ self.w.T
        if self.told:
            _, y = say(self.name, x, y)
        if self.key is not None:
            y = y + h.read_noise * _range(y, y_max) * random.normal(keyed(self.key, x), y.shape, y.dtype)
        return _quantised(y, y_max, h.output_bits)


def _range(z: Any, given: Any) -> Any:
    """A range given, or the largest magnitude of each vector."""
    return lax.stop_gradient(jnp.max(jnp.abs(z), axis=1, keepdims=True)) if given is None else given


def _quantised(z: Any, given: Any, bits: int | None) -> Any:
    if bits is None:
        return z
    most = jnp.maximum(_range(z, given), 1e-30)
    return most * rounded(within(z / most, -1.0, 1.0), 2.0 ** (bits - 1) - 1.0)
