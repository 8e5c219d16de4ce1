"""A step of training a recurrent spiking network, 700-256-20, 100 steps, batch 128: forward and backward.

Run ``python benchmarks/training_step.py``: the same network in mho, its input as 1 and 0 and as a list of sources that
fire, and in snnTorch where it is installed, one after the other in turn, on one thread each, in processor time. A time
is the least of the runs, which other work on the machine disturbs least. The two are peers in cost and not in numbers:
resets and initial weights differ. Compile time is shown apart. The ``time_*`` functions are for asv.
"""

from __future__ import annotations

import os

os.environ.setdefault("NPROC", "1")  # one thread, before JAX is loaded

import importlib.util
import statistics
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.networks import training
from mho.networks.spiking import (
    ClockedDevice,
    ClockedTM,
    CurrentLIF,
    Readout,
    SpikingLayer,
    SpikingNetwork,
    Static,
    listed,
    weights_of,
)

STEPS, BATCH, SOURCES, NEURONS, CLASSES = 100, 128, 700, 256, 20
DT = 1e-3
SHARE = 0.02  # of sources that fire in a step
RUNS = 12


def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (rng.random((STEPS, BATCH, SOURCES)) < SHARE).astype(np.float32), rng.integers(0, CLASSES, BATCH)


def network(synapse=None) -> SpikingNetwork:
    synapse = Static() if synapse is None else synapse
    neuron = CurrentLIF(20e-3)
    first, second = jax.random.split(jax.random.key(0))
    parts = {"recurrent": True, "gain": 3.0, "synapse": synapse, "feedback_synapse": synapse}
    layer = SpikingLayer.of(SOURCES, NEURONS, neuron, dt=DT, key=first, **parts)
    return SpikingNetwork((layer,), Readout.of(NEURONS, CLASSES, tau=20e-3, dt=DT, key=second))


def step_of(net: SpikingNetwork, x: np.ndarray, labels: np.ndarray):
    """The compiled step, as a function without arguments; and the seconds that compiling took."""
    weights, x, labels = weights_of(net), jnp.asarray(x), jnp.asarray(labels)

    def cost(weights, x):
        return training.cross_entropy(eqx.tree_at(weights_of, net, weights)(x)[0], labels)

    step = jax.jit(jax.value_and_grad(cost))
    start = time.perf_counter()
    jax.block_until_ready(step(weights, x))
    return lambda: jax.block_until_ready(step(weights, x)), time.perf_counter() - start


def torch_step(x: np.ndarray, labels: np.ndarray):
    import snntorch
    import torch

    torch.set_num_threads(1)
    spikes, target = torch.tensor(x), torch.tensor(labels)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.feed = torch.nn.Linear(SOURCES, NEURONS)
            slope = snntorch.surrogate.fast_sigmoid()
            self.layer = snntorch.RLeaky(beta=0.95, linear_features=NEURONS, spike_grad=slope)
            self.out = torch.nn.Linear(NEURONS, CLASSES)
            self.readout = snntorch.Leaky(beta=0.95, reset_mechanism="none")

        def forward(self, x):
            fired, v = self.layer.init_rleaky()
            o, seen = self.readout.init_leaky(), []
            for now in x:
                fired, v = self.layer(self.feed(now), fired, v)
                _, o = self.readout(self.out(fired), o)
                seen.append(o)
            return torch.stack(seen).mean(0)

    net, loss = Network(), torch.nn.CrossEntropyLoss()

    def step():
        net.zero_grad()
        loss(net(spikes), target).backward()

    step()
    return step


class TrainingStep:
    """Static synapses, both forms of the input."""

    def setup(self):
        x, labels = batch()
        self.dense, _ = step_of(network(), x, labels)
        self.sparse, _ = step_of(network(), listed(x), labels)

    def time_dense(self):
        self.dense()

    def time_listed(self):
        self.sparse()


def main() -> None:
    x, labels = batch()
    steps, compiling = {}, {}
    cases = {
        "mho, input as 1 and 0": (network(), x),
        "mho, input listed": (network(), listed(x)),
        "mho, Tsodyks-Markram": (network(ClockedTM(0.2, 0.2, 0.5, unit=0.2)), x),
        "mho, device synapses": (network(_device()), x),
    }
    for name, (net, given) in cases.items():
        steps[name], compiling[name] = step_of(net, given, labels)
    if importlib.util.find_spec("snntorch") is not None:
        steps["snnTorch"] = torch_step(x, labels)
    taken = {name: [] for name in steps}
    for _ in range(RUNS):  # in turn, so that a busy machine is busy for all
        for name, step in steps.items():
            start = time.process_time()
            step()
            taken[name].append(time.process_time() - start)
    peer = taken.get("snnTorch")
    for name, seconds in taken.items():
        line = f"{name:24} {1e3 * min(seconds):7.1f} ms (median {1e3 * statistics.median(seconds):.1f})"
        if name in compiling:
            line += f"   compiling {compiling[name]:.1f} s"
            if peer:
                line += f"   snnTorch takes {min(peer) / min(seconds):.2f} times as long"
        print(line)
    if not peer:
        print("snnTorch is not installed; nothing to compare with.")


def _device() -> ClockedDevice:
    import mho

    return ClockedDevice.of(mho.parameters("ecram_stp_ref").device())


if __name__ == "__main__":
    main()
