"""Networks of the field by name: feed-forward, balanced, reservoir, convolutional neighbourhood."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import jax
import numpy as np

from mho.core.errors import ParameterError
from mho.networks.populations.connectivity import Connectivity, all_to_all, fixed_indegree, fixed_probability
from mho.networks.trains import generator


class Wiring(NamedTuple):
    """Synapses with their relative weights (times a unit [A] or [S] of your own) and the receptors they act on."""

    connectivity: Connectivity
    weight: np.ndarray
    receptor: np.ndarray


def feed_forward(sizes: Sequence[int], *, key: jax.Array, probability: float = 1.0) -> list[Connectivity]:
    """From each layer to the next, all to all or with a probability.

    Args:
        sizes: Neurons of each layer.
        key: JAX random key.
        probability: Of a synapse [1].
    """
    if probability == 1.0:
        return [all_to_all(a, b) for a, b in pairwise(sizes)]
    keys = jax.random.split(key, len(sizes) - 1)
    return [fixed_probability(a, b, probability, key=k) for (a, b), k in zip(pairwise(sizes), keys, strict=True)]


def balanced(
    excitatory: int,
    inhibitory: int,
    *,
    key: jax.Array,
    probability: float | None = None,
    degree: int | None = None,
    ratio: float = 4.0,
) -> Wiring:
    """A recurrent population whose last `inhibitory` neurons act on receptor 1, `ratio` times as strongly as the rest.

    Args:
        excitatory: Excitatory neurons, the first ones; they act on receptor 0.
        inhibitory: Inhibitory neurons.
        key: JAX random key.
        probability: Of a synapse; or give `degree` [1].
        degree: Synapses on each neuron, from anywhere; or give `probability`.
        ratio: Strength of an inhibitory synapse relative to an excitatory one; inhibitory weights are negative, as
            currents are; take their size for conductances [1].

    Source: Brunel, J. Comput. Neurosci. 8 (2000) 183; Vogels and Abbott, J. Neurosci. 25 (2005) 10786.
    """
    n = excitatory + inhibitory
    if (probability is None) == (degree is None):
        raise ParameterError("balanced() takes either a probability or an in-degree. Give one of them.")
    if degree is None:
        wires = fixed_probability(n, n, float(probability or 0.0), key=key, self_connections=False)
    else:
        wires = fixed_indegree(n, n, degree, key=key, self_connections=False)
    inhibits = wires.pre >= excitatory
    return Wiring(wires, np.where(inhibits, -ratio, 1.0), inhibits.astype(np.int32))


def reservoir(n: int, degree: int, *, radius: float, key: jax.Array, inhibitory: float = 0.2) -> Wiring:
    """A recurrent pool with log-normal weights of both signs, scaled to a spectral radius.

    Args:
        n: Neurons.
        degree: Synapses on each.
        radius: Largest magnitude of an eigenvalue of the weight matrix [1].
        key: JAX random key.
        inhibitory: Share of inhibitory neurons, the last ones, which act on receptor 1 with negative weights [1].

    Source: Maass, Natschlaeger and Markram, Neural Computation 14 (2002) 2531; the scaling is Jaeger's (2001).
    """
    key_wires, key_weights = jax.random.split(key)
    wires = fixed_indegree(n, n, degree, key=key_wires, self_connections=False)
    inhibits = wires.pre >= n - round(inhibitory * n)
    weight = generator(key_weights).lognormal(0.0, 0.5, wires.synapses) * np.where(inhibits, -1.0, 1.0)
    return Wiring(wires, weight * (radius / _spectral_radius(wires, weight)), inhibits.astype(np.int32))


def _spectral_radius(wires: Connectivity, weight: np.ndarray) -> float:
    """By ARPACK where the matrix is large, by LAPACK where it is small."""
    import scipy.sparse as sparse
    from scipy.sparse.linalg import eigs

    matrix = sparse.csr_matrix((weight, (wires.post, wires.pre)), (wires.outputs, wires.inputs))
    if wires.outputs <= 400:
        return float(np.abs(np.linalg.eigvals(matrix.toarray())).max())
    start = np.ones(wires.outputs)
    return float(np.abs(eigs(matrix, k=3, v0=start, return_eigenvectors=False)).max())


class Neighbourhood(NamedTuple):
    """A convolution as synapses: `shape` of the output (channels, rows, columns), and each synapse's kernel entry."""

    connectivity: Connectivity
    entry: np.ndarray
    shape: tuple[int, int, int]


def neighbourhood(
    shape: tuple[int, int, int], kernel: tuple[int, int], *, channels: int = 1, stride: int = 1, padding: int = 0
) -> Neighbourhood:
    """Every output neuron on the patch of inputs under its kernel.

    Args:
        shape: Of the input: channels, rows, columns; neurons are numbered in this order.
        kernel: Rows and columns of the kernel.
        channels: Of the output.
        stride: Steps between neighbouring patches.
        padding: Rows and columns of silence around the input.

    Returns:
        The synapses; `weights.ravel()[entry]` with kernel weights of shape (channels, input channels, rows, columns)
        are their weights.

    Raises:
        ParameterError: If the kernel does not fit.
    """
    depth, rows, columns = shape
    high, wide = ((size + 2 * padding - k) // stride + 1 for size, k in zip((rows, columns), kernel, strict=True))
    if min(high, wide) < 1:
        raise ParameterError(f"A kernel of {kernel} does not fit on {rows} x {columns} with {padding} of padding.")
    out, into, r, c, i, j = np.indices((channels, depth, high, wide, *kernel)).reshape(6, -1)
    y, x = r * stride + i - padding, c * stride + j - padding
    inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    pre = (into * rows + y) * columns + x
    post = (out * high + r) * wide + c
    entry = ((out * depth + into) * kernel[0] + i) * kernel[1] + j
    wires, order = Connectivity.ordered(
        pre[inside], post[inside], inputs=depth * rows * columns, outputs=channels * high * wide
    )
    return Neighbourhood(wires, entry[inside][order], (channels, high, wide))
