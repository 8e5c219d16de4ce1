import dataclasses
import json

import jax
import numpy as np
import pytest

import mho
from mho.metrics import network
from mho.metrics.kpi import provenance_of
from mho.networks import Task, discriminate, study_filters, study_layer


@pytest.fixture(scope="module")
def parameters():
    return mho.parameters("ecram_stp_ref")


@pytest.fixture(scope="module")
def filters(parameters):
    return study_filters(parameters.device(), key=jax.random.key(0), spreads=parameters.spreads(), population=100)


@pytest.fixture(scope="module")
def task():
    return Task(rates=(50.0, 100.0, 200.0, 400.0, 800.0), seeds=(0, 1, 2))


@pytest.fixture(scope="module")
def result(parameters, task):
    return discriminate(parameters.device(), task, spreads=parameters.spreads())


def test_filter_study_shows_high_pass_and_band_pass(filters):
    assert np.all(np.diff(filters.high_pass.gain, axis=1) > -1e-12)  # at 1 Hz the fast modes leave nothing but rounding
    assert np.all(np.diff(filters.high_pass.gain[:, 50]) > 0)  # slower modes facilitate at lower rates
    peaks = filters.band_pass.peaks(filters.rates)
    assert np.all(np.diff(peaks) < 0)  # slower recovery, lower band
    # two modes, and intervals not short against all of them: the formula with the mean time is good to a quarter
    assert np.allclose(peaks / filters.band_pass.theory, 1.0, atol=0.25)
    for curves in (filters.high_pass, filters.band_pass):
        # 400 spikes: the slow mode keeps (1 - U a_2)^400 = 2e-4 of the start, the high-pass 0.6 % of its gain
        assert np.max(np.abs(curves.simulated / curves.closed - 1)) < 0.01
        assert curves.closed.shape == curves.transient.shape == (3, filters.rates.size)
    assert filters.long_term > 0.01  # consolidation in such trains is not negligible, and is said


def test_filter_peak_is_a_full_record(filters, parameters):
    kpi = network.filter_peak(filters, provenance=provenance_of(parameters, ("tau", "efficacy", "unknown")))
    assert kpi.name == "network.filter_peak"
    assert kpi.unit == "Hz"
    assert kpi.value == pytest.approx(filters.band_pass.peaks(filters.rates)[0])
    assert kpi.spread["low"] < kpi.value < kpi.spread["high"]
    assert kpi.n == 100
    assert not kpi.failures
    assert [p["number"] for p in kpi.provenance] == ["ecram_stp_ref.efficacy", "ecram_stp_ref.tau"]
    assert kpi.definition
    assert kpi.boundary
    json.dumps(kpi.as_dict(), allow_nan=False)


def test_devices_without_a_peak_are_counted(filters):
    lost = filters.population_peak.copy()
    lost[:7] = np.nan
    kpi = network.filter_peak(dataclasses.replace(filters, population_peak=lost))
    assert kpi.failures == {"NO_PEAK": 7}
    assert kpi.n == 100


def test_layer_answers_by_its_synapses(parameters):
    layer = study_layer(parameters.device())
    outputs = dict(zip(layer.labels, layer.outputs, strict=True))
    fast, slow = layer.rates > 600, layer.rates < 60
    assert np.all(outputs["static"][slow] == 0)
    assert np.all(outputs["facilitating"][fast] > 1.2 * outputs["static"][fast])
    assert np.all(outputs["band-pass"][fast] < 0.7 * outputs["static"][fast])


def test_bank_tells_rates_apart(result, task):
    trains = len(task.rates) * task.test * len(task.seeds)
    for scores in (result.known, result.unknown):
        assert scores.bank.shape == scores.static.shape == (3,)
        assert scores.confusion.sum() == trains
        assert np.trace(scores.confusion) / trains == pytest.approx(np.mean(scores.bank))
        assert np.mean(scores.bank) > 0.7  # chance is one fifth
    assert np.all(result.ideal > 0.9)
    assert np.mean(result.known.bank) > 0.9
    # one rule for both: what the count alone tells, static synapses tell as well
    assert abs(np.mean(result.known.bank - result.known.static)) < 0.08
    # and whatever the strength, plasticity helps
    assert np.mean(result.unknown.bank - result.unknown.static) > 0
    assert result.parameters == 30
    mean_events = 5 * task.window * np.mean(task.rates)
    assert result.events == pytest.approx(mean_events, rel=0.1)


def test_same_seeds_same_answers(parameters, task, result):
    short = dataclasses.replace(task, seeds=task.seeds[:1])
    again = discriminate(parameters.device(), short, spreads=parameters.spreads())
    assert again.unknown.bank[0] == result.unknown.bank[0]
    assert again.ideal[0] == result.ideal[0]


def test_rate_discrimination_is_a_full_record(result, task):
    kpi = network.rate_discrimination(result)
    assert kpi.name == "network.rate_discrimination"
    assert kpi.value == pytest.approx(np.mean(result.unknown.bank))
    assert kpi.spread["low"] <= kpi.value <= kpi.spread["high"]
    assert kpi.n == 450
    assert kpi.conditions["chance"] == "0.200"
    assert "static synapses" in kpi.conditions
    json.dumps(kpi.as_dict(), allow_nan=False)
    headings, rows = network.confusion_rows(result.unknown, task.rates)
    assert headings[:2] == ["true rate", "decided 50 Hz"]
    assert [sum(row[1:]) for row in rows] == [90] * 5


def test_energy_per_decision_takes_the_circuits_figure(result):
    kpi = network.energy_per_decision(result, 0.85e-12)
    assert kpi.value == pytest.approx(result.events * 0.85e-12)
    assert kpi.unit == "J"


def test_verdict_follows_the_interval():
    assert "better" in network._compare((0.01, 0.1))
    assert "worse" in network._compare((-0.2, -0.01))
    assert "not told" in network._compare((-0.1, 0.1))
    low, high = network.interval(np.array([0.5, 0.7]))
    # two values, one degree of freedom: 12.706 standard errors of 0.1
    assert (low, high) == pytest.approx((0.6 - 1.2706, 0.6 + 1.2706), rel=1e-3)
    assert np.isnan(network.interval(np.array([0.5]))[0])
