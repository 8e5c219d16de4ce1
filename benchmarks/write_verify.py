"""Verified pulses on many cells: pulses, residual error before and after relaxation, beside what NeuRRAM reports (a
table).

NeuRRAM: about 8.5 pulses a cell within 1 uS of targets between 1 and 40 uS, first pulses of 1.2 and 1.5 V, steps of 0.1
V (as quoted; their places in the paper are not known here: assumed). Its relaxation is that of the set `reram_neurram`.
"""

import sys
import time

import jax
import numpy as np

import mho
from mho.crossbars import Stated, WriteVerify
from mho.crossbars.device_array import Array
from mho.devices import Pulse

ACCEPTED = 1.0 / 39.0  # of the window: 1 uS of 39 uS
SETS = ("reram_array_om", "reram_es", "taox_hfox_wu")


def verified(name, n):
    """Pulses, failures and residual error of a set's cells, as shares of its window."""
    found = mho.parameters(name)
    device = found.device()
    low, high = (float(np.mean(g)) for g in device.window())
    span = high - low
    op = {k: v.value for k, v in found.operation.items()}
    how = WriteVerify(
        Pulse(op["v_up"], op["t_up"]),
        Pulse(op["v_down"], op["t_down"]),
        acceptance=ACCEPTED * span,
        step=0.1,
        v_max=5.0,
        budget=200,
    )
    cells = Array.of(device, (n,), *found.spreads(), key=jax.random.key(0), correlation=found.correlation())
    target = low + span * np.random.default_rng(0).uniform(0.05, 0.95, n).astype(np.float32)
    start = time.process_time()
    out = how.program(cells, target, key=jax.random.key(1))
    jax.block_until_ready(out.pulses)
    spent = time.process_time() - start
    good = np.asarray(out.status) == 0
    error = np.asarray(out.error)[good] / span
    print(
        f"{name:16} {np.asarray(out.pulses)[good].mean():6.1f} pulses, {1 - good.mean():6.1%} not accepted, "
        f"rms error {np.sqrt(np.mean(error**2)):.2%} of the window, {spent:.1f} s of CPU with compilation"
    )


def relaxed(n):
    """NeuRRAM's residual error a second, a day and two days after programming, by its own statistics [S]."""
    device = mho.parameters("reram_neurram").device()
    target = np.random.default_rng(0).uniform(1e-6, 40e-6, n).astype(np.float32)
    cells = Array.of(device, (n,), key=jax.random.key(0))
    now = Stated().program(cells, target, key=jax.random.key(1)).array
    print(f"accepted within 1 uS, uniform: rms error {1e-6 / 3**0.5 * 1e6:.2f} uS (1.5 % of the window), then")
    for name, t in (("1 s", 1.0), ("1 day", 86_400.0), ("2 days", 172_800.0)):
        error = np.asarray(now.after(t).conductance()) - target
        print(f"  NeuRRAM {name:7} rms error {np.sqrt(np.mean(error**2)) * 1e6:.2f} uS")


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    relaxed(size)
    for each in SETS:
        verified(each, size)
