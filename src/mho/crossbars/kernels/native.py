"""The kernel inside JAX: found, loaded once, and called through XLA's foreign function interface."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.native import in_jax, register
from mho.crossbars.kernels.build import build, place
from mho.crossbars.mesh import Effort, Fields, Mesh, Tolerance

_TARGET = "mho_crossbar"


@functools.cache
def _kept() -> str | None:
    where = place()
    return str(where) if where is not None and where.exists() else None


def available() -> bool:
    """Whether the kernel was built for this machine (see :func:`mho.crossbars.kernels.build`)."""
    return _kept() is not None


def usable(engine: str) -> bool:
    """Whether an engine asked for by name is the kernel: ``auto`` is where it was built, ``kernel`` builds it.

    Raises:
        InputError: If there is no such engine.
        KernelError: If the kernel is asked for and cannot be had.
    """
    if in_jax(engine) or (engine == "auto" and _kept() is None):
        return False
    if _kept() is None:
        build()
        _kept.cache_clear()
    return register(str(_kept()), "MhoCrossbar", _TARGET)


def call(mesh: Mesh, currents: Fields, tolerance: Tolerance) -> tuple[Fields, Effort]:
    """Voltages of one array at injected currents: what :func:`mho.crossbars.mesh.symmetric` gives."""
    batched = currents[0].ndim == 3
    into = [jnp.moveaxis(x, -1, 0) if batched else x for x in currents]
    shape = into[0].shape[:-2]
    rows, columns = mesh.planes
    results = (
        jax.ShapeDtypeStruct(into[0].shape, jnp.float64),
        jax.ShapeDtypeStruct(into[1].shape, jnp.float64),
        jax.ShapeDtypeStruct(shape, jnp.int32),
        jax.ShapeDtypeStruct(shape, jnp.float64),
    )
    solver = jax.ffi.ffi_call(_TARGET, results, vmap_method="sequential")
    v_rows, v_columns, iterations, residual = solver(
        mesh.even[0],
        jnp.stack([rows.r, columns.r]),
        rows.start,
        rows.end,
        rows.pinned,
        columns.start,
        columns.end,
        columns.pinned,
        *into,
        jnp.asarray(tolerance.relative, jnp.float64).reshape(1),
        most=np.int64(tolerance.iterations),
    )
    v: Any = (v_rows, v_columns)
    return tuple(jnp.moveaxis(x, 0, -1) for x in v) if batched else v, Effort(iterations, residual)
