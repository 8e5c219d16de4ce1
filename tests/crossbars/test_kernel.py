"""The compiled kernel and its twin in JAX are one solver."""

from __future__ import annotations

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.crossbars import Bias, Wires, kernels, solve


@pytest.fixture(scope="module")
def kernel():
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed; the compiled kernel was not built and not compared with its twin")
    kernels.build()


@pytest.mark.parametrize("shape", [(1, 1), (13, 21)])  # with a block of rows that is not full
@pytest.mark.parametrize("wires", [Wires(2.0, 3.0, 10.0, 20.0), Wires(0.0, 1.0), Wires()], ids=["all", "rows", "none"])
def test_the_kernel_is_its_twin(kernel, shape, wires):
    """1e-10 of the largest value; they sum in different orders."""
    draw = np.random.default_rng(shape[0])
    g = np.exp(draw.uniform(np.log(1e-7), np.log(1e-3), shape)) * (draw.random(shape) > 0.1)
    left, bottom = draw.normal(size=(3, shape[0])), np.zeros((3, shape[1]))
    left[:, -1] = np.nan if shape[0] > 1 else 0.4
    bias = Bias(left=left, bottom=bottom, top=bottom if shape[1] > 1 else None)
    one, other = (solve(g, bias, wires, engine=name, tolerance=1e-12) for name in ("kernel", "jax"))
    for a, b in zip(one[:7], other[:7], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10 * max(float(np.abs(b).max()), 1e-30), rtol=0)
    np.testing.assert_array_equal(one.iterations, other.iterations)


def test_the_kernel_has_its_twins_gradient(kernel, x64):
    g, v = jnp.asarray(np.random.default_rng(3).uniform(1e-6, 1e-4, (9, 5))), jnp.linspace(0.2, 0.9, 9)

    def loss(g, v, engine):
        found = solve(g, Bias(left=v, bottom=jnp.zeros(5)), Wires(20.0, 30.0), engine=engine, tolerance=1e-12)
        return jnp.sum(found.i_bottom**2) * 1e8

    one, other = (jax.grad(loss, argnums=(0, 1))(g, v, name) for name in ("kernel", "jax"))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_machine_without_compiler_is_told_what_helps(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(kernels.KernelError, match="no C\\+\\+ compiler"):
        kernels.build()
