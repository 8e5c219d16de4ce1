"""One device object, one pulse train: the floors must find the same conductances."""

from __future__ import annotations

import numpy as np
import pytest

import mho
from mho.core import InputError
from mho.metrics.floors import agreement_kpi, compare_floors


@pytest.fixture(scope="module")
def agreement():
    return compare_floors(mho.parameters("ecram_stp_ref").device(), rate=1e3, pulses=6)


def test_the_first_pulse_moves_the_resistance_alike_on_every_floor(agreement):
    # 0.5 %: the circuit's gate has 1 ns edges and a 0.2 ns time constant in a 200 ns pulse; the network runs in float32
    for floor in ("device", "circuit", "network"):
        assert agreement.resistance_step(floor) == pytest.approx(1500.0, rel=5e-3)


def test_floors_agree_over_the_whole_train(agreement):
    # the network differs from the device by float32 rounding, magnified by 40 uS of rest over 2.5 uS of change
    assert np.max(np.abs(agreement.difference("network"))) < 1e-4
    assert np.max(np.abs(agreement.difference("circuit"))) < 5e-3
    kpi = agreement_kpi(agreement)
    assert kpi.value == pytest.approx(np.max(np.abs(agreement.difference("circuit"))))


def test_facilitation_grows_with_the_train(agreement):
    g = agreement.conductance["device"]
    assert np.all(np.diff(g) > 0)
    assert agreement.facilitation("device") == pytest.approx(g[-1] / g[0])


def test_a_further_floor_needs_one_conductance_a_pulse(agreement):
    with pytest.raises(InputError, match="2 conductances for 6 pulses"):
        agreement.with_floor("synapse", [1e-5, 2e-5])


def test_overlapping_pulses_are_refused():
    with pytest.raises(InputError, match="do not overlap"):
        compare_floors(mho.parameters("ecram_stp_ref").device(), rate=1e7, pulses=5)
