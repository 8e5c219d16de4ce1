"""A random network with plastic synapses: ours in JAX and compiled, Brian2 and NEST, one after the other in one run.

Run ``python benchmarks/spiking_network.py [--brian2 PYTHON] [--nest PYTHON] [--part compare|scaling|devices]``; PYTHON
is an interpreter that has the peer, by default this one; a peer that is not there is said to be missing. 4000 neurons,
four excitatory to one inhibitory, 2 % connectivity, Tsodyks-Markram plasticity in every synapse (U 0.5, tau_rec 100 ms,
tau_f 50 ms), one second in steps of 0.1 ms: the current-based benchmark of Vogels and Abbott with plastic synapses.
Times are of the processor, of the run alone, the best of three on one core; building, compiling and the first 100 ms
are left out. All compute in double precision; ours in single precision too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from typing import Any

N, EXCITATORY, PROBABILITY, DT, STOP = 4000, 3200, 0.02, 1e-4, 1.0
TAU_M, TAU_E, TAU_I, T_REF = 20e-3, 5e-3, 10e-3, 5e-3
REST, RESET, THRESHOLD = -49e-3, -60e-3, -50e-3
WEIGHT_E, WEIGHT_I = 1.62e-3, -9e-3  # what a first spike adds to the voltage that drives the membrane [V]
U, TAU_F, TAU_REC = 0.5, 50e-3, 100e-3


def network(n: int = N, probability: float = PROBABILITY, *, rest: float = REST) -> Any:
    import jax
    import numpy as np

    from mho.networks import TsodyksMarkram
    from mho.networks import populations as pop

    excitatory = n * EXCITATORY // N
    wiring = pop.balanced(excitatory, n - excitatory, probability=probability, key=jax.random.key(0))
    unit = 1e-9 / TAU_M  # [A] for one volt of drive on 1 nF
    scale = N * PROBABILITY / (n * probability)
    weight = np.where(wiring.receptor == 0, WEIGHT_E, WEIGHT_I) * unit * scale / U
    neuron = pop.CurrentLIF(1e-9, TAU_M, (TAU_E, TAU_I), T_REF, rest, RESET, THRESHOLD)
    synapse = TsodyksMarkram(U, TAU_F, TAU_REC)
    projection = pop.Projection("cells", "cells", wiring.connectivity, weight, DT, synapse, wiring.receptor)
    return pop.SpikingNetwork([pop.Population("cells", n, neuron)], [projection], DT)


def ours(engine: str, dtype: str, n: int = N, probability: float = PROBABILITY, rest: float = REST) -> dict[str, float]:
    import numpy as np

    from mho.networks import populations as pop

    start = time.process_time()
    net = network(n, probability, rest=rest)
    kind = np.dtype(dtype)
    volts = np.random.default_rng(1).uniform(RESET, THRESHOLD, n)
    state = pop.simulate(net, 0.1, engine=engine, dtype=kind, state=pop.rest(net, dtype=kind, v={"cells": volts})).state
    built = time.process_time() - start
    best, spikes, events = float("inf"), 0, 0
    runner, moving, grid = _runner(net, engine, kind, state)
    for _ in range(3):
        start, spikes = time.process_time(), 0
        for _ in range(round(STOP / DT) // 1000):
            moving, volley = runner.run(moving, grid, 1000)
            who = np.asarray(volley.spikes[0][1 if engine == "kernel" else 0])
            spikes += int(np.sum(who < n))
        best = min(best, time.process_time() - start)
    events = round(spikes * net.projections[0].connectivity.synapses / n)
    return {"s": best, "spikes": spikes, "events": events, "setup": built}


def _runner(net: Any, engine: str, dtype: Any, state: Any) -> Any:
    """The engine itself, so that three runs in a row are timed without laying the network out anew."""
    import jax
    import numpy as np

    from mho.networks.populations.clocked import Clocked
    from mho.networks.populations.compiled import Compiled, kernel
    from mho.networks.populations.plan import plan

    jax.config.update("jax_enable_x64", bool(dtype == np.float64))
    laid = plan(net, dtype)
    nothing = [np.zeros(0, np.int32)]
    runner = Compiled(laid, kernel(laid).build(), nothing) if engine == "kernel" else Clocked(laid, nothing)
    return runner, runner.enter(state), []


BRIAN2 = """
import json, time, warnings
import numpy as np
warnings.filterwarnings("ignore")
from brian2 import (NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms, mV, prefs, run, second, seed)
prefs.codegen.target = "cython"
seed(1); np.random.seed(1)
start = time.process_time()
defaultclock.dt = 0.1 * ms
equations = '''dv/dt = (ge + gi - (v + 49*mV))/(20*ms) : volt (unless refractory)
dge/dt = -ge/(5*ms) : volt
dgi/dt = -gi/(10*ms) : volt'''
cells = NeuronGroup(4000, equations, threshold="v > -50*mV", reset="v = -60*mV", refractory=5*ms, method="exact")
cells.v = np.random.uniform(-60, -50, 4000) * mV
model = '''w : volt
du/dt = -u/(50*ms) : 1 (event-driven)
dx/dt = (1 - x)/(100*ms) : 1 (event-driven)'''
wires = []
for part, name, weight in ((cells[:3200], "ge", 1.62*mV), (cells[3200:], "gi", -9*mV)):
    on = "u += 0.5*(1 - u)\\n%s_post += w*u*x/0.5\\nx -= u*x" % name
    s = Synapses(part, cells, model, on_pre=on, delay=0.1*ms)
    s.connect(p=0.02)
    s.w = weight
    s.x = 1
    wires.append(s)
monitor = SpikeMonitor(cells)
from brian2 import Network
net = Network(cells, wires, monitor)
net.run(100*ms)
setup = time.process_time() - start
best = 1e9
for _ in range(3):
    before, start = monitor.num_spikes, time.process_time()
    net.run(1*second)
    best, spikes = min(best, time.process_time() - start), int(monitor.num_spikes - before)
print(json.dumps({"s": best, "spikes": spikes, "events": spikes * 80, "setup": setup}))
"""
NEST = """
import json, time
import numpy as np
import nest
nest.set_verbosity("M_ERROR")
nest.ResetKernel()
nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": 1, "rng_seed": 1})
start = time.process_time()
unit = 1000.0 / 20.0  # pA for one millivolt of drive on 1 nF
numbers = {"C_m": 1000.0, "tau_m": 20.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0, "t_ref": 5.0, "E_L": -49.0,
           "V_reset": -60.0, "V_th": -50.0}
cells = nest.Create("iaf_psc_exp", 4000, params=numbers)
cells.V_m = np.random.default_rng(1).uniform(-60, -50, 4000)
rule = {"rule": "pairwise_bernoulli", "p": 0.02, "allow_autapses": False}
for part, weight in ((cells[:3200], 1.62), (cells[3200:], -9.0)):
    nest.Connect(part, cells, rule, {"synapse_model": "tsodyks2_synapse", "U": 0.5, "u": 0.5, "x": 1.0,
                                     "tau_rec": 100.0, "tau_fac": 50.0, "weight": weight * unit / 0.5, "delay": 0.1})
recorder = nest.Create("spike_recorder")
nest.Connect(cells, recorder)
nest.Simulate(100.0)
setup = time.process_time() - start
best = 1e9
for _ in range(3):
    before, start = recorder.n_events, time.process_time()
    nest.Simulate(1000.0)
    best, spikes = min(best, time.process_time() - start), int(recorder.n_events - before)
print(json.dumps({"s": best, "spikes": spikes, "events": spikes * 80, "setup": setup}))
"""


def in_a_process(command: list[str]) -> dict[str, float] | str:
    """What a program on one core prints last, as JSON; or why it failed."""
    pinned = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if hasattr(os, "sched_getaffinity") else []
    done = subprocess.run([*pinned, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1]
    return json.loads(done.stdout.strip().splitlines()[-1])


def mine(engine: str, dtype: str, *more: str) -> dict[str, float] | str:
    return in_a_process([sys.executable, __file__, "--one", engine, dtype, *more])


def compare(brian2: str, nest: str) -> None:
    """The table of engines; ratios are to Brian2 and NEST."""
    cases = {
        "mho, JAX, float64": lambda: mine("jax", "float64"),
        "mho, kernel, float64": lambda: mine("kernel", "float64"),
        "mho, JAX, float32": lambda: mine("jax", "float32"),
        "mho, kernel, float32": lambda: mine("kernel", "float32"),
        "Brian2, Cython, float64": lambda: in_a_process([brian2, "-c", BRIAN2]),
        "NEST, float64": lambda: in_a_process([nest, "-c", NEST]),
    }
    found = {name: run() for name, run in cases.items()}
    peers = [found["Brian2, Cython, float64"], found["NEST, float64"]]
    print(f"{'4000 neurons, 1 s':26s}{'s':>8s}{'spikes':>9s}{'set-up s':>10s}{'vs Brian2':>11s}{'vs NEST':>11s}")
    for name, got in found.items():
        if isinstance(got, str):
            print(f"{name:26s} not measured: {got}")
            continue
        ratios = ["-" if isinstance(p, str) else f"{p['s'] / got['s']:.2f}" for p in peers]
        row = f"{name:26s}{got['s']:8.3f}{got['spikes']:9.0f}{got['setup']:10.2f}"
        print(row + "".join(f"{r:>11s}" for r in ratios), flush=True)


def scaling() -> None:
    """Costs grow with spikes: four times the synapses at equal drive, less and more drive, and silence."""
    print(f"{'engine':8s}{'synapses':>10s}{'spikes':>9s}{'events':>10s}{'s':>8s}")
    for engine in ("jax", "kernel"):
        for probability, rest in ((0.01, REST), (0.04, REST), (0.04, -48e-3), (0.04, -46e-3), (0.04, -60e-3)):
            got = mine(engine, "float32", str(probability), str(rest))
            assert not isinstance(got, str), got
            synapses = round(N * N * probability, -3)
            print(f"{engine:8s}{synapses:10.0f}{got['spikes']:9.0f}{got['events']:10.0f}{got['s']:8.3f}", flush=True)


def devices(engine: str) -> dict[str, float]:
    """10 000 neurons and 1 000 000 devices, each with its own numbers, one second of 5 Hz input and recurrence."""
    import jax
    import numpy as np

    import mho
    from mho.networks import DeviceSynapse
    from mho.networks import populations as pop

    n, degree = 10_000, 100
    parameters = mho.parameters("ecram_stp_ref")
    start = time.process_time()
    wires = pop.fixed_indegree(n, n, degree, key=jax.random.key(0), self_connections=False)
    device = mho.sample(parameters.device(), *parameters.spreads(), n=wires.synapses, key=jax.random.key(1))
    pulse = mho.Pulse(1.0, 200e-9)
    synapse = DeviceSynapse.of(device, pulse)
    neuron = pop.CurrentLIF(250e-12, TAU_M, (TAU_E,), T_REF, -70e-3, -70e-3, -55e-3, names=("excitatory",))
    energy = pop.EventEnergy(pulse, v_read=0.1, t_read=1e-6)
    net = pop.SpikingNetwork(
        [pop.Population("cells", n, neuron)],
        [
            pop.Projection("cells", "cells", wires, 2e-12, 1e-3, synapse, energy=energy, name="devices"),
            pop.Projection("drive", "cells", pop.one_to_one(n), 900e-12, DT),
        ],
        DT,
        [pop.PoissonSource("drive", n, 40.0)],
    )
    state = pop.simulate(net, DT, key=jax.random.key(2), engine=engine).state
    built = time.process_time() - start
    start = time.process_time()
    result = pop.simulate(net, STOP, key=jax.random.key(2), engine=engine, state=state)
    took = time.process_time() - start
    exact, padded = pop.memory(pop.plan(net, np.float32))["devices"]
    return {
        "s": took,
        "setup": built,
        "spikes": result.spikes["cells"].ids.size,
        "events": result.events["devices"],
        "energy": result.energy["devices"],
        "bytes": exact if engine == "kernel" else padded,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def million() -> None:
    heads = ("s", "spikes", "events", "pJ/event", "B/synapse", "peak MB", "set-up s")
    print(f"{'10 000 neurons, 1 000 000 devices, 1 s':40s}" + "".join(f"{head:>10s}" for head in heads))
    for engine in ("kernel", "jax"):
        got = in_a_process([sys.executable, __file__, "--devices", engine])
        if isinstance(got, str):
            print(f"mho, {engine}: not measured: {got}")
            continue
        each = got["energy"] / max(got["events"], 1) * 1e12
        row = f"{'mho, ' + engine + ', float32':40s}{got['s']:10.2f}{got['spikes']:10.0f}{got['events']:10.0f}"
        print(row + f"{each:10.3g}{got['bytes']:10.0f}{got['peak']:10.0f}{got['setup']:10.1f}", flush=True)


class Kernel:
    """The compiled network in double precision."""

    def setup(self) -> None:
        ours("kernel", "float64")

    def time_run(self) -> None:
        ours("kernel", "float64")


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        engine, dtype, *more = sys.argv[2:]
        probability, rest = (float(x) for x in more) if more else (PROBABILITY, REST)
        print(json.dumps(ours(engine, dtype, N, probability, rest)))
        return
    if sys.argv[1:2] == ["--devices"]:
        print(json.dumps(devices(sys.argv[2])))
        return
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--brian2", default=sys.executable)
    options.add_argument("--nest", default=sys.executable)
    options.add_argument("--part", choices=("compare", "scaling", "devices", "all"), default="all")
    given = options.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if given.part in ("compare", "all"):
        compare(given.brian2, given.nest)
    if given.part in ("scaling", "all"):
        scaling()
    if given.part in ("devices", "all"):
        million()


if __name__ == "__main__":
    os.environ.update(NPROC="1", OMP_NUM_THREADS="1", XLA_FLAGS="--xla_cpu_multi_thread_eigen=false")
    main()
