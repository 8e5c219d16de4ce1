r"""Batch normalisation, once trained: folded into the matrix before it, or frozen as a scale and a shift.

.. math:: \gamma\,\frac{W x + b - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta = (s W)\,x + s\,(b - \mu) + \beta, \qquad
          s = \gamma / \sqrt{\sigma^2 + \epsilon}
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core.errors import ChipError
from mho.networks.graph import Graph
from mho.networks.normalisation import BatchNorm, fold_batch_norm
from mho.networks.normalisation import folded as into


class FrozenNorm(eqx.Module):
    """A trained normalisation: each channel scaled and shifted.

    Args:
        scale: Of each channel.
        shift: Of each channel.
    """

    scale: Any
    shift: Any

    def __call__(self, x: Any, *, key: Any = None) -> Any:
        """Normalise x (channels, ...)."""
        axes = (...,) + (None,) * (x.ndim - 1)
        return x * self.scale[axes] + self.shift[axes]


def frozen(layer: eqx.nn.BatchNorm, state: eqx.nn.State) -> FrozenNorm:
    """The normalisation with the statistics that training left in `state`."""
    if layer.mode == "ema":
        mean, variance = state.get(layer.ema_state_index)  # type: ignore[arg-type]
    else:
        counter = state.get(layer.batch_counter)  # type: ignore[arg-type]
        mean, variance = state.get(layer.batch_state_index)  # type: ignore[arg-type]
        share = jnp.where(counter == 0, 1.0, 1.0 - layer.momentum**counter)
        mean, variance = mean / share, variance / share
    scale = 1.0 / jnp.sqrt(variance + layer.eps)
    shift = -mean * scale
    if layer.channelwise_affine:
        assert layer.weight is not None
        assert layer.bias is not None
        scale, shift = scale * layer.weight, shift * layer.weight + layer.bias
    return FrozenNorm(scale, shift)


def folded(network: Any, state: eqx.nn.State | None = None) -> Any:
    """The network without batch normalisations: those right after a Linear or Conv of a chain or graph are folded in.

    What cannot be folded (it stands first, or after something that is not linear) is frozen as a scale and a shift.

    Args:
        network: Any tree of Equinox modules.
        state: What the normalisations learned; needed if there are :class:`equinox.nn.BatchNorm` among them.

    Raises:
        ChipError: If there are such normalisations and no state.
    """
    if state is None and any(isinstance(n, eqx.nn.BatchNorm) for n in _norms(network)):
        raise ChipError(
            "The network has batch normalisations, whose statistics lie in a State. Give it as state=, as "
            "equinox.nn.make_with_state returned it and training changed it."
        )

    def one(node: Any) -> Any:
        if isinstance(node, eqx.nn.BatchNorm):
            assert state is not None
            return frozen(node, state)
        if isinstance(node, Graph):
            return fold_batch_norm(node)
        if isinstance(node, eqx.nn.Sequential):
            return eqx.nn.Sequential(_merged([folded(layer, state) for layer in node.layers]))
        return node

    whole = (eqx.nn.BatchNorm, eqx.nn.Sequential, Graph)
    return jax.tree.map(one, network, is_leaf=lambda n: isinstance(n, whole))


def _norms(network: Any) -> list[Any]:
    return jax.tree.leaves(network, is_leaf=lambda n: isinstance(n, eqx.nn.BatchNorm))


def _merged(layers: list[Any]) -> list[Any]:
    """Layers of a chain with each frozen normalisation folded into the linear layer before it."""
    out: list[Any] = []
    for layer in layers:
        before = next((k for k in range(len(out) - 1, -1, -1) if not _passes(out[k])), None)
        if (
            isinstance(layer, FrozenNorm)
            and before is not None
            and isinstance(out[before], eqx.nn.Linear | eqx.nn.Conv)
        ):
            out[before] = merged(out[before], layer)
        else:
            out.append(layer)
    return out


def _passes(layer: Any) -> bool:
    """Whether a layer does nothing once training is over."""
    return isinstance(layer, eqx.nn.Identity) or (isinstance(layer, eqx.nn.Dropout) and bool(layer.inference))


def merged(layer: Any, norm: FrozenNorm) -> Any:
    """A Linear or Conv with the normalisation after it folded in."""
    zero = jnp.zeros_like(norm.scale)
    return into(layer, BatchNorm(zero, zero + 1.0, norm.scale, norm.shift, 0.0))
