"""Graphs of layers: what they refuse, what folding keeps, and that layers are found in them."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import NetworkError
from mho.networks import BatchNorm, Graph, Node, fold_batch_norm, function, sequential
from mho.networks.layers import convolution, linear

RANDOM = np.random.default_rng(7)


def numbers(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def batch_norm(channels: int) -> BatchNorm:
    numbers_of = [numbers(channels), np.abs(numbers(channels)) + 0.5, numbers(channels), numbers(channels)]
    return BatchNorm(*map(jnp.asarray, numbers_of), epsilon=1e-3)


@pytest.fixture(scope="module")
def network() -> Graph:
    """Two grouped convolutions with norms, the second in a residual: its norm cannot be folded away."""
    head = [
        Node("conv", convolution(numbers(4, 2, 3, 3), padding=1, groups=1), ("x",), 3),
        Node("norm", batch_norm(4), ("conv",)),
        Node("again", convolution(numbers(4, 2, 3, 3), numbers(4), padding=1, groups=2), ("norm",), 3),
        Node("norm_again", batch_norm(4), ("again",)),
        Node("sum", function("add"), ("again", "norm_again")),
        Node("pool", function("average_pool", kernel=2), ("sum",)),
        Node("flat", function("flatten"), ("pool",)),
        Node("out", linear(numbers(3, 16), numbers(3)), ("flat",), 1),
    ]
    return Graph(tuple(head), ("x",), ("out",))


def test_folding_keeps_results_and_what_is_used_twice(network):
    x = numbers(5, 2, 4, 4)
    folded = fold_batch_norm(network)
    assert [n.name for n in folded.nodes] == ["conv", "again", "norm_again", "sum", "pool", "flat", "out"]
    # Both are sums of about 40 float32 products of size 1.
    np.testing.assert_allclose(folded(x), eqx.filter_jit(network)(x), rtol=2e-5, atol=2e-5)


def test_layers_are_found_and_replaced_as_in_any_tree(network):
    is_layer = lambda x: isinstance(x, eqx.nn.Linear | eqx.nn.Conv)  # noqa: E731
    found = [x for x in jax.tree.leaves(network, is_leaf=is_layer) if is_layer(x)]
    assert [type(x).__name__ for x in found] == ["Conv2d", "Conv2d", "Linear"]
    silent = jax.tree.map(lambda x: jax.tree.map(jnp.zeros_like, x) if is_layer(x) else x, network, is_leaf=is_layer)
    assert not np.any(silent(numbers(2, 2, 4, 4)))


def test_a_layer_that_draws_draws_for_each_sample_anew():
    graph = sequential([("drop", eqx.nn.Dropout(0.5), 1)])
    drawn = graph(np.ones((3, 40), np.float32), key=jax.random.key(1))
    assert np.any(drawn[0] != drawn[1])
    assert set(np.unique(drawn)) == {0.0, 2.0}


def test_what_is_wrong_is_named():
    with pytest.raises(NetworkError, match="'b', which no node before"):
        Graph((Node("a", function("relu"), ("b",)),), ("x",), ("a",))
    with pytest.raises(NetworkError, match="called 'x'"):
        Graph((Node("x", function("relu"), ("x",)),), ("x",), ("x",))
    with pytest.raises(NetworkError, match="'y' is no node"):
        Graph((), ("x",), ("y",))
    with pytest.raises(NetworkError, match="no function 'rleu'"):
        function("rleu")
    with pytest.raises(NetworkError, match=r"bias must have the shape \(3,\), and is given \(4,\)"):
        linear(numbers(3, 2), numbers(4))
    with pytest.raises(NetworkError, match="2 inputs"):
        Graph((), ("x", "y"), ("x",))(np.zeros(1))
