"""What the program sets in its own environment before JAX is loaded. The library never does.

Every setting is a default: what the caller has set stays.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

_WIDE = "--xla_cpu_prefer_vector_width=512"


def prepare() -> None:
    """Set what makes mho's computations fast on this machine.

    * One thread for XLA and BLAS: mho's loops are long and narrow, and a second thread costs them up to three times;
      where two cores help, mho starts two processes.
    * 512-bit vectors on processors that have them.
    * JAX's compilation cache in the user's cache folder, so that a second run does not compile again. Without a folder
      that can be written, there is no cache and no complaint.
    """
    if "jax" in sys.modules:  # too late to change anything: a program that imports mho.cli has its own settings
        return
    os.environ.setdefault("NPROC", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA writes pages about cached programs otherwise
    flags = os.environ.get("XLA_FLAGS", "")
    if "avx512f" in _processor_flags() and "prefer_vector_width" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_WIDE}".strip()
    folder = _cache_folder()
    if folder is not None:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return set(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))


def processor() -> str:
    """A short name for this kind of processor: programs compiled on one kind do not travel to another."""
    return hashlib.sha256(" ".join(sorted(_processor_flags())).encode()).hexdigest()[:12]


def _cache_folder() -> Path | None:
    """A folder that can be written, one a kind of processor, or None."""
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = base / "mho" / f"compiled-{processor()}"
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (OSError, RuntimeError):  # RuntimeError: no home folder
        return None
    return folder
