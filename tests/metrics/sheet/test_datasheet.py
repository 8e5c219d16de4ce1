"""The datasheet: closed forms of known sets, and that every packaged set has one."""

from __future__ import annotations

import dataclasses
import functools
import json
import math

import numpy as np
import pytest

from mho.core.errors import InputError
from mho.core.parameters import Effect, Number
from mho.devices import parameter_sets, parameters
from mho.devices.effects import PowerLawDrift, WeibullEndurance, laid_over
from mho.metrics.kpi import KPI
from mho.metrics.sheet import datasheet

ASKED = {
    "conductance_window", "dynamic_range", "steps", "nonlinearity_alpha", "linearity_error", "asymmetry",
    "cycle_to_cycle", "update_snr", "effective_bits", "effective_bits_snr", "effective_bits_one_day", "uniformity",
    "write_energy", "write_time", "write_voltage", "drift_exponent", "drift_exponent_spread", "retention_time",
    "retention_time_85C", "endurance", "functional_life", "read_noise", "stability", "assumed_share",
}  # fmt: skip


@functools.cache
def sheet_of(name: str):
    return datasheet(parameters(name), n=4)


def _number(value: float, unit: str = "1") -> Number:
    return Number(value, unit, "mho", "for a test", "assumed")


@functools.cache
def _drifting():
    """A noiseless NeuroSim device with power-law drift, Weibull wear and read noise at known numbers."""
    plain = parameters("ag_asi_jo")
    quiet = {k: _number(0.0) for k in ("sigma_cycle",) if k in plain.numbers} | {"sigma_read": _number(0.01)}
    effects = {
        "drift": Effect("power_law_drift", {"nu": _number(0.05), "t_0": _number(20.0, "s")}, PowerLawDrift),
        "wear": Effect("weibull", {"n_63": _number(1e9), "beta": _number(2.0)}, WeibullEndurance),
    }
    numbers = dataclasses.replace(
        plain, numbers={**plain.numbers, **quiet}, effects=effects, reported={}, compose=laid_over
    )
    return datasheet(numbers, n=16, rate=10.0)


def test_alpha_is_recovered_from_a_neurosim_set():
    """Both directions to 1e-3, with the signs of the tool."""
    numbers = parameters("ag_asi_jo")
    expected = [numbers.numbers[k].value for k in ("alpha_up", "alpha_down")]
    np.testing.assert_allclose(sheet_of("ag_asi_jo")["nonlinearity_alpha"].value, expected, rtol=1e-3)


def test_power_law_retention():
    """|1 - ((t + t0)/t0)^-nu| = 10 % at t0 (0.9^(-1/nu) - 1), to rounding; the exponent to 2e-3 (t0 in an hour)."""
    sheet = _drifting()
    expected = 20.0 * (0.9 ** (-1.0 / 0.05) - 1.0)
    assert sheet["retention_time"].value == pytest.approx(expected, rel=1e-9)
    assert sheet["drift_exponent"].value == pytest.approx(0.05, rel=2e-3)
    assert sheet["retention_time_85C"].value is None
    assert "temperature" in sheet["retention_time_85C"].note
    stable = [(1.0 + t / 20.0) ** -0.05 for t in (1.0, 3600.0, 86400.0)]
    np.testing.assert_allclose(sheet["stability"].value, stable, rtol=1e-9)


def test_weibull_life_at_a_rate():
    sheet = _drifting()
    assert sheet["endurance"].value == pytest.approx([1e9, 1e9 * math.sqrt(-math.log1p(-1e-3))])
    assert sheet["functional_life"].value == pytest.approx(1e8 * math.sqrt(-math.log1p(-1e-3)))


def test_read_noise_is_found():
    """1 % of relative read noise from 48 reads of 16 devices: 4 sigma of its own error is 0.1."""
    sheet = _drifting()
    assert sheet["read_noise"].value == pytest.approx(0.01, rel=0.1)
    assert sheet["cycle_to_cycle"].value is None
    assert "no cycle-to-cycle noise" in sheet["cycle_to_cycle"].note
    window = np.diff(sheet["conductance_window"].value)[0]
    causes = sheet.causes["effective_bits"]
    sigma = math.sqrt(sum(x * x for x in causes.values()))
    assert sheet["effective_bits"].value == pytest.approx(math.log2(1 + 1 / (6 * sigma)))
    ramp = sheet.measured.ramps.up[-1].ramp[:, 0]  # the less bent of the two
    size = np.diff(ramp) / window
    assert causes["size of steps"] == pytest.approx(math.sqrt((size**3).sum() / size.sum() / 12), rel=1e-6)


def test_cycle_noise_of_the_set_is_found():
    """sigma_cycle is relative to the window; 192 samples know it to 5 %: three of that."""
    sheet = datasheet(parameters("ag_asi_jo"), n=32)
    sigma = parameters("ag_asi_jo").numbers["sigma_cycle"].value
    assert np.mean(sheet["cycle_to_cycle"].value) == pytest.approx(sigma, rel=0.15)
    steps = np.array(sheet["cycle_to_cycle"].value) / np.array(sheet["cycle_to_cycle_of_step"].value)
    np.testing.assert_allclose(sheet["update_snr"].value, 1 / np.array(sheet["cycle_to_cycle_of_step"].value))
    assert np.all(steps > 0.0)
    assert sheet.limit == "cycle-to-cycle"


def test_short_term_plasticity_of_a_volatile_ecram():
    """One mode: 1/e after tau, ratio 1 + (1 - U) e^(-t/tau), corner 1/(2 pi tau) (2e-2: release within a pulse)."""
    sheet, tau = sheet_of("oect_stp"), 2.824e-3
    efficacy = sheet["short_term_efficacy"].value
    assert sheet["short_term_times"].value == pytest.approx([tau, tau], rel=1e-3)
    assert sheet["corner_frequency"].value == pytest.approx(1 / (2 * math.pi * tau), rel=1e-3)
    ratios = [1 + (1 - efficacy) * math.exp(-t / tau) for t in (1e-3, 1e-2, 1e-1)]
    assert sheet["paired_pulse_ratio"].value == pytest.approx(ratios, rel=2e-2)


def test_gate_energy_is_split():
    """C V^2 of 0.2 pF at 1 V is all there is in the reference: no ions, next to no leakage."""
    energy = sheet_of("ecram_stp_ref")["write_energy"]
    assert energy.value[0] == pytest.approx(0.2e-12, rel=1e-6)
    assert energy.note.startswith("up: displacement 200 fJ")


def test_programmed_scatter_is_that_of_the_set():
    """NeuRRAM's published polynomial a second after programming, at half the window: 2.02 uS (512 devices: 10 %)."""
    sheet = datasheet(parameters("reram_neurram"), n=64)
    half = list(sheet.measured.levels).index("50 %")
    g = [*sheet.measured.levels.values()][half]
    assert np.std(g) == pytest.approx(2.02e-6, rel=0.15)
    assert sheet["steps"].value is None
    assert 1.0 < sheet["effective_bits"].value < 6.0


def test_two_states_are_one_bit_and_no_noise_is_no_figure():
    assert sheet_of("mram_stt")["effective_bits"].value == pytest.approx(1.0, abs=0.01)
    assert sheet_of("mram_stt")["effective_bits_open_loop"].value <= 1.0
    quiet = sheet_of("hp_joglekar")["effective_bits"]
    assert quiet.value is None
    assert "gives no noise" in quiet.note


def test_one_seed_gives_one_sheet():
    numbers = parameters("ag_asi_jo")
    a, b, c = (datasheet(numbers, n=4, seed=s) for s in (1, 1, 2))
    assert a.as_dict() == b.as_dict()
    assert a["cycle_to_cycle"].value != c["cycle_to_cycle"].value


@pytest.mark.parametrize("options", [{"temperature": -3.0}, {"rate": 0.0}, {"n": 1}])
def test_options_out_of_range_name_their_cure(options):
    with pytest.raises(InputError, match=r"must|needs"):
        datasheet(parameters("ag_asi_jo"), **options)


def covering() -> list[str]:
    """Fewest sets that still show every model, effect, way of operating and claim that some packaged set has."""

    def told(name: str) -> set[tuple[str, str]]:
        p = parameters(name)
        keys = {"model": [p.model], "effect": [e.model for e in p.effects.values()]}
        keys |= {"operation": p.operation, "reported": p.reported}
        return {(what, key) for what, names in keys.items() for key in names}

    there = {name: told(name) for name in sorted(parameter_sets())}
    left, chosen = set().union(*there.values()), []
    while left:
        chosen.append(max(there, key=lambda name: len(there[name] & left)))
        left -= there[chosen[-1]]
    return chosen


@pytest.mark.parametrize("name", covering())
def test_every_kind_of_packaged_set_has_a_datasheet(name):
    """Every KPI has a value that is finite, or a reason; definition, conditions and provenance; and it is plain."""
    sheet = sheet_of(name)
    assert {k.name.partition(".")[2] for k in sheet} >= ASKED
    assert sheet["conductance_window"].value is not None
    for kpi in sheet:
        assert isinstance(kpi, KPI)
        assert kpi.definition
        assert kpi.boundary
        assert "temperature" in kpi.conditions
        assert kpi.value is not None or kpi.note, kpi.name
        assert kpi.provenance, kpi.name
    json.dumps(sheet.as_dict(), allow_nan=False)
