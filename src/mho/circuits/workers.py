"""Worker processes that integrate circuits with one thread each: a thread pool costs small programs a factor of 3."""

from __future__ import annotations

import os
import pickle
import selectors
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mho.core.errors import InputError, SolverError

_PATIENCE = 5.0  # [s] that an idle worker may take to end


class Workers:
    """Processes that keep their compiled programs between calls. Use as a context, or call :meth:`close`.

    Each is pinned to one core where the system allows it, and told to use one thread and the widest vectors; this
    process's own settings stay as they are.

    Args:
        count: Number of processes.

    Raises:
        InputError: If `count` is below 1.
    """

    def __init__(self, count: int = 2):
        if count < 1:
            raise InputError(f"The number of workers is {count}; it must be at least 1.")
        self.count = count
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._processes = [_start(cores[k % len(cores)] if cores else None) for k in range(count)]

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; one that is still busy after a failure elsewhere is not waited for."""
        for p in self._processes:
            if p.stdin is not None:
                p.stdin.close()
        for p in self._processes:
            try:
                p.wait(_PATIENCE)
            except subprocess.TimeoutExpired:  # it computes, or waits for a reader of its answer: nobody will come
                p.kill()
                p.wait()
            if p.stdout is not None:
                p.stdout.close()
        self._processes = []

    def map(
        self,
        jobs: Sequence[tuple[Callable[..., Any], tuple, dict]],
        total: int,
        progress: Callable[[int, int], None] | None,
    ) -> list[Any]:
        """Results of `jobs` (a function of a module, its arguments, keywords) in their order.

        A process that is done takes the next job. The functions are called with `progress=`.

        Raises:
            SolverError: If a worker dies.
            Exception: Whatever a function raised in a worker.
        """
        waiting = list(range(len(jobs)))[::-1]
        done, results, busy = [0] * len(jobs), [None] * len(jobs), {}
        failure: Exception | None = None

        def feed(p: subprocess.Popen) -> None:
            busy[p] = waiting.pop()
            send(_Whole(p.stdin), (*jobs[busy[p]], progress is not None))

        with selectors.DefaultSelector() as ready:
            for p in self._processes[: len(jobs)]:
                feed(p)
                ready.register(p.stdout, selectors.EVENT_READ, p)  # type: ignore[arg-type]
            while ready.get_map():
                for key, _ in ready.select():
                    p = key.data
                    kind, value = _answer(p)
                    if kind == "progress":
                        done[busy[p]] = value
                        if progress is not None:
                            progress(sum(done), total)
                        continue
                    if kind == "error":
                        failure = value
                    else:
                        results[busy[p]] = value
                    if waiting and failure is None:
                        feed(p)
                    else:
                        ready.unregister(p.stdout)
        if failure is not None:
            raise failure
        return results


def _start(core: int | None) -> subprocess.Popen:
    environment = dict(os.environ)
    flags = environment.get("XLA_FLAGS", "")
    if _has_wide_vectors() and "vector_width" not in flags:
        flags = f"{flags} --xla_cpu_prefer_vector_width=512".strip()
    environment |= {"NPROC": "1", "OMP_NUM_THREADS": "1", "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "mho.circuits.worker", *([] if core is None else [str(core)])]
    # Unbuffered reading, so that waiting on the pipe never misses a message that a buffer already holds.
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0)


class _Whole:
    """An unbuffered stream whose write takes everything."""

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while len(view):
            view = view[self._stream.write(view) :]

    def flush(self) -> None:
        """Nothing is held back."""


def send(stream: Any, message: Any) -> None:
    """Write one message: its length in eight bytes, then itself."""
    payload = pickle.dumps(message)
    stream.write(len(payload).to_bytes(8, "little") + payload)
    stream.flush()


def receive(stream: Any) -> Any:
    """Read one message.

    Raises:
        EOFError: If the stream ends before it.
    """
    return pickle.loads(_exactly(stream, int.from_bytes(_exactly(stream, 8), "little")))


def _exactly(stream: Any, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        more = stream.read(count - len(data))  # a pipe returns what it has, not what was asked for
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def _answer(process: subprocess.Popen) -> tuple[str, Any]:
    try:
        return receive(process.stdout)
    except EOFError as error:
        code = process.wait()
        raise SolverError(
            f"A worker process ended with code {code} before it was done; see its messages above."
        ) from error


def _has_wide_vectors() -> bool:
    """Whether the processor has 512-bit vectors (Linux tells)."""
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
