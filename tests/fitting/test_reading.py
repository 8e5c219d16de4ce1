"""Every kind of measurement in every format: instruments, HDF5, headings with units; what is wrong comes its cure."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from mho.core import MeasurementError
from mho.fitting import (
    read_endurance,
    read_noise,
    read_paired_pulses,
    read_ramp,
    read_retention,
    read_sweep,
)
from mho.fitting.sweep import at_compliance, outliers

V = np.concatenate([np.linspace(0, 1, 41), np.linspace(1, -1, 81)[1:], np.linspace(-1, 0, 41)[1:]])
I = 1e-6 * np.sinh(3 * V)
T = 0.08 * np.arange(len(V))


@pytest.fixture
def written(tmp_path):
    def write(text, name="run.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def plain(headings="t [s], v [V], i [uA]", scale=1e6):
    return "\n".join([headings, *(f"{t},{v},{scale * i}" for t, v, i in zip(T, V, I, strict=True))])


def quick_iv(sweeps=1):
    """Keysight B2900 Quick IV: sweeps side by side, CRLF, a trailing comma, an item column and a redundant R."""
    names = [f"Smu1.{q}[1][{k + 1}]" for k in range(sweeps) for q in ("Time", "V", "I", "R")]
    lines = [",".join(["Item", *names, ""])]
    for k, (t, v, i) in enumerate(zip(T, V, I, strict=True)):
        lines.append(",".join([str(k + 1), *[f"{t},{v},{i},{1e4}"] * sweeps, ""]))
    return "\r\n".join(lines)


def easy_expert(sweeps=2, extra=""):
    """Keysight EasyEXPERT: a preamble of settings, DataName and DataValue rows, each sweep with its own."""
    lines = []
    for _ in range(sweeps):
        lines += ["SetupTitle, I/V Sweep", "PrimitiveTest, I/V Sweep", "TestParameter, Channel.Unit, SMU1:HR, SMU2:MP",
                  "TestParameter, Compliance, 0.001", "Dimension1, 161, 161", "DataName, V1, I1, Time"]  # fmt: skip
        lines += [f"DataValue, {v}, {i}, {t}" for t, v, i in zip(T, V, I, strict=True)]
    return "\n".join([*lines, extra])


def clarius(sweeps=2):
    """Keithley Clarius: sweeps side by side with their number in brackets, shorter ones padded, no time column."""
    lines = [",".join(f"AnodeV({k + 1}),AnodeI({k + 1})" for k in range(sweeps))]
    for n, (v, i) in enumerate(zip(V, I, strict=True)):
        lines.append(",".join(f"{v},{i}" if k == 0 or n < 100 else "," for k in range(sweeps)))
    return "\n".join(lines)


def test_one_sweep_in_every_format(written, tmp_path):
    for text in (plain(), plain("Time (s)\tV (V)\tI (A)", 1.0).replace(",", "\t"), quick_iv(), easy_expert(1)):
        s = read_sweep(written(text))
        np.testing.assert_allclose(s.t, T, rtol=1e-12)
        np.testing.assert_allclose(s.v, V, atol=1e-12)
        np.testing.assert_allclose(s.i, I, rtol=1e-12)
        assert s.usable.all()


def test_appended_sweeps_follow_one_another_and_their_clocks_too(written):
    for text, length in ((quick_iv(2), 2 * len(V)), (easy_expert(2), 2 * len(V)), (clarius(2), len(V) + 100)):
        s = read_sweep(written(text))
        assert len(s.v) == length
        assert sorted(set(s.sweep.tolist())) == [1, 2]
        assert np.all(np.diff(s.t) > 0)


def test_a_missing_time_column_is_asked_for_or_assumed_and_said(written):
    assumed = read_sweep(written(clarius(1)))
    assert any("no time column: 100 ms a point is assumed" in w for w in assumed.warnings)
    told = read_sweep(written(clarius(1)), step=0.02)
    assert np.ptp(told.t) == pytest.approx(0.02 * (len(V) - 1))
    assert not any("assumed" in w for w in told.warnings)


def test_a_preamble_of_settings_is_metadata(written):
    text = "Instrument,2450\nOperator,somebody\nRange,\n" + plain()
    s = read_sweep(written(text))
    assert s.metadata["Instrument"] == "2450"
    assert len(s.v) == len(V)


def test_several_terminals_take_the_driven_one_and_say_so(written):
    lines = ["AnodeV,AnodeI,CathodeV,CathodeI,Time"]
    lines += [f"{v},{i},0,{-i},{t}" for t, v, i in zip(T, V, I, strict=True)]
    s = read_sweep(written("\n".join(lines)))
    np.testing.assert_allclose(s.i, I)
    assert any("'anode' is taken" in w for w in s.warnings)


def test_hdf5_is_read_by_its_content_and_its_absence_is_told(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "run.dat"
    with h5py.File(path, "w") as file:
        group = file.create_group("sweep1")
        group.attrs["operator"] = "somebody"
        for name, unit, values in (("t", "ms", 1e3 * T), ("v", "V", V), ("i", "uA", 1e6 * I)):
            group.create_dataset(name, data=values).attrs["unit"] = unit
    s = read_sweep(path)
    np.testing.assert_allclose(s.i, I)
    np.testing.assert_allclose(s.t, T)
    assert s.metadata["operator"] == "somebody"
    with h5py.File(path, "a") as file:
        file["sweep1"].create_dataset("short", data=V[:5])
    with pytest.raises(MeasurementError, match=r"lengths are .*short 5.*equal"):
        read_sweep(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(MeasurementError, match="damaged or truncated"):
        read_sweep(path)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MeasurementError, match=r"pip install 'mho\[hdf5\]'"):
        read_sweep(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (plain("t [s], v [V], r [ohm]"), r"no column for i; the headings are t \[s\].*A current-voltage sweep has"),
        (plain("t [s], v, i [uA]"), r"column 'v' has no unit.*'v \[V\]'"),
        (plain("t [s], v [A], i [uA]"), "dimension"),
        ("t [s], v [V], i [A]\n0,0,0\n1,1,1e-6", "2 points found and at least 20 needed.*truncated"),
        (plain().replace("0.08,", "nan,", 1), r"line 3: the time is nan.*finite in every row"),
        (plain() + "\n13,1", r"2 of 3 cells.*truncated"),
        (easy_expert(1, "DataValue, 1, 2"), r"line \d+: 2 of 3 cells.*truncated"),
        (easy_expert(1, "DataName, V2, I2"), r"appended sweep has the columns V2 and I2"),
        ("DataName, V1, I1\n", "0 lines DataValue.*truncated"),
        ("t [s], v [V], i [A]\n" + "\n".join(f"{k},0.1,{k}e-9" for k in range(30)), "swept, and it is the same"),
    ],
)
def test_bad_sweeps_are_told_with_place_and_cure(written, text, message):
    with pytest.raises(MeasurementError, match=message):
        read_sweep(written(text))


def test_compliance_is_a_plateau_with_a_kink_never_a_smooth_maximum():
    v = np.concatenate([np.linspace(0, 1, 101), np.linspace(1, 0, 101)[1:]])
    free = 1e-3 * v + 1e-7 * np.expm1(v / 0.06)
    rng = np.random.default_rng(0)
    for noise in (0.0, 1e-3):
        clamped = np.minimum(free, 0.4e-3) * (1 + noise * rng.normal(size=len(v)))
        found = at_compliance(v, clamped)
        # Noise of a thousandth throws points out of the 1 % band at ten standard deviations: none.
        assert np.mean(found[free > 0.41e-3]) == 1.0
        assert not found[free < 0.39e-3].any()
    smooth = 40e-3 * (1 - 0.03 * ((np.arange(201) - 100) / 23.5) ** 2)  # a top of 47 points within 3 %
    assert not at_compliance(np.linspace(0.1, 1, 201), smooth).any()
    assert not at_compliance(v, 1e-3 * v).any()  # an ohmic peak
    assert at_compliance(v, 1e-3 * v, limit=0.8e-3).sum() == np.sum(v >= 0.8)  # a level that the file states


def test_outliers_are_single_readings_and_switching_is_none():
    rng = np.random.default_rng(1)
    i = np.where(V > 0.5, 1e-4, 1e-6) * (V + 1e-3) * (1 + 0.01 * rng.normal(size=len(V)))
    assert outliers(i).sum() == 0
    i[[10, 130]] *= [4.0, 0.2]
    assert np.flatnonzero(outliers(i)).tolist() == [10, 130]


def test_masks_are_counted(written):
    i = I.copy()
    i[30] *= 5
    text = "\n".join(["t [s], v [V], i [A]", *(f"{t},{v},{x}" for t, v, x in zip(T, V, i, strict=True))])
    text = text.replace(f",{V[50]},{i[50]}", f",{V[50]},")
    s = read_sweep(written(text))
    assert (int(s.outlier.sum()), int(np.sum(~np.isfinite(s.i))), int(np.sum(~s.usable))) == (1, 1, 2)
    assert "1 readings lie more than 6 robust" in str(s)


def test_ramps_side_by_side_and_long_are_the_same(written):
    g = 1e-6 * (10 + np.arange(20))
    both = list(zip(g, g[::-1], strict=True))
    side = read_ramp(written("up [uS],down [uS]\n" + "\n".join(f"{1e6 * a},{1e6 * b}" for a, b in both)))
    rows = [f"{k},{1e6 * x},1.5,100,1" for k, x in enumerate(g)]
    rows += [f"{k + 20},{1e6 * x},-1.2,50,1" for k, x in enumerate(g[::-1])]
    long = read_ramp(written("pulse, g [uS], v_pulse [V], width [ns], cycle\n" + "\n".join(rows)))
    np.testing.assert_allclose(long.g, side.g, rtol=1e-12)
    assert list(long.direction) == list(side.direction) == [1, -1]
    np.testing.assert_allclose(long.amplitude, [1.5, -1.2])
    np.testing.assert_allclose(long.width, [100e-9, 50e-9])
    rows = [f"{k},{1e-3 / x}" for k, x in enumerate([*g, *g[::-1]])]
    turned = read_ramp(written("pulse, r [kOhm]\n" + "\n".join(rows)))
    assert sorted(turned.direction) == [-1, 1]
    assert any("turns at its reading" in w for w in turned.warnings)


def test_retention_series_and_what_is_wrong_with_them(written):
    rows = [f"{t},{10 * (t + 1) ** -0.05},{k}" for k in (1, 2) for t in (0, 1, 10, 100, 1e3, 1e4)]
    r = read_retention(written("t [s], g [uS], state\n" + "\n".join(rows)))
    assert (r.traces, len(r.t)) == (2, 10)
    assert any("300.15 K is assumed" in w for w in r.warnings)
    assert any("2 readings at time 0" in w for w in r.warnings)
    with pytest.raises(MeasurementError, match=r"line 3: the resistance is -1 kΩ.*above 0"):
        read_retention(written("t [s], r [kOhm]\n1,1\n2,-1\n"))
    with pytest.raises(MeasurementError, match="not its read voltage"):
        read_retention(written("t [s], i [uA]\n1,1\n2,1\n"))
    with pytest.raises(MeasurementError, match="2 readings of a trace"):
        read_retention(written("t [s], g [uS]\n1,1\n2,1\n"))
    with pytest.raises(MeasurementError, match=r"temperature is -20 K.*above 0 K"):
        read_retention(written("t [s], g [uS], temperature [K]\n1,1,-20\n"))


def test_noise_traces_come_onto_an_even_clock(written):
    rng = np.random.default_rng(0)
    x = 1 + 0.01 * rng.normal(size=200)
    rows = [f"{k},{'' if k == 50 else x[k]}" for k in range(200) if k != 120]
    trace = read_noise(written("t [ms], i [uA]\n" + "\n".join(rows)))
    assert len(trace.x) == 200
    assert trace.step == pytest.approx(1e-3)
    assert any("1 samples are missing" in w for w in trace.warnings)
    with pytest.raises(MeasurementError, match=r"all 100 samples are 1 µA.*smaller range"):
        read_noise(written("t [ms], i [uA]\n" + "\n".join(f"{k},1" for k in range(100))))
    with pytest.raises(MeasurementError, match=r"line 4: the time is 1 ms.*after the one above"):
        read_noise(written("t [ms], i [uA]\n1,1\n2,1\n1,1\n"))


def test_endurance_by_lifetimes_and_by_windows(written):
    lives = read_endurance(written("device,cycles,failed\n1,1e5,1\n2,3e5,1\n3,1e6,0\n"))
    assert lives.failed.tolist() == [True, True, False]
    rows = []
    for cell, end in ((1, 12), (2, 99)):
        rows += [f"{cell},{10.0 ** (k / 4)},1,{100 if k < end else 3}" for k in range(20)]
    windows = read_endurance(written("device, cycle, r_low [kOhm], r_high [kOhm]\n" + "\n".join(rows)))
    assert windows.failed.tolist() == [True, False]
    np.testing.assert_allclose(windows.cycles, [10.0**3, 10.0**4.75], rtol=1e-9)
    with pytest.raises(MeasurementError, match=r"column 'failed' is 2.*0 or 1"):
        read_endurance(written("device,cycles,failed\n1,1e5,2\n"))
    with pytest.raises(MeasurementError, match="swapped"):
        read_endurance(written("cycle, r_low [kOhm], r_high [kOhm]\n" + "\n".join(f"{k},9,1" for k in range(9))))


def test_paired_pulses_as_ratio_percent_or_both_responses(written):
    pairs = "\n".join(f"{10 * k},{150 - k}" for k in range(1, 9))
    percent = read_paired_pulses(written("interval [ms], ratio [%]\n" + pairs))
    rows = [f"{10 * k},2,{2 * (1.5 - 0.01 * k)}" for k in range(1, 9)]
    both = read_paired_pulses(written("interval [ms], i1 [nA], i2 [nA]\n" + "\n".join(rows)))
    np.testing.assert_allclose(percent.ratio, both.ratio)
    np.testing.assert_allclose(percent.interval, 0.01 * np.arange(1, 9))
    with pytest.raises(MeasurementError, match="ratio, nor for both responses"):
        read_paired_pulses(written("interval [ms], x [nA]\n1,2\n"))


@pytest.mark.references
def test_real_sweeps_in_both_formats(references):
    folder = references / "measured"
    for name, points, lowest in (("nbsto_iv_r10um_2V", 601, -2.0), ("nbsto_iv_r32um_3V", 801, -3.0)):
        s = read_sweep(folder / f"{name}.csv")
        assert len(s.v) == points
        assert s.v.min() == pytest.approx(lowest, abs=1e-3)
        # The 40 mA top of the larger device is smooth: nothing there is at a compliance, and nothing is an outlier.
        assert s.usable.all()
    export = read_sweep(folder / "nbsto_instrument_export.csv", step=0.0827)
    assert len(export.v) == 502
    assert np.ptp(export.t) == pytest.approx(0.0827 * 501)
