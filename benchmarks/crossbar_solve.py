"""What solving an array costs: ours in JAX and compiled, badcrossbar, and SciPy's sparse LU, in one run.

Run ``python benchmarks/crossbar_solve.py [SIZE ...]``; `make kernels` first for the compiled solver. Resistances are
log-uniform in 1 kohm to 1 Mohm, segments have 2 ohm, one right-hand side, tolerance 1e-10. Times are of the processor,
the best of some, without compiling. Peak memory is that of a process of its own, less that of an empty one.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SEGMENT = 2.0
SIZES = (64, 128, 256, 512, 1024)
LARGEST = {"badcrossbar": 256, "SciPy splu": 512}


def problem(n: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(n)
    return np.exp(draw.uniform(np.log(1e3), np.log(1e6), (n, n))), draw.uniform(0.0, 1.0, n)


def ours(engine: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    from mho.crossbars import Wires, driven, solve

    wires = Wires(SEGMENT, SEGMENT)

    def run(r: np.ndarray, v: np.ndarray) -> np.ndarray:
        return solve(1.0 / r, driven(v, len(v)), wires, engine=engine).i_bottom

    return run


def badcrossbar(r: np.ndarray, v: np.ndarray) -> np.ndarray:
    import badcrossbar as peer

    logging.disable(logging.INFO)
    return peer.compute(v[:, None], r, SEGMENT).currents.output[0]


def splu(r: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The nodal matrix assembled by arrays, and one sparse LU with the ordering for symmetric patterns."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import splu

    n, g, w = len(v), (1.0 / r).ravel(), 1.0 / SEGMENT
    index = np.arange(n * n).reshape(n, n)
    a = np.concatenate([index[:, :-1].ravel(), n * n + index[:-1].ravel(), index.ravel()])
    b = np.concatenate([index[:, 1:].ravel(), n * n + index[1:].ravel(), n * n + index.ravel()])
    c = np.concatenate([np.full(2 * n * (n - 1), w), g])
    off = sp.coo_matrix((-c, (a, b)), shape=(2 * n * n,) * 2)
    diagonal = np.bincount(np.concatenate([a, b]), np.concatenate([c, c]), 2 * n * n)
    diagonal[index[:, 0]] += w
    diagonal[n * n + index[-1]] += w
    f = np.zeros(2 * n * n)
    f[index[:, 0]] = w * v
    factors = splu(
        (off + off.T + sp.diags(diagonal)).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
    return w * factors.solve(f)[n * n + index[-1]]


SOLVERS: dict[str, Callable[[], Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "mho, compiled": lambda: ours("kernel"),
    "mho, JAX": lambda: ours("jax"),
    "badcrossbar": lambda: badcrossbar,
    "SciPy splu": lambda: splu,
}


def time_compiled_256() -> None:
    ours("kernel")(*problem(256))


def time_jax_256() -> None:
    ours("jax")(*problem(256))


def one(name: str, n: int) -> dict[str, Any]:
    """Best processor time [ms], peak memory [MB] and the currents' digest, in this process."""
    r, v = problem(n)
    work = SOLVERS[name]()
    if name.startswith("mho"):
        work(*problem(8))  # what JAX itself takes is no cost of the array
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    currents = work(r, v)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    best, spent = np.inf, 0.0
    while spent < 3.0:
        start = time.process_time()
        work(r, v)
        took = time.process_time() - start
        best, spent = min(best, took), spent + took
    return {"ms": best * 1e3, "mb": peak / 1024.0, "currents": np.asarray(currents).tolist()}


def main(sizes: list[int]) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'cells':>12s}  {'solver':16s}{'ms':>10s}{'MB':>8s}{'error':>10s}{'times mho, JAX':>16s}{'compiled':>10s}")
    for n in sizes:
        found = {}
        for name in SOLVERS:
            if n <= LARGEST.get(name, 10**9):
                command = [sys.executable, __file__, "--one", name, str(n)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[name] = json.loads(done.stdout.splitlines()[-1])
        judge = np.asarray(found.get("SciPy splu", found["mho, JAX"])["currents"])
        for name, got in found.items():
            error = np.abs(np.asarray(got["currents"]) / judge - 1.0).max()
            ratios = [got["ms"] / found[mine]["ms"] for mine in ("mho, JAX", "mho, compiled")]
            print(
                f"{n:>5d} x {n:<5d} {name:16s}{got['ms']:10.3f}{got['mb']:8.0f}{error:10.1e}"
                f"{ratios[0]:16.1f}{ratios[1]:10.1f}",
                flush=True,
            )


if __name__ == "__main__":
    os.environ.update(NPROC="1", OMP_NUM_THREADS="1")
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]))))
    else:
        main([int(x) for x in sys.argv[1:]] or list(SIZES))
