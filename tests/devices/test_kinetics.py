"""Exact solutions against quadrature and matrix exponentials of another library."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm

from mho.devices.device import ROOM
from mho.devices.kinetics import (
    BOLTZMANN,
    arrhenius,
    flow,
    follow,
    integral_of_cube,
    known,
    relative_decay,
    signed_power,
)

sizes = st.floats(-1.0, 1.0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(y=st.floats(0.0, 1e6))
def test_relative_decay(y):
    """(1 - e^-y)/y to rounding, with its derivative, also across the change of formula at 0.05."""
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(relative_decay)(jnp.asarray(y))
    exact = -np.expm1(-y) / y if y > 0 else 1.0
    assert float(value) == pytest.approx(exact, rel=1e-15 * 4)
    if y > 1e-3:
        steep = (np.exp(-y) * y + np.expm1(-y)) / y**2
        assert float(slope) == pytest.approx(steep, rel=1e-9)
    else:
        assert float(slope) == pytest.approx(-0.5 + y / 3, rel=1e-5)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(z=sizes, q=st.tuples(sizes, sizes), rates=st.tuples(*[st.floats(0.0, 100.0)] * 3), duration=st.floats(0.0, 3.0))
def test_follow_is_the_convolution(z, q, rates, duration):
    """Against quadrature; equal and vanishing rates included (1e-9: quad's own error)."""
    b, drivers = rates[0], list(zip(q, rates[1:], strict=True))
    with jax.enable_x64(True):
        value = float(
            follow(jnp.asarray(z), jnp.asarray(b), [(jnp.asarray(x), jnp.asarray(r)) for x, r in drivers], duration)
        )
    drive = quad(
        lambda t: b * sum(x * np.exp(-r * t) for x, r in drivers) * np.exp(-b * (duration - t)),
        0,
        duration,
        epsabs=1e-12,
    )
    assert value == pytest.approx(z * np.exp(-b * duration) + drive[0], abs=1e-9)


def test_follow_has_derivatives_where_time_constants_coincide(x64):
    """By symmetry the derivative by either rate, at equal rates, is half that of both moving together."""
    both = jax.grad(lambda r: follow(0.3, r, [(0.5, r)], 0.7))(2.0)
    apart = jax.grad(lambda a, b: follow(0.3, b, [(0.5, a)], 0.7), argnums=(0, 1))(2.0, 2.0)
    assert np.all(np.isfinite(apart))
    assert float(sum(apart)) == pytest.approx(float(both), rel=1e-12)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(q=st.tuples(sizes, sizes, sizes), rates=st.tuples(*[st.floats(0.0, 50.0)] * 3), duration=st.floats(0.0, 2.0))
def test_integral_of_cube(q, rates, duration):
    modes = list(zip(q, rates, strict=True))
    with jax.enable_x64(True):
        value = float(integral_of_cube([(jnp.asarray(a), jnp.asarray(r)) for a, r in modes], jnp.asarray(duration)))
    exact = quad(lambda t: sum(a * np.exp(-r * t) for a, r in modes) ** 3, 0, duration, epsabs=1e-12)[0]
    assert value == pytest.approx(exact, abs=1e-9)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    entries=st.tuples(*[st.floats(0.0, 1.0)] * 4),
    size=st.floats(-8.0, 6.0),
    start=st.tuples(sizes, sizes),
)
def test_flow_against_scipy(entries, size, start):
    """exp(A D) - 1 and the integrated cube of decaying systems, rate times duration from 1e-8 to 1e6."""
    a, b, c, d = (x * 10**size for x in entries)
    rows = [[-a - c, c, b], [c, -d - c, a], [0.0, 0.0, 0.0]]
    with jax.enable_x64(True):
        change, form = flow([[jnp.asarray(x) for x in row] for row in rows], jnp.asarray(1.0), [1.0, 1.0, 0.0])
        change, form = np.asarray(change), np.asarray(form)
    exact = expm(np.array(rows)) - np.eye(3)
    assert np.max(np.abs(change - exact)) <= 1e-10 * max(1.0, np.max(np.abs(exact)))
    if size < -3:  # the relative accuracy of a small change, which exp(A D) - 1 itself has lost
        a1 = np.array(rows)
        series = a1 + a1 @ a1 / 2 + a1 @ a1 @ a1 / 6 + a1 @ a1 @ a1 @ a1 / 24
        np.testing.assert_allclose(change, series, rtol=1e-8, atol=1e-28)
    v = np.array([*start, 1.0])
    if size < 1:
        nodes, weights = np.polynomial.legendre.leggauss(24)
        values = [np.sum((expm(np.array(rows) * t) @ v)[:2]) ** 3 for t in nodes / 2 + 0.5]
        assert np.einsum("ijk,i,j,k", form, v, v, v) == pytest.approx(weights / 2 @ values, rel=1e-10, abs=1e-12)


def test_flow_of_no_time_is_exactly_nothing():
    change, form = flow([[-1e7, 1.0], [0.0, 0.0]], jnp.asarray(0.0), [1.0, 0.0])
    assert not np.any(change)
    assert not np.any(form)


def test_flow_keeps_relative_accuracy_in_single_precision():
    """A change of 1e-6 in float32, which 1 + 1e-6 could not even hold: relative error 1e-5 or less."""
    change, _ = flow([[-1.0, 0.5], [0.0, 0.0]], jnp.asarray(1e-6, jnp.float32), [1.0, 0.0])
    np.testing.assert_allclose(np.asarray(change)[0], [np.expm1(-1e-6), -0.5 * np.expm1(-1e-6)], rtol=1e-5)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(q=sizes, exponent=st.floats(1.0, 5.0))
def test_signed_power(q, exponent):
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(signed_power)(jnp.asarray(q), jnp.asarray(exponent))
    assert float(value) == pytest.approx(np.sign(q) * abs(q) ** exponent, rel=1e-12, abs=1e-28)
    if abs(q) > 1e-20:
        assert float(slope) == pytest.approx(exponent * abs(q) ** (exponent - 1), rel=1e-10)
    else:
        assert 0.0 <= float(slope) <= exponent


def test_a_linear_read_out_costs_nothing_and_has_slope_one_at_zero():
    assert signed_power(q := jnp.asarray(0.3), np.asarray(1.0)) is q
    assert float(jax.grad(signed_power)(0.0, jnp.asarray(1.0))) == 1.0


def test_arrhenius(x64):
    """10 K more at 0.45 eV from 300.15 K: exp(-E/k dT/(T T0)), and exactly 1 at room temperature."""
    energy = 0.45 * 1.602176634e-19
    assert arrhenius(energy, ROOM) == 1.0
    assert float(arrhenius(energy, 310.15)) == pytest.approx(
        np.exp(-energy / BOLTZMANN * 10 / (310.15 * 300.15)), rel=1e-12
    )


def test_known_numbers_are_never_traced_ones():
    assert known(np.asarray(1.0), 1.0)
    assert not known(np.asarray([1.0, 2.0]), 1.0)
    assert not jax.jit(lambda x: jnp.asarray(known(x, 1.0)))(1.0)


def test_flow_of_a_batch_of_any_rank_is_that_of_each():
    """Equal systems in an array of cells move equally. XLA's CPU code once wrote elsewhere for three axes and more."""
    rows = [[-2e4, 2e4, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, -1.0, 0.0], [-2e4, 2e4, 0.0, 0.0]]
    duration = jnp.full((4, 16, 1), 1e-7, jnp.float32)
    change, form = flow(rows, duration, [1.0, 0.0])
    one, cube = flow(rows, jnp.asarray(1e-7, jnp.float32), [1.0, 0.0])
    assert change.shape == (4, 4, 4, 16, 1)
    assert np.allclose(change, np.asarray(one)[..., None, None, None], rtol=1e-6, atol=0)
    assert np.allclose(form, np.asarray(cube)[..., None, None, None], rtol=1e-6, atol=0)


def test_flow_of_a_large_batch_is_that_of_each(x64):
    """A batch of many blocks, the last one not full, each system with a rate and a duration of its own; to rounding."""
    rates, duration = jnp.geomspace(1.0, 1e6, 150), jnp.geomspace(1e-3, 1e-8, 150)
    rows = [[-rates, 2.0 * rates], [0.0, 0.0]]
    change, form = flow(rows, duration, [1.0, 0.0])
    assert change.shape == (2, 2, 150)
    for k in (0, 63, 64, 127, 128, 149):
        one, cube = flow([[-rates[k], 2.0 * rates[k]], [0.0, 0.0]], duration[k], [1.0, 0.0])
        np.testing.assert_allclose(change[..., k], one, rtol=1e-13)
        np.testing.assert_allclose(form[..., k], cube, rtol=1e-13)
