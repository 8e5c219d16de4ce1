"""Weights from PyTorch's files and Equinox's: what they become, and what is refused."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from mho.core.errors import NetworkError
from mho.interchange.weights import read_network, read_torch
from mho.networks import Graph

RANDOM = np.random.default_rng(5)
CLOSE = {"rtol": 2e-5, "atol": 2e-6}  # float32, another order of sums


def floats(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def torch_format(loaded):
    return loaded(Path(__file__).with_name("torch_format.py"))


def chain() -> OrderedDict:
    return OrderedDict(
        {
            "0.weight": floats(6, 4),
            "0.bias": floats(6),
            "1.weight": floats(6),
            "1.bias": floats(6),
            "1.running_mean": floats(6),
            "1.running_var": np.abs(floats(6)) + 0.5,
            "1.num_batches_tracked": np.asarray(7, np.int64),
            "10.weight": floats(3, 6),
            "10.bias": floats(3),
        }
    )


def chain_by_hand(t, x: np.ndarray) -> np.ndarray:
    y = x @ t["0.weight"].T + t["0.bias"]
    y = (y - t["1.running_mean"]) / np.sqrt(t["1.running_var"] + 1e-5) * t["1.weight"] + t["1.bias"]
    return np.maximum(y, 0) @ t["10.weight"].T + t["10.bias"]


def test_a_chain_told_from_names_and_shapes(tmp_path, torch_format):
    tensors, x = chain(), floats(5, 4)
    whole = np.zeros((7, 9), np.float32)  # a weight that is a transposed part of a larger storage
    whole[1:7, 2:5] = tensors["10.weight"].T
    stored = tensors | {"10.weight": whole[1:7, 2:5].T}
    torch_format.save({"epoch": 3, "state_dict": stored, "loss": 0.1}, tmp_path / "checkpoint.bin")
    safetensors.numpy.save_file({f"module.{k}": v for k, v in tensors.items()}, tmp_path / "weights")
    torch_format.save(stored, tmp_path / "old.pth", old=True)
    for name in ("checkpoint.bin", "weights", "old.pth"):
        graph = read_network(tmp_path / name, activation="relu")
        assert [n.name for n in graph.nodes] == ["0", "1", "relu", "10"]
        np.testing.assert_allclose(graph(x), chain_by_hand(tensors, x), **CLOSE)


def test_an_architecture_says_what_weights_do_not(tmp_path):
    tensors = {
        "conv.weight": floats(4, 2, 3, 3),
        "deep.weight": floats(4, 1, 3, 3),
        "deep.bias": floats(4),
        "head.weight": floats(3, 16),
    }
    path = tmp_path / "net.safetensors"
    safetensors.numpy.save_file(tensors, path)
    lines = ["conv padding=1 # the first", "relu", "deep padding=1 groups=4 name=d", "add inputs=relu,d"]
    lines += ["max_pool kernel=[2,2] stride=2", "flatten", "head"]
    graph = read_network(path, architecture="; ".join(lines[:1]) + "\n" + "\n".join(lines[1:]))
    toml = tmp_path / "net.toml"
    toml.write_text("layers = [\n" + "".join(f'  "{line}",\n' for line in lines) + "]\n")
    x = floats(2, 2, 4, 4)
    y = graph(x)
    np.testing.assert_array_equal(y, read_network(path, architecture=toml)(x))

    def conv(x, w, groups=1):
        out = jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", feature_group_count=groups)
        return np.asarray(out)

    a = np.maximum(conv(x, tensors["conv.weight"]), 0)
    a = a + conv(a, tensors["deep.weight"], 4) + tensors["deep.bias"][:, None, None]
    a = a.reshape(2, 4, 2, 2, 2, 2).max((3, 5)).reshape(2, 16)
    np.testing.assert_allclose(y, a @ tensors["head.weight"].T, **CLOSE)
    with pytest.raises(NetworkError, match="conv is conv2d, whose place, stride or form"):
        read_network(path, activation="relu")
    with pytest.raises(NetworkError, match="Add groups=4"):
        read_network(path, architecture="conv padding=1; relu; deep; flatten; head")
    with pytest.raises(NetworkError, match="leaves out deep, head"):
        read_network(path, architecture="conv")
    with pytest.raises(NetworkError, match="no option 'strid'"):
        read_network(path, architecture="conv strid=2; deep groups=4; head")
    with pytest.raises(NetworkError, match="'rleu' is neither a layer"):
        read_network(path, architecture="conv; rleu")


def test_recurrent_layers_and_attention(tmp_path):
    """Two layers of a bidirectional LSTM, then attention: by hand, gate by gate."""
    h, tensors = 3, {}
    for layer, inputs in ((0, 4), (1, 6)):
        for end in ("", "_reverse"):
            tail = f"_l{layer}{end}"
            tensors |= {f"rnn.weight_ih{tail}": floats(4 * h, inputs), f"rnn.weight_hh{tail}": floats(4 * h, h)}
            tensors |= {f"rnn.bias_ih{tail}": floats(4 * h), f"rnn.bias_hh{tail}": floats(4 * h)}
    tensors |= {"look.in_proj_weight": floats(18, 6), "look.in_proj_bias": floats(18)}
    tensors |= {"look.out_proj.weight": floats(6, 6), "look.out_proj.bias": floats(6)}
    path = tmp_path / "net.safetensors"
    safetensors.numpy.save_file(tensors, path)
    x = floats(2, 5, 4)
    found = read_network(path, architecture="rnn; look heads=2")(x)

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    def run(x, tail):
        w, r, b, c = (tensors[f"rnn.{n}{tail}"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        state, cell, out = np.zeros((2, h)), np.zeros((2, h)), []
        for t in range(5)[:: -1 if "reverse" in tail else 1]:
            i, f, g, o = np.split(x[:, t] @ w.T + state @ r.T + b + c, 4, axis=1)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            state = sigmoid(o) * np.tanh(cell)
            out.append(state)
        return np.stack(out[:: -1 if "reverse" in tail else 1], 1)

    y = x
    for layer in (0, 1):
        y = np.concatenate([run(y, f"_l{layer}"), run(y, f"_l{layer}_reverse")], -1)
    q, k, v = np.split(y @ tensors["look.in_proj_weight"].T + tensors["look.in_proj_bias"], 3, -1)
    q, k, v = (p.reshape(2, 5, 2, 3).transpose(0, 2, 1, 3) for p in (q, k, v))
    scores = np.exp(q @ k.transpose(0, 1, 3, 2) / np.sqrt(3))
    mixed = (scores / scores.sum(-1, keepdims=True)) @ v
    right = mixed.transpose(0, 2, 1, 3).reshape(2, 5, 6) @ tensors["look.out_proj.weight"].T
    np.testing.assert_allclose(found, right + tensors["look.out_proj.bias"], **CLOSE)
    with pytest.raises(NetworkError, match="heads=NUMBER"):
        read_network(path, architecture="rnn; look")


class Net(eqx.Module):
    body: eqx.nn.Sequential
    cell: eqx.nn.GRUCell
    scale: jax.Array

    def __init__(self, key):
        self.body = eqx.nn.Sequential([eqx.nn.Linear(4, 5, key=key), eqx.nn.Lambda(jnp.tanh)])
        self.cell = eqx.nn.GRUCell(5, 3, key=key)
        self.scale = jnp.ones(2)


def test_a_module_is_filled_by_name(tmp_path):
    like = Net(jax.random.key(0))
    tensors = {"body.0.weight": floats(5, 4), "body.0.bias": floats(5), "scale": floats(2)}
    tensors |= {"gru.weight_ih_l0": floats(9, 5), "gru.weight_hh_l0": floats(9, 3)}
    tensors |= {"gru.bias_ih_l0": floats(9), "gru.bias_hh_l0": floats(9)}
    path = tmp_path / "net.safetensors"
    safetensors.numpy.save_file(tensors, path)
    net = read_network(path, like=like, names={"cell": "gru"})
    np.testing.assert_array_equal(net.body[0].weight, tensors["body.0.weight"])
    np.testing.assert_array_equal(net.scale, tensors["scale"])
    # PyTorch's equations of a GRU, from its own documentation.
    x, h = floats(5), floats(3)
    a = np.split(tensors["gru.weight_ih_l0"] @ x + tensors["gru.bias_ih_l0"], 3)
    b = np.split(tensors["gru.weight_hh_l0"] @ h + tensors["gru.bias_hh_l0"], 3)
    r, z = (1 / (1 + np.exp(-(a[i] + b[i]))) for i in (0, 1))
    np.testing.assert_allclose(net.cell(x, h), (1 - z) * np.tanh(a[2] + r * b[2]) + z * h, **CLOSE)
    with pytest.raises(NetworkError, match=r"Without tensors in the file: cell\. .*module: gru"):
        read_network(path, like=like)
    leaves = tmp_path / "net.eqx"
    eqx.tree_serialise_leaves(leaves, net)
    again = read_network(leaves, like=like)
    assert eqx.tree_equal(again, net)
    leaves.write_bytes(leaves.read_bytes()[:-9])
    with pytest.raises(NetworkError, match="does not hold the leaves of this Net"):
        read_network(leaves, like=like)


def test_statistics_go_into_equinox_state(tmp_path):
    tensors = chain()
    safetensors.numpy.save_file({k[2:]: v for k, v in tensors.items() if k.startswith("1.")}, tmp_path / "norm")
    x = floats(5, 6)
    right = (x - tensors["1.running_mean"]) / np.sqrt(tensors["1.running_var"] + 1e-5)
    for mode in ("ema", "batch"):
        made = eqx.nn.make_with_state(eqx.nn.BatchNorm)(6, "batch", mode=mode)
        norm, state = read_network(tmp_path / "norm", like=made, names={"": ""})
        norm = eqx.nn.inference_mode(norm)
        found = jax.vmap(norm, in_axes=(0, None), out_axes=(0, None), axis_name="batch")(x, state)[0]
        np.testing.assert_allclose(found, right * tensors["1.weight"] + tensors["1.bias"], **CLOSE)


def test_half_precision_is_read_and_whole_numbers_are_refused(tmp_path):
    weight = floats(3, 4).astype(ml_dtypes.bfloat16)
    path = tmp_path / "half"
    header = b'{"fc.weight":{"dtype":"BF16","shape":[3,4],"data_offsets":[0,24]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + weight.tobytes())
    graph = read_network(path)
    assert isinstance(graph, Graph)
    np.testing.assert_array_equal(graph.node("fc").operation.weight, weight.astype(np.float32))
    safetensors.numpy.save_file({"fc.weight": np.ones((3, 4), np.int8)}, path)
    with pytest.raises(NetworkError, match=r"fc\.weight holds int8 numbers; quantised"):
        read_network(path)


class _Program:
    def __reduce__(self):
        return os.system, ("touch /tmp/should-never-exist",)


def test_a_pickle_runs_nothing(tmp_path, torch_format):
    path = tmp_path / "bad.pt"
    torch_format.save({"weight": _Program()}, path)
    with pytest.raises(NetworkError, match=r"holds (posix|nt)\.system, which only running foreign code"):
        read_network(path)
    torch_format.save(chain(), path)
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(NetworkError, match="damaged or truncated"):
        read_torch(path)
    torch_format.save(chain(), path, old=True)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(NetworkError, match="storage '8' is not whole"):
        read_torch(path)
    torch_format.save({"a": {"weight": floats(2, 2)}, "b": {"weight": floats(2, 2)}}, path)
    with pytest.raises(NetworkError, match="holds 'a', 'b'; which of them"):
        read_torch(path)
    torch_format.save({"fc.weight": torch_format.View(floats(4), 1, (2, 2), (2, 1))}, path)
    with pytest.raises(NetworkError, match=r"shape \(2, 2\) reaches beyond its 4 numbers"):
        read_torch(path)


def test_what_a_file_is_comes_from_its_content(tmp_path):
    path = tmp_path / "net.safetensors"
    safetensors.numpy.save_file(chain(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(NetworkError, match="no whole safetensors file"):
        read_network(path, activation="relu")
    path.write_bytes(whole)
    with pytest.raises(NetworkError, match='Name it: activation="relu"'):
        read_network(path)
    path.write_bytes(b"epoch,loss\n1,0.5\n")
    with pytest.raises(NetworkError, match="no network that is known"):
        read_network(path)
    with pytest.raises(NetworkError, match="cannot be read"):
        read_network(tmp_path / "none")
