"""Pulse models against aihwkit 1.1.0: 500 pulses up, then 500 down, without spread and for 2048 noisy devices."""

from __future__ import annotations

import functools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core.sampling import Spread
from mho.devices import Pulse
from mho.devices.behavioural import ConstantStep, LinearStep, SoftBounds

NAMES = ["ConstantStep_default", "LinearStep_g05", "SoftBounds_default", "EcRamPresetDevice", "ReRamSBPresetDevice"]
ROUNDING = 1e-5  # the reference's own, in single precision
GROUPS, MEMBERS = 8, 2048  # ours; the reference has one group
# Of a standard deviation, as the reference states it. Write noise is drawn anew at every pulse: of a thousand such
# means one or two lie beyond four standard errors of the difference, so a share of 0.5 % may, and none beyond six.
MEAN, MEAN_AT_MOST, BEYOND = 4 / np.sqrt(2048), 6 / np.sqrt(2048), 0.005
STD = 0.07  # about, as the reference states it; more where groups of our own differ more (heavy tails): three errors


@functools.cache
def reference(folder):
    numbers = json.loads((folder / "crossbars" / "pulse_response.json").read_text())
    with np.load(folder / "crossbars" / "pulse_response.npz") as traces:
        return {k: v["params"] for k, v in numbers.items()}, dict(traces)


def device(p, *, noise: bool):
    """Our device with the toolkit's numbers; conductances do not matter here."""
    shared = {"g_min": 1e-6, "g_max": 2e-6, **{k: p[k] for k in ("dw_min", "w_min", "w_max", "up_down")}}
    sigma = p["dw_min_std"] if noise else 0.0
    shared["sigma_write"] = p.get("write_noise_std", 0.0) if noise else 0.0
    if "gamma_up" in p:
        return LinearStep(**shared, sigma_cycle=sigma, gamma_up=p["gamma_up"], gamma_down=p["gamma_down"])
    if "mult_noise" not in p:
        return ConstantStep(**shared, sigma_cycle=sigma)
    return SoftBounds(**shared, **{"sigma_cycle" if p["mult_noise"] else "sigma_additive": sigma})


def population(p):
    spreads = [
        Spread(lambda d: d.gain, p["dw_min_dtod"], kind="normal"),
        Spread(lambda d: d.reach_up, p["w_max_dtod"], kind="normal"),
        Spread(lambda d: d.reach_down, p["w_min_dtod"], kind="normal"),
        Spread(lambda d: d.imbalance, p["up_down_dtod"], relative=False, kind="normal"),
    ]
    if "gamma_up" in p:
        spreads += [
            Spread(lambda d: d.gamma_up, p["gamma_up_dtod"], relative=False, kind="folded normal"),
            Spread(lambda d: d.gamma_down, p["gamma_down_dtod"], relative=False, kind="folded normal"),
        ]
    return mho.sample(device(p, noise=True), *spreads, n=GROUPS * MEMBERS, key=jax.random.key(2))


@eqx.filter_jit
def course(device, state, key):
    """Mean and deviation of the hidden weight and of the apparent one, group by group, after each pulse."""
    groups = (GROUPS, MEMBERS) if jnp.ndim(state.w) else (1, 1)

    def one(state, k):
        state = device.pulse(state, Pulse(jnp.where(k < 500, 1.0, -1.0), 1e-6), key=jax.random.fold_in(key, k))
        both = [x.reshape(groups) for x in (state.w, device.apparent(state))]
        return state, [(jnp.mean(x, axis=1), jnp.std(x, axis=1)) for x in both]

    return jax.lax.scan(one, state, jnp.arange(1000))[1]


@pytest.mark.references
@pytest.mark.parametrize("name", NAMES)
def test_without_spread_every_weight_is_the_toolkit_s(name, references):
    numbers, traces = reference(references)
    one = device(numbers[name], noise=False)
    start = jax.tree.map(jnp.asarray, one.rest())
    for trace, w in (("off_w", 0.0), ("off_from_wmin_w", numbers[name]["w_min"])):
        state = eqx.tree_at(lambda s: s.w, start, jnp.asarray(w, start.w.dtype))
        (hidden, _), _ = course(one, state, jax.random.key(0))
        np.testing.assert_allclose(hidden[:, 0], traces[f"{name}/{trace}"][1:], atol=ROUNDING)


@pytest.mark.references
@pytest.mark.parametrize("name", NAMES)
def test_populations_have_the_toolkit_s_mean_and_spread(name, references):
    """Device to device, cycle to cycle and write noise together, after each of 1000 pulses."""
    numbers, traces = reference(references)
    many = population(numbers[name])
    start = jax.tree.map(lambda x: jnp.broadcast_to(x, (GROUPS * MEMBERS,)), many.rest())
    hidden, apparent = course(many, start, jax.random.key(1))
    checks = [("on_mean", "on_std", *apparent)]
    if f"{name}/on_persistent_mean" in traces:
        checks.append(("on_persistent_mean", "on_persistent_std", *hidden))
    for middle, width, mean, std in checks:
        mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
        expected = traces[f"{name}/{width}"][1:]
        off = np.abs(mean.mean(axis=1) - traces[f"{name}/{middle}"][1:]) - ROUNDING
        assert np.mean(off > MEAN * expected) <= BEYOND, middle
        assert np.all(off <= MEAN_AT_MOST * expected), middle
        scatter = std.std(axis=1, ddof=1) / std.mean(axis=1)
        off = np.abs(std.mean(axis=1) / expected - 1)
        assert np.all(off <= np.maximum(STD, 3 * scatter)), width
