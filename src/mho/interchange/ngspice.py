"""Runs the ngspice program on a netlist and reads its result: the outside judge of mho's circuits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mho.circuits import Crossing
from mho.core.errors import InputError, SolverError
from mho.interchange.spice_text import SpiceText


@dataclass(frozen=True)
class NgspiceRun:
    """Waveforms from ngspice, under mho's names where the netlist came from a circuit.

    Args:
        times: Time points [s].
        vectors: Voltages by node and currents by source, `i(<source>)` [V, A].
        seconds: Processor time that ngspice took [s].
    """

    times: np.ndarray
    vectors: Mapping[str, np.ndarray]
    seconds: float

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.vectors:
            raise InputError(
                f"ngspice wrote no {name!r}; it wrote {', '.join(self.vectors)}. Add it to the netlist's save."
            )
        return self.vectors[name]

    def at(self, name: str, t: np.ndarray) -> np.ndarray:
        """A vector at other times, by linear interpolation."""
        return np.interp(t, self.times, self[name])

    def crossings(self, crossing: Crossing) -> np.ndarray:
        """Times at which a node passes a threshold, by linear interpolation [s]."""
        sign = 1.0 if crossing.rising else -1.0
        y = sign * (self[crossing.node] - float(crossing.threshold))
        before = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0) & (self.times[:-1] >= crossing.after))
        step = self.times[before + 1] - self.times[before]
        return self.times[before] - y[before] * step / (y[before + 1] - y[before])

    def energy(self, *supplies: tuple[str, float]) -> np.ndarray:
        """Energy that constant voltage sources (name, voltage [V]) delivered up to each time point [J]."""
        power = -sum((self[f"i({name})"] * volts for name, volts in supplies), np.zeros_like(self.times))
        return np.concatenate([[0.0], np.cumsum(0.5 * (power[1:] + power[:-1]) * np.diff(self.times))])


def run_ngspice(
    netlist: SpiceText | str | Path, *, program: str | None = None, timeout: float = 600.0, stop: float | None = None
) -> NgspiceRun:
    """Run a netlist in a separate ngspice process.

    Args:
        netlist: Text written from a circuit, or the path of a netlist file (its includes are found beside it).
        program: The ngspice program; the one on the path if None.
        timeout: Wall time after which it is given up [s].
        stop: Time that must be reached; that of the text written from a circuit if None [s].

    Raises:
        SolverError: If ngspice is missing, fails, takes too long, or writes no points or too few.
    """
    found = program or shutil.which("ngspice")
    if found is None:
        raise SolverError("ngspice is not installed. Debian: apt-get install ngspice; or give its path.")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "result.raw"
        if isinstance(netlist, SpiceText):
            deck = Path(folder) / "circuit.cir"
            deck.write_text(netlist.text, encoding="utf-8")
            stop = netlist.stop if stop is None else stop
        else:
            deck = Path(netlist)
        reads = (
            ["-D", f"ngbehavior={netlist.behaviour}"] if isinstance(netlist, SpiceText) and netlist.behaviour else []
        )
        before = _processor_time()
        try:
            done = subprocess.run(
                [found, *reads, "-b", "-r", str(raw), deck.name],
                cwd=deck.parent,
                # One thread: its OpenMP loops spin, and cost five times the processor time they save.
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SolverError(
                f"ngspice did not end within {timeout:.0f} s. Loosen reltol or shorten the run."
            ) from error
        seconds = _processor_time() - before
        said = (done.stderr + done.stdout)[-2000:].strip()
        if not raw.is_file():
            raise SolverError(f"ngspice ended with code {done.returncode} and wrote no result. It said:\n{said}")
        vectors = read_raw(raw, said)
    times = vectors.pop("time")
    if stop is not None and times[-1] < stop * (1 - 1e-6):
        raise SolverError(f"ngspice stopped at {times[-1]:.6g} s of {stop:.6g} s. It said:\n{said}")
    named = netlist.named(vectors) if isinstance(netlist, SpiceText) else _plain(vectors)
    return NgspiceRun(times, named, seconds)


def _processor_time() -> float:
    """Processor time of all ended child processes, to the microsecond; the clock where the system counts none [s]."""
    if sys.platform == "win32":
        return time.perf_counter()
    import resource

    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def read_raw(path: Path, said: str = "") -> dict[str, np.ndarray]:
    """Vectors of a binary raw file by name; of small signals complex, the frequency too.

    Raises:
        SolverError: If the file holds no point: an empty result is a failure, never a quiet circuit.
    """
    head, mark, body = path.read_bytes().partition(b"Binary:\n")
    fields = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in head.decode("latin-1").splitlines())}
    points = int(fields.get("No. Points", "0") or 0)
    if not mark or points == 0:
        raise SolverError(
            f"ngspice wrote an empty result ({points} points): it did not converge, at the start or on the way. "
            f"It said:\n{said}"
        )
    variables = head.decode("latin-1").partition("Variables:\n")[2].splitlines()
    names = [line.split()[1].lower() for line in variables if line.strip()]
    kind = np.complex128 if "complex" in fields.get("Flags", "") else np.float64
    table = np.frombuffer(body, kind, count=points * len(names)).reshape(points, len(names))
    return {name: table[:, k].copy() for k, name in enumerate(names)}


def _plain(vectors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Vectors of a foreign netlist: `v(mem)` becomes `mem`, `i(vn)` stays."""
    return {(name[2:-1] if name.startswith("v(") else name): x for name, x in vectors.items()}
