"""Philox2x32-7 under a battery: dieharder (or PractRand, if installed) on its words, and tests of our own on top.

Philox2x32-7 is published to pass TestU01's BigCrush (Salmon et al., SC 2011, Table 2). What a battery here can add is
that *our* code makes that generator, and that the words stay random in the orders in which mho draws them: along the
counter, from stream to stream, and from key to key.

Run ``python benchmarks/random_battery.py`` for our own tests (a minute), ``--dieharder`` for a selection of dieharder's
(minutes; ``--all`` for all of them, hours), ``--stream counter`` to write raw words to standard output, for example
``python benchmarks/random_battery.py --stream key | RNG_test stdin32``. One p-value in a thousand is "weak" by chance.

Result (dieharder 3.31.1, the selection below, words along the counter of one key and stream; our own tests on 2^25
words): 63 p-values, none outside [1e-4, 1 - 1e-4]; their own distribution has p = 0.03, where those of one test depend
on one another. From stream to stream and from key to key our own tests alone: 20 p-values from 0.016 to 0.97 (their
own distribution: 0.38). dieharder's other tests, and its tests in those two orders, have not been run.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from mho.core import random

BLOCK = 1 << 20
ORDERS = ("counter", "stream", "key")
# dieharder's numbers: birthdays, ranks, monkey tests, count the ones, parking lot, spheres, squeeze, runs, craps,
# monobit, runs and serial (STS), bit distribution, minimum distance, permutations, lagged sums, DAB's.
SELECTION = (0, 2, 3, 8, 9, 10, 12, 13, 15, 16, 100, 101, 102, 202, 204, 205, 206, 207, 208, 209)
SUSPICIOUS = 1e-4


@jax.jit
def _along_the_counter(start):
    return random.philox(jnp.uint32(1), start + jnp.arange(BLOCK, dtype=jnp.uint32), jnp.uint32(7))


@jax.jit
def _from_stream_to_stream(start):
    return random.philox(jnp.uint32(1), jnp.uint32(7), start + jnp.arange(BLOCK, dtype=jnp.uint32))


@jax.jit
def _from_key_to_key(start):
    return random.philox(start + jnp.arange(BLOCK, dtype=jnp.uint32), jnp.uint32(7), jnp.uint32(3))


BLOCKS = dict(zip(ORDERS, (_along_the_counter, _from_stream_to_stream, _from_key_to_key), strict=True))


def words(order: str) -> Iterator[np.ndarray]:
    """Blocks of random words, both of every counter, in one of the three orders; 2^33 words, then they repeat."""
    start = 0
    while True:
        yield np.stack([np.asarray(x) for x in BLOCKS[order](jnp.uint32(start))], axis=1).ravel()
        start = (start + BLOCK) % 2**32


def stream(order: str) -> None:
    """Raw words to standard output, until the reader has had enough."""
    try:
        for block in words(order):
            sys.stdout.buffer.write(block.tobytes())
    except BrokenPipeError:
        sys.stderr.close()


def dieharder(order: str, tests: tuple[int, ...]) -> list[tuple[str, float]]:
    """Names and p-values of dieharder's tests on the words in one order."""
    found = []
    for test in tests:
        source = subprocess.Popen([sys.executable, __file__, "--stream", order], stdout=subprocess.PIPE)
        command = ["dieharder", "-g", "200", "-d", str(test), "-D", "test_name", "-D", "ntuple", "-D", "pvalues"]
        result = subprocess.run(command, stdin=source.stdout, capture_output=True, text=True, check=True)
        source.kill()
        source.wait()
        before = len(found)
        for line in result.stdout.splitlines():
            parts = line.split("|")
            if len(parts) >= 3:
                found.append((f"{parts[0].strip()} {parts[1].strip()}", float(parts[2])))
        print(f"{order:8s} {test:4d}  " + "  ".join(f"{name}: {p:.4f}" for name, p in found[before:][:4]), flush=True)
    return found


def own(order: str) -> list[tuple[str, float]]:
    """Bytes, serial correlation, birthday spacings and normals of 2^25 words in one order."""
    source = words(order)
    sample = np.concatenate([next(source) for _ in range(16)])
    counts = sum(np.bincount((sample >> s) & 0xFF, minlength=256) for s in (0, 8, 16, 24))
    found = [("bytes, chi-squared", stats.chisquare(counts).pvalue)]
    centred = sample.astype(np.float64) / 2.0**32 - 0.5
    for lag in (1, 2, 3, 64, BLOCK):
        r = np.mean(centred[lag:] * centred[:-lag]) * 12.0 * math.sqrt(sample.size - lag)
        found.append((f"serial correlation, lag {lag}", 2 * stats.norm.sf(abs(r))))
    for half in (0, 1):
        found.append((f"birthday spacings, word {half}", _birthdays(sample[half::2])))
    u = ((sample[0::2] >> 8) + 0.5) * 2.0**-24
    normals = np.concatenate(
        [np.asarray(x) for x in jax.jit(random.normal_pair)(jax.random.key(5), jnp.arange(1 << 22, dtype=jnp.uint32))]
    )
    found.append(("uniform, Kolmogorov-Smirnov", stats.kstest(u, "uniform").pvalue))
    found.append(("normal, Kolmogorov-Smirnov", stats.kstest(normals, "norm").pvalue))
    return found


def _birthdays(sample: np.ndarray) -> float:
    """4096 birthdays in a year of 2^32 days: repeated spacings are Poisson with mean 4 (Marsaglia), year after year."""
    years = sample[: sample.size // 4096 * 4096].reshape(-1, 4096)
    spacings = np.sort(np.diff(np.sort(years, axis=1), axis=1), axis=1)
    repeated = int(np.sum(spacings[:, 1:] == spacings[:, :-1]))
    mean = years.shape[0] * 4096**3 / (4 * 2.0**32)
    return float(2 * min(stats.poisson.cdf(repeated, mean), stats.poisson.sf(repeated - 1, mean)))


def main() -> None:
    """Run what was asked for, and say which p-values are suspicious."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stream", choices=ORDERS)
    parser.add_argument("--dieharder", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--order", choices=ORDERS, action="append")
    arguments = parser.parse_args()
    if arguments.stream:
        stream(arguments.stream)
        return
    found = []
    for order in arguments.order or ORDERS:
        for name, p in own(order):
            print(f"{order:8s} {name:34s} p = {p:.4f}", flush=True)
            found.append(p)
        if arguments.dieharder:
            if not shutil.which("dieharder"):
                sys.exit("dieharder is not installed (Debian: apt-get install dieharder)")
            tests = tuple(range(18)) + SELECTION[10:] if arguments.all else SELECTION
            found += [p for _, p in dieharder(order, tests)]
    suspicious = [p for p in found if not SUSPICIOUS < p < 1 - SUSPICIOUS]
    print(f"{len(found)} p-values, {len(suspicious)} outside [{SUSPICIOUS}, {1 - SUSPICIOUS}]: {suspicious}")
    print(f"their own distribution: Kolmogorov-Smirnov p = {stats.kstest(found, 'uniform').pvalue:.3f}")


if __name__ == "__main__":
    main()
