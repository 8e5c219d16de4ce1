"""Arrays known by their statistics: published means and spreads at the published times, I-V, order of events."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core import ParameterError
from mho.devices import AbstractProgrammed, parameters
from mho.devices.statistics import NonlinearArray, RelaxingArray, SONOSArray

N = 20_000
FOUR = 4.0 / np.sqrt(2 * N)  # four standard errors of a standard deviation, relative
DAY = 86_400.0
SETS = ["reram_neurram", "reram_ihp_milo", "reram_cmo_0p2", "reram_cmo_2", "sonos_40nm", "pcm_joshi", "pcm_hermes2"]


@eqx.filter_jit
def grown(device, target, age, key):
    return device.conductance(device.relax(device.program(jnp.zeros(N) + target, key=key), age))


def sample(name: str, target: float, age: float) -> np.ndarray:
    """Conductances [uS] of devices programmed to a target [S], some time [s] later."""
    g = grown(parameters(name).device(), jnp.asarray(target), jnp.asarray(age), jax.random.key(4))
    return np.asarray(g, np.float64) * 1e6


@pytest.mark.parametrize(
    ("age", "relative", "sigma"),
    [
        # Calculated from the published polynomials, in uS.
        (1.0, 0.25, 2.26),
        (1.0, 0.5, 2.02),
        (1.0, 1.0, 1.10),
        (DAY, 0.25, 3.72),
        (DAY, 0.5, 3.91),
        (DAY, 1.0, 2.65),
        (2 * DAY, 0.5, 3.929),
    ],
)
def test_neurram_spreads_as_published(age, relative, sigma):
    """Mean and spread within four standard errors, and the two decimals of the figures."""
    g = sample("reram_neurram", relative * 40e-6, age)
    assert abs(g.mean() - 40 * relative) < 4 * sigma / np.sqrt(N) + 0.005
    np.testing.assert_allclose(g.std(), sigma, rtol=FOUR + 0.005 / sigma)


def test_neurram_is_interpolated_in_log_time_and_says_so(x64):
    """Half-way in log time lies half-way in spread; outside the times it holds; only the times count as measured."""
    device = parameters("reram_neurram").device()
    ends = [float(device.spread(20e-6, t)) for t in (1.0, DAY, 2 * DAY)]
    assert float(device.spread(20e-6, np.sqrt(DAY))) == pytest.approx((ends[0] + ends[1]) / 2, rel=1e-12)
    assert float(device.spread(20e-6, 0.0)) == ends[0]
    assert float(device.spread(20e-6, 30 * DAY)) == ends[2]
    measured = np.asarray(device.measured(jnp.asarray([1.0, 3600.0, DAY, 2 * DAY, 30 * DAY])))
    np.testing.assert_array_equal(measured, [True, False, True, True, False])
    assert "extrapolated" in parameters("reram_neurram").outside(time=30 * DAY)[0]


def test_a_device_keeps_its_error_and_wanders_one_way():
    """The error at 1 s and the later one correlate as the part that stays: sigma_1 / sigma_day (0.02: N samples)."""
    early, late = sample("reram_neurram", 20e-6, 1.0), sample("reram_neurram", 20e-6, DAY)
    assert abs(np.corrcoef(early, late)[0, 1] - 2.02 / 3.91) < 0.02


@pytest.mark.parametrize(("name", "sigma"), [("reram_cmo_0p2", 0.05425), ("reram_cmo_2", 0.57573)])
def test_cmo_is_programmed_within_its_range_and_decays_with_log_time(name, sigma):
    """sigma_p at 50 uS; after a day the published mean and spread, whatever the range."""
    now, then = sample(name, 50e-6, 0.0), sample(name, 50e-6, DAY)
    np.testing.assert_allclose(now.std(), sigma, rtol=FOUR + 1e-4)
    spread = 0.04201137 * np.log(DAY) + 0.41183342
    assert abs(then.mean() - (50 - 0.08900206 * np.log(DAY))) < 4 * spread / np.sqrt(N)
    np.testing.assert_allclose(then.std(), spread, rtol=FOUR)


def test_cmo_read_noise_grows_with_the_root_of_log_time():
    """Standard deviation over reads of one conductance: n log10(g) sqrt(ln((t + t_r)/2t_r)), in uS."""
    device = parameters("reram_cmo_2").device()
    state = jax.tree.map(lambda x: jnp.zeros(N) + x, device.relax(device.rest(), 100.0))
    state = eqx.tree_at(lambda s: s.target, state, jnp.full(N, 50e-6))
    i = np.asarray(device.read(state, 0.2, key=jax.random.key(0)), np.float64)
    g = float(device.conductance(state)[0]) * 1e6
    expected = 0.0277316483 * np.log10(g) * np.sqrt(np.log((100 + 1e-6) / 2e-6))
    np.testing.assert_allclose(i.std() / 0.2 * 1e6, expected, rtol=FOUR)


@pytest.mark.parametrize(("target", "sigma"), [(50e-6, 4.32697), (225e-6, 2.73325)])
def test_milo_is_programmed_with_its_error(target, sigma):
    np.testing.assert_allclose(sample("reram_ihp_milo", target, 0.0).std(), sigma, rtol=FOUR)


def test_milo_bends_as_its_polynomials(x64):
    """Against the polynomials with NumPy, highest power first as published (1e-12); beyond the fit, a straight line."""
    device = parameters("reram_ihp_milo").device()
    g, v = 1e-4, np.array([-0.5, -0.2, 0.1, 0.5])
    x = np.log10(g)
    nl2 = np.polyval([1.388e-4, 1.541e-3, 5.711e-3, 7.063e-3], x)
    nl3 = np.polyval([8.871e-5, 6.7919e-4, 1.2968e-3], x)
    np.testing.assert_allclose(device.current(g, v), g * v + nl2 * v**2 + nl3 * v**3, rtol=1e-12)
    assert float(device.current(g, 1.0) - device.current(g, 0.75)) == pytest.approx(0.25 * g, rel=1e-9)
    for low in (50e-6, 225e-6):
        assert np.all(np.asarray(device.current(low, v)) * v > 0)


@pytest.mark.parametrize(
    ("day", "a", "b"), [(0, 19.88665, 176.3115), (1, 25.59102, 186.85544), (5, 34.57909, 207.34309)]
)
def test_sonos_spreads_and_drifts_by_the_day(day, a, b):
    """Mean and spread of the current at 800 nA [nA], from the published exponential and polynomials."""
    powers = {
        0: [0.0],
        1: [
            6.8365e-1,
            6.5125e-3,
            -4.03163e-4,
            3.37944e-6,
            -1.87435e-8,
            5.88902e-11,
            -1.07685e-13,
            1.17751e-16,
            -7.60016e-20,
            2.67255e-23,
            -3.94954e-27,
        ],
        5: [
            1.15294,
            1.03149e-2,
            -6.05199e-5,
            1.76086e-8,
            -6.4669e-9,
            3.39044e-11,
            -7.53872e-14,
            8.98185e-17,
            -6.00346e-20,
            2.12615e-23,
            -3.11099e-27,
        ],
    }[day]
    mean = 800 + sum(c * 800.0**k for k, c in enumerate(powers))
    i = sample("sonos_40nm", 8e-6, day * DAY) * 100  # uS at 0.1 V, in nA
    sigma = a * (1 - np.exp(-mean / b))
    assert abs(i.mean() - mean) < 4 * sigma / np.sqrt(N) + 0.01  # 0.01 nA: single precision
    np.testing.assert_allclose(i.std(), sigma, rtol=FOUR)


def test_sonos_is_interpolated_between_the_days(x64):
    device = parameters("sonos_40nm").device()
    one, two = (np.array([device.mean(8e-6, d * DAY), device.spread(8e-6, d * DAY)]) for d in (1, 2))
    middle = float(device.mean(8e-6, 1.5 * DAY))
    assert middle == pytest.approx((one[0] + two[0]) / 2, rel=1e-12)
    assert min(one[1], two[1]) < float(device.spread(8e-6, 1.5 * DAY)) < max(one[1], two[1])
    assert float(device.mean(8e-6, 9 * DAY)) == float(device.mean(8e-6, 5 * DAY))


@pytest.mark.parametrize("name", SETS)
def test_one_device_a_batch_and_vmap_are_the_same(name):
    """The same key and target give the same device within a batch and under vmap; durations can be split.

    5e-6: single precision, with the powers up to the tenth of SONOS.
    """
    device = parameters(name).device()
    assert isinstance(device, AbstractProgrammed)
    low, high = device.window()

    def life(target):
        state = device.program(target, key=jax.random.key(2))
        return device.conductance(device.relax(device.relax(state, 0.4 * DAY), 0.6 * DAY)), state

    targets = low + jnp.asarray([0.3, 0.6, 0.9]) * (high - low)
    (mapped, _), (_, whole) = jax.jit(jax.vmap(life))(targets), life(targets)
    for k in range(3):
        np.testing.assert_allclose(mapped[k], life(targets[k])[0], rtol=5e-6)
    at_once, split = device.conductance(device.relax(whole, DAY)), life(targets)[0]
    np.testing.assert_allclose(split, at_once, rtol=5e-6)
    assert split.dtype == jnp.float32
    rest = device.rest()
    assert low * 0.999 <= float(device.conductance(rest)) <= high


def test_what_cannot_be_is_refused():
    numbers = {k: n.value for k, n in parameters("reram_neurram").numbers.items()}
    with pytest.raises(ParameterError, match="must ascend"):
        RelaxingArray(**(numbers | {"times": (1.0, 3.0, 2.0)}))
    with pytest.raises(ParameterError, match="one for each of the days"):
        SONOSArray(1.6e-6, 1e7, 0.1, (1e-9,), (1e-7,))
    with pytest.raises(ParameterError, match=r"NonlinearArray.g_max is -1 S"):
        NonlinearArray(g_min=0.0, g_max=-1.0, sigma_floor=0.0)
