"""Products on a chip: 512 x 512 weights in pairs, 64 vectors, read noise, DAC, ADC and drift (a script for a table)."""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import mho
from mho.crossbars import Amplitude, Chip, Quantiser, Tile

SIZE, BATCH = 512, 64


class NoisyProduct:
    """One day after programming: phase-change cells, 8 bits in and out; aihwkit's tile takes 1.9 to 2.5 ms for this."""

    def setup(self):
        rng = np.random.default_rng(0)
        device = mho.parameters("pcm_joshi").device()
        tile = Tile(device, rows=SIZE, columns=2 * SIZE, inputs=Amplitude(8), adc=Quantiser(8))
        self.x = jnp.asarray(rng.normal(size=(BATCH, SIZE)), jnp.float32)
        self.w = rng.normal(size=(SIZE, SIZE)) * 0.05
        chip, _ = Chip(tile).program(self.w, key=jax.random.key(0))
        chip = chip.calibrate(self.x, key=jax.random.key(1)).advance(86_400.0, key=jax.random.key(2))
        self.product = chip.of("weights").product
        self.formed = eqx.filter_jit(lambda product, x, key: product(x, key=key))
        self.key = jax.random.key(3)
        self.time_run()

    def time_run(self):
        jax.block_until_ready(self.formed(self.product, self.x, self.key))


def main():
    case = NoisyProduct()
    start = time.perf_counter()
    case.setup()
    first = time.perf_counter() - start
    runs = []
    for _ in range(100):
        start = time.perf_counter()
        case.time_run()
        runs.append(time.perf_counter() - start)
    y = case.formed(case.product, case.x, case.key).y
    exact = np.asarray(case.x) @ case.w.T
    error = np.linalg.norm(np.asarray(y) - exact) / np.linalg.norm(exact)
    print(f"set-up, compilation and first run {first:.2f} s")
    print(f"{BATCH} noisy products of {SIZE} x {SIZE}: {min(runs) * 1e3:.2f} ms")
    print(f"relative error of the products after a day of drift: {error:.3f}")


if __name__ == "__main__":
    main()
