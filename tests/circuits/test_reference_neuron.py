"""The engine on the reference neuron: the books, the accuracy of the defaults, derivatives, unequal samples."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import mho
from mho.circuits import Options, mismatch, monte_carlo, sensitivities, transient, widths

SAVE = ("mem", "spk")


@pytest.fixture(scope="module")
def run(lif):
    return transient(lif.reference_lif(), lif.STOP, crossings=lif.CROSSINGS, save=SAVE)


def test_default_tolerance_holds_intervals_to_1e3(lif, run):
    # kappa = 1 lets the Newton error equal the step error: safe only with a good predictor, so a run at a tenth of the
    # tolerance has to agree. Slow ramps dominate the error of intervals, which falls as tolerance^0.6.
    fine = transient(lif.reference_lif(), lif.STOP, crossings=lif.CROSSINGS, save=SAVE, options=Options(tolerance=5e-5))
    assert fine.compile_seconds == 0.0
    assert run.crossings[0].count[0] == fine.crossings[0].count[0] == 8
    np.testing.assert_allclose(run.crossings[0].intervals(), fine.crossings[0].intervals(), rtol=1e-3)
    np.testing.assert_allclose(widths(*run.crossings)[0], widths(*fine.crossings)[0], rtol=1e-3)
    energy, precise = (np.diff(r.crossings[0].energy("supply")[0]) for r in (run, fine))
    np.testing.assert_allclose(energy, precise, rtol=2e-3)
    # Newton stays local: about 3.6 iterations a step, few rejections. A limit cycle or a bad predictor multiplies this.
    assert run.iterations[0] < 7000
    assert run.rejections[0] < 0.2 * run.steps[0]


def test_energy_books_balance(run):
    assert abs(run.ledger.imbalance) < 1e-3
    assert run.ledger.energy("supply") == pytest.approx(run.ledger.supplied - run.ledger.energy("drive.i"))
    assert run.ledger.energy("threshold") > 0
    parts = sum(run.ledger.energy(g) for g in ("membrane", "leak", "threshold", "feedback", "delay", "reset"))
    assert parts == pytest.approx(run.ledger.supplied, rel=1e-3)
    # Per spike as well: what the core supply gave between spikes is what the reference design measured, 1.2 to 1.3 pJ.
    core = np.diff(run.crossings[0].energy("supply.vn")[0])
    assert np.all((core > 1.0e-12) & (core < 1.4e-12))


def test_glitch_at_the_start_is_not_a_spike(lif, run):
    # With all charges zero the spike node jumps to 0.38 V in picoseconds; crossings before 1 us are not counted.
    assert run.at("spk", np.array([2e-12]))[0] > 0.3
    assert run.crossings[0].times[0, 0] > 10e-6


def test_scale_tightens_what_it_names(lif):
    circuit = lif.reference_lif()
    from mho.circuits import Circuit

    strict = Circuit(dict(circuit.items()), circuit.initial, scale={"mem": 0.1})
    coarse = transient(circuit, 20e-6, crossings=lif.CROSSINGS, save=SAVE)
    tight = transient(strict, 20e-6, crossings=lif.CROSSINGS, save=SAVE)
    assert tight.steps[0] > 1.1 * coarse.steps[0]


def test_mismatched_samples_are_each_right(lif):
    circuit = lif.reference_lif()
    population = mho.sample(circuit, *mismatch(circuit, scale=3.0), n=12, key=jax.random.key(2))
    queued = monte_carlo(population, 30e-6, crossings=lif.CROSSINGS, lanes=5)
    assert not queued.failures
    assert np.ptp(queued.iterations) > 100  # uneven, so that lanes are refilled at different times
    one = jax.tree.map(lambda x: x[7] if np.ndim(x) else x, population)
    alone = transient(one, 30e-6, crossings=lif.CROSSINGS, save=SAVE)
    found = queued.crossings[0].times[7][: alone.crossings[0].count[0]]
    np.testing.assert_allclose(found, alone.crossings[0].times[0][: len(found)], rtol=1e-9)


# p dX/dp of the first interval [s] and of the energy between the first spikes [J], and of the width by the delay bias:
# central differences of 1 and 0.5 % with Richardson's extrapolation, of runs with ESDIRK3 at a tolerance of 1e-6.
CONVERGED = {
    "delay": (lambda c: c["supply.vdly"].wave.value, -1.28664e-06, -5.7012e-13),
    "threshold": (lambda c: c["threshold.n1"].kind.vto, 1.377926e-05, -3.9012e-13),
    "membrane": (lambda c: c["membrane.c"].c, 9.85927e-06, 1.016813e-12),
    "drive": (lambda c: c["drive.i"].wave.values[2:4], -1.028112e-05, -1.55018e-13),
    "onset": (lambda c: c["drive.i"].wave.times[1], 0.0, 0.0),
}


def test_derivatives_at_the_default_tolerance_are_those_of_a_converged_run(lif):
    of = {name: select for name, (select, _, _) in CONVERGED.items()}
    found = sensitivities(lif.reference_lif(), 30e-6, of, crossings=lif.CROSSINGS, relative=True)
    interval, energy = found.intervals(), found.per_spike("supply")
    for name, (_, by_interval, by_energy) in CONVERGED.items():
        # Found: 0.4 % and 0.2 %. By when the current came, 0.01 % of the interval and 0.05 % of the energy may be left.
        assert interval.by[name][0, 0] == pytest.approx(by_interval, rel=6e-3, abs=1e-9), name
        assert energy.by[name][0, 0] == pytest.approx(by_energy, rel=6e-3, abs=6e-16), name
    width = found.widths()
    np.testing.assert_allclose(width.by["delay"][0, :2], -1.485045e-6, rtol=1e-3)
    # Widths do not know when the current came, although each time moves with it as a whole.
    assert abs(width.by["onset"][0, 0]) < 1e-3 * abs(found.times[0].by["onset"][0, 0])
    # About a third more iterations than the voltages alone need.
    plain = transient(lif.reference_lif(), 30e-6, crossings=lif.CROSSINGS, save=SAVE)
    assert found.run.iterations[0] < 1.6 * plain.iterations[0]
