"""Netlists that cannot be simulated are refused, by name and with the cure."""

from __future__ import annotations

import subprocess
import sys

import equinox as eqx
import numpy as np
import pytest

import mho
from mho.circuits import (
    CCCS,
    DC,
    MOSFET,
    NMOS,
    PWL,
    Capacitor,
    Circuit,
    Crossing,
    CurrentSource,
    Diode,
    Memristive,
    PulseWave,
    Resistor,
    Switch,
    VoltageSource,
    operating_point,
    transient,
)
from mho.core.errors import InputError, NetlistError, ParameterError
from mho.devices import parameters

V = VoltageSource("in", "0", DC(1.0))


def refused(elements, message, **more):
    with pytest.raises(NetlistError, match=message):
        Circuit(elements, **more)


def test_floating_parts_are_named():
    refused({"v": V, "r": Resistor("in", "0", 1e3), "c": Capacitor("a", "b", 1e-12)}, "Node 'a'.*floats.*1 TΩ")
    refused({"v": V, "r": Resistor("in", "0", 1e3), "c": Capacitor("in", "a", 1e-12)}, "'a' floats: c alone")
    refused({"v": V, "m": MOSFET("in", "gate", "0", "0", 1e-6, 1e-6, NMOS)}, "'gate' floats: m alone")
    refused({"i": CurrentSource("0", "a", DC(1e-9)), "r": Resistor("b", "0", 1.0)}, "'a'.*floats")
    refused({"r": Resistor("a", "b", 1e3)}, "ground")
    refused({}, "no elements")


def test_loops_of_voltage_sources_are_named():
    refused({"v": V, "w": VoltageSource("in", "0", DC(2.0)), "r": Resistor("in", "0", 1e3)}, "w closes a loop")
    floating = {
        "v": V,
        "r": Resistor("in", "a", 1.0),
        "u": VoltageSource("a", "b", DC(1.0)),
        "w": VoltageSource("b", "a", DC(1.0)),
        "q": Resistor("b", "0", 1.0),
    }
    refused(floating, "w closes a loop of voltage sources through 'b' and 'a'")


@pytest.mark.parametrize("c", [0.0, -1e-12])
def test_capacitors_must_be_positive(c):
    with pytest.raises(NetlistError, match=r"Capacitor between 'a' and '0'.*above 0"):
        Capacitor("a", "0", c)


def test_values_out_of_range_are_named():
    with pytest.raises(ParameterError, match=r"Resistor\.r is -1 kΩ"):
        Resistor("a", "0", -1e3)
    with pytest.raises(ParameterError, match=r"Diode\.i_s"):
        Diode("a", "0", 0.0)
    with pytest.raises(NetlistError, match="v_on equals v_off"):
        Switch("a", "0", "c", "0", 0.5, 0.5, 1.0, 1e6)
    with pytest.raises(NetlistError, match="rise time"):
        PWL((0.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ParameterError, match=r"PulseWave\.rise"):
        PulseWave(0, 1, 0, 0.0, 1e-9, 1e-6, 2e-6)
    with pytest.raises(NetlistError, match="period is shorter"):
        PulseWave(0, 1, 0, 1e-9, 1e-9, 3e-6, 2e-6)


def test_names_must_exist():
    good = {"v": V, "r": Resistor("in", "a", 1e3), "c": Capacitor("a", "0", 1e-12)}
    refused(good, "no node or state 'b'", initial={"b": 0.0})
    refused({**good, "f": CCCS("a", "0", "meter", 2.0)}, "'meter', which is no voltage source")
    circuit = Circuit(good)
    with pytest.raises(NetlistError, match="no element 'x'"):
        circuit["x"]
    with pytest.raises(InputError, match="no node or state 'b'"):
        transient(circuit, 1e-9, save=("b",))
    with pytest.raises(InputError, match="'in' is held by a source"):
        transient(circuit, 1e-9, crossings=(Crossing("in", 0.5),))
    with pytest.raises(InputError, match="stop"):
        transient(circuit, 0.0)


def test_a_node_without_dc_path_has_no_operating_point():
    circuit = Circuit({"v": V, "c": Capacitor("in", "a", 1e-12), "d": Capacitor("a", "0", 1e-12)})
    with pytest.raises(NetlistError, match="'a' has no DC path"):
        operating_point(circuit)


def test_devices_must_fit():
    device = parameters("ecram_stp_fast").device()
    with pytest.raises(NetlistError, match="gate, drain, source, but 2 nodes"):
        Memristive(("a", "b"), device)
    with pytest.raises(NetlistError, match="no state 'w'"):
        Memristive(("a", "b", "0"), device, moving=("w",))
    with pytest.raises(NetlistError, match="no device interface"):
        Memristive(("a", "b"), object())


def test_circuits_are_immutable_trees_that_can_be_sampled():
    import jax

    circuit = Circuit({"v": V, "r": Resistor("in", "a", 1e3), "c": Capacitor("a", "0", 1e-12)})
    changed = eqx.tree_at(lambda c: c["r"].r, circuit, np.asarray(2e3))
    assert float(changed["r"].r) == 2e3
    assert float(circuit["r"].r) == 1e3
    population = mho.sample(circuit, mho.relative(0.1, of=lambda c: c["r"].r), n=7, key=jax.random.key(0))
    assert population.samples == 7
    assert circuit.samples is None


def test_importing_circuits_changes_no_setting():
    code = (
        "import jax, os; before = dict(os.environ); import mho.circuits; "
        "assert not jax.config.jax_enable_x64; assert before == dict(os.environ)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
