"""A weight matrix on a chip, in the place where a layer has its weights: ``operand @ x`` is a product in place."""

from __future__ import annotations

import abc
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ChipError
from mho.crossbars import Product
from mho.crossbars.calibration import formed
from mho.networks.listening import say

Ear = Literal["", "flow", "cost"]
"""What an operand tells while somebody listens: nothing; inputs, products and the energy of its drivers; or that energy
and how many vectors it was."""


def across(x: Any) -> Any:
    """Numbers at the boundary between the digital part and a crossbar: single precision, whatever they were."""
    return jnp.asarray(x, jnp.float32)


class AbstractOperand(eqx.Module):
    """What can stand for an array (outputs, inputs) in ``operand @ x``."""

    @abc.abstractmethod
    def rows(self, x: Any) -> Any:
        """Products (n, outputs) of vectors (n, inputs)."""

    def __matmul__(self, x: Any) -> Any:
        """Product with a vector (inputs,) or with the columns of (inputs, n)."""
        return self.rows(x[None])[0] if jnp.ndim(x) == 1 else self.rows(jnp.swapaxes(x, 0, 1)).T


class Slot(eqx.Module):
    """The place of a weight matrix in a network; the matrix itself lies on the chip.

    Args:
        name: Of the matrix on the chip.
        kind: Of the layer.
        shape: Outputs and inputs.
        scale: By which each output is multiplied as a number, or None.
        shift: That is added to it then, or None.
    """

    name: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)
    scale: Any = None
    shift: Any = None

    def corrected(self, scale: Any, shift: Any) -> Slot:
        """The place of the same matrix, its outputs scaled and shifted, or (None) not."""
        return Slot(self.name, self.kind, self.shape, *(None if x is None else across(x) for x in (scale, shift)))

    def rows(self, x: Any) -> Any:
        """Without a chip there is no product."""
        raise RuntimeError(f"The weights of {self.name!r} lie on a chip: call the network that holds the chip.")


class Operand(AbstractOperand):
    """A matrix as the hardware multiplies by it.

    Args:
        slot: Its place.
        product: What the chip prepared.
        key: For the noise of its products; None for products without noise and converters.
        ear: What is told of every product.
    """

    slot: Slot
    product: Product
    key: Any = None
    ear: Ear = eqx.field(static=True, default="")

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        return self.product.grid.outputs, self.product.grid.inputs

    @property
    def ndim(self) -> int:
        """Two, as of any matrix."""
        return 2

    def __matmul__(self, x: Any) -> Any:
        """As of any operand.

        Raises:
            ChipError: If `x` is no vector, and no matrix of vectors, of as many entries as the matrix has inputs.
        """
        shape, (outputs, inputs) = np.shape(x), self.shape
        if len(shape) not in (1, 2) or shape[0] != inputs:
            raise ChipError(
                f"A product with {self.slot.name!r} ({outputs} outputs, {inputs} inputs) was asked for with an array "
                f"of shape {shape}. Do the samples lie along the first axis, each of the shape that the network takes?"
            )
        return super().__matmul__(x)

    def rows(self, x: Any) -> Any:
        """Products (n, outputs) of vectors (n, inputs)."""
        given = jnp.result_type(x)
        x = across(x)
        product = self.product
        if self.key is None:
            y, energy = product.ideal(x), jnp.zeros((), x.dtype)
        else:
            found = formed(product, x, keyed(self.key, x))
            y, energy = found.y, found.energy
        if self.ear == "flow":
            x, y, energy = say(self.slot.name, x, y, energy)
        elif self.ear == "cost":
            say(self.slot.name, energy, jnp.full((), x.shape[0], jnp.int32))
        if self.slot.scale is not None:
            y = y * self.slot.scale
        if self.slot.shift is not None:
            y = y + self.slot.shift
        return across(y).astype(given) if jnp.issubdtype(given, jnp.floating) else across(y)


def keyed(key: jax.Array, x: Any) -> jax.Array:
    """A key for the vectors `x`: a matrix is used many times in a network, each time with noise of its own.

    The bits of the vectors are folded in, so that reads differ wherever inputs do.
    """
    bits = lax.bitcast_convert_type(lax.stop_gradient(across(x)), jnp.uint32).ravel()
    odd = jnp.asarray(2 * np.arange(bits.size, dtype=np.uint32) + 1) * np.uint32(0x9E3779B1)
    return jax.random.fold_in(key, jnp.sum(bits * odd, dtype=jnp.uint32))


def bound(network: Any, products: dict[str, Product], key: Any, ear: Ear = "") -> Any:
    """The network with operands in its slots.

    Args:
        network: With slots.
        products: By name.
        key: For the noise, or None.
        ear: What operands tell.
    """
    order = {name: k for k, name in enumerate(products)}

    def one(node: Any) -> Any:
        if not isinstance(node, Slot):
            return node
        own = None if key is None else jax.random.fold_in(key, order[node.name])
        return Operand(node, products[node.name], own, ear)

    return jax.tree.map(one, network, is_leaf=is_slot)


def is_slot(node: Any) -> bool:
    """Whether a node of a network is the place of a matrix."""
    return isinstance(node, Slot)


def slots_of(network: Any) -> dict[str, Slot]:
    """Slots by name, in the order of the network."""
    return {slot.name: slot for slot in jax.tree.leaves(network, is_leaf=is_slot) if is_slot(slot)}
