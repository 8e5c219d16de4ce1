"""The ECRAM in a circuit against ngspice, whose text comes from the device's own equations."""

from __future__ import annotations

import numpy as np
import pytest

from mho.circuits import (
    DC,
    MOSFET,
    NMOS,
    Capacitor,
    Circuit,
    Diode,
    Inductor,
    Memristive,
    Options,
    PulseWave,
    Resistor,
    Sin,
    Switch,
    VoltageSource,
    transient,
)
from mho.devices import parameters
from mho.interchange import run_ngspice, spice_text

STATE = 2e-3  # promised for each state
STOP = 101e-6


@pytest.mark.ngspice
def test_states_and_read_current(ngspice):
    # Pulses of both modes, the gate network, a channel bias, a series transistor as load.
    circuit = Circuit(
        {
            "gate": VoltageSource("g", "0", PulseWave(0, 1.0, 1e-6, 2e-9, 2e-9, 200e-9, 10e-6)),
            "supply": VoltageSource("vdd", "0", DC(0.05)),
            "bias": VoltageSource("b", "0", DC(0.8)),
            "m": MOSFET("vdd", "b", "d", "0", 2e-6, 0.2e-6, NMOS),
            "c": Capacitor("d", "0", 50e-15),
            "x": Memristive(("g", "d", "0"), parameters("ecram_stp_fast").device()),
        }
    )
    saved = ("x.q0", "x.q1", "x.x", "d")
    ours = transient(circuit, STOP, save=saved, options=Options(tolerance=2e-4))
    coarse, fine = (
        run_ngspice(spice_text(circuit, STOP, save=saved, reltol=reltol, max_step=1e-6), program=ngspice)
        for reltol in (1e-4, 1e-5)
    )
    t = np.linspace(2e-6, STOP, 500)
    for state in ("x.q0", "x.q1", "x.x"):
        np.testing.assert_allclose(coarse.at(state, t), fine.at(state, t), rtol=STATE / 3)
        np.testing.assert_allclose(ours.at(state, t), fine.at(state, t), rtol=STATE)
    assert fine["x.q0"][-1] > 0.1
    # The charge through the supply carries the read current: 0.5 %.
    charge = np.trapezoid(-fine["i(supply)"], fine.times)
    assert ours.ledger.charge("supply") == pytest.approx(charge, rel=5e-3)


@pytest.mark.ngspice
def test_every_other_element_means_the_same_in_both(ngspice):
    circuit = Circuit(
        {
            "v": VoltageSource("in", "0", Sin(0.2, 1.5, 1e6)),
            "r": Resistor("in", "a", 1e3),
            "d": Diode("a", "b", i_s=1e-12, n=1.3),
            "c": Capacitor("b", "0", 1e-9),
            "load": Resistor("b", "0", 5e3),
            "coil": Inductor("a", "e", 20e-6),
            "e": Resistor("e", "0", 2e3),
            "s": Switch("b", "f", "in", "0", 1.0, 0.2, 1e3, 1e7),
            "f": Resistor("f", "0", 1e3),
            "cf": Capacitor("f", "0", 10e-12),
        },
        temperature=320.0,
    )
    saved = ("a", "b", "coil.i", "f")
    ours = transient(circuit, 4e-6, save=saved, options=Options(tolerance=2e-5))
    theirs = run_ngspice(spice_text(circuit, 4e-6, save=("a", "b", "f"), reltol=1e-5, max_step=4e-9), program=ngspice)
    t = np.linspace(0.05e-6, 4e-6, 800)
    for node in ("a", "b", "f"):
        # 2 mV of 1.7 V: ngspice interpolates linearly between points 4 ns apart on a 1 MHz wave.
        np.testing.assert_allclose(ours.at(node, t), theirs.at(node, t), atol=2e-3)
