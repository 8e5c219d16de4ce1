"""The one door for units."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.core import UnitError, engineering, heading, si


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("25 uS", "S", 25e-6),
        ("25 µS", "S", 25e-6),  # micro sign
        ("25 μS", "S", 25e-6),  # Greek mu
        ("25uS", "S", 25e-6),
        ("3 mho", "S", 3.0),
        ("1.5 kOhm", "ohm", 1.5e3),
        ("1.5 kΩ", "ohm", 1.5e3),  # Greek omega
        ("1.5 k\u2126", "ohm", 1.5e3),  # ohm sign
        ("2 kohms", "ohm", 2e3),
        ("1 MOhm", "ohm", 1e6),
        ("1 mOhm", "ohm", 1e-3),
        ("200 ns", "s", 200e-9),
        ("10 um", "m", 1e-5),
        ("-2 mV", "V", -2e-3),
        ("+.5V", "V", 0.5),
        ("1e-3", "S", 1e-3),
        (0.2, "V", 0.2),
        (3, "s", 3.0),
        ("5 %", "1", 0.05),
        ("0.05 1/s", "1/s", 0.05),
        ("1 kHz", "1/s", 1e3),
        ("300 K", "K", 300.0),
        (" 7  pF ", "F", 7e-12),
    ],
)
def test_text_becomes_si_exactly(text, unit, value):
    """Equal to the literal, not only close: 10 um is 1e-5 m."""
    assert si(text, unit) == value


def test_an_electronvolt():
    assert si("0.45 eV", "J") == pytest.approx(0.45 * 1.602176634e-19, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit", "reason"),
    [
        ("1 V", "S", "dimension"),
        ("25 degC", "K", "Give the temperature in K"),
        ("25 °C", "K", "Give the temperature in K"),
        ("77 degF", "K", "Give the temperature in K"),
        ("nan", "S", "not a finite number"),
        ("inf S", "S", "not a quantity"),
        ("1e400 V", "V", "not a finite number"),
        (math.inf, "V", "not a finite number"),
        (True, "V", "not a finite number"),
        (None, "V", "not a quantity"),
        ([1.0], "V", "not a quantity"),
        ("1,5 V", "V", "decimal point"),
        ("1..2 V", "V", "not a quantity"),
        ("1.2.3 V", "V", "not a quantity"),
        ("", "V", "not a quantity"),
        ("V", "V", "not a quantity"),
        ("fast", "s", "not a quantity"),
        ("1 V V", "V", "dimension"),
        ("1 quux", "V", "not a unit that mho knows"),
        ("1 __import__('os')", "s", "not a unit that mho knows"),
        ("5 %", "V", "dimension"),
        ("1 mS", "s", "dimension"),  # millisiemens, where milliseconds were meant
    ],
)
def test_what_is_no_such_quantity_is_refused_with_the_cure(text, unit, reason):
    with pytest.raises(UnitError, match=reason):
        si(text, unit)


@given(st.floats(1e-17, 1e14), st.sampled_from(["S", "V", "ohm", "s", "F"]))
def test_people_s_figures_read_back(value, unit):
    """Four digits, whatever the prefix, and back through the door."""
    assert si(engineering(value, unit), unit) == pytest.approx(value, rel=5.01e-4)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_s_own_text_reads_back_exactly(value):
    assert si(f"{value!r} V", "V") == value


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.5e-5, "S", "25 µS"),
        (25e3, "ohm", "25 kΩ"),
        (999.96, "ohm", "1 kΩ"),
        (-1500.0, "V", "-1.5 kV"),
        (0.0, "V", "0 V"),
        (2e-12, "J", "2 pJ"),
        (300.15, "K", "300.1 K"),
        (0.083, "1", "0.083"),
        (2e5, "1/s", "2e+05 1/s"),
        (math.nan, "V", "nan V"),
        (1e15, "Hz", "1000 THz"),
        (0.04839, "V^0.5", "0.04839 V^0.5"),
        (2e-10, "m^2/(V*s)", "2e-10 m^2/(V*s)"),
        (3e-6, "A*s", "3e-06 A*s"),
        (2e-3, "A/V^2", "2 mA/V^2"),
    ],
)
def test_figures_for_people(value, unit, text):
    assert engineering(value, unit) == text


def test_rounding_up_to_the_next_prefix_with_few_digits():
    assert engineering(999.7e9, "Hz", digits=3) == "1 THz"
    assert engineering(-999.6e-6, "A", digits=3) == "-1 mA"


@pytest.mark.parametrize(
    ("text", "name", "unit"),
    [
        ("v_gate [V]", "v_gate", "V"),
        ("Time (ms)", "Time", "ms"),
        ("r[kOhm]", "r", "kOhm"),
        ("I (drain) [A]", "I (drain)", "A"),
        (" g  [ uS ] ", "g", "uS"),
        ("x", "x", None),
        ("", "", None),
    ],
)
def test_headings(text, name, unit):
    assert heading(text) == (name, unit)
