"""What the program sets in its own environment before JAX is loaded. The library never does.

Every setting is a default: what the caller has set stays.
"""

from __future__ import annotations

import os
import sys

from mho.core.processor import cache_folder, processor, processor_flags

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
    if "avx512f" in processor_flags() and "prefer_vector_width" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_WIDE}".strip()
    folder = cache_folder(f"compiled-{processor()}")
    if folder is not None:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
