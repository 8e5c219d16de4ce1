"""Nodes on a clock follow their equations exactly while their input is held."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from mho import networks
from mho.core.errors import NetworkError
from mho.networks.layers import linear
from mho.networks.nodes import (
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    Delay,
    Input,
    Integrator,
    Output,
    Scale,
    SpikingNetwork,
    Threshold,
    network_of_layers,
    simulate,
    steps,
)

DT = 1e-3
RANDOM = np.random.default_rng(2)


def alone(node, shape: tuple[int, ...]) -> SpikingNetwork:
    return SpikingNetwork({"x": Input(shape), "n": node, "y": Output()}, (("x", "n"), ("n", "y")))


def run(node, x: np.ndarray, dt: float = DT) -> np.ndarray:
    return simulate(alone(node, x.shape[1:]), x, dt=dt, dtype=np.float64).outputs["y"]


@pytest.mark.parametrize("tau_syn", [2e-3, 7e-3, 7e-3 * (1 + 1e-12)])
def test_a_current_and_a_membrane_against_the_matrix_exponential(tau_syn):
    """Two time constants apart, equal, and so close that their difference is lost in rounding."""
    tau_mem, r, leak, w, x = 7e-3, 1.7, -0.3, 0.6, RANDOM.normal(size=(30, 1))
    a = np.array([[-1 / tau_mem, r / tau_mem, leak / tau_mem], [0, -1 / tau_syn, 0], [0, 0, 0]])
    state, right = np.array([leak, 0.0, 1.0]), []
    for s in x[:, 0]:
        whole = np.block([[a, np.array([[0], [w / tau_syn], [0]])], [np.zeros((1, 4))]])
        state = (expm(whole * DT) @ np.append(state, s))[:3]
        right.append(state[0])
    node = CubaLI(tau_syn=tau_syn, tau_mem=tau_mem, r=r, v_leak=leak, w_in=w)
    np.testing.assert_allclose(run(node, x)[:, 0], right, rtol=1e-11, atol=1e-13)  # both in float64


def test_integrators_and_the_size_of_a_step():
    """What a held input does does not depend on the step: ten steps of a tenth are one."""
    x = np.repeat(RANDOM.normal(size=(8, 3)), 10, axis=0)
    for node in (Integrator(r=2.0), LI(tau=np.array([1e-3, 2e-3, 5e-3]), r=3.0, v_leak=0.5)):
        np.testing.assert_allclose(run(node, x, DT / 10)[9::10], run(node, x[::10]), rtol=1e-12)
    np.testing.assert_allclose(run(Integrator(r=2.0), x), np.cumsum(2.0 * x * DT, axis=0), rtol=1e-12)


def test_thresholds_fire_above_and_not_at():
    one = np.ones((6, 1))
    assert run(Threshold(threshold=1.0), one).sum() == 0
    assert run(IF(r=500.0, v_threshold=1.0, v_reset=0.0), one)[:, 0].tolist() == [0, 0, 1, 0, 0, 1]
    # A leaky one driven to 2 fires when 1 - exp(-t/tau) > 1/2: at 0.69 tau, that is in step 7 of 10.
    lif = LIF(tau=10e-3, r=2.0, v_leak=0.0, v_threshold=1.0, v_reset=0.0)
    assert np.nonzero(run(lif, np.ones((14, 1)))[:, 0])[0].tolist() == [6, 13]
    resting = LIF(tau=10e-3, r=2.0, v_leak=0.0, v_threshold=1.0, v_reset=0.0, t_ref=3e-3)
    assert np.nonzero(run(resting, np.ones((18, 1)))[:, 0])[0].tolist() == [6, 16]
    cuba = CubaLIF(tau_syn=1e-5, tau_mem=10e-3, r=2.0, v_leak=0.0, v_threshold=1.0, v_reset=0.0)
    assert np.nonzero(run(cuba, np.ones((14, 1)))[:, 0])[0].tolist() == [6, 13]


def test_delays_in_and_out_of_a_cycle():
    """A signal that goes round a cycle of three steps of delay comes back three steps later, halved; without, one."""
    x = np.zeros((10, 2))
    x[0] = 1.0
    late = run(Delay.of(np.array([0.0, 3e-3])), x)
    assert np.nonzero(late[:, 0])[0].tolist() == [0]
    assert np.nonzero(late[:, 1])[0].tolist() == [3]
    nodes = {"x": Input((2,)), "s": Scale(scale=0.5), "j": Scale(scale=1.0), "y": Output()}
    around = (("x", "j"), ("j", "s"), ("s", "j"), ("j", "y"))
    found = simulate(SpikingNetwork(nodes, around), x, dt=DT).outputs["y"][:, 0]
    np.testing.assert_array_equal(found, 0.5 ** np.arange(10))
    nodes["d"] = Delay.of(np.array(3e-3))
    around = (("x", "j"), ("j", "s"), ("s", "d"), ("d", "j"), ("j", "y"))
    found = simulate(SpikingNetwork(nodes, around), x, dt=DT).outputs["y"][:, 0]
    np.testing.assert_array_equal(found, [1, 0, 0, 0.5, 0, 0, 0.25, 0, 0, 0.125])


def test_spikes_carry_derivatives_and_batches():
    nodes = {
        "x": Input((2,)),
        "w": linear(RANDOM.normal(size=(3, 2)).astype(np.float32)),
        "n": LIF(*(np.float32(v) for v in (5e-3, 20.0, 0.0, 1.0, 0.0))),
        "y": Output(),
    }
    network = SpikingNetwork(nodes, (("x", "w"), ("w", "n"), ("n", "y")))
    x = jnp.asarray(np.abs(RANDOM.normal(size=(4, 30, 2))), jnp.float32)

    def count(weight):
        changed = SpikingNetwork({**nodes, "w": linear(weight)}, network.edges)
        return jnp.sum(jax.vmap(lambda one: steps(changed, [one], DT).outputs["y"])(x))

    slope = jax.grad(count)(nodes["w"].weight)
    assert np.all(np.isfinite(slope))
    assert np.all(slope > 0)  # more weight, more spikes


def test_layers_become_nodes():
    """What one spike does to a layer's membrane, in closed form; and where each synapse stands in the matrix."""
    neuron = networks.LIF(250e-12, 20e-3, 3e-3, 2e-3, -70e-3, -72e-3, -40e-3)
    static = networks.Layer(neuron, networks.StaticSynapse(0.5), networks.Connections.dense([[4e-9]]), 1e-4, 7)
    given = np.zeros((400, 1))
    given[10] = 1.0
    run = simulate(network_of_layers([static]), given, dt=1e-4, record=("neurons0",))
    t = np.maximum((np.arange(400) + 1 - 17) * 1e-4, 0)  # ends of steps, from the start of the spike's
    right = -70e-3 + 2e-9 / 250e-12 / (1 / 3e-3 - 1 / 20e-3) * (np.exp(-t / 20e-3) - np.exp(-t / 3e-3))
    # The held input brings the same charge half a step later: 0.05 ms of at most 8 V/s, and no more than that.
    np.testing.assert_allclose(run.membranes["neurons0"][:, 0], right, atol=4.1e-4, rtol=0)
    assert np.argmax(right) == pytest.approx(np.argmax(run.membranes["neurons0"]), abs=1)
    synapse = networks.TsodyksMarkram(U=np.array([0.2, 0.4, 0.6]), tau_f=0.3, tau_rec=0.1)
    wires = networks.Connections(np.array([1, 0, 1]), np.array([0, 0, 1]), np.array([1.0, 2.0, 3.0]), 0.0, 2, 2)
    chain = network_of_layers([networks.Layer(neuron, synapse, wires, 1e-4)])
    np.testing.assert_array_equal(chain.nodes["weights0"].layer.weight, [[2.0, 1.0], [0.0, 3.0]])
    np.testing.assert_allclose(np.asarray(chain.nodes["weights0"].synapse.U)[[0, 1, 3]], [0.4, 0.2, 0.6])
    assert "delay0" not in chain.nodes
    assert float(chain.nodes["neurons0"].v_reset[0]) == -72e-3


def test_what_does_not_fit_is_named():
    with pytest.raises(NetworkError, match=r"Node 'n': LI has parameters of shape \(3,\)"):
        run(LI(tau=np.full(3, 1e-3), r=1.0, v_leak=0.0), np.zeros((2, 4)))
    with pytest.raises(NetworkError, match="names 'z', which is no node"):
        SpikingNetwork({"x": Input()}, (("x", "z"),))
    with pytest.raises(NetworkError, match="takes from nothing"):
        simulate(SpikingNetwork({"x": Input(), "y": Output()}, ()), np.zeros((2, 1)), dt=DT)
    with pytest.raises(NetworkError, match="'n' has a state"):
        alone(Integrator(r=1.0), (1,)).graph()
    nodes = {"a": Input((1,)), "b": Input((2,)), "y": Output()}
    with pytest.raises(NetworkError, match=r"different shapes: a \(1,\), b \(2,\)"):
        simulate(SpikingNetwork(nodes, (("a", "y"), ("b", "y"))), np.zeros((2, 1)), np.zeros((2, 2)), dt=DT)
