"""The delay-feedback LIF against ngspice: its stored result, and a live run on text written from the same circuit."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from mho.circuits import transient, widths
from mho.interchange import NgspiceRun, run_ngspice, spice_text

# What the team promises against ngspice. Its own error is measured below and has to be under a third of these.
INTERVAL, WIDTH, ENERGY = 1e-3, 5e-3, 1e-2
CORE = (("supply.vn", 1.0), ("supply.vd", 1.0))


@pytest.fixture(scope="module")
def ours(lif):
    run = transient(lif.reference_lif(), lif.STOP, crossings=lif.CROSSINGS, save=("mem", "spk"))
    energy = sum(run.crossings[0].energy(name)[0] for name, _ in CORE)
    return run.crossings[0].times[0], widths(*run.crossings)[0], energy


def measured(run: NgspiceRun, lif, supplies):
    """Rising crossings, widths and energy at each rising crossing."""
    up, down = (run.crossings(c) for c in lif.CROSSINGS)
    return up, down - up, np.interp(up, run.times, run.energy(*supplies))


def assert_close(one, other, share=1.0):
    (up, width, energy), (up2, width2, energy2) = one, other
    assert len(up) == len(up2) == 8
    np.testing.assert_allclose(np.diff(up), np.diff(up2), rtol=INTERVAL * share)
    np.testing.assert_allclose(width, width2, rtol=WIDTH * share)
    np.testing.assert_allclose(np.diff(energy), np.diff(energy2), rtol=ENERGY * share)


@pytest.mark.references
def test_against_the_stored_result(references, ours, lif):
    with gzip.open(references / "circuits" / "h4_lif.csv.gz", "rt") as file:
        columns = np.genfromtxt(file, delimiter=",", names=True)
    named = {"mem": "vmem", "spk": "vspk", "i(supply.vn)": "ivn", "i(supply.vd)": "ivd"}
    stored = NgspiceRun(columns["time"], {ours: columns[theirs] for ours, theirs in named.items()}, 0.0)
    assert_close(ours, measured(stored, lif, CORE))


@pytest.mark.ngspice
def test_against_ngspice_on_the_same_circuit(ngspice, ours, lif):
    circuit = lif.reference_lif()
    runs = [
        run_ngspice(spice_text(circuit, lif.STOP, save=("mem", "spk"), reltol=reltol, max_step=100e-9), program=ngspice)
        for reltol in (1e-4, 1e-5)
    ]
    coarse, fine = (measured(run, lif, CORE) for run in runs)
    assert_close(coarse, fine, share=1 / 3)
    assert_close(ours, fine)


@pytest.mark.ngspice
@pytest.mark.references
def test_the_hand_built_circuit_is_the_reference_netlist(ngspice, references, lif):
    # The text that mho writes and the reference's own text are one circuit: ngspice cannot tell them apart.
    theirs = run_ngspice(references / "circuits" / "h4_lif.cir", program=ngspice, stop=lif.STOP)
    text = spice_text(lif.reference_lif(), lif.STOP, save=("mem", "spk"), reltol=1e-5, max_step=100e-9)
    ours = run_ngspice(text, program=ngspice)
    assert_close(measured(ours, lif, CORE), measured(theirs, lif, (("vn", 1.0), ("vd", 1.0))), share=1 / 3)
