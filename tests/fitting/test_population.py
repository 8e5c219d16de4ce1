"""Populations of ramps: synthetic ones whose statistics are known, and 39 ramps of a real device."""

from __future__ import annotations

import numpy as np
import pytest

from mho.core import MeasurementError
from mho.fitting import ramp_population, read_ramp


def written(path, g, heading="rmp"):
    lines = [",".join(f"{heading}{k + 1}" for k in range(len(g)))]
    for row in g.T:
        lines.append(",".join("" if np.isnan(x) else f"{x:.9e}" for x in row))
    path.write_text("\n".join(lines))
    return path


def synthetic(ramps=40, pulses=180, seed=0, trend=True):
    """Ramps with trend, offset 0.3 uS, slope 1.5 %, write noise 0.04 uS, read noise 0.03 uS."""
    rng = np.random.default_rng(seed)
    k = np.arange(pulses)
    course = 7e-3 * ((k + 28) ** 1.75 - 28**1.75)
    n = np.arange(ramps)
    start = 165.0 - (5.0 * np.exp(-n / 15) if trend else 0.0) + 0.3 * rng.normal(size=ramps)
    slope = 1 + 0.015 * rng.normal(size=ramps)
    walk = np.cumsum(0.04 * rng.normal(size=(ramps, pulses)), axis=1)
    g = start[:, None] + slope[:, None] * course + walk - walk[:, :1] + 0.03 * rng.normal(size=(ramps, pulses))
    g[::3, -4:] = np.nan  # ragged ends
    g[ramps // 5, 90:] -= 0.9  # a jump
    return 1e-6 * g


def test_known_statistics_are_found(tmp_path):
    truth = {"read_noise": 0.03e-6, "write_noise": 0.04e-6, "start_ramps": 15.0, "offset": 0.3e-6}
    held = []
    for seed in range(6):
        population = ramp_population(read_ramp(written(tmp_path / "r.csv", synthetic(seed=seed))))
        held += [population[name].covers(value) for name, value in truth.items()]
        assert population["slope"].value == pytest.approx(0.015, rel=0.35)  # 39 ramps know it to 11 %; three such
        assert population["exponent"].value == pytest.approx(1.75, abs=0.1)
        assert [(j.ramp, j.pulse) for j in population.jumps if abs(j.size) > 0.5e-6] == [("rmp9", 89)]
        assert "rmp9" in population.outliers
        assert abs(population.trend) > 0.9
    # Of 24 intervals of 95 %, 20 or more hold the truth in 99.4 % of all trials.
    assert sum(held) >= 20, held
    assert "not a spread from device to device" in str(population)


def test_a_scatter_without_trend_is_not_called_a_trend(tmp_path):
    population = ramp_population(read_ramp(written(tmp_path / "r.csv", synthetic(trend=False))))
    assert population["start_scatter"].covers(0.3e-6)
    assert not any("conditioning" in w for w in population.warnings)


def test_units_in_headings_and_by_argument(tmp_path):
    g = synthetic(ramps=5)
    plain = read_ramp(written(tmp_path / "a.csv", g))
    assert any("no unit" in w for w in plain.warnings)
    micro = read_ramp(written(tmp_path / "b.csv", 1e6 * g), unit="uS")
    np.testing.assert_allclose(micro.g, plain.g, rtol=1e-8)


def test_bad_tables_are_named(tmp_path):
    g = synthetic(ramps=4)
    with pytest.raises(MeasurementError, match="1 ramp found"):
        ramp_population(read_ramp(written(tmp_path / "a.csv", g[:1])))
    short = g.copy()
    short[2, 5:] = np.nan
    with pytest.raises(MeasurementError, match=r"rmp3.*5 found and at least 10"):
        read_ramp(written(tmp_path / "b.csv", short))
    negative = g.copy()
    negative[1, 3] = -1e-6
    with pytest.raises(MeasurementError, match=r"'rmp2', pulse 3.*-1 µS.*above 0"):
        read_ramp(written(tmp_path / "c.csv", negative))


@pytest.mark.references
def test_the_39_ramps_of_a_real_device(references):
    population = ramp_population(read_ramp(references / "measured" / "ramps_potentiation.csv"))
    assert (population.ramps, population.readings) == (39, 7362)
    # An earlier analysis of the same file, with its own choices of trend, subset and polynomial: each figure within
    # 10 %, the
    # depth and constant of the trend within the fit's interval, counts within two.
    assert population.trend == pytest.approx(0.987, abs=0.002)
    assert population["start_mean"].value == pytest.approx(163.70e-6, rel=1e-4)
    assert population["start_end"].covers(165.8e-6)
    assert population["start_depth"].covers(4.9e-6)
    assert population["start_ramps"].covers(20.7)
    assert population["start_scatter"].value == pytest.approx(0.23e-6, rel=0.1)
    assert population["exponent"].value == pytest.approx(1.74, abs=0.05)
    assert population["k_0"].value == pytest.approx(27, rel=0.1)
    assert population["course_rms"].value == pytest.approx(0.129e-6, rel=0.1)
    assert population["read_noise"].value == pytest.approx(0.0284e-6, rel=0.1)
    assert population["write_noise"].value == pytest.approx(0.0403e-6, rel=0.1)
    assert population["step_correlation"].value == pytest.approx(-0.25, abs=0.03)
    assert population["slope_total"].value == pytest.approx(0.0156, rel=0.1)
    assert population["slope"].value == pytest.approx(0.0137, rel=0.1)
    assert population["offset_slope_correlation"].value == pytest.approx(-0.48, abs=0.1)
    assert len(population.jumps) == pytest.approx(12, abs=2)
    assert population.outliers == ("rmp1", "rmp26", "rmp28")
