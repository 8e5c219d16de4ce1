"""Network floor: compilation apart from the run (asv form; run as a script for a table)."""

import time

import jax
import numpy as np

import mho
from mho.core.fields import cast
from mho.networks import LIF, Connections, DeviceSynapse, Layer, run_layers, train


def _synapses(n):
    parameters = mho.parameters("ecram_stp_ref")
    device = mho.sample(parameters.device(), *parameters.spreads(), n=n, key=jax.random.key(0))
    return DeviceSynapse.of(device, mho.Pulse(1.0, 200e-9))


class DeviceSynapses:
    """1200 devices, each with its own parameters and state, 1000 pulses each: 1.2 million device events."""

    def setup(self):
        self.synapse = _synapses(1200)
        self.times = np.cumsum(np.random.default_rng(0).exponential(1e-3, (1200, 1000)) + 1e-6, axis=1)
        self.time_run()

    def time_run(self):
        jax.block_until_ready(train(self.synapse, self.times)[0])


class ClockedLayer:
    """20 neurons, 1200 device synapses, 200 inputs of 20 Hz, 10000 steps, synapses inside the loop."""

    def setup(self):
        rng = np.random.default_rng(0)
        wires = Connections(
            rng.integers(0, 200, 1200), np.repeat(np.arange(20), 60), rng.normal(0, 50e-12, 1200), 1e-3, 200, 20
        )
        neuron = LIF(250e-12, 20e-3, 3e-3, 2e-3, -70e-3, -70e-3, -55e-3)
        self.layer = cast(Layer(neuron, _synapses(1200), wires, 1e-4, delay=10), np.float32)
        self.raster = (rng.random((10_000, 200)) < 2e-3).astype(np.float32)
        self.time_run()

    def time_run(self):
        jax.block_until_ready(run_layers((self.layer,), self.raster))


def main():
    for case in (DeviceSynapses(), ClockedLayer()):
        start = time.perf_counter()
        case.setup()
        first = time.perf_counter() - start
        runs = []
        for _ in range(3):
            start = time.perf_counter()
            case.time_run()
            runs.append(time.perf_counter() - start)
        print(f"{type(case).__name__:16} set-up, compilation and first run {first:6.2f} s   run {min(runs):.3f} s")


if __name__ == "__main__":
    main()
