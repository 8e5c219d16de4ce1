"""The compiled solver, where one was built: ``python -m mho.crossbars.kernels``. Everything works without it."""

from mho.crossbars.kernels.build import KernelError as KernelError
from mho.crossbars.kernels.build import build as build
from mho.crossbars.kernels.native import available as available
from mho.crossbars.kernels.native import call as call
from mho.crossbars.kernels.native import usable as usable
