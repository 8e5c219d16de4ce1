"""Speed of the transient engine against ngspice at equal accuracy, on the reference neuron.

    python benchmarks/transient_against_ngspice.py [--instances 1000] [--sampled 4]

Population: threshold mismatch of 3.5 mV um in all 16 transistors (their current factors equal), 70 us, eight spikes.
"Equal accuracy" is the fastest ngspice setting whose inter-spike intervals are within 1e-3 (to two digits) of its own
run at reltol 1e-6. ngspice is run on a few instances, two at a time, and scaled to all of them; ours is run on all, in
two worker processes, compiled beforehand (the compile time is printed apart).
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np

import mho
from mho.circuits import Detail, Options, Workers, mismatch, monte_carlo, transient
from mho.circuits.monte_carlo import part
from mho.interchange import run_ngspice, spice_text

sys.path.insert(0, str(Path(__file__).parent))
from reference_lif import CROSSINGS, STOP, reference_lif


def ngspice(circuit, reltol, max_step):
    return run_ngspice(spice_text(circuit, STOP, save=("spk",), reltol=reltol, max_step=max_step))


def interval_error(times, reference):
    if len(times) != len(reference):
        return np.inf
    return float(np.max(np.abs(np.diff(times) / np.diff(reference) - 1)))


def fastest_accurate(circuit):
    """Loosest ngspice setting that holds intervals to 1e-3, its processor time, and the reference spike times."""
    reference = ngspice(circuit, 1e-6, 10e-9).crossings(CROSSINGS[0])
    print("ngspice on the nominal neuron (one process):")
    chosen = None
    for reltol in (1e-5, 1e-4, 3e-4, 1e-3):
        began = time.perf_counter()
        run = ngspice(circuit, reltol, 100e-9)
        wall = time.perf_counter() - began
        error = interval_error(run.crossings(CROSSINGS[0]), reference)
        print(f"  reltol {reltol:7.0e}: {run.seconds:6.2f} s processor, {wall:6.2f} s wall, interval error {error:.1e}")
        if error <= 1.05e-3 and (chosen is None or wall < chosen[1]):
            chosen = (reltol, wall)
    if chosen is None:
        raise SystemExit("No ngspice setting reaches 1e-3.")
    print(f"  taken: reltol {chosen[0]:.0e}")
    return chosen[0], chosen[1], reference


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--instances", type=int, default=1000)
    ask.add_argument("--sampled", type=int, default=4, help="instances that ngspice runs, to be scaled")
    args = ask.parse_args()
    circuit = reference_lif()
    reltol, wall_one, reference = fastest_accurate(circuit)

    options = Options(ledger=Detail.SUPPLIES)
    first = transient(circuit, STOP, crossings=CROSSINGS, options=options)
    singles = [transient(circuit, STOP, crossings=CROSSINGS, options=options).seconds for _ in range(5)]
    error = interval_error(first.crossings[0].times[0], reference)
    one = min(singles)
    print(
        f"ours, one instance: {one * 1e3:.0f} ms, interval error {error:.1e}; compiled in {first.compile_seconds:.1f} s"
    )
    print(f"  one instance: {wall_one / one:.0f} times faster than ngspice")

    spreads = mismatch(circuit, current_factor=False)
    population = mho.sample(circuit, *spreads, n=args.instances, key=jax.random.key(1))
    samples = [
        jax.tree.map(lambda x: x[0] if np.ndim(x) else x, part(population, k, k + 1)) for k in range(args.sampled)
    ]
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:  # each thread waits for an ngspice process of its own
        judged = list(pool.map(lambda c: ngspice(c, reltol, 100e-9), samples))
    theirs = (time.perf_counter() - began) * args.instances / args.sampled
    print(f"ngspice, {args.instances} instances in two processes: {theirs:.0f} s (scaled from {args.sampled})")

    with Workers(2) as workers:
        walls = []
        for k in range(4):
            began = time.perf_counter()
            run = monte_carlo(population, STOP, crossings=CROSSINGS, options=options, workers=workers)
            walls.append(time.perf_counter() - began)
            if k == 0:
                print(f"ours, first call: {walls[0]:.1f} s, of which {run.compile_seconds:.1f} s compiling")
    ours = min(walls[1:])
    agreement = [interval_error(run.crossings[0].times[k][:8], j.crossings(CROSSINGS[0])) for k, j in enumerate(judged)]
    counts = np.bincount(run.crossings[0].count)
    print(
        f"ours, {args.instances} instances in two processes: {', '.join(f'{w:.2f}' for w in walls[1:])} s; "
        f"failures {run.failures or 'none'}; spikes {dict(enumerate(counts.tolist()))}"
    )
    print(f"  intervals against ngspice, sampled instances: {max(agreement):.1e}")
    print(f"  {args.instances} instances: {theirs / ours:.0f} times faster than ngspice (asked: 150)")


if __name__ == "__main__":
    main()
