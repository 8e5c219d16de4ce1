"""Reading pulse measurements: what a laboratory writes, and what is wrong with it, said with line, value and cure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.core import MeasurementError
from mho.fitting import packaged_measurement, read_pulses

PULSES = [(float(k), 1.0, 200.0, None) for k in range(10, 80, 10)]


def events(rows=None, heading="t [ms], v_gate [V], width [ns], r [kOhm]", newline="\n", tail=""):
    lines = [heading]
    for k in range(10, 80, 10):
        lines += [f"{k},1,200,", f"{k + 1},0,,{24 - 0.1 * k / 10:.4f}"]
    return newline.join([*lines, *(rows or [])]) + newline + tail


@pytest.fixture
def written(tmp_path):
    def write(text, name="run.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_events_are_pulses_and_the_other_rows_readings(written):
    m = read_pulses(written(events()))
    assert m.form == "events"
    np.testing.assert_allclose(m.pulses.t, np.arange(10, 80, 10) * 1e-3)
    np.testing.assert_allclose(m.pulses.width, 200e-9)
    np.testing.assert_allclose(m.reads.t, np.arange(11, 81, 10) * 1e-3)
    np.testing.assert_allclose(1 / m.reads.g, 24e3 - 100 * np.arange(1, 8))
    assert list(m.reads.after) == list(range(1, 8))
    assert "7 pulses of 200 ns at 1 V" in str(m)


def test_a_reading_in_the_pulses_own_row_comes_after_it_by_the_stated_delay(written):
    lines = ["# read_delay = 2 ms", "t [ms], v_gate [V], width [us], g [uS]"] + [
        f"{10 * k},1,50,{40 + k}" for k in range(1, 8)
    ]
    m = read_pulses(written("\n".join(lines)))
    np.testing.assert_allclose(m.reads.t - m.pulses.t, 50e-6 + 2e-3)
    np.testing.assert_allclose(m.reads.g, np.arange(41, 48) * 1e-6)


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("r [kOhm]", "25"),
        ("R (ohm)", "2.5e4"),
        ("g [uS]", "40"),
        ("G [S]", "4e-5"),
        ("conductance [nS]", "40000"),
        ("r [kΩ]", "25"),
    ],
)
def test_one_conductance_in_every_unit(written, heading, cell):
    lines = [f"t [s], v_gate [V], width [s], {heading}"]
    for k in range(1, 8):
        lines += [f"{k},1,1e-6,", f"{k}.5,0,,{cell}"]
    np.testing.assert_allclose(read_pulses(written("\n".join(lines))).reads.g, 4e-5, rtol=1e-12)


def test_windows_line_ends_trailing_commas_and_missing_samples_are_masked_and_counted(written):
    text = "t [ms],v_gate [V],width [ns],r [kOhm],\r\n"
    for k in range(1, 9):
        text += f"{10 * k},1,200,,\r\n{10 * k + 1},0,,{'nan' if k == 3 else '' if k == 5 else 24},\r\n"
    m = read_pulses(written(text))
    assert m.missing == 2
    assert np.isnan(m.reads.g).sum() == 2
    assert "2 missing" in str(m)


def test_semicolons_and_decimal_commas(written):
    text = "t [ms];v_gate [V];width [ns];r [kOhm]\n" + "".join(f"{k},5;1;200;\n{k},9;0;;24,25\n" for k in range(1, 8))
    m = read_pulses(written(text))
    np.testing.assert_allclose(m.pulses.t, (np.arange(1, 8) + 0.5) * 1e-3)
    np.testing.assert_allclose(m.reads.g, 1 / 24.25e3)


def test_a_current_with_metadata_in_the_last_line_and_error_columns(written):
    rows = ["Time (ms)\tV_G (V)\tI_DS (A)\tI_DS error(A)\tI_G (A)"]
    for k in range(60):
        rows.append(f"{10 * k}\t{-0.8 if k % 10 >= 5 else 0}\t{-1e-6 * (1 + k % 10)}\tnan\t1e-9")
    m = read_pulses(written("\r\n".join([*rows, "V_DS =\t-0.6"]), "run.txt"))
    assert m.form == "waveform"
    np.testing.assert_allclose(m.g[:3], np.array([1, 2, 3]) * 1e-6 / 0.6)
    assert len(m.pulses.t) == 6
    np.testing.assert_allclose(m.pulses.amplitude, -0.8)
    np.testing.assert_allclose(m.pulses.t[0], 0.045)  # midway between the samples at 40 and 50 ms
    assert m.metadata["V_DS"] == "-0.6"
    assert any("not used" in w for w in m.warnings)


def test_sweeps_may_start_the_time_again(written):
    text = events(heading="t [ms], v_gate [V], width [ns], r [kOhm], sweep")
    lines = text.splitlines()
    body = [f"{row},1" for row in lines[1:]] + [f"{row},2" for row in lines[1:]]
    m = read_pulses(written("\n".join([lines[0], *body])))
    assert set(m.sweep.tolist()) == {1, 2}
    assert len(m.pulses.t) == 14


def test_a_measurement_cannot_be_changed(written):
    m = read_pulses(written(events()))
    with pytest.raises(ValueError, match="read-only"):
        m.g[0] = 1.0
    with pytest.raises(AttributeError):
        m.t = m.g


def test_the_packaged_measurement_says_that_it_is_synthetic():
    text = packaged_measurement().read_text()
    assert "SYNTHETIC" in text.splitlines()[0]
    m = read_pulses(packaged_measurement())
    assert "ecram_stp_ref" in m.metadata["parameter set"]
    assert m.missing > 0
    assert len(set(m.sweep.tolist())) >= 5


HEAD = "t [ms], v_gate [V], width [ns], r [kOhm]\n"


def repeated(head, rows):
    return head + "".join(rows.format(k, k + 1) for k in range(10, 99, 10))


BAD = {
    "empty file": (b"", ["empty", "0 rows"]),
    "only comments": ("# hello\n", ["only comments"]),
    "headings alone": (HEAD, ["0 rows"]),
    "no headings": ("1,2,3,4\n" * 9, ["line 1", "no headings"]),
    "wrong headings": ("Item,Smu1.V[1][1],Smu1.I[1][1]\n1,2,3\n", ["no column for t, v_gate and g", "Smu1.V[1][1]"]),
    "no unit": (events(heading="t, v_gate [V], width [ns], r [kOhm]"), ["'t'", "no unit", "t [s]"]),
    "unknown unit": (events(heading="t [parsnips], v_gate [V], width [ns], r [kOhm]"), ["parsnips", "not a unit"]),
    "wrong dimension": (events(heading="t [V], v_gate [V], width [ns], r [kOhm]"), ["'t [V]'", "dimension"]),
    "negative resistance": (events(["90,0,,-17.5"]), ["line 16", "negative resistance", "-17.5 kΩ", "above 0"]),
    "zero resistance": (events(["90,0,,0"]), ["line 16", "zero resistance", "above 0"]),
    "time goes back": (events(["5,0,,24"]), ["line 16", "time goes back", "71 ms", "5 ms"]),
    "NaN time": (events(["nan,0,,24"]), ["line 16", "time", "NaN"]),
    "NaN gate": (events(["90,,,24"]), ["line 16", "gate voltage"]),
    "too few pulses": (HEAD + "1,0,,25\n2,1,200,\n3,0,,24\n4,1,200,\n5,0,,23\n", ["2 found", "at least 5"]),
    "truncated": (events(["90,0"]), ["line 16", "2 of 4", "truncated"]),
    "binary": (b"PK\x03\x04\x00\x00\x00\x01" * 20, ["binary"]),
    "words": (events(["90,0,,high"]), ["line 16", "'high'", "not a number"]),
    "twice the same heading": (events(heading="t [ms], v_gate [V], width [ns], t [ms]"), ["'t [ms]'", "2 times"]),
    "two columns for one quantity": (
        "t [ms], Time (s), v_gate [V], r [kOhm]\n" + "1,1,0,25\n" * 9,
        ["'t [ms]'", "'Time (s)'", "duplicated"],
    ),
    "width missing": (events(["90,1,,"]), ["line 16", "width is missing", "1 V"]),
    "width negative": (events(["90,1,-5,"]), ["line 16", "-5 ns", "above 0"]),
    "pulses overlap": (repeated(HEAD.replace("ns", "ms"), "{0},1,30,\n{1},0,,24\n"), ["20 ms", "before the one"]),
    "current without its voltage": ("t [s], v_gate [V], i_ds [A]\n" + "1,0,1e-6\n" * 9, ["v_ds"]),
    "too many cells": (events(["90,0,,24,5,5"]), ["line 16", "6 cells", "4"]),
    "all missing": (repeated(HEAD, "{0},1,200,\n{1},0,,\n"), ["all", "missing"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_with_its_place_value_and_cure(written, name):
    text, parts = BAD[name]
    with pytest.raises(MeasurementError) as caught:
        read_pulses(written(text))
    for part in parts:
        assert part in str(caught.value)
    assert "run.csv" in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(MeasurementError, match="does not exist"):
        read_pulses(tmp_path / "no.csv")
    with pytest.raises(MeasurementError, match="not a file"):
        read_pulses(tmp_path)


@settings(max_examples=25, deadline=None)
@given(
    r=st.lists(st.floats(1e2, 1e7), min_size=6, max_size=20),
    scale=st.sampled_from([("s", 1.0), ("ms", 1e3), ("us", 1e6)]),
    unit=st.sampled_from([("ohm", 1.0), ("kOhm", 1e-3), ("MOhm", 1e-6)]),
)
def test_units_change_the_text_and_not_the_measurement(tmp_path_factory, r, scale, unit):
    path = tmp_path_factory.mktemp("units") / "run.csv"
    lines = [f"t [{scale[0]}], v_gate [V], width [{scale[0]}], r [{unit[0]}]"]
    for k, value in enumerate(r, 1):
        lines += [f"{k * scale[1]!r},1,{0.1 * scale[1]!r},", f"{(k + 0.5) * scale[1]!r},0,,{value * unit[1]!r}"]
    path.write_text("\n".join(lines))
    m = read_pulses(path)
    # Two roundings of the conversion, each half a unit in the last place.
    np.testing.assert_allclose(m.reads.g, 1 / np.asarray(r), rtol=1e-14)
    np.testing.assert_allclose(m.reads.t, np.arange(1, len(r) + 1) + 0.5, rtol=1e-14)


@pytest.mark.references
def test_the_transistors_file_is_read_as_it_stands(references):
    m = read_pulses(references / "measured" / "oect_gate_cycles.txt")
    assert len(m.pulses.t) == 10
    assert m.g.max() == pytest.approx(1.165e-3, rel=1e-3)  # 699 uA at 0.6 V
    assert m.i_gate is not None


@pytest.mark.references
def test_a_two_terminal_sweep_is_refused_with_its_headings(references):
    with pytest.raises(MeasurementError, match=r"no column for t, v_gate.*Smu1\.Time"):
        read_pulses(references / "measured" / "nbsto_iv_r10um_2V.csv")
