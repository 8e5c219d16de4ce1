"""What a noisy pulse costs per device: mho, an eager NumPy loop, and aihwkit, one core each.

A million soft-bound devices, each its own (bounds, steps, asymmetry), 100 pulses with cycle-to-cycle noise, float32.
Run ``taskset -c 0 python benchmarks/pulse_response.py``; with ``--aihwkit VENV`` also aihwkit, from an environment of
its own that is made there if it does not exist (aihwkit 1.1.0 with torch 2.10.0, several gigabytes), and the traces of
nine noiseless models of its families beside ours. Compile time is shown apart. The ``time_*`` functions are for asv.

On processors with 512-bit vectors XLA uses 256 of them unless told otherwise: per compilation with
``compiler_options={"xla_cpu_prefer_vector_width": 512}``, or for a whole process with the environment's
``XLA_FLAGS=--xla_cpu_prefer_vector_width=512``, set before Python starts. mho sets no flag by itself.

Result (Intel Xeon with AVX-512, two virtual processors shared with other work, load 5 to 13; processor time, smallest
of some runs, ns per device and pulse): `pulse_train` 1.84, with 512-bit vectors 1.32; pulse by pulse about 7 and 6;
NumPy 21; aihwkit 22.6 (`tile.update` of a 1000 x 1000 array, one thread). Noiseless traces agree within 8e-7.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import time
import venv
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import mho
from mho.core.fields import cast
from mho.core.sampling import Spread
from mho.devices import Pulse
from mho.devices.behavioural import (
    Anchor,
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowerStep,
    SoftBounds,
    pulse_train,
    soft_bounds_pmax,
)

SIDE, PULSES = 1000, 100
DEVICES = SIDE * SIDE
WIDE: dict[str, str | bool] = {"xla_cpu_prefer_vector_width": "512"}
UP = Pulse(np.float32(1.0), np.float32(1e-6))
CELL = {"g_min": 1e-6, "g_max": 2e-6, "dw_min": 0.003, "w_min": -0.6, "w_max": 0.6}
TRACES = {
    "constant": ConstantStep(**CELL, up_down=0.2),
    "linear": LinearStep(**CELL, gamma_up=-0.4, gamma_down=0.3, up_down=0.2),
    "reversed": LinearStep(
        **CELL, gamma_up=0.6, gamma_down=0.3, anchor_up=Anchor.NOMINAL_OTHER, anchor_down=Anchor.NOMINAL_OTHER
    ),
    "soft_bounds_pmax": soft_bounds_pmax(g_min=1e-6, g_max=2e-6, p_max=400, alpha=0.004, range_min=-1.0, range_max=1.0),
    "soft_bounds_reference": SoftBounds(**CELL, up_down=0.3, symmetry_share=1.0, reference=0.05),
    "exponential": ExpStep(
        **CELL, up_down=0.2, amplitude_up=0.00081, amplitude_down=0.36833, gamma_up=12.44625, gamma_down=12.78785,
        a=0.244, b=0.2425,
    ),
    "power": PowerStep(**CELL, gamma=1.7, gamma_up_down=0.3, up_down=-0.2),
    "power_reference": PowerStep(
        **CELL, gamma=1.7, gamma_up_down=0.3, up_down=-0.2, symmetry_share=1.0, reference=-0.04
    ),
    "piecewise": PiecewiseStep(**CELL, nodes_up=(2.0, 1.0, 0.5, 0.3), nodes_down=(0.2, 0.9, 1.0, 1.5)),
}  # fmt: skip

AIHWKIT = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, torch
from aihwkit.simulator.configs import SingleRPUConfig
from aihwkit.simulator.configs import devices as d
from aihwkit.simulator.parameters.enums import PulseType
from aihwkit.simulator.tiles import AnalogTile
torch.set_num_threads(1)
side, pulses = int(sys.argv[1]), int(sys.argv[2])

def tile(device, out, inside):
    config = SingleRPUConfig(device=device)
    config.update.pulse_type, config.update.desired_bl, config.update.fixed_bl = PulseType.STOCHASTIC, 1, True
    config.update.update_bl_management = config.update.update_management = False
    tile = AnalogTile(out, inside, config)
    tile.set_weights(torch.zeros(out, inside)); tile.set_learning_rate(1.0)
    return tile

array = tile(d.SoftBoundsDevice(dw_min=0.01), side, side)
x, up = -torch.ones(1, side), torch.ones(1, side)
array.update(x, up)
best = (1e9, 1e9)
for _ in range(3):
    start = time.process_time(), time.perf_counter()
    for _ in range(pulses):
        array.update(x, up)
    best = min(best, (time.perf_counter() - start[1], time.process_time() - start[0]))
off = dict(dw_min_dtod=0., dw_min_std=0., up_down_dtod=0., w_max_dtod=0., w_min_dtod=0.)
cell = dict(off, dw_min=0.003)
linear = dict(gamma_up_dtod=0., gamma_down_dtod=0.)
power = dict(pow_gamma=1.7, pow_gamma_dtod=0., pow_up_down=0.3, up_down=-0.2)
devices = dict(
    constant=d.ConstantStepDevice(**cell, up_down=0.2),
    linear=d.LinearStepDevice(**cell, **linear, gamma_up=-0.4, gamma_down=0.3, allow_increasing=True, up_down=0.2),
    reversed=d.LinearStepDevice(**cell, **linear, gamma_up=0.6, gamma_down=0.3, reverse_up=True, reverse_down=True),
    soft_bounds_pmax=d.SoftBoundsPmaxDevice(**off, p_max=400, alpha=0.004),
    soft_bounds_reference=d.SoftBoundsReferenceDevice(
        **cell, up_down=0.3, subtract_symmetry_point=True, reference_mean=0.05),
    exponential=d.ExpStepDevice(**cell, up_down=0.2),
    power=d.PowStepDevice(**cell, **power),
    power_reference=d.PowStepReferenceDevice(**cell, **power, subtract_symmetry_point=True, reference_mean=-0.04),
    piecewise=d.PiecewiseStepDevice(**cell, piecewise_up=[2., 1., .5, .3], piecewise_down=[.2, .9, 1., 1.5]),
)
traces = {}
for name, device in devices.items():
    one, found = tile(device, 1, 1), []
    for k in range(1000):
        one.update(-torch.ones(1, 1), torch.full((1, 1), 1.0 if k < 500 else -1.0))
        found.append(float(one.get_weights()[0]))
    traces[name] = found
print(json.dumps(dict(seconds=best, traces=traces, torch=torch.__version__)))
"""


@functools.cache
def population() -> tuple:
    """A million devices that differ as the toolkit's default soft-bound devices do, and their state."""
    device = SoftBounds(**CELL | {"dw_min": 0.01}, sigma_cycle=0.3)
    spreads = [
        Spread(of, 0.3, kind="normal") for of in (lambda d: d.gain, lambda d: d.reach_up, lambda d: d.reach_down)
    ]
    spreads.append(Spread(lambda d: d.imbalance, 0.01, relative=False, kind="normal"))
    device = cast(mho.sample(device, *spreads, n=DEVICES, key=jax.random.key(0)), jnp.float32)
    return device, jax.tree.map(lambda x: jnp.broadcast_to(x, (DEVICES,)), device.rest())


def train(device, state, key):
    return pulse_train(device, state, UP, PULSES, key=key)


def singly(device, state, key):
    one = functools.partial(device.pulse, pulse=UP)
    return jax.lax.fori_loop(0, PULSES, lambda k, s: one(s, key=jax.random.fold_in(key, k)), state)


def quiet(device, state, key):
    step = device.step(jnp.asarray(True))
    return jax.lax.fori_loop(0, PULSES, lambda _, w: step(w, jnp.zeros((), jnp.float32)), state.w)


@functools.cache
def compiled(work, wide: bool = False):
    """The work on the population, compiled, and the seconds that took."""
    start = time.perf_counter()
    done = jax.jit(work).lower(*population(), jax.random.key(1)).compile(compiler_options=dict(WIDE) if wide else None)
    return done, time.perf_counter() - start


def time_train() -> None:
    jax.block_until_ready(compiled(train)[0](*population(), jax.random.key(1)))


def time_numpy() -> None:
    numpy_loop(pulses=5)


def numpy_loop(pulses: int = PULSES) -> np.ndarray:
    """The same pulses, one array operation after the other, as an eager framework runs them."""
    device, state = jax.tree.map(np.asarray, population())
    rng = np.random.default_rng(0)
    rise = np.asarray(device.steps()[0])
    low, high = (np.asarray(x) for x in device.bounds())
    w = np.array(state.w)
    for _ in range(pulses):
        noise = rng.standard_normal(w.shape, np.float32)
        w = np.clip(w + rise * (1 - w / high) * (1 + np.float32(0.3) * noise), low, high)
    return w


def best(work, repeats: int = 5) -> tuple[float, float]:
    """Smallest wall time and smallest processor time of some runs [s]."""
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        jax.block_until_ready(work())
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def aihwkit(folder: Path) -> dict:
    """What aihwkit does with the same devices, in its own environment."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "torch==2.10.0", "aihwkit==1.1.0"], check=True)
    command = [python, "-c", AIHWKIT, str(SIDE), str(PULSES)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    return json.loads(run.stdout.splitlines()[-1])


@eqx.filter_jit
def trace(device):
    """Weight after each of 500 pulses up and 500 down."""

    def one(state, k):
        state = device.pulse(state, Pulse(jnp.where(k < 500, 1.0, -1.0), 1e-6), key=jax.random.key(0))
        return state, state.w

    return jax.lax.scan(one, jax.tree.map(jnp.asarray, device.rest()), jnp.arange(1000))[1]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--aihwkit", type=Path, metavar="VENV", help="environment with aihwkit, made if missing")
    folder = parser.parse_args().aihwkit
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, jax {jax.__version__}")
    print(f"{'ns per device and pulse':44s}{'wall':>8s}{'processor':>11s}{'compile s':>11s}")
    each = 1e9 / DEVICES / PULSES
    for name, work in (("pulse_train", train), ("pulse by pulse", singly), ("no noise", quiet)):
        for wide in (False, True):
            done, seconds = compiled(work, wide)
            wall, processor = best(lambda done=done: done(*population(), jax.random.key(1)))
            label = f"mho, {name}{', 512-bit vectors' if wide else ''}"
            print(f"{label:44s}{wall * each:8.2f}{processor * each:11.2f}{seconds:11.2f}")
    wall, processor = best(lambda: numpy_loop(20), 2)
    print(f"{'NumPy, eager':44s}{wall * each * 5:8.2f}{processor * each * 5:11.2f}")
    if folder is None:
        return
    found = aihwkit(folder)
    wall, processor = (x * each for x in found["seconds"])
    print(f"{'aihwkit 1.1.0, torch ' + found['torch']:44s}{wall:8.2f}{processor:11.2f}")
    print("largest difference of a weight in 1000 noiseless pulses, aihwkit and mho")
    for name, device in TRACES.items():
        print(f"  {name:42s}{np.max(np.abs(np.asarray(trace(device)) - found['traces'][name])):8.1e}")


if __name__ == "__main__":
    sys.exit(main())
