"""A chip built again from its snapshot: the structure from plain values, the numbers from the arrays."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ChipError
from mho.crossbars.checksum import Checksum
from mho.crossbars.device_array import Array
from mho.crossbars.ledger import Ledger
from mho.crossbars.mapping import Grid
from mho.crossbars.matrix import Matrix
from mho.crossbars.product import Product
from mho.crossbars.response import Response
from mho.crossbars.snapshot import Snapshot, put
from mho.crossbars.tile import Tile


def head_of(chip: Any) -> dict[str, Any]:
    """Plain values from which `from_snapshot` builds the structure."""
    matrices = {}
    for name, m in chip.matrices.items():
        response = m.product.response
        matrices[name] = {
            "grid": dataclasses.asdict(m.grid),
            "window": list(m.window),
            "shape": list(m.array.shape),
            "basis": response.basis,
            "bend": response.bend,
            "noisy": response.variance is not None,
            "input_range": m.product.input_range is not None,
            "clipped": m.clipped,
        }
    return {"matrices": matrices, "references": sorted(chip.references), "design": design_of(chip.tile)}


def design_of(tile: Tile) -> str:
    """What must be the same for a snapshot to fit: the kinds of parts and the size."""
    parts = (tile.device, getattr(tile.device, "bare", None), tile.encoding, tile.inputs, tile.adc)
    names = "/".join(type(p).__name__ for p in parts if p is not None)
    return f"{tile.rows}x{tile.columns} {names} of {tile.encoding.cells} cells, {tile.adc.bits} b"


def from_snapshot(tile: Tile, snapshot: Snapshot) -> tuple[dict[str, Matrix], dict[str, Any], Ledger, Any]:
    """Matrices, references, ledger and age.

    Raises:
        ChipError: If the snapshot is of another design.
    """
    if snapshot.head.get("design") != design_of(tile):
        raise ChipError(
            f"The snapshot is of tiles of {snapshot.head.get('design')}, and this chip has {design_of(tile)}. Restore "
            "it to a chip of its own design."
        )
    matrices = {name: _matrix(tile, about) for name, about in snapshot.head["matrices"].items()}
    nothing = jnp.zeros(())
    references = dict.fromkeys(snapshot.head["references"], (nothing, nothing))
    return put((matrices, references, Ledger.empty(), np.float64(0.0)), snapshot)


def _matrix(tile: Tile, about: dict[str, Any]) -> Matrix:
    """A matrix of the right structure; its numbers come from the snapshot."""
    cut, shape, window = Grid(**about["grid"]), tuple(about["shape"]), tuple(about["window"])
    zero, key = jnp.zeros(()), jax.random.key(0)
    array = Array.of(tile.device, shape, *tile.spreads, key=key, correlation=tile.correlation, faults=tile.faults)
    array = eqx.tree_at(lambda a: a.state, array, _state_of(tile.device))
    variance = zero if about["noisy"] else None
    response = Response(about["basis"], zero, variance, zero, about["bend"])
    checks = tile.checks
    if checks is not None:
        checks = Checksum(checks.words, checks.threshold, zero)
    ranged = zero if about["input_range"] else None
    made = tile.adc.made(1, key=key)
    product = Product(
        cut, tile.encoding, tile.inputs, made, response, zero, zero, zero, zero, zero, zero, zero, ranged, checks
    )
    return Matrix(tile, window, array, zero, zero, zero, zero, product, about["clipped"])


def _state_of(device: Any) -> Any:
    """A state of the right structure."""
    return jax.tree.map(lambda x: jnp.zeros((), jnp.result_type(x)), device.rest())
