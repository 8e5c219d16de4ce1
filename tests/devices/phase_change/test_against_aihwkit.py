"""Programming error, drift and read noise of the programmed PCM array against 200 000 samples of IBM's aihwkit."""

from __future__ import annotations

import functools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.devices import parameters

N = 30_000
THEIRS = 200_000
TIMES = {"20s": 20.0, "1h": 3600.0, "1day": 86_400.0, "1month": 30 * 86_400.0, "1year": 365 * 86_400.0}
SIGMAS = 5.0  # about 1200 comparisons: 5 standard errors of the difference happen by chance once in 2000 runs
ROUNDING = 3e-5  # [uS], of their single precision at 25 uS
V = 0.25


@functools.cache
def device():
    return parameters("pcm_joshi").device()


@eqx.filter_jit
def life(pcm, target, key):
    """Programmed conductance, exponent, and at each time the drifted and the read conductance [uS]."""
    of_program, of_read = jax.random.split(key)
    state = pcm.program(jnp.full(N, target), key=of_program)
    out = {"programmed": state.g * 1e6, "nu_or_param": state.nu}
    exact = eqx.tree_at(lambda s: s.g, state, jnp.full(N, target))
    still = eqx.tree_at(lambda s: s.nu, exact, jnp.zeros(N))
    for k, (name, t) in enumerate(TIMES.items()):
        then = pcm.relax(state, t)
        out[f"G_{name}_full"] = pcm.read(then, V, key=jax.random.fold_in(of_read, k)) / V * 1e6
        out[f"G_{name}_drift_only_from_programmed"] = pcm.conductance(then) * 1e6
        out[f"G_{name}_drift_only_no_prog_noise"] = pcm.conductance(pcm.relax(exact, t)) * 1e6
        noisy = pcm.read(pcm.relax(still, t), V, key=jax.random.fold_in(of_read, 100 + k))
        out[f"G_{name}_read_noise_only"] = noisy / V * 1e6
    return out


def found_in(x: np.ndarray) -> dict[str, tuple[float, float]]:
    """Each statistic of our sample, with the standard error of its difference to theirs."""
    scale = np.sqrt(1 / N + 1 / THEIRS)
    x = np.sort(x)
    mean, std = x.mean(), x.std()
    kurtosis = ((x - mean) ** 4).mean() - std**4
    found = {"mean": (mean, std * scale), "std": (std, np.sqrt(max(kurtosis, 0.0)) / (2 * std + 1e-30) * scale)}
    for name, p in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95)):
        low, at, high = x[[int((p + d) * N) for d in (-0.01, 0.0, 0.01)]]
        # The slope of the quantile is the inverse of the density.
        found[name] = (at, np.sqrt(p * (1 - p)) * scale * (high - low) / 0.02)
    return found


@pytest.fixture(scope="module")
def measured(references):
    return json.loads((references / "crossbars" / "inference_noise.json").read_text())["PCMLike_gmax25"]


TARGETS = ("0.0", "0.5", "1.25", "2.5", "5", "7.5", "10", "12.5", "15", "17.5", "20", "22.5", "25")


@pytest.mark.references
@pytest.mark.parametrize("target", TARGETS)
def test_mean_spread_and_percentiles_agree_within_the_sampling_error(measured, target):
    ours = life(device(), jnp.asarray(float(target) * 1e-6), jax.random.key(TARGETS.index(target)))
    theirs = measured["targets"][target]
    assert set(theirs) == set(ours)
    for quantity, sample in ours.items():
        found = found_in(np.asarray(sample, np.float64))
        for name, value in theirs[quantity].items():
            mine, error = found[name]
            assert abs(mine - value) <= SIGMAS * error + ROUNDING, (
                f"{quantity}, {name}: {mine:.6g} against {value:.6g} (standard error {error:.2g})"
            )
