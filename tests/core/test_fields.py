"""Quantity fields: exact storage, ranges with names and units, the one cast."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core import ParameterError
from mho.core.fields import cast, check_ranges, described, quantity


class Part(eqx.Module):
    r: jax.Array = quantity("ohm", positive=True)
    share: jax.Array = quantity("1", low=0.0, high=1.0, default=0.5)
    tau: tuple[jax.Array, ...] = quantity("s", positive=True, default=(1.0,))

    def __check_init__(self):
        check_ranges(self)


def test_numbers_are_kept_in_double_precision_whatever_jax_does():
    assert not jax.config.jax_enable_x64
    part = Part(1.0 + 1e-12, tau=(0.1, 0.2))
    assert float(part.r) == 1.0 + 1e-12
    assert [x.dtype for x in part.tau] == [np.float64, np.float64]


def test_fields_say_their_units():
    about = described(Part)
    assert {name: a["unit"] for name, a in about.items()} == {"r": "ohm", "share": "1", "tau": "s"}
    assert described(Part(1.0))["r"]["positive"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"r": 0.0}, r"Part.r is 0 Ω; it must be above 0. Correct the value or its unit."),
        ({"r": float("nan")}, r"Part.r is nan Ω"),
        ({"r": np.array([1.0, -2e3])}, r"Part.r is -2 kΩ"),
        ({"r": 1.0, "share": 1.1}, r"Part.share is 1.1; it must be at least 0 and at most 1"),
        ({"r": 1.0, "tau": (1.0, -1e-3)}, r"Part.tau is -1 ms; it must be above 0"),
    ],
)
def test_out_of_range_is_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        Part(**arguments)


def test_traced_values_pass_and_gradients_flow():
    assert float(jax.grad(lambda r: Part(r).r * 2.0)(3.0)) == 2.0


def test_the_cast_is_of_floats_only():
    part = cast(Part(1.0, tau=(1e-12,)), jnp.float32)
    assert {x.dtype for x in jax.tree.leaves(part)} == {jnp.dtype("float32")}
    assert cast({"n": np.int32(3)}, jnp.float32)["n"].dtype == np.int32
