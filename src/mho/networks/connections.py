"""Who talks to whom, with what weight and how late; and what a volley of spikes makes of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Array, Int

from mho.core import engineering
from mho.core.errors import InputError, ParameterError
from mho.core.fields import check_ranges, quantity
from mho.networks.synapse import AbstractSynapse, Number, batch_shape, train


class Connections(eqx.Module):
    """A list of n synapses from `inputs` sources to `outputs` neurons.

    Args:
        pre: Source of each synapse, shape (n,).
        post: Neuron of each synapse, shape (n,).
        weight: Current that a spike of unit efficacy adds, shape (n,) [A].
        delay: From a spike to its effect, the same for all [s].
        inputs: Number of sources.
        outputs: Number of neurons.

    Raises:
        ParameterError: If an index is out of range or the lists differ in length.
    """

    pre: Int[Array, " n"]
    post: Int[Array, " n"]
    weight: Number = quantity("A")
    delay: Number = quantity("s", low=0.0)
    inputs: int = eqx.field(static=True)  # pyright: ignore[reportGeneralTypeIssues]
    outputs: int = eqx.field(static=True)  # pyright: ignore[reportGeneralTypeIssues]

    def __check_init__(self) -> None:
        check_ranges(self)
        if not all(isinstance(x, np.ndarray) for x in (self.pre, self.post, self.weight)):
            return
        if not (self.pre.shape == self.post.shape == self.weight.shape and self.pre.ndim == 1):
            shapes = f"{self.pre.shape}, {self.post.shape} and {self.weight.shape}"
            raise ParameterError(f"Connections: pre, post and weight have shapes {shapes}; give one entry per synapse.")
        for name, index, size in (("pre", self.pre, self.inputs), ("post", self.post, self.outputs)):
            if index.size and (index.min() < 0 or index.max() >= size):
                raise ParameterError(
                    f"Connections.{name} runs from {index.min()} to {index.max()}; allowed is 0 to {size - 1}."
                )

    @classmethod
    def dense(cls, weight: Any, *, delay: float = 0.0) -> Connections:
        """All to all from a matrix of shape (outputs, inputs) [A]."""
        weight = np.asarray(weight, np.float64)
        post, pre = (x.ravel() for x in np.indices(weight.shape))
        return cls(pre, post, weight.ravel(), delay, weight.shape[1], weight.shape[0])

    @classmethod
    def one_to_one(cls, weight: Any, *, delay: float = 0.0) -> Connections:
        """Source k to neuron k, with weights of shape (n,) [A]."""
        weight = np.asarray(weight, np.float64)
        index = np.arange(weight.size)
        return cls(index, index, weight, delay, weight.size, weight.size)


class Arrivals(NamedTuple):
    """Jumps of current in time order: when [s], at which neuron, how large [A]."""

    times: np.ndarray
    post: np.ndarray
    jumps: np.ndarray


def arrivals(connections: Connections, synapse: AbstractSynapse, times: Any) -> Arrivals:
    """What spikes that are known beforehand make of the currents: every synapse's train, exactly, in time order.

    Args:
        connections: n synapses.
        synapse: One synapse that all are alike to, or a batch of n.
        times: Spikes of each source, shape (inputs, m), rows padded with NaN [s].

    Raises:
        InputError: If spikes are not in order, or come before 0.
    """
    times = np.atleast_2d(np.asarray(times, np.float64))
    first = float(np.nanmin(times, initial=np.inf))
    if first < 0:
        raise InputError(f"A spike comes at {engineering(first, 's')}; times must not be negative. Shift the train.")
    pre = np.asarray(connections.pre)
    if batch_shape(synapse):
        efficacy = np.asarray(train(synapse, times[pre])[0])
    else:  # synapses that are alike and see the same spikes stay alike: one state a source stands for all of them
        efficacy = np.asarray(train(synapse, times)[0])[pre]
    post = np.broadcast_to(np.asarray(connections.post)[:, None], efficacy.shape)
    jumps = np.asarray(connections.weight)[:, None] * efficacy
    return in_order(times[pre] + float(connections.delay), post, jumps)


def in_order(times: np.ndarray, post: np.ndarray, jumps: np.ndarray) -> Arrivals:
    """Jumps sorted by time; those at NaN are left out."""
    there = np.isfinite(times)
    order = np.argsort(times[there], kind="stable")
    return Arrivals(times[there][order], post[there][order], jumps[there][order])
