"""Networks that several modules run, small enough to be compiled in a few seconds."""

from __future__ import annotations

import shutil

import jax
import numpy as np
import pytest

from mho.networks import DeviceSynapse, TsodyksMarkram
from mho.networks import populations as pop


@pytest.fixture(scope="session")
def compiler():
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed; the compiled kernel was not built and not compared with its twin")


def balanced(n=120):
    """Adapting neurons with two receptors; synapses that differ in every number, with delays of 1 to 12 steps."""
    draw = np.random.default_rng(0)
    wiring = pop.balanced(n - 24, 24, degree=12, key=jax.random.key(1))
    count = wiring.connectivity.synapses
    neuron = pop.CurrentLIF(
        250e-12,
        20e-3,
        (5e-3, 10e-3),
        2e-3,
        -70e-3,
        -65e-3,
        draw.uniform(-56e-3, -54e-3, n),
        i_bias=150e-12,
        adaptation=pop.Adaptation(0.1, 5e-12),
    )
    synapse = TsodyksMarkram(
        draw.uniform(0.1, 0.6, count), draw.uniform(0.0, 0.1, count), draw.uniform(0.05, 0.3, count)
    )
    recurrent = pop.Projection(
        "cells",
        "cells",
        wiring.connectivity,
        40e-12 * wiring.weight,
        draw.integers(1, 13, count) * 1e-4,
        synapse,
        wiring.receptor,
    )
    drive = pop.Projection("drive", "cells", pop.one_to_one(n), 200e-12, 1e-4)
    return pop.SpikingNetwork(
        [pop.Population("cells", n, neuron)], [recurrent, drive], 1e-4, [pop.PoissonSource("drive", n, 200.0)]
    )


def devices(n=40):
    """Conductance-based neurons behind device synapses of two modes that differ from one another, with their energy."""
    import mho

    parameters = mho.parameters("ecram_stp_ref")
    wires = pop.fixed_probability(n, n, 0.3, key=jax.random.key(2))
    device = mho.sample(parameters.device(), *parameters.spreads(), n=wires.synapses, key=jax.random.key(0))
    pulse = mho.Pulse(1.0, 200e-9)
    synapse = DeviceSynapse.of(device, pulse, dtype=np.float64)
    neuron = pop.ConductanceLIF(200e-12, 10e-9, -70e-3, (5e-3,), (0.0,), 2e-3, -70e-3, -50e-3, names=("excitatory",))
    energy = pop.EventEnergy(pulse, v_read=0.1, t_read=1e-6)
    projection = pop.Projection(
        "input", "cells", wires, 1.5e-9, 5e-4, synapse, energy=energy, keep=("cycles",), name="devices"
    )
    return pop.SpikingNetwork([pop.Population("cells", n, neuron)], [projection], 1e-4, [pop.SpikeSource("input", n)])


@pytest.fixture(scope="session")
def network():
    return balanced()


@pytest.fixture(scope="session")
def device_network():
    return devices()


@pytest.fixture(scope="session")
def larger():
    return balanced(160)
