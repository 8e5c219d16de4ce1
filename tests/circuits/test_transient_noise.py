"""Noise in transients: kT/C, spectra, jitter of a ramp in closed form, and numbers that depend on their place alone."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.circuits import (
    MOSFET,
    NMOS,
    Capacitor,
    Circuit,
    Crossing,
    CurrentSource,
    Detail,
    Options,
    Resistor,
    TransientNoise,
    VoltageSource,
    monte_carlo,
    transient,
)
from mho.circuits.elements import NoiseCurrent
from mho.circuits.transient_noise import advanced, settings, silent
from mho.core.errors import InputError
from mho.devices.kinetics import BOLTZMANN
from mho.metrics.jitter import jitter

T = 300.15
TAU = 1e-8
RC = Circuit(
    {"v": VoltageSource("in", "0", 0.0), "r": Resistor("in", "a", 1e4), "c": Capacitor("a", "0", 1e-12)}
)  # fmt: skip


def runs(circuit, count):
    """The same circuit many times: only the noise differs."""
    return eqx.tree_at(lambda c: c.temperature, circuit, np.full(count, T))


def shape(f, dt):
    """Spectrum of straight lines between independent numbers, relative to that of white noise."""
    return np.sinc(f * dt) ** 4


@pytest.fixture(scope="module")
def noisy():
    noise = TransientNoise(bandwidth=0.5 / (TAU / 8), seed=3)
    options = Options(noise=noise, ledger=Detail.SUPPLIES)
    return noise, transient(runs(RC, 64), 105 * TAU, save=("a",), options=options)


def test_a_capacitor_holds_kT_over_C_with_a_lorentzian_spectrum(noisy):
    noise, run = noisy
    dt = TAU / 16
    x = run.at("a", np.arange(5 * TAU, 105 * TAU, dt))
    f = np.linspace(0, 40 / TAU, 200_001)
    white = 4 * BOLTZMANN * T * 1e4
    exact = np.trapezoid(white * shape(f, noise.step) / (1 + (2 * np.pi * f * TAU) ** 2), f)
    assert exact == pytest.approx(0.944 * BOLTZMANN * T / 1e-12, rel=2e-3)  # the grid of an eighth costs 5.6 %
    # 64 runs of 100 time constants are 6400 independent squares: a standard error of 1.8 %, and three are allowed.
    assert np.mean(x**2) == pytest.approx(exact, rel=0.055)
    assert abs(np.mean(x)) < 3 * np.sqrt(2 * exact / 6400)
    spectrum = 2 * dt / x.shape[1] * np.mean(np.abs(np.fft.rfft(x * np.sqrt(8 / 3) * np.hanning(x.shape[1]))) ** 2, 0)
    f = np.fft.rfftfreq(x.shape[1], dt)
    lorentzian = white * shape(f, noise.step) / (1 + (2 * np.pi * f * TAU) ** 2)
    for low, high in ((0.02, 0.08), (0.08, 0.2), (0.2, 0.8), (0.8, 2.0)):  # in units of 1/tau
        band = (f > low / TAU) & (f < high / TAU)
        error = 3.5 / np.sqrt(64 * np.sum(band) / 2)  # neighbouring bins share the window
        assert np.mean(spectrum[band] / lorentzian[band]) == pytest.approx(1.0, abs=error), low


def test_noise_depends_on_seed_sample_and_time_alone(noisy):
    noise, run = noisy
    at = np.linspace(TAU, 20 * TAU, 50)
    fine = transient(
        runs(RC, 3), 20 * TAU, save=("a",), options=Options(tolerance=1e-8, noise=noise, ledger=Detail.SUPPLIES)
    )
    size = np.sqrt(BOLTZMANN * T / 1e-12)
    assert fine.steps.mean() > 2 * 20 * 8
    # The same path at a tolerance of 1e-8 and of 5e-4: what the steps of dt miss of it is a percent.
    np.testing.assert_allclose(fine.at("a", at), run.at("a", at)[:3], atol=0.03 * size)
    late = Options(noise=TransientNoise(bandwidth=noise.bandwidth, seed=3, first=2), ledger=Detail.SUPPLIES)
    part = transient(runs(RC, 3), 20 * TAU, save=("a",), options=late)
    np.testing.assert_allclose(part.at("a", at), run.at("a", at)[2:5], atol=1e-6 * size)
    queued = monte_carlo(runs(RC, 5), 20 * TAU, lanes=2, options=Options(noise=noise, ledger=Detail.SUPPLIES))
    np.testing.assert_allclose(queued.final["a"], run.at("a", np.array([20 * TAU]))[:5, 0], atol=1e-6 * size)
    assert np.std(run.at("a", at)[:, -1]) > 0.5 * size
    other = Options(noise=TransientNoise(bandwidth=noise.bandwidth, seed=4), ledger=Detail.SUPPLIES)
    assert (
        np.max(np.abs(transient(runs(RC, 3), 20 * TAU, options=other).final["a"] - queued.final["a"][:3])) > 0.1 * size
    )


def test_jitter_of_a_ramp_is_that_of_a_random_walk():
    # A current I on C crosses a level after t; white noise S of a large resistor makes sigma^2 = S t / (2 I^2).
    circuit = Circuit(
        {"i": CurrentSource("0", "a", 1e-9), "r": Resistor("a", "0", 1e9), "c": Capacitor("a", "0", 1e-12)}
    )
    options = Options(noise=TransientNoise(bandwidth=2e6), ledger=Detail.SUPPLIES)
    times = []
    for level in (0.02, 0.05):
        crossing = (Crossing("a", level),)
        run = monte_carlo(runs(circuit, 400), 7e-5, crossings=crossing, options=options, lanes=128)
        times.append(run.crossings[0].times[:, 0])
    for t, level in zip(times, (0.02, 0.05), strict=True):
        s = 4 * BOLTZMANN * T / 1e9
        exact = np.sqrt(s * level * 1e-12 / 1e-9 / 2) / (1e-9 - level / 1e9)
        # 400 runs: 3.5 % standard error, three are allowed; the resistor's leak is 5 % at most.
        assert np.std(t) == pytest.approx(exact, rel=0.12)
    kpi = jitter((times[1] - times[0])[:, None])
    s = np.sqrt(4 * BOLTZMANN * T / 1e9 * 3e-5 / 2) / 1e-9
    assert kpi.spread is not None
    assert kpi.spread["low"] * 0.95 < s < kpi.spread["high"] * 1.05
    with pytest.raises(InputError, match="at least two runs"):
        jitter(np.full((3, 2), np.nan))


def test_flicker_noise_is_a_sum_of_lorentzians():
    noise = TransientNoise(bandwidth=5e5, lowest=1e2)
    with jax.enable_x64(True):
        s = settings(noise)
        currents = [("m", NoiseCurrent("flicker", 0, 1, jnp.asarray(2.0), jnp.asarray(g))) for g in (1.0, 1.3)]
        currents = [("r", NoiseCurrent("thermal", 0, 1, jnp.asarray(3.0), 0.0)), *currents]
        job = jnp.arange(16, dtype=jnp.int32)
        state = silent(jnp.zeros(16, jnp.int32), 3, 2 * noise.poles, jnp)

        def step(state, k):
            new = advanced(state, jnp.full(16, k * s.step), job, currents, s)
            return new, new.following

        _, x = jax.jit(lambda state: jax.lax.scan(step, state, jnp.arange(1 << 15)))(state)
    x = np.asarray(x)
    assert np.var(x[:, 0]) == pytest.approx(3.0 / (2 * noise.step), rel=0.01)
    assert abs(np.corrcoef(x[:, 1, 0], x[:, 1, 1])[0, 1]) < 0.3  # samples are independent
    f = np.fft.rfftfreq(len(x), noise.step)
    for row, exponent in ((1, 1.0), (2, 1.3)):
        window = np.hanning(len(x))[:, None] * np.sqrt(8 / 3)
        spectrum = np.mean(2 * noise.step / len(x) * np.abs(np.fft.rfft(x[:, row] * window, axis=0)) ** 2, axis=1)
        for low, high in ((300, 1e3), (1e3, 1e4), (1e4, 5e4))[exponent > 1 :]:  # the first is near the lowest corner
            band = (f > low) & (f < high)
            ratio = np.mean(spectrum[band] * f[band] ** exponent) / 2.0
            # The sum waves by 5.5 %; sampled, it folds back 10 % at a tenth of the bandwidth.
            assert ratio == pytest.approx(1.0, abs=0.16), (exponent, low)


def test_a_quiet_circuit_and_wrong_numbers_are_told():
    quiet = Circuit({"i": CurrentSource("0", "a", 1e-9), "c": Capacitor("a", "0", 1e-12)})
    with pytest.raises(InputError, match="No element of the circuit makes thermal"):
        transient(quiet, 1e-6, options=Options(noise=TransientNoise(bandwidth=1e9)))
    only = Circuit({"v": VoltageSource("d", "0", 1.0), "m": MOSFET("d", "d", "0", "0", 1e-6, 1e-6, NMOS),
                    "r": Resistor("d", "a", 1e3), "c": Capacitor("a", "0", 1e-12)})  # fmt: skip
    with pytest.raises(InputError, match="makes shot noise"):
        transient(only, 1e-6, options=Options(noise=TransientNoise(bandwidth=1e9, kinds=("shot",))))
    with pytest.raises(InputError, match="bandwidth is 0"):
        TransientNoise(bandwidth=0)
    with pytest.raises(InputError, match="'pink'"):
        TransientNoise(bandwidth=1e6, kinds=("pink",))
