"""Which source has a synapse on which neuron, as rows of a sparse matrix, one row a source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from mho.core.errors import ParameterError
from mho.networks.populations.checks import check_key, check_size
from mho.networks.trains import generator


@dataclass(frozen=True)
class Connectivity:
    """n synapses from `inputs` sources to `outputs` neurons, in the order of their sources.

    Args:
        pre: Source of each synapse, ascending, shape (n,).
        post: Neuron of each synapse, shape (n,).
        inputs: Number of sources.
        outputs: Number of neurons.

    Raises:
        ParameterError: If a size is no whole number from 1 on, an index is out of range, sources are not in
            order, or the lists differ in length.
    """

    pre: np.ndarray
    post: np.ndarray
    inputs: int
    outputs: int

    def __post_init__(self) -> None:
        check_size("Connectivity.inputs", self.inputs)
        check_size("Connectivity.outputs", self.outputs)
        if self.pre.shape != self.post.shape or self.pre.ndim != 1:
            raise ParameterError(
                f"Connectivity: pre and post have shapes {self.pre.shape} and {self.post.shape}; give one per synapse."
            )
        for name, index, size in (("pre", self.pre, self.inputs), ("post", self.post, self.outputs)):
            if index.size and (index.min() < 0 or index.max() >= size):
                raise ParameterError(
                    f"Connectivity.{name} runs from {index.min()} to {index.max()}; allowed is 0 to {size - 1}."
                )
        if np.any(np.diff(self.pre) < 0):
            raise ParameterError("Connectivity.pre is not ascending. Order your lists with Connectivity.ordered.")

    @classmethod
    def ordered(cls, pre: Any, post: Any, *, inputs: int, outputs: int) -> tuple[Connectivity, np.ndarray]:
        """Synapses listed in any order; with the order in which weights and other lists are to be taken."""
        pre, post = np.asarray(pre, np.int32), np.asarray(post, np.int32)
        order = np.argsort(pre, kind="stable")
        return cls(pre[order], post[order] if post.shape == pre.shape else post, inputs, outputs), order

    @property
    def synapses(self) -> int:
        """How many there are."""
        return self.pre.size

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each source's row begins, and where the last ends, shape (inputs + 1,)."""
        return np.searchsorted(self.pre, np.arange(self.inputs + 1)).astype(np.int64)

    @cached_property
    def out_degree(self) -> np.ndarray:
        """Synapses of each source, shape (inputs,)."""
        return np.diff(self.starts)


def all_to_all(inputs: int, outputs: int) -> Connectivity:
    """Every source on every neuron."""
    check_size("The number of inputs", inputs)
    check_size("The number of outputs", outputs)
    pre, post = np.indices((inputs, outputs), np.int32).reshape(2, -1)
    return Connectivity(pre, post, inputs, outputs)


def one_to_one(n: int) -> Connectivity:
    """Source k on neuron k."""
    check_size("The number of sources", n)
    index = np.arange(n, dtype=np.int32)
    return Connectivity(index, index, n, n)


def fixed_probability(
    inputs: int, outputs: int, probability: float, *, key: jax.Array, self_connections: bool = True
) -> Connectivity:
    """Every pair with the same probability, independently.

    Args:
        inputs: Number of sources.
        outputs: Number of neurons.
        probability: Of a synapse, above 0 and at most 1 [1].
        key: JAX random key.
        self_connections: Whether source k may have a synapse on neuron k.

    Raises:
        ParameterError: If the probability is out of range.
    """
    check_size("The number of inputs", inputs)
    check_size("The number of outputs", outputs)
    check_key("key", key)
    if not 0.0 < probability <= 1.0:
        raise ParameterError(f"The probability of a synapse is {probability:.4g}; it must be above 0 and at most 1.")
    draw, cells = generator(key), inputs * outputs
    found, at = [], -1
    while at < cells:  # gaps between Bernoulli successes are geometric: the cost is that of the synapses, not the pairs
        many = int((cells - at) * probability * 1.02 + 64)
        places = at + np.cumsum(draw.geometric(probability, many))
        found.append(places)
        at = int(places[-1])
    flat = np.concatenate(found)
    pre, post = np.divmod(flat[flat < cells], outputs)
    keep = np.ones(pre.size, bool) if self_connections else pre != post
    return Connectivity(pre[keep].astype(np.int32), post[keep].astype(np.int32), inputs, outputs)


def fixed_indegree(
    inputs: int, outputs: int, degree: int, *, key: jax.Array, self_connections: bool = True
) -> Connectivity:
    """Every neuron with `degree` synapses from different sources.

    Raises:
        ParameterError: If there are fewer sources than that.
    """
    check_size("The number of inputs", inputs)
    check_size("The number of outputs", outputs)
    check_size("The in-degree", degree)
    check_key("key", key)
    if not 0 < degree <= inputs - (not self_connections):
        raise ParameterError(f"An in-degree of {degree} was asked of {inputs} sources; it must be 1 to {inputs}.")
    draw = generator(key)
    pre = np.empty((outputs, degree), np.int32)
    for k in range(outputs):
        chosen = draw.choice(inputs - (not self_connections), degree, replace=False, shuffle=False)
        pre[k] = chosen if self_connections else chosen + (chosen >= k)
    post = np.repeat(np.arange(outputs, dtype=np.int32), degree)
    return Connectivity.ordered(pre.ravel(), post, inputs=inputs, outputs=outputs)[0]
