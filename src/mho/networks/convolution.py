"""A convolution as the product of a matrix with the patches of its input."""

from __future__ import annotations

import itertools
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax

_MODES = {"ZEROS": "constant", "REFLECT": "reflect", "REPLICATE": "edge", "CIRCULAR": "wrap"}


class PatchConv(eqx.Module):
    r"""A convolution whose kernels are rows of matrices: :math:`y_{o,p} = \sum_k W_{ok}\,x_{k,p} + b_o`.

    Patches lie channel by channel, within a channel in the order of the kernel. Every place of the output is one
    vector for the matrix.

    Args:
        operands: One matrix, or one a group; anything with ``rows``.
        bias: (outputs, 1, ...), or None.
        kernel: Size of the kernel.
        stride: Of the kernel.
        dilation: Of the kernel.
        padding: Before and after each axis, or "SAME", "SAME_LOWER", "VALID".
        mode: "ZEROS", "REFLECT", "REPLICATE" or "CIRCULAR".
    """

    operands: tuple[Any, ...]
    bias: Any
    kernel: tuple[int, ...] = eqx.field(static=True)
    stride: tuple[int, ...] = eqx.field(static=True)
    dilation: tuple[int, ...] = eqx.field(static=True)
    padding: Any = eqx.field(static=True)
    mode: str = eqx.field(static=True)

    @classmethod
    def of(cls, layer: eqx.nn.Conv, operands: tuple[Any, ...]) -> PatchConv:
        """The convolution `layer` with `operands` for its kernels."""
        bias = layer.bias if layer.use_bias else None
        return cls(
            operands, bias, layer.kernel_size, layer.stride, layer.dilation, layer.padding, layer.padding_mode
        )  # fmt: skip

    def __call__(self, x: Any, *, key: Any = None) -> Any:
        """Convolve x (channels, ...)."""
        patches, shape = self.patches(x)
        parts = jnp.split(patches, len(self.operands), axis=1)
        y = jnp.concatenate([w.rows(part) for w, part in zip(self.operands, parts, strict=True)], axis=1)
        y = y.T.reshape(-1, *shape)
        return y if self.bias is None else y + self.bias

    def patches(self, x: Any) -> tuple[Any, tuple[int, ...]]:
        """Patches of x (channels, ...) as vectors (places, channels * kernel), and the shape of the places."""
        spatial = x.shape[1:]
        reach = tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        pads = self.padding
        if isinstance(pads, str):
            pads = lax.padtype_to_pads(spatial, reach, self.stride, pads)
        if any(sum(pair) for pair in pads):
            x = jnp.pad(x, [(0, 0), *pads], _MODES[self.mode])
        places, shape = _places(x.shape[1:], self.kernel, self.stride, self.dilation, reach)
        taken = x.reshape(x.shape[0], -1)[:, places]  # channels, places, kernel
        return jnp.swapaxes(taken, 0, 1).reshape(len(places), -1), shape


def _places(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    reach: tuple[int, ...],
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Flat indices (places, kernel) into an input of `size`, and the shape of the places."""
    shape = tuple((n - r) // s + 1 for n, r, s in zip(size, reach, stride, strict=True))
    corners = np.stack([np.asarray(c) for c in itertools.product(*(range(n) for n in shape))]) * np.asarray(stride)
    steps = np.stack([np.asarray(c) for c in itertools.product(*(range(k) for k in kernel))]) * np.asarray(dilation)
    where = corners[:, None, :] + steps[None, :, :]
    return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(where, -1, 0)), size)), shape


def matrices_of(layer: eqx.nn.Conv, grouped: str) -> list[Any]:
    """The kernels of a convolution as matrices (outputs, inputs): one, or one a group.

    Args:
        layer: The convolution.
        grouped: ``"block"`` for one matrix in which each group has its block and zeros elsewhere; ``"separate"``.
    """
    groups = layer.groups
    if groups == 1:
        return [layer.weight.reshape(layer.out_channels, -1)]
    parts = layer.weight.reshape(groups, layer.out_channels // groups, -1)
    if grouped == "separate":
        return list(parts)
    outputs, inputs = parts.shape[1:]
    blocks = jnp.zeros((groups, outputs, groups, inputs), parts.dtype)
    each = np.arange(groups)
    return [blocks.at[each, :, each, :].set(parts).reshape(groups * outputs, groups * inputs)]
