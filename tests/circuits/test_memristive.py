"""Devices in circuits: the states that a circuit integrates are those of the device's own equations."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mho.circuits import DC, Circuit, Memristive, Options, PulseWave, Resistor, VoltageSource, transient
from mho.devices import Pulse, parameters

PULSES = PulseWave(0, 1.0, 1e-6, 0.1e-9, 0.1e-9, 200e-9, 2e-6)


def pulsed(device, drain=0.0, **more):
    elements = {
        "v": VoltageSource("g", "0", PULSES),
        "d": VoltageSource("d", "0", DC(drain)),
        "x": Memristive(("g", "d", "0"), device, **more),
    }
    return Circuit(elements)


@pytest.fixture(scope="module")
def device():
    return parameters("ecram_stp_fast").device()


def test_pulses_move_the_state_as_the_event_face_says(device):
    run = transient(pulsed(device), 21e-6, save=("x.q0", "x.q1", "x.ion"), options=Options(tolerance=1e-4))
    with jax.enable_x64(True):
        state = device.relax(device.rest(), 1e-6)
        pulse = device.prepare(Pulse(1.0, 200e-9))
        for _ in range(10):
            state = pulse(device, state)
            state = device.relax(state, 1.8e-6)
        modes = [float(q) for q in state.q]
    # 0.5 %: the event face leaves out the gate's charging (0.2 ns of 200 ns) and the edges.
    assert run.final["x.q0"] == pytest.approx(modes[0], rel=5e-3)
    assert run.final["x.q1"] == pytest.approx(modes[1], rel=5e-3)
    assert run.at("x.ion", np.array([1.1e-6])) == pytest.approx(1.0, abs=1e-3)


def test_default_accuracy_against_an_independent_integrator(device):
    run = transient(pulsed(device, drain=0.05), 21e-6)
    names = ("x.ion", "x.q0", "x.q1", "x.x")
    element = pulsed(device, drain=0.05)["x"]
    c_ion = float(device.c_gate)

    with jax.enable_x64(True):
        flows = jax.jit(lambda x: element.flows(tuple(x))[1])

    def rhs(t, y, gate):
        rates = flows(np.array([gate(t), 0.05, 0.0, *y]))
        i = (gate(t) - y[0]) / float(device.r_ion) - y[0] / float(device.r_leak)
        return [i / c_ion, *(float(r) for r in rates)]

    y = [0.025, 0.0, 0.0, float(device.x_0)]  # the drain's jump lifts the ion node through half the gate capacitance
    with jax.enable_x64(True):
        for k in range(10):
            a = 1e-6 + 2e-6 * k
            for begin, end, gate in (
                (a - (1e-6 if k == 0 else 1.7998e-6), a, lambda t: 0.0),
                (a, a + 1e-10, lambda t, a=a: (t - a) / 1e-10),
                (a + 1e-10, a + 2.001e-7, lambda t: 1.0),
                (a + 2.001e-7, a + 2.002e-7, lambda t, a=a: 1 - (t - a - 2.001e-7) / 1e-10),
            ):
                y = solve_ivp(rhs, (begin, end), y, method="LSODA", args=(gate,), rtol=1e-8, atol=1e-11).y[:, -1]
        y = solve_ivp(rhs, (19.2002e-6, 21e-6), y, method="LSODA", args=(lambda t: 0.0,), rtol=1e-8, atol=1e-11).y[
            :, -1
        ]
    found = [run.final[name] for name in names]
    # 0.2 % of each state is the promise at the default tolerance.
    np.testing.assert_allclose(found[1:], y[1:], rtol=2e-3)
    assert found[0] == pytest.approx(y[0], abs=1e-3)


def test_channel_carries_the_states_current(device):
    from mho.circuits.start import initial_states

    element = Memristive(("g", "d", "0"), device)
    assert element.state_names() == ("q0", "q1", "x")
    circuit = Circuit(
        {
            "g": VoltageSource("g", "0", DC(0.0)),
            "v": VoltageSource("in", "0", DC(0.02)),
            "r": Resistor("in", "d", 1e3),
            "x": element,
        },
        initial={"x.q0": 0.3},
    )
    assert float(initial_states(circuit)["x.q0"]) == 0.3
    run = transient(circuit, 10e-9, save=("x.q0", "d"))
    with jax.enable_x64(True):
        g = float(device.conductance(element.state((0.3, 0.0, float(device.x_0)))))
    assert run["x.q0"][0] == 0.3
    assert run.final["d"] == pytest.approx(0.02 / (1 + 1e3 * g), rel=1e-3)


def test_counters_move_only_when_asked(device):
    run = transient(pulsed(device, moving=("q", "x", "age")), 5e-6, save=("x.age",))
    # Age counts time under drive at the reference pulse's rate: two pulses of 200 ns at the reference amplitude.
    assert run.final["x.age"] == pytest.approx(2 * 200e-9, rel=2e-2)
