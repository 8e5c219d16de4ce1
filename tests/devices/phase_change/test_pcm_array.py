"""The programmed PCM array: formulas of the HERMES chip by hand, splitting of durations, clipping, gradients."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.devices import parameters

ULP = 1e-12


def by_hand(n: int, r: float) -> tuple[float, float, float, float]:
    """Programming error [uS], mean and deviation of the exponent, noise amplitude, as published for n devices."""
    low = n == 1
    c = (0.15781817, 2.32443916, -2.16310839, 0.68841818) if low else (0.16603222, 4.71806468, -8.48101252, 4.68961419)
    error = c[0] + c[1] * r + c[2] * r**2 + c[3] * r**3
    mean = np.clip(-0.0387 * np.log(r) - 0.0182, 0.072, 0.13) if r < 0.0945 else -0.0436 * r**2 - 0.0126 * r + 0.0736
    if low:
        sigma = (
            np.clip(-0.012 * np.log(r) - 0.0023, 0.0124, 0.04) if r < 0.3039 else -0.0165 * r**2 + 0.0116 * r + 0.0104
        )
        q = (
            np.clip(-0.0078 * np.log(r) + 0.0038, 0.0179, 0.04)
            if r < 0.1591
            else np.polyval([0.0664, -0.1352, 0.0768, 0.0088], r)
        )
    else:
        sigma = (
            np.clip(-0.0117 * np.log(r) - 0.0057, 0.0091, 0.04) if r < 0.3055 else -0.0118 * r**2 + 0.0093 * r + 0.0073
        )
        q = (
            np.clip(-0.0117 * np.log(r) - 0.0069, 0.015, 0.04)
            if r < 0.16
            else np.polyval([0.0069, -0.0280, 0.0211, 0.0123], r)
        )
    return error, mean, sigma, q


@pytest.mark.parametrize("n", [1, 2])
def test_the_chip_fits_hold_on_both_sides_of_their_breaks(n, x64):
    """Error, exponent and noise at six conductances (rounding of doubles)."""
    device = parameters(f"pcm_hermes{n}").device()
    for r in (0.01, 0.09, 0.1, 0.2, 0.4, 1.0):
        error, mean, sigma, q = by_hand(n, r)
        np.testing.assert_allclose(device.programming_error(r) * 1e6, error, rtol=ULP)
        np.testing.assert_allclose(device.read_amplitude(r), q, rtol=ULP)
        state = device.program(jnp.full(4000, r * float(device.g_max)), key=jax.random.key(3))
        nu = np.asarray(state.nu)  # folding at 0 is far away: five standard deviations
        assert abs(nu.mean() - mean) < 4 * sigma / np.sqrt(4000)
        np.testing.assert_allclose(nu.std(), sigma, rtol=4 / np.sqrt(8000))


def test_durations_compose_and_reading_changes_nothing(x64):
    device = parameters("pcm_hermes2").device()
    state = device.program(jnp.asarray([1e-6, 1e-5, 2e-5]), key=jax.random.key(0))
    relax = eqx.filter_jit(device.relax)
    one, two = relax(relax(state, jnp.asarray(3600.0)), jnp.asarray(3600.0)), relax(state, jnp.asarray(7200.0))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=ULP)
    assert np.all(device.conductance(two) < device.conductance(state))


def test_targets_are_clipped_and_nothing_is_negative():
    device = parameters("pcm_joshi").device()
    state = device.program(jnp.asarray([-1e-6] * 500 + [1.0] * 500), key=jax.random.key(0))
    g = np.asarray(device.conductance(state))
    assert g.min() == 0.0
    assert g[:500].max() < 2e-6
    assert 20e-6 < g[500:].min() < g[500:].max() < 30e-6
    assert np.asarray(device.read(state, 0.2, key=jax.random.key(1))).min() >= 0.0


def test_gradients_are_finite_at_zero():
    device = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), parameters("pcm_joshi").device())

    def current(moving):
        device, target, t = moving
        state = device.relax(device.program(target, key=jax.random.key(0)), t)
        return device.read(state, 0.2, key=jax.random.key(1)) * 1e6

    gradient = jax.grad(current)((device, jnp.float32(0.0), jnp.float32(0.0)))
    assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(gradient))
