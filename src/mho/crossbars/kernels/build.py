"""Building the kernel where a compiler is: asked for, never at import, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from mho.core.errors import MhoError
from mho.core.processor import cache_folder, processor

SOURCE = Path(__file__).with_name("crossbar.cc")
HEADER = Path(__file__).with_name("memory.h")
# For the machine that builds and runs it: the file's name holds the kind of processor. Sums may be reordered, so that
# they run in vectors; numbers that are not finite stay what they are.
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared", "-fassociative-math", "-fno-signed-zeros")
FLAGS += ("-fno-trapping-math", "-ffp-contract=fast")


class KernelError(MhoError):
    """The kernel cannot be built or loaded; everything works without it, in JAX."""


def place() -> Path | None:
    """Where the kernel is kept for this source, this JAX and this processor; None where no folder can be written."""
    from importlib.metadata import version

    text = SOURCE.read_bytes() + HEADER.read_bytes() + " ".join(FLAGS).encode() + version("jaxlib").encode()
    folder = cache_folder(f"kernels-{processor()}")
    return folder / f"crossbar-{hashlib.sha256(text).hexdigest()[:16]}.so" if folder else None


def build(*, compiler: str | None = None) -> Path:
    """Build the kernel, if it is not built already.

    Args:
        compiler: A C++ compiler; $CXX, g++ or clang++ if not given.

    Returns:
        The file.

    Raises:
        KernelError: If there is no compiler or no folder to write to, or the compiler fails.
    """
    target = place()
    if target is None:
        raise KernelError("The kernel cannot be kept: the cache folder cannot be written. Set XDG_CACHE_HOME to one.")
    if target.exists():
        return target
    program = compiler or os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if program is None:
        raise KernelError("There is no C++ compiler (g++ or clang++). Install one, or stay with the solver in JAX.")
    import jax

    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    command = [program, *FLAGS, f"-I{jax.ffi.include_dir()}", str(SOURCE), "-o", str(part)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KernelError(f"{program} could not build the kernel: {done.stderr.strip()[:2000]}")
        part.replace(target)
    except OSError as error:
        raise KernelError(f"{program} could not be run: {error}. Name another compiler by CXX.") from error
    finally:
        part.unlink(missing_ok=True)
    return target
