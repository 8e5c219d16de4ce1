"""The array solver's kernel: asked for, never built at import, kept in the user's cache folder."""

from __future__ import annotations

from pathlib import Path

from mho.core.native import FLAGS, Kernel
from mho.core.native import KernelError as KernelError

SOURCE = Path(__file__).with_name("crossbar.cc")
HEADER = Path(__file__).with_name("memory.h")
# Sums may be reordered, so that they run in vectors; numbers that are not finite stay what they are.
_REORDERED = ("-fassociative-math", "-fno-signed-zeros")


def _kernel() -> Kernel:
    return Kernel("crossbar", SOURCE.read_text(encoding="utf-8"), (HEADER,), (*FLAGS, *_REORDERED))


def place() -> Path | None:
    """Where the kernel is kept for this source, this JAX and this processor; None where no folder can be written."""
    return _kernel().place()


def build(*, compiler: str | None = None) -> Path:
    """Build the kernel, if it is not built already.

    Args:
        compiler: A C++ compiler; $CXX, g++ or clang++ if not given.

    Returns:
        The file.

    Raises:
        KernelError: If there is no compiler or no folder to write to, or the compiler fails.
    """
    return _kernel().build(compiler=compiler)
