"""What a random normal number costs, and a million noisy ECRAM pulses with it: ours against JAX's and NumPy's.

Run ``python benchmarks/random_numbers.py``; compile time is shown apart from run time. On processors with 512-bit
vectors ``XLA_FLAGS=--xla_cpu_prefer_vector_width=512`` (set before Python starts) may help ours further; mho sets no
flag by itself. The ``time_*`` functions are for asv.
"""

from __future__ import annotations

import functools
import os
import platform
import time
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.fields import cast
from mho.devices import ECRAM, Pulse, parameters

DEVICES, PULSES = 1_000_000, 100
KEY = jax.random.key(0)

philox_normal = jax.jit(lambda key: random.normal(key, (DEVICES,)))
threefry_normal = jax.jit(lambda key: jax.random.normal(key, (DEVICES,), jnp.float32))


def reference() -> ECRAM:
    """The reference device in single precision."""
    return cast(parameters("ecram_stp_ref").device(), jnp.float32)


@eqx.filter_jit
def pulses(device: ECRAM, state, key, noisy: bool):
    """PULSES pulses and pauses for every device of a batch, the pulse prepared once."""
    kind = device.prepare(Pulse(device.v_ref, device.t_ref))

    def step(k, state):
        drawn = jax.random.fold_in(key, k)
        after = kind.noisy(device, state, key=drawn) if noisy else kind(device, state)
        return device.relax(after, jnp.float32(1e-3))

    return jax.lax.fori_loop(0, PULSES, step, state)


def batch() -> tuple:
    """A million devices at rest."""
    device = reference()
    return device, jax.tree.map(lambda x: jnp.broadcast_to(x, (DEVICES,)), device.rest())


def time_philox_normal() -> None:
    philox_normal(KEY).block_until_ready()


def time_threefry_normal() -> None:
    threefry_normal(KEY).block_until_ready()


def time_numpy_normal() -> None:
    np.random.default_rng(0).standard_normal(DEVICES, np.float32)


def time_noisy_pulses() -> None:
    device, state = batch()
    jax.block_until_ready(pulses(device, state, KEY, True))


def measured(work: Callable[[], object], count: int, repeats: int = 5) -> tuple[float, float]:
    """Best time in ns per item after the first call, and the first call's excess (compiling) in s."""
    start = time.perf_counter()
    work()
    first = time.perf_counter() - start
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best / count * 1e9, first - best


def main() -> None:
    """Print the table."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, jax {jax.__version__}")
    print(f"{'':42s}{'ns each':>9s}{'compile s':>11s}")
    for name, work in (
        ("normal, mho Philox2x32-7", time_philox_normal),
        ("normal, jax.random (threefry)", time_threefry_normal),
        ("normal, NumPy PCG64 ziggurat", time_numpy_normal),
    ):
        each, compiling = measured(work, DEVICES)
        print(f"{name:42s}{each:9.2f}{compiling:11.2f}")
    device, state = batch()
    for name, noisy in (("device-pulse and pause, no noise", False), ("device-pulse and pause, noisy", True)):
        work = functools.partial(lambda noisy: jax.block_until_ready(pulses(device, state, KEY, noisy)), noisy)
        each, compiling = measured(work, DEVICES * PULSES, 2)
        print(f"{name:42s}{each:9.2f}{compiling:11.2f}")


if __name__ == "__main__":
    main()
