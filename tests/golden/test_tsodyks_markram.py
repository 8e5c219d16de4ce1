"""One volatile mode is Tsodyks-Markram facilitation, spike by spike, as NEST and Brian2 have it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.fields import cast
from mho.devices import ECRAM, Pulse

FACILITATING = (0.03, 0.130, 0.530)  # U, tau_rec [s], tau_fac [s] of set facil_TPM98
DEPRESSING = (0.5, 0.800, 1e-9)  # set depr_TPM98: tau_fac is 0 there, so u returns to U at once
WIDTH = 1e-6  # [s]; intervals count from a pulse's end to the next one's start, so the width itself does not matter


def device(U: float, tau: tuple[float, ...], weights: tuple[float, ...] = (1.0,)) -> ECRAM:
    """Release held while driven, linear read-out, no non-volatile part; one mode unless weights say otherwise."""
    return ECRAM(
        g_min=1e-9, g_max=2e-9, x_0=0.0, g_volatile=1e-6, efficacy=U, v_ref=1.0, t_ref=WIDTH, v_0=0.25,
        weights=weights, tau=tau, hold=1e12,
    )  # fmt: skip


def efficacies(model: ECRAM, intervals: jax.Array) -> jax.Array:
    """u at every spike: the loading right after each pulse; the first comes after a long rest."""
    kind = model.prepare(Pulse(model.v_ref, model.t_ref))

    def spike(state, interval):
        state = kind(model, model.relax(state, interval))
        return state, state.loading

    rest = jax.tree.map(lambda x: jnp.asarray(x, intervals.dtype), model.rest())
    return jax.lax.scan(spike, rest, jnp.concatenate([jnp.ones(1, intervals.dtype), intervals]))[1]


def resources(u: np.ndarray, intervals: np.ndarray, tau_rec: float) -> np.ndarray:
    """The depression resource x at release, beside the device: x' = 1 + (x - x u - 1) exp(-D/tau_rec), x1 = 1."""
    x = [1.0]
    for k, interval in enumerate(intervals):
        x.append(1.0 + (x[-1] - x[-1] * u[k] - 1.0) * np.exp(-interval / tau_rec))
    return np.array(x)


def trains(stored) -> list[str]:
    return sorted(key.removeprefix("t_ms/") for key in stored if key.startswith("t_ms/"))


@pytest.fixture(scope="module")
def stored(references):
    with np.load(references / "spiking" / "stp_per_spike.npz") as file:
        return {key: file[key] for key in file.files}


@pytest.mark.references
@pytest.mark.parametrize(("name", "numbers"), [("facil_TPM98", FACILITATING), ("depr_TPM98", DEPRESSING)])
def test_every_spike_in_double_precision(stored, name, numbers):
    """1e-12 in u and in the released u*x, over 20 trains of 9 to 400 spikes."""
    U, tau_rec, tau_fac = numbers
    with jax.enable_x64(True):
        run = jax.jit(lambda d: efficacies(device(U, (tau_fac,)), d))
        for train in trains(stored):
            intervals = np.diff(stored[f"t_ms/{train}"]) * 1e-3
            u = np.asarray(run(jnp.asarray(intervals)))
            expected_u, expected_x = (stored[f"{name}/{train}/MM2002/{k}"] for k in "ux")
            np.testing.assert_allclose(u, expected_u, rtol=0, atol=1e-12)
            np.testing.assert_allclose(
                u * resources(u, intervals, tau_rec), expected_u * expected_x, rtol=0, atol=1e-12
            )


@pytest.mark.references
def test_against_nest_itself(stored):
    """NEST's tsodyks2_synapse stores u*x; it agrees with the closed form to 1e-13, so with the device to 1e-12."""
    U, tau_rec, tau_fac = FACILITATING
    with jax.enable_x64(True):
        for train in ("poisson_20Hz", "burst8_40Hz"):
            intervals = np.diff(stored[f"t_ms/{train}"]) * 1e-3
            u = np.asarray(efficacies(device(U, (tau_fac,)), jnp.asarray(intervals)))
            nest = stored[f"facil_TPM98/{train}/NEST_tsodyks2_synapse/ux"]
            ratio = u * resources(u, intervals, tau_rec) / nest
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)


@pytest.mark.references
def test_every_spike_in_single_precision(stored):
    """1e-5 in float32, the precision of networks."""
    U, _, tau_fac = FACILITATING
    model = cast(device(U, (tau_fac,)), jnp.float32)
    run = jax.jit(lambda d: efficacies(model, d))
    for train in trains(stored):
        u = run(jnp.asarray(np.diff(stored[f"t_ms/{train}"]) * 1e-3, jnp.float32))
        assert u.dtype == jnp.float32
        np.testing.assert_allclose(np.asarray(u), stored[f"facil_TPM98/{train}/MM2002/u"], rtol=0, atol=1e-5)


def test_the_steady_state_of_a_regular_train(x64):
    """Without any reference: u = U/[1 - (1-U) e^(-D/tau)] after many spikes, weight g_nv + g_v u."""
    model, interval = device(0.08, (0.02,)), 0.01
    u = float(efficacies(model, jnp.full(300, interval))[-1])
    assert u == pytest.approx(0.08 / (1 - 0.92 * np.exp(-interval / 0.02)), rel=1e-13)


def test_two_modes_with_shared_room_depart_in_second_order_of_u(x64):
    """Two modes are a sum of Tsodyks-Markram synapses but for O(U^2): half the U, a quarter of the difference."""
    weights, taus, intervals = (0.75, 0.25), (0.02, 0.2), jnp.full(5, 0.005)

    def difference(U: float) -> float:
        shared = efficacies(device(U, taus, weights), intervals)[-1]
        apart = sum(w * efficacies(device(U, (tau,)), intervals)[-1] for w, tau in zip(weights, taus, strict=True))
        return float(abs(shared - apart))

    assert 3.0 < difference(0.02) / difference(0.01) < 5.0
