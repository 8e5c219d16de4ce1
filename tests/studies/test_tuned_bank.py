"""The bank's laws in closed form, and the study from end to end at the smallest size."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mho.circuits.design import applied
from mho.circuits.design.benches import FIRST, passing
from mho.core.results import Status
from mho.studies import Context, lookup
from mho.studies.folder import ResultsFolder
from mho.studies.outcome import plain
from mho.studies.stages.bank import correct, response, witness
from mho.studies.stages.bank.members import rate_step, responses, wanted
from mho.studies.stages.bank.population import decided


def test_what_passes_is_charge_over_threshold_less_the_dead_time():
    """Two periods' worth of charge a spike, and a dead time of three periods: one spike in five."""
    net = np.full((1, 8), 0.5e-12)
    free = passing(net, np.array([1e-12]), np.array([0.0]), 1e3)
    dead = passing(net, np.array([1e-12]), np.array([3e-3]), 1e3)
    np.testing.assert_allclose([free[0], dead[0]], [1 / 2, 1 / 5], rtol=1e-12)


def test_what_passes_goes_on_below_silence_without_a_kink():
    """A search must see which way is up: value and slope agree on both sides of no net charge (1e-6 of the slope)."""
    small = 1e-18 * np.array([-2.0, -1.0, 1.0, 2.0])
    found = passing(np.repeat(small[:, None], 4, axis=1), np.full(4, 1e-12), np.full(4, 5e-3), 1e3)
    slopes = np.diff(found)[[0, 2]] / 1e-18
    assert found[1] < 0 < found[2]
    np.testing.assert_allclose(slopes, 1e12, rtol=5e-5)


def test_a_response_has_no_steps_of_whole_spikes():
    """A moment counts as the inverse of the interval it lies in; silence after a spike is at most one spike more."""
    rate, spikes = 1e3, 40
    every = FIRST + np.arange(1, 12) * 3.7e-3
    growing = FIRST + np.cumsum(1e-3 * np.arange(1, 9))  # at 20 ms of 1 + ... + 5 = 15: phase 5 5/6, at 40: 8 1/2
    once = np.array([FIRST + 2e-3])
    times = np.full((4, 12), np.nan)
    for row, own in zip(times, (every, growing, once, ()), strict=True):
        row[: len(own)] = own
    expected = [1 / 3.7, (8 + 4 / 8 - (5 + 5 / 6)) / 20, 0.0, 0.0]
    np.testing.assert_allclose(responses(times, np.full(4, rate), spikes), expected, rtol=1e-9, atol=1e-12)


def test_a_tie_or_silence_names_no_rate():
    shown = np.array([[[0.2, 0.1, 0.0]], [[0.1, 0.1, 0.0]]])  # two members, one rate, three banks
    np.testing.assert_array_equal(decided(shown), [[0, -1, -1]])


def test_members_start_within_their_bounds_at_every_rate():
    study = lookup("tuned-bank")(rates=(50.0, 700.0, 50e3))
    for rate in study.rates:
        design = wanted(study, rate)
        for free in design.frees():
            assert free.low < design.start[free.name] < free.high, (rate, free.name)
        assert [t.at for t in design.targets] == pytest.approx([rate, rate / rate_step(study), rate * rate_step(study)])
    slow, fast = (applied(wanted(study, r).subject(), {}).neuron.c_membrane for r in (50.0, 50e3))
    assert slow / fast == pytest.approx(20)


def test_every_trial_of_every_member_is_judged_at_its_own_rates(monkeypatch):
    """A stand-in for the circuits answers by rate and leak, so that no trial can take another's place unseen."""

    def fired(circuit, slowest, spikes):
        corner = np.stack([np.broadcast_to(t, 9) for t in circuit["drive.spikes"].wave.times[:5:4]])
        period = np.diff(corner, axis=0)[0]
        leak = np.broadcast_to(circuit["bias.leak"].wave.value, 9)
        times = FIRST + period[:, None] * np.arange(1, 60) / (0.1 + leak[:, None])
        return SimpleNamespace(times=times, status=np.array([Status.OK] * 8 + [Status.NOT_FINITE]))

    monkeypatch.setattr(correct, "fired", fired)
    study = lookup("tuned-bank")(rates=(300.0, 5e3), spikes=40)
    records = [wanted(study, rate) for rate in study.rates]
    same = {"synapse.mirror": 1.0, "synapse.v_inhibit": 0.5, "device.tau": 1e-2}
    values = [{"v_leak": np.array(v), **{n: np.full(len(v), x) for n, x in same.items()}} for v in ([0.1, 0.2], [0.3])]
    first, second = correct._answers(study, records, values)
    np.testing.assert_allclose(first, [[0.2] * 3, [0.3] * 3], rtol=1e-9)
    np.testing.assert_allclose(second, [[0.4, 0.4, np.nan]], rtol=1e-9)


FOUND = {  # of one search and its correction, to the digits that its sensitivities ask for
    "v_leak": 0.1654558,
    "synapse.mirror": 1.183718,
    "synapse.v_inhibit": 0.525911,
    "device.tau": 0.003144198,
}


@pytest.mark.slow
@pytest.mark.ngspice
def test_a_designed_member_answers_its_rate_as_a_whole_circuit_and_in_ngspice(ngspice, tmp_path, monkeypatch):
    """The design's 0.15 within 20 % as a whole circuit; the charges behind it within 2 % in ngspice, as promised."""
    for place in ("mho.circuits.design.benches", "mho.studies.stages.bank.members", "mho.studies.stages.bank.response"):
        monkeypatch.setattr(f"{place}.LANES", 9)  # at most 16 lanes are compiled in half the time
    monkeypatch.setattr("mho.studies.stages.bank.members.CHARGED", 0.3)  # charges of a short train: ngspice is slow
    study = lookup("tuned-bank")(rates=(4.31e3,), banks=2, spikes=40)
    member = {"values": FOUND}
    earlier = {"correct": {"handover": {"members": [member]}}}
    context = Context(study, ResultsFolder(tmp_path), {}, earlier, lambda *told: None)
    outcome = response.work(context)
    kpis = {kpi.name: kpi for kpi in outcome.kpis}
    assert kpis["circuit.bank_response"].value[0] == pytest.approx(0.15, rel=0.2)
    assert 4.31e3 / 2 < kpis["circuit.bank_preferred_rate"].value[0] < 4.31e3 * 2  # between the flanks it was given
    for kpi in outcome.kpis:
        assert kpi.boundary, kpi.name
        assert kpi.provenance, kpi.name
    member["found"] = kpis["circuit.bank_response"].value[0] / kpis["circuit.bank_answer_over_charges"].value[0]
    earlier["response"] = {"handover": plain(outcome.handover)}
    # A whole train takes ngspice long: here it is left out, and counted as a failure as any that is missing.
    monkeypatch.setattr(witness, "_count", lambda *asked: (None, "left out"))
    judged = witness.work(context)
    assert judged.kpis[0].value < 0.02
    assert judged.kpis[0].failures == {"NGSPICE": 1}
