"""Scaling with size: powers by unit, what is calculated says so, limits are stated."""

from __future__ import annotations

import pytest

from mho.core import ParameterError
from mho.core.parameters import Number
from mho.core.quantities import engineering
from mho.devices import parameters
from mho.devices.effects import SCALING, scaled


def test_a_gate_scales_its_charge_and_leaves_the_channel():
    """A fifth of the area: a fifth of the capacitance, which holds its voltage to sqrt(kT/C)."""
    numbers = parameters("ecram_stp_ref")
    small, limits = scaled(numbers, area=1e-12, reference=5e-12, rule="gate")
    old, new = numbers.numbers["c_gate"], small.numbers["c_gate"]
    assert new.value == pytest.approx(0.2 * old.value)
    assert new.how == "calculated"
    assert small.numbers["g_max"] == numbers.numbers["g_max"]
    assert type(small.device()) is type(numbers.device())
    volts = (1.380649e-23 * 300.15 / new.value) ** 0.5
    assert any(line.startswith("c_gate") and f"to {engineering(volts, 'V')} (kT/C)" in line for line in limits)


def test_an_interface_scales_currents_up_and_resistances_down():
    numbers = parameters("ecram_stp_ref")
    large, _ = scaled(numbers, area=4e-12, reference=1e-12, rule="interface")
    for name, number in numbers.numbers.items():
        power = {"S": 1, "A": 1, "C": 1, "F": 1, "ohm": -1}.get(number.unit, 0)
        if not isinstance(number.value, tuple):
            assert large.numbers[name].value == pytest.approx(4.0**power * number.value), name


def test_a_filament_does_not_scale():
    numbers = parameters("reram_neurram")
    small, limits = scaled(numbers, area=1e-15, reference=1e-14, rule="filament")
    assert small == numbers
    assert "does not scale" in limits[-1]


def test_the_count_of_charges_is_stated():
    """A tenth of ten million elementary charges is counted to 0.1 %."""
    numbers = parameters("ecram_stp_ref")
    charge = Number(1.602176634e-12, "C", "mho", "a test", "assumed")
    numbers = numbers.with_values({"charge_full": charge}, name="ours", summary="a test", sources={})
    _, limits = scaled(numbers, area=0.1, reference=1.0, rule="gate")
    assert any("1e+06 elementary charges, counted to 0.1 %" in line for line in limits)


def test_what_cannot_be_is_refused():
    numbers = parameters("ecram_stp_ref")
    with pytest.raises(ParameterError, match="no scaling rule 'volume'"):
        scaled(numbers, area=1.0, rule="volume", reference=1.0)
    with pytest.raises(ParameterError, match="must be above 0"):
        scaled(numbers, area=-1.0, rule="gate", reference=1.0)
    if "area" not in numbers.reported:
        with pytest.raises(ParameterError, match="reports no area"):
            scaled(numbers, area=1.0, rule="gate")
    assert set(SCALING) == {"interface", "gate", "filament"}
