"""The delay-feedback neuron with an ECRAM: the quasi-static verdict, and the long run that it saves."""

from __future__ import annotations

import functools

import equinox as eqx
import numpy as np
import pytest

import mho
from mho.circuits.neurons import DelayFeedbackLIF, Excitability
from mho.circuits.neurons.bench import bench, run
from mho.circuits.neurons.observation import observe, runaway
from mho.circuits.neurons.stability import stability
from mho.core.errors import InputError, SolverError
from mho.core.results import Status


def neuron(v_refractory: float, polarity: float) -> DelayFeedbackLIF:
    device = mho.parameters("ecram_stp_ref").device()
    device = eqx.tree_at(lambda d: d.polarity, device, np.asarray(polarity))
    return DelayFeedbackLIF(v_refractory=v_refractory, excitability=Excitability(device))


SPIKES = 12  # that end a sample, where the bench allows 64: twice what a verdict looks at, at a fifth of the time


@pytest.fixture(scope="module", autouse=True)
def short():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mho.circuits.neurons.bench.observe", functools.partial(observe, spikes=SPIKES))
        yield


@pytest.fixture(scope="module")
def verdicts(short):
    return {(v, p): stability(neuron(v, p)) for v, p in ((0.54, 1.0), (0.54, -1.0), (0.50, -1.0))}


def test_stable_neurons_pass(verdicts):
    for key in ((0.54, 1.0), (0.54, -1.0)):
        assert verdicts[key].status is Status.OK
        assert verdicts[key].runaway_from is None
        verdicts[key].require()


def test_runaway_is_named_with_the_loading_and_the_cure(verdicts):
    found = verdicts[0.50, -1.0]
    assert found.status is Status.RUNAWAY
    assert 0.5 < found.runaway_from < 0.98  # calm at rest, wild once loaded: the case that hangs a naive simulation
    with pytest.raises(SolverError, match=r"runs away.*v_refractory"):
        found.require()


def test_modulation_moves_intervals_monotonically(verdicts):
    assert np.all(np.diff(verdicts[0.54, 1.0].interval) > 0)
    assert np.all(np.diff(verdicts[0.54, -1.0].interval) < 0)


def test_guard_stops_the_run_that_the_verdict_predicts(verdicts):
    # It starts loaded and without input, after one forced spike: it fires for ever, and the run ends all the same.
    wild = neuron(0.50, -1.0)
    wild = eqx.tree_at(
        lambda n: (n.excitability.device.efficacy, n.excitability.device.polarity),
        wild,
        (np.full(2, float(wild.excitability.device.efficacy)), np.full(2, -1.0)),
    )
    held = {f"excitability.ecram.q{k}": -0.95 * float(a) for k, a in enumerate(wild.excitability.device.weights)}
    firing = run(bench(wild, initial={"mem": 0.9, **held}), 2e-4)
    assert np.all(firing.status == Status.EVENTS_FULL)
    assert np.all(runaway(firing, 5e-6) == Status.RUNAWAY)
    assert np.all(runaway(firing, 1e-9) == Status.EVENTS_FULL)  # slow enough firing that fills the buffer is no runaway


def test_stability_needs_an_ecram():
    with pytest.raises(InputError, match="no ECRAM"):
        stability(DelayFeedbackLIF())
