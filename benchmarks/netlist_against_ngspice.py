# ruff: noqa: E402  (threads are set before JAX is loaded)
"""Speed on netlists against ngspice in the same run, at equal accuracy.

    python benchmarks/netlist_against_ngspice.py [--samples 1000] [--sampled 3] [--lanes 128]

(a) one run of the EKV reference netlist, as ngspice is given it; (b) a batch of it with threshold mismatch, a sample;
(c) a batch of a netlist of ngspice's built-in level 1, which is compiled C there and no behavioural source.

Both take their loosest tolerance whose intervals come within 1e-3 of ngspice's own run at 1e-6. ngspice is run on a few
samples, mho on all of them, on one core, compiled beforehand with its persistent cache on; compile times stand apart.
Processor times: other work on the machine does not count, but for the caches that it takes.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for name, value in {"NPROC": "1", "OMP_NUM_THREADS": "1", "JAX_CPU_ENABLE_ASYNC_DISPATCH": "0"}.items():
    os.environ.setdefault(name, value)

import jax
import numpy as np

import mho
from mho import circuits as mc
from mho.circuits.monte_carlo import part
from mho.interchange import SpiceText, read_spice, run_ngspice, spice_text

HERE = Path(__file__).parent / "netlists"
LEVELS = (1e-5, 1e-4, 3e-4, 1e-3)
TOLERANCES = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3)
ASKED = {"b": 150, "c": 8}


@dataclasses.dataclass
class Case:
    """A circuit, what is measured of it, and to what accuracy mho runs.

    Args:
        circuit: Nominal.
        stop: End [s].
        crossing: What is timed.
        text: ngspice's netlist of a circuit at a relative tolerance.
        tolerance: Of mho.
    """

    circuit: mc.Circuit
    stop: float
    crossing: mc.Crossing
    text: Callable[[mc.Circuit, float], SpiceText]
    tolerance: float

    def ngspice(self, circuit: mc.Circuit, reltol: float):
        """Crossing times [s] and processor time [s] of ngspice."""
        run = run_ngspice(self.text(circuit, reltol), timeout=3000)
        return run.crossings(self.crossing), run.seconds

    def fastest(self) -> tuple[float, float]:
        """ngspice's loosest reltol within 1e-3, and its processor time on the nominal circuit [s]."""
        reference, _ = self.ngspice(self.circuit, 1e-6)
        chosen = (LEVELS[0], np.inf)
        for reltol in LEVELS:
            times, seconds = self.ngspice(self.circuit, reltol)
            error = deviation(times, reference)
            print(f"    ngspice reltol {reltol:7.0e}: {seconds:7.3f} s, error {error:.1e}")
            if error <= 1e-3 and seconds < chosen[1]:
                chosen = (reltol, seconds)
        for tolerance in TOLERANCES:
            trial = dataclasses.replace(self, tolerance=tolerance)
            error = deviation(trial.run(self.circuit).crossings[0].times[0], reference)
            print(f"    mho tolerance {tolerance:7.0e}: error {error:.1e}")
            if error <= 1e-3:
                self.tolerance = tolerance
        return chosen

    def run(self, circuit: mc.Circuit, lanes: int | None = None):
        """mho's run."""
        options = mc.Options(tolerance=self.tolerance, ledger=mc.Detail.SUPPLIES)
        return mc.transient(circuit, self.stop, crossings=(self.crossing,), options=options, lanes=lanes, throw=False)


def deviation(times, reference) -> float:
    """Worst relative error of the intervals between crossings."""
    times = np.asarray(times)[np.isfinite(times)]
    if len(times) != len(reference):
        return np.inf
    return float(np.max(np.abs(np.diff(times) / np.diff(reference) - 1)))


def timed(function, repeats: int = 3) -> float:
    """Smallest processor time of a call [s]."""
    found = []
    for _ in range(repeats):
        before = time.process_time()
        function()
        found.append(time.process_time() - before)
    return min(found)


def reference_neuron() -> Case:
    """The EKV reference netlist, read from SPICE."""
    read = read_spice(HERE / "reference_lif.cir")
    circuit = read.circuit.with_elements({}, {n: v for n, v in read.charges.items() if v})

    def text(c: mc.Circuit, reltol: float) -> SpiceText:
        return spice_text(c, 70e-6, save=("spk",), reltol=reltol, max_step=100e-9)

    return Case(circuit, 70e-6, mc.Crossing("spk", 0.5, after=1e-6), text, 5e-4)


def ring_text(circuit: mc.Circuit | None, reltol: float) -> SpiceText:
    """A ring of seven inverters of ngspice's own level 1, each transistor with a card of its own threshold."""
    rest = {
        "n": "nmos(level=1 kp=100u lambda=0.03 gamma=0.5 phi=0.7",
        "p": "pmos(level=1 kp=40u lambda=0.05 gamma=0.5 phi=0.7",
    }
    lines = ["ring of seven inverters", "vdd vdd 0 3", ".ic v(n1)=0 v(n2)=3 v(n3)=0 v(n4)=3 v(n5)=0 v(n6)=3 v(n7)=1"]
    for k in range(1, 8):
        a, y = f"n{k}", f"n{k % 7 + 1}"
        lines += [f"mp{k} {y} {a} vdd vdd p{k} w=4u l=1u", f"mn{k} {y} {a} 0 0 n{k} w=2u l=1u", f"c{k} {y} 0 20f"]
        for kind, nominal in (("n", 0.7), ("p", -0.7)):
            vto = nominal if circuit is None else float(circuit[f"m{kind}{k}"].vto)
            lines.append(f".model {kind}{k} {rest[kind]} vto={vto!r})")
    lines += [
        f".options reltol={reltol:g} abstol=1e-15 vntol=1e-8 chgtol=1e-18",
        ".save v(n1)",
        ".tran 0.1n 60n 0 0.1n uic",
        ".end",
    ]
    return SpiceText("\n".join(lines) + "\n", 60e-9, {"v(n1)": "n1"})


def level_one_ring() -> Case:
    """The ring, read from its netlist."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ring.cir"
        path.write_text(ring_text(None, 1e-4).text)
        read = read_spice(path)
    circuit = read.circuit.with_elements({}, read.requests.initial)
    return Case(circuit, 60e-9, mc.Crossing("n1", 1.5, after=5e-9), ring_text, 1e-3)


def batch(case: Case, population: mc.Circuit, args, asked: int) -> None:
    """Processor time per sample of a batch, and of ngspice on a few of its samples."""
    reltol, _ = case.fastest()
    judged, seconds = [], []
    for k in range(args.sampled):
        one = jax.tree.map(lambda x: x[0] if np.ndim(x) else x, part(population, k, k + 1))
        times, used = case.ngspice(one, reltol)
        judged.append(times)
        seconds.append(used)
    first = case.run(population, args.lanes)
    mine = timed(lambda: case.run(population, args.lanes)) / args.samples
    errors = [deviation(first.crossings[0].times[k], t) for k, t in enumerate(judged)]
    theirs = float(np.mean(seconds))
    print(f"    compiled in {first.compile_seconds:.1f} s; failures {first.failures or 'none'}")
    print(f"    a sample: ngspice {theirs * 1e3:.1f} ms (reltol {reltol:.0e}), mho {mine * 1e3:.3f} ms")
    print(f"    intervals of {args.sampled} samples against ngspice: {max(errors):.1e}")
    print(f"    {theirs / mine:.0f} times as fast, processor time on one core (asked: {asked})")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--samples", type=int, default=1000)
    ask.add_argument("--sampled", type=int, default=3, help="samples that ngspice runs")
    ask.add_argument("--lanes", type=int, default=128)
    args = ask.parse_args()
    mc.keep_compiled(Path(tempfile.gettempdir()) / "mho-netlist-benchmark")
    neuron = reference_neuron()
    print("(a) the EKV reference netlist, one run")
    _, theirs = neuron.fastest()
    mine = timed(lambda: neuron.run(neuron.circuit), 5)
    print(f"    ngspice {theirs:.2f} s, mho {mine * 1e3:.0f} ms: {theirs / mine:.0f} times as fast")
    print(f"(b) the same, {args.samples} samples of threshold mismatch", flush=True)
    spread = mc.mismatch(neuron.circuit, current_factor=False)
    batch(neuron, mho.sample(neuron.circuit, *spread, n=args.samples, key=jax.random.key(1)), args, ASKED["b"])
    ring = level_one_ring()
    print(f"(c) a ring of seven inverters of level 1, {args.samples} samples of 5 mV in each threshold", flush=True)
    names = [n for n, e in ring.circuit.items() if isinstance(e, mc.LevelOne)]
    spread = [mho.normal(5e-3, of=lambda c, n=n: c[n].vto) for n in names]
    batch(ring, mho.sample(ring.circuit, *spread, n=args.samples, key=jax.random.key(2)), args, ASKED["c"])


if __name__ == "__main__":
    main()
