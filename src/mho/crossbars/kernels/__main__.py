"""Build the kernel: ``python -m mho.crossbars.kernels``."""

from __future__ import annotations

import sys

from mho.crossbars.kernels.build import KernelError, build

if __name__ == "__main__":
    try:
        print(build())
    except KernelError as error:
        print(f"mho: {error}", file=sys.stderr)
        sys.exit(2)
