"""What a device would have to be for the circuit, in numbers that follow from its parameters."""

from __future__ import annotations

import dataclasses

import pytest

from mho.core import ParameterError
from mho.devices import parameters
from mho.fitting import CircuitNeeds, suitability


def changed(**values):
    ref = parameters("ecram_stp_ref")
    numbers = {
        k: dataclasses.replace(ref.numbers.get(k, ref.numbers["tau_retention"]), value=v) for k, v in values.items()
    }
    return dataclasses.replace(ref, numbers={**ref.numbers, **numbers})


def test_the_reference_device_suits_the_circuit_it_was_built_for():
    sentences = suitability(parameters("ecram_stp_ref"))
    assert all("suitable" in s for s in sentences[1:]), sentences


def test_a_slow_device_is_told_by_how_much():
    text = "\n".join(suitability(changed(t_ref=2.0, tau=(5.0, 50.0))))
    # Its loading is 2 s / 200 ns slower, and 50 s are a hundred times the longest useful relaxation.
    assert "1e+07 times faster" in text
    assert "100 times longer" in text
    assert "Extrapolation" in text


def test_the_wrong_sign_and_channel_are_told():
    text = "\n".join(suitability(changed(polarity=-1.0, g_min=1e-3, g_max=20e-3)))
    assert "sign is opposite" in text
    assert "narrower or longer" in text


def test_a_steep_read_out_is_told():
    assert any("not Tsodyks-Markram" in s for s in suitability(changed(exponent=3.0)))


def test_other_needs_give_other_answers():
    sentences = suitability(parameters("ecram_stp_ref"), CircuitNeeds(amplitude=5.0))
    assert "5 times apart" in sentences[1]


def test_only_an_ecram_can_be_judged():
    class Other:
        def __init__(self, **_):
            pass

    with pytest.raises(ParameterError, match="'ecram'"):
        suitability(dataclasses.replace(parameters("ecram_stp_ref"), model="other", model_class=Other))
