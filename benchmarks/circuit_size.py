"""Time per Newton iteration and time to compile against a circuit's size, in both forms, and ngspice beside.

    python benchmarks/circuit_size.py [--sizes 3 10 30 100 300 500] [--lanes 1 64] [--ngspice]

Chains of inverters behind a step, of EKV transistors (behavioural sources in ngspice, which has no EKV) and of level 1
(built into ngspice). Processor times of one process, minima of three; compiling is a cold one. Unrolled programs are
measured up to `--unrolled` nodes. ngspice's time is that of its whole run over its iterations: of this engine it is
that of a whole second call, with all that Python prepares.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("NPROC", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax
import numpy as np

from mho.circuits import (
    DC,
    MOSFET,
    NMOS,
    PMOS,
    Capacitor,
    Circuit,
    Crossing,
    Detail,
    Form,
    LevelOne,
    Options,
    PulseWave,
    VoltageSource,
    operating_point,
    transient,
)
from mho.interchange import run_ngspice, spice_text

STOP = 3e-9


def chain(stages: int, *, square_law: bool, load: float = 5e-15) -> Circuit:
    """Inverters in a row behind a step."""
    step = PulseWave(0, 1, 0.2e-9, 50e-12, 50e-12, 20e-9, 40e-9)
    elements = {"supply": VoltageSource("vdd", "0", DC(1.0)), "drive": VoltageSource("n0", "0", step)}
    for k in range(1, stages + 1):
        a, b = f"n{k - 1}", f"n{k}"
        if square_law:
            elements[f"i{k}.n"] = LevelOne(b, "0", a, "0", 1, 1e-6, 0.2e-6, 0.35, 200e-6, 0.3, 0.7, 0.05)
            elements[f"i{k}.p"] = LevelOne(b, "vdd", a, "vdd", -1, 2e-6, 0.2e-6, -0.35, 80e-6, 0.3, 0.7, 0.08)
        else:
            elements[f"i{k}.n"] = MOSFET(b, a, "0", "0", 0.5e-6, 0.13e-6, NMOS)
            elements[f"i{k}.p"] = MOSFET(b, a, "vdd", "vdd", 1.2e-6, 0.13e-6, PMOS)
        elements[f"i{k}.c"] = Capacitor(b, "0", load)
    return Circuit(elements)


def population(circuit: Circuit, lanes: int) -> Circuit:
    """Samples whose loads differ by a percent, so that no two take the same steps."""
    if lanes == 1:
        return circuit
    loads = {
        name: Capacitor(e.a, e.b, float(e.c) * (1 + 0.01 * np.linspace(-1, 1, lanes)))
        for name, e in circuit.items()
        if isinstance(e, Capacitor)
    }
    return circuit.with_elements(loads)


def ours(circuit: Circuit, form: Form, node: str) -> tuple[float, float, int, float]:
    """Processor seconds of the first call, of a later one, iterations of all samples, and the crossing's time."""
    asked = {"crossings": (Crossing(node, 0.5),), "options": Options(ledger=Detail.SUPPLIES, form=form)}
    began = time.process_time()
    transient(circuit, STOP, **asked)
    first, later = time.process_time() - began, np.inf
    for _ in range(3):
        began = time.process_time()
        run = transient(circuit, STOP, **asked)
        later = min(later, time.process_time() - began)
    return first, later, int(np.sum(run.iterations)), float(run.crossings[0].times[0, 0])


def batch(stages: int = 12, samples: int = 1000) -> None:
    """A population of level-1 chains under many pulses, against ngspice's built-in level 1 at equal accuracy."""
    stop, node = 60e-9, "n8"
    pulses = PulseWave(0, 1, 0.2e-9, 50e-12, 50e-12, 1.9e-9, 4e-9)
    circuit = chain(stages, square_law=True).with_elements({"drive": VoltageSource("n0", "0", pulses)})
    crossings = (Crossing(node, 0.5),)

    def theirs(reltol: float, max_step: float) -> tuple[float, np.ndarray]:
        runs = [
            run_ngspice(spice_text(circuit, stop, save=(node,), reltol=reltol, max_step=max_step)) for _ in range(3)
        ]
        return min(r.seconds for r in runs), runs[0].crossings(crossings[0])

    _, exact = theirs(1e-6, 1e-12)
    print(f"level 1, {stages} stages, {samples} samples; error of the edges against ngspice at reltol 1e-6, 1 ps steps")
    for reltol, step in ((1e-3, 1e-9), (1e-3, 50e-12), (1e-4, 50e-12), (1e-4, 20e-12)):
        seconds, edges = theirs(reltol, step)
        error = np.max(np.abs(edges - exact)) if len(edges) == len(exact) else np.inf
        print(
            f"  ngspice, reltol {reltol:g}, steps to {step * 1e12:g} ps: {seconds * 1e3:6.1f} ms, {error * 1e12:.2f} ps"
        )
    drawn = population(circuit, samples)
    for tolerance in (1e-3, 5e-4):
        options = Options(ledger=Detail.SUPPLIES, tolerance=tolerance)
        single = transient(circuit, stop, crossings=crossings, options=options).crossings[0].times[0]
        seconds = np.inf
        for _ in range(3):
            began = time.process_time()
            transient(drawn, stop, crossings=crossings, options=options, lanes=250)
            seconds = min(seconds, time.process_time() - began)
        error = np.max(np.abs(single - exact))
        print(f"  ours, tolerance {tolerance:g}: {seconds / samples * 1e3:6.2f} ms a sample, {error * 1e12:.2f} ps")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--sizes", type=int, nargs="+", default=[4, 12, 36, 100, 300, 500])
    ask.add_argument("--lanes", type=int, nargs="+", default=[1, 64])
    ask.add_argument("--unrolled", type=int, default=36, help="largest unrolled circuit")
    ask.add_argument("--ngspice", action="store_true")
    ask.add_argument("--batch", action="store_true", help="the population of level-1 chains alone")
    args = ask.parse_args()
    if args.batch:
        batch()
        return
    print(f"jax {jax.__version__}, {os.cpu_count()} cores; {STOP * 1e9:g} ns of a chain of inverters")
    for square_law in (False, True):
        print("level 1" if square_law else "EKV")
        for stages in args.sizes:
            circuit, node = chain(stages, square_law=square_law), f"n{min(stages // 2 * 2, 8)}"
            for lanes in args.lanes:
                drawn = population(circuit, lanes)
                for form in Form:
                    if form is Form.UNROLLED and stages > args.unrolled:
                        continue
                    first, later, iterations, at = ours(drawn, form, node)
                    print(
                        f"  n {stages:4d}  lanes {lanes:4d}  {form.value:8s}  compiled {first - later:5.1f} s  run "
                        f"{later:7.3f} s  {later / iterations * 1e6:8.1f} us/iteration  edge {at * 1e9:.4f} ns",
                        flush=True,
                    )
            began = time.process_time()
            operating_point(circuit)
            first = time.process_time() - began
            began = time.process_time()
            operating_point(circuit)
            print(f"  n {stages:4d}  operating point {first:.1f} s, again {time.process_time() - began:.2f} s")
            if args.ngspice:
                text = spice_text(circuit, STOP, save=(node,), reltol=1e-3, max_step=STOP / 20)
                theirs = run_ngspice(text)
                at = theirs.crossings(Crossing(node, 0.5))[0]
                print(
                    f"  n {stages:4d}  ngspice, reltol 1e-3: {theirs.seconds:7.3f} s  edge {at * 1e9:.4f} ns",
                    flush=True,
                )


if __name__ == "__main__":
    main()
